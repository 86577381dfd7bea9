/*
 * Starting the workload as an ordinary program: find it the way a shell would, then execve().
 */
#pragma once

#include <limits.h>

struct err;
struct spec_process;

struct native {
	char path[PATH_MAX]; /* what execve() will be given */
};

/**
 * native_find() - find process.args[0], as the container's user and in its root
 *
 * The texts are an interface: Docker and Podman read exit codes 126 and 127 out of them.
 *
 * Return: 0; -ENOENT, -EACCES, -EISDIR with @e filled in runc's wording.
 */
int native_find(const struct spec_process *process, struct native *ret_native, struct err *e);

/** native_exec() - become the workload. Return: only on failure, -errno with @e filled. */
int native_exec(const struct native *native, const struct spec_process *process, struct err *e);
