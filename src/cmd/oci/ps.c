#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/oci/verb.h"

struct ps_values {
	const char *format;
};

static const struct option options[] = {
	{ "format", 'f', OPTION_TEXT, offsetof(struct ps_values, format), "table|json",
	  "form of the list" },
	{ 0 },
};

static void ps_json(const pid_t *pids, uint32_t count, struct text *out)
{
	text_append(out, "[");
	for (uint32_t i = 0; i < count; i++)
		text_printf(out, "%s%d", i ? "," : "", pids[i]);
	text_append(out, "]\n");
}

static bool has_pid(const pid_t *pids, uint32_t count, long pid)
{
	for (uint32_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* In which column of ps's heading is PID? Return: index from 0, or -1. */
static int pid_column(const char *heading)
{
	int column = 0;

	for (const char *word = heading + strspn(heading, " "); *word && *word != '\n'; column++) {
		size_t length = strcspn(word, " \n");

		if (length == 3 && !strncmp(word, "PID", 3))
			return column;
		word += length;
		word += strspn(word, " ");
	}
	return -1;
}

static long number_in_column(const char *line, int column)
{
	line += strspn(line, " ");
	for (; column > 0; column--) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return strtol(line, NULL, 10);
}

/* ps(1) of the host knows every form that people ask for: its lines, less those of others. */
static int ps_filter(FILE *lines, const pid_t *pids, uint32_t count, struct text *out, struct err *e)
{
	own_mem char *line = NULL;
	size_t bytes = 0;
	int column = -1;

	while (getline(&line, &bytes, lines) > 0) {
		if (column < 0) {
			column = pid_column(line);
			if (column < 0)
				return err_set(e, EINVAL, "ps: its heading has no column PID");
			text_append(out, line);
		} else if (has_pid(pids, count, number_in_column(line, column))) {
			text_append(out, line);
		}
	}
	return 0;
}

static int ps_table(const pid_t *pids, uint32_t count, char **words, struct text *out,
		    struct err *e)
{
	static char ps[] = "ps", all[] = "-ef";
	char *const plain[] = { ps, all, NULL };
	own_file FILE *lines = NULL;
	int ends[2], status, r;
	pid_t pid;

	if (words[0]) { /* "ps ID -e -o pid,args": the words are ps's own */
		words[-1] = ps;
		words--;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe from ps");
	pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0)
			(void)execvp(ps, words[0] ? words : plain);
		_exit(127);
	}
	(void)fd_close(ends[1]);
	lines = fdopen(ends[0], "r");
	if (pid < 0 || !lines)
		return err_sys(e, "run ps");
	r = ps_filter(lines, pids, count, out, e);
	(void)waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, ENOENT, "ps: the program 'ps' is not there: try --format json");
	return r;
}

static int ps_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct ps_values values = { .format = "table" };
	own_arena struct arena arena = { 0 };
	own_text struct text out = { 0 };
	uint32_t count;
	pid_t *pids;
	int words, r;

	words = r = verb_read(verb, &values, argc, argv, 1, -1, e);
	if (r >= 0 && strcmp(values.format, "table") != 0 && strcmp(values.format, "json") != 0)
		r = err_set(e, EINVAL, "ps: unknown format '%s': want table or json",
			    values.format);
	if (r >= 0)
		r = arena_init(&arena, e);
	if (r >= 0)
		r = runtime_pids(&oci->rt, argv[0], &arena, &pids, &count, e);
	if (r < 0)
		return r;
	argv[words] = NULL;
	if (!strcmp(values.format, "json"))
		ps_json(pids, count, &out);
	else
		r = ps_table(pids, count, argv + 1, &out, e);
	return r < 0 ? r : verb_print(&out, e);
}

const struct verb verb_ps = {
	.name = "ps",
	.words = "ID [PS-OPTION...]",
	.summary = "list the processes of a container",
	.options = options,
	.order = OPTIONS_FIRST,
	.run = ps_run,
};
