/*
 * The life of a container as OCI runtime-spec 1.3.0 tells it, for gabion-oci and gabion alike: what
 * is remembered between one command and the next, under which lock, and in which order things come
 * and go. How a process gets behind its walls is the sandbox's business (sandbox/sandbox.h). Nothing
 * here prints; errors are worded for the person who reads them, and for Docker and Podman, which
 * search them.
 *
 * State: ROOT/ID/ (0700) holds
 *
 *     state.json   what a later command must know, always replaced as a whole
 *     config.json  the document that the container was made from: later changes in the bundle have
 *                  no effect, as the spec wants
 *     start.sock   where a created process waits; gone once it was told to go on
 *
 * The directory is made before anything else is touched and removed after everything else is gone,
 * so `delete --force` can clear up after a runtime that was killed anywhere in between. It is also
 * the lock: flock() on it is held by each command that changes the container.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"

struct err;
struct json_object;
struct spec_process;
struct spec_resources;
struct text;

#define RUNTIME_ID_BYTES_MAX 255
#define RUNTIME_SPEC_VERSION "1.3.0"

/* --- the state root ----------------------------------------------------------------------- */

enum runtime_rootless {
	RUNTIME_ROOTLESS_AUTO,
	RUNTIME_ROOTLESS_YES,
	RUNTIME_ROOTLESS_NO,
};

struct runtime {
	const char *root; /* where states live; absolute; borrowed */
	int root_fd;      /* open on it, O_PATH is not enough: it is listed */
	enum cgroup_manager cgroup_manager;
	enum runtime_rootless rootless;
};

/**
 * runtime_open() - open the state root, made if missing (0700)
 * @root: path; borrowed for the life of @ret; NULL for runtime_default_root()
 *
 * Return: 0, or -errno with @e filled.
 */
int runtime_open(struct runtime *ret, const char *root, struct err *e);
void runtime_close(struct runtime *rt);

/** runtime_default_root() - /run/gabion, or $XDG_RUNTIME_DIR/gabion without privilege. */
const char *runtime_default_root(void);

/* --- state -------------------------------------------------------------------------------- */

enum runtime_status {
	RUNTIME_CREATING,
	RUNTIME_CREATED,
	RUNTIME_RUNNING,
	RUNTIME_PAUSED,
	RUNTIME_STOPPED,
};

struct runtime_state {
	const char *id;
	const char *oci_version; /* of the config */
	enum runtime_status status;
	pid_t pid; /* of init; 0 when stopped */
	const char *bundle;  /* absolute */
	const char *rootfs;  /* absolute */
	const char *created; /* RFC 3339 with nanoseconds */
	uid_t owner;         /* who created it */
	struct spec_pairs annotations;
};

/**
 * runtime_state() - what is remembered, held against what is alive
 *
 * Return: 0, strings live in @arena; -ENOENT with @e filled: "container 'ID' does not exist".
 */
int runtime_state(struct runtime *rt, const char *id, struct arena *arena,
		  struct runtime_state *ret_state, struct err *e);

/** runtime_state_json() - as the spec has it, with the fields that runc adds; ends in a newline. */
void runtime_state_json(const struct runtime_state *state, struct text *out);

/** runtime_status_name() - "creating", "created", ... */
const char *runtime_status_name(enum runtime_status status);

/** runtime_owner_name() - name of a user, or "#UID"; borrowed until the next call. */
const char *runtime_owner_name(uid_t uid);

/** runtime_list() - all containers of this root, by name. Damaged ones are left out, with a warning
 * in the log. */
int runtime_list(struct runtime *rt, struct arena *arena, struct runtime_state **ret_states,
		 uint32_t *ret_count, struct err *e);

/* --- create, start, run ------------------------------------------------------------------- */

struct runtime_create_request {
	const char *id;
	const char *bundle;      /* NULL: the current directory */
	const char *config_name; /* beneath the bundle; NULL: config.json */
	struct json_object *document; /* the config itself instead of a file; a reference is borrowed */
	int stdio_fds[3];
	const char *console_socket; /* path of an AF_UNIX socket that takes the terminal's master */
	int console_fd;             /* the same, connected already; -EBADF: none */
	const char *pid_file;
	const char *pidfd_socket; /* path of an AF_UNIX socket that takes a pidfd of init */
	unsigned preserve_fd_count;
	bool no_pivot;
	bool no_new_keyring;
};
#define RUNTIME_CREATE_REQUEST_INIT { .stdio_fds = { 0, 1, 2 }, .console_fd = -EBADF }

/* A process of a container, made by us: our child. */
struct runtime_process {
	pid_t pid;
	int pidfd;
};
void runtime_process_release(struct runtime_process *process);

/**
 * runtime_create() - all but the workload's first instruction
 *
 * After an error nothing is left behind. -EEXIST: the id is in use.
 */
int runtime_create(struct runtime *rt, const struct runtime_create_request *request, struct err *e);

/** runtime_start() - let a created container go on; returns when execve has happened. */
int runtime_start(struct runtime *rt, const char *id, struct err *e);

/**
 * runtime_launch() - create and start in one, without the detour over start.sock
 *
 * The workload is our child: the caller reaps it, then calls runtime_delete().
 */
int runtime_launch(struct runtime *rt, const struct runtime_create_request *request,
		   struct runtime_process *ret_process, struct err *e);

struct runtime_foreground {
	bool detach;
	bool keep;         /* leave the stopped container for a later delete */
	bool no_subreaper; /* leave orphans of the workload to init */
};

/**
 * runtime_run() - launch, attend until the workload ends, delete
 *
 * In the foreground signals are passed on and, where the config wants a terminal and no console
 * socket is given, ours is put in raw mode and relayed.
 *
 * Return: 0 with the workload's exit status (128 + N for signal N; 0 when detached).
 */
int runtime_run(struct runtime *rt, const struct runtime_create_request *request,
		const struct runtime_foreground *how, int *ret_status, struct err *e);

/* --- exec --------------------------------------------------------------------------------- */

struct runtime_exec_request {
	const char *id;
	const char *process_path; /* process.json; NULL: the config's process with these changes: */
	struct spec_strings args;
	struct spec_strings env;  /* added to the config's */
	struct spec_strings caps; /* added to bounding, effective and permitted */
	const char *cwd;
	const char *user; /* UID[:GID], numbers only; NULL: the config's */
	const uint32_t *additional_gids;
	uint32_t additional_gid_count;
	const char *process_label;
	const char *apparmor;
	bool no_new_privs;
	bool has_tty; /* @tty overrides the process's own word */
	bool tty;

	int stdio_fds[3];
	const char *console_socket;
	int console_fd;
	const char *pid_file;
	const char *pidfd_socket;
	const char *sub_cgroup; /* "[CONTROLLER:]PATH" below the container's cgroup */
	unsigned preserve_fd_count;
	bool detach;
	bool ignore_paused;
};
#define RUNTIME_EXEC_REQUEST_INIT { .stdio_fds = { 0, 1, 2 }, .console_fd = -EBADF }

/** runtime_exec() - a further process; attended like runtime_run() unless request->detach. */
int runtime_exec(struct runtime *rt, const struct runtime_exec_request *request, int *ret_status,
		 struct err *e);

/** runtime_exec_launch() - the same without attending: the caller reaps the process. */
int runtime_exec_launch(struct runtime *rt, const struct runtime_exec_request *request,
			struct runtime_process *ret_process, struct err *e);

/* --- the rest of a life ------------------------------------------------------------------- */

/** runtime_kill() - signal init, or with @all each process in the container's cgroup. */
int runtime_kill(struct runtime *rt, const char *id, int signal, bool all, struct err *e);

/**
 * runtime_delete() - take down all that create made, run poststop hooks, forget
 * @force: kill what still runs; an unknown id is success
 */
int runtime_delete(struct runtime *rt, const char *id, bool force, struct err *e);

int runtime_pause(struct runtime *rt, const char *id, struct err *e);
int runtime_resume(struct runtime *rt, const char *id, struct err *e);

/** runtime_update() - change limits; what @resources does not give stays as it is. */
int runtime_update(struct runtime *rt, const char *id, const struct spec_resources *resources,
		   struct err *e);

/** runtime_pids() - processes in the container's cgroup, as our pid namespace counts them. */
int runtime_pids(struct runtime *rt, const char *id, struct arena *arena, pid_t **ret_pids,
		 uint32_t *ret_count, struct err *e);

/** runtime_stats_json() - one line as `runc events --stats` prints it. */
int runtime_stats_json(struct runtime *rt, const char *id, struct text *out, struct err *e);

/* Waits for a container to run out of memory; see cgroup_oom_read() for what reading returns. */
struct runtime_oom {
	struct cgroup_oom oom; /* poll oom.fd */
};
int runtime_oom_open(struct runtime *rt, const char *id, struct runtime_oom *ret_watch,
		     struct err *e);
int runtime_oom_read(struct runtime_oom *watch, struct err *e);
void runtime_oom_close(struct runtime_oom *watch);

/** runtime_features() - the features document of the spec; depends on this build, not the host. */
void runtime_features(struct text *out);
