/*
 * One container as a command holds it: its directory below the state root, the lock, and what
 * state.json says. For the files of this folder; runtime.h is what others see.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "runtime/runtime.h"
#include "wall/record.h"

struct err;
struct json_object;
struct text;

/* How far `create` has come; the rest of the status is seen from what is alive. */
enum container_phase {
	CONTAINER_CREATING,
	CONTAINER_CREATED, /* all is made; start.sock tells whether it was started */
};

struct container {
	struct arena arena; /* all strings */
	struct runtime *runtime;
	const char *id;
	int dir_fd;  /* ROOT/ID; what is in it was written by us or our like: 0700 */
	int lock_fd; /* -EBADF when the lock is not held */

	/* --- state.json --- */
	enum container_phase phase;
	pid_t init_pid;        /* 0: there is none yet */
	uint64_t init_start;   /* its start time in ticks since boot: pids are used again */
	const char *boot_id;   /* of the boot that init_start counts from */
	const char *oci_version;
	const char *bundle;
	const char *rootfs;
	const char *created;
	uid_t owner;
	struct spec_pairs annotations;
	/* what start and exec must know to make the plan again */
	enum cgroup_manager cgroup_manager;
	bool no_pivot;
	bool no_new_keyring;
	struct record record; /* what delete must take down */
};

/** container_check_id() - is @id fit to be a directory name? Return: 0; -EINVAL with @e filled. */
int container_check_id(const char *id, struct err *e);

/**
 * container_name() - begin with an id: nothing exists yet but memory
 * @ret: initialised; container_close() in any case
 */
int container_name(struct runtime *rt, const char *id, struct container *ret, struct err *e);

/**
 * container_claim() - make the directory of a named container, take its lock
 *
 * container_forget() undoes it. Return: 0; -EEXIST with @e filled when the id is taken.
 */
int container_claim(struct container *c, struct err *e);

enum container_access {
	CONTAINER_LOOK,   /* without the lock */
	CONTAINER_CHANGE, /* with it: waits for whoever holds it */
};

/**
 * container_open() - open a container that exists, read its state
 *
 * A directory without a state (its runtime was killed early) is opened as one that is creating and
 * has nothing to take down.
 *
 * Return: 0; -ENOENT with @e filled; -EINVAL for a damaged state.
 */
int container_open(struct runtime *rt, const char *id, enum container_access access,
		   struct container *ret, struct err *e);

/** container_save() - replace state.json as a whole. The lock is held. */
int container_save(const struct container *c, struct err *e);

/** container_write() - make or replace file @name in the directory, not atomically. */
int container_write(const struct container *c, const char *name, const char *bytes, size_t length,
		    struct err *e);

/** container_note_init() - remember which process is init; not saved yet. */
int container_note_init(struct container *c, pid_t pid, struct err *e);

/** container_is_locked() - does some other process hold the lock? */
bool container_is_locked(const struct container *c);

/** container_unlock() - let others change the container; it stays open for looking. */
void container_unlock(struct container *c);

/** container_forget() - remove the directory and all that is in it. The lock is held. */
int container_forget(struct container *c, struct err *e);

/** container_close() - release descriptors, lock and memory. */
void container_close(struct container *c);

/** container_init_alive() - is init still there, and not a zombie? */
bool container_init_alive(const struct container *c);

/**
 * container_open_init() - a pidfd of init, surely of it and not of a later process of that number
 *
 * Return: descriptor; -ESRCH with @e filled when it has ended.
 */
int container_open_init(const struct container *c, struct err *e);

/** container_status() - now. Context: the cgroup is looked at, to tell running from paused. */
enum runtime_status container_status(const struct container *c);

/** container_state_json() - the state document that hooks receive. */
void container_state_json(const struct container *c, enum runtime_status status, pid_t pid,
			  struct text *out);

static inline void own_container_drop(struct container *c)
{
	container_close(c);
}
#define own_container __attribute__((cleanup(own_container_drop)))
#define CONTAINER_NONE { .dir_fd = -EBADF, .lock_fd = -EBADF }
