#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "image/client.h"
#include "image/helper.h"

#define HELPER_NAME      "gabion-image"
#define HELPER_ERROR_FD  3
#define HELPER_ARGS_MAX  512
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

int helper_path(const char *name, char **ret_path, struct err *e)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	own_mem char *path = NULL;
	char *slash;

	if (length < 0)
		return err_sys(e, "read '/proc/self/exe'");
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	/* A build directory has everything side by side; an installation puts it here: */
	for (int installed = 0; installed < 2; installed++) {
		own_mem_drop(&path);
		if (asprintf(&path, "%s/%s", installed ? GABION_LIBEXECDIR : self, name) < 0)
			return err_oom(e);
		if (access(path, R_OK) == 0) {
			*ret_path = take_ptr(path);
			return 0;
		}
	}
	return err_set(e, ENOENT, "'%s' is neither in '%s' nor in '" GABION_LIBEXECDIR "'", name,
		       self);
}

/* Read @fd to its end. */
static int drain(int fd, struct text *out, struct err *e)
{
	char chunk[4096];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk)))) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "read from " HELPER_NAME);
		text_append_bytes(out, chunk, (size_t)got);
		if (out->length > ANSWER_BYTES_MAX)
			return err_set(e, E2BIG, HELPER_NAME " answers without end");
	}
	return text_ok(out) ? 0 : err_oom(e);
}

/* The helper says "ERRNO sentence" before it exits with a failure. */
static int failure(const char *said, int status, struct err *e)
{
	char *sentence = NULL;
	long code = strtol(said, &sentence, 10);

	if (WIFSIGNALED(status))
		return err_set(e, EPIPE, HELPER_NAME " was killed by signal %d", WTERMSIG(status));
	if (code <= 0 || code > 4095 || *sentence != ' ')
		return err_set(e, EPIPE, HELPER_NAME " failed with status %d", WEXITSTATUS(status));
	return err_set(e, (int)code, "%s", sentence + 1);
}

/* The child's descriptors: all of ours are close-on-exec, so only what is put there is there. */
static int spawn(const char *path, char *const *argv, int stdin_fd, int answer_fd, int error_fd,
		 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	if (stdin_fd >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
	else
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						     0);
	if (r == 0 && answer_fd >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, answer_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, error_fd, HELPER_ERROR_FD);
	if (r == 0)
		r = posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* @argv as posix_spawn() wants it: it does not write there, its type only forgot to say so. */
static char **arguments(const struct image_store *store, const char *const *args)
{
	const char *head[] = { HELPER_NAME, "--root", store->root, "--error-fd", "3" };
	size_t count = 0, heads = sizeof(head) / sizeof(*head);
	const char **argv;

	while (args[count])
		count++;
	argv = calloc(heads + count + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	memcpy(argv, head, sizeof(head));
	memcpy(argv + heads, args, count * sizeof(*args));
	return (char **)(void *)argv;
}

static int helper_wait(pid_t pid, int *ret_status, struct err *e)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for " HELPER_NAME);
	return 0;
}

int image_run_helper(const struct image_store *store, const char *const *args, int stdin_fd,
		     char **ret_answer, struct err *e)
{
	own_fd int answer_in = -EBADF, answer_out = -EBADF, error_in = -EBADF, error_out = -EBADF;
	own_text struct text answer = { 0 }, said = { 0 };
	own_mem char *path = NULL;
	own_mem char **argv = arguments(store, args);
	int fds[2], status = 0, r;
	pid_t pid;

	if (!argv)
		return err_oom(e);
	r = helper_path(HELPER_NAME, &path, e);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "pipe to " HELPER_NAME);
	error_in = fds[0], error_out = fds[1];
	if (ret_answer && pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "pipe to " HELPER_NAME);
	if (ret_answer)
		answer_in = fds[0], answer_out = fds[1];

	r = spawn(path, argv, stdin_fd, answer_out, error_out, &pid);
	if (r < 0) {
		errno = -r;
		return err_sys(e, "start '%s'", path);
	}
	answer_out = fd_close(answer_out);
	error_out = fd_close(error_out);
	r = ret_answer ? drain(answer_in, &answer, e) : 0;
	if (r == 0)
		r = drain(error_in, &said, e);
	answer_in = fd_close(answer_in); /* one that still writes shall not wait for us */
	error_in = fd_close(error_in);
	if (helper_wait(pid, &status, e) < 0 || r < 0)
		return r < 0 ? r : -ECHILD;
	if (status)
		return failure(text_str(&said), status, e);
	if (ret_answer)
		*ret_answer = take_ptr(answer.data);
	return 0;
}
