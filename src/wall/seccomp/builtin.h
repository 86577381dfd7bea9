/*
 * What comes with the program: the default profile (policy/seccomp/default.json) and the groups of
 * calls that have a name (policy/seccomp/groups.txt).
 */
#pragma once

#include <stddef.h>

struct arena;
struct err;
struct seccomp_facts;
struct seccomp_profile;

struct seccomp_group {
	const char *name;         /* without the '@' */
	const char *const *calls; /* NULL-terminated */
};

/** seccomp_read_builtin() - the default profile, as it applies under @facts. */
int seccomp_read_builtin(const struct seccomp_facts *facts, struct arena *arena,
			 struct seccomp_profile *ret_profile, struct err *e);

/** seccomp_group_find() - the group called @name (without '@'), or NULL. */
const struct seccomp_group *seccomp_group_find(const char *name);

/** seccomp_group_at() - the group at @i, or NULL past the last. */
const struct seccomp_group *seccomp_group_at(size_t i);
