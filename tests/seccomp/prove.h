/*
 * The prover: are two filters equal on every input, all 2^512 of them? Every path of the one is
 * followed with what it says about each 32-bit word of seccomp_data, then every path of the other
 * that this leaves open. Two different returns on a pair of paths that some input takes are a
 * counterexample; none are a proof.
 */
#pragma once

#include <linux/seccomp.h>

#include "bpf.h"

enum proof {
	PROOF_EQUAL,
	PROOF_DIFFERENT, /* a counterexample was found */
	PROOF_NONE,      /* the prover does not model something, or gave up */
};

/** prove() - compare @a with @b; both must have passed bpf_check(). */
enum proof prove(struct bpf_program a, struct bpf_program b, struct seccomp_data *ret_example,
		 unsigned long *ret_pair_count);
