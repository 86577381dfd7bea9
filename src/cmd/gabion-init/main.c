/*
 * gabion-init: process 1 for a program that was not written to be one. Starts it, passes on every
 * signal that it gets, reaps what is orphaned, and ends as the program ended. Static and small: it is
 * mounted into containers of any kind.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, const char *why)
{
	char line[512];
	size_t used = 0;
	const char *const parts[] = { "gabion-init: ", what, ": ", why, "\n" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *c = parts[i]; *c && used < sizeof(line); c++)
			line[used++] = *c;
	(void)!write(STDERR_FILENO, line, used);
}

/* The program, in a process group of its own and, where there is a terminal, in its foreground. */
static int program_run(char **argv, const sigset_t *mask)
{
	int code;

	(void)setpgid(0, 0);
	(void)signal(SIGTTOU, SIG_IGN);
	(void)tcsetpgrp(STDIN_FILENO, getpgrp());
	(void)signal(SIGTTOU, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	code = errno;
	say(argv[0], strerror(code));
	return code == ENOENT ? 127 : 126;
}

/* Return: has @pid ended, with its exit status in @ret_status? */
static int reap(pid_t pid, int *ret_status)
{
	int status, has_ended = 0;
	pid_t gone;

	while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
		if (gone != pid)
			continue;
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		has_ended = 1;
	}
	return has_ended;
}

int main(int argc, char **argv)
{
	sigset_t all, old;
	int signal_number, status = 0;
	pid_t pid;

	argv++;
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	if (!*argv) {
		say("usage", "gabion-init -- PROGRAM [ARGUMENT...]");
		return 125;
	}
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid < 0) {
		say("fork", strerror(errno));
		return 125;
	}
	if (pid == 0)
		_exit(program_run(argv, &old));
	for (;;) {
		if (sigwait(&all, &signal_number) != 0)
			continue;
		if (signal_number == SIGCHLD) {
			if (reap(pid, &status))
				return status;
		} else if (signal_number != SIGTTIN && signal_number != SIGTTOU) {
			(void)kill(pid, signal_number);
		}
	}
}
