/*
 * Ownership by scope: a variable marked own_fd, own_mem, ... gives back what it holds when it goes
 * out of scope, with errno untouched; take_fd() and take_ptr() hand it on. For memory and
 * descriptors only: what the outside world must forget is undone by labels, in order.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** fd_close() - close @fd if it is one, keep errno. Return: -EBADF, to be stored in its place. */
static inline int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -EBADF;
}

static inline void own_fd_drop(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void own_mem_drop(void *slot)
{
	int saved = errno;

	free(*(void **)slot);
	*(void **)slot = NULL;
	errno = saved;
}

static inline void own_file_drop(FILE **file)
{
	int saved = errno;

	if (*file)
		(void)fclose(*file);
	*file = NULL;
	errno = saved;
}

static inline void own_dir_drop(DIR **dir)
{
	int saved = errno;

	if (*dir)
		(void)closedir(*dir);
	*dir = NULL;
	errno = saved;
}

#define own_fd   __attribute__((cleanup(own_fd_drop)))
#define own_mem  __attribute__((cleanup(own_mem_drop)))
#define own_file __attribute__((cleanup(own_file_drop)))
#define own_dir  __attribute__((cleanup(own_dir_drop)))

/** take_fd() - move a descriptor out of @slot, which then holds none. */
static inline int take_fd(int *slot)
{
	int fd = *slot;

	*slot = -EBADF;
	return fd;
}

/** take_ptr() - move a pointer out of variable @p, which then holds NULL. */
#define take_ptr(p)                                                                                \
	__extension__({                                                                            \
		__auto_type taken_ = (p);                                                          \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
