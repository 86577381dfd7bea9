#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/hooks.h"
#include "runtime/making.h"
#include "sandbox/cgroup/cgroup.h"
#include "wall/wall.h"

#define DEATH_WAIT_MS 10000

/* Where there is no cgroup, init is all we know; in a pid namespace the rest dies with it. */
static int kill_init(const struct container *c, struct err *e)
{
	own_fd int pidfd = container_open_init(c, NULL);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int r;

	if (pidfd < 0)
		return 0;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_sys(e, "kill process %d of container '%s'", c->init_pid, c->id);
	do
		r = poll(&ended, 1, DEATH_WAIT_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_set(e, ETIMEDOUT, "process %d of container '%s' does not die",
			       c->init_pid, c->id);
	return 0;
}

int take_down(struct container *c, struct err *e)
{
	int first, r;

	first = kill_init(c, e);
	r = cgroup_kill(&c->record, e);
	first = first < 0 ? first : r;
	r = walls_release(&c->record, e);
	first = first < 0 ? first : r;
	r = cgroup_delete(&c->record, e);
	return first < 0 ? first : r;
}

/* Their failure is told and changes nothing, as the spec wants. */
static void run_poststop(struct container *c)
{
	struct making making = MAKING_NONE;
	own_text struct text state = { 0 };
	struct err e = { 0 };

	if (!record_get(&c->record, "hooks.poststop"))
		return;
	making.c = *c; /* lent */
	if (making_load_spec(&making, &e) < 0) {
		log_warning("poststop hooks: %s", e.text);
		return;
	}
	container_state_json(c, RUNTIME_STOPPED, 0, &state);
	making.bundle_fd = open(c->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	hooks_run_all(&making.spec, SPEC_HOOK_POSTSTOP, text_str(&state), making.bundle_fd);
	making.bundle_fd = fd_close(making.bundle_fd);
	spec_release(&making.spec);
	c->arena = making.c.arena;
}

int take_down_finally(struct container *c, struct err *e)
{
	int r = take_down(c, e);

	if (r < 0)
		return r;
	run_poststop(c);
	return container_forget(c, e);
}

static int delete_checked(struct container *c, bool force, struct err *e)
{
	enum runtime_status status = container_status(c);

	/* one that was created and never started goes without force: engines count on it */
	if (!force && status != RUNTIME_STOPPED && status != RUNTIME_CREATED)
		return err_set(e, EBUSY, "cannot delete container '%s' that is not stopped: %s",
			       c->id, runtime_status_name(status));
	return take_down_finally(c, e);
}

int runtime_delete(struct runtime *rt, const char *id, bool force, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	struct err local = { 0 };
	int r;

	r = container_open(rt, id, CONTAINER_CHANGE, &c, &local);
	if (r == -ENOENT && force)
		return 0;
	if (r < 0 && !(force && c.lock_fd >= 0))
		return err_set(e, -r, "%s", local.text);
	/* a damaged state: what can be read of it is taken down */
	return delete_checked(&c, force, e);
}
