/*
 * What this host offers: facts that the plan may depend on, gathered once by host_probe() and the
 * walls' probes, or read from a host.json so that a plan can be made again elsewhere. Data only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct err;

enum cgroup_layout {
	CGROUP_NONE,   /* no cgroup file system mounted */
	CGROUP_V1,     /* controllers on v1 hierarchies, no cgroup2 in use */
	CGROUP_HYBRID, /* controllers on v1, a cgroup2 tree beside them at "unified" */
	CGROUP_V2,     /* one cgroup2 tree at /sys/fs/cgroup */
};

/* One mounted cgroup hierarchy. */
struct cgroup_hierarchy {
	const char *controllers; /* "cpu,cpuacct", "name=systemd"; "" for cgroup2 */
	const char *mount_point; /* "/sys/fs/cgroup/cpu,cpuacct" */
	const char *own_path;    /* our own cgroup in it, "/..." */
	bool is_v2;
};

#define CGROUP_HIERARCHY_COUNT_MAX 32

struct host {
	unsigned kernel_major;
	unsigned kernel_minor;
	uid_t euid;
	gid_t egid;
	bool is_rootless;      /* no privilege over the initial user namespace, or told so */
	bool in_userns;        /* already inside a user namespace */
	uint64_t own_caps;     /* our effective capabilities */
	uint64_t bounding_caps;
	unsigned last_cap;     /* /proc/sys/kernel/cap_last_cap */
	bool has_time_ns;
	bool has_systemd;      /* booted with systemd as init */

	enum cgroup_layout cgroup_layout;
	struct cgroup_hierarchy cgroups[CGROUP_HIERARCHY_COUNT_MAX];
	uint32_t cgroup_count;
	const char *cgroup2_controllers; /* in the cgroup2 tree, as root of its root, as a user of our
					    own cgroup: "cpu memory pids"; NULL without a tree */

	/* kept for the walls, filled by their probe() */
	bool has_seccomp_filter;
	unsigned seccomp_flags;        /* SECCOMP_FILTER_FLAG_* that the kernel knows */
	unsigned seccomp_filter_count; /* that we are under ourselves */
	bool has_selinux;
	bool selinux_is_enforcing;
	bool has_apparmor;
	bool has_bpf_lsm;
	int landlock_abi; /* 0: none */
};

/**
 * host_probe() - gather the facts that every plan needs
 * @arena: where strings go
 *
 * Few system calls: this runs at each start. What only some plans need is probed by the wall or
 * the room that needs it.
 *
 * Context: any process, host mounts.
 * Return: 0, or -errno with @e filled.
 */
int host_probe(struct arena *arena, struct host *ret_host, struct err *e);

/**
 * host_parse_cgroups() - find the cgroup hierarchies in what procfs says; a step of host_probe()
 * @mountinfo: text of /proc/self/mountinfo
 * @own:       text of /proc/self/cgroup
 *
 * A hierarchy that is mounted more than once is taken at /sys/fs/cgroup if it is there.
 *
 * Return: 0 with cgroup_layout, cgroups and cgroup_count of @ret_host filled; -ENOMEM.
 */
int host_parse_cgroups(const char *mountinfo, const char *own, struct arena *arena,
		       struct host *ret_host, struct err *e);
