/*
 * A container or a further process of one in the making: what create, run and exec hold from the
 * reading of a config to the running workload. For the files of this folder.
 */
#pragma once

#include "plan/host.h"
#include "plan/plan.h"
#include "runtime/container.h"
#include "sandbox/sandbox.h"
#include "spec/spec.h"

struct err;

struct making {
	struct container c;
	struct spec spec;
	struct host host;
	struct plan plan;
	struct sandbox sandbox;
	int bundle_fd;
	int console_fd; /* ours; see making_connect_console() */
};
#define MAKING_NONE                                                                                \
	{                                                                                          \
		.c = CONTAINER_NONE,                                                               \
		.sandbox = { .pidfd = -EBADF, .sync_fd = -EBADF, .page_fd = -EBADF },              \
		.bundle_fd = -EBADF, .console_fd = -EBADF                                          \
	}
void making_release(struct making *making);

static inline void own_making_drop(struct making *making)
{
	making_release(making);
}
#define own_making __attribute__((cleanup(own_making_drop)))

/**
 * making_load_spec() - read the config that the container was made from
 *
 * Return: 0, with @making->spec in @making->c's arena.
 */
int making_load_spec(struct making *making, struct err *e);

/** making_plan() - facts of the host, then the plan; warnings go to the log. */
int making_plan(struct making *making, const char *config_name, bool is_exec, struct err *e);

/**
 * making_connect_console() - where the terminal's master will go
 * @console_socket: path, or NULL
 * @console_fd:     connected already, borrowed; or -EBADF
 * @can_attend:     without either, somebody attends: then a socket pair is made
 * @ret_attend_fd:  its other end, or -EBADF
 *
 * An error when a terminal is wanted and nobody would take it, or the other way round.
 */
int making_connect_console(struct making *making, const char *console_socket, int console_fd,
			   bool can_attend, int *ret_attend_fd, struct err *e);

/** making_hand_over() - pid file and pidfd, as far as asked for. */
int making_hand_over(const struct making *making, const char *pid_file, const char *pidfd_socket,
		     struct err *e);

/**
 * take_down() - kill what is left of the container and remove all that its record names
 *
 * Return: 0 when nothing is left; else the first error.
 */
int take_down(struct container *c, struct err *e);

/** take_down_finally() - take_down(), poststop hooks, then the state directory. Lock held. */
int take_down_finally(struct container *c, struct err *e);
