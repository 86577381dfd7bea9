/* What is done to a container between its start and its end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/container.h"
#include "sandbox/cgroup/cgroup.h"

int runtime_kill(struct runtime *rt, const char *id, int signal, bool all, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	own_fd int pidfd = -EBADF;
	int r;

	r = container_open(rt, id, CONTAINER_LOOK, &c, e);
	if (r < 0)
		return r;
	if (all)
		return cgroup_signal(&c.record, signal, e);
	pidfd = container_open_init(&c, e);
	if (pidfd < 0)
		return pidfd;
	if (pidfd_send_signal(pidfd, signal, NULL, 0) < 0)
		return errno == ESRCH ? err_set(e, ESRCH, "container not running: '%s'", id) :
					err_sys(e, "signal container '%s'", id);
	/* a frozen process dies only when it is thawed */
	if (signal == SIGKILL && cgroup_is_frozen(&c.record, NULL) == 1)
		(void)cgroup_thaw(&c.record, NULL);
	return 0;
}

static int open_running(struct runtime *rt, const char *id, const char *verb, struct container *c,
			struct err *e)
{
	enum runtime_status status;
	int r;

	r = container_open(rt, id, CONTAINER_CHANGE, c, e);
	if (r < 0)
		return r;
	status = container_status(c);
	if (status == RUNTIME_STOPPED || status == RUNTIME_CREATING)
		return err_set(e, ESRCH, "cannot %s container '%s': container not running: %s",
			       verb, id, runtime_status_name(status));
	return 0;
}

int runtime_pause(struct runtime *rt, const char *id, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	int r = open_running(rt, id, "pause", &c, e);

	if (r < 0)
		return r;
	if (cgroup_is_frozen(&c.record, NULL) > 0)
		return err_set(e, EINVAL, "cannot pause container '%s': it is paused already", id);
	return cgroup_freeze(&c.record, e);
}

int runtime_resume(struct runtime *rt, const char *id, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	int r = open_running(rt, id, "resume", &c, e);

	if (r < 0)
		return r;
	if (cgroup_is_frozen(&c.record, NULL) == 0)
		return err_set(e, EINVAL, "cannot resume container '%s': it is not paused", id);
	return cgroup_thaw(&c.record, e);
}

int runtime_update(struct runtime *rt, const char *id, const struct spec_resources *resources,
		   struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	int r = open_running(rt, id, "update", &c, e);

	return r < 0 ? r : cgroup_update(&c.record, resources, e);
}

int runtime_pids(struct runtime *rt, const char *id, struct arena *arena, pid_t **ret_pids,
		 uint32_t *ret_count, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	own_mem pid_t *pids = NULL;
	uint32_t count = 0;
	pid_t *kept;
	int r;

	r = container_open(rt, id, CONTAINER_LOOK, &c, e);
	if (r == 0)
		r = cgroup_pids(&c.record, &pids, &count, e);
	if (r < 0)
		return r;
	kept = arena_new_array(arena, pid_t, (size_t)count + 1);
	if (!kept)
		return err_oom(e);
	if (count)
		memcpy(kept, pids, count * sizeof(*kept));
	else if (container_init_alive(&c)) /* there is no cgroup: init is all we know of */
		kept[count++] = c.init_pid;
	*ret_pids = kept;
	*ret_count = count;
	return 0;
}

int runtime_stats_json(struct runtime *rt, const char *id, struct text *out, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	enum runtime_status status;
	int r;

	r = container_open(rt, id, CONTAINER_LOOK, &c, e);
	if (r < 0)
		return r;
	status = container_status(&c);
	if (status == RUNTIME_STOPPED)
		return err_set(e, ESRCH, "container not running: '%s'", id);
	text_append(out, "{\"type\":\"stats\",\"id\":");
	text_json(out, id);
	text_append(out, ",\"data\":");
	r = cgroup_stats(&c.record, out, e);
	text_append(out, "}\n");
	return r;
}

void runtime_oom_close(struct runtime_oom *watch)
{
	cgroup_oom_close(&watch->oom);
}

int runtime_oom_open(struct runtime *rt, const char *id, struct runtime_oom *ret_watch,
		     struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	int r;

	r = container_open(rt, id, CONTAINER_LOOK, &c, e);
	return r < 0 ? r : cgroup_oom_open(&c.record, &ret_watch->oom, e);
}

int runtime_oom_read(struct runtime_oom *watch, struct err *e)
{
	return cgroup_oom_read(&watch->oom, e);
}
