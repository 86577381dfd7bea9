/*
 * Our side of gabion-systemd, the helper that is linked with libsystemd: requests are lines of text
 * over a socket, an empty one ends them; the answer is one line, "ok [PATH]" or "error TEXT".
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"

#define HELPER "gabion-systemd"

/* Beside ourselves, as in a build folder, else where it is installed. */
static void run_helper(bool is_user)
{
	const char *const argv[] = { HELPER, is_user ? "--user" : NULL, NULL };
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(HELPER));
	char *slash;

	if (length > 0) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			memcpy(slash + 1, HELPER, sizeof(HELPER));
			(void)execv(path, (char *const *)(uintptr_t)argv);
		}
	}
	(void)execv(GABION_LIBEXECDIR "/" HELPER, (char *const *)(uintptr_t)argv);
}

static int helper_start(bool is_user, int *ret_fd, pid_t *ret_pid, struct err *e)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, "socketpair");
	pid = fork();
	if (pid < 0) {
		(void)fd_close(ends[0]);
		(void)fd_close(ends[1]);
		return err_sys(e, "fork");
	}
	if (pid == 0) {
		if (dup2(ends[1], STDIN_FILENO) >= 0)
			run_helper(is_user);
		_exit(127);
	}
	(void)fd_close(ends[1]);
	*ret_fd = ends[0];
	*ret_pid = pid;
	return 0;
}

/* Send @request and take the answer apart. @ret_path: what came with "ok"; may be NULL. */
static int helper_ask(int fd, const char *request, char *ret_path, size_t bytes, struct err *e)
{
	size_t length = strlen(request), used = 0;
	char answer[4096];

	while (length) {
		ssize_t sent = send(fd, request, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			break; /* it is gone: the read below tells */
		request += sent;
		length -= (size_t)sent;
	}
	while (used + 1 < sizeof(answer)) {
		ssize_t got = read(fd, answer + used, sizeof(answer) - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
		if (answer[used - 1] == '\n')
			break;
	}
	answer[used] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (!strncmp(answer, "error ", 6))
		return err_set(e, EIO, "systemd: %s", answer + 6);
	if (strncmp(answer, "ok", 2))
		return err_set(e, ENOENT,
			       "systemd cgroup manager: helper '" HELPER "' does not run: install it "
			       "beside this program or in '" GABION_LIBEXECDIR "'");
	if (ret_path)
		(void)snprintf(ret_path, bytes, "%s", answer[2] ? answer + 3 : "");
	return 0;
}

static void helper_end(int fd, pid_t pid)
{
	(void)fd_close(fd);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int ask_once(bool is_user, const struct text *request, struct err *e)
{
	pid_t pid;
	int fd, r;

	if (!text_ok(request))
		return err_oom(e);
	r = helper_start(is_user, &fd, &pid, e);
	if (r < 0)
		return r;
	r = helper_ask(fd, text_str(request), NULL, 0, e);
	helper_end(fd, pid);
	return r;
}

static void append_properties(struct text *request, const struct cgroup_properties *properties)
{
	for (uint32_t i = 0; i < properties->count; i++)
		text_printf(request, "%s\n", properties->items[i]);
	text_append(request, "\n");
}

int cgroup_scope_start(const struct cgroup_plan *plan, struct cgroup_known *known,
		       struct cgroup_entry *entry, struct err *e)
{
	own_text struct text request = { 0 };
	char path[4096];
	const char *clean;
	int r;

	text_printf(&request, "start %s\n", plan->unit);
	append_properties(&request, &plan->properties);
	if (!text_ok(&request))
		return err_oom(e);
	r = helper_start(known->is_user, &entry->helper_fd, &entry->helper_pid, e);
	if (r < 0)
		return r;
	r = helper_ask(entry->helper_fd, text_str(&request), path, sizeof(path), e);
	if (r == 0)
		r = cgroup_path_clean(path, &known->arena, &clean, e);
	if (r == 0 && !*clean)
		r = err_set(e, EIO, "systemd: unit '%s' has no cgroup", plan->unit);
	if (r < 0) {
		cgroup_entry_close(entry);
		return r;
	}
	for (uint32_t i = 0; i < known->places.count; i++)
		known->places.items[i].path = clean;
	return 0;
}

int cgroup_scope_attach(const struct cgroup_entry *entry, pid_t pid, struct err *e)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "attach %d\n\n", (int)pid);
	return helper_ask(entry->helper_fd, request, NULL, 0, e);
}

int cgroup_scope_set(const struct cgroup_known *known, const struct cgroup_properties *properties,
		     struct err *e)
{
	own_text struct text request = { 0 };

	text_printf(&request, "set %s\n", known->unit);
	append_properties(&request, properties);
	return ask_once(known->is_user, &request, e);
}

int cgroup_scope_stop(const struct cgroup_known *known, struct err *e)
{
	own_text struct text request = { 0 };

	text_printf(&request, "stop %s\n\n", known->unit);
	return ask_once(known->is_user, &request, e);
}
