/*
 * The meaning of a profile, written down directly: no tables made, nothing merged, slow. It shares
 * the table of system calls with the compiler and nothing else, and so is what the compiler is held
 * against. What it says here is what gabion-seccomp(5) says in words.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct seccomp_options;
struct seccomp_profile;

/** eval() - the verdict of @profile on one call. */
uint32_t eval(const struct seccomp_profile *profile, const struct seccomp_options *options,
	      const struct seccomp_data *data);
