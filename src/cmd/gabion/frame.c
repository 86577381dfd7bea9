#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/gabion/frame.h"

static int send_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t put = send(fd, at, length, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		length -= (size_t)put;
	}
	return 0;
}

int frame_send(int fd, enum frame_type type, const void *data, size_t length)
{
	const struct frame_head head = { .type = type, .length = (uint32_t)length };
	int r = send_all(fd, &head, sizeof(head));

	return r < 0 || !length ? r : send_all(fd, data, length);
}

/* Return: 1; 0 at the end before the first byte; -errno. */
static int receive_all(int fd, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t got = read(fd, (char *)data + done, length - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return done ? -EPROTO : 0;
		done += (size_t)got;
	}
	return 1;
}

int frame_receive(int fd, enum frame_type *ret_type, void *data, size_t *ret_length)
{
	struct frame_head head;
	int r = receive_all(fd, &head, sizeof(head));

	if (r <= 0)
		return r;
	if (head.length > FRAME_BYTES_MAX || head.type > FRAME_EXIT)
		return -EPROTO;
	if (head.length) {
		r = receive_all(fd, data, head.length);
		if (r <= 0)
			return r < 0 ? r : -EPROTO;
	}
	*ret_type = (enum frame_type)head.type;
	*ret_length = head.length;
	return 1;
}

void queue_release(struct queue *queue)
{
	free(queue->data);
	*queue = (struct queue){ 0 };
}

int queue_add(struct queue *queue, const void *data, size_t length)
{
	if (queue->head) { /* what is left moves to the front */
		memmove(queue->data, queue->data + queue->head, queue_length(queue));
		queue->tail -= queue->head;
		queue->head = 0;
	}
	if (queue->capacity - queue->tail < length) {
		size_t capacity = 2 * queue->capacity + length;
		char *grown = realloc(queue->data, capacity);

		if (!grown)
			return -ENOMEM;
		queue->data = grown;
		queue->capacity = capacity;
	}
	if (length)
		memcpy(queue->data + queue->tail, data, length);
	queue->tail += length;
	return 0;
}

int queue_add_frame(struct queue *queue, enum frame_type type, const void *data, size_t length)
{
	const struct frame_head head = { .type = type, .length = (uint32_t)length };
	int r = queue_add(queue, &head, sizeof(head));

	return r < 0 ? r : queue_add(queue, data, length);
}

int queue_flush(struct queue *queue, int fd)
{
	while (queue_length(queue)) {
		ssize_t put = write(fd, queue->data + queue->head, queue_length(queue));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == EAGAIN ? 0 : -errno;
		queue->head += (size_t)put;
	}
	return 0;
}
