/*
 * The interface of a wall: something that only takes away. A wall is a folder here, a line in
 * walls.c, and this struct. docs/adding-a-wall.md walks through one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct host;
struct plan;
struct record;
struct spec;
struct spec_process;
struct text;

enum stage {
	STAGE_NONE,       /* nothing was asked of this wall */
	STAGE_OUTSIDE,    /* stands around the child (a cgroup program): no apply() */
	STAGE_PRIVILEGED, /* the child still holds the capabilities it was born with */
	STAGE_DROPPED,    /* ids and capabilities final, no_new_privs set if asked for */
	STAGE_LAST,       /* only execve follows */
};

/* First member of each wall's own part. */
struct part {
	const struct wall *wall;
	enum stage stage;
	bool is_final_at_exec; /* what verify() looks at changes at execve, or is raised in
				  STAGE_LAST: look at the exec stop, not before */
	bool wants_attend;     /* apply() waits for the parent's attend() */
};

/* The half-built child, as apply() sees it. Descriptors are borrowed. */
struct child {
	int proc_fd; /* a procfs nobody else can mount over, of the child's pid namespace */
	int sync_fd; /* to the parent, see sandbox/sync.h */
	struct wall_page *page; /* shared with the parent; see below */
};

/* A page shared by parent and child: how a wall tells the parent something when no system call may
 * be made any more. */
struct wall_page {
	_Atomic int notify_fd;   /* seccomp: number of the listener in the child, plus one; 0: none */
	_Atomic int notify_done; /* seccomp: the parent has fetched it; negative errno: failed */
};

/* The workload, as verify() sees it from outside. Read fresh from a trusted procfs. */
struct witness {
	pid_t pid;
	int pidfd;
	int proc_fd;  /* /proc/PID, open as a directory */
	bool at_exec; /* at the exec stop (or just after), else just before execve */
	const char *status; /* text of /proc/PID/status */
};

struct wall {
	const char *name; /* folder, key in the state file, first word of its errors */
	size_t part_size; /* bytes; plan() receives a zeroed part this big, owned by the plan */

	/* parent: what can this kernel do, of what the spec wants? facts go into the host */
	int (*probe)(const struct spec *spec, struct host *host, struct err *e);
	/* pure: what shall be done, and at which stage? */
	int (*plan)(struct part *part, const struct spec *spec, const struct host *host,
		    struct plan *plan, struct err *e);
	/* parent: load, attach; what must be taken down later goes into the record */
	int (*prepare)(struct part *part, struct record *rec, struct err *e);
	/* child, at the part's stage: stand behind the wall */
	int (*apply)(const struct part *part, const struct child *self, struct err *e);
	/* parent, while the child may be waiting in apply(): the other half of a dialogue */
	int (*attend)(const struct part *part, const struct witness *seen, struct wall_page *page,
		      struct err *e);
	/* parent: does the kernel say that it stands? any difference is an error */
	int (*verify)(const struct part *part, const struct witness *seen, struct err *e);
	/* any later process: take down what the record names */
	int (*release)(const struct record *rec, struct err *e);
	/* pure: say it in words, one line */
	void (*explain)(const struct part *part, struct text *out);
};

/* walls.c: all walls, in their order inside a stage; NULL ends the list. */
extern const struct wall *const walls[];

/** walls_probe() - let each wall add to @host what it must know about the kernel for this spec. */
int walls_probe(const struct spec *spec, struct host *host, struct err *e);

/** walls_plan() - each wall's decision; fills plan->parts. Context: pure. */
int walls_plan(struct plan *plan, struct err *e);

/**
 * walls_prepare() - load and attach what must stand before the child exists
 *
 * On failure what was prepared is released again.
 */
int walls_prepare(struct plan *plan, struct record *rec, struct err *e);

/** walls_apply() - raise the walls of one stage. Context: child; no allocation, no log. */
int walls_apply(const struct plan *plan, enum stage stage, const struct child *self, struct err *e);

/** walls_want_attend() - does a wall of @stage wait for its attend() while it rises? */
bool walls_want_attend(const struct plan *plan, enum stage stage);

/** walls_attend() - the parent's half, for the walls of one stage. */
int walls_attend(const struct plan *plan, enum stage stage, const struct witness *seen,
		 struct wall_page *page, struct err *e);

/**
 * walls_verify() - hold what the kernel says against the plan
 *
 * With @seen->at_exec the walls that are final only then are looked at, else all others.
 */
int walls_verify(const struct plan *plan, const struct witness *seen, struct err *e);

/** walls_want_exec_stop() - must the workload be looked at when execve has just happened? */
bool walls_want_exec_stop(const struct plan *plan);

/** walls_release() - take down what @rec names; goes on after an error and returns the first. */
int walls_release(const struct record *rec, struct err *e);

void walls_explain(const struct plan *plan, struct text *out);
