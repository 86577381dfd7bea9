/*
 * A resolved profile as OCI's linux.seccomp: for config.json, and for people who want to see what
 * archMap, includes, excludes and changes came to.
 */
#pragma once

struct seccomp_profile;
struct text;

/** seccomp_write() - append the JSON of @profile. Reading it again gives the same filter. */
void seccomp_write(const struct seccomp_profile *profile, struct text *out);
