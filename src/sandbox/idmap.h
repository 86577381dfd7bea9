/*
 * Id maps of a user namespace that has just been made: written by root directly, by others through
 * newuidmap and newgidmap where the map is more than their own id.
 */
#pragma once

#include <sys/types.h>

struct err;
struct plan;

/**
 * idmap_write() - write uid_map, setgroups and gid_map of @pid
 *
 * Context: parent; @pid is a child that waits.
 * Return: 0, or -errno with @e filled.
 */
int idmap_write(const struct plan *plan, pid_t pid, struct err *e);
