/* Signals as people and engines write them. */
#pragma once

struct err;

/**
 * signal_parse() - read "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" or "RTMAX-1"
 *
 * Return: 0; -EINVAL with @e filled.
 */
int signal_parse(const char *text, int *ret_signal, struct err *e);
