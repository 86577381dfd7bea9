/*
 * What the root file system shall look like: every mount with its strategy, flags and data, the
 * devices, links, masked and read-only paths, decided before anything is touched. Made from the spec,
 * pure, acted upon by rootfs.h. Lives in the plan's arena, borrows the spec.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/mounter.h"

struct arena;
struct cgroup_mount;
struct err;
struct plan;
struct spec_mount;
struct text;

/* How a mount comes to be. */
enum rootfs_kind {
	ROOTFS_FRESH,   /* a file system of its own */
	ROOTFS_BIND,    /* a clone of what is at the source */
	ROOTFS_REMOUNT, /* changes to what is there already */
	ROOTFS_CGROUP,  /* the container's cgroup, in each hierarchy; must be entered before */
};

enum rootfs_move {
	ROOTFS_PIVOT,  /* pivot_root() */
	ROOTFS_MOVE,   /* MS_MOVE and chroot(), for roots that cannot be pivoted */
	ROOTFS_CHROOT, /* no mount namespace of its own: chroot() only */
};

/* All recursive attributes, those of the top mount, two kinds of propagation. */
#define ROOTFS_CHANGE_COUNT_MAX 4

struct rootfs_mount {
	const struct spec_mount *spec;
	enum rootfs_kind kind;
	const char *destination; /* absolute */
	const char *source;      /* BIND: absolute path */
	struct mount_fs fs;      /* FRESH, REMOUNT */
	/* BIND, REMOUNT, FRESH: in this order, before the mount is attached; nothing when zero */
	struct mount_change changes[ROOTFS_CHANGE_COUNT_MAX];
	uint32_t change_count;
	unsigned clone_how;      /* BIND: enum mount_how */
	int idmap;               /* BIND: index into the plan's idmaps, -1: none */
	bool idmap_is_recursive;
	const char *file_label;  /* security.selinux of its root, where context= is not to be had */
	struct cgroup_mount *cgroups;  /* CGROUP */
	struct mount_fs *cgroup_fs;    /* CGROUP: each of them as a mount of its own */
	uint32_t cgroup_count;

	bool parent_opens : 1;   /* the child, in its user namespace, might not be allowed to */
	bool remounts_fs : 1;    /* REMOUNT: the superblock, not only this mount of it */
	bool by_descriptor : 1;  /* FRESH: its root is needed before it is attached */
	bool needs_real_dir : 1; /* target must be a directory by its own name (CVE-2019-19921) */
	bool target_no_follow : 1; /* dest-nofollow */
	bool may_be_in_proc : 1; /* target is one of the few files of procfs that may be covered */
	bool is_dev : 1;         /* devices go into it before it is attached */
	bool inherits_mode : 1;  /* tmpfs without mode=: takes the mode of a target that existed */
	bool copies_up : 1;      /* tmpcopyup */
	bool copies_symlink : 1; /* copy-symlink */
	bool is_optional : 1;    /* a missing source is no error */
	bool is_late : 1;        /* a cgroup, or on top of one: waits until it is entered */
};

/* Maps that idmapped mounts share: one user namespace for each different pair. */
struct rootfs_idmap {
	const char *userns_path; /* take this one; else: */
	const char *uid_map;     /* text for /proc/PID/uid_map */
	const char *gid_map;
};

struct rootfs_device {
	const char *path;  /* absolute in the container */
	const char *name;  /* relative to /dev: made in it before it is attached; NULL: by path, later */
	mode_t mode;       /* type and permissions */
	dev_t dev;
	uid_t uid;
	gid_t gid;
};

struct rootfs_link {
	const char *path; /* absolute in the container */
	const char *name; /* relative to /dev, or NULL; as above */
	const char *target;
};

struct rootfs_sysctl {
	const char *key;  /* as the spec writes it */
	const char *path; /* below /proc: "sys/net/..." */
	const char *value;
};

struct rootfs_plan {
	const char *root_path; /* absolute */
	enum rootfs_move move;
	bool parent_opens; /* the root, if it can: the child is in a user namespace */
	uint64_t host_propagation; /* of the host's tree in the child's mount namespace, recursive */
	uint64_t root_propagation; /* of the root's clone, recursive */
	uint64_t last_propagation; /* of "/" when all is done, with MS_REC or not; 0: none */
	bool is_readonly;
	bool dev_is_readonly; /* once all is in it */
	bool has_cgroupns;

	struct rootfs_mount *mounts;
	uint32_t mount_count;
	bool has_late_mounts;

	struct rootfs_idmap *idmaps;
	uint32_t idmap_count;

	const char **dev_dirs; /* relative to /dev, made in it before it is attached */
	uint32_t dev_dir_count;
	struct rootfs_device *devices;
	uint32_t device_count;
	bool binds_devices; /* nodes cannot be made here: the host's are bound */
	struct rootfs_link *links;
	uint32_t link_count;
	bool has_console;

	const char **masked; /* absolute */
	uint32_t masked_count;
	struct mount_fs mask; /* covers directories: empty, read-only, one for all of them */
	const char **readonly;
	uint32_t readonly_count;
	struct rootfs_sysctl *sysctls;
	uint32_t sysctl_count;
};

/**
 * rootfs_plan_make() - decide about the root file system
 * @plan: spec, host, request, ns, creds and labels are read; everything new goes to plan->arena
 *
 * Context: pure; after the walls have planned (they say the labels).
 * Return: 0 and plan->rootfs set; -errno with @e filled.
 */
int rootfs_plan_make(struct plan *plan, struct err *e);

/** rootfs_plan_explain() - the plan in words, one line for each step in the order of acting. */
void rootfs_plan_explain(const struct rootfs_plan *rootfs, struct text *out);
