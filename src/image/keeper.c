#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/digest.h"
#include "image/index.h"
#include "image/keeper.h"
#include "image/tree.h"

void work_blob(char name[WORK_NAME_BYTES], const struct digest *digest)
{
	(void)snprintf(name, WORK_NAME_BYTES, "blob.%s", digest_hex(digest));
}

void work_layer(char name[WORK_NAME_BYTES], const struct digest *diff_id)
{
	(void)snprintf(name, WORK_NAME_BYTES, "layer.%s", digest_hex(diff_id));
}

/* mkdir -p; the last component is for the owner only. */
static int root_make(const char *root, struct err *e)
{
	own_mem char *path = strdup(root);

	if (!path)
		return err_oom(e);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "image store: make directory '%s'", path);
		*slash = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "image store: make directory '%s'", path);
	return 0;
}

/* May we write trusted.* here? Only root outside of a user namespace may. */
static int xattr_probe(int root_fd, bool *ret_wants_user, struct err *e)
{
	static const char trusted[] = "trusted.overlay.probe", user[] = "user.overlay.probe";

	*ret_wants_user = fsetxattr(root_fd, trusted, "y", 1, 0) < 0;
	if (*ret_wants_user && fsetxattr(root_fd, user, "y", 1, 0) < 0)
		return err_sys(e, "image store: its file system has no extended attributes");
	(void)fremovexattr(root_fd, *ret_wants_user ? user : trusted);
	return 0;
}

/* The lock is made last: whoever sees it sees a complete, empty store. */
static int store_make(const char *root, struct err *e)
{
	static const char *const folders[] = { "blobs", STORE_BLOBS, STORE_LAYERS, STORE_HOLDS,
					       STORE_TMP };
	own_arena struct arena arena = { 0 };
	own_fd int root_fd = -EBADF, lock_fd = -EBADF;
	bool wants_userxattr;
	struct index index;
	int r = root_make(root, e);

	if (r < 0)
		return r;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(e, "image store: open '%s'", root);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdirat(root_fd, folders[i], 0700) < 0 && errno != EEXIST)
			return err_sys(e, "image store: make '%s/%s'", root, folders[i]);
	/* Two may get here at once: the directory itself is the lock for this moment. */
	if (flock(root_fd, LOCK_EX) < 0)
		return err_sys(e, "image store: lock '%s'", root);
	if (faccessat(root_fd, STORE_LOCK, F_OK, 0) == 0)
		return 0;
	r = xattr_probe(root_fd, &wants_userxattr, e);
	if (r == 0)
		r = arena_init(&arena, e);
	if (r < 0)
		return r;
	index_init(&index, &arena, wants_userxattr);
	r = index_write(root_fd, &index, e);
	if (r < 0)
		return r;
	lock_fd = openat(root_fd, STORE_LOCK, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return lock_fd < 0 ? err_sys(e, "image store: make '%s/" STORE_LOCK "'", root) : 0;
}

/* Remove the work directories of those who are gone. Under the exclusive lock. */
static int leftovers_remove(int tmp_fd, struct err *e)
{
	own_dir DIR *dir = fdopendir(dup(tmp_fd));
	struct dirent *item;
	int r = 0;

	if (!dir)
		return err_sys(e, "image store: read '" STORE_TMP "'");
	while (r == 0 && (item = readdir(dir))) {
		own_fd int fd = -EBADF;

		if (*item->d_name == '.')
			continue;
		fd = openat(tmp_fd, item->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue; /* its maker lives */
		log_debug("image store: removing what a killed helper left in '%s'", item->d_name);
		r = tree_remove(tmp_fd, item->d_name, e);
	}
	return r;
}

static int work_make(struct keeper *keeper, struct err *e)
{
	own_fd int tmp_fd = openat(keeper->store.root_fd, STORE_TMP,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[32];
	unsigned salt;
	int r;

	if (tmp_fd < 0)
		return err_sys(e, "image store: open '" STORE_TMP "'");
	r = store_lock(&keeper->store, LOCK_EX, e);
	if (r == 0)
		r = leftovers_remove(tmp_fd, e);
	if (r < 0)
		return r;
	/* Locked before the store's lock goes: no one can take it for a leftover in between. */
	if (getrandom(&salt, sizeof(salt), 0) < 0)
		return err_sys(e, "image store: random number");
	(void)snprintf(name, sizeof(name), "%d.%08x", getpid(), salt);
	if (mkdirat(tmp_fd, name, 0700) < 0)
		return err_sys(e, "image store: make '" STORE_TMP "/%s'", name);
	keeper->work_fd = openat(tmp_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (keeper->work_fd < 0 || flock(keeper->work_fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "image store: lock '" STORE_TMP "/%s'", name);
	(void)snprintf(keeper->work_path, sizeof(keeper->work_path), STORE_TMP "/%s", name);
	store_unlock(&keeper->store);
	return 0;
}

int keeper_open(const char *root, struct keeper *ret_keeper, struct err *e)
{
	own_keeper struct keeper keeper = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	own_arena struct arena arena = { 0 };
	struct index index;
	int r = image_store_open(root, &keeper.store, e);

	if (r == 0 && keeper.store.root_fd < 0) {
		own_mem char *path = take_ptr(keeper.store.root);

		r = store_make(path, e);
		if (r == 0)
			r = image_store_open(path, &keeper.store, e);
	}
	if (r == 0)
		r = work_make(&keeper, e);
	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = index_read(keeper.store.root_fd, &arena, &index, e);
	if (r < 0)
		return r;
	keeper.wants_userxattr = index.wants_userxattr;
	*ret_keeper = keeper;
	keeper = (struct keeper){ .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	return 0;
}

void keeper_close(struct keeper *keeper)
{
	if (keeper->work_fd >= 0)
		(void)tree_remove(keeper->store.root_fd, keeper->work_path, NULL);
	keeper->work_fd = fd_close(keeper->work_fd);
	image_store_close(&keeper->store);
}

int keeper_begin(struct keeper *keeper, struct arena *arena, struct index *ret_index,
		 struct err *e)
{
	int r = store_lock(&keeper->store, LOCK_EX, e);

	return r < 0 ? r : index_read(keeper->store.root_fd, arena, ret_index, e);
}

void keeper_end(struct keeper *keeper)
{
	store_unlock(&keeper->store);
}

static void place(char *path, size_t size, const char *folder, const struct digest *digest)
{
	(void)snprintf(path, size, "%s/%s", folder, digest_hex(digest));
}

bool keeper_has(const struct keeper *keeper, const char *folder, const struct digest *digest)
{
	char path[128];

	place(path, sizeof(path), folder, digest);
	return faccessat(keeper->store.root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int settle_fault(const char *path, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, EAGAIN, "'%s' was removed while it was needed", path);
	return err_sys(e, "image store: move '%s' into place", path);
}

/*
 * Contents are named by their digest: what is there already is what we would put there. Files are
 * linked, so that a second try after -EAGAIN still has them.
 */
static int settle_blob(struct keeper *keeper, const struct digest *digest, struct err *e)
{
	char name[WORK_NAME_BYTES], path[128];

	if (keeper_has(keeper, STORE_BLOBS, digest))
		return 0;
	work_blob(name, digest);
	place(path, sizeof(path), STORE_BLOBS, digest);
	if (linkat(keeper->work_fd, name, keeper->store.root_fd, path, 0) < 0)
		return settle_fault(path, e);
	return 0;
}

static int settle_layer(struct keeper *keeper, const struct digest *diff_id, struct err *e)
{
	char name[WORK_NAME_BYTES], path[128];

	if (keeper_has(keeper, STORE_LAYERS, diff_id))
		return 0;
	work_layer(name, diff_id);
	place(path, sizeof(path), STORE_LAYERS, diff_id);
	if (renameat(keeper->work_fd, name, keeper->store.root_fd, path) < 0)
		return settle_fault(path, e);
	return 0;
}

int keeper_settle(struct keeper *keeper, const struct index_image *image, struct err *e)
{
	int r = settle_blob(keeper, &image->id, e);

	if (r == 0)
		r = settle_blob(keeper, &image->manifest, e);
	for (size_t i = 0; r == 0 && i < image->layer_count; i++) {
		r = settle_blob(keeper, &image->layers[i].blob, e);
		if (r == 0)
			r = settle_layer(keeper, &image->layers[i].diff_id, e);
	}
	return r;
}

int keeper_flush(struct keeper *keeper, struct err *e)
{
	/* One call instead of an fsync() for each of a layer's files. */
	return syncfs(keeper->work_fd) < 0 ? err_sys(e, "image store: write to disk") : 0;
}

static bool is_blob_used(const struct index *index, const struct digest *digest)
{
	for (size_t i = 0; i < index->count; i++) {
		const struct index_image *image = &index->images[i];

		if (digest_equal(&image->id, digest) || digest_equal(&image->manifest, digest))
			return true;
		for (size_t k = 0; k < image->layer_count; k++)
			if (digest_equal(&image->layers[k].blob, digest))
				return true;
	}
	return false;
}

static bool is_layer_used(const struct index *index, const struct digest *digest)
{
	for (size_t i = 0; i < index->count; i++)
		for (size_t k = 0; k < index->images[i].layer_count; k++)
			if (digest_equal(&index->images[i].layers[k].diff_id, digest))
				return true;
	return false;
}

static int folder_collect(struct keeper *keeper, const char *folder, const struct index *index,
			  bool (*is_used)(const struct index *, const struct digest *),
			  struct err *e)
{
	int fd = openat(keeper->store.root_fd, folder,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	own_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *item;

	if (!dir) {
		(void)fd_close(fd);
		return err_sys(e, "image store: read '%s'", folder);
	}
	while ((item = readdir(dir))) {
		struct digest digest;
		char trash[32];

		if (*item->d_name == '.' ||
		    (digest_from_hex(item->d_name, &digest) && is_used(index, &digest)))
			continue;
		(void)snprintf(trash, sizeof(trash), "trash.%u", keeper->trash_count++);
		if (renameat(dirfd(dir), item->d_name, keeper->work_fd, trash) < 0)
			return err_sys(e, "image store: take '%s/%s' away", folder, item->d_name);
	}
	return 0;
}

int keeper_collect(struct keeper *keeper, const struct index *index, struct err *e)
{
	int r = folder_collect(keeper, STORE_LAYERS, index, is_layer_used, e);

	return r < 0 ? r : folder_collect(keeper, STORE_BLOBS, index, is_blob_used, e);
}

int keeper_holders(const struct keeper *keeper, const struct digest *id,
		   void (*each)(const char *owner, void *data), void *data, struct err *e)
{
	int fd = openat(keeper->store.root_fd, STORE_HOLDS,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	own_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *item;
	int count = 0;

	if (!dir) {
		(void)fd_close(fd);
		return err_sys(e, "image store: read '" STORE_HOLDS "'");
	}
	while ((item = readdir(dir))) {
		char target[DIGEST_LENGTH + 2];
		ssize_t length = readlinkat(dirfd(dir), item->d_name, target, sizeof(target));

		if (length != (ssize_t)DIGEST_LENGTH || memcmp(target, id->text, DIGEST_LENGTH) != 0)
			continue;
		if (each)
			each(item->d_name, data);
		count++;
	}
	return count;
}
