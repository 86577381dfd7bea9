#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "plain.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/seccomp_filter.h"
#include "wall/seccomp/syscalls.h"

/*
 * Code is written forwards. A jump to a place that is not known yet is kept in a list that runs
 * through the k of the jumps themselves; label_here() fills them in.
 */
struct label {
	unsigned last_jump; /* index + 1 */
};

struct writer {
	const struct seccomp_profile *profile;
	const struct seccomp_options *options;
	struct sock_filter *insns;
	unsigned count;
};

static void put(struct writer *w, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	assert(w->count < PLAIN_INSN_COUNT_MAX);
	w->insns[w->count++] = (struct sock_filter){ code, jt, jf, k };
}

static void jump(struct writer *w, struct label *to)
{
	put(w, BPF_JMP | BPF_JA, to->last_jump, 0, 0);
	to->last_jump = w->count;
}

static void label_here(struct writer *w, struct label *label)
{
	while (label->last_jump) {
		struct sock_filter *insn = &w->insns[label->last_jump - 1];
		unsigned next = insn->k;

		insn->k = w->count - label->last_jump;
		label->last_jump = next;
	}
}

static void load(struct writer *w, unsigned word)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, 4 * word, 0, 0);
}

/* Go on here if the test holds, else to @otherwise. */
static void need(struct writer *w, uint16_t op, uint32_t k, struct label *otherwise)
{
	put(w, BPF_JMP | op | BPF_K, k, 1, 0);
	jump(w, otherwise);
}

/* Go on here if the test does not hold, else to @then. */
static void refuse(struct writer *w, uint16_t op, uint32_t k, struct label *then)
{
	put(w, BPF_JMP | op | BPF_K, k, 0, 1);
	jump(w, then);
}

static void give(struct writer *w, uint32_t verdict)
{
	put(w, BPF_RET | BPF_K, verdict, 0, 0);
}

/* --- conditions ---------------------------------------------------------------------------- */

struct argument {
	unsigned high, low; /* words */
	bool is_32bit;      /* only the low word, on both sides */
	bool is_narrow;     /* the kernel reads only the low word */
};

static struct argument argument_of(const struct writer *w, enum seccomp_arch arch, unsigned syscall,
				   unsigned arg)
{
	bool is_big = seccomp_archs[arch].is_big_endian;

	return (struct argument){
		.high = 4 + 2 * arg + (is_big ? 0 : 1),
		.low = 4 + 2 * arg + (is_big ? 1 : 0),
		.is_32bit = seccomp_archs[arch].is_32bit,
		.is_narrow = !seccomp_archs[arch].is_32bit && !w->options->compare_wide &&
			     syscall_arg_is_narrow(syscall, arch, arg),
	};
}

static void need_low(struct writer *w, const struct seccomp_cond *cond, struct argument arg,
		     struct label *otherwise)
{
	uint32_t value = (uint32_t)cond->value;

	load(w, arg.low);
	switch ((enum seccomp_op)cond->op) {
	case SECCOMP_OP_NE:
		refuse(w, BPF_JEQ, value, otherwise);
		break;
	case SECCOMP_OP_LT:
		refuse(w, BPF_JGE, value, otherwise);
		break;
	case SECCOMP_OP_LE:
		refuse(w, BPF_JGT, value, otherwise);
		break;
	case SECCOMP_OP_EQ:
		need(w, BPF_JEQ, value, otherwise);
		break;
	case SECCOMP_OP_GE:
		need(w, BPF_JGE, value, otherwise);
		break;
	case SECCOMP_OP_GT:
		need(w, BPF_JGT, value, otherwise);
		break;
	case SECCOMP_OP_MASKED:
		put(w, BPF_ALU | BPF_AND | BPF_K, (uint32_t)cond->mask, 0, 0);
		need(w, BPF_JEQ, value & (uint32_t)cond->mask, otherwise);
		break;
	case SECCOMP_OP_COUNT:
		break;
	}
}

/* All 64 bits: the high word decides unless it is equal. */
static void need_wide(struct writer *w, const struct seccomp_cond *cond, struct argument arg,
		      struct label *otherwise)
{
	uint32_t above = (uint32_t)(cond->value >> 32);
	struct label holds = { 0 };

	load(w, arg.high);
	switch ((enum seccomp_op)cond->op) {
	case SECCOMP_OP_NE:
		put(w, BPF_JMP | BPF_JEQ | BPF_K, above, 1, 0);
		jump(w, &holds);
		break;
	case SECCOMP_OP_LT:
	case SECCOMP_OP_LE:
		refuse(w, BPF_JGT, above, otherwise);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, above, 1, 0);
		jump(w, &holds);
		break;
	case SECCOMP_OP_EQ:
		need(w, BPF_JEQ, above, otherwise);
		break;
	case SECCOMP_OP_GE:
	case SECCOMP_OP_GT:
		put(w, BPF_JMP | BPF_JGT | BPF_K, above, 0, 1);
		jump(w, &holds);
		need(w, BPF_JEQ, above, otherwise);
		break;
	case SECCOMP_OP_MASKED:
		put(w, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(cond->mask >> 32), 0, 0);
		need(w, BPF_JEQ, above, otherwise);
		break;
	case SECCOMP_OP_COUNT:
		break;
	}
	need_low(w, cond, arg, otherwise);
	label_here(w, &holds);
}

/* Goes on here if the condition holds. Return: is there anything that can fail? */
static bool need_cond(struct writer *w, const struct seccomp_cond *cond, struct argument arg,
		      struct label *otherwise)
{
	bool is_int = cond->value <= UINT32_MAX || cond->value >= 0xffffffff80000000u;

	if (arg.is_32bit && cond->op == SECCOMP_OP_MASKED && !(uint32_t)cond->mask)
		return false;
	if (arg.is_32bit) {
		need_low(w, cond, arg, otherwise);
		return true;
	}
	if (!arg.is_narrow) {
		if (cond->op == SECCOMP_OP_MASKED && !cond->mask)
			return false;
		need_wide(w, cond, arg, otherwise);
		return true;
	}
	if (cond->op == SECCOMP_OP_MASKED && !(uint32_t)cond->mask && !cond->value)
		return false;
	if (is_int)
		need_low(w, cond, arg, otherwise);
	else if (cond->op == SECCOMP_OP_EQ || cond->op == SECCOMP_OP_GE ||
		 cond->op == SECCOMP_OP_GT || cond->op == SECCOMP_OP_MASKED)
		jump(w, otherwise);
	return true;
}

/* --- rules --------------------------------------------------------------------------------- */

static const char *const socket_calls[] = {
	"",	    "socket",	   "bind",	 "connect", "listen",	"accept",   "getsockname",
	"getpeername", "socketpair", "send",	  "recv",    "sendto",	"recvfrom", "shutdown",
	"setsockopt",  "getsockopt", "sendmsg",	  "recvmsg", "accept4", "recvmmsg", "sendmmsg",
};
static const char *const ipc_calls[] = {
	"", "semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "",
	"msgsnd", "msgrcv", "msgget", "msgctl", "", "", "", "", "", "",
	"shmat", "shmdt", "shmget", "shmctl",
};

static unsigned value_in_mux(const char *mux, const char *name)
{
	bool is_socket = !strcmp(mux, "socketcall"), is_ipc = !strcmp(mux, "ipc");

	for (unsigned i = 1; is_socket && i < sizeof(socket_calls) / sizeof(*socket_calls); i++) {
		if (!strcmp(socket_calls[i], name))
			return i;
	}
	for (unsigned i = 1; is_ipc && i < sizeof(ipc_calls) / sizeof(*ipc_calls); i++) {
		if (!strcmp(ipc_calls[i], name))
			return i;
	}
	return 0;
}

/* One rule: a return if it applies, else on to what follows. Return: it has no condition. */
static bool put_rule(struct writer *w, enum seccomp_arch arch, unsigned syscall,
		     const struct seccomp_rule *rule, unsigned mux_value)
{
	struct label otherwise = { 0 };
	bool is_bare = !mux_value;

	if (mux_value) {
		load(w, argument_of(w, arch, syscall, 0).low);
		need(w, BPF_JEQ, mux_value, &otherwise);
	}
	for (unsigned i = 0; i < rule->cond_count; i++) {
		const struct seccomp_cond *cond = &w->profile->conds[rule->cond_first + i];

		if (mux_value && cond->arg == 0)
			continue;
		if (need_cond(w, cond, argument_of(w, arch, syscall, cond->arg), &otherwise))
			is_bare = false;
	}
	give(w, rule->verdict);
	label_here(w, &otherwise);
	return is_bare;
}

/* What to do for one call. */
static void put_call(struct writer *w, enum seccomp_arch arch, unsigned syscall, uint32_t newer)
{
	const struct seccomp_profile *profile = w->profile;
	const char *name = syscall_name(syscall);
	unsigned start = w->count;
	bool is_named = false, is_refused = false;

	for (uint32_t i = 0; i < profile->rule_count; i++) {
		const struct seccomp_rule *rule = &profile->rules[i];

		is_named |= rule->syscall == syscall;
		is_refused |= rule->syscall == syscall && !rule->cond_count &&
			      rule->verdict == profile->default_verdict;
	}
	for (uint32_t i = 0; i < profile->rule_count; i++) {
		const struct seccomp_rule *rule = &profile->rules[i];
		unsigned value = 0;

		if (rule->syscall != syscall && !is_refused)
			value = value_in_mux(name, syscall_name(rule->syscall));
		if (rule->verdict == profile->default_verdict ||
		    (rule->syscall != syscall && !value))
			continue;
		if (put_rule(w, arch, syscall, rule, value)) {
			w->count = start; /* it beats all before it */
			give(w, rule->verdict);
			return;
		}
	}
	if (!is_named && strcmp(name, "socketcall") && strcmp(name, "ipc") &&
	    syscall_kernel(syscall) > profile->kernel)
		give(w, newer);
	else
		give(w, profile->default_verdict);
}

/* --- numbers ------------------------------------------------------------------------------- */

static void put_arch(struct writer *w, enum seccomp_arch arch, uint32_t newer)
{
	uint32_t base = seccomp_archs[arch].number_base, next = 0;
	const uint16_t *order;
	unsigned count = syscall_order(arch, &order);

	for (unsigned i = 0; i < count; i++) {
		uint32_t number = (uint32_t)syscall_number(order[i], arch);
		struct label other = { 0 }, in_gap = { 0 };

		load(w, 0);
		if (number > next) {
			need(w, BPF_JGE, base + next, &in_gap);
			refuse(w, BPF_JGE, base + number, &in_gap);
			give(w, number - next >= 32 ? newer : w->profile->default_verdict);
			label_here(w, &in_gap);
		}
		need(w, BPF_JEQ, base + number, &other);
		put_call(w, arch, order[i], newer);
		label_here(w, &other);
		next = number + 1;
	}
	give(w, newer);
}

static bool lists(const struct seccomp_profile *profile, enum seccomp_arch arch)
{
	return memchr(profile->archs, (int)arch, profile->arch_count);
}

static uint32_t verdict_for_newer(const struct writer *w)
{
	uint32_t verdict = w->profile->default_verdict;

	if (w->options->no_enosys || !w->profile->names_calls)
		return verdict;
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return verdict;
	}
	return SECCOMP_RET_ERRNO | ENOSYS;
}

static void put_x86_64(struct writer *w, uint32_t newer)
{
	struct label x32 = { 0 }, skipped = { 0 };

	load(w, 0);
	refuse(w, BPF_JGE, SECCOMP_X32_BIT, &x32);
	if (lists(w->profile, SECCOMP_ARCH_X86_64))
		put_arch(w, SECCOMP_ARCH_X86_64, newer);
	else
		give(w, SECCOMP_RET_KILL_THREAD);
	label_here(w, &x32);
	if (lists(w->profile, SECCOMP_ARCH_X32)) {
		put_arch(w, SECCOMP_ARCH_X32, newer);
		return;
	}
	refuse(w, BPF_JEQ, UINT32_MAX, &skipped);
	give(w, SECCOMP_RET_KILL_THREAD);
	label_here(w, &skipped);
	give(w, w->profile->default_verdict);
}

struct seccomp_filter plain_compile(const struct seccomp_profile *profile,
				 const struct seccomp_options *options, struct sock_filter *insns)
{
	struct writer w = { .profile = profile, .options = options, .insns = insns };
	uint32_t newer = verdict_for_newer(&w);
	bool has_x86_64 = false;

	for (unsigned i = 0; i < profile->arch_count; i++) {
		enum seccomp_arch arch = profile->archs[i];
		struct label other = { 0 };

		if (seccomp_archs[arch].audit == AUDIT_ARCH_X86_64 && has_x86_64)
			continue;
		load(&w, 1);
		need(&w, BPF_JEQ, seccomp_archs[arch].audit, &other);
		if (seccomp_archs[arch].audit == AUDIT_ARCH_X86_64) {
			put_x86_64(&w, newer);
			has_x86_64 = true;
		} else {
			put_arch(&w, arch, newer);
		}
		label_here(&w, &other);
	}
	give(&w, SECCOMP_RET_KILL_THREAD);
	return (struct seccomp_filter){ insns, w.count };
}
