/*
 * Random profiles, from tame to hostile, and inputs that lie on the edges of what a profile says.
 * Everything comes from one seed, which a failure prints.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

struct arena;
struct seccomp_profile;

struct random {
	uint64_t state;
};

uint64_t random_next(struct random *random);
unsigned random_below(struct random *random, unsigned bound);

/** random_profile() - a profile; a third of them each tame, mixed and hostile. */
void random_profile(struct random *random, struct arena *arena,
		    struct seccomp_profile *ret_profile);

/** random_call() - a call on or next to a border of @profile. */
void random_call(struct random *random, const struct seccomp_profile *profile,
		 struct seccomp_data *ret_data);
