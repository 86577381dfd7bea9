/*
 * Ids and capabilities of the workload: dropped once, in one order, never to come back.
 */
#pragma once

#include <stdbool.h>

struct err;
struct plan;
struct witness;

/**
 * creds_drop() - become the user, with the capabilities, that the plan says
 *
 * Bounding set first, while there is the capability to shrink it; then groups, gid, uid with the
 * permitted set kept across; then the sets; no_new_privs last.
 *
 * Context: child; no allocation.
 */
int creds_drop(const struct plan *plan, struct err *e);

/**
 * creds_verify() - hold /proc/PID/status against the plan: ids, capability sets, no_new_privs
 *
 * Before execve all sets are compared. After it the kernel has recomputed permitted and effective
 * from the file: the bounding set must be the same and nothing may exceed it.
 */
int creds_verify(const struct plan *plan, const struct witness *seen, struct err *e);
