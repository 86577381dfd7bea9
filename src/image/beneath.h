/*
 * Opening files whose path somebody else chose: always from a held directory, never out of it.
 * A thin skin over openat2(2), and over sys/path.h where the kernel lacks that.
 */
#pragma once

#include <linux/openat2.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/* No component may be a symbolic link, and nothing leads out of the directory. */
#define BENEATH_STRICT (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
/* The directory is the root: links are followed as a process inside would see them. */
#define BENEATH_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

/**
 * beneath_open() - openat2() with close-on-exec
 * @resolve: BENEATH_STRICT or BENEATH_ROOT
 *
 * Return: a descriptor, or -errno with errno set.
 */
int beneath_open(int dir_fd, const char *path, int flags, mode_t mode, unsigned long long resolve);

/**
 * beneath_read() - read a whole regular file
 * @bytes_max: longer files are refused
 *
 * Never hangs: a FIFO or a device under that name is refused.
 *
 * Return: 0 with malloc()ed bytes and a NUL behind them in @ret_bytes; -ENOENT; or -errno, with @e
 * filled.
 */
int beneath_read(int dir_fd, const char *path, unsigned long long resolve, size_t bytes_max,
		 char **ret_bytes, size_t *ret_length, struct err *e);
