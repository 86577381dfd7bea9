/*
 * The container's cgroup: one directory in each hierarchy of the host, with its limits, and a filter
 * for devices. What is decided (cgroup_plan_make) is pure; what acts comes in two parts: making and
 * entering, for the process that builds the container, and everything later, for processes that
 * know no more than the record. Mounting cgroup file systems inside belongs to rootfs/, the cgroup
 * namespace to namespace.h.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/host.h"

struct arena;
struct cgroup_plan;
struct err;
struct plan_request;
struct record;
struct spec;
struct spec_resources;
struct spec_strings;
struct text;

/**
 * cgroup_plan_make() - decide paths, limits and the device filter
 * @spec, @host, @request: borrowed, must outlive the plan
 *
 * cgroupsPath with the cgroupfs manager is a path from the root of each hierarchy, or one below our
 * own cgroup when it does not begin with '/'; without it, /gabion/ID. With the systemd manager it is
 * slice:prefix:name. A path with ".." is refused, as is a limit whose controller this host has not.
 *
 * Context: pure.
 * Return: 0; -EINVAL, -EOPNOTSUPP with @e filled.
 */
int cgroup_plan_make(const struct spec *spec, const struct host *host,
		     const struct plan_request *request, struct arena *arena,
		     struct cgroup_plan **ret_plan, struct err *e);

/** cgroup_plan_notes() - what was asked and has no effect here, in sentences for plan_warn(). */
const struct spec_strings *cgroup_plan_notes(const struct cgroup_plan *plan);

/** cgroup_plan_explain() - paths, limits and the device filter in words, a line for each. */
void cgroup_plan_explain(const struct cgroup_plan *plan, struct text *out);

/* A hierarchy as a container may see it: what rootfs/ needs to mount type "cgroup". */
struct cgroup_mount {
	const char *name;     /* directory below the container's mount: "cpu,cpuacct"; "" for v2 */
	const char *data;     /* mount options of a new mount: "cpu,cpuacct", "none,name=systemd"; "" */
	const char *source;   /* the container's own cgroup on the host, absolute: to bind it */
	struct {
		const char **items;
		uint32_t count;
	} aliases; /* names that are symbolic links to @name: "cpu", "cpuacct" */
	bool is_v2;
};

/**
 * cgroup_plan_mounts() - the hierarchies to show, all v1 ones or the single cgroup2 one
 *
 * With the systemd manager of a user, @source is known only to systemd and stays NULL.
 *
 * Context: pure.
 */
int cgroup_plan_mounts(const struct cgroup_plan *plan, struct arena *arena,
		       struct cgroup_mount **ret_mounts, uint32_t *ret_count, struct err *e);

/* --- making and entering ------------------------------------------------------------------ */

/* How a new process gets in. Descriptors are owned; close with cgroup_entry_close(). */
struct cgroup_entry {
	int dir_fd; /* cgroup2 directory to be born in (CLONE_INTO_CGROUP), or -EBADF */
	int tasks_fds[CGROUP_HIERARCHY_COUNT_MAX]; /* the child writes itself in, cgroup_enter_self() */
	uint32_t tasks_count;
	int helper_fd; /* systemd: the helper that holds the empty scope until we are in; or -EBADF */
	pid_t helper_pid;
};
#define CGROUP_ENTRY_NONE                                                                          \
	{                                                                                          \
		.dir_fd = -EBADF, .helper_fd = -EBADF                                              \
	}

/**
 * cgroup_plan_record() - write into @rec what cgroup_make() is about to make
 *
 * For a state file that names a cgroup before it exists, so that delete finds whatever there is
 * after we were killed. cgroup_make() does it too.
 *
 * Context: pure but for the record.
 */
int cgroup_plan_record(const struct cgroup_plan *plan, struct record *rec, struct err *e);

/**
 * cgroup_make() - make the directories, write limits, attach the device filter
 * @rec: gets the keys cgroup.*
 *
 * All limits stand before a process is inside. A cgroup that exists already is taken when it is
 * empty and not frozen. Parents are made as needed and never removed. On failure nothing stays.
 *
 * Context: parent, before the child exists, host mounts.
 * Return: 0, or -errno with @e filled.
 */
int cgroup_make(const struct cgroup_plan *plan, struct record *rec,
		struct cgroup_entry *ret_entry, struct err *e);

/**
 * cgroup_join() - as cgroup_make(), for a further process of a container that runs
 * @sub_cgroup: a path below the container's cgroup that must exist, or NULL; ".." is refused
 * @init_pid:   where the container's own cgroup takes no processes (v2, init having moved into a
 *              sub-cgroup), the cgroup of this process is taken; 0: never
 */
int cgroup_join(const struct record *rec, const char *sub_cgroup, pid_t init_pid,
		struct cgroup_entry *ret_entry, struct err *e);

/**
 * cgroup_enter_self() - go into every cgroup of @tasks_fds
 *
 * A process with a single thread that writes "0" into a v1 `tasks` file takes no lock against the
 * forks and exits of the whole machine; any other way waits for an RCU grace period.
 *
 * Context: child, one thread; no allocation.
 */
int cgroup_enter_self(const int *tasks_fds, uint32_t tasks_count, struct err *e);

/**
 * cgroup_attach_pid() - move @pid into the cgroup of @entry->dir_fd
 *
 * For when CLONE_INTO_CGROUP cannot be had: kernels before 5.7, a pids limit that is reached, a
 * cgroup which only systemd may move us to. Does nothing without a @dir_fd.
 *
 * Context: parent; @pid must not go on before this returns.
 */
int cgroup_attach_pid(const struct cgroup_entry *entry, pid_t pid, struct err *e);

/** cgroup_entry_close() - close what is open; a systemd helper is let go. The process is inside. */
void cgroup_entry_close(struct cgroup_entry *entry);

/* --- later, by the record ------------------------------------------------------------------- */

/**
 * cgroup_update() - write the limits that @resources gives; the rest stays
 *
 * Zero means "not given" where engines send it so (limit, swap, shares, quota, period, weight).
 * Limits that depend on each other are written in an order that works. With device rules the filter
 * is replaced in one step.
 */
int cgroup_update(const struct record *rec, const struct spec_resources *resources, struct err *e);

/** cgroup_freeze() - stop every process; returns when the kernel says that all have stopped. */
int cgroup_freeze(const struct record *rec, struct err *e);
int cgroup_thaw(const struct record *rec, struct err *e);

/** cgroup_is_frozen() - Return: 1, 0, or -errno with @e filled. No cgroup is not frozen. */
int cgroup_is_frozen(const struct record *rec, struct err *e);

/**
 * cgroup_signal() - send @signal to every process in the cgroup and below
 *
 * SIGKILL misses none: cgroup.kill where the kernel has it (5.14), else all are frozen first.
 *
 * Return: 0, also when no process was there; or -errno with @e filled.
 */
int cgroup_signal(const struct record *rec, int signal, struct err *e);

/** cgroup_kill() - cgroup_signal() with SIGKILL, then wait until no process is left. */
int cgroup_kill(const struct record *rec, struct err *e);

/**
 * cgroup_pids() - all processes in the cgroup and below, in ascending order
 * @ret_pids: to be freed by the caller; NULL when @ret_count is 0
 */
int cgroup_pids(const struct record *rec, pid_t **ret_pids, uint32_t *ret_count, struct err *e);

/** cgroup_stats() - append the "data" object of runc's `events --stats` to @out. */
int cgroup_stats(const struct record *rec, struct text *out, struct err *e);

/* Waits for the kernel to run out of the container's memory. */
struct cgroup_oom {
	int fd; /* to poll for reading, then cgroup_oom_read() */
	int control_fd;
	int dir_fd;
	bool is_v2;
	uint64_t seen;
};

int cgroup_oom_open(const struct record *rec, struct cgroup_oom *ret_oom, struct err *e);

/**
 * cgroup_oom_read() - what has happened since the last call?
 *
 * Return: 1 it ran out of memory, 0 nothing of note, -ENOENT the cgroup is gone or empty for good.
 */
int cgroup_oom_read(struct cgroup_oom *oom, struct err *e);
void cgroup_oom_close(struct cgroup_oom *oom);

/**
 * cgroup_delete() - remove the cgroup with all that is nested in it
 *
 * Processes must be dead or dying: a directory that is still busy is tried again for some seconds.
 * Succeeds when nothing is there.
 */
int cgroup_delete(const struct record *rec, struct err *e);

/**
 * cgroup_paths() - the container's cgroup in each hierarchy, as a JSON object for state files
 *
 * {"memory": "/sys/fs/cgroup/memory/gabion/web", ...}; for cgroup2 the key is "".
 */
int cgroup_paths(const struct record *rec, struct text *out, struct err *e);
