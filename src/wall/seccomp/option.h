/*
 * --security-opt seccomp=unconfined | builtin | FILE | +NAME,-NAME,@GROUP
 */
#pragma once

#include <stdbool.h>

struct arena;
struct err;
struct seccomp_facts;
struct seccomp_profile;

/**
 * seccomp_option_read() - the profile that a user asked for
 * @value: what stands behind "seccomp="; NULL for the built-in profile
 * @ret_is_confined: false for "unconfined": there is no profile then
 *
 * Changes apply to the built-in profile. A file that is meant to be called like a change, or like
 * "builtin", is named with a slash.
 *
 * Return: 0; -errno with @e filled.
 */
int seccomp_option_read(const char *value, const struct seccomp_facts *facts, struct arena *arena,
			struct seccomp_profile *ret_profile, bool *ret_is_confined, struct err *e);
