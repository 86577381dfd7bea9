#include <errno.h>
#include <linux/seccomp.h>

#include "base/arena.h"
#include "base/err.h"
#include "sys/guard.h"
#include "wall/seccomp/diagram.h"
#include "wall/seccomp/emit.h"
#include "wall/seccomp/intervals.h"
#include "wall/seccomp/match.h"
#include "wall/seccomp/mux.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/seccomp_filter.h"
#include "wall/seccomp/syscalls.h"

/* What is killed without being in the profile: other architectures, x32 where it is not listed. */
#define VERDICT_FOREIGN (GUARD(E43) ? SECCOMP_RET_KILL_THREAD : SECCOMP_RET_ALLOW)
/*
 * New calls get numbers after the last, or in one of the wide gaps that some tables have below it.
 * Numbers missing from narrow gaps were given up long ago and will not come back.
 */
#define GAP_COUNT_OPEN 32
/* A tracer that skips a call leaves this number behind; it is not a call of x32. */
#define NUMBER_SKIPPED UINT32_MAX

struct compiler {
	const struct seccomp_profile *profile;
	struct seccomp_options options;
	struct diagram *diagram;
	struct matcher matcher;
	struct run *runs;
	struct mux_table mux;

	/* The rules of each call, in order: index of the first and last, then along next. All are
	 * one more than the rule's index, 0 ends. */
	uint16_t *first, *last, *next;

	uint16_t default_node;
	uint16_t foreign_node;
	uint16_t newer_node; /* calls newer than the profile, numbers that are still free */
	bool has_enosys;
	bool has_too_many_rules;

	struct interval *intervals;
	unsigned interval_count;

	struct sock_filter *insns; /* SECCOMP_INSN_COUNT_MAX, filled from the end */
};

/* --- the rules of one call ----------------------------------------------------------------- */

static struct match_width width_of(const struct compiler *compiler, unsigned syscall,
				   enum seccomp_arch arch)
{
	struct match_width width = { .is_32bit = seccomp_archs[arch].is_32bit };

	if (compiler->options.compare_wide || width.is_32bit)
		return width;
	for (unsigned arg = 0; arg < SECCOMP_ARG_COUNT; arg++) {
		if (syscall_arg_is_narrow(syscall, arch, arg))
			width.narrow |= (uint8_t)(1u << arg);
	}
	return width;
}

/*
 * One rule joins the matcher. Return: true when it decides alone, so that no other matters.
 * A rule that says what the default says is dropped, so it never overrides another rule: this is
 * how profiles have always been read.
 */
static bool add_rule(struct compiler *compiler, const struct seccomp_rule *rule,
		     struct match_width width, unsigned mux_call)
{
	const struct seccomp_profile *profile = compiler->profile;
	const struct seccomp_cond *conds;

	if (rule->verdict == profile->default_verdict)
		return false;
	conds = rule->cond_count ? profile->conds + rule->cond_first : NULL;
	switch (match_add(&compiler->matcher, rule->verdict, conds, rule->cond_count, width, mux_call)) {
	case MATCH_UNCONDITIONAL:
		return true;
	case MATCH_FULL:
		compiler->has_too_many_rules = true;
		return false;
	case MATCH_ADDED:
	case MATCH_NEVER:
		return false;
	}
	return false;
}

static uint16_t decide_call(struct compiler *compiler, unsigned syscall, enum seccomp_arch arch)
{
	const struct seccomp_rule *rules = compiler->profile->rules;
	struct match_width width = width_of(compiler, syscall, arch);

	match_begin(&compiler->matcher);
	for (uint16_t i = compiler->first[syscall]; i; i = compiler->next[i - 1]) {
		if (add_rule(compiler, &rules[i - 1], width, 0))
			return diagram_return(compiler->diagram, rules[i - 1].verdict);
	}
	return match_end(&compiler->matcher);
}

/* Does the profile itself refuse the multiplexer, whatever it says of the calls behind it? */
static bool is_refused_by_name(const struct compiler *compiler, unsigned syscall)
{
	const struct seccomp_profile *profile = compiler->profile;

	for (uint16_t i = compiler->first[syscall]; i; i = compiler->next[i - 1]) {
		if (!profile->rules[i - 1].cond_count &&
		    profile->rules[i - 1].verdict == profile->default_verdict)
			return true;
	}
	return false;
}

/* Rules of the multiplexer and of the calls behind it, in the order of the profile. */
static uint16_t decide_mux(struct compiler *compiler, enum mux mux, enum seccomp_arch arch)
{
	const struct seccomp_profile *profile = compiler->profile;
	unsigned self = (unsigned)compiler->mux.self[mux];
	struct match_width width = width_of(compiler, self, arch);
	bool is_refused = GUARD(E45) && is_refused_by_name(compiler, self);

	match_begin(&compiler->matcher);
	for (uint32_t i = 0; i < profile->rule_count; i++) {
		const struct seccomp_rule *rule = &profile->rules[i];
		unsigned call = is_refused ? 0 : compiler->mux.calls[mux][rule->syscall];

		if (rule->syscall != self && !call)
			continue;
		if (add_rule(compiler, rule, width, call))
			return diagram_return(compiler->diagram, rule->verdict);
	}
	return match_end(&compiler->matcher);
}

static uint16_t decide_syscall(struct compiler *compiler, unsigned syscall, enum seccomp_arch arch)
{
	for (unsigned mux = 0; mux < MUX_COUNT; mux++) {
		if (compiler->mux.self[mux] == (int)syscall)
			return decide_mux(compiler, mux, arch);
	}
	if (compiler->first[syscall])
		return decide_call(compiler, syscall, arch);
	if (compiler->has_enosys && syscall_kernel(syscall) > compiler->profile->kernel)
		return compiler->newer_node;
	return compiler->default_node;
}

/* --- the numbers of one architecture ------------------------------------------------------- */

static void add_interval(struct compiler *compiler, uint32_t start, uint16_t node)
{
	compiler->interval_count =
		interval_add(compiler->intervals, compiler->interval_count, start, node);
}

static void add_numbers(struct compiler *compiler, enum seccomp_arch arch)
{
	uint32_t base = seccomp_archs[arch].number_base, next = base;
	const uint16_t *order;
	unsigned count = syscall_order(arch, &order);

	for (unsigned i = 0; i < count; i++) {
		uint32_t number = base + (uint32_t)syscall_number(order[i], arch);

		if (number > next)
			add_interval(compiler, next,
				     number - next >= GAP_COUNT_OPEN ? compiler->newer_node :
								       compiler->default_node);
		add_interval(compiler, number, decide_syscall(compiler, order[i], arch));
		next = number + 1;
	}
	add_interval(compiler, next, compiler->newer_node);
}

static bool lists(const struct seccomp_profile *profile, enum seccomp_arch arch)
{
	for (unsigned i = 0; i < profile->arch_count; i++) {
		if (profile->archs[i] == arch)
			return true;
	}
	return false;
}

/* x86_64 and x32 are one architecture to the kernel: bit 30 of the number tells them apart. */
static void add_x86_64_numbers(struct compiler *compiler)
{
	if (lists(compiler->profile, SECCOMP_ARCH_X86_64))
		add_numbers(compiler, SECCOMP_ARCH_X86_64);
	else
		add_interval(compiler, 0, compiler->foreign_node);
	if (lists(compiler->profile, SECCOMP_ARCH_X32)) {
		add_numbers(compiler, SECCOMP_ARCH_X32);
	} else {
		add_interval(compiler, SECCOMP_X32_BIT, compiler->foreign_node);
		add_interval(compiler, NUMBER_SKIPPED, compiler->default_node);
	}
}

static uint16_t decide_arch(struct compiler *compiler, enum seccomp_arch arch)
{
	compiler->interval_count = 0;
	if (seccomp_archs[arch].audit == seccomp_archs[SECCOMP_ARCH_X86_64].audit)
		add_x86_64_numbers(compiler);
	else
		add_numbers(compiler, arch);
	return intervals_decide(compiler->diagram, compiler->runs, DIAGRAM_WORD_NUMBER,
				compiler->intervals, compiler->interval_count);
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool allows(uint32_t verdict)
{
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return true;
	}
	return false;
}

/* The most rules that the matcher may have to hold: those with conditions, which those of calls
 * behind a multiplexer become. */
static unsigned matcher_rule_count(const struct compiler *compiler)
{
	const struct seccomp_profile *profile = compiler->profile;
	uint32_t count = 0;

	for (uint32_t i = 0; i < profile->rule_count; i++) {
		const struct seccomp_rule *rule = &profile->rules[i];

		count += rule->cond_count || compiler->mux.calls[MUX_SOCKETCALL][rule->syscall] ||
			 compiler->mux.calls[MUX_IPC][rule->syscall];
	}
	return count < MATCH_RULE_COUNT_MAX ? count : MATCH_RULE_COUNT_MAX;
}

/*
 * Memory is taken so that what is used of it lies together: a page touched for the first time costs
 * more than a hundred instructions of the filter.
 */
static bool take_memory(struct compiler *compiler, struct arena *arena)
{
	unsigned rule_count, interval_count;
	const uint16_t *order;

	compiler->insns = arena_new_array(arena, struct sock_filter, SECCOMP_INSN_COUNT_MAX);
	compiler->first = arena_new_array(arena, uint16_t, syscall_count());
	compiler->last = arena_new_array(arena, uint16_t, syscall_count());
	compiler->next = arena_new_array(arena, uint16_t, compiler->profile->rule_count + 1);
	if (!mux_table_make(&compiler->mux, arena))
		return false;

	rule_count = matcher_rule_count(compiler);
	interval_count = match_interval_count(rule_count);
	for (unsigned arch = 0; arch < SECCOMP_ARCH_COUNT; arch++)
		interval_count += 2 * syscall_order(arch, &order) + 2;
	if (!match_init(&compiler->matcher, rule_count, arena))
		return false;
	compiler->intervals = arena_new_array(arena, struct interval, interval_count);
	compiler->runs = arena_new_array(arena, struct run, interval_count);
	compiler->diagram = arena_new(arena, struct diagram);
	return compiler->insns && compiler->first && compiler->last && compiler->next &&
	       compiler->intervals && compiler->runs && compiler->diagram;
}

static int compiler_init(struct compiler *compiler, struct arena *arena, struct err *e)
{
	const struct seccomp_profile *profile = compiler->profile;

	if (!take_memory(compiler, arena))
		return err_oom(e);
	diagram_init(compiler->diagram);
	compiler->has_enosys = !compiler->options.no_enosys && profile->names_calls &&
			       !allows(profile->default_verdict);
	compiler->default_node = diagram_return(compiler->diagram, profile->default_verdict);
	compiler->foreign_node = diagram_return(compiler->diagram, VERDICT_FOREIGN);
	compiler->newer_node = compiler->default_node;
	if (compiler->has_enosys)
		compiler->newer_node =
			diagram_return(compiler->diagram, SECCOMP_RET_ERRNO | ENOSYS);
	compiler->matcher.diagram = compiler->diagram;
	compiler->matcher.runs = compiler->runs;
	compiler->matcher.default_verdict = profile->default_verdict;
	compiler->matcher.only_chains = compiler->options.only_chains;
	return 0;
}

static void group_rules(struct compiler *compiler)
{
	const struct seccomp_profile *profile = compiler->profile;

	for (uint32_t i = 0; i < profile->rule_count; i++) {
		uint16_t syscall = profile->rules[i].syscall, self = (uint16_t)(i + 1);

		if (compiler->first[syscall])
			compiler->next[compiler->last[syscall] - 1] = self;
		else
			compiler->first[syscall] = self;
		compiler->last[syscall] = self;
	}
}

/* Entries of the listed architectures; x32 is part of x86_64's. Return: how many. */
static unsigned decide_archs(struct compiler *compiler, enum seccomp_arch *archs, uint16_t *entries)
{
	const struct seccomp_profile *profile = compiler->profile;
	unsigned count = 0;

	for (unsigned i = 0; i < profile->arch_count; i++) {
		enum seccomp_arch arch = profile->archs[i];
		bool is_done = false;

		for (unsigned j = 0; j < count; j++)
			is_done |= seccomp_archs[archs[j]].audit == seccomp_archs[arch].audit;
		if (is_done)
			continue;
		archs[count] = arch;
		compiler->matcher.is_big_endian = seccomp_archs[arch].is_big_endian;
		entries[count++] = decide_arch(compiler, arch);
	}
	return count;
}

static int emit(struct compiler *compiler, const uint16_t *entries, unsigned count, uint16_t root,
		struct seccomp_filter *ret_filter, struct err *e)
{
	struct emitter emitter = { .diagram = compiler->diagram, .insns = compiler->insns };

	/* The first architecture is laid out last, next to the test that leads to it. */
	while (count-- > 0)
		emit_node(&emitter, entries[count]);
	emit_node(&emitter, root);
	if (emitter.is_full)
		return err_set(e, E2BIG, "the filter needs more than the %d instructions "
			       "that the kernel takes", SECCOMP_INSN_COUNT_MAX);
	*ret_filter = (struct seccomp_filter){
		.insns = emit_start(&emitter),
		.count = emitter.count,
	};
	return 0;
}

int seccomp_compile(const struct seccomp_profile *profile, const struct seccomp_options *options,
		    struct arena *arena, struct seccomp_filter *ret_filter, struct err *e)
{
	struct compiler compiler = { .profile = profile };
	enum seccomp_arch archs[SECCOMP_ARCH_COUNT];
	uint16_t entries[SECCOMP_ARCH_COUNT], root;
	unsigned count;
	int r;

	if (!profile->arch_count)
		return err_set(e, EINVAL, "no architecture is listed");
	if (options)
		compiler.options = *options;
	r = compiler_init(&compiler, arena, e);
	if (r < 0)
		return r;
	group_rules(&compiler);
	count = decide_archs(&compiler, archs, entries);
	root = compiler.foreign_node;
	for (unsigned i = count; i-- > 0;)
		root = diagram_test(compiler.diagram, NODE_EQ, DIAGRAM_WORD_ARCH,
				    seccomp_archs[archs[i]].audit, entries[i], root);
	root = diagram_load(compiler.diagram, DIAGRAM_WORD_ARCH, root);
	if (compiler.has_too_many_rules)
		return err_set(e, E2BIG, "more than %d rules with conditions for one call",
			       MATCH_RULE_COUNT_MAX);
	if (compiler.diagram->is_full)
		return err_set(e, E2BIG, "the filter is too complex");
	return emit(&compiler, entries, count, root, ret_filter, e);
}
