/*
 * What parent and child say to each other, over a SOCK_SEQPACKET pair: one message, one packet.
 *
 *    parent (the runtime)                 child (becomes the workload)
 *    --------------------                 ----------------------------
 *    clone3                               joins and makes namespaces
 *    writes uid_map, gid_map  --MAPPED--> takes its ids            (new user namespace only)
 *    makes the cgroup         --CGROUP--> (descriptors ride along) enters it
 *                             <-ROOTFS--- mounts stand
 *    prestart, createRuntime  --HOOKS---> createContainer hooks, pivot_root, ids, privileges
 *                             <-ATTEND--- (a wall that needs the parent rises)
 *                             <-READY---- only startContainer hooks, last walls, execve follow
 *    verifies what is final
 *      create: writes state   --DETACH--> waits on start.sock; `start` connects and takes over:
 *      run, start, exec       --GO------> startContainer hooks, LAST walls, execve
 *    end of file = execve has happened
 *
 * Either side may find end of file: the other is gone; the child then exits. FAILED, with the text
 * of a struct err, may come from the child at any time. The relay of namespace.h has a pair of its own,
 * with MAP_ME, MAPPED, CGROUP and PID.
 */
#pragma once

#include <stdint.h>

struct err;

enum sync_type {
	SYNC_MAP_ME,
	SYNC_MAPPED,
	SYNC_PID,
	SYNC_CGROUP,
	SYNC_ROOTFS,
	SYNC_HOOKS,
	SYNC_ATTEND,
	SYNC_READY,
	SYNC_DETACH,
	SYNC_PAGE, /* first word of a child on start.sock: the wall page rides along, if there is one */
	SYNC_GO,
	SYNC_FAILED,
};

#define SYNC_FD_COUNT_MAX 32

struct sync_message {
	enum sync_type type;
	int32_t value;
	int fds[SYNC_FD_COUNT_MAX]; /* received: owned by the receiver, close-on-exec */
	uint32_t fd_count;
};

/** sync_pair() - make the two ends, close-on-exec. Return: 0, or -errno with @e filled. */
int sync_pair(int *ret_parent_fd, int *ret_child_fd, struct err *e);

/** sync_send() - send one message. Return: 0, -EPIPE when the peer is gone, or -errno. */
int sync_send(int fd, enum sync_type type, int32_t value, struct err *e);
int sync_send_fds(int fd, enum sync_type type, const int *fds, uint32_t fd_count, struct err *e);

/** sync_fail() - tell the peer of @fault. Errors are ignored: there is nobody else to tell. */
void sync_fail(int fd, const struct err *fault);

/**
 * sync_receive() - wait for the next message
 *
 * Return: 0 with @ret_message filled; -EPIPE at end of file, @e untouched; the peer's own negative
 * errno with @e filled when it sent FAILED; -errno otherwise.
 */
int sync_receive(int fd, struct sync_message *ret_message, struct err *e);

/** sync_expect() - sync_receive() of one type without descriptors; another type is -EPROTO. */
int sync_expect(int fd, enum sync_type type, struct err *e);
