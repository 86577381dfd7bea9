#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/rootfs/internal.h"

#define DEPTH_COUNT_MAX 64

/* As the kernel writes it; glibc has no getdents64() with a type of its own. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int copy_dir(int from_fd, int to_fd, unsigned depth, struct err *e);

static int copy_bytes(int from_fd, int to_fd, const char *name, struct err *e)
{
	own_fd int in_fd = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	own_fd int out_fd = -EBADF;
	struct stat st;
	ssize_t sent;

	if (in_fd < 0 || fstat(in_fd, &st) < 0)
		return err_sys(e, "read '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EAGAIN, "'%s' changed while it was copied", name);
	out_fd = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out_fd < 0)
		return err_sys(e, "write '%s'", name);
	do
		sent = sendfile(out_fd, in_fd, NULL, (size_t)1 << 30);
	while (sent > 0);
	return sent < 0 ? err_sys(e, "copy '%s'", name) : 0;
}

static int copy_link(int from_fd, int to_fd, const char *name, struct err *e)
{
	char text[4096];
	ssize_t length = readlinkat(from_fd, name, text, sizeof(text) - 1);

	if (length < 0)
		return err_sys(e, "read link '%s'", name);
	text[length] = '\0';
	return symlinkat(text, to_fd, name) < 0 ? err_sys(e, "make link '%s'", name) : 0;
}

static int copy_subdir(int from_fd, int to_fd, const char *name, const struct stat *st,
		       unsigned depth, struct err *e)
{
	own_fd int in_fd = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	own_fd int out_fd = -EBADF;
	struct stat above;

	if (in_fd < 0 || fstat(from_fd, &above) < 0)
		return err_sys(e, "read directory '%s'", name);
	if (mkdirat(to_fd, name, 0700) < 0)
		return err_sys(e, "make directory '%s'", name);
	if (above.st_dev != st->st_dev)
		return 0; /* another file system is mounted there: not the image's */
	out_fd = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out_fd < 0)
		return err_sys(e, "open directory '%s'", name);
	return copy_dir(in_fd, out_fd, depth + 1, e);
}

static int copy_attributes(int to_fd, const char *name, const struct stat *st, struct err *e)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(to_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "change owner of '%s'", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to_fd, name, st->st_mode & 07777, 0) < 0)
		return err_sys(e, "change mode of '%s'", name);
	if (utimensat(to_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "change times of '%s'", name);
	return 0;
}

static int copy_entry(int from_fd, int to_fd, const char *name, unsigned depth, struct err *e)
{
	struct stat st;
	int r = 0;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "look at '%s'", name);
	if (S_ISDIR(st.st_mode))
		r = copy_subdir(from_fd, to_fd, name, &st, depth, e);
	else if (S_ISREG(st.st_mode))
		r = copy_bytes(from_fd, to_fd, name, e);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from_fd, to_fd, name, e);
	else if (mknodat(to_fd, name, st.st_mode, st.st_rdev) < 0)
		r = err_sys(e, "make '%s'", name);
	return r < 0 ? r : copy_attributes(to_fd, name, &st, e);
}

static int copy_dir(int from_fd, int to_fd, unsigned depth, struct err *e)
{
	_Alignas(struct entry) char buffer[4096];
	long got;

	if (depth == DEPTH_COUNT_MAX)
		return err_set(e, ELOOP, "directories lie more than %d deep", DEPTH_COUNT_MAX);
	while ((got = syscall(SYS_getdents64, from_fd, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(buffer + at);
			int r;

			at += entry->length;
			if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
				continue;
			r = copy_entry(from_fd, to_fd, entry->name, depth, e);
			if (r < 0)
				return r;
		}
	}
	return got < 0 ? err_sys(e, "read directory") : 0;
}

int tree_copy(int from_fd, int to_fd, struct err *e)
{
	return copy_dir(from_fd, to_fd, 0, e);
}
