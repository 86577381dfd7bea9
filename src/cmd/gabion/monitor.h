/*
 * The monitor: a small process for each running container, so that it outlives the command that
 * started it, without a daemon. It makes the root and the network, starts the workload as its child,
 * writes the log, serves those who attach, and when all is over takes everything down and leaves the
 * exit status in state.json.
 */
#pragma once

#include <stdbool.h>

struct app;
struct box;
struct err;

/**
 * monitor_start() - start the container of @box
 * @ret_fd: a stream of frames (frame.h) as for anybody who attaches: first STARTED or FAULT
 *
 * Return: 0; -EALREADY when it runs; or -errno with @e filled.
 */
int monitor_start(struct app *app, struct box *box, int *ret_fd, struct err *e);

/** monitor_attach() - connect to a container that runs. Return: 0, or -errno with @e filled. */
int monitor_attach(struct box *box, int *ret_fd, struct err *e);

/** monitor_wait() - until the monitor is gone. @wait_ms: -1 for ever. Return: is it gone? */
bool monitor_wait(const struct box *box, int wait_ms);
