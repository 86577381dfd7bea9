#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>

#include "random.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/syscalls.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

uint64_t random_next(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state * 0x2545f4914f6cdd1dull;
}

unsigned random_below(struct random *random, unsigned bound)
{
	return (unsigned)(random_next(random) >> 33) % bound;
}

/* --- profiles ------------------------------------------------------------------------------- */

enum mood {
	MOOD_TAME,    /* one action, small values, few conditions */
	MOOD_MIXED,   /* all actions, all operators */
	MOOD_HOSTILE, /* values with high halves, masks, many conditions on one call */
	MOOD_COUNT,
};

/* Calls with an interesting past: multiplexed, narrow arguments, newer than the rest. */
static const char *const favourites[] = {
	"socket", "socketpair", "setsockopt", "socketcall", "ipc", "shmget", "clone", "clone3",
	"personality", "ioctl", "prctl", "mmap", "openat", "keyctl", "listns", "uretprobe",
	"cacheflush", "set_tls", "uname", "exit_group", "semop", "msgctl", "unshare", "kill",
};

static const uint32_t actions[] = {
	SECCOMP_RET_ALLOW,	    SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | ENOSYS,
	SECCOMP_RET_KILL_THREAD,    SECCOMP_RET_KILL_PROCESS,  SECCOMP_RET_TRAP,
	SECCOMP_RET_TRACE | 0x1234, SECCOMP_RET_LOG,	       SECCOMP_RET_USER_NOTIF,
};

static uint64_t random_value(struct random *random, enum mood mood)
{
	static const uint64_t edges[] = {
		0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff,
		0xffffffff80000000, 0xffffffff7fffffff, UINT64_MAX, UINT64_MAX - 1, 1ull << 63,
		0x200000002, 0xffffffff00000000,
	};

	switch (random_below(random, mood == MOOD_HOSTILE ? 5 : 3)) {
	case 0:
	case 1:
		return random_below(random, 8);
	case 2:
		return random_below(random, mood == MOOD_TAME ? 64 : 1u << 20);
	case 3:
		return edges[random_below(random, COUNT(edges))];
	default:
		return (uint64_t)random_below(random, 3) << 32 | random_below(random, 3);
	}
}

static uint64_t random_mask(struct random *random)
{
	switch (random_below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return 1ull << random_below(random, 64);
	case 2:
		return UINT32_MAX;
	case 3:
		return UINT64_MAX;
	case 4:
		return random_next(random) & random_next(random);
	default:
		return random_below(random, 256);
	}
}

static struct seccomp_cond random_cond(struct random *random, enum mood mood)
{
	struct seccomp_cond cond = {
		.arg = (uint8_t)random_below(random, mood == MOOD_HOSTILE ? 3 : 6),
		.op = (uint8_t)random_below(random, SECCOMP_OP_COUNT),
		.value = random_value(random, mood),
	};

	if (mood == MOOD_TAME && random_below(random, 2))
		cond.op = SECCOMP_OP_EQ;
	if (cond.op == SECCOMP_OP_MASKED)
		cond.mask = random_mask(random);
	return cond;
}

static const char *random_name(struct random *random)
{
	if (random_below(random, 3))
		return favourites[random_below(random, COUNT(favourites))];
	return syscall_name(random_below(random, syscall_count()));
}

static uint32_t random_action(struct random *random, enum mood mood)
{
	return actions[mood == MOOD_TAME ? 0 : random_below(random, COUNT(actions))];
}

static void add_conditional(struct random *random, struct seccomp_profile *profile, enum mood mood)
{
	struct seccomp_cond conds[6];
	const char *name = random_name(random);
	unsigned rule_count = 1 + random_below(random, mood == MOOD_HOSTILE ? 10 : 4);

	for (unsigned i = 0; i < rule_count; i++) {
		unsigned count = 1 + random_below(random, mood == MOOD_HOSTILE ? 5 : 2);
		uint32_t first;

		for (unsigned j = 0; j < count; j++)
			conds[j] = random_cond(random, mood);
		(void)seccomp_profile_add_conds(profile, conds, count, &first, NULL);
		(void)seccomp_profile_add(profile, name, random_action(random, mood), first, count,
					  NULL);
	}
}

static void add_archs(struct random *random, struct seccomp_profile *profile)
{
	if (random_below(random, 2)) {
		seccomp_profile_add_arch(profile, SECCOMP_ARCH_X86_64);
		seccomp_profile_add_arch(profile, SECCOMP_ARCH_I386);
		seccomp_profile_add_arch(profile, SECCOMP_ARCH_X32);
		return;
	}
	for (unsigned count = 1 + random_below(random, 3); count; count--)
		seccomp_profile_add_arch(profile, random_below(random, SECCOMP_ARCH_COUNT));
}

void random_profile(struct random *random, struct arena *arena, struct seccomp_profile *ret_profile)
{
	enum mood mood = random_below(random, MOOD_COUNT);
	unsigned plain_count = random_below(random, 2) ? random_below(random, 300) : 0;

	seccomp_profile_init(ret_profile, arena);
	ret_profile->default_verdict = actions[random_below(random, mood == MOOD_TAME ? 2 : 9)];
	add_archs(random, ret_profile);
	for (unsigned i = 0; i < plain_count; i++)
		(void)seccomp_profile_add(ret_profile,
					  syscall_name(random_below(random, syscall_count())),
					  random_action(random, mood), 0, 0, NULL);
	for (unsigned i = random_below(random, 8); i; i--)
		add_conditional(random, ret_profile, mood);
}

/* --- calls ---------------------------------------------------------------------------------- */

static uint64_t random_arg(struct random *random, const struct seccomp_profile *profile)
{
	uint64_t x = random_below(random, 32);

	if (profile->cond_count && random_below(random, 8)) {
		const struct seccomp_cond *cond =
			&profile->conds[random_below(random, profile->cond_count)];

		x = cond->value + random_below(random, 3) - 1;
		if (!random_below(random, 4))
			x |= ~cond->mask & random_next(random);
	}
	switch (random_below(random, 8)) {
	case 0:
		return x ^ 1ull << random_below(random, 64);
	case 1:
		return x | (uint64_t)random_below(random, 3) << 32;
	case 2:
		return (uint64_t)(int64_t)(int32_t)x;
	case 3:
		return (uint32_t)x;
	default:
		return x;
	}
}

static uint32_t random_number(struct random *random, const struct seccomp_profile *profile,
			      enum seccomp_arch arch)
{
	static const uint32_t edges[] = {
		0, SECCOMP_X32_BIT - 1, SECCOMP_X32_BIT, SECCOMP_X32_BIT + 1, 0x80000000, UINT32_MAX,
		UINT32_MAX - 1, 0x0f0000, 0x0f0007,
	};
	uint32_t base = seccomp_archs[arch].number_base;
	int number = -1;

	switch (random_below(random, 4)) {
	case 0:
		return base + random_below(random, 600);
	case 1:
		return edges[random_below(random, COUNT(edges))];
	case 2:
		number = syscall_number(random_below(random, syscall_count()), arch);
		break;
	default:
		if (profile->rule_count)
			number = syscall_number(
				profile->rules[random_below(random, profile->rule_count)].syscall,
				arch);
	}
	if (number < 0)
		return base + (random_below(random, 2) ? 102 : 117);
	return base + (uint32_t)number;
}

void random_call(struct random *random, const struct seccomp_profile *profile,
		 struct seccomp_data *ret_data)
{
	enum seccomp_arch arch = profile->archs[random_below(random, profile->arch_count)];

	if (!random_below(random, 16))
		arch = random_below(random, SECCOMP_ARCH_COUNT);
	*ret_data = (struct seccomp_data){
		.nr = (int)random_number(random, profile, arch),
		.arch = seccomp_archs[arch].audit,
	};
	for (unsigned i = 0; i < SECCOMP_ARG_COUNT; i++) {
		uint64_t x = random_arg(random, profile);

		ret_data->args[i] = x;
	}
}
