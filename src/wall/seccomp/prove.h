/*
 * The prover: are two filters equal on every input, all 2^512 of them? Every path of the one is
 * followed with what it says about each 32-bit word of seccomp_data, then every path of the other
 * that this leaves open. Two different returns on a pair of paths that some input takes are a
 * counterexample; none are a proof.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

#include "wall/seccomp/seccomp_filter.h"

enum proof {
	PROOF_EQUAL,
	PROOF_DIFFERENT, /* a counterexample was found */
	PROOF_NONE,      /* it does not model something, or gave up */
};

/* Which inputs are asked about. */
struct proof_scope {
	bool is_one_call; /* only those with this architecture and number */
	uint32_t arch;
	uint32_t number;
};

/**
 * filter_prove() - compare @a with @b; both must have passed filter_check()
 * @scope:          NULL for every input
 * @ret_example:    an input on which they differ, for PROOF_DIFFERENT
 * @ret_pair_count: pairs of paths that were compared; may be NULL
 */
enum proof filter_prove(struct seccomp_filter a, struct seccomp_filter b,
			const struct proof_scope *scope, struct seccomp_data *ret_example,
			unsigned long *ret_pair_count);
