#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/sync.h"

/* The packet as it travels. Both ends are forks of one program. */
struct packet {
	int32_t type;
	int32_t value;
	struct err fault; /* sent with FAILED only, and only as long as its text */
};

#define PACKET_HEAD_BYTES offsetof(struct packet, fault)

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * SYNC_FD_COUNT_MAX)];
};

int sync_pair(int *ret_parent_fd, int *ret_child_fd, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "make the socket pair to the container");
	*ret_parent_fd = pair[0];
	*ret_child_fd = pair[1];
	return 0;
}

static int sync_write(int fd, const struct msghdr *message)
{
	ssize_t sent;

	do
		sent = sendmsg(fd, message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int sync_send_fds(int fd, enum sync_type type, const int *fds, uint32_t fd_count, struct err *e)
{
	struct packet packet = { .type = (int32_t)type, .value = (int32_t)fd_count };
	struct iovec part = { .iov_base = &packet, .iov_len = PACKET_HEAD_BYTES };
	union fd_space space = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int r;

	if (fd_count > SYNC_FD_COUNT_MAX)
		return err_set(e, E2BIG, "%u descriptors for the container, at most %d", fd_count,
			       SYNC_FD_COUNT_MAX);
	if (fd_count) {
		struct cmsghdr *head;

		message.msg_control = space.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
	}
	r = sync_write(fd, &message);
	if (r < 0) {
		errno = -r;
		return err_sys(e, "send to the container's set-up");
	}
	return 0;
}

int sync_send(int fd, enum sync_type type, int32_t value, struct err *e)
{
	struct packet packet = { .type = (int32_t)type, .value = value };
	struct iovec part = { .iov_base = &packet, .iov_len = PACKET_HEAD_BYTES };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int r = sync_write(fd, &message);

	if (r < 0) {
		errno = -r;
		return err_sys(e, "send to the container's set-up");
	}
	return 0;
}

void sync_fail(int fd, const struct err *fault)
{
	struct packet packet = { .type = SYNC_FAILED };
	struct iovec part = { .iov_base = &packet };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t length = strnlen(fault->text, sizeof(fault->text) - 1);

	packet.fault.code = fault->code ? fault->code : EIO;
	memcpy(packet.fault.text, fault->text, length);
	part.iov_len = offsetof(struct packet, fault.text) + length + 1;
	(void)sync_write(fd, &message);
}

static void sync_take_fds(struct msghdr *message, struct sync_message *out)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
	     head = CMSG_NXTHDR(message, head)) {
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
			if (out->fd_count < SYNC_FD_COUNT_MAX)
				out->fds[out->fd_count++] = fd;
			else
				(void)fd_close(fd);
		}
	}
}

int sync_receive(int fd, struct sync_message *ret_message, struct err *e)
{
	struct packet packet = { 0 };
	struct iovec part = { .iov_base = &packet, .iov_len = sizeof(packet) };
	union fd_space space;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = space.bytes,
				  .msg_controllen = sizeof(space.bytes) };
	bool was_reset = false;
	ssize_t got;

	/* A peer that ended with words of ours unread is reported first, once; its own last words are
	 * still there to be read. */
	do {
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		if (got >= 0 || (errno != EINTR && (errno != ECONNRESET || was_reset)))
			break;
		was_reset |= errno == ECONNRESET;
	} while (true);
	if (got < 0 && errno != ECONNRESET)
		return err_sys(e, "receive from the container's set-up");
	if (got <= 0)
		return -EPIPE;

	ret_message->fd_count = 0;
	sync_take_fds(&message, ret_message);
	if ((size_t)got < PACKET_HEAD_BYTES || packet.type < 0 || packet.type > SYNC_FAILED)
		return err_set(e, EPROTO, "unreadable message from the container's set-up");
	if (packet.type == SYNC_FAILED) {
		packet.fault.text[sizeof(packet.fault.text) - 1] = '\0';
		if (packet.fault.code <= 0 || packet.fault.code > 4095)
			packet.fault.code = EIO;
		return err_set(e, packet.fault.code, "%s", packet.fault.text);
	}
	ret_message->type = (enum sync_type)packet.type;
	ret_message->value = packet.value;
	return 0;
}

int sync_expect(int fd, enum sync_type type, struct err *e)
{
	struct sync_message message;
	int r = sync_receive(fd, &message, e);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < message.fd_count; i++)
		(void)fd_close(message.fds[i]);
	if (message.type != type)
		return err_set(e, EPROTO, "message %d from the other side where %d was due",
			       message.type, type);
	return 0;
}
