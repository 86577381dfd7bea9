/*
 * Hooks: programs that the config names for points in a container's life. A hook gets the
 * container's state on its standard input, the environment that the config gives it and nothing of
 * ours or the workload's (CVE-2025-23266), the bundle as its working directory, and not one of our
 * descriptors. It runs in a process group of its own, all of which dies when its time is over.
 */
#pragma once

struct err;
struct spec;

/**
 * hooks_run() - run the hooks of one point, in order
 * @point:      enum spec_hook_point
 * @state_json: what they read
 * @bundle_fd:  their working directory; -EBADF: where we are
 *
 * Stops at the first that fails: its exit status and the end of what it wrote are in @e.
 *
 * Context: single-threaded; may allocate.
 * Return: 0, or -errno with @e filled: -EIO for a failed hook, -ETIMEDOUT for one that was too slow.
 */
int hooks_run(const struct spec *spec, int point, const char *state_json, int bundle_fd,
	      struct err *e);

/** hooks_run_all() - the same, going on after failures, each of which is a warning in the log. */
void hooks_run_all(const struct spec *spec, int point, const char *state_json, int bundle_fd);

/** hooks_name() - "prestart", "createRuntime", ... */
const char *hooks_name(int point);
