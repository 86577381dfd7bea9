/*
 * The plan: all decisions about one container, made from its spec and from facts about the host,
 * before anything is touched. Making it is pure: no system call, no clock, no environment. What
 * acts on it (sandbox/, the walls) decides nothing. A plan lives in one arena and borrows the spec.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spec/spec.h"

struct arena;
struct cgroup_plan;
struct err;
struct host;
struct part;
struct rootfs_plan;
struct text;

#define WALL_COUNT_MAX 8

enum cgroup_manager {
	CGROUP_MANAGER_CGROUPFS,
	CGROUP_MANAGER_SYSTEMD,
	CGROUP_MANAGER_DISABLED,
};

/* What the caller asks beside the spec: options of the command line. */
struct plan_request {
	const char *id;
	const char *bundle; /* absolute path of the bundle */
	enum cgroup_manager cgroup_manager;
	bool no_pivot;       /* MS_MOVE instead of pivot_root: for initramfs roots */
	bool no_new_keyring; /* keep the caller's session keyring */
	bool is_exec;        /* a further process of a container that runs: rooms stand already */
};

/* Which namespaces are made and which are joined. */
struct plan_namespaces {
	int new_flags;                   /* CLONE_NEW* to make */
	const char *join[SPEC_NS_COUNT]; /* paths to join, NULL for none */
	bool needs_relay; /* user, pid or time is joined, or time made: a process between us and the
			     container does that, see sandbox/namespace.h */
};

/* Ids, capabilities and what else belongs to the process rather than to a room. */
struct plan_creds {
	uint64_t bounding; /* final sets: what was asked, less what cannot be had */
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
	uint64_t ambient;
	bool has_caps; /* false: capabilities are left as they are */
	bool deny_setgroups; /* single-id gid map made without privilege (CVE-2018-7169) */
};

/* What SELinux and others want the rooms to carry; filled by the walls' plan(). */
struct plan_labels {
	const char *mount;   /* context= of every mount that we make, or NULL */
	const char *keyring; /* label of the session keyring, or NULL */
};

struct plan {
	struct arena *arena;
	const struct spec *spec;
	const struct host *host;
	struct plan_request request;
	struct plan_namespaces ns;
	struct plan_creds creds;
	struct plan_labels labels;
	struct rootfs_plan *rootfs; /* sandbox/rootfs/plan.h; NULL when is_exec */
	struct cgroup_plan *cgroup; /* sandbox/cgroup/cgroup.h */
	struct part *parts[WALL_COUNT_MAX]; /* one for each wall, in the order of walls.c */
	struct spec_strings warnings; /* what was asked and cannot be, in sentences */
};

/**
 * plan_make() - decide namespaces, ids and capabilities; the rooms' and walls' parts are added by
 * sandbox_plan()
 * @spec, @host, @arena: borrowed, must outlive the plan
 *
 * Context: pure.
 * Return: 0, or -errno with @e filled: what was asked cannot be done here.
 */
int plan_make(const struct spec *spec, const struct host *host, const struct plan_request *request,
	      struct arena *arena, struct plan *ret_plan, struct err *e);

/** plan_warn() - note a sentence for the user in plan->warnings. */
int plan_warn(struct plan *plan, struct err *e, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** plan_explain() - namespaces, ids and capabilities in words, a line for each step. */
void plan_explain(const struct plan *plan, struct text *out);
