/*
 * Starts programs one against another and measures each start.
 *
 *     measure [-r ROUNDS] [-n COUNT] [-j JOBS] < commands
 *
 * Each line of standard input is a name, a tab, and a command (words separated by spaces, no quoting;
 * the program by its full path). In each of ROUNDS rounds every command in turn is started COUNT
 * times, JOBS at once, so that all of them meet the same weather. In the words, %i becomes a number that no
 * other start has, and %j the number of the job, 0 to JOBS - 1.
 *
 * Prints for each command, separated by tabs: name, starts, failures, wall time of one start in ms as median,
 * p10, p90 and maximum, CPU time in ms as median and mean, peak memory in KiB as median, and starts
 * per second of wall time.
 *
 * CPU and memory are those of the program and all its descendants that were waited for. This program
 * stays small and starts others by vfork, because a new program's peak memory begins at what its parent
 * had in use at exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 32
#define WORDS_MAX 32
#define WORD_BYTES 256
#define JOBS_MAX 64

struct sample {
	float wall_ms;
	float cpu_ms;
	float peak_kib;
};

struct command {
	char *name;
	char *words[WORDS_MAX];
	size_t word_count;
	struct sample *samples;
	size_t starts;
	size_t failures;
	double busy_ms; /* wall time of all its rounds */
};

struct job {
	pid_t pid; /* 0: free */
	double start_ms;
};

static long rounds = 5;
static long each = 40;
static long job_count = 1;
static unsigned long serial;

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double tv_ms(const struct timeval *t)
{
	return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

/* Copies @word into @out with %i and %j filled in. */
static void word_expand(char out[WORD_BYTES], const char *word, unsigned long number, long job)
{
	size_t used = 0;

	for (; *word && used + 24 < WORD_BYTES; word++) {
		if (word[0] == '%' && (word[1] == 'i' || word[1] == 'j')) {
			word++;
			used += (size_t)snprintf(out + used, WORD_BYTES - used, "%lu",
						 *word == 'i' ? number : (unsigned long)job);
		} else {
			out[used++] = *word;
		}
	}
	out[used] = '\0';
}

static void job_start(struct job *job, const struct command *command, long number)
{
	static char words[WORDS_MAX][WORD_BYTES];
	char *args[WORDS_MAX + 1] = { NULL };
	pid_t pid;

	serial++;
	for (size_t i = 0; i < command->word_count; i++) {
		word_expand(words[i], command->words[i], serial, number);
		args[i] = words[i];
	}
	job->start_ms = now_ms();
	pid = vfork();
	if (pid == 0) {
		(void)execv(args[0], args);
		_exit(127);
	}
	if (pid < 0)
		die("vfork");
	job->pid = pid;
}

static void job_reap(struct job *jobs, struct command *command)
{
	struct sample *sample = &command->samples[command->starts];
	struct rusage usage;
	int status;
	pid_t pid = wait4(-1, &status, 0, &usage);
	double end_ms = now_ms();

	if (pid < 0)
		die("wait4");
	for (long i = 0; i < job_count; i++) {
		if (jobs[i].pid != pid)
			continue;
		jobs[i].pid = 0;
		sample->wall_ms = (float)(end_ms - jobs[i].start_ms);
		sample->cpu_ms = (float)(tv_ms(&usage.ru_utime) + tv_ms(&usage.ru_stime));
		sample->peak_kib = (float)usage.ru_maxrss;
		command->starts++;
		command->failures += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
}

static void round_run(struct command *command)
{
	struct job jobs[JOBS_MAX] = { 0 };
	long running = 0, started = 0;
	double start_ms = now_ms();

	while (started < each || running > 0) {
		for (long i = 0; i < job_count && started < each; i++) {
			if (jobs[i].pid)
				continue;
			job_start(&jobs[i], command, i);
			started++;
			running++;
		}
		job_reap(jobs, command);
		running--;
	}
	command->busy_ms += now_ms() - start_ms;
}

static size_t commands_read(struct command *commands)
{
	char *line = NULL, *rest;
	size_t size = 0, count = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct command *command = &commands[count];
		char *name;

		line[strcspn(line, "\n")] = '\0';
		name = strtok_r(line, "\t", &rest);
		if (!name)
			continue;
		if (count == COMMANDS_MAX)
			die("too many commands");
		command->name = strdup(name);
		for (char *word; (word = strtok_r(NULL, " \t", &rest));) {
			if (command->word_count == WORDS_MAX || strlen(word) >= WORD_BYTES)
				die(name);
			command->words[command->word_count++] = strdup(word);
		}
		command->samples = calloc((size_t)(rounds * each), sizeof(*command->samples));
		if (!command->name || !command->samples || command->word_count == 0)
			die(name);
		count++;
	}
	free(line);
	return count;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void command_print(const struct command *command)
{
	size_t count = command->starts;
	float *wall = calloc(count, sizeof(*wall)), *cpu = calloc(count, sizeof(*cpu));
	float *peak = calloc(count, sizeof(*peak));
	double cpu_sum = 0;

	if (!wall || !cpu || !peak)
		die("calloc");
	for (size_t i = 0; i < count; i++) {
		wall[i] = command->samples[i].wall_ms;
		cpu[i] = command->samples[i].cpu_ms;
		peak[i] = command->samples[i].peak_kib;
		cpu_sum += (double)cpu[i];
	}
	qsort(wall, count, sizeof(*wall), by_size);
	qsort(cpu, count, sizeof(*cpu), by_size);
	qsort(peak, count, sizeof(*peak), by_size);
	printf("%s\t%zu\t%zu\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.0f\t%.1f\n", command->name,
	       count, command->failures, (double)wall[count / 2], (double)wall[count / 10],
	       (double)wall[count * 9 / 10], (double)wall[count - 1], (double)cpu[count / 2],
	       cpu_sum / (double)count, (double)peak[count / 2],
	       (double)count * 1e3 / command->busy_ms);
	free(wall);
	free(cpu);
	free(peak);
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	size_t count;
	int option;

	while ((option = getopt(argc, argv, "r:n:j:")) != -1) {
		long value = optarg ? atol(optarg) : 0;

		if (option == 'r')
			rounds = value;
		else if (option == 'n')
			each = value;
		else if (option == 'j')
			job_count = value;
		if (option == '?' || value < 1 || (option == 'j' && value > JOBS_MAX)) {
			fputs("usage: measure [-r ROUNDS] [-n COUNT] [-j JOBS] < commands\n",
			      stderr);
			return 2;
		}
	}
	count = commands_read(commands);
	for (long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++)
			round_run(&commands[i]);
	}
	for (size_t i = 0; i < count; i++)
		command_print(&commands[i]);
	return 0;
}
