/*
 * Attending a workload in the foreground: signals that we get are passed on, our terminal is relayed
 * to the container's, orphans that become ours are reaped, and the exit status is what it ended with.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct err;

struct attendance {
	int console_fd; /* where the container's terminal will come from; -EBADF: none */
	bool has_mask;
	sigset_t old_mask;
	bool is_raw;
	struct termios old_terminal;
};
#define ATTENDANCE_NONE { .console_fd = -EBADF }

/**
 * attend_begin() - hold signals back from now on, so that none is lost while the workload is made
 *
 * The workload must be started with an empty mask of its own.
 */
void attend_begin(struct attendance *attendance);

/**
 * attend() - until process @pid, a child of ours, has ended
 *
 * Return: 0 with its exit status, 128 + N for signal N; or -errno with @e filled.
 */
int attend(struct attendance *attendance, pid_t pid, int pidfd, int *ret_status, struct err *e);

/** attend_end() - terminal and signals as they were. */
void attend_end(struct attendance *attendance);

static inline void own_attendance_drop(struct attendance *attendance)
{
	attend_end(attendance);
}
#define own_attendance __attribute__((cleanup(own_attendance_drop)))
