/*
 * The rules of one call, as a decision over the words of its arguments: high half before low half,
 * argument after argument. For each elementary interval of a word those rules remain that can still
 * apply; equal remainders are equal nodes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wall/seccomp/arch.h"
#include "wall/seccomp/intervals.h"
#include "wall/seccomp/profile.h"

struct arena;
struct diagram;

#define MATCH_RULE_COUNT_MAX 2048

enum match_half {
	MATCH_HIGH,
	MATCH_LOW,
};

/* A condition, cut into the two words that it looks at. Equality is a full mask. */
struct match_test {
	uint8_t op; /* enum seccomp_op, never SECCOMP_OP_EQ */
	uint32_t value[2];
	uint32_t mask[2];
};

/* A rule as this architecture sees it. */
struct match_rule {
	uint32_t verdict;
	uint8_t open; /* arguments that must be tested, a bit each */
	uint8_t low;  /* those of which only the low half counts */
	struct match_test tests[SECCOMP_ARG_COUNT];
};

/* A rule that can still apply: what is left of its tests. */
struct match_state {
	uint16_t rule;
	uint8_t open;
	uint8_t low;
};

struct matcher {
	struct diagram *diagram;
	struct run *runs; /* scratch memory, match_interval_count() of them */
	uint32_t default_verdict;
	bool is_big_endian;
	bool only_chains; /* do not share tests between rules: the reference form, for tests */

	struct match_rule *rules;
	unsigned rule_count, rule_capacity;

	/* Stacks of match(): each level adds on top of what it was given. */
	struct match_state *states;
	uint32_t *cuts;
	struct interval *intervals;
	unsigned state_count, cut_count, interval_count;
	unsigned state_capacity, cut_capacity; /* of intervals as of cuts */
	uint32_t work; /* steps that may still be taken for this call */
};

enum match_added {
	MATCH_ADDED,         /* as one more alternative */
	MATCH_NEVER,         /* it cannot apply: nothing was added */
	MATCH_UNCONDITIONAL, /* no condition of it is left: nothing was added, the caller decides */
	MATCH_FULL,          /* more rules than were announced */
};

/**
 * match_init() - make room for calls with up to @rule_count conditional rules
 *
 * Return: false when @arena is full.
 */
bool match_init(struct matcher *matcher, unsigned rule_count, struct arena *arena);

/** match_interval_count() - the most intervals that one word can be cut into. */
unsigned match_interval_count(unsigned rule_count);

/** match_begin() - start with the rules of another call. */
void match_begin(struct matcher *matcher);

/* How wide the arguments of the call are. */
struct match_width {
	bool is_32bit;  /* the ABI compares low halves, of both sides */
	uint8_t narrow; /* arguments that the kernel reads as 32 bits, a bit each */
};

/**
 * match_add() - one more rule, after those already there
 * @mux_call: 0; or the value that argument 0 of a multiplexer must have instead of any condition
 *            that the rule puts on it
 */
enum match_added match_add(struct matcher *matcher, uint32_t verdict,
			   const struct seccomp_cond *conds, unsigned count,
			   struct match_width width, unsigned mux_call);

/** match_end() - entry that decides between all rules added. */
uint16_t match_end(struct matcher *matcher);
