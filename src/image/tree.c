#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/tree.h"

int tree_look(int parent_fd, const char *leaf, struct err *e)
{
	struct stat st;

	if (fstatat(parent_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? TREE_NOTHING : err_sys(e, "look at '%s'", leaf);
	if (S_ISDIR(st.st_mode))
		return TREE_DIRECTORY;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))
		return TREE_WHITEOUT;
	return TREE_OTHER;
}

static int opaque_set(const struct tree *tree, int dir_fd, struct err *e)
{
	const char *name = tree->wants_userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";

	if (fsetxattr(dir_fd, name, "y", 1, 0) < 0)
		return err_sys(e, "set '%s' (the file system of the store must have it)", name);
	return 0;
}

static int directory_open(int parent_fd, const char *leaf, struct err *e)
{
	int fd = openat(parent_fd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "open directory '%s'", leaf) : fd;
}

int tree_directory(const struct tree *tree, int parent_fd, const char *leaf, struct err *e)
{
	own_fd int dir_fd = -EBADF;
	int found = tree_look(parent_fd, leaf, e);

	if (found < 0 || found == TREE_DIRECTORY)
		return found < 0 ? found : 0;
	if (found != TREE_NOTHING && unlinkat(parent_fd, leaf, 0) < 0)
		return err_sys(e, "replace '%s'", leaf);
	if (mkdirat(parent_fd, leaf, 0755) < 0)
		return err_sys(e, "make directory '%s'", leaf);
	if (found != TREE_WHITEOUT)
		return 0;
	/* A directory in place of a whiteout: those of the layers below stay hidden. */
	dir_fd = directory_open(parent_fd, leaf, e);
	return dir_fd < 0 ? dir_fd : opaque_set(tree, dir_fd, e);
}

/* Open directory @path ("" is the root), making it and what is above it. */
static int directory_make(const struct tree *tree, const char *path, struct err *e)
{
	own_fd int dir_fd = openat(tree->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];

	if (dir_fd < 0)
		return err_sys(e, "open the layer's root");
	while (*path) {
		size_t length = strcspn(path, "/");
		int next_fd, r;

		if (length > NAME_MAX)
			return err_set(e, ENAMETOOLONG, "'%s' is too long", path);
		memcpy(name, path, length);
		name[length] = '\0';
		path += length + strspn(path + length, "/");

		/* Only what is missing and whiteouts are replaced by a directory on the way. */
		r = tree_look(dir_fd, name, e);
		if (r == TREE_OTHER)
			return err_set(e, ENOTDIR,
				       "'%s' on the way is a symbolic link or a file, not a directory",
				       name);
		r = r < 0 ? r : tree_directory(tree, dir_fd, name, e);
		if (r < 0)
			return r;
		next_fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next_fd < 0)
			return err_sys(e, "open directory '%s'", name);
		(void)close(dir_fd);
		dir_fd = next_fd;
	}
	return take_fd(&dir_fd);
}

int tree_parent(const struct tree *tree, const char *path, const char **ret_leaf, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	size_t length = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (length >= sizeof(parent))
		return err_set(e, ENAMETOOLONG, "'%.200s...' is too long", path);
	*ret_leaf = slash ? slash + 1 : path;
	memcpy(parent, path, length);
	parent[length] = '\0';
	fd = beneath_open(tree->root_fd, length ? parent : ".", O_PATH | O_DIRECTORY, 0,
			  BENEATH_STRICT);
	return fd >= 0 ? fd : directory_make(tree, parent, e);
}

int tree_clear(int parent_fd, const char *leaf, struct err *e)
{
	int found = tree_look(parent_fd, leaf, e);

	if (found <= TREE_NOTHING)
		return found;
	if (found == TREE_DIRECTORY)
		return tree_remove(parent_fd, leaf, e);
	return unlinkat(parent_fd, leaf, 0) < 0 ? err_sys(e, "replace '%s'", leaf) : 0;
}

int tree_whiteout(const struct tree *tree, int parent_fd, const char *leaf, struct err *e)
{
	own_fd int dir_fd = -EBADF;
	int found = tree_look(parent_fd, leaf, e);

	switch (found) {
	case TREE_NOTHING:
		/* No capability is needed for this number, in any user namespace (Linux 5.8). */
		if (mknodat(parent_fd, leaf, S_IFCHR, makedev(0, 0)) < 0)
			return err_sys(e, "make whiteout '%s'", leaf);
		return 0;
	case TREE_DIRECTORY:
		dir_fd = directory_open(parent_fd, leaf, e);
		return dir_fd < 0 ? dir_fd : opaque_set(tree, dir_fd, e);
	default: /* a file of this layer hides the one below by itself */
		return found < 0 ? found : 0;
	}
}

int tree_opaque(const struct tree *tree, const char *path, struct err *e)
{
	own_fd int path_fd = directory_make(tree, path, e);
	own_fd int dir_fd = path_fd < 0 ? path_fd : directory_open(path_fd, ".", e);

	return dir_fd < 0 ? dir_fd : opaque_set(tree, dir_fd, e);
}

/* Names are shorter than this when directories are entered by descriptor, however deep. */
#define REMOVE_DEPTH_MAX 4096

static int remove_below(int dir_fd, unsigned depth, struct err *e);

static int remove_one(int parent_fd, const char *leaf, unsigned depth, struct err *e)
{
	int dir_fd, r;

	if (unlinkat(parent_fd, leaf, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "remove '%s'", leaf);
	/* One without permission bits is no obstacle to its owner. */
	dir_fd = openat(parent_fd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 && errno == EACCES && fchmodat(parent_fd, leaf, 0700, 0) == 0)
		dir_fd = openat(parent_fd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(e, "remove '%s'", leaf);
	r = remove_below(dir_fd, depth + 1, e); /* takes the descriptor */
	if (r == 0 && unlinkat(parent_fd, leaf, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "remove directory '%s'", leaf);
	return r;
}

static int remove_below(int dir_fd, unsigned depth, struct err *e)
{
	own_dir DIR *dir = fdopendir(dir_fd);
	struct dirent *item;
	int r = 0;

	if (!dir) {
		(void)fd_close(dir_fd);
		return err_sys(e, "read directory");
	}
	if (depth > REMOVE_DEPTH_MAX)
		return err_set(e, ELOOP, "directories are nested too deep");
	while (r == 0 && (errno = 0, item = readdir(dir)))
		if (strcmp(item->d_name, ".") && strcmp(item->d_name, ".."))
			r = remove_one(dirfd(dir), item->d_name, depth, e);
	return r < 0 || !errno ? r : err_sys(e, "read directory");
}

int tree_remove(int parent_fd, const char *leaf, struct err *e)
{
	return remove_one(parent_fd, leaf, 0, e);
}
