/*
 * A procfs that can be believed. Writing a label or a sysctl through "/proc/..." trusts whoever
 * mounted there; a container once made such writes land in another, quite real procfs file
 * (CVE-2019-16884, CVE-2025-52881). So a procfs is opened once, in mounts that are not the
 * container's, checked to be the root of one, and files are opened beneath it without crossing a
 * mount or following a magic link. "self" works from any process that holds the descriptor, and
 * /proc/sys shows the namespaces of who opens it.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;

/**
 * proc_open_root() - open the procfs of our own mounts, or a private one where that is not to be had
 *
 * Context: before entering mounts that a container shaped.
 * Return: an O_PATH descriptor; -errno with @e filled.
 */
int proc_open_root(struct err *e);

/**
 * proc_open_private() - a procfs mounted nowhere, of our pid namespace, that nobody can mount over
 *
 * Needs CAP_SYS_ADMIN over the pid namespace's owner, and Linux 5.2.
 */
int proc_open_private(struct err *e);

/** proc_check_root() - is @fd the root directory of a procfs? Return: 0; -EXDEV with @e filled. */
int proc_check_root(int fd, struct err *e);

/**
 * proc_open() - open @path ("self/attr/exec", "sys/net/...") beneath @proc_fd
 *
 * Return: a descriptor; -EXDEV when something is mounted over a component, -ELOOP at a magic link.
 */
int proc_open(int proc_fd, const char *path, int flags, struct err *e);

/** proc_write() - open as above and write @text in one write(). Return: 0 or -errno, @e filled. */
int proc_write(int proc_fd, const char *path, const char *text, struct err *e);

/**
 * proc_read() - open as above and read what fits, NUL-terminated
 *
 * Return: bytes read, less than @buffer_bytes; -errno with @e filled.
 */
ssize_t proc_read(int proc_fd, const char *path, char *buffer, size_t buffer_bytes, struct err *e);
