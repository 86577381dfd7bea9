/*
 * The kernel's side of a filter: which flags it takes, and putting the filter up.
 */
#pragma once

#include "wall/seccomp/seccomp_filter.h"

struct err;

/**
 * attach_probe() - which of @flags (SECCOMP_FILTER_FLAG_*) the running kernel knows
 *
 * Costs one system call when it knows them all; attaches nothing.
 *
 * Return: true when the kernel has filters at all.
 */
bool attach_probe(unsigned flags, unsigned *ret_flags);

/**
 * attach_filter() - put @filter up for this process, for good
 *
 * Context: needs no_new_privs, or CAP_SYS_ADMIN in the user namespace. No allocation; after success
 * each further system call has to be allowed by @filter.
 *
 * Return: 0, or a descriptor with SECCOMP_FILTER_FLAG_NEW_LISTENER; -errno with @e filled.
 */
int attach_filter(struct seccomp_filter filter, unsigned flags, struct err *e);
