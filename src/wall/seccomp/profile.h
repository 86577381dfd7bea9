/*
 * A resolved profile: what a filter shall do, with names turned into indexes of the system call
 * table and all that depended on the container (capabilities, kernel, architecture) decided. Readers
 * and modifiers make it, the compiler reads it. It knows nothing of where it came from.
 *
 * The meaning, in full in gabion-seccomp(5): a rule applies when all its conditions hold; a rule
 * without conditions beats all others of its call, the first such if there are several; among rules
 * with conditions the first in order that applies decides; none, and the default decides.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wall/seccomp/arch.h"

struct arena;
struct err;

enum seccomp_op {
	SECCOMP_OP_NE,
	SECCOMP_OP_LT,
	SECCOMP_OP_LE,
	SECCOMP_OP_EQ,
	SECCOMP_OP_GE,
	SECCOMP_OP_GT,
	SECCOMP_OP_MASKED, /* (argument & mask) == value */
	SECCOMP_OP_COUNT,
};

#define SECCOMP_ARG_COUNT 6

/* Compares one argument, unsigned. */
struct seccomp_cond {
	uint64_t value;
	uint64_t mask; /* SECCOMP_OP_MASKED only; value has no bit outside it */
	uint8_t arg;
	uint8_t op; /* enum seccomp_op */
};

/* No argument twice: readers split such rules, see seccomp_profile_add(). */
struct seccomp_rule {
	uint32_t verdict;    /* SECCOMP_RET_* with its data */
	uint16_t syscall;    /* index in the table */
	uint16_t cond_first; /* in the profile's conds */
	uint8_t cond_count;
};

#define SECCOMP_RULE_COUNT_MAX 32768
#define SECCOMP_COND_COUNT_MAX 65535

struct seccomp_profile {
	struct arena *arena;
	uint32_t default_verdict;
	uint8_t archs[SECCOMP_ARCH_COUNT]; /* enum seccomp_arch, the first is tested first */
	uint8_t arch_count;
	bool has_flags;
	unsigned flags;  /* SECCOMP_FILTER_FLAG_*, when has_flags */
	uint16_t kernel; /* newest SYSCALL_KERNEL() among the calls named: the profile's age */
	bool names_calls; /* at least one call that the table knows */

	struct seccomp_rule *rules;
	struct seccomp_cond *conds;
	uint32_t rule_count, rule_capacity;
	uint32_t cond_count, cond_capacity;

	const char *listener_path; /* where a NOTIFY listener goes, or NULL */
	const char *listener_metadata;

	const char **unknown; /* names that the table does not know, for a warning */
	uint32_t unknown_count, unknown_capacity;
};

/** seccomp_profile_init() - an empty profile; everything added to it goes into @arena. */
void seccomp_profile_init(struct seccomp_profile *profile, struct arena *arena);

/** seccomp_profile_add_arch() - list @arch, once. */
void seccomp_profile_add_arch(struct seccomp_profile *profile, enum seccomp_arch arch);

/**
 * seccomp_profile_add_conds() - keep conditions for the rules that follow
 * @ret_first: index to give to seccomp_profile_add()
 *
 * The rules of many calls can share one set. SECCOMP_OP_MASKED values lose the bits outside their
 * masks.
 *
 * Return: 0, -E2BIG with more than SECCOMP_COND_COUNT_MAX, -ENOMEM.
 */
int seccomp_profile_add_conds(struct seccomp_profile *profile, const struct seccomp_cond *conds,
			      unsigned count, uint32_t *ret_first, struct err *e);

/**
 * seccomp_profile_add() - add a rule for one call
 * @name:  unknown names are noted in profile->unknown and add nothing
 * @first: from seccomp_profile_add_conds(), with its @count
 *
 * Where conditions name one argument twice, each condition becomes a rule of its own: what looks
 * like a range has always meant "or" to the runtimes, and profiles rely on it.
 *
 * Return: 0, -E2BIG with more than SECCOMP_RULE_COUNT_MAX, -ENOMEM.
 */
int seccomp_profile_add(struct seccomp_profile *profile, const char *name, uint32_t verdict,
			uint32_t first, unsigned count, struct err *e);

/** seccomp_profile_remove() - drop all rules of the call at @syscall. */
void seccomp_profile_remove(struct seccomp_profile *profile, unsigned syscall);

/** seccomp_profile_notifies() - is there a NOTIFY among its verdicts? */
bool seccomp_profile_notifies(const struct seccomp_profile *profile);
