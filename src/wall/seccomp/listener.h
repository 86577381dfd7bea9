/*
 * SCMP_ACT_NOTIFY: the descriptor on which a supervisor decides calls goes from the child to whoever
 * listens at listenerPath. Once the filter stands the child may make no call that the supervisor
 * would have to decide, so it hands the number over through a shared page and spins.
 */
#pragma once

#include <sys/types.h>

struct err;
struct text;
struct wall_page;

/** listener_offer() - child: put @listener_fd in @page and wait until it was fetched. No call. */
int listener_offer(struct wall_page *page, int listener_fd, struct err *e);

/**
 * listener_fetch() - parent: take the descriptor that the child at @pidfd offers in @page
 *
 * Return: the descriptor; -errno with @e filled.
 */
int listener_fetch(struct wall_page *page, int pidfd, struct err *e);

/** listener_answer() - parent: let the child go on (@r is 0), or fail with @r. */
void listener_answer(struct wall_page *page, int r);

/**
 * listener_send() - connect to the socket at @path, send @state and the descriptor with it
 * @path:  of a listening SOCK_STREAM socket in the parent's file system
 * @state: JSON, OCI's container process state
 */
int listener_send(const char *path, const struct text *state, int listener_fd, struct err *e);
