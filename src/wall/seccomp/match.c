#include <stddef.h>

#include "base/arena.h"
#include "sys/guard.h"
#include "wall/seccomp/diagram.h"
#include "wall/seccomp/match.h"

/*
 * Steps for one call. Rules over many arguments can need a diagram that is exponential in their
 * number; then they become chains, one rule after the other. Real profiles need some hundred.
 */
#define WORK_MAX 400000u
/* Levels of the recursion that end in intervals: one for each word of the arguments. */
#define WORD_COUNT (2 * SECCOMP_ARG_COUNT)
#define STATE_COUNT_MAX 65536u

enum settled {
	SETTLED_FALSE,
	SETTLED_TRUE,
	SETTLED_LATER, /* the low half decides */
};

static uint32_t high_half(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static unsigned word_of(const struct matcher *matcher, unsigned arg, enum match_half half)
{
	bool is_second = matcher->is_big_endian ? half == MATCH_LOW : half == MATCH_HIGH;

	return DIAGRAM_WORD_ARG(arg) + (is_second ? 1u : 0u);
}

/* --- rules --------------------------------------------------------------------------------- */

unsigned match_interval_count(unsigned rule_count)
{
	return 2 * rule_count + 2;
}

bool match_init(struct matcher *matcher, unsigned rule_count, struct arena *arena)
{
	/* Each test under a mask can add a level of its own, for either half. */
	unsigned level_count = WORD_COUNT + 2 * rule_count;

	matcher->rule_capacity = rule_count;
	matcher->state_capacity = level_count * (rule_count + 1);
	if (matcher->state_capacity > STATE_COUNT_MAX)
		matcher->state_capacity = STATE_COUNT_MAX;
	matcher->cut_capacity = WORD_COUNT * match_interval_count(rule_count);
	/* One more, in which match_add() looks at a rule before it is known to count. */
	matcher->rules = arena_new_array(arena, struct match_rule, rule_count + 1);
	matcher->states = arena_new_array(arena, struct match_state, matcher->state_capacity);
	matcher->cuts = arena_new_array(arena, uint32_t, matcher->cut_capacity);
	matcher->intervals = arena_new_array(arena, struct interval, matcher->cut_capacity);
	return matcher->rules && matcher->states && matcher->cuts && matcher->intervals;
}

void match_begin(struct matcher *matcher)
{
	matcher->rule_count = 0;
}

/*
 * A value that a 32-bit argument can be compared with: zero-extended, or sign-extended as
 * compilers write negative numbers. Both orders agree on these.
 */
static bool fits_narrow(uint64_t value)
{
	return value <= UINT32_MAX || value >= UINT64_MAX - INT32_MAX;
}

/* What an argument that is really below 2^32 makes of a comparison with @value, which is not. */
static enum settled settle_beyond(const struct seccomp_cond *cond)
{
	switch ((enum seccomp_op)cond->op) {
	case SECCOMP_OP_NE:
	case SECCOMP_OP_LT:
	case SECCOMP_OP_LE:
		return SETTLED_TRUE;
	case SECCOMP_OP_EQ:
	case SECCOMP_OP_GE:
	case SECCOMP_OP_GT:
	case SECCOMP_OP_MASKED:
	case SECCOMP_OP_COUNT:
		return SETTLED_FALSE;
	}
	return SETTLED_FALSE;
}

/* Before any word is looked at: does the width of the argument alone decide? */
static enum settled settle_width(const struct seccomp_cond *cond, struct match_width width)
{
	bool is_narrow = width.narrow >> cond->arg & 1;

	if (width.is_32bit || !is_narrow || fits_narrow(cond->value))
		return SETTLED_LATER;
	return settle_beyond(cond);
}

static bool is_vacuous(const struct seccomp_cond *cond, struct match_width width)
{
	if (cond->op != SECCOMP_OP_MASKED)
		return false;
	if (width.is_32bit)
		return !(uint32_t)cond->mask;
	if (width.narrow >> cond->arg & 1)
		return !(uint32_t)cond->mask && !cond->value;
	return !cond->mask;
}

static struct match_test test_of(const struct seccomp_cond *cond)
{
	bool is_equal = cond->op == SECCOMP_OP_EQ;
	uint64_t mask = is_equal ? UINT64_MAX : cond->mask;

	return (struct match_test){
		.op = is_equal ? SECCOMP_OP_MASKED : cond->op,
		.value = { high_half(cond->value), (uint32_t)cond->value },
		.mask = { high_half(mask), (uint32_t)mask },
	};
}

static void add_test(struct match_rule *rule, const struct seccomp_cond *cond,
		     struct match_width width)
{
	uint8_t bit = (uint8_t)(1u << cond->arg);

	rule->tests[cond->arg] = test_of(cond);
	rule->open |= bit;
	if (width.is_32bit || width.narrow & bit || !GUARD(E44) ||
	    (rule->tests[cond->arg].op == SECCOMP_OP_MASKED &&
	     !rule->tests[cond->arg].mask[MATCH_HIGH]))
		rule->low |= bit;
}

enum match_added match_add(struct matcher *matcher, uint32_t verdict,
			   const struct seccomp_cond *conds, unsigned count,
			   struct match_width width, unsigned mux_call)
{
	struct seccomp_cond call = { .op = SECCOMP_OP_EQ, .value = mux_call };
	struct match_rule *rule = &matcher->rules[matcher->rule_count];
	bool is_conditional = mux_call;

	rule->verdict = verdict;
	rule->open = 0;
	rule->low = 0;
	if (mux_call) {
		add_test(rule, &call, width);
		rule->low |= 1; /* always an int, whatever rules are compared at */
	}
	for (unsigned i = 0; i < count; i++) {
		if (is_vacuous(&conds[i], width) || (mux_call && !conds[i].arg))
			continue;
		is_conditional = true;
		switch (settle_width(&conds[i], width)) {
		case SETTLED_FALSE:
			return MATCH_NEVER;
		case SETTLED_TRUE:
			break;
		case SETTLED_LATER:
			add_test(rule, &conds[i], width);
			break;
		}
	}
	if (!is_conditional)
		return MATCH_UNCONDITIONAL;
	if (matcher->rule_count == matcher->rule_capacity)
		return MATCH_FULL;
	matcher->rule_count++;
	return MATCH_ADDED;
}

/* --- chains: one rule after the other ------------------------------------------------------ */

/* Both halves of one test, as entries. */
static uint16_t chain_test(struct matcher *matcher, const struct match_test *test, unsigned arg,
			   bool only_low, uint16_t yes, uint16_t no)
{
	struct diagram *diagram = matcher->diagram;
	unsigned low = word_of(matcher, arg, MATCH_LOW), high = word_of(matcher, arg, MATCH_HIGH);
	uint32_t value = test->value[MATCH_LOW], above = test->value[MATCH_HIGH];
	uint16_t inside = 0, equal;
	bool is_upwards = test->op == SECCOMP_OP_GT || test->op == SECCOMP_OP_GE;

	switch ((enum seccomp_op)test->op) {
	case SECCOMP_OP_NE:
		inside = diagram_test(diagram, NODE_EQ, low, value, no, yes);
		break;
	case SECCOMP_OP_LT:
		inside = diagram_test(diagram, NODE_GE, low, value, no, yes);
		break;
	case SECCOMP_OP_LE:
		inside = diagram_test(diagram, NODE_GT, low, value, no, yes);
		break;
	case SECCOMP_OP_GE:
		inside = diagram_test(diagram, NODE_GE, low, value, yes, no);
		break;
	case SECCOMP_OP_GT:
		inside = diagram_test(diagram, NODE_GT, low, value, yes, no);
		break;
	case SECCOMP_OP_MASKED:
	case SECCOMP_OP_EQ:
	case SECCOMP_OP_COUNT:
		inside = diagram_test_masked(diagram, low, test->mask[MATCH_LOW], value, yes, no);
		break;
	}
	equal = diagram_load(diagram, low, inside);
	if (only_low)
		return equal;
	if (test->op == SECCOMP_OP_MASKED)
		inside = diagram_test_masked(diagram, high, test->mask[MATCH_HIGH], above, equal,
					     no);
	else if (test->op == SECCOMP_OP_NE)
		inside = diagram_test(diagram, NODE_EQ, high, above, equal, yes);
	else
		inside = diagram_test(diagram, NODE_GT, high, above, is_upwards ? yes : no,
				      diagram_test(diagram, NODE_EQ, high, above, equal,
						   is_upwards ? no : yes));
	return diagram_load(diagram, high, inside);
}

static uint16_t chain(struct matcher *matcher)
{
	uint16_t next = diagram_return(matcher->diagram, matcher->default_verdict);

	for (unsigned i = matcher->rule_count; i-- > 0;) {
		const struct match_rule *rule = &matcher->rules[i];
		uint16_t entry = diagram_return(matcher->diagram, rule->verdict);

		for (unsigned arg = SECCOMP_ARG_COUNT; arg-- > 0;) {
			if (rule->open >> arg & 1)
				entry = chain_test(matcher, &rule->tests[arg], arg,
						   rule->low >> arg & 1, entry, next);
		}
		next = entry;
	}
	return next;
}

/* --- the diagram --------------------------------------------------------------------------- */

/* The word looked at, and the bit of its argument. */
struct focus {
	unsigned arg;
	enum match_half half;
	uint8_t bit;
};

static bool looks_at(const struct match_state *state, struct focus focus)
{
	enum match_half half = state->low & focus.bit ? MATCH_LOW : MATCH_HIGH;

	return state->open & focus.bit && half == focus.half;
}

static const struct match_test *test_at(const struct matcher *matcher,
					const struct match_state *state, struct focus focus)
{
	return &matcher->rules[state->rule].tests[focus.arg];
}

/* The first word, in order, that any of the rules looks at. */
static struct focus choose_word(const struct match_state *states, unsigned count)
{
	struct focus focus = { .half = MATCH_LOW };
	unsigned open = 0;

	for (unsigned i = 0; i < count; i++)
		open |= states[i].open;
	focus.arg = (unsigned)__builtin_ctz(open);
	focus.bit = (uint8_t)(1u << focus.arg);
	for (unsigned i = 0; i < count; i++) {
		if (states[i].open & focus.bit & ~states[i].low)
			focus.half = MATCH_HIGH;
	}
	return focus;
}

static enum settled settle(const struct match_test *test, enum match_half half, uint32_t x)
{
	uint32_t value = test->value[half], mask = test->mask[half];
	enum settled same = half == MATCH_HIGH ? SETTLED_LATER : SETTLED_FALSE;
	enum settled same_or = half == MATCH_HIGH ? SETTLED_LATER : SETTLED_TRUE;

	switch ((enum seccomp_op)test->op) {
	case SECCOMP_OP_NE:
		return x != value ? SETTLED_TRUE : same;
	case SECCOMP_OP_LT:
		return x == value ? same : x < value ? SETTLED_TRUE : SETTLED_FALSE;
	case SECCOMP_OP_LE:
		return x == value ? same_or : x < value ? SETTLED_TRUE : SETTLED_FALSE;
	case SECCOMP_OP_GE:
		return x == value ? same_or : x > value ? SETTLED_TRUE : SETTLED_FALSE;
	case SECCOMP_OP_GT:
		return x == value ? same : x > value ? SETTLED_TRUE : SETTLED_FALSE;
	case SECCOMP_OP_MASKED:
	case SECCOMP_OP_EQ:
	case SECCOMP_OP_COUNT:
		if ((x & mask) != value)
			return SETTLED_FALSE;
		return half == MATCH_HIGH && test->mask[MATCH_LOW] ? SETTLED_LATER : SETTLED_TRUE;
	}
	return SETTLED_FALSE;
}

/* Keep @state, changed by what its test at @focus came to. Return: can it still apply? */
static bool follow(struct match_state *state, struct focus focus, enum settled settled)
{
	if (settled == SETTLED_FALSE)
		return false;
	if (settled == SETTLED_TRUE)
		state->open &= (uint8_t)~focus.bit;
	else
		state->low |= focus.bit;
	return true;
}

static uint16_t match(struct matcher *matcher, const struct match_state *states, unsigned count);

/* Put a state on the stack for the next level. Return: do the ones after it still matter? */
static bool push(struct matcher *matcher, struct match_state state)
{
	matcher->states[matcher->state_count++] = state;
	return state.open;
}

/* Go on with the states that were pushed since @base, and forget them. */
static uint16_t match_pushed(struct matcher *matcher, unsigned base)
{
	uint16_t node = match(matcher, matcher->states + base, matcher->state_count - base);

	matcher->state_count = base;
	return node;
}

/* What remains when the word at @focus is @x. */
static uint16_t match_value(struct matcher *matcher, const struct match_state *states,
			    unsigned count, struct focus focus, uint32_t x)
{
	unsigned base = matcher->state_count;

	for (unsigned i = 0; i < count; i++) {
		struct match_state state = states[i];

		if (looks_at(&state, focus) &&
		    !follow(&state, focus,
			    settle(test_at(matcher, &state, focus), focus.half, x)))
			continue;
		if (!push(matcher, state))
			break;
	}
	return match_pushed(matcher, base);
}

/* The word under @mask is @value, or (!@holds) is not: what does that say about @test? */
static enum settled settle_masked(const struct match_test *test, struct focus focus, uint32_t mask,
				  uint32_t value, bool holds, bool *ret_is_open)
{
	uint32_t own_mask = test->mask[focus.half], own_value = test->value[focus.half];

	*ret_is_open = true;
	if (test->op != SECCOMP_OP_MASKED)
		return SETTLED_LATER;
	if (holds && (own_value ^ value) & own_mask & mask)
		return SETTLED_FALSE;
	if (!holds && !(mask & ~own_mask) && (own_value & mask) == value)
		return SETTLED_FALSE;
	if (holds && !(own_mask & ~mask)) {
		*ret_is_open = false;
		return focus.half == MATCH_HIGH && test->mask[MATCH_LOW] ? SETTLED_LATER :
									   SETTLED_TRUE;
	}
	return SETTLED_LATER;
}

static uint16_t match_masked(struct matcher *matcher, const struct match_state *states,
			     unsigned count, struct focus focus, const struct match_test *test,
			     bool holds)
{
	uint32_t mask = test->mask[focus.half], value = test->value[focus.half];
	unsigned base = matcher->state_count;

	for (unsigned i = 0; i < count; i++) {
		struct match_state state = states[i];

		if (looks_at(&state, focus)) {
			bool is_open;
			enum settled settled = settle_masked(test_at(matcher, &state, focus), focus,
							     mask, value, holds, &is_open);

			if (settled == SETTLED_FALSE)
				continue;
			if (!is_open)
				(void)follow(&state, focus, settled);
		}
		if (!push(matcher, state))
			break;
	}
	return match_pushed(matcher, base);
}

/* A test under a mask that is neither empty nor full cannot be an interval: it is asked first. */
static const struct match_test *find_masked(const struct matcher *matcher,
					    const struct match_state *states, unsigned count,
					    struct focus focus)
{
	for (unsigned i = 0; i < count; i++) {
		const struct match_test *test = test_at(matcher, &states[i], focus);

		if (looks_at(&states[i], focus) && test->op == SECCOMP_OP_MASKED &&
		    test->mask[focus.half] != UINT32_MAX)
			return test;
	}
	return NULL;
}

static void sort_cuts(uint32_t *cuts, unsigned count)
{
	for (unsigned gap = count / 2; gap; gap /= 2) {
		for (unsigned i = gap; i < count; i++) {
			uint32_t cut = cuts[i];
			unsigned j = i;

			for (; j >= gap && cuts[j - gap] > cut; j -= gap)
				cuts[j] = cuts[j - gap];
			cuts[j] = cut;
		}
	}
}

/* Values at which the answer of any test can change. */
static void push_cuts(struct matcher *matcher, const struct match_state *states, unsigned count,
		      struct focus focus)
{
	matcher->cuts[matcher->cut_count++] = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct match_test *test = test_at(matcher, &states[i], focus);
		uint32_t value = test->value[focus.half];
		bool is_high = focus.half == MATCH_HIGH;

		if (!looks_at(&states[i], focus))
			continue;
		if (is_high || (test->op != SECCOMP_OP_GT && test->op != SECCOMP_OP_LE))
			matcher->cuts[matcher->cut_count++] = value;
		if ((is_high || (test->op != SECCOMP_OP_GE && test->op != SECCOMP_OP_LT)) &&
		    value != UINT32_MAX)
			matcher->cuts[matcher->cut_count++] = value + 1;
	}
}

static uint16_t match_intervals(struct matcher *matcher, const struct match_state *states,
				unsigned count, struct focus focus)
{
	unsigned cut_base = matcher->cut_count, interval_base = matcher->interval_count;
	struct interval *intervals = matcher->intervals + interval_base;
	unsigned interval_count = 0;
	const uint32_t *cuts = matcher->cuts + cut_base;
	uint16_t node;

	push_cuts(matcher, states, count, focus);
	sort_cuts(matcher->cuts + cut_base, matcher->cut_count - cut_base);
	for (unsigned i = 0, n = matcher->cut_count - cut_base; i < n && matcher->work; i++) {
		if (i && cuts[i] == cuts[i - 1])
			continue;
		/* The level below must not build on our own unfinished list. */
		matcher->interval_count = interval_base + interval_count + 1;
		node = match_value(matcher, states, count, focus, cuts[i]);
		interval_count = interval_add(intervals, interval_count, cuts[i], node);
	}
	matcher->cut_count = cut_base;
	matcher->interval_count = interval_base;
	if (!matcher->work)
		return 1;
	return intervals_decide(matcher->diagram, matcher->runs,
				word_of(matcher, focus.arg, focus.half), intervals,
				interval_count);
}

/* Is there room on each stack for what one level can add? */
static bool has_room(const struct matcher *matcher, unsigned count)
{
	return matcher->state_count + count <= matcher->state_capacity &&
	       matcher->cut_count + match_interval_count(count) <= matcher->cut_capacity &&
	       matcher->interval_count + match_interval_count(count) <= matcher->cut_capacity;
}

static uint16_t match(struct matcher *matcher, const struct match_state *states, unsigned count)
{
	const struct match_test *masked;
	struct focus focus;
	uint16_t yes, no;

	if (!count)
		return diagram_return(matcher->diagram, matcher->default_verdict);
	if (!states[0].open)
		return diagram_return(matcher->diagram, matcher->rules[states[0].rule].verdict);
	if (matcher->work <= count || !has_room(matcher, count)) {
		matcher->work = 0;
		return 1;
	}
	matcher->work -= count;
	focus = choose_word(states, count);
	masked = find_masked(matcher, states, count, focus);
	if (!masked)
		return match_intervals(matcher, states, count, focus);
	yes = match_masked(matcher, states, count, focus, masked, true);
	no = match_masked(matcher, states, count, focus, masked, false);
	if (!matcher->work)
		return 1;
	return diagram_load(matcher->diagram, word_of(matcher, focus.arg, focus.half),
			    diagram_test_masked(matcher->diagram,
						word_of(matcher, focus.arg, focus.half),
						masked->mask[focus.half],
						masked->value[focus.half], yes, no));
}

uint16_t match_end(struct matcher *matcher)
{
	uint16_t node;

	if (matcher->only_chains)
		return chain(matcher);
	matcher->state_count = 0;
	matcher->cut_count = 0;
	matcher->interval_count = 0;
	matcher->work = WORK_MAX;
	for (unsigned i = 0; i < matcher->rule_count; i++)
		(void)push(matcher, (struct match_state){ .rule = (uint16_t)i,
							  .open = matcher->rules[i].open,
							  .low = matcher->rules[i].low });
	node = match(matcher, matcher->states, matcher->rule_count);
	return matcher->work ? node : chain(matcher);
}
