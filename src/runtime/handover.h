/*
 * What an engine gets from us on the side: a pid file, a pidfd, a terminal's master. The paths are
 * the engine's, but may lie where others can write, so nothing is followed and nothing can hang us.
 */
#pragma once

#include <sys/types.h>

struct err;

/**
 * handover_connect() - connect to the stream socket at @path
 *
 * A symbolic link, anything but a socket, and a listener that does not take us at once are errors.
 * The path may be longer than a socket address can hold.
 *
 * Return: descriptor, blocking, close-on-exec; or -errno with @e filled.
 */
int handover_connect(const char *path, const char *what, struct err *e);

/** handover_send_fd() - send @fd with the message @name over @socket_fd. */
int handover_send_fd(int socket_fd, int fd, const char *name, struct err *e);

/** handover_receive_fd() - what handover_send_fd() sent; -EAGAIN when nothing is there yet. */
int handover_receive_fd(int socket_fd, struct err *e);

/** handover_pid_file() - write @pid to @path: beside it first, then renamed over what is there. */
int handover_pid_file(const char *path, pid_t pid, struct err *e);

/** handover_pidfd() - send a pidfd to whoever listens at @path. */
int handover_pidfd(const char *path, int pidfd, struct err *e);
