#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/plan.h"
#include "sandbox/creds.h"
#include "sandbox/witness.h"
#include "sys/proc.h"
#include "wall/wall.h"

#define STATUS_BYTES_MAX 8192

int witness_verify(const struct plan *plan, int proc_fd, pid_t pid, int pidfd, bool at_exec,
		   struct err *e)
{
	struct witness seen = { .pid = pid, .pidfd = pidfd, .at_exec = at_exec };
	char name[16], status[STATUS_BYTES_MAX];
	own_fd int dir_fd = -EBADF;
	struct err gone = { 0 };
	int r;

	(void)snprintf(name, sizeof(name), "%d", pid);
	dir_fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return at_exec && errno == ENOENT ? 0 : err_sys(e, "look at process %d", pid);
	r = (int)proc_read(dir_fd, "status", status, sizeof(status), &gone);
	if (r < 0)
		return at_exec && (r == -ENOENT || r == -ESRCH) ?
			       0 :
			       err_set(e, -r, "look at process %d: %s", pid, gone.text);
	seen.proc_fd = dir_fd;
	seen.status = status;
	r = creds_verify(plan, &seen, e);
	if (r == 0)
		r = walls_verify(plan, &seen, e);
	return r < 0 ? err_wrap(e, r, "read back the confinement of process %d", pid) : 0;
}

int witness_seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		return -errno;
	return 0;
}

/* What to do with a stop that is not the one waited for. */
static int witness_continue(pid_t pid, int status, struct err *e)
{
	int event = status >> 16, number = WSTOPSIG(status);
	long r;

	if (event == PTRACE_EVENT_STOP && number != SIGTRAP)
		r = ptrace(PTRACE_LISTEN, pid, NULL, NULL); /* stopped by job control: stay so */
	else
		r = ptrace(PTRACE_CONT, pid, NULL, event ? 0 : (long)number);
	if (r < 0 && errno != ESRCH)
		return err_sys(e, "continue process %d", pid);
	return 0;
}

int witness_wait_exec(pid_t pid, int *ret_status, struct err *e)
{
	for (;;) {
		int status, r;

		if (waitpid(pid, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, "wait for process %d", pid);
		}
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return -ECHILD;
		}
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			return 0;
		r = witness_continue(pid, status, e);
		if (r < 0)
			return r;
	}
}

int witness_let_go(pid_t pid, struct err *e)
{
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0 && errno != ESRCH)
		return err_sys(e, "let go of process %d", pid);
	return 0;
}
