#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sys/guard.h"
#include "sys/proc.h"

/* Inode of a procfs' root directory, the same in each kernel (PROC_ROOT_INO). */
#define PROC_ROOT_INODE 1

int proc_check_root(int fd, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "look at /proc");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return err_set(e, EXDEV, "/proc is not the root of a procfs");
	return 0;
}

int proc_open_private(struct err *e)
{
	own_fd int fs_fd = fsopen("proc", FSOPEN_CLOEXEC);
	int fd;

	if (fs_fd < 0)
		return err_sys(e, "open a private procfs");
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "make a private procfs");
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC,
		     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
	return fd < 0 ? err_sys(e, "mount a private procfs") : fd;
}

int proc_open_root(struct err *e)
{
	own_fd int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err why = { 0 };

	if (fd >= 0 && proc_check_root(fd, &why) == 0)
		return take_fd(&fd);
	return proc_open_private(e);
}

/* One component below @dir_fd, which must lie on the same mount. */
static int open_step(int dir_fd, const char *name, int flags, uint64_t *mount_id)
{
	own_fd int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct statx sx;

	if (fd < 0)
		return -1;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &sx) < 0)
		return -1;
	if (*mount_id != sx.stx_mnt_id) {
		errno = EXDEV;
		return -1;
	}
	if (S_ISLNK(sx.stx_mode)) {
		errno = ELOOP;
		return -1;
	}
	return take_fd(&fd);
}

/*
 * For kernels without openat2(): component by component. "self" is the one link that is wanted; its
 * text is a number.
 */
static int proc_open_by_steps(int proc_fd, const char *path, int flags)
{
	own_fd int dir_fd = openat(proc_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[256];
	struct statx sx;
	uint64_t mount_id;

	if (dir_fd < 0 ||
	    statx(dir_fd, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_TYPE, &sx) < 0)
		return -1;
	mount_id = sx.stx_mnt_id; /* 0 before Linux 5.8, which then compares nothing */

	for (;;) {
		size_t length = strcspn(path, "/");
		bool is_last = !path[length];
		int fd;

		if (length == 0 || length >= sizeof(name) || path[0] == '.') {
			errno = EINVAL;
			return -1;
		}
		if (dir_fd >= 0 && strncmp(path, "self/", 5) == 0) {
			ssize_t digits = readlinkat(proc_fd, "self", name, sizeof(name) - 1);

			if (digits < 0)
				return -1;
			name[digits] = '\0';
		} else {
			memcpy(name, path, length);
			name[length] = '\0';
		}
		fd = open_step(dir_fd, name, is_last ? flags : O_PATH, &mount_id);
		if (fd < 0 || is_last)
			return fd;
		(void)fd_close(dir_fd);
		dir_fd = fd;
		path += length + 1;
	}
}

static int proc_open_beneath(int proc_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = GUARD(E24) ? RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS : 0,
	};
	int fd = (int)syscall(SYS_openat2, proc_fd, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		fd = proc_open_by_steps(proc_fd, path, flags);
	return fd;
}

int proc_open(int proc_fd, const char *path, int flags, struct err *e)
{
	own_fd int private_fd = -EBADF;
	int fd = proc_open_beneath(proc_fd, path, flags);

	/*
	 * Something lies over it: in a container that we are in ourselves, /proc/sys is such a mount.
	 * A procfs of our own has nothing on it.
	 */
	if (fd < 0 && errno == EXDEV) {
		private_fd = proc_open_private(NULL);
		if (private_fd >= 0)
			fd = proc_open_beneath(private_fd, path, flags);
		else
			errno = EXDEV;
	}
	return fd < 0 ? err_sys(e, "open /proc/%s", path) : fd;
}

int proc_write(int proc_fd, const char *path, const char *text, struct err *e)
{
	own_fd int fd = proc_open(proc_fd, path, O_WRONLY, e);
	size_t length = strlen(text);
	ssize_t written;

	if (fd < 0)
		return fd;
	written = write(fd, text, length);
	if (written < 0)
		return err_sys(e, "write '%s' to /proc/%s", text, path);
	if ((size_t)written != length)
		return err_set(e, EIO, "/proc/%s took %zd bytes of '%s'", path, written, text);
	return 0;
}

ssize_t proc_read(int proc_fd, const char *path, char *buffer, size_t buffer_bytes, struct err *e)
{
	own_fd int fd = proc_open(proc_fd, path, O_RDONLY, e);
	size_t used = 0;

	if (fd < 0)
		return fd;
	while (used + 1 < buffer_bytes) {
		ssize_t got = read(fd, buffer + used, buffer_bytes - 1 - used);

		if (got < 0)
			return err_sys(e, "read /proc/%s", path);
		if (got == 0)
			break;
		used += (size_t)got;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}
