#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "wall/seccomp/diagram.h"
#include "wall/seccomp/prove.h"

#define WORD_COUNT      (sizeof(struct seccomp_data) / sizeof(uint32_t))
#define OTHER_COUNT_MAX 4096
#define SEARCH_MAX      2000000u

/* What a path has said about one word: in [low, high], some bits fixed, and some things it is not. */
struct fact {
	uint32_t low, high;
	uint32_t known, bits; /* (word & known) == bits */
	unsigned other_count; /* of that word's others */
};

/* "(word & mask) != bits" */
struct other {
	uint32_t mask, bits;
};

struct prover {
	struct seccomp_filter filters[2];
	struct fact facts[WORD_COUNT];
	struct other others[WORD_COUNT][OTHER_COUNT_MAX];
	struct seccomp_data *example;
	unsigned long pair_count;
	unsigned search; /* steps left for one word */
	bool gave_up;
};

/* Where on a path we are. */
struct place {
	unsigned side; /* 0: in the first program, 1: in the second */
	unsigned at;
	unsigned word; /* in the accumulator, under mask */
	uint32_t mask;
	uint32_t verdict; /* of the first program, once in the second */
};

/* --- is there a value for a word? ----------------------------------------------------------- */

static bool fits(const struct fact *fact, const struct other *others, uint32_t x)
{
	if (x < fact->low || x > fact->high || (x & fact->known) != fact->bits)
		return false;
	for (unsigned i = 0; i < fact->other_count; i++) {
		if ((x & others[i].mask) == others[i].bits)
			return false;
	}
	return true;
}

/* Bits above @bit are chosen, in @x. Which others can still come true, and does any bit matter? */
static bool search(struct prover *prover, const struct fact *fact, const struct other *others,
		   int bit, uint32_t x, uint32_t *ret_x)
{
	uint32_t chosen = bit >= 31 ? 0 : UINT32_MAX << (bit + 1), open = ~chosen;
	uint32_t matters = fact->known, first, one = bit < 0 ? 0 : 1u << bit;

	if (!prover->search--) {
		prover->search = 0;
		prover->gave_up = true;
		return false;
	}
	if ((x | open) < fact->low || x > fact->high)
		return false;
	for (unsigned i = 0; i < fact->other_count; i++) {
		if ((x ^ others[i].bits) & others[i].mask & chosen)
			continue;
		if (!(others[i].mask & open))
			return false;
		matters |= others[i].mask;
	}
	if (bit < 0) {
		*ret_x = x;
		return true;
	}
	first = fact->known & one ? fact->bits & one : 0;
	if (search(prover, fact, others, bit - 1, x | first, ret_x))
		return true;
	/* One instead of zero helps when something looks at the bit, or to get above the bound. */
	if (fact->known & one || (!(matters & one) && x >= fact->low))
		return false;
	return search(prover, fact, others, bit - 1, x | (first ^ one), ret_x);
}

/* An other with one open bit left fixes that bit. Return: false when one with none contradicts. */
static bool deduce(struct fact *fact, const struct other *others)
{
	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < fact->other_count; i++) {
			uint32_t open = others[i].mask & ~fact->known;

			if ((others[i].bits ^ fact->bits) & others[i].mask & fact->known)
				continue;
			if (!open)
				return false;
			if (open & (open - 1))
				continue;
			fact->known |= open;
			fact->bits |= ~others[i].bits & open;
			again = true;
		}
	}
	return true;
}

static bool solve(struct prover *prover, unsigned word, uint32_t *ret_x)
{
	struct fact fact = prover->facts[word];
	const struct other *others = prover->others[word];
	uint32_t tries[3];

	if (fact.low > fact.high || !deduce(&fact, others))
		return false;
	tries[0] = fact.low;
	tries[1] = fact.high;
	tries[2] = fact.low + (fact.high - fact.low) / 2;
	for (unsigned i = 0; i < 3; i++) {
		uint32_t x = (tries[i] & ~fact.known) | fact.bits;

		if (fits(&fact, others, x)) {
			*ret_x = x;
			return true;
		}
	}
	prover->search = SEARCH_MAX;
	return search(prover, &fact, others, 31, 0, ret_x);
}

/* --- what a test says ------------------------------------------------------------------------ */

static void never(struct fact *fact)
{
	fact->low = 1;
	fact->high = 0;
}

static void is_not(struct prover *prover, unsigned word, uint32_t mask, uint32_t bits)
{
	struct fact *fact = &prover->facts[word];

	if (bits & ~mask)
		return; /* it never was */
	if (mask == UINT32_MAX) {
		if (bits < fact->low || bits > fact->high)
			return;
		if (bits == fact->low && fact->low < fact->high) {
			fact->low++;
			return;
		}
		if (bits == fact->high && fact->low < fact->high) {
			fact->high--;
			return;
		}
	}
	if (fact->other_count == OTHER_COUNT_MAX) {
		prover->gave_up = true;
		return;
	}
	prover->others[word][fact->other_count++] = (struct other){ mask, bits };
}

static void is(struct prover *prover, unsigned word, uint32_t mask, uint32_t bits)
{
	struct fact *fact = &prover->facts[word];

	if (bits & ~mask || (fact->bits ^ bits) & fact->known & mask) {
		never(fact);
		return;
	}
	fact->known |= mask;
	fact->bits |= bits;
	if (mask == UINT32_MAX) {
		if (bits > fact->low)
			fact->low = bits;
		if (bits < fact->high)
			fact->high = bits;
	}
}

static void at_least(struct fact *fact, uint64_t low)
{
	if (low > UINT32_MAX)
		never(fact);
	else if (low > fact->low)
		fact->low = (uint32_t)low;
}

static void below(struct fact *fact, uint64_t end)
{
	if (!end)
		never(fact);
	else if (end - 1 < fact->high)
		fact->high = (uint32_t)(end - 1);
}

/* Note that the test at @insn came out as @holds. Return: false when the prover cannot say it. */
static bool learn(struct prover *prover, const struct place *place,
		  const struct sock_filter *insn, bool holds)
{
	struct fact *fact = &prover->facts[place->word];
	uint32_t k = insn->k, both = k & place->mask;

	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		if (holds)
			is(prover, place->word, place->mask, k);
		else
			is_not(prover, place->word, place->mask, k);
		return true;
	case BPF_JSET:
		if (!holds)
			is(prover, place->word, both, 0);
		else if (both)
			is_not(prover, place->word, both, 0);
		else
			never(fact);
		return true;
	case BPF_JGT:
		if (holds)
			at_least(fact, (uint64_t)k + 1);
		else
			below(fact, (uint64_t)k + 1);
		break;
	case BPF_JGE:
		if (holds)
			at_least(fact, k);
		else
			below(fact, k);
		break;
	}
	return place->mask == UINT32_MAX;
}

/* --- paths ------------------------------------------------------------------------------------ */

static bool walk(struct prover *prover, struct place place);

/* Both programs have returned. Return: true when this is a counterexample. */
static bool finish(struct prover *prover, const struct place *place, uint32_t verdict)
{
	uint32_t words[WORD_COUNT];

	prover->pair_count++;
	if (verdict == place->verdict)
		return false;
	for (unsigned i = 0; i < WORD_COUNT; i++) {
		if (!solve(prover, i, &words[i]))
			return false;
	}
	memcpy(prover->example, words, sizeof(words));
	return true;
}

static bool branch(struct prover *prover, struct place place, const struct sock_filter *insn,
		   bool holds)
{
	struct fact before = prover->facts[place.word];
	uint32_t x;
	bool is_found = false;

	place.at += 1u + (holds ? insn->jt : insn->jf);
	if (!learn(prover, &place, insn, holds))
		prover->gave_up = true;
	if (!prover->gave_up && solve(prover, place.word, &x))
		is_found = walk(prover, place);
	prover->facts[place.word] = before;
	return is_found;
}

/* Return: true when a counterexample was found further on. */
static bool walk(struct prover *prover, struct place place)
{
	while (!prover->gave_up) {
		const struct sock_filter *insn = &prover->filters[place.side].insns[place.at];

		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			place.word = insn->k / (unsigned)sizeof(uint32_t);
			place.mask = UINT32_MAX;
			place.at++;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			place.mask &= insn->k;
			place.at++;
			break;
		case BPF_JMP | BPF_JA:
			place.at += 1 + insn->k;
			break;
		case BPF_RET | BPF_K:
			if (place.side)
				return finish(prover, &place, insn->k);
			place = (struct place){ .side = 1, .verdict = insn->k };
			break;
		default:
			return branch(prover, place, insn, true) ||
			       branch(prover, place, insn, false);
		}
	}
	return false;
}

static void look_only_at(struct fact *fact, uint32_t value)
{
	fact->low = value;
	fact->high = value;
}

enum proof filter_prove(struct seccomp_filter a, struct seccomp_filter b,
			const struct proof_scope *scope, struct seccomp_data *ret_example,
			unsigned long *ret_pair_count)
{
	own_mem struct prover *prover = malloc(sizeof(*prover));
	bool is_different;

	if (!prover)
		return PROOF_NONE;
	prover->filters[0] = a;
	prover->filters[1] = b;
	prover->example = ret_example;
	prover->pair_count = 0;
	prover->gave_up = false;
	for (unsigned i = 0; i < WORD_COUNT; i++)
		prover->facts[i] = (struct fact){ .high = UINT32_MAX };
	if (scope && scope->is_one_call) {
		look_only_at(&prover->facts[DIAGRAM_WORD_NUMBER], scope->number);
		look_only_at(&prover->facts[DIAGRAM_WORD_ARCH], scope->arch);
	}
	is_different = walk(prover, (struct place){ 0 });
	if (ret_pair_count)
		*ret_pair_count = prover->pair_count;
	if (prover->gave_up)
		return PROOF_NONE;
	return is_different ? PROOF_DIFFERENT : PROOF_EQUAL;
}
