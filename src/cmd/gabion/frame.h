/*
 * What a container's monitor and those who are attached to it say to each other over a stream
 * socket: frames of a type and a length. Both ends are ours and of the same user; lengths are
 * checked all the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define FRAME_BYTES_MAX ((size_t)64 << 10)

enum frame_type {
	/* from those attached */
	FRAME_STDIN,
	FRAME_STDIN_END,
	FRAME_RESIZE, /* struct winsize */
	FRAME_SIGNAL, /* int */
	/* from the monitor */
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_STARTED, /* no data */
	FRAME_FAULT,   /* struct err: it could not be started */
	FRAME_EXIT,    /* int: exit status; the last frame */
};

struct frame_head {
	uint32_t type;
	uint32_t length; /* of the data that follow */
};

/** frame_send() - write all of a frame, waiting as needed. Return: 0 or -errno, no text. */
int frame_send(int fd, enum frame_type type, const void *data, size_t length);

/**
 * frame_receive() - read a whole frame
 * @data: takes FRAME_BYTES_MAX
 *
 * Return: 1; 0 at the end of the stream; -errno, no text.
 */
int frame_receive(int fd, enum frame_type *ret_type, void *data, size_t *ret_length);

/* Bytes on their way out, for a peer that may be slow. */
struct queue {
	char *data;
	size_t head, tail, capacity;
};

void queue_release(struct queue *queue);
/** queue_add() - append. Return: 0 or -ENOMEM. */
int queue_add(struct queue *queue, const void *data, size_t length);
/** queue_add_frame() */
int queue_add_frame(struct queue *queue, enum frame_type type, const void *data, size_t length);
/** queue_flush() - write what can be written now. Return: 0, or -errno when the peer is gone. */
int queue_flush(struct queue *queue, int fd);
static inline size_t queue_length(const struct queue *queue)
{
	return queue->tail - queue->head;
}
