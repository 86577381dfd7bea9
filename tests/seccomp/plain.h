/*
 * The plain form of a filter: number after number, rule after rule, nothing shared and no order
 * chosen. Long and slow, but easy to believe; the prover holds the compiler's output against it.
 */
#pragma once

#include "wall/seccomp/filter.h"

struct seccomp_options;
struct seccomp_profile;

#define PLAIN_INSN_COUNT_MAX 400000

/** plain_compile() - into @insns, room for PLAIN_INSN_COUNT_MAX. */
struct seccomp_filter plain_compile(const struct seccomp_profile *profile,
				 const struct seccomp_options *options, struct sock_filter *insns);
