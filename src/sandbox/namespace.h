/*
 * Making and joining namespaces, and the process inside them.
 *
 * Usually one clone3() does it. Where a pid, time or user namespace is joined, or time offsets are
 * set, a relay stands between: a short-lived child that joins, and makes the container's process
 * with CLONE_PARENT, so that it is our child all the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_entry;
struct child;
struct err;
struct plan;

struct spawn_request {
	const struct plan *plan;
	const struct child *self; /* what the new process will be; the relay acts for it */
	int parent_sync_fd; /* ends of the pair from sync_pair(); each side closes the other's */
	int child_sync_fd;
	const struct cgroup_entry *cgroup; /* to be born in, where it can be; a relay enters its
					      tasks files too. NULL: the child enters by itself */
	int target_pidfd;    /* exec: join the namespaces of this process; -EBADF: by plan->ns.join */
	const int *join_fds; /* SPEC_NS_COUNT descriptors opened from plan->ns.join, -EBADF for none */
};

/**
 * namespace_open_joins() - open and check the namespaces that the plan joins
 * @ret_fds: SPEC_NS_COUNT descriptors, -EBADF where nothing is joined; close with
 *           namespace_close_joins()
 *
 * A path that is of another kind of namespace is an error that names both.
 */
int namespace_open_joins(const struct plan *plan, int *ret_fds, struct err *e);
void namespace_close_joins(int *fds);

/**
 * namespace_spawn() - make the container's process
 * @main: what the new process runs; it never returns
 *
 * The id maps are written here, as parent, before the child is told to go on.
 *
 * Return: the pid in the parent with @ret_pidfd filled; -errno with @e filled, no process left.
 */
pid_t namespace_spawn(const struct spawn_request *request, void (*child_main)(void *context),
		      void *context, int *ret_pidfd, struct err *e);

/**
 * namespace_enter_rest() - in the new process: join and make what clone3() did not
 *
 * Takes the ids of a new user namespace once the parent has mapped them.
 *
 * Context: child; no allocation.
 */
int namespace_enter_rest(const struct spawn_request *request, struct err *e);

/** namespace_make_cgroup() - make the cgroup namespace, if one is wanted; the cgroup is entered. */
int namespace_make_cgroup(const struct plan *plan, struct err *e);
