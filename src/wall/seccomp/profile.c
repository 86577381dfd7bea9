#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/syscalls.h"

/* Enough for the profiles that everybody uses. */
#define RULE_CAPACITY_FIRST    512
#define COND_CAPACITY_FIRST    32
#define UNKNOWN_CAPACITY_FIRST 16

void seccomp_profile_init(struct seccomp_profile *profile, struct arena *arena)
{
	*profile = (struct seccomp_profile){ .arena = arena };
}

void seccomp_profile_add_arch(struct seccomp_profile *profile, enum seccomp_arch arch)
{
	for (unsigned i = 0; i < profile->arch_count; i++) {
		if (profile->archs[i] == arch)
			return;
	}
	profile->archs[profile->arch_count++] = (uint8_t)arch;
}

/* Make room in an array for @more elements; arena memory is never given back, so double. */
static void *grow(struct arena *arena, void *old, size_t element_bytes, uint32_t count,
		  uint32_t more, uint32_t *capacity, uint32_t capacity_first)
{
	uint32_t wanted = *capacity ? *capacity : capacity_first;
	void *fresh;

	if (*capacity - count >= more)
		return old;
	while (wanted - count < more)
		wanted *= 2;
	fresh = arena_array(arena, wanted, element_bytes);
	if (!fresh)
		return NULL;
	if (count)
		memcpy(fresh, old, count * element_bytes);
	*capacity = wanted;
	return fresh;
}

int seccomp_profile_add_conds(struct seccomp_profile *profile, const struct seccomp_cond *conds,
			      unsigned count, uint32_t *ret_first, struct err *e)
{
	struct seccomp_cond *room;

	*ret_first = profile->cond_count;
	if (!count)
		return 0;
	if (count > SECCOMP_COND_COUNT_MAX - profile->cond_count)
		return err_set(e, E2BIG, "more than %d conditions", SECCOMP_COND_COUNT_MAX);
	room = grow(profile->arena, profile->conds, sizeof(*room), profile->cond_count, count,
		    &profile->cond_capacity, COND_CAPACITY_FIRST);
	if (!room)
		return err_oom(e);
	profile->conds = room;
	for (unsigned i = 0; i < count; i++) {
		struct seccomp_cond *cond = &room[profile->cond_count++];

		*cond = conds[i];
		if (cond->op == SECCOMP_OP_MASKED)
			cond->value &= cond->mask;
	}
	return 0;
}

static int add_rule(struct seccomp_profile *profile, struct seccomp_rule rule, struct err *e)
{
	struct seccomp_rule *room;

	if (profile->rule_count == SECCOMP_RULE_COUNT_MAX)
		return err_set(e, E2BIG, "more than %d rules", SECCOMP_RULE_COUNT_MAX);
	room = grow(profile->arena, profile->rules, sizeof(*room), profile->rule_count, 1,
		    &profile->rule_capacity, RULE_CAPACITY_FIRST);
	if (!room)
		return err_oom(e);
	profile->rules = room;
	room[profile->rule_count++] = rule;
	return 0;
}

static int add_unknown(struct seccomp_profile *profile, const char *name, struct err *e)
{
	const char **room = grow(profile->arena, profile->unknown, sizeof(*room),
				 profile->unknown_count, 1, &profile->unknown_capacity,
				 UNKNOWN_CAPACITY_FIRST);
	const char *copy = arena_strdup(profile->arena, name);

	if (!room || !copy)
		return err_oom(e);
	profile->unknown = room;
	room[profile->unknown_count++] = copy;
	return 0;
}

static bool names_an_arg_twice(const struct seccomp_cond *conds, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < count; i++) {
		if (seen & 1u << conds[i].arg)
			return true;
		seen |= 1u << conds[i].arg;
	}
	return false;
}

int seccomp_profile_add(struct seccomp_profile *profile, const char *name, uint32_t verdict,
			uint32_t first, unsigned count, struct err *e)
{
	int syscall = syscall_find(name), r = 0;
	struct seccomp_rule rule = {
		.verdict = verdict,
		.syscall = (uint16_t)syscall,
		.cond_first = (uint16_t)first,
		.cond_count = (uint8_t)count,
	};

	if (syscall < 0)
		return add_unknown(profile, name, e);
	profile->names_calls = true;
	if (syscall_kernel(rule.syscall) > profile->kernel)
		profile->kernel = syscall_kernel(rule.syscall);
	if (!count || !names_an_arg_twice(profile->conds + first, count))
		return add_rule(profile, rule, e);
	rule.cond_count = 1;
	for (unsigned i = 0; i < count && r == 0; i++, rule.cond_first++)
		r = add_rule(profile, rule, e);
	return r;
}

void seccomp_profile_remove(struct seccomp_profile *profile, unsigned syscall)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < profile->rule_count; i++) {
		if (profile->rules[i].syscall != syscall)
			profile->rules[kept++] = profile->rules[i];
	}
	profile->rule_count = kept;
}

bool seccomp_profile_notifies(const struct seccomp_profile *profile)
{
	if (profile->default_verdict == SECCOMP_RET_USER_NOTIF)
		return true;
	for (uint32_t i = 0; i < profile->rule_count; i++) {
		if (profile->rules[i].verdict == SECCOMP_RET_USER_NOTIF)
			return true;
	}
	return false;
}
