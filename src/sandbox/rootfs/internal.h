/*
 * What the acting files of this folder share. Nobody else includes this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct mount_change;
struct mounter;
struct rootfs;
struct rootfs_mount;
struct rootfs_plan;

/** source_open() - clone a bind mount's source and change it as planned. -ENOENT: no such source. */
int source_open(struct mounter *mounter, const struct rootfs_mount *mount, struct err *e);

/** changes_apply() - all changes planned for @mount to the mount at @mount_fd. */
int changes_apply(struct mounter *mounter, const struct rootfs_mount *mount, int mount_fd,
		  struct err *e);

/** root_open() - clone the root and cut it off from the host's mounts. */
int root_open(struct mounter *mounter, const struct rootfs_plan *plan, bool is_parent,
	      struct err *e);

/**
 * dev_fill() - devices, links and mount points into a file system that is not attached yet
 *
 * Nobody else sees it, so that plain calls are safe.
 */
int dev_fill(const struct rootfs_plan *plan, struct rootfs *rootfs, int dev_fd, struct err *e);

/** dev_finish() - what dev_fill() could not do: devices that are bound, entries of other mounts. */
int dev_finish(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e);

/** tree_copy() - copy what is in directory @from_fd into the empty directory @to_fd. */
int tree_copy(int from_fd, int to_fd, struct err *e);
