/*
 * Random profiles: the compiler's filter is proved equal to the plain form on every input, and both
 * are held against the evaluator on inputs at the borders. Usage: check_random COUNT [SEED]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "eval.h"
#include "plain.h"
#include "random.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/prove.h"

#define CALLS_PER_PROFILE 1000

static struct sock_filter plain_insns[PLAIN_INSN_COUNT_MAX];

struct totals {
	unsigned proved, sampled, undecided;
	unsigned long pairs, calls, insns, plain_insns;
};

static bool agrees_with_eval(struct random *random, const struct seccomp_profile *profile,
			     const struct seccomp_options *options, struct seccomp_filter program)
{
	for (unsigned i = 0; i < CALLS_PER_PROFILE; i++) {
		struct seccomp_data data, laid_out;
		uint32_t ours, theirs;

		random_call(random, profile, &data);
		laid_out = check_laid_out(&data);
		ours = filter_run(program, &laid_out, NULL);
		theirs = eval(profile, options, &data);
		if (ours != theirs) {
			check_show(&data, ours, theirs);
			return false;
		}
	}
	return true;
}

/* One profile. Return: is all well? */
static bool check_one(struct random *random, struct totals *totals)
{
	struct seccomp_options options = { .compare_wide = !random_below(random, 4),
					   .no_enosys = !random_below(random, 4) };
	struct seccomp_data example;
	struct seccomp_profile profile;
	struct seccomp_filter program, plain;
	own_arena struct arena arena = { 0 };
	unsigned long pair_count;
	enum proof proof;

	if (arena_init(&arena, NULL) < 0)
		return false;
	random_profile(random, &arena, &profile);
	program = check_compile(&profile, &options, &arena);
	plain = plain_compile(&profile, &options, plain_insns);
	proof = filter_prove(program, plain, NULL, &example, &pair_count);
	totals->pairs += pair_count;
	totals->insns += program.count;
	totals->plain_insns += plain.count;
	totals->proved += proof == PROOF_EQUAL;
	totals->undecided += proof == PROOF_NONE;
	if (proof == PROOF_DIFFERENT)
		check_show(&example, filter_run(program, &example, NULL),
			   filter_run(plain, &example, NULL));
	totals->calls += CALLS_PER_PROFILE;
	if (!agrees_with_eval(random, &profile, &options, program))
		return false;
	totals->sampled++;
	return proof != PROOF_DIFFERENT;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) << 20 | 1;
	struct totals totals = { 0 };

	for (unsigned i = 0; i < count; i++) {
		struct random random = { .state = seed + i * 0x9e3779b97f4a7c15ull };

		if (!random.state)
			random.state = 1;
		if (!check_one(&random, &totals))
			check_note("seed %#llx, profile %u", (unsigned long long)seed, i);
	}
	check_note("seed %#llx: %lu instructions, %lu in the plain form; %lu pairs of paths",
		   (unsigned long long)seed, totals.insns, totals.plain_insns, totals.pairs);
	(void)check_ok(totals.proved == count,
		       "%u of %u random profiles proved equal to the plain form (%u undecided)",
		       totals.proved, count, totals.undecided);
	(void)check_ok(totals.sampled == count, "%u of %u agree with the evaluator on %lu calls",
		       totals.sampled, count, totals.calls);
	return check_result();
}
