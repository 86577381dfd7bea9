#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "wall/seccomp/listener.h"
#include "wall/wall.h"

#define WAIT_STEP_MS 1
#define SEND_WAIT_S  10

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

int listener_offer(struct wall_page *page, int listener_fd, struct err *e)
{
	int answer;

	atomic_store(&page->notify_fd, listener_fd + 1);
	while (!(answer = atomic_load(&page->notify_done)))
		relax();
	return answer < 0 ? err_set(e, -answer, "the listener was not handed over") : 0;
}

int listener_fetch(struct wall_page *page, int pidfd, struct err *e)
{
	struct pollfd child = { .fd = pidfd, .events = POLLIN };
	int offered, fd;

	while (!(offered = atomic_load(&page->notify_fd))) {
		if (poll(&child, 1, WAIT_STEP_MS) > 0)
			return err_set(e, ECHILD, "the process ended before it offered its listener");
	}
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, offered - 1, 0);
	return fd < 0 ? err_sys(e, "fetch the listener from the process") : fd;
}

void listener_answer(struct wall_page *page, int r)
{
	atomic_store(&page->notify_done, r < 0 ? r : 1);
}

static int connect_to(const char *path, int *ret_fd, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = SEND_WAIT_S };
	own_fd int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, ENAMETOOLONG, "listenerPath '%s'", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "make a socket");
	/* Whoever listens may not hold up the start of a container for ever. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
		return err_sys(e, "limit the wait for listenerPath '%s'", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(e, "connect to listenerPath '%s'", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The descriptor travels with the first byte; what one call did not take follows. */
static int send_all(int socket_fd, const struct text *state, int listener_fd, struct err *e)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	size_t sent = 0;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &listener_fd, sizeof(listener_fd));
	while (sent < state->length) {
		struct iovec part = { state->data + sent, state->length - sent };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n;

		if (!sent) {
			message.msg_control = control.room;
			message.msg_controllen = sizeof(control.room);
		}
		n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "send the listener to listenerPath");
		sent += (size_t)n;
	}
	return 0;
}

int listener_send(const char *path, const struct text *state, int listener_fd, struct err *e)
{
	own_fd int socket_fd = -EBADF;
	int r = connect_to(path, &socket_fd, e);

	return r < 0 ? r : send_all(socket_fd, state, listener_fd, e);
}
