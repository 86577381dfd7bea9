/*
 * Paths that an image or a container can shape, opened and made beneath a directory descriptor. The
 * directory stands for "/": absolute symbolic links and ".." stay inside of it, whoever swaps what
 * while we look (CVE-2021-30465, CVE-2024-45310, CVE-2026-41579). Nothing here trusts a path twice:
 * what was found is returned as a descriptor.
 *
 * openat2() does the common case in one call; where the kernel lacks it, and where something has to
 * be made, a walk opens one component after another without following links, and resolves those
 * itself. No memory is allocated, so all of this may run in a half-built child.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* How a path is resolved; 0 is the default of the words above. */
enum path_how {
	PATH_NO_FOLLOW = 1 << 0,   /* a symbolic link as last component is opened itself */
	PATH_NO_SYMLINKS = 1 << 1, /* no component may be a symbolic link: ELOOP */
};

#define PATH_LINK_COUNT_MAX  40  /* as the kernel's MAXSYMLINKS */
#define PATH_DEPTH_COUNT_MAX 128 /* directories below the root that a walk holds open */

/**
 * path_open() - open @path inside of @root_fd
 * @flags: for open(), O_CLOEXEC is added; no O_CREAT
 * @how:   enum path_how
 *
 * Magic links of procfs are never followed.
 *
 * Return: a descriptor; -errno with @e filled (-ENOENT is worth testing for: nothing there).
 */
int path_open(int root_fd, const char *path, int flags, unsigned how, struct err *e);

/**
 * path_make_dir() - open directory @path inside of @root_fd, making what is missing
 * @mode:     of the last directory made; those above it get 0755. The umask applies.
 * @ret_made: NULL, or told whether the last one was made
 *
 * A dangling symbolic link is followed, and what it names is made, inside of the root.
 *
 * Return: an O_PATH descriptor, or -errno with @e filled.
 */
int path_make_dir(int root_fd, const char *path, mode_t mode, bool *ret_made, struct err *e);

/**
 * path_make_file() - as path_make_dir(), for something to mount a file on
 *
 * What is there already is opened, whatever it is but a directory.
 */
int path_make_file(int root_fd, const char *path, mode_t mode, bool *ret_made, struct err *e);

/**
 * path_make_symlink() - make symbolic link @path with text @target; parents are made
 *
 * Return: 0; -EEXIST when there is something else already (the same link is success).
 */
int path_make_symlink(int root_fd, const char *path, const char *target, struct err *e);

/**
 * path_make_node() - make a device or FIFO; parents are made
 * @mode: type and permissions
 *
 * Return: an O_PATH descriptor of it; -EEXIST when something of another type or number is there;
 * -EPERM where devices cannot be made. What is there and fits is kept as it is.
 */
int path_make_node(int root_fd, const char *path, mode_t mode, dev_t dev, struct err *e);

/**
 * path_open_parent() - open the directory that holds @path's last component; parents are made
 * @ret_leaf: receives the last component, PATH_LEAF_BYTES long
 *
 * For callers that make or replace the last component themselves, by descriptor and name, without
 * following it.
 */
#define PATH_LEAF_BYTES 256
int path_open_parent(int root_fd, const char *path, char *ret_leaf, struct err *e);
