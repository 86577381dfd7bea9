#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "base/own.h"
#include "runtime/attend.h"
#include "runtime/making.h"
#include "runtime/user.h"

/* --- the process to be run ---------------------------------------------------------------- */

static int strings_join(struct spec_strings *list, const struct spec_strings *more,
			struct arena *arena, struct err *e)
{
	const char **items;

	if (!more->count)
		return 0;
	items = arena_new_array(arena, const char *, (size_t)list->count + more->count + 1);
	if (!items)
		return err_oom(e);
	if (list->count)
		memcpy(items, list->items, list->count * sizeof(*items));
	memcpy(items + list->count, more->items, more->count * sizeof(*items));
	list->items = items;
	list->count += more->count;
	return 0;
}

/* NAME=VALUE of @more replaces what the config has under that name. */
static int env_merge(struct spec_strings *env, const struct spec_strings *more,
		     struct arena *arena, struct err *e)
{
	struct spec_strings kept = { 0 };

	if (!more->count)
		return 0;
	kept.items = arena_new_array(arena, const char *, (size_t)env->count + 1);
	if (!kept.items)
		return err_oom(e);
	for (uint32_t i = 0; i < env->count; i++) {
		size_t name_length = strcspn(env->items[i], "=") + 1;
		bool is_replaced = false;

		for (uint32_t k = 0; k < more->count && !is_replaced; k++)
			is_replaced = !strncmp(env->items[i], more->items[k], name_length);
		if (!is_replaced)
			kept.items[kept.count++] = env->items[i];
	}
	*env = kept;
	return strings_join(env, more, arena, e);
}

static int caps_add(struct spec_process *process, const struct spec_strings *names, struct err *e)
{
	for (uint32_t i = 0; i < names->count; i++) {
		int number = spec_cap_number(names->items[i]);
		uint64_t bit;

		if (number < 0)
			return err_set(e, EINVAL, "unknown capability '%s'", names->items[i]);
		bit = UINT64_C(1) << number;
		process->has_caps = true;
		process->caps.bounding |= bit;
		process->caps.effective |= bit;
		process->caps.permitted |= bit;
	}
	return 0;
}

static int process_from_options(struct making *making, const struct runtime_exec_request *request,
				struct err *e)
{
	struct spec_process *process = &making->spec.process;
	struct arena *arena = &making->c.arena;
	int r;

	if (!request->args.count)
		return err_set(e, EINVAL, "exec: no command is given");
	process->args = request->args;
	process->terminal = false; /* of init; --tty asks for one of its own */
	if (request->cwd)
		process->cwd = request->cwd;
	if (request->apparmor)
		process->apparmor_profile = request->apparmor;
	if (request->process_label)
		process->selinux_label = request->process_label;
	process->no_new_privs |= request->no_new_privs;
	if (request->additional_gid_count) {
		process->user.additional_gids = arena_new_array(arena, uint32_t,
								request->additional_gid_count);
		if (!process->user.additional_gids)
			return err_oom(e);
		memcpy(process->user.additional_gids, request->additional_gids,
		       request->additional_gid_count * sizeof(uint32_t));
		process->user.additional_gid_count = request->additional_gid_count;
	}
	r = request->user ? user_parse(request->user, &process->user.uid, &process->user.gid, e) : 0;
	if (r == 0)
		r = env_merge(&process->env, &request->env, arena, e);
	if (r == 0)
		r = caps_add(process, &request->caps, e);
	return r;
}

static int process_from_file(struct making *making, const char *path, struct err *e)
{
	own_json struct json_object *document = NULL;
	struct spec_process process = { 0 };
	int r;

	r = json_read_at(AT_FDCWD, path, &document, e);
	if (r == 0)
		r = spec_process_read(document, &making->c.arena, &process, e);
	if (r == 0 && !process.args.count)
		r = err_set(e, EINVAL, "args: must not be empty");
	if (r < 0)
		return err_wrap(e, r, "%s", path);
	making->spec.process = process;
	return 0;
}

static int exec_check(const struct container *c, bool ignore_paused, struct err *e)
{
	switch (container_status(c)) {
	case RUNTIME_CREATED:
	case RUNTIME_RUNNING:
		return 0;
	case RUNTIME_PAUSED:
		if (ignore_paused)
			return 0;
		return err_set(e, EBUSY, "cannot exec in a paused container (use --ignore-paused "
					 "to override)");
	case RUNTIME_STOPPED:
		return err_set(e, ESRCH, "cannot exec in a stopped container: container not "
					 "running");
	case RUNTIME_CREATING:
		break;
	}
	return err_set(e, EBUSY, "cannot exec in a container that is still being created");
}

static int exec_prepare(struct making *making, struct runtime *rt,
			const struct runtime_exec_request *request, bool can_attend,
			int *ret_attend_fd, struct err *e)
{
	struct container *c = &making->c;
	int r;

	r = container_open(rt, request->id, CONTAINER_LOOK, c, e);
	if (r == 0)
		r = exec_check(c, request->ignore_paused, e);
	if (r == 0)
		r = making_load_spec(making, e);
	if (r == 0)
		r = request->process_path ?
			    process_from_file(making, request->process_path, e) :
			    process_from_options(making, request, e);
	if (r < 0)
		return r;
	if (request->has_tty)
		making->spec.process.terminal = request->tty;
	r = making_plan(making, "exec", true, e);
	if (r == 0)
		r = making_connect_console(making, request->console_socket, request->console_fd,
					   can_attend, ret_attend_fd, e);
	return r;
}

static int exec_launch(struct making *making, const struct runtime_exec_request *request,
		       struct err *e)
{
	struct container *c = &making->c;
	const struct sandbox_request asked = {
		.bundle_fd = -EBADF,
		.state_fd = -EBADF,
		.console_fd = making->console_fd,
		.stdio_fds = { request->stdio_fds[0], request->stdio_fds[1],
			       request->stdio_fds[2] },
		.preserve_fd_count = request->preserve_fd_count,
		.target_pid = c->init_pid,
		.sub_cgroup = request->sub_cgroup,
	};
	int r;

	r = sandbox_exec(&making->plan, &asked, &c->record, &making->sandbox, e);
	if (r < 0)
		return r;
	making->console_fd = fd_close(making->console_fd);
	r = making_hand_over(making, request->pid_file, request->pidfd_socket, e);
	if (r < 0) {
		(void)pidfd_send_signal(making->sandbox.pidfd, SIGKILL, NULL, 0);
		(void)waitpid(making->sandbox.pid, NULL, __WALL);
		return r;
	}
	return sandbox_go(&making->plan, &making->sandbox, e);
}

int runtime_exec_launch(struct runtime *rt, const struct runtime_exec_request *request,
			struct runtime_process *ret_process, struct err *e)
{
	own_making struct making making = MAKING_NONE;
	int attend_fd, r;

	r = exec_prepare(&making, rt, request, false, &attend_fd, e);
	if (r == 0)
		r = exec_launch(&making, request, e);
	if (r < 0)
		return err_wrap(e, r, "exec failed");
	ret_process->pid = making.sandbox.pid;
	ret_process->pidfd = take_fd(&making.sandbox.pidfd);
	return 0;
}

int runtime_exec(struct runtime *rt, const struct runtime_exec_request *request, int *ret_status,
		 struct err *e)
{
	own_making struct making making = MAKING_NONE;
	own_attendance struct attendance attendance = ATTENDANCE_NONE;
	int r;

	r = exec_prepare(&making, rt, request, !request->detach, &attendance.console_fd, e);
	if (r < 0)
		return err_wrap(e, r, "exec failed");
	if (!request->detach) {
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		attend_begin(&attendance);
	}
	r = exec_launch(&making, request, e);
	if (r < 0)
		return err_wrap(e, r, "exec failed");
	*ret_status = 0;
	if (request->detach)
		return 0;
	return attend(&attendance, making.sandbox.pid, making.sandbox.pidfd, ret_status, e);
}
