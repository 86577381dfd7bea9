/*
 * Readers of profiles: OCI's linux.seccomp, and the forms that people write in files, Docker's (with
 * archMap, includes, excludes) and Podman's (with names of errors). Bytes that others wrote: a
 * mistake is an error that names the field, `linux.seccomp.syscalls[3].args[0].op: ...`.
 */
#pragma once

#include <stddef.h>

#include "wall/seccomp/profile.h"

struct err;
struct json_object;

/* What includes and excludes of a profile are held against. */
struct seccomp_facts {
	enum seccomp_arch arch;  /* the one containers run on */
	unsigned kernel_major;
	unsigned kernel_minor;
	const char *const *caps; /* "CAP_CHOWN", ...: the container's bounding set */
	size_t cap_count;
};

/**
 * seccomp_read_oci() - read linux.seccomp of a config.json
 * @json:   borrowed
 * @native: architecture to list when the profile lists none
 * @arena:  where the profile goes
 *
 * A default action of "" without any call means that no filter is wanted: the profile then has no
 * architecture, and seccomp_profile_is_empty() is true.
 *
 * Return: 0; -EINVAL with the field named; -E2BIG, -ENOMEM.
 */
int seccomp_read_oci(struct json_object *json, enum seccomp_arch native, struct arena *arena,
		     struct seccomp_profile *ret_profile, struct err *e);

/**
 * seccomp_read_file() - read a profile as in a file: any of the three forms
 * @facts: decides archMap, includes and excludes; borrowed
 *
 * Return: as seccomp_read_oci(); fields are named without a prefix.
 */
int seccomp_read_file(struct json_object *json, const struct seccomp_facts *facts,
		      struct arena *arena, struct seccomp_profile *ret_profile, struct err *e);

static inline bool seccomp_profile_is_empty(const struct seccomp_profile *profile)
{
	return !profile->arch_count;
}
