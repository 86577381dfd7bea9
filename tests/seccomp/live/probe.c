/*
 * Runs in a container and tries system calls, one process each, without any library's help.
 *
 *	probe all            each number of x86_64, i386 and x32 with arguments of -1
 *	probe ABI NUMBER ARG... one call; hexadecimal or decimal
 *
 * Prints a line "ABI NUMBER RESULT" for each: a negative errno or what came back; "signal N" when the
 * call ended the process, "waiting" when it did not return in time.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NUMBER_COUNT 600
#define X32_BIT      0x40000000
#define WAIT_MS      150

struct outcome {
	volatile bool is_back;
	volatile long result;
};

static struct outcome *outcome;

static long call_64(long number, const long *a)
{
	long result;
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The 32-bit gate, from 64-bit code: five arguments are enough. */
static long call_32(long number, const long *a)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"((int)number), "b"((int)a[0]), "c"((int)a[1]), "d"((int)a[2]),
			   "S"((int)a[3]), "D"((int)a[4])
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static long call(const char *abi, long number, const long *a)
{
	if (!strcmp(abi, "i386"))
		return call_32(number, a);
	return call_64(!strcmp(abi, "x32") ? number | X32_BIT : number, a);
}

static void __attribute__((noreturn)) try_it(const char *abi, long number, const long *a)
{
	struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	outcome->result = call(abi, number, a);
	outcome->is_back = true;
	_exit(0);
}

static void report(const char *abi, long number, const long *a)
{
	struct timespec step = { .tv_nsec = 1000000 };
	int status = 0, waited = 0, ms = 0;
	pid_t pid;

	*outcome = (struct outcome){ 0 };
	pid = fork();
	if (pid == 0)
		try_it(abi, number, a);
	while (!waited && waitpid(pid, &status, WNOHANG) == 0) {
		if (outcome->is_back || ms++ < WAIT_MS) {
			(void)nanosleep(&step, NULL);
			continue;
		}
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		waited = 1;
	}
	if (outcome->is_back)
		(void)printf("%s %ld %ld\n", abi, number, outcome->result);
	else if (waited)
		(void)printf("%s %ld waiting\n", abi, number);
	else if (WIFSIGNALED(status))
		(void)printf("%s %ld signal %d\n", abi, number, WTERMSIG(status));
	else
		(void)printf("%s %ld exit %d\n", abi, number, WEXITSTATUS(status));
	(void)fflush(stdout);
}

static void report_all(void)
{
	static const char *const abis[] = { "x86_64", "i386", "x32" };
	static const long all_ones[6] = { -1, -1, -1, -1, -1, -1 };

	for (unsigned i = 0; i < sizeof(abis) / sizeof(*abis); i++) {
		for (long number = 0; number < NUMBER_COUNT; number++)
			report(abis[i], number, all_ones);
	}
}

int main(int argc, char **argv)
{
	long a[6] = { 0 };

	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (outcome == MAP_FAILED)
		return 1;
	if (argc == 2 && !strcmp(argv[1], "all")) {
		report_all();
		return 0;
	}
	if (argc < 3)
		return 2;
	for (int i = 3; i < argc && i < 9; i++)
		a[i - 3] = (long)strtoull(argv[i], NULL, 0);
	report(argv[1], strtol(argv[2], NULL, 0), a);
	return 0;
}
