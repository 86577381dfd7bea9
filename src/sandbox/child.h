/*
 * The child: a process that builds its own cage and then becomes the workload. What it needs is
 * handed over by memory (it is a fork of the parent); what it says goes over sync.h.
 */
#pragma once

#include "wall/wall.h"

struct netdevices;
struct plan;
struct rootfs;
struct sandbox_request;
struct spawn_request;

struct child_world {
	const struct plan *plan;
	const struct sandbox_request *request;
	const struct spawn_request *spawn;
	struct rootfs *rootfs; /* NULL for exec */
	const struct netdevices *devices; /* that will be ours */
	struct child self;
	int start_fd; /* listening start.sock, -EBADF: none */
	int page_fd;  /* memfd behind self.page, for whoever connects; -EBADF: none */
	int root_fd;  /* exec without a mount namespace: the container's root; else -EBADF */
};

/** child_main() - from clone3() to execve(), for namespace_spawn(). @context: struct child_world. */
void child_main(void *context);
