/*
 * The root file system of a container, built as its plan (plan.h) says. The parent opens what only
 * it can open; the child, in its own mount namespace, attaches everything and changes root. In
 * order:
 *
 *     parent   rootfs_prepare          before clone()
 *     child    rootfs_build            needs no cgroup: may run while the parent makes cgroups
 *     child    rootfs_mount_cgroups    needs the child in its cgroup and cgroup namespace
 *     child    rootfs_open_ptmx, rootfs_bind_console   with process.terminal only
 *     child    (createContainer hooks)
 *     child    rootfs_pivot
 *     child    rootfs_finish           needs the child's network, ipc and uts namespaces
 *
 * All errors are final: the child exits and its mounts go with it. What the child calls does not
 * allocate.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sys/mounter.h"

struct err;
struct rootfs_plan;

/* The root under construction. Zeroed by rootfs_prepare(); copied by clone() into the child. */
struct rootfs {
	struct mounter mounter;
	int proc_fd;   /* borrowed */
	int root_fd;   /* the root's mount: detached after prepare or -EBADF, attached after build */
	bool cannot_mknod; /* found out: devices are bound instead */
	int dev_fd;    /* root of the file system at /dev when we made it, or -EBADF */
	int *sources;  /* for each mount of the plan what the parent opened, or -EBADF */
	uint32_t source_count;
};

/**
 * rootfs_prepare() - open what the child will not be able to open
 * @proc_fd: proc_open_root() of the caller; borrowed for the rootfs' life
 *
 * With a user namespace and a privileged parent: root and bind sources, as detached mounts; always:
 * idmapped mounts. Else nothing, cheaply.
 *
 * Context: parent, host mounts, before clone(). May fork a short-lived process (for idmaps).
 * Return: 0, or -errno with @e filled and nothing left open.
 */
int rootfs_prepare(const struct rootfs_plan *plan, int proc_fd, struct rootfs *ret_rootfs,
		   struct err *e);

/** rootfs_release() - close what is open. Both sides; the parent right after clone(). */
void rootfs_release(struct rootfs *rootfs);

/**
 * rootfs_build() - mounts of the host cut off, root attached at its path, mounts, devices, links
 *
 * Context: child, in its user and mount namespace and, if made, pid, ipc and network namespace (the
 * file systems mounted here show those). umask 0.
 */
int rootfs_build(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e);

/**
 * rootfs_mount_cgroups() - mounts of type cgroup and what lies on top of them
 *
 * Context: child, once it is in its cgroup and its cgroup namespace. Does nothing, without a system
 * call, when the plan has none.
 */
int rootfs_mount_cgroups(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e);

/**
 * rootfs_open_ptmx() - the ptmx of the container's own devpts, for a new terminal
 *
 * Where the plan has no devpts of its own, the one that the root shows at /dev/pts, if it is one.
 *
 * Return: a descriptor open for reading and writing, or -errno with @e filled.
 */
int rootfs_open_ptmx(const struct rootfs_plan *plan, const struct rootfs *rootfs, struct err *e);

/**
 * rootfs_bind_console() - show @slave_fd, from TIOCGPTPEER and never from a path (CVE-2025-52565),
 * as /dev/console
 */
int rootfs_bind_console(const struct rootfs_plan *plan, struct rootfs *rootfs, int slave_fd,
			struct err *e);

/** rootfs_pivot() - make the root "/" and let go of the host's mounts; cwd is "/" afterwards. */
int rootfs_pivot(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e);

/** rootfs_finish() - sysctls, read-only and masked paths, read-only root; cwd stays "/". */
int rootfs_finish(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e);
