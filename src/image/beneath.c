#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "sys/path.h"

int beneath_open(int dir_fd, const char *path, int flags, mode_t mode, unsigned long long resolve)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN)); /* EAGAIN: a rename raced with us */
	if (fd < 0 && errno == ENOSYS) {
		/* Before Linux 5.6, or under valgrind: component after component. */
		fd = path_open(dir_fd, path, flags,
			       resolve & RESOLVE_NO_SYMLINKS ? PATH_NO_SYMLINKS : 0, NULL);
		errno = fd < 0 ? (int)-fd : 0;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* Fill @bytes until the end of the file or until it is full. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, bytes + length, size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

int beneath_read(int dir_fd, const char *path, unsigned long long resolve, size_t bytes_max,
		 char **ret_bytes, size_t *ret_length, struct err *e)
{
	own_fd int fd = beneath_open(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, resolve);
	own_mem char *bytes = NULL;
	struct stat st;
	size_t size;
	ssize_t length;

	if (fd < 0)
		return err_sys(e, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is not a regular file", path);
	if ((uintmax_t)st.st_size > bytes_max)
		return err_set(e, E2BIG, "'%s' is longer than %zu bytes", path, bytes_max);

	/* One byte more than it says: a file that grows under our hands is noticed, not followed. */
	size = (size_t)st.st_size + 1;
	bytes = malloc(size + 1);
	if (!bytes)
		return err_oom(e);
	length = read_all(fd, bytes, size);
	if (length < 0)
		return err_sys(e, "read '%s'", path);
	if ((size_t)length == size)
		return err_set(e, EBUSY, "'%s' grew while it was read", path);
	bytes[length] = '\0';
	*ret_bytes = take_ptr(bytes);
	*ret_length = (size_t)length;
	return 0;
}
