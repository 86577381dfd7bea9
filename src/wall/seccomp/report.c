#include <linux/seccomp.h>

#include "wall/seccomp/diagram.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/syscalls.h"

/* Paths that may be followed for one call; real filters have some tens. */
#define STEP_COUNT_MAX 100000u

struct walker {
	struct seccomp_filter filter;
	uint32_t arch, number;
	struct verdicts *verdicts;
	unsigned steps;
};

static void note(struct verdicts *verdicts, uint32_t verdict)
{
	for (unsigned i = 0; i < verdicts->count; i++) {
		if (verdicts->items[i] == verdict)
			return;
	}
	if (verdicts->count == VERDICT_COUNT_MAX)
		verdicts->is_cut = true;
	else
		verdicts->items[verdicts->count++] = verdict;
}

static bool test_holds(const struct sock_filter *insn, uint32_t x)
{
	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		return x == insn->k;
	case BPF_JGT:
		return x > insn->k;
	case BPF_JGE:
		return x >= insn->k;
	default:
		return x & insn->k;
	}
}

/* Follow the filter; where an argument decides, both ways. */
static void walk(struct walker *walker, unsigned at, bool is_known, uint32_t x)
{
	for (;; at++) {
		const struct sock_filter *insn = &walker->filter.insns[at];

		if (!walker->steps) {
			walker->verdicts->is_cut = true;
			return;
		}
		walker->steps--;
		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			is_known = insn->k < 4 * DIAGRAM_WORD_ARG(0);
			x = insn->k == 4 * DIAGRAM_WORD_ARCH ? walker->arch : walker->number;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			x &= insn->k;
			break;
		case BPF_JMP | BPF_JA:
			at += insn->k;
			break;
		case BPF_RET | BPF_K:
			note(walker->verdicts, insn->k);
			return;
		default:
			if (!is_known)
				walk(walker, at + 1 + insn->jt, is_known, x);
			at += is_known && test_holds(insn, x) ? insn->jt : insn->jf;
			break;
		}
	}
}

void filter_verdicts(struct seccomp_filter filter, uint32_t arch, uint32_t number,
		     struct verdicts *ret_verdicts)
{
	struct walker walker = {
		.filter = filter,
		.arch = arch,
		.number = number,
		.verdicts = ret_verdicts,
		.steps = STEP_COUNT_MAX,
	};

	*ret_verdicts = (struct verdicts){ 0 };
	walk(&walker, 0, false, 0);
}

bool verdict_is_allowing(uint32_t verdict)
{
	uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

struct call_counts filter_count_calls(struct seccomp_filter filter, enum seccomp_arch arch)
{
	struct call_counts counts = { 0 };
	const uint16_t *order;

	counts.known = syscall_order(arch, &order);
	for (unsigned i = 0; i < counts.known; i++) {
		uint32_t number = (uint32_t)syscall_number(order[i], arch);
		struct verdicts verdicts;
		unsigned allowing = 0;

		filter_verdicts(filter, seccomp_archs[arch].audit,
				seccomp_archs[arch].number_base + number, &verdicts);
		for (unsigned j = 0; j < verdicts.count; j++)
			allowing += verdict_is_allowing(verdicts.items[j]);
		if (!allowing)
			counts.refused++;
		else if (allowing < verdicts.count)
			counts.conditional++;
		else
			counts.allowed++;
	}
	return counts;
}
