#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sys/mounter.h"

#define FD_PATH_BYTES 64

/* --- flags -------------------------------------------------------------------------------- */

/* One attribute of a mount in the three alphabets that the kernel has for it. */
static const struct flag {
	uint64_t attr;
	unsigned long ms;
	unsigned long st; /* as statvfs() tells it; 0: it does not */
} flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME, ST_NOATIME },
	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME, 0 },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, 0x2000 /* ST_NOSYMFOLLOW, glibc 2.37 */ },
};
#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

static unsigned long ms_of_attrs(uint64_t attrs)
{
	unsigned long ms = 0;

	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (attrs & flags[i].attr)
			ms |= flags[i].ms;
	return ms;
}

static uint64_t attrs_of_mount(int mount_fd)
{
	struct statvfs vfs;
	uint64_t attrs = 0;

	if (fstatvfs(mount_fd, &vfs) < 0)
		return 0;
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (vfs.f_flag & flags[i].st)
			attrs |= flags[i].attr;
	if (!(vfs.f_flag & (ST_NOATIME | ST_RELATIME)))
		attrs |= MOUNT_ATTR_STRICTATIME;
	return attrs;
}

/* --- the classic way ---------------------------------------------------------------------- */

/* The name of @fd for mount(2), good while the working directory is proc_fd. */
static void fd_path(char *path, int fd, const char *name)
{
	(void)snprintf(path, FD_PATH_BYTES, "self/fd/%d%s%s", fd, name[0] ? "/" : "", name);
}

/*
 * A scratch file system, mounted over "/" where no path leads: lookups start below it, only ".."
 * of the root comes out on top. Mounts made on it are not seen by anybody until they are moved.
 */
static int scratch_open(struct mounter *mounter, struct err *e)
{
	if (fchdir(mounter->proc_fd) < 0)
		return err_sys(e, "enter /proc");
	if (mounter->scratch_fd >= 0)
		return 0;

	/* what is mounted on a shared mount is mounted in all of its peers */
	(void)mount(NULL, "/", NULL, MS_PRIVATE, NULL);
	if (mount("scratch", "/", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=700") < 0)
		return err_sys(e, "mount a scratch file system");
	mounter->scratch_fd = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mounter->scratch_fd < 0)
		return err_sys(e, "open the scratch file system");
	if (mount(NULL, "/..", NULL, MS_PRIVATE, NULL) < 0)
		return err_sys(e, "cut off the scratch file system");
	return 0;
}

void mounter_release(struct mounter *mounter)
{
	char path[FD_PATH_BYTES];

	if (mounter->scratch_fd >= 0) {
		fd_path(path, mounter->scratch_fd, "");
		if (fchdir(mounter->proc_fd) == 0)
			(void)umount2(path, MNT_DETACH);
	}
	mounter->scratch_fd = fd_close(mounter->scratch_fd);
}

/* A new place on the scratch file system, a directory or a file. */
static int scratch_place(struct mounter *mounter, bool is_dir, char *ret_name, char *ret_path,
			 struct err *e)
{
	int r;

	r = scratch_open(mounter, e);
	if (r < 0)
		return r;
	(void)snprintf(ret_name, 16, "%u", mounter->scratch_count++);
	r = is_dir ? mkdirat(mounter->scratch_fd, ret_name, 0700) :
		     mknodat(mounter->scratch_fd, ret_name, S_IFREG | 0600, 0);
	if (r < 0)
		return err_sys(e, "make a scratch mount point");
	fd_path(ret_path, mounter->scratch_fd, ret_name);
	return 0;
}

static int scratch_take(const struct mounter *mounter, const char *name, struct err *e)
{
	int fd = openat(mounter->scratch_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(e, "open a scratch mount") : fd;
}

static int clone_classic(struct mounter *mounter, int dir_fd, const char *path, unsigned how,
			 struct err *e)
{
	own_fd int opened_fd = -EBADF;
	char from[FD_PATH_BYTES], to[FD_PATH_BYTES], name[16];
	int source_fd = dir_fd;
	struct stat st;
	int r;

	if (path[0]) {
		opened_fd = openat(dir_fd, path, O_PATH | O_CLOEXEC |
			((how & MOUNT_NO_FOLLOW) ? O_NOFOLLOW : 0));
		if (opened_fd < 0)
			return err_sys(e, "open '%s'", path);
		source_fd = opened_fd;
	}
	if (fstat(source_fd, &st) < 0)
		return err_sys(e, "look at '%s'", path);
	r = scratch_place(mounter, S_ISDIR(st.st_mode), name, to, e);
	if (r < 0)
		return r;
	fd_path(from, source_fd, "");
	if (mount(from, to, NULL, MS_BIND | ((how & MOUNT_RECURSIVE) ? MS_REC : 0), NULL) < 0)
		return err_sys(e, "bind '%s'", path);
	return scratch_take(mounter, name, e);
}

static int make_classic(struct mounter *mounter, const struct mount_fs *fs, struct err *e)
{
	char to[FD_PATH_BYTES], name[16];
	int r;

	r = scratch_place(mounter, true, name, to, e);
	if (r < 0)
		return r;
	if (mount(fs->source, to, fs->type, ms_of_attrs(fs->attrs) | fs->sb_flags, fs->data) < 0)
		return err_sys(e, "mount %s", fs->type);
	return scratch_take(mounter, name, e);
}

static int change_classic(struct mounter *mounter, int mount_fd, const struct mount_change *change,
			  struct err *e)
{
	char path[FD_PATH_BYTES];
	uint64_t attrs;

	if ((change->set & MOUNT_ATTR_IDMAP) ||
	    (change->is_recursive && (change->set || change->clear)))
		return err_set(e, EOPNOTSUPP, "recursive and idmapped mounts need Linux 5.12");
	if (fchdir(mounter->proc_fd) < 0)
		return err_sys(e, "enter /proc");

	fd_path(path, mount_fd, "");
	if (change->set || change->clear) {
		attrs = (attrs_of_mount(mount_fd) & ~change->clear) | change->set;
		if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | ms_of_attrs(attrs), NULL) < 0)
			return err_sys(e, "change mount flags");
	}
	if (change->propagation &&
	    mount(NULL, path, NULL,
		  change->propagation | (change->is_recursive ? MS_REC : 0), NULL) < 0)
		return err_sys(e, "change mount propagation");
	return 0;
}

static int attach_classic(struct mounter *mounter, int mount_fd, int target_fd, struct err *e)
{
	char from[FD_PATH_BYTES], to[FD_PATH_BYTES];

	if (fchdir(mounter->proc_fd) < 0)
		return err_sys(e, "enter /proc");
	fd_path(from, mount_fd, "");
	fd_path(to, target_fd, "");
	if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
		return err_sys(e, "attach mount");
	return 0;
}

/* --- by descriptor ------------------------------------------------------------------------ */

int mounter_init(struct mounter *ret_mounter, int proc_fd, struct err *e)
{
	*ret_mounter = (struct mounter){ .proc_fd = proc_fd, .scratch_fd = -EBADF };

	/*
	 * mount_setattr() is the youngest of the family. A size of zero is EINVAL where it exists;
	 * ENOSYS on an older kernel, ENOSYS or EPERM by a filter that does not know it.
	 */
	if (syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno != EINVAL) {
		ret_mounter->is_classic = true;
		if (proc_fd < 0)
			return err_set(e, ENOSYS, "mounting needs Linux 5.12 or a procfs");
	}
	return 0;
}

int mounter_clone(struct mounter *mounter, int dir_fd, const char *path, unsigned how,
		  struct err *e)
{
	unsigned open_flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (mounter->is_classic)
		return clone_classic(mounter, dir_fd, path, how, e);

	if (how & MOUNT_RECURSIVE)
		open_flags |= AT_RECURSIVE;
	if (how & MOUNT_NO_FOLLOW)
		open_flags |= AT_SYMLINK_NOFOLLOW;
	if (!path[0])
		open_flags |= AT_EMPTY_PATH;
	fd = open_tree(dir_fd, path, open_flags);
	return fd < 0 ? err_sys(e, "clone mount '%s'", path) : fd;
}

/* The kernel's own words about a file system that could not be made, when it has any. */
static int fs_error(int fs_fd, const struct mount_fs *fs, const char *option, struct err *e)
{
	int code = errno;
	char words[256];
	ssize_t length = read(fs_fd, words, sizeof(words) - 1);

	/* "e text": an error; w and i are warnings and hints */
	if (length > 2 && words[0] == 'e') {
		words[length] = '\0';
		words[strcspn(words, "\n")] = '\0';
		return err_set(e, code, "mount %s: %s", fs->type, words + 2);
	}
	errno = code;
	if (option)
		return err_sys(e, "mount %s: option '%s'", fs->type, option);
	return err_sys(e, "mount %s", fs->type);
}

/* Superblock flags as fsconfig() names them. */
static const struct {
	unsigned long ms;
	const char *key;
} superblock_flags[] = {
	{ MS_RDONLY, "ro" },
	{ MS_SYNCHRONOUS, "sync" },
	{ MS_DIRSYNC, "dirsync" },
	{ MS_MANDLOCK, "mand" },
	{ MS_LAZYTIME, "lazytime" },
};

static int fs_configure(int fs_fd, const struct mount_fs *fs, struct err *e)
{
	if (fs->source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", fs->source, 0) < 0)
		return fs_error(fs_fd, fs, "source", e);
	for (size_t i = 0; i < sizeof(superblock_flags) / sizeof(superblock_flags[0]); i++)
		if ((fs->sb_flags & superblock_flags[i].ms) &&
		    fsconfig(fs_fd, FSCONFIG_SET_FLAG, superblock_flags[i].key, NULL, 0) < 0)
			return fs_error(fs_fd, fs, superblock_flags[i].key, e);
	for (uint32_t i = 0; i < fs->option_count; i++) {
		const struct mount_option *option = &fs->options[i];

		if (fsconfig(fs_fd, option->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			     option->key, option->value, 0) < 0)
			return fs_error(fs_fd, fs, option->key, e);
	}
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(fs_fd, fs, NULL, e);
	return 0;
}

int mounter_make(struct mounter *mounter, const struct mount_fs *fs, struct err *e)
{
	own_fd int fs_fd = -EBADF;
	int fd;
	int r;

	if (mounter->is_classic)
		return make_classic(mounter, fs, e);

	fs_fd = fsopen(fs->type, FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return err_sys(e, "mount %s", fs->type);
	r = fs_configure(fs_fd, fs, e);
	if (r < 0)
		return r;
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)fs->attrs);
	return fd < 0 ? fs_error(fs_fd, fs, NULL, e) : fd;
}

int mounter_make_at(struct mounter *mounter, const struct mount_fs *fs, int target_fd,
		    struct err *e)
{
	own_fd int fd = -EBADF;
	int code;

	/*
	 * mount(2) on "." is as sure as move_mount() by descriptor, half the calls, and takes
	 * options longer than fsconfig()'s 255 bytes.
	 */
	if (fchdir(target_fd) < 0)
		return err_sys(e, "enter mount point");
	if (mount(fs->source ? fs->source : "none", ".", fs->type,
		  ms_of_attrs(fs->attrs) | fs->sb_flags, fs->data) == 0)
		return 0;

	/* it says only a number; ask again where the kernel has words for it */
	code = errno;
	if (code == EINVAL && !mounter->is_classic) {
		fd = mounter_make(mounter, fs, e);
		if (fd < 0)
			return fd;
	}
	errno = code;
	return err_sys(e, "mount %s", fs->type);
}

int mounter_change(struct mounter *mounter, int mount_fd, const struct mount_change *change,
		   struct err *e)
{
	struct mount_attr attr = {
		.attr_set = change->set,
		.attr_clr = change->clear,
		.propagation = change->propagation,
	};

	if (mounter->is_classic)
		return change_classic(mounter, mount_fd, change, e);

	if (change->set & MOUNT_ATTR_IDMAP)
		attr.userns_fd = (uint64_t)change->userns_fd;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (change->is_recursive ? AT_RECURSIVE : 0),
			  &attr, sizeof(attr)) < 0) {
		if (errno == EINVAL && (change->set & MOUNT_ATTR_IDMAP))
			return err_set(e, EINVAL,
				       "the file system does not support idmapped mounts");
		if (errno == EPERM && change->clear)
			return err_set(e, EPERM, "mount flags that the host locked cannot be cleared");
		return err_sys(e, "change mount flags");
	}
	return 0;
}

int mounter_attach(struct mounter *mounter, int mount_fd, int target_fd, struct err *e)
{
	if (mounter->is_classic)
		return attach_classic(mounter, mount_fd, target_fd, e);
	if (move_mount(mount_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, "attach mount");
	return 0;
}

int mounter_attach_at(struct mounter *mounter, int mount_fd, int dir_fd, const char *name,
		      struct err *e)
{
	own_fd int target_fd = -EBADF;

	if (mounter->is_classic) {
		target_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (target_fd < 0)
			return err_sys(e, "open mount point '%s'", name);
		return attach_classic(mounter, mount_fd, target_fd, e);
	}
	if (move_mount(mount_fd, "", dir_fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "attach mount at '%s'", name);
	return 0;
}

int mounter_reconfigure(struct mounter *mounter, int mount_fd, const struct mount_fs *fs,
			struct err *e)
{
	(void)mounter;
	if (fchdir(mount_fd) < 0)
		return err_sys(e, "enter mount point");
	if (mount(NULL, ".", NULL, MS_REMOUNT | ms_of_attrs(fs->attrs) | fs->sb_flags, fs->data) < 0)
		return err_sys(e, "remount");
	return 0;
}
