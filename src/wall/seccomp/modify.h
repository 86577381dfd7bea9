/*
 * Small changes to a profile, as people write them: "+NAME,-NAME,+@GROUP,-@GROUP".
 */
#pragma once

#include <stdbool.h>

struct err;
struct seccomp_profile;

/** seccomp_is_change() - does @text look like changes rather than a file name? */
bool seccomp_is_change(const char *text);

/**
 * seccomp_modify() - apply @changes, from left to right
 *
 * '+' allows a call whatever its arguments, '-' refuses it with the profile's default if that
 * refuses, else with EPERM. A '@' names a group; without a sign it is allowed. Earlier rules of the
 * call are dropped. The profile's age stays: what is newer than it still gives ENOSYS.
 *
 * Return: 0; -EINVAL for a name that is unknown; -ENOMEM.
 */
int seccomp_modify(struct seccomp_profile *profile, const char *changes, struct err *e);
