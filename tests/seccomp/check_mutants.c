/*
 * Is the prover any good? Each instruction of a filter is changed in seven ways; of every change that
 * the kernel would still take, the prover must find an input that shows it, or prove that there is
 * none. Inputs found are run, and what was proved equal is searched for a difference by other means.
 *
 * Usage: check_mutants DOCKER.json
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "random.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/prove.h"

#define CALLS_PER_SURVIVOR 200000
#define MUTATION_COUNT     7

struct score {
	unsigned mutants, found, equal, undecided;
	unsigned unreal;   /* inputs that do not show what they should */
	unsigned unequal;  /* proved equal, yet a difference was found */
};

static void mutate(struct sock_filter *insn, unsigned how)
{
	uint8_t yes = insn->jt;

	switch (how) {
	case 0:
		insn->k ^= 1;
		break;
	case 1:
		insn->k++;
		break;
	case 2:
		insn->k--;
		break;
	case 3:
		insn->jt++;
		break;
	case 4:
		insn->jf++;
		break;
	case 5:
		insn->jt = insn->jf;
		insn->jf = yes;
		break;
	case 6:
		insn->code ^= BPF_JGE ^ BPF_JGT;
		break;
	}
}

/* Independent of the prover: inputs at the borders of everything the profile says. */
static bool looks_equal(const struct seccomp_profile *profile, struct seccomp_filter original,
			struct seccomp_filter mutant)
{
	struct random random = { .state = 88172645463325252ull };
	struct seccomp_data data;

	for (unsigned i = 0; i < CALLS_PER_SURVIVOR; i++) {
		random_call(&random, profile, &data);
		if (filter_run(original, &data, NULL) != filter_run(mutant, &data, NULL))
			return false;
	}
	return true;
}

static void judge(const struct seccomp_profile *profile, struct seccomp_filter original,
		  struct seccomp_filter mutant, struct score *score)
{
	struct seccomp_data example;

	score->mutants++;
	switch (filter_prove(original, mutant, NULL, &example, NULL)) {
	case PROOF_DIFFERENT:
		score->found++;
		score->unreal += filter_run(original, &example, NULL) ==
				 filter_run(mutant, &example, NULL);
		break;
	case PROOF_EQUAL:
		score->equal++;
		score->unequal += !looks_equal(profile, original, mutant);
		break;
	case PROOF_NONE:
		score->undecided++;
		break;
	}
}

int main(int argc, char **argv)
{
	static struct sock_filter insns[4096];
	struct seccomp_profile profile;
	struct seccomp_filter original, mutant;
	struct score score = { 0 };
	own_arena struct arena arena = { 0 };

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s DOCKER.json\n", argv[0]);
		return 2;
	}
	(void)arena_init(&arena, NULL);
	check_read(argv[1], SECCOMP_ARCH_X86_64, &check_caps_docker, &arena, &profile);
	original = check_compile(&profile, NULL, &arena);
	mutant = (struct seccomp_filter){ insns, original.count };
	for (unsigned at = 0; at < original.count; at++) {
		for (unsigned how = 0; how < MUTATION_COUNT; how++) {
			memcpy(insns, original.insns, original.count * sizeof(*insns));
			mutate(&insns[at], how);
			if (memcmp(&insns[at], &original.insns[at], sizeof(*insns)) &&
			    filter_check(mutant))
				judge(&profile, original, mutant, &score);
		}
	}
	check_note("%u mutants: %u found, %u proved equal, %u undecided", score.mutants, score.found,
		   score.equal, score.undecided);
	(void)check_ok(score.found * 100 >= score.mutants * 95,
		       "the prover finds %.1f %% of all mutants, at least 95 %%",
		       100.0 * score.found / score.mutants);
	(void)check_ok(!score.unreal, "each input that it found shows a difference");
	(void)check_ok(score.found + score.equal == score.mutants,
		       "the others are proved equivalent, none is undecided");
	(void)check_ok(!score.unequal, "no other search tells those from the original");
	return check_result();
}
