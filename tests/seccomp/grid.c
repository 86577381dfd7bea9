#include <stdlib.h>

#include "check.h"
#include "eval.h"
#include "grid.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/syscalls.h"

#define VALUE_COUNT_MAX 8192
#define MASK_BITS_MAX   10
#define NUMBER_BITS     31

struct values {
	uint32_t items[VALUE_COUNT_MAX];
	unsigned count;
};

struct grid {
	const struct seccomp_profile *profile;
	const struct seccomp_options *options;
	struct seccomp_filter filter;
	struct values numbers;
	struct values halves; /* of arguments, low and high alike */
	struct values pairs;  /* those of rules that look at two arguments */
	unsigned long point_count;
};

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void add(struct values *values, uint32_t value)
{
	if (values->count < VALUE_COUNT_MAX)
		values->items[values->count++] = value;
}

static void add_around(struct values *values, uint32_t value)
{
	add(values, value - 1);
	add(values, value);
	add(values, value + 1);
}

/* All sums of the bits of a mask, or each bit alone where there are too many. */
static void add_mask(struct values *values, uint32_t mask)
{
	add_around(values, mask);
	if (__builtin_popcount(mask) <= MASK_BITS_MAX) {
		for (uint32_t part = mask; part; part = (part - 1) & mask)
			add(values, part);
		return;
	}
	for (unsigned bit = 0; bit < 32; bit++)
		add(values, mask & 1u << bit);
}

static void unique(struct values *values)
{
	unsigned kept = 0;

	qsort(values->items, values->count, sizeof(*values->items), compare);
	for (unsigned i = 0; i < values->count; i++) {
		if (!kept || values->items[kept - 1] != values->items[i])
			values->items[kept++] = values->items[i];
	}
	values->count = kept;
}

/* What the filter compares with, and what the profile does. */
static void collect(struct grid *grid)
{
	unsigned word = 0;

	for (unsigned i = 0; i < grid->filter.count; i++) {
		const struct sock_filter *insn = &grid->filter.insns[i];

		if (BPF_CLASS(insn->code) == BPF_LD)
			word = insn->k / 4;
		else if (BPF_CLASS(insn->code) == BPF_ALU || BPF_OP(insn->code) == BPF_JSET)
			add_mask(&grid->halves, insn->k);
		else if (BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) != BPF_JA)
			add_around(word < 4 ? &grid->numbers : &grid->halves, insn->k);
	}
	for (uint32_t i = 0; i < grid->profile->cond_count; i++) {
		const struct seccomp_cond *cond = &grid->profile->conds[i];

		add_around(&grid->halves, (uint32_t)cond->value);
		add_around(&grid->halves, (uint32_t)(cond->value >> 32));
		add_mask(&grid->halves, (uint32_t)cond->mask);
		add_mask(&grid->halves, (uint32_t)(cond->mask >> 32));
	}
	for (uint32_t i = 0; i < grid->profile->rule_count; i++) {
		const struct seccomp_rule *rule = &grid->profile->rules[i];

		for (unsigned j = 0; rule->cond_count > 1 && j < rule->cond_count; j++)
			add_around(&grid->pairs,
				   (uint32_t)grid->profile->conds[rule->cond_first + j].value);
	}
	for (uint32_t number = 0; number < 1024; number++) {
		add(&grid->numbers, number);
		add(&grid->numbers, SECCOMP_X32_BIT + number);
		add(&grid->numbers, 0x0f0000 + number % 16);
	}
	add_around(&grid->numbers, 0);
	add_around(&grid->numbers, 1u << NUMBER_BITS);
	unique(&grid->numbers);
	unique(&grid->halves);
	unique(&grid->pairs);
}

static bool agrees_at(struct grid *grid, struct seccomp_data *data)
{
	struct seccomp_data laid_out = check_laid_out(data);

	grid->point_count++;
	return filter_run(grid->filter, &laid_out, NULL) == eval(grid->profile, grid->options, data);
}

/* One argument at a time, both of its halves; then the first and third together, for rules that
 * look at two. */
static bool agrees_for_args(struct grid *grid, struct seccomp_data *data)
{
	const struct values *halves = &grid->halves;

	for (unsigned arg = 0; arg < SECCOMP_ARG_COUNT; arg++) {
		for (unsigned i = 0; i < halves->count; i++) {
			for (unsigned j = 0; j < 4; j++) {
				static const uint32_t above[] = { 0, 1, UINT32_MAX, 1u << 31 };

				data->args[arg] = (uint64_t)above[j] << 32 | halves->items[i];
				if (!agrees_at(grid, data))
					return false;
			}
		}
		data->args[arg] = 0;
	}
	for (unsigned i = 0; i < grid->pairs.count; i++) {
		for (unsigned j = 0; j < grid->pairs.count; j++) {
			data->args[0] = grid->pairs.items[i];
			data->args[2] = grid->pairs.items[j];
			if (!agrees_at(grid, data))
				return false;
		}
	}
	data->args[0] = 0;
	data->args[2] = 0;
	return true;
}

static bool agrees_for_arch(struct grid *grid, struct seccomp_data *data)
{
	for (unsigned i = 0; i < grid->numbers.count; i++) {
		struct verdicts verdicts;

		data->nr = (int)grid->numbers.items[i];
		filter_verdicts(grid->filter, data->arch, grid->numbers.items[i], &verdicts);
		if (!agrees_at(grid, data))
			return false;
		if (verdicts.count > 1 && !agrees_for_args(grid, data))
			return false;
	}
	return true;
}

bool grid_agrees(const struct seccomp_profile *profile, const struct seccomp_options *options,
		 struct seccomp_filter filter, unsigned long *ret_point_count,
		 struct seccomp_data *ret_example)
{
	static struct grid grid;
	bool agrees = true;

	grid = (struct grid){ .profile = profile, .options = options, .filter = filter };
	collect(&grid);
	*ret_example = (struct seccomp_data){ 0 };
	for (unsigned arch = 0; arch < SECCOMP_ARCH_COUNT && agrees; arch++) {
		ret_example->arch = seccomp_archs[arch].audit;
		agrees = agrees_for_arch(&grid, ret_example);
	}
	if (agrees) {
		ret_example->arch = 0x12345678; /* an architecture that nobody knows */
		agrees = agrees_for_arch(&grid, ret_example);
	}
	*ret_point_count = grid.point_count;
	return agrees;
}
