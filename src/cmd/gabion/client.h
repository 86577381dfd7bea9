/*
 * Our end of being attached to a container: standard streams go through the monitor, the terminal is
 * raw meanwhile, signals are passed on, and a key sequence leaves without ending anything.
 */
#pragma once

#include <stdbool.h>

struct err;

struct client_options {
	bool is_tty;
	bool sends_input;
	bool proxies_signals;
	const char *detach_keys; /* NULL: "ctrl-p,ctrl-q" */
};

#define CLIENT_DETACHED (-1000) /* not an exit status */

/** client_await() - until the container has started. Return: 0; or -errno with its fault in @e. */
int client_await(int fd, struct err *e);

/**
 * client_attend() - until the container ends or the user leaves
 * @fd: from monitor_start() or monitor_attach(); borrowed
 *
 * Return: 0 with the exit status, or CLIENT_DETACHED, in @ret_status; -errno with @e filled.
 */
int client_attend(int fd, const struct client_options *options, int *ret_status, struct err *e);

/** status_of_fault() - 126 and 127 for a command that cannot be run, as Docker; else 125. */
int status_of_fault(const struct err *e);
