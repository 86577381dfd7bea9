#include <string.h>

#include "wall/seccomp/filter.h"

#define WORD_COUNT (sizeof(struct seccomp_data) / sizeof(uint32_t))

static bool holds(uint16_t code, uint32_t accumulator, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return accumulator == k;
	case BPF_JGT:
		return accumulator > k;
	case BPF_JGE:
		return accumulator >= k;
	default:
		return accumulator & k;
	}
}

uint32_t filter_run(struct seccomp_filter filter, const struct seccomp_data *data, unsigned *steps)
{
	uint32_t accumulator = 0, words[WORD_COUNT];
	unsigned at = 0, count = 0;

	memcpy(words, data, sizeof(words));
	for (;;) {
		const struct sock_filter *insn = &filter.insns[at++];

		count++;
		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			accumulator = words[insn->k / sizeof(uint32_t)];
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			accumulator &= insn->k;
			break;
		case BPF_JMP | BPF_JA:
			at += insn->k;
			break;
		case BPF_RET | BPF_K:
			if (steps)
				*steps = count;
			return insn->k;
		default:
			at += holds(insn->code, accumulator, insn->k) ? insn->jt : insn->jf;
			break;
		}
	}
}

static bool check_insn(struct seccomp_filter filter, unsigned at)
{
	const struct sock_filter *insn = &filter.insns[at];
	unsigned left = filter.count - at - 1; /* instructions after this one */

	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return left && !(insn->k % sizeof(uint32_t)) &&
		       insn->k < sizeof(struct seccomp_data);
	case BPF_ALU | BPF_AND | BPF_K:
		return left;
	case BPF_JMP | BPF_JA:
		return insn->k < left;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
		return insn->jt < left && insn->jf < left;
	case BPF_RET | BPF_K:
		return true;
	default:
		return false;
	}
}

bool filter_check(struct seccomp_filter filter)
{
	if (!filter.count)
		return false;
	for (unsigned at = 0; at < filter.count; at++) {
		if (!check_insn(filter, at))
			return false;
	}
	return filter.insns[filter.count - 1].code == (BPF_RET | BPF_K);
}
