#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/stat.h"

int stat_parse(const char *text, struct stat_line *ret_line)
{
	/* "PID (NAME) STATE PPID ...": NAME may hold blanks and brackets, nothing behind it does */
	const char *end = strrchr(text, ')');
	struct stat_line line;

	if (!end ||
	    sscanf(end, ") %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
		   &line.state, &line.parent_pid, &line.start_ticks) != 3)
		return -EINVAL;
	*ret_line = line;
	return 0;
}

static ssize_t read_small(const char *path, char *buffer, size_t bytes)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, buffer, bytes - 1);
	if (got < 0)
		return -errno;
	buffer[got] = '\0';
	return got;
}

int stat_read(pid_t pid, struct stat_line *ret_line, struct err *e)
{
	char path[32], text[512];
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	got = read_small(path, text, sizeof(text));
	if (got == -ENOENT)
		got = -ESRCH;
	if (got < 0) {
		errno = (int)-got;
		return err_sys(e, "read '%s'", path);
	}
	if (stat_parse(text, ret_line) < 0)
		return err_set(e, EINVAL, "'%s' cannot be understood", path);
	return 0;
}

int stat_boot_id(char *ret_id, struct err *e)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	ssize_t got = read_small(path, ret_id, BOOT_ID_BYTES);

	if (got < 0) {
		errno = (int)-got;
		return err_sys(e, "read '%s'", path);
	}
	ret_id[strcspn(ret_id, "\n")] = '\0';
	return 0;
}
