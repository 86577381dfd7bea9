/*
 * The sandbox: from a plan to a process behind its walls. This is what the life cycle (runtime/)
 * calls; how parent and child do it stands in parent.c and child.c, what they say to each other in
 * sync.h.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct arena;
struct err;
struct host;
struct plan;
struct plan_request;
struct record;
struct spec;
struct text;

/* What the caller hands over. Descriptors are borrowed. */
struct sandbox_request {
	int bundle_fd;   /* the bundle, open as a directory */
	int state_fd;    /* the container's state directory: start.sock is made there; -EBADF for a
			    process that starts at once */
	int console_fd;  /* connected AF_UNIX socket that takes the terminal's master; -EBADF: none */
	int stdio_fds[3]; /* what the workload gets as 0, 1, 2 */
	unsigned preserve_fd_count; /* descriptors 3 .. 3+N-1 pass through to the workload */
	pid_t target_pid; /* exec: the container's init; else 0 */
	const char *sub_cgroup; /* exec: run in this cgroup below the container's; NULL: in its own */
	/* run the hooks of one enum spec_hook_point with the container's state; see
	 * runtime/hooks.h. NULL: none. Context: the caller for prestart and createRuntime, the child
	 * for createContainer and startContainer (a single-threaded fork, so it may allocate).
	 * @pid: the init process as the runtime's pid namespace counts; in the child as well */
	int (*run_hooks)(void *hook_context, int point, pid_t pid, struct err *e);
	void *hook_context;
	/* called once the process exists, before it goes on: write its pid down so that a later
	 * delete finds it whatever happens to us. NULL: none */
	int (*note_pid)(void *note_context, pid_t pid, struct err *e);
	void *note_context;
};

/* A process that has been made. */
struct sandbox {
	pid_t pid;
	int pidfd;
	int sync_fd; /* our end; the child waits there for sandbox_go() or sandbox_detach() */
	int page_fd; /* shared with walls that want it, else -EBADF */
};

/**
 * sandbox_plan() - the whole plan: plan_make(), then the rooms' parts, then the walls'
 * @host: walls add to it what their probe() finds
 *
 * Context: parent. Pure but for the probes.
 */
int sandbox_plan(const struct spec *spec, struct host *host, const struct plan_request *request,
		 struct arena *arena, struct plan *ret_plan, struct err *e);

/** sandbox_explain() - the plan in words, in the order of acting. */
void sandbox_explain(const struct plan *plan, struct text *out);

/**
 * sandbox_create() - build rooms, raise walls, stop before the workload
 * @rec: receives what must be taken down later
 *
 * On failure all that was made is taken down again: process, cgroup, mounts, what walls loaded.
 *
 * Context: a single-threaded process that may fork.
 * Return: 0; -errno with @e filled.
 */
int sandbox_create(struct plan *plan, const struct sandbox_request *request, struct record *rec,
		   struct sandbox *ret_sandbox, struct err *e);

/**
 * sandbox_go() - let the process that sandbox_create() made go on to its workload
 *
 * Returns when execve has happened and the walls were read back from the kernel, or with the error
 * that the child met. A wall that does not stand kills the process.
 */
int sandbox_go(const struct plan *plan, struct sandbox *sandbox, struct err *e);

/**
 * sandbox_detach() - leave the process waiting at start.sock for sandbox_start()
 *
 * Until this call the child dies with us. Call it when the state file names the process.
 */
int sandbox_detach(struct sandbox *sandbox, struct err *e);

/**
 * sandbox_start() - sandbox_go() from a process that did not make the sandbox
 * @plan: made again from the saved spec, for the walls' verify()
 */
int sandbox_start(const struct plan *plan, int state_fd, pid_t pid, int pidfd, struct err *e);

/**
 * sandbox_exec() - a further process in a running container, up to the point before its workload
 * @plan: made with request.is_exec; the namespaces of @request->target_pid are joined
 * @rec:  of the container: says which cgroup to enter
 *
 * sandbox_go() comes next.
 */
int sandbox_exec(struct plan *plan, const struct sandbox_request *request,
		 const struct record *rec, struct sandbox *ret_sandbox, struct err *e);

void sandbox_release(struct sandbox *sandbox);
