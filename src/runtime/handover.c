#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/handover.h"

int handover_connect(const char *path, const char *what, struct err *e)
{
	own_fd int node_fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	own_fd int fd = -EBADF;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	if (node_fd < 0)
		return err_sys(e, "open %s '%s'", what, path);
	if (fstat(node_fd, &st) < 0)
		return err_sys(e, "look at %s '%s'", what, path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ENOTSOCK, "%s '%s' is not a socket", what, path);
	/* what was looked at is what we connect to, and its name may be longer than sun_path */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node_fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "make a socket for %s", what);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(e, "connect to %s '%s'", what, path);
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_sys(e, "set up %s '%s'", what, path);
	return take_fd(&fd);
}

union one_fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int handover_send_fd(int socket_fd, int fd, const char *name, struct err *e)
{
	char text[64];
	struct iovec part = { .iov_base = text };
	union one_fd_space space = { 0 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = space.bytes,
				  .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	(void)snprintf(text, sizeof(text), "%s", name);
	part.iov_len = strlen(text);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	do
		sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? err_sys(e, "send descriptor '%s'", name) : 0;
}

int handover_receive_fd(int socket_fd, struct err *e)
{
	char text[64];
	struct iovec part = { .iov_base = text, .iov_len = sizeof(text) };
	union one_fd_space space = { 0 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = space.bytes,
				  .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *head;
	ssize_t got;
	int fd;

	do
		got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(e, "receive a descriptor");
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(int)))
		return err_set(e, EPROTO, "no descriptor came where one was due");
	memcpy(&fd, CMSG_DATA(head), sizeof(int));
	return fd;
}

static int pid_file_fill(int dir_fd, const char *temp, const char *path, pid_t pid, struct err *e)
{
	own_fd int fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       0644);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", pid);

	if (fd < 0)
		return err_sys(e, "make pid file '%s'", path);
	if (write(fd, text, (size_t)length) != length)
		return err_sys(e, "write pid file '%s'", path);
	return 0;
}

int handover_pid_file(const char *path, pid_t pid, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *leaf = slash ? slash + 1 : path;
	own_mem char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) :
				    strdup(".");
	own_fd int dir_fd = -EBADF;
	char temp[NAME_MAX + 1];
	int r;

	if (!dir)
		return err_oom(e);
	if (!*leaf || !strcmp(leaf, ".") || !strcmp(leaf, ".."))
		return err_set(e, EISDIR, "pid file '%s' is a directory", path);
	if (snprintf(temp, sizeof(temp), ".%s.new", leaf) >= (int)sizeof(temp))
		return err_set(e, ENAMETOOLONG, "name of pid file '%s' is too long", path);
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(e, "open directory of pid file '%s'", path);
	(void)unlinkat(dir_fd, temp, 0); /* of one that was killed here */
	r = pid_file_fill(dir_fd, temp, path, pid, e);
	if (r == 0 && renameat(dir_fd, temp, dir_fd, leaf) < 0)
		r = err_sys(e, "rename pid file to '%s'", path);
	if (r < 0 && r != -EEXIST)
		(void)unlinkat(dir_fd, temp, 0);
	return r;
}

int handover_pidfd(const char *path, int pidfd, struct err *e)
{
	own_fd int fd = handover_connect(path, "pidfd socket", e);

	if (fd < 0)
		return fd;
	return handover_send_fd(fd, pidfd, "pidfd", e);
}
