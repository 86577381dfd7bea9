#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sys/guard.h"
#include "sys/path.h"

#define PATH_BYTES 4096

/* openat2() with what path.h promises. Return: descriptor; -1 with errno. */
static int open_by_kernel(int root_fd, const char *path, int flags, unsigned how)
{
	struct open_how request = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = GUARD(E13) ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS : 0,
	};
	const char *relative = path + strspn(path, "/");
	int retries = 0;
	int fd;

	if (how & PATH_NO_FOLLOW)
		request.flags |= O_NOFOLLOW;
	if (how & PATH_NO_SYMLINKS)
		request.resolve |= RESOLVE_NO_SYMLINKS;

	/* EAGAIN: a rename somewhere in the system while ".." was resolved; see openat2(2) */
	do
		fd = (int)syscall(SYS_openat2, root_fd, *relative ? relative : ".", &request,
				  sizeof(request));
	while (fd < 0 && errno == EAGAIN && ++retries < 64);
	return fd;
}

/*
 * A walk: the directories from the root down to where we are, all held open, so that ".." is the one
 * we came from, wherever an attacker may have moved it to meanwhile.
 */
struct walk {
	int root_fd; /* borrowed */
	int fds[PATH_DEPTH_COUNT_MAX];
	unsigned depth;
	unsigned link_count;
	char rest[PATH_BYTES]; /* what is still to be resolved */
};

enum walk_goal {
	WALK_GOAL_PARENT, /* stop in the directory that holds the last component */
	WALK_GOAL_ENTRY,  /* resolve the last component too, following links */
};

static int walk_here(const struct walk *walk)
{
	return walk->depth ? walk->fds[walk->depth - 1] : walk->root_fd;
}

static void walk_up(struct walk *walk)
{
	if (walk->depth)
		(void)fd_close(walk->fds[--walk->depth]);
}

static void walk_release(struct walk *walk)
{
	while (walk->depth)
		walk_up(walk);
}

static int walk_start(struct walk *walk, int root_fd, const char *path, struct err *e)
{
	walk->root_fd = root_fd;
	walk->depth = 0;
	walk->link_count = 0;
	if (strlen(path) >= sizeof(walk->rest))
		return err_set(e, ENAMETOOLONG, "path '%.64s...' is too long", path);
	strcpy(walk->rest, path);
	return 0;
}

/* Cut the next component off the rest. Return: its length; 0 at the end; -errno. */
static int walk_next(struct walk *walk, char *ret_name, bool *ret_is_last)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");
	const char *after = start + length + strspn(start + length, "/");

	if (length >= PATH_LEAF_BYTES)
		return -ENAMETOOLONG;
	memcpy(ret_name, start, length);
	ret_name[length] = '\0';
	*ret_is_last = !*after;
	memmove(walk->rest, after, strlen(after) + 1);
	return (int)length;
}

/* Put the text of link @link_fd in front of the rest. */
static int walk_follow(struct walk *walk, int link_fd)
{
	char text[PATH_BYTES];
	size_t rest_length = strlen(walk->rest);
	ssize_t length;

	if (++walk->link_count > PATH_LINK_COUNT_MAX)
		return -ELOOP;
	length = readlinkat(link_fd, "", text, sizeof(text));
	if (length < 0)
		return -errno;
	if (length == 0)
		return -ENOENT;
	if ((size_t)length + 1 + rest_length + 1 > sizeof(walk->rest))
		return -ENAMETOOLONG;

	if (text[0] == '/')
		walk_release(walk);
	memmove(walk->rest + length + 1, walk->rest, rest_length + 1);
	memcpy(walk->rest, text, (size_t)length);
	walk->rest[length] = '/';
	return 0;
}

static int walk_down(struct walk *walk, int *fd)
{
	if (walk->depth == PATH_DEPTH_COUNT_MAX)
		return -ENAMETOOLONG;
	walk->fds[walk->depth++] = take_fd(fd);
	return 0;
}

/* Open entry @name of where we are, as it is: a link stays a link. */
static int walk_look(const struct walk *walk, const char *name)
{
	int fd = openat(walk_here(walk), name,
			O_PATH | (GUARD(E14) ? O_NOFOLLOW : 0) | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The same for a directory on the way, making it when it is missing and @makes. */
static int walk_look_or_make(const struct walk *walk, const char *name, bool makes)
{
	int tries = 0;
	int fd;

	do {
		fd = walk_look(walk, name);
		if (fd != -ENOENT || !makes)
			return fd;
		if (mkdirat(walk_here(walk), name, 0755) < 0 && errno != EEXIST)
			return -errno;
	} while (++tries < 64); /* somebody removes what we make */
	return fd;
}

/*
 * Resolve the rest. On 0 with WALK_GOAL_PARENT, or with WALK_GOAL_ENTRY and a last component that is
 * missing, the walk stands in its parent and @leaf names it. With WALK_GOAL_ENTRY and a last
 * component that is there, 1: *ret_fd is it. A path that ends at a directory by itself ("/", "..")
 * is 1 as well, with a duplicate of that directory.
 */
static int walk_run(struct walk *walk, enum walk_goal goal, bool makes, unsigned how, char *leaf,
		    int *ret_fd)
{
	for (;;) {
		own_fd int fd = -EBADF;
		struct stat st;
		bool is_last;
		int r;

		r = walk_next(walk, leaf, &is_last);
		if (r < 0)
			return r;
		if (r == 0) {
			/* not dup(): a duplicate would share flags, and O_PATH of the root is wanted */
			*ret_fd = openat(walk_here(walk), ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
			return *ret_fd < 0 ? -errno : 1;
		}
		if (strcmp(leaf, ".") == 0)
			continue;
		if (strcmp(leaf, "..") == 0) {
			walk_up(walk);
			continue;
		}
		if (is_last && goal == WALK_GOAL_PARENT)
			return 0;

		fd = walk_look_or_make(walk, leaf, makes && !is_last);
		if (fd == -ENOENT && is_last)
			return 0;
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;

		if (S_ISLNK(st.st_mode)) {
			if (how & PATH_NO_SYMLINKS)
				return -ELOOP;
			if (!(is_last && (how & PATH_NO_FOLLOW))) {
				r = walk_follow(walk, fd);
				if (r < 0)
					return r;
				continue;
			}
		}
		if (is_last) {
			*ret_fd = take_fd(&fd);
			return 1;
		}
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		r = walk_down(walk, &fd);
		if (r < 0)
			return r;
	}
}

/*
 * openat2() played in user space. The entry is found as an O_PATH descriptor; to open it for more,
 * its name is opened again below the parent that the walk holds, and the two must be one file.
 */
static int open_by_walk(int root_fd, const char *path, int flags, unsigned how, struct err *e)
{
	own_fd int entry_fd = -EBADF;
	own_fd int fd = -EBADF;
	char leaf[PATH_LEAF_BYTES];
	struct stat before, after;
	struct walk walk;
	int r;

	r = walk_start(&walk, root_fd, path, e);
	if (r < 0)
		return r;
	if (flags & O_NOFOLLOW)
		how |= PATH_NO_FOLLOW;
	r = walk_run(&walk, WALK_GOAL_ENTRY, false, how, leaf, &entry_fd);
	if (r <= 0) {
		walk_release(&walk);
		errno = r < 0 ? -r : ENOENT;
		return -1;
	}

	if ((flags & O_PATH) && !(flags & O_DIRECTORY)) {
		walk_release(&walk);
		return take_fd(&entry_fd);
	}
	/* an entry that is "." opens itself */
	fd = leaf[0] ? openat(walk_here(&walk), leaf, flags | O_NOFOLLOW | O_CLOEXEC) :
		       openat(entry_fd, ".", flags | O_CLOEXEC);
	walk_release(&walk);
	if (fd < 0 || fstat(entry_fd, &before) < 0 || fstat(fd, &after) < 0)
		return -1;
	if (before.st_dev != after.st_dev || before.st_ino != after.st_ino) {
		errno = EAGAIN;
		return -1;
	}
	return take_fd(&fd);
}

int path_open(int root_fd, const char *path, int flags, unsigned how, struct err *e)
{
	int fd;

	fd = open_by_kernel(root_fd, path, flags, how);
	if (fd < 0 && errno == ENOSYS)
		fd = open_by_walk(root_fd, path, flags, how, e);
	if (fd < 0)
		return err_sys(e, "open '%s' in the root", path);
	return fd;
}

/* Walk to @path, making what is on the way, and say which file it was in an error. */
static int walk_to(struct walk *walk, int root_fd, const char *path, enum walk_goal goal, char *leaf,
		   int *ret_fd, struct err *e)
{
	int r;

	r = walk_start(walk, root_fd, path, e);
	if (r < 0)
		return r;
	r = walk_run(walk, goal, true, 0, leaf, ret_fd);
	if (r < 0) {
		walk_release(walk);
		errno = -r;
		return err_sys(e, "make '%s' in the root", path);
	}
	return r;
}

static int make_entry(int dir_fd, const char *name, bool is_dir, mode_t mode)
{
	int fd;

	if (is_dir)
		return mkdirat(dir_fd, name, mode);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	(void)fd_close(fd);
	return 0;
}

static int path_make(int root_fd, const char *path, bool is_dir, mode_t mode, bool *ret_made,
		     struct err *e)
{
	own_fd int fd = -EBADF;
	char leaf[PATH_LEAF_BYTES];
	struct walk walk;
	struct stat st;
	int r;

	if (ret_made)
		*ret_made = false;

	/* mostly it is there already, and that is one call */
	fd = open_by_kernel(root_fd, path, O_PATH | (is_dir ? O_DIRECTORY : 0), 0);
	if (fd >= 0 && is_dir)
		return take_fd(&fd);
	if (fd < 0) {
		r = walk_to(&walk, root_fd, path, WALK_GOAL_ENTRY, leaf, &fd, e);
		if (r < 0)
			return r;
		if (r == 0) {
			/* an entry that appears under our hands is an attack or a mistake: EEXIST */
			if (make_entry(walk_here(&walk), leaf, is_dir, mode) == 0)
				fd = openat(walk_here(&walk), leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
			r = fd < 0 ? err_sys(e, "make '%s' in the root", path) : 0;
			if (ret_made)
				*ret_made = true;
		}
		walk_release(&walk);
		if (r < 0)
			return r;
	}

	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at '%s'", path);
	if (is_dir && !S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "'%s' in the root is not a directory", path);
	if (!is_dir && S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "'%s' in the root is a directory, not a file", path);
	return take_fd(&fd);
}

int path_make_dir(int root_fd, const char *path, mode_t mode, bool *ret_made, struct err *e)
{
	return path_make(root_fd, path, true, mode, ret_made, e);
}

int path_make_file(int root_fd, const char *path, mode_t mode, bool *ret_made, struct err *e)
{
	return path_make(root_fd, path, false, mode, ret_made, e);
}

int path_open_parent(int root_fd, const char *path, char *ret_leaf, struct err *e)
{
	own_fd int fd = -EBADF;
	struct walk walk;
	int r;

	r = walk_to(&walk, root_fd, path, WALK_GOAL_PARENT, ret_leaf, &fd, e);
	if (r < 0)
		return r;
	if (r == 1) {
		walk_release(&walk);
		return err_set(e, EINVAL, "'%s' does not name an entry of a directory", path);
	}
	if (walk.depth)
		fd = take_fd(&walk.fds[--walk.depth]);
	else
		fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	walk_release(&walk);
	return fd < 0 ? err_sys(e, "open the directory of '%s'", path) : take_fd(&fd);
}

int path_make_symlink(int root_fd, const char *path, const char *target, struct err *e)
{
	own_fd int dir_fd = -EBADF;
	char leaf[PATH_LEAF_BYTES];
	char there[PATH_BYTES];
	ssize_t length;

	dir_fd = path_open_parent(root_fd, path, leaf, e);
	if (dir_fd < 0)
		return dir_fd;
	if (symlinkat(target, dir_fd, leaf) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "make symbolic link '%s'", path);
	length = readlinkat(dir_fd, leaf, there, sizeof(there));
	if (length == (ssize_t)strlen(target) && memcmp(there, target, (size_t)length) == 0)
		return 0;
	return err_set(e, EEXIST, "'%s' is there already and not a link to '%s'", path, target);
}

int path_make_node(int root_fd, const char *path, mode_t mode, dev_t dev, struct err *e)
{
	own_fd int dir_fd = -EBADF;
	own_fd int fd = -EBADF;
	char leaf[PATH_LEAF_BYTES];
	struct stat st;

	dir_fd = path_open_parent(root_fd, path, leaf, e);
	if (dir_fd < 0)
		return dir_fd;
	if (mknodat(dir_fd, leaf, mode, dev) < 0 && errno != EEXIST)
		return err_sys(e, "make device '%s'", path);
	fd = openat(dir_fd, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "look at device '%s'", path);
	if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && st.st_rdev != dev))
		return err_set(e, EEXIST, "'%s' is there already and not device %c %u:%u", path,
			       S_ISBLK(mode) ? 'b' : (S_ISFIFO(mode) ? 'p' : 'c'), major(dev),
			       minor(dev));
	return take_fd(&fd);
}
