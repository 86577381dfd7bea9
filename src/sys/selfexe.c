#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sys/guard.h"
#include "sys/selfexe.h"

#define SELF_EXE "/proc/self/exe"
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/*
 * A file of root's that only root may write is out of reach for a container whose root is not ours:
 * that is any that a user without privilege starts.
 */
static bool belongs_to_others(const struct stat *st)
{
	return geteuid() != 0 && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool selfexe_is_protected(void)
{
	own_fd int fd = open(SELF_EXE, O_RDONLY | O_CLOEXEC);
	struct statvfs vfs;
	struct stat st;
	int seals;

	if (fd < 0 || fstatvfs(fd, &vfs) < 0)
		return false;
	if (vfs.f_flag & ST_RDONLY)
		return true;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS)
		return true;
	return fstat(fd, &st) == 0 && belongs_to_others(&st);
}

/* The file on a read-only mount of its own, mounted nowhere. Return: descriptor; -1 with errno. */
static int open_read_only_mount(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	own_fd int fd = open_tree(AT_FDCWD, SELF_EXE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return take_fd(&fd);
}

/* A sealed copy in memory. Return: descriptor; -1 with errno. */
static int open_sealed_copy(void)
{
	own_fd int from_fd = open(SELF_EXE, O_RDONLY | O_CLOEXEC);
	own_fd int fd = -EBADF;
	struct stat st;
	off_t left;

	if (from_fd < 0 || fstat(from_fd, &st) < 0)
		return -1;
	/* MFD_EXEC, Linux 6.3: otherwise vm.memfd_noexec may take the x bits away */
	fd = (int)syscall(SYS_memfd_create, "gabion", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10U);
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_memfd_create, "gabion", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;

	for (left = st.st_size; left > 0;) {
		ssize_t sent = sendfile(fd, from_fd, NULL, (size_t)left);

		if (sent <= 0)
			return -1;
		left -= sent;
	}
	if (fchmod(fd, 0555) < 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return -1;
	return take_fd(&fd);
}

int selfexe_protect(char *const *argv, const char *name, struct err *e)
{
	own_fd int fd = -EBADF;

	if (!GUARD(E1))
		return 0;
	if (selfexe_is_protected()) {
		/* execveat() names a process after the descriptor */
		(void)prctl(PR_SET_NAME, name);
		return 0;
	}

	fd = open_read_only_mount();
	if (fd < 0)
		fd = open_sealed_copy();
	if (fd < 0)
		return err_sys(e, "put our program file out of reach of containers");
	(void)execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(e, "run again from a protected program file");
}
