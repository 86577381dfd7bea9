/*
 * Our own program file, out of reach for those we start. A container that makes us run its own
 * /proc/self/exe gets hold of the file we are running from, and writes to it as soon as we are gone
 * (CVE-2019-5736). So we run from something nobody can write to: a read-only mount of the file that
 * is mounted nowhere, or a sealed copy in memory.
 */
#pragma once

#include <stdbool.h>

struct err;

/**
 * selfexe_is_protected() - can what we run from not be written to, by its mount, seals or owner?
 *
 * Looks at the kernel, never at the environment.
 */
bool selfexe_is_protected(void);

/**
 * selfexe_protect() - run again from a protected file, unless we do already
 * @argv: of main()
 * @name: what the process shall be called (ps, /proc/PID/comm), at most 15 bytes
 *
 * Call first in main(): what was done before is done again. Does not return when it starts the
 * program again.
 *
 * Return: 0 when protected; -errno with @e filled when it cannot be had.
 */
int selfexe_protect(char *const *argv, const char *name, struct err *e);
