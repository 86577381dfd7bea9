/*
 * Looking at the workload from outside: what does the kernel say of it? The runtime believes no
 * report of the child; it reads /proc/PID and holds it against the plan, before execve and, for what
 * changes there, at the exec stop.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct plan;

/**
 * witness_verify() - hold /proc/PID against the plan: ids, capabilities, no_new_privs, walls
 * @proc_fd: proc_open_root() of the caller
 * @at_exec: execve has happened
 *
 * A process that is gone already confines nobody any more: that is no error with @at_exec.
 *
 * Return: 0; -EPERM with @e filled: a wall does not stand.
 */
int witness_verify(const struct plan *plan, int proc_fd, pid_t pid, int pidfd, bool at_exec,
		   struct err *e);

/**
 * witness_seize() - have the kernel stop @pid when it executes its next program
 *
 * The process is killed should we die. Return: 0; -EPERM where tracing is not allowed.
 */
int witness_seize(pid_t pid);

/**
 * witness_wait_exec() - wait for the exec stop
 *
 * Signals on the way are passed on. Return: 0 at the stop; -ECHILD when the process ended before
 * (it has been reaped), with its wait status in @ret_status.
 */
int witness_wait_exec(pid_t pid, int *ret_status, struct err *e);

/** witness_let_go() - end the stop; the workload's first instruction follows. */
int witness_let_go(pid_t pid, struct err *e);
