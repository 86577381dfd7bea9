#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "runtime/hooks.h"
#include "spec/spec.h"

#define HOOK_SAID_BYTES 400 /* of its output, in an error */

static const char *const point_names[] = {
	[SPEC_HOOK_PRESTART] = "prestart",
	[SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
	[SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
	[SPEC_HOOK_START_CONTAINER] = "startContainer",
	[SPEC_HOOK_POSTSTART] = "poststart",
	[SPEC_HOOK_POSTSTOP] = "poststop",
};
static_assert(sizeof(point_names) / sizeof(*point_names) == SPEC_HOOK_POINT_COUNT,
	      "each hook point has a name");

const char *hooks_name(int point)
{
	return point_names[point];
}

/* One hook that runs. */
struct hook_run {
	const struct spec_hook *hook;
	int point;
	pid_t pid;
	int state_fd; /* its standard input */
	int said_fd;  /* its standard output and error */
};

/*
 * Input and output are files in memory: a hook that reads nothing, writes much or leaves something
 * behind that keeps its descriptors cannot make us wait.
 */
static int memory_file(const char *name, const char *content, struct err *e)
{
	own_fd int fd = memfd_create(name, MFD_CLOEXEC);
	size_t length = strlen(content);

	if (fd < 0)
		return err_sys(e, "make a file in memory for a hook");
	if (length && pwrite(fd, content, length, 0) != (ssize_t)length)
		return err_sys(e, "write the state for a hook");
	return take_fd(&fd);
}

static int hook_spawn_with(struct hook_run *run, int bundle_fd, posix_spawn_file_actions_t *actions,
			   posix_spawnattr_t *attr)
{
	static char *const no_env[] = { NULL };
	char *const just_path[] = { (char *)(uintptr_t)run->hook->path, NULL };
	/* the strings are not written to: execve() only lacks the const */
	char *const *args = run->hook->args.count ? (char *const *)(uintptr_t)run->hook->args.items :
						    just_path;
	char *const *env = run->hook->env.count ? (char *const *)(uintptr_t)run->hook->env.items :
						  no_env;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(attr, &none);
	(void)posix_spawnattr_setsigdefault(attr, &all);
	(void)posix_spawnattr_setpgroup(attr, 0);
	(void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						     POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn_file_actions_adddup2(actions, run->state_fd, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, run->said_fd, 1);
	if (!r)
		r = posix_spawn_file_actions_adddup2(actions, run->said_fd, 2);
	if (!r && bundle_fd >= 0)
		r = posix_spawn_file_actions_addfchdir_np(actions, bundle_fd);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	if (!r)
		r = posix_spawn(&run->pid, run->hook->path, actions, attr, args, env);
	return -r;
}

static int hook_spawn(struct hook_run *run, int bundle_fd, struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_oom(e);
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return err_oom(e);
	}
	r = hook_spawn_with(run, bundle_fd, &actions, &attr);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r < 0) {
		errno = -r;
		return err_sys(e, "run %s hook '%s'", point_names[run->point], run->hook->path);
	}
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Return: 0 when it has ended; -ETIMEDOUT. */
static int hook_await_limit(const struct hook_run *run, struct err *e)
{
	const int64_t limit_ms = now_ms() + (int64_t)run->hook->timeout_s * 1000;
	own_fd int pidfd = pidfd_open(run->pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return err_sys(e, "watch %s hook '%s'", point_names[run->point], run->hook->path);
	for (;;) {
		int64_t left_ms = limit_ms - now_ms();
		int r = left_ms > 0 ? poll(&ended, 1, (int)(left_ms < INT32_MAX ? left_ms : INT32_MAX)) :
				      0;

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_sys(e, "wait for %s hook '%s'", point_names[run->point],
				       run->hook->path);
		if (left_ms <= 0)
			return err_set(e, ETIMEDOUT, "%s hook '%s' was not done after %u s",
				       point_names[run->point], run->hook->path,
				       run->hook->timeout_s);
	}
}

static int hook_await(const struct hook_run *run, int *ret_status, struct err *e)
{
	if (run->hook->has_timeout) {
		int r = hook_await_limit(run, e);

		if (r < 0)
			return r;
	}
	while (waitpid(run->pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for %s hook '%s'", point_names[run->point],
				       run->hook->path);
	return 0;
}

/* The end of what the hook said, on one line. */
static void hook_said(const struct hook_run *run, char *out, size_t bytes)
{
	off_t end = lseek(run->said_fd, 0, SEEK_END);
	off_t start = end > (off_t)bytes - 1 ? end - ((off_t)bytes - 1) : 0;
	ssize_t got = pread(run->said_fd, out, bytes - 1, start);

	out[got > 0 ? got : 0] = '\0';
	for (size_t n = strlen(out); n && (out[n - 1] == '\n' || out[n - 1] == ' '); n--)
		out[n - 1] = '\0';
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static int hook_judge(const struct hook_run *run, int status, struct err *e)
{
	char said[HOOK_SAID_BYTES];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	hook_said(run, said, sizeof(said));
	if (WIFSIGNALED(status))
		return err_set(e, EIO, "%s hook '%s' was killed by signal %d%s%s",
			       point_names[run->point], run->hook->path, WTERMSIG(status),
			       *said ? ": " : "", said);
	return err_set(e, EIO, "%s hook '%s' ended with exit status %d%s%s",
		       point_names[run->point], run->hook->path, WEXITSTATUS(status),
		       *said ? ": " : "", said);
}

static int hook_run(struct hook_run *run, int bundle_fd, struct err *e)
{
	int status = 0, r;

	r = hook_spawn(run, bundle_fd, e);
	if (r < 0)
		return r;
	r = hook_await(run, &status, e);
	if (r < 0) {
		(void)kill(-run->pid, SIGKILL);
		(void)waitpid(run->pid, NULL, 0);
		return r;
	}
	return hook_judge(run, status, e);
}

static int hook_run_one(const struct spec_hook *hook, int point, const char *state_json,
			int bundle_fd, struct err *e)
{
	own_fd int state_fd = memory_file("state", state_json, e);
	own_fd int said_fd = state_fd < 0 ? -EBADF : memory_file("said", "", e);
	struct hook_run run = {
		.hook = hook, .point = point, .state_fd = state_fd, .said_fd = said_fd
	};

	if (state_fd < 0 || said_fd < 0)
		return state_fd < 0 ? state_fd : said_fd;
	return hook_run(&run, bundle_fd, e);
}

int hooks_run(const struct spec *spec, int point, const char *state_json, int bundle_fd,
	      struct err *e)
{
	const struct spec_hooks *hooks = &spec->hooks[point];
	int r;

	for (uint32_t i = 0; i < hooks->count; i++) {
		r = hook_run_one(&hooks->items[i], point, state_json, bundle_fd, e);
		if (r < 0)
			return r;
	}
	return 0;
}

void hooks_run_all(const struct spec *spec, int point, const char *state_json, int bundle_fd)
{
	const struct spec_hooks *hooks = &spec->hooks[point];

	for (uint32_t i = 0; i < hooks->count; i++) {
		struct err e = { 0 };

		if (hook_run_one(&hooks->items[i], point, state_json, bundle_fd, &e) < 0)
			log_warning("%s", e.text);
	}
}
