/*
 * Profiles that people use: proved equal to the plain form on every input, held against the
 * evaluator at every point that can matter, and no longer than they have to be.
 *
 * Usage: check_known DOCKER.json PODMAN.json
 */
#include <stdio.h>

#include "check.h"
#include "grid.h"
#include "plain.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/prove.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/report.h"

static struct sock_filter plain_insns[PLAIN_INSN_COUNT_MAX];

struct known {
	const char *name;
	unsigned file; /* index in argv */
	enum seccomp_arch arch;
	bool only_native;
	const struct check_caps *caps;
	unsigned insn_count_max;
};

static const struct known knowns[] = {
	{ "docker, x86_64 + i386 + x32", 1, SECCOMP_ARCH_X86_64, false, &check_caps_docker, 225 },
	{ "docker, x86_64 + i386 + x32", 1, SECCOMP_ARCH_X86_64, false, &check_caps_admin, 225 },
	{ "docker, x86_64 + i386 + x32", 1, SECCOMP_ARCH_X86_64, false, &check_caps_none, 225 },
	{ "docker, x86_64 alone", 1, SECCOMP_ARCH_X86_64, true, &check_caps_docker, 70 },
	{ "docker, aarch64 + arm", 1, SECCOMP_ARCH_AARCH64, false, &check_caps_docker, 170 },
	{ "docker, riscv64", 1, SECCOMP_ARCH_RISCV64, false, &check_caps_docker, 75 },
	{ "docker, ppc64le", 1, SECCOMP_ARCH_PPC64LE, false, &check_caps_docker, 110 },
	{ "docker, s390x", 1, SECCOMP_ARCH_S390X, false, &check_caps_docker, 112 },
	{ "docker, loongarch64", 1, SECCOMP_ARCH_LOONGARCH64, false, &check_caps_docker, 75 },
	{ "podman, x86_64 + i386 + x32", 2, SECCOMP_ARCH_X86_64, false, &check_caps_docker, 235 },
	{ "podman, x86_64 + i386 + x32", 2, SECCOMP_ARCH_X86_64, false, &check_caps_admin, 235 },
};

/* Plain chains for arguments, and the whole plain form: both are proved equal. */
static bool is_proved(const struct seccomp_profile *profile, struct seccomp_filter filter,
		      struct arena *arena, unsigned long *ret_pair_count)
{
	struct seccomp_options options = { 0 }, chains = { .only_chains = true };
	struct seccomp_filter plain = plain_compile(profile, &options, plain_insns);
	struct seccomp_data example;

	if (filter_prove(filter, plain, NULL, &example, ret_pair_count) != PROOF_EQUAL)
		return false;
	return filter_prove(filter, check_compile(profile, &chains, arena), NULL, &example,
			    NULL) == PROOF_EQUAL;
}

static void check_one(const struct known *known, char **argv)
{
	struct seccomp_options options = { 0 };
	struct seccomp_profile profile;
	struct seccomp_filter filter;
	struct seccomp_data example;
	struct call_counts counts;
	own_arena struct arena arena = { 0 };
	unsigned long pair_count, point_count;
	bool proved, agrees;

	(void)arena_init(&arena, NULL);
	check_read(argv[known->file], known->arch, known->caps, &arena, &profile);
	if (known->only_native)
		profile.arch_count = 1;
	filter = check_compile(&profile, &options, &arena);
	counts = filter_count_calls(filter, known->arch);
	(void)check_ok(filter.count <= known->insn_count_max, "%s, %s: %u instructions, at most %u",
		       known->name, known->caps->name, filter.count, known->insn_count_max);
	check_note("%u calls known: %u allowed, %u by arguments, %u refused", counts.known,
		   counts.allowed, counts.conditional, counts.refused);
	proved = is_proved(&profile, filter, &arena, &pair_count);
	(void)check_ok(proved, "%s, %s: proved equal to the plain form (%lu pairs of paths)",
		       known->name, known->caps->name, pair_count);
	agrees = grid_agrees(&profile, &options, filter, &point_count, &example);
	(void)check_ok(agrees, "%s, %s: agrees with the evaluator at all %lu points", known->name,
		       known->caps->name, point_count);
	if (!agrees)
		check_show(&example, filter_run(filter, &example, NULL), 0);
}

/* Our default states the same facts as Docker's: the filters are equal whatever the capabilities. */
static void check_builtin(const char *docker_path)
{
	static const struct check_caps *const sets[] = { &check_caps_docker, &check_caps_admin,
							 &check_caps_none };
	unsigned equal = 0, tried = 0;

	for (unsigned arch = 0; arch < SECCOMP_ARCH_COUNT; arch++) {
		for (unsigned i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
			struct seccomp_facts facts = { .arch = arch,
						       .kernel_major = 6,
						       .kernel_minor = 18,
						       .caps = sets[i]->caps,
						       .cap_count = sets[i]->count };
			struct seccomp_profile theirs, ours;
			struct seccomp_data example;
			own_arena struct arena arena = { 0 };

			(void)arena_init(&arena, NULL);
			check_read(docker_path, arch, sets[i], &arena, &theirs);
			tried++;
			if (seccomp_read_builtin(&facts, &arena, &ours, NULL) < 0)
				continue;
			equal += filter_prove(check_compile(&ours, NULL, &arena),
					      check_compile(&theirs, NULL, &arena), NULL, &example,
					      NULL) == PROOF_EQUAL;
		}
	}
	(void)check_ok(equal == tried, "the built-in profile is proved equal to docker's: %u of %u",
		       equal, tried);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s DOCKER.json PODMAN.json\n", argv[0]);
		return 2;
	}
	for (unsigned i = 0; i < sizeof(knowns) / sizeof(*knowns); i++)
		check_one(&knowns[i], argv);
	check_builtin(argv[1]);
	return check_result();
}
