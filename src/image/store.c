#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/digest.h"
#include "image/store.h"

#define STORE_ROOT_SYSTEM "/var/lib/gabion/images"

static int path_join(const char *first, const char *second, char **ret_path, struct err *e)
{
	return asprintf(ret_path, "%s%s", first, second) < 0 ? err_oom(e) : 0;
}

int store_root_path(const char *root, char **ret_path, struct err *e)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	own_mem char *here = NULL;

	if (root && *root == '/')
		return path_join(root, "", ret_path, e);
	if (root) {
		here = getcwd(NULL, 0);
		if (!here)
			return err_sys(e, "current directory");
		return asprintf(ret_path, "%s/%s", here, root) < 0 ? err_oom(e) : 0;
	}
	if (geteuid() == 0)
		return path_join(STORE_ROOT_SYSTEM, "", ret_path, e);
	if (data && *data == '/')
		return path_join(data, "/gabion/images", ret_path, e);
	if (home && *home == '/')
		return path_join(home, "/.local/share/gabion/images", ret_path, e);
	return err_set(e, ENOENT, "image store: neither $XDG_DATA_HOME nor $HOME is an absolute path");
}

/* Whoever can write to the store decides what root's containers run. */
static int root_check(int root_fd, const char *root, struct err *e)
{
	struct stat st;

	if (fstat(root_fd, &st) < 0)
		return err_sys(e, "image store: stat '%s'", root);
	if (st.st_uid != geteuid())
		return err_set(e, EPERM, "image store '%s' belongs to user %u", root, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, EPERM, "image store '%s' can be written by others (mode %04o)", root,
			       st.st_mode & 07777);
	return 0;
}

static int root_open(struct image_store *store, struct err *e)
{
	own_fd int root_fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int lock_fd = -EBADF;
	int r;

	if (root_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* nothing was ever loaded */
	if (root_fd < 0)
		return err_sys(e, "image store: open '%s'", store->root);
	r = root_check(root_fd, store->root, e);
	if (r < 0)
		return r;
	lock_fd = openat(root_fd, STORE_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (lock_fd < 0 && errno == ENOENT)
		return 0; /* somebody's empty directory */
	if (lock_fd < 0)
		return err_sys(e, "image store: open '%s/" STORE_LOCK "'", store->root);
	store->root_fd = take_fd(&root_fd);
	store->lock_fd = take_fd(&lock_fd);
	return 0;
}

int image_store_open(const char *root, struct image_store *ret_store, struct err *e)
{
	own_image_store struct image_store store = IMAGE_STORE_NONE;
	int r;

	r = store_root_path(root, &store.root, e);
	if (r == 0)
		r = root_open(&store, e);
	if (r < 0)
		return r;
	*ret_store = store;
	store = (struct image_store)IMAGE_STORE_NONE;
	return 0;
}

void image_store_close(struct image_store *store)
{
	own_mem_drop(&store->root);
	store->root_fd = fd_close(store->root_fd);
	store->lock_fd = fd_close(store->lock_fd);
}

int store_lock(const struct image_store *store, int operation, struct err *e)
{
	while (flock(store->lock_fd, operation) < 0)
		if (errno != EINTR)
			return err_sys(e, "image store: lock '%s'", store->root);
	return 0;
}

void store_unlock(const struct image_store *store)
{
	(void)flock(store->lock_fd, LOCK_UN);
}

static int owner_check(const char *owner, struct err *e)
{
	size_t length = strlen(owner);

	if (!length || length > STORE_OWNER_BYTES_MAX || *owner == '.' || strchr(owner, '/'))
		return err_set(e, EINVAL, "'%.64s' cannot hold an image: not a container id", owner);
	return 0;
}

int store_hold(const struct image_store *store, const char *owner, const struct digest *id,
	       struct err *e)
{
	char path[sizeof(STORE_HOLDS) + 1 + STORE_OWNER_BYTES_MAX];
	int r = owner_check(owner, e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), STORE_HOLDS "/%s", owner);
	/* A link needs no second step: a hold that is there at all says whose it is. */
	if (symlinkat(id->text, store->root_fd, path) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "image store: hold image for '%s'", owner);
	if (unlinkat(store->root_fd, path, 0) < 0 ||
	    symlinkat(id->text, store->root_fd, path) < 0)
		return err_sys(e, "image store: renew hold of '%s'", owner);
	return 0;
}

int image_drop(const struct image_store *store, const char *owner, struct err *e)
{
	char path[sizeof(STORE_HOLDS) + 1 + STORE_OWNER_BYTES_MAX];
	int r = owner_check(owner, e);

	if (r < 0 || store->root_fd < 0)
		return r;
	(void)snprintf(path, sizeof(path), STORE_HOLDS "/%s", owner);
	if (unlinkat(store->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "image store: drop hold of '%s'", owner);
	return 0;
}
