/*
 * Runs a program and strikes at one of its system calls: kills it with SIGKILL as it enters the call,
 * or makes the call fail. Only the program itself is counted, not what it starts.
 *
 *    kill-at kill N PROGRAM [ARGUMENT...]         SIGKILL at the N-th call
 *    kill-at ERRNO[:follow] N PROGRAM [...]       the N-th call fails with that number
 *    kill-at count 0 PROGRAM [ARGUMENT...]        runs it through
 *
 * The last line on descriptor 3 is "COUNT NAME-OR-NUMBER STATUS": calls seen, the call that was
 * struck (-1: there was none), and the program's wait status. With ":follow" the children count too.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_NONE (-1L)
#define TASK_COUNT_MAX 64

enum strike {
	STRIKE_NONE,
	STRIKE_KILL,
	STRIKE_FAIL,
};

struct task {
	pid_t pid;
	bool is_struck; /* the call it is in is to seem to fail when it ends */
};

struct run {
	enum strike strike;
	int error;
	bool follow;
	long at;    /* which call, from 1 */
	long count; /* calls seen */
	long call;  /* the one that was struck */
	pid_t main_pid;
	int status;
	struct task tasks[TASK_COUNT_MAX];
	bool has_begun; /* the program has been executed */
};

static struct task *run_task(struct run *run, pid_t pid)
{
	struct task *free_task = NULL;

	for (int i = 0; i < TASK_COUNT_MAX; i++) {
		if (run->tasks[i].pid == pid)
			return &run->tasks[i];
		if (!run->tasks[i].pid && !free_task)
			free_task = &run->tasks[i];
	}
	if (free_task)
		*free_task = (struct task){ .pid = pid };
	return free_task;
}

static void die(const char *what)
{
	perror(what);
	exit(99);
}

/* A call that gives something back is done and only then said to have failed: that is what the
 * kernel's own errors of these mean, and the opposite would be a fault of ours, not of the program. */
static bool call_is_done_anyway(long call)
{
	return call == SYS_close || call == SYS_munmap || call == SYS_wait4 || call == SYS_waitid;
}

/* Calls that end the program, and those without which libc does not reach main(). */
static bool call_is_spared(long call)
{
	return call == SYS_exit_group || call == SYS_exit || call == SYS_rt_sigreturn ||
	       call == SYS_brk || call == SYS_arch_prctl;
}

#if defined(__x86_64__)
static void task_skip(pid_t pid)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), CALL_NONE) < 0)
		die("skip the call");
}

static void task_result(pid_t pid, long result)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result) < 0)
		die("change the result");
}
#else
#error "registers of this architecture are not known here"
#endif

static void run_enter(struct run *run, struct task *task, long call)
{
	if (!run->has_begun) /* still ourselves, on the way to the program */
		return;
	if (!run->follow && task->pid != run->main_pid)
		return;
	if (++run->count != run->at || run->strike == STRIKE_NONE)
		return;
	run->call = call;
	if (run->strike == STRIKE_KILL) {
		(void)kill(task->pid, SIGKILL);
		return;
	}
	if (call_is_spared(call))
		return;
	task->is_struck = true;
	if (!call_is_done_anyway(call))
		task_skip(task->pid);
}

static void run_leave(struct run *run, struct task *task)
{
	if (task->is_struck)
		task_result(task->pid, -run->error);
	task->is_struck = false;
}

/* Return: the signal to let the task go on with. */
static int run_stopped(struct run *run, pid_t pid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	struct task *task = run_task(run, pid);
	struct __ptrace_syscall_info info;

	if (!task)
		die("too many tasks");
	if (signal == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
			die("look at the call");
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			run_enter(run, task, (long)info.entry.nr);
		else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
			run_leave(run, task);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC)
		run->has_begun = true;
	/* a new child stops once; execve ends inside of its call */
	return event || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

static void run_through(struct run *run)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (WIFSTOPPED(status)) {
			int signal = run_stopped(run, pid, status);

			(void)ptrace(PTRACE_SYSCALL, pid, NULL, (long)signal);
			continue;
		}
		run_task(run, pid)->pid = 0;
		if (pid == run->main_pid) {
			run->status = status;
			return; /* children that are followed are let go as we end */
		}
	}
}

static void run_start(struct run *run, char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
	int status;

	if (run->follow)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	run->main_pid = fork();
	if (run->main_pid < 0)
		die("fork");
	if (!run->main_pid) {
		(void)close(3);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(99);
		(void)raise(SIGSTOP);
		(void)execv(argv[0], argv);
		_exit(99);
	}
	if (waitpid(run->main_pid, &status, 0) < 0 || !WIFSTOPPED(status))
		die("wait for the program");
	if (ptrace(PTRACE_SETOPTIONS, run->main_pid, NULL, options) < 0 ||
	    ptrace(PTRACE_SYSCALL, run->main_pid, NULL, NULL) < 0)
		die("trace the program");
}

int main(int argc, char **argv)
{
	struct run run = { .call = CALL_NONE };

	if (argc < 4) {
		(void)fprintf(stderr, "usage: kill-at kill|count|ERRNO[:follow] N PROGRAM [ARG...]\n");
		return 99;
	}
	if (!strcmp(argv[1], "kill"))
		run.strike = STRIKE_KILL;
	else if (strncmp(argv[1], "count", 5) != 0)
		run.strike = STRIKE_FAIL;
	run.error = atoi(argv[1]);
	run.follow = strstr(argv[1], ":follow") != NULL;
	run.at = atol(argv[2]);
	run_start(&run, argv + 3);
	run_through(&run);
	(void)dprintf(3, "%ld %ld %d\n", run.count, run.call, run.status);
	if (WIFSIGNALED(run.status))
		return 128 + WTERMSIG(run.status);
	return WEXITSTATUS(run.status);
}
