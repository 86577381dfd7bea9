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
struct err;
struct plan;
struct spec_mount;
struct text;

/* How a mount comes to be. */
enum rootfs_kind {
	ROOTFS_FRESH,   /* a file system of its own */
	ROOTFS_BIND,    /* a clone of what is at the source */
	ROOTFS_REMOUNT, /* changes to what is there already */
	ROOTFS_CGROUP,  /* cgroup_mounts() says what; entered cgroup needed */
};

enum rootfs_move {
	ROOTFS_PIVOT,  /* pivot_root() */
	ROOTFS_MOVE,   /* MS_MOVE and chroot(), for roots that cannot be pivoted */
	ROOTFS_CHROOT, /* no mount namespace of its own: chroot() only */
};

/* Who opens a source. */
enum rootfs_opener {
	ROOTFS_CHILD_OPENS,
	ROOTFS_PARENT_OPENS, /* the child, in its user namespace, might not be allowed to */
};

struct rootfs_mount {
	const struct spec_mount *spec;
	enum rootfs_kind kind;
	enum rootfs_opener opener;
	const char *destination; /* absolute */
	const char *source;      /* BIND: absolute path */
	struct mount_fs fs;      /* FRESH, REMOUNT */
	struct mount_change top; /* BIND, REMOUNT: for the mount itself */
	struct mount_change all; /* for it and all beneath; nothing when all zero */
	uint64_t propagation[2]; /* in this order; 0: none */
	bool propagation_is_recursive;
	unsigned clone_how;      /* enum mount_how */
	bool needs_real_dir;     /* target must be a directory by its own name (CVE-2019-19921) */
	bool target_no_follow;   /* dest-nofollow */
	bool is_dev;             /* the file system that /dev will show: devices go into it */
	bool is_pts;             /* the devpts that a terminal comes from */
	bool inherits_mode;      /* tmpfs without mode=: takes the mode of a target that existed */
	bool copies_up;          /* tmpcopyup */
	bool copies_symlink;     /* copy-symlink */
	bool is_optional;        /* a missing source is no error */
	bool is_late;            /* on top of a cgroup mount: waits for it */
	const char *file_label;  /* security.selinux of its root, where context= is not to be had */
	int idmap;               /* index into idmaps, -1: none */
};

/* Maps that idmapped mounts share: one user namespace for each different pair. */
struct rootfs_idmap {
	const char *userns_path; /* take this one; else: */
	const char *uid_map;     /* text for /proc/PID/uid_map */
	const char *gid_map;
};

struct rootfs_device {
	const char *path;  /* absolute in the container */
	const char *name;  /* relative to /dev: made in it before it is attached; NULL: by path */
	mode_t mode;       /* type and permissions */
	dev_t dev;
	uid_t uid;
	gid_t gid;
	bool is_default;   /* of the runtime's own set, not from linux.devices */
};

struct rootfs_link {
	const char *path; /* absolute in the container */
	const char *name; /* relative to /dev, or NULL; as above */
	const char *target;
};

struct rootfs_dir {
	const char *name; /* relative to /dev, made in it before it is attached */
};

struct rootfs_sysctl {
	const char *key;  /* as the spec writes it */
	const char *path; /* below /proc: "sys/net/..." */
	const char *value;
};

struct rootfs_plan {
	const char *root_path; /* absolute */
	enum rootfs_opener root_opener;
	enum rootfs_move move;
	bool has_userns;
	uint64_t host_propagation; /* of the host's tree in the child's mount namespace, recursive */
	uint64_t root_propagation; /* of the root's clone, recursive */
	uint64_t last_propagation; /* of "/" when all is done, with MS_REC or not; 0: none */
	bool is_readonly;

	struct rootfs_mount *mounts;
	uint32_t mount_count;
	bool has_late_mounts;

	struct rootfs_idmap *idmaps;
	uint32_t idmap_count;

	struct rootfs_dir *dev_dirs;
	uint32_t dev_dir_count;
	struct rootfs_device *devices;
	uint32_t device_count;
	bool binds_devices; /* nodes cannot be made here: the host's are bound */
	struct rootfs_link *links;
	uint32_t link_count;
	bool has_console;

	const char **masked; /* absolute */
	uint32_t masked_count;
	const char *mask_label; /* context= of the mask, or NULL */
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
