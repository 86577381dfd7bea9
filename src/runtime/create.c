#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/attend.h"
#include "runtime/hooks.h"
#include "runtime/making.h"
#include "sandbox/cgroup/cgroup.h"

void runtime_process_release(struct runtime_process *process)
{
	process->pidfd = fd_close(process->pidfd);
}

/* --- reading what is asked for ------------------------------------------------------------ */

static const char *absolute_path(struct arena *arena, const char *base, const char *path)
{
	char *joined;
	size_t length;

	if (*path == '/')
		joined = arena_strdup(arena, path);
	else if (!strcmp(path, "."))
		joined = arena_strdup(arena, base);
	else
		joined = arena_printf(arena, "%s/%s", !strcmp(base, "/") ? "" : base,
				      !strncmp(path, "./", 2) ? path + 2 : path);
	if (!joined)
		return NULL;
	for (length = strlen(joined); length > 1 && joined[length - 1] == '/'; length--)
		joined[length - 1] = '\0';
	return joined;
}

static int create_open_bundle(struct making *making, const struct runtime_create_request *request,
			      struct err *e)
{
	struct container *c = &making->c;
	const char *path = request->bundle && *request->bundle ? request->bundle : ".";
	char here[PATH_MAX] = "/";

	if (*path != '/' && !getcwd(here, sizeof(here)))
		return err_sys(e, "find the current directory");
	c->bundle = absolute_path(&c->arena, here, path);
	if (!c->bundle)
		return err_oom(e);
	making->bundle_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (making->bundle_fd < 0)
		return err_sys(e, "open bundle '%s'", c->bundle);
	return 0;
}

/* The config's bytes, kept to be saved as they are. */
struct config {
	const char *name;
	char *bytes;
	size_t length;
};

static int config_parse(const struct config *config, struct making *making, struct err *e)
{
	struct json_object *document;
	int r;

	r = json_parse(config->bytes, config->length, config->name, &document, e);
	if (r < 0)
		return r;
	r = spec_read(document, &making->c.arena, &making->spec, e);
	if (r == 0)
		r = spec_validate(&making->spec, e);
	if (r == 0 && !making->spec.has_process)
		r = err_set(e, EINVAL, "process: is missing");
	return r < 0 ? err_wrap(e, r, "%s", config->name) : 0;
}

static int create_read(struct making *making, const struct runtime_create_request *request,
		       struct config *config, struct err *e)
{
	struct container *c = &making->c;
	int r;

	r = create_open_bundle(making, request, e);
	if (r < 0)
		return r;
	config->name = request->config_name ? request->config_name : "config.json";
	if (request->document) {
		const char *text = json_object_to_json_string_length(
			request->document, JSON_C_TO_STRING_PLAIN, &config->length);

		config->bytes = text ? strndup(text, config->length) : NULL;
		r = config->bytes ? 0 : err_oom(e);
	} else {
		r = json_bytes_at(making->bundle_fd, config->name, &config->bytes, &config->length,
				  e);
		if (r < 0)
			(void)err_wrap(e, r, "bundle '%s'", c->bundle);
	}
	if (r == 0)
		r = config_parse(config, making, e);
	if (r < 0)
		return r;
	c->oci_version = making->spec.oci_version;
	c->annotations = making->spec.annotations;
	c->cgroup_manager = c->runtime->cgroup_manager;
	c->no_pivot = request->no_pivot;
	c->no_new_keyring = request->no_new_keyring;
	c->rootfs = absolute_path(&c->arena, c->bundle,
				  making->spec.root_path ? making->spec.root_path : "rootfs");
	return c->rootfs ? 0 : err_oom(e);
}

/* --- making it ---------------------------------------------------------------------------- */

static int create_save_record(void *context, const struct record *rec, struct err *e)
{
	return container_save(context, e);
}

static int create_note_pid(void *context, pid_t pid, struct err *e)
{
	struct making *making = context;
	int r = container_note_init(&making->c, pid, e);

	return r < 0 ? r : container_save(&making->c, e);
}

static int create_run_hooks(void *context, int point, pid_t pid, struct err *e)
{
	const struct making *making = context;
	own_text struct text state = { 0 };
	/* startContainer hooks live in the container: the bundle is not theirs to see */
	int cwd_fd = point == SPEC_HOOK_START_CONTAINER ? -EBADF : making->bundle_fd;

	container_state_json(&making->c,
			     point == SPEC_HOOK_START_CONTAINER ? RUNTIME_CREATED : RUNTIME_CREATING,
			     pid, &state);
	if (!text_ok(&state))
		return err_oom(e);
	return hooks_run(&making->spec, point, text_str(&state), cwd_fd, e);
}

/*
 * From here on things exist that a later delete must find if we are killed: first the directory,
 * then, in the state, what is about to be made; only then is it made.
 */
static int create_claim(struct making *making, const struct config *config, struct err *e)
{
	struct container *c = &making->c;
	int r;

	r = container_claim(c, e);
	if (r < 0)
		return r;
	c->record.save = create_save_record;
	c->record.save_context = c;
	r = container_write(c, "config.json", config->bytes, config->length, e);
	if (r == 0 && making->spec.hooks[SPEC_HOOK_POSTSTOP].count)
		r = record_set(&c->record, "hooks.poststop", "1", e);
	if (r == 0)
		r = cgroup_plan_record(making->plan.cgroup, &c->record, e);
	if (r == 0)
		r = container_save(c, e);
	if (r < 0)
		(void)container_forget(c, NULL);
	return r;
}

static int create_build(struct making *making, const struct runtime_create_request *request,
			bool waits_for_start, struct err *e)
{
	struct container *c = &making->c;
	const struct sandbox_request asked = {
		.bundle_fd = making->bundle_fd,
		.state_fd = waits_for_start ? c->dir_fd : -EBADF,
		.console_fd = making->console_fd,
		.stdio_fds = { request->stdio_fds[0], request->stdio_fds[1],
			       request->stdio_fds[2] },
		.preserve_fd_count = request->preserve_fd_count,
		.run_hooks = create_run_hooks,
		.hook_context = making,
		.note_pid = create_note_pid,
		.note_context = making,
	};
	int r;

	r = sandbox_create(&making->plan, &asked, &c->record, &making->sandbox, e);
	if (r < 0)
		return r;
	making->console_fd = fd_close(making->console_fd);
	c->phase = CONTAINER_CREATED;
	r = container_save(c, e);
	return r < 0 ? r : making_hand_over(making, request->pid_file, request->pidfd_socket, e);
}

/* After a failure: as if nothing had been. The error is the caller's, so none of ours is told. */
static void create_undo(struct making *making)
{
	struct err e = { 0 };

	if (making->sandbox.pid > 0) {
		(void)pidfd_send_signal(making->sandbox.pidfd, SIGKILL, NULL, 0);
		(void)waitpid(making->sandbox.pid, NULL, __WALL);
	}
	if (take_down_finally(&making->c, &e) < 0)
		log_warning("after the failure: %s", e.text);
}

static int create_prepare(struct making *making, struct runtime *rt,
			  const struct runtime_create_request *request, bool can_attend,
			  int *ret_attend_fd, struct err *e)
{
	struct config config = { 0 };
	own_mem char *bytes = NULL;
	int r;

	r = container_name(rt, request->id, &making->c, e);
	if (r < 0)
		return r;
	r = create_read(making, request, &config, e);
	bytes = config.bytes;
	if (r < 0)
		return r;
	r = making_plan(making, config.name, false, e);
	if (r == 0)
		r = making_connect_console(making, request->console_socket, request->console_fd,
					   can_attend, ret_attend_fd, e);
	if (r == 0)
		r = create_claim(making, &config, e);
	return r;
}

int runtime_create(struct runtime *rt, const struct runtime_create_request *request, struct err *e)
{
	own_making struct making making = MAKING_NONE;
	int attend_fd, r;

	r = create_prepare(&making, rt, request, false, &attend_fd, e);
	if (r < 0)
		return r;
	r = create_build(&making, request, true, e);
	if (r == 0)
		r = sandbox_detach(&making.sandbox, e);
	if (r < 0)
		create_undo(&making);
	return r;
}

/* --- start -------------------------------------------------------------------------------- */

/* A poststart hook that fails stops the container (1.3); deleting it stays the caller's. */
static int start_run_poststart(struct making *making, struct err *e)
{
	own_text struct text state = { 0 };
	int r;

	if (!making->spec.hooks[SPEC_HOOK_POSTSTART].count)
		return 0;
	container_state_json(&making->c, RUNTIME_RUNNING, making->c.init_pid, &state);
	if (!text_ok(&state))
		return err_oom(e);
	if (making->bundle_fd < 0)
		making->bundle_fd = open(making->c.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = hooks_run(&making->spec, SPEC_HOOK_POSTSTART, text_str(&state), making->bundle_fd, e);
	return r;
}

static int start_check(const struct container *c, struct err *e)
{
	switch (container_status(c)) {
	case RUNTIME_CREATED:
		return 0;
	case RUNTIME_RUNNING:
	case RUNTIME_PAUSED:
		return err_set(e, EBUSY, "cannot start an already running container");
	case RUNTIME_STOPPED:
		return err_set(e, ESRCH, "cannot start a container that has stopped");
	case RUNTIME_CREATING:
		break;
	}
	return err_set(e, EBUSY, "cannot start a container that is still being created");
}

int runtime_start(struct runtime *rt, const char *id, struct err *e)
{
	own_making struct making making = MAKING_NONE;
	struct container *c = &making.c;
	int r;

	r = container_open(rt, id, CONTAINER_CHANGE, c, e);
	if (r == 0)
		r = start_check(c, e);
	if (r == 0)
		r = making_load_spec(&making, e);
	if (r == 0)
		r = making_plan(&making, "config.json", false, e);
	if (r < 0)
		return r;
	making.sandbox.pidfd = container_open_init(c, e);
	if (making.sandbox.pidfd < 0)
		return making.sandbox.pidfd;
	r = sandbox_start(&making.plan, c->dir_fd, c->init_pid, making.sandbox.pidfd, e);
	(void)unlinkat(c->dir_fd, "start.sock", 0);
	if (r < 0)
		return r;
	r = start_run_poststart(&making, e);
	if (r < 0)
		(void)take_down(c, NULL);
	return r;
}

/* --- run ---------------------------------------------------------------------------------- */

static int launch(struct making *making, const struct runtime_create_request *request,
		  struct err *e)
{
	int r;

	r = create_build(making, request, false, e);
	if (r == 0)
		r = sandbox_go(&making->plan, &making->sandbox, e);
	if (r == 0)
		r = start_run_poststart(making, e);
	if (r < 0)
		create_undo(making);
	return r;
}

int runtime_launch(struct runtime *rt, const struct runtime_create_request *request,
		   struct runtime_process *ret_process, struct err *e)
{
	own_making struct making making = MAKING_NONE;
	int attend_fd, r;

	r = create_prepare(&making, rt, request, false, &attend_fd, e);
	if (r == 0)
		r = launch(&making, request, e);
	if (r < 0)
		return r;
	ret_process->pid = making.sandbox.pid;
	ret_process->pidfd = take_fd(&making.sandbox.pidfd);
	return 0;
}

/* The workload has ended: delete, unless somebody else did already. */
static int run_finish(struct container *c, struct err *e)
{
	return runtime_delete(c->runtime, c->id, true, e);
}

int runtime_run(struct runtime *rt, const struct runtime_create_request *request,
		const struct runtime_foreground *how, int *ret_status, struct err *e)
{
	own_making struct making making = MAKING_NONE;
	own_attendance struct attendance attendance = ATTENDANCE_NONE;
	int r;

	r = create_prepare(&making, rt, request, !how->detach, &attendance.console_fd, e);
	if (r < 0)
		return r;
	if (!how->detach && !how->no_subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (!how->detach)
		attend_begin(&attendance);
	r = launch(&making, request, e);
	if (r < 0)
		return r;
	container_unlock(&making.c);
	*ret_status = 0;
	if (how->detach)
		return 0;
	r = attend(&attendance, making.sandbox.pid, making.sandbox.pidfd, ret_status, e);
	if (how->keep)
		return r;
	return r < 0 ? r : run_finish(&making.c, e);
}
