/*
 * The container's terminal: a pty of the container's own devpts, its master handed to the engine,
 * its slave the workload's standard streams. All by descriptor: nothing below /dev is trusted by
 * name (CVE-2025-52565).
 */
#pragma once

struct err;
struct plan;

/**
 * terminal_open_ptmx() - the ptmx of a container that runs, for exec; for init see rootfs_open_ptmx()
 *
 * Context: child, in the container's root.
 * Return: a descriptor open for reading and writing, or -errno with @e filled.
 */
int terminal_open_ptmx(struct err *e);

/** terminal_open_peer() - the slave of @ptmx_fd. Return: close-on-exec descriptor, or -errno. */
int terminal_open_peer(int ptmx_fd, struct err *e);

/**
 * terminal_hand_over() - set the size and modes, and give the master away
 * @console_fd: connected AF_UNIX socket; receives the master by SCM_RIGHTS with the name
 *              "/dev/ptmx", as runc's protocol wants
 */
int terminal_hand_over(const struct plan *plan, int master_fd, int slave_fd, int console_fd,
		       struct err *e);

/** terminal_attach() - make @slave_fd the controlling terminal and descriptors 0, 1, 2. */
int terminal_attach(const struct plan *plan, int slave_fd, struct err *e);
