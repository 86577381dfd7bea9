/*
 * A container's cgroup as the record knows it, and its files opened beneath the hierarchies' roots:
 * every path below comes from a record or a plan, is free of "..", and is resolved by openat2()
 * without links and without leaving.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "sandbox/cgroup/plan.h"

struct err;
struct record;

struct cgroup_known {
	struct arena arena;
	enum cgroup_manager manager;
	struct cgroup_places places; /* places without a path are left out */
	const char *unit;            /* systemd */
	bool is_user;                /* systemd: the user's manager */
	int sys_fd;                  /* /sys/fs/cgroup and "/", opened when needed */
	int root_fd;
};

/** cgroup_known_read() - from the record; a record without a cgroup has no places. */
int cgroup_known_read(const struct record *rec, struct cgroup_known *ret_known, struct err *e);

/** cgroup_known_write() - into the record. */
int cgroup_known_write(const struct cgroup_known *known, struct record *rec, struct err *e);
void cgroup_known_release(struct cgroup_known *known);
#define own_known __attribute__((cleanup(cgroup_known_release)))

/** cgroup_place_at() - place number @i, as a search returned it, or NULL for what was not found. */
static inline struct cgroup_place *cgroup_place_at(struct cgroup_known *known, int i)
{
	return i < 0 ? NULL : &known->places.items[i];
}

/** cgroup_main_place() - the place whose processes stand for the container's, or -1. */
int cgroup_main_place(const struct cgroup_known *known);

/**
 * cgroup_at() - how a place, or what is below it, is called from a directory that is held open
 * @below:    file or directory in the cgroup, or ""
 * @ret_name: CGROUP_NAME_BYTES long
 *
 * Return: the directory's descriptor, borrowed; -errno with @e filled.
 */
#define CGROUP_NAME_BYTES 4096
int cgroup_at(struct cgroup_known *known, const struct cgroup_place *place, const char *below,
	      char *ret_name, struct err *e);

/** cgroup_open_file() - open what is @below a place. Return: descriptor; -errno, @e is left alone
 * so that the caller can try something else; see cgroup_open_failed(). */
int cgroup_open_file(struct cgroup_known *known, const struct cgroup_place *place,
		     const char *below, int flags);

/** cgroup_file_error() - "open|write|read '/sys/fs/cgroup/...': why". Return: @r. */
int cgroup_file_error(const struct cgroup_place *place, const char *verb, const char *below, int r,
		      struct err *e);

/** cgroup_read_file() - read what fits, NUL-terminated. Return: bytes or -errno, no text. */
ssize_t cgroup_read_file(struct cgroup_known *known, const struct cgroup_place *place,
			 const char *below, char *buffer, size_t bytes);

/** cgroup_write_file() - Return: 0 or -errno, no text. */
int cgroup_write_file(struct cgroup_known *known, const struct cgroup_place *place,
		      const char *below, const char *value);

/** cgroup_write_limits() - carry out the writes of a plan, as their flags say. */
int cgroup_write_limits(struct cgroup_known *known, const struct cgroup_writes *writes,
			struct err *e);

/** cgroup_write_devices() - the same for device lists, a file being opened once. */
int cgroup_write_devices(struct cgroup_known *known, const struct cgroup_writes *writes,
			 struct err *e);

/** cgroup_filter_attach() - make @program the device filter of the cgroup2 directory @dir_fd, in
 * place of one of ours that is there. */
int cgroup_filter_attach(int dir_fd, const struct cgroup_program *program, struct err *e);

/** cgroup_known_delete() - remove all directories. */
int cgroup_known_delete(struct cgroup_known *known, struct err *e);

/** cgroup_known_pids() - as cgroup_pids(). */
int cgroup_known_pids(struct cgroup_known *known, pid_t **ret_pids, uint32_t *ret_count,
		      struct err *e);

/* --- systemd.c: what gabion-systemd does for us -------------------------------------------- */

struct cgroup_entry;

/** cgroup_scope_start() - start the scope; fills places' paths and @entry's helper. */
int cgroup_scope_start(const struct cgroup_plan *plan, struct cgroup_known *known,
		       struct cgroup_entry *entry, struct err *e);
int cgroup_scope_attach(const struct cgroup_entry *entry, pid_t pid, struct err *e);
int cgroup_scope_set(const struct cgroup_known *known, const struct cgroup_properties *properties,
		     struct err *e);
int cgroup_scope_stop(const struct cgroup_known *known, struct err *e);
