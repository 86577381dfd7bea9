/*
 * What a filter does, read from its instructions rather than from the profile that it came from: the
 * verdicts that one call can get, and how many calls are allowed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wall/seccomp/arch.h"
#include "wall/seccomp/seccomp_filter.h"

#define VERDICT_COUNT_MAX 8

/* All verdicts that the filter can give one call. More than one: its arguments decide. */
struct verdicts {
	uint32_t items[VERDICT_COUNT_MAX];
	unsigned count;
	bool is_cut; /* there are more */
};

/** filter_verdicts() - the verdicts for @number (x32's bit included) on @arch. */
void filter_verdicts(struct seccomp_filter filter, uint32_t arch, uint32_t number,
		     struct verdicts *ret_verdicts);

/** verdict_is_allowing() - does the call reach the kernel? */
bool verdict_is_allowing(uint32_t verdict);

/* How the calls that the table knows fare on one architecture. */
struct call_counts {
	unsigned known;
	unsigned allowed;     /* whatever the arguments */
	unsigned conditional; /* arguments decide */
	unsigned refused;
};

struct call_counts filter_count_calls(struct seccomp_filter filter, enum seccomp_arch arch);
