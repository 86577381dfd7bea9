#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "eval.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/seccomp_filter.h"
#include "wall/seccomp/syscalls.h"

struct sub_call {
	const char *mux;
	const char *name;
	uint32_t value;
};

static const struct sub_call sub_calls[] = {
	{ "socketcall", "socket", 1 },       { "socketcall", "bind", 2 },
	{ "socketcall", "connect", 3 },      { "socketcall", "listen", 4 },
	{ "socketcall", "accept", 5 },       { "socketcall", "getsockname", 6 },
	{ "socketcall", "getpeername", 7 },  { "socketcall", "socketpair", 8 },
	{ "socketcall", "send", 9 },         { "socketcall", "recv", 10 },
	{ "socketcall", "sendto", 11 },      { "socketcall", "recvfrom", 12 },
	{ "socketcall", "shutdown", 13 },    { "socketcall", "setsockopt", 14 },
	{ "socketcall", "getsockopt", 15 },  { "socketcall", "sendmsg", 16 },
	{ "socketcall", "recvmsg", 17 },     { "socketcall", "accept4", 18 },
	{ "socketcall", "recvmmsg", 19 },    { "socketcall", "sendmmsg", 20 },
	{ "ipc", "semop", 1 },               { "ipc", "semget", 2 },
	{ "ipc", "semctl", 3 },              { "ipc", "semtimedop", 4 },
	{ "ipc", "msgsnd", 11 },             { "ipc", "msgrcv", 12 },
	{ "ipc", "msgget", 13 },             { "ipc", "msgctl", 14 },
	{ "ipc", "shmat", 21 },              { "ipc", "shmdt", 22 },
	{ "ipc", "shmget", 23 },             { "ipc", "shmctl", 24 },
};

/* --- one condition ------------------------------------------------------------------------- */

/* How the kernel reads an argument. */
enum width {
	WIDTH_64,
	WIDTH_INT,   /* an int of a 64-bit ABI: what is above is not looked at */
	WIDTH_32BIT, /* an ABI whose registers have 32 bits */
};

static bool compare(uint64_t x, const struct seccomp_cond *cond)
{
	switch ((enum seccomp_op)cond->op) {
	case SECCOMP_OP_NE:
		return x != cond->value;
	case SECCOMP_OP_LT:
		return x < cond->value;
	case SECCOMP_OP_LE:
		return x <= cond->value;
	case SECCOMP_OP_EQ:
		return x == cond->value;
	case SECCOMP_OP_GE:
		return x >= cond->value;
	case SECCOMP_OP_GT:
		return x > cond->value;
	case SECCOMP_OP_MASKED:
		return (x & cond->mask) == cond->value;
	case SECCOMP_OP_COUNT:
		break;
	}
	return false;
}

/* A value written as a negative int is compared with the int that the kernel reads. */
static bool is_negative_int(uint64_t value)
{
	return (int64_t)value < 0 && (int64_t)value >= INT32_MIN;
}

static bool cond_holds(const struct seccomp_cond *cond, enum width width, uint64_t x)
{
	struct seccomp_cond low = *cond;

	if (width == WIDTH_64)
		return compare(x, cond);
	if (width == WIDTH_INT && is_negative_int(cond->value))
		return compare((uint64_t)(int64_t)(int32_t)x, cond);
	if (width == WIDTH_INT)
		return compare((uint32_t)x, cond);
	low.value = (uint32_t)low.value;
	low.mask = (uint32_t)low.mask;
	return compare((uint32_t)x, &low);
}

/* A mask without a bit that is read: as if there were no condition. */
static bool cond_is_empty(const struct seccomp_cond *cond, enum width width)
{
	if (cond->op != SECCOMP_OP_MASKED)
		return false;
	if (width == WIDTH_64)
		return cond->mask == 0;
	if (width == WIDTH_INT)
		return (uint32_t)cond->mask == 0 && cond->value == 0;
	return (uint32_t)cond->mask == 0;
}

/* --- one rule ------------------------------------------------------------------------------ */

struct question {
	const struct seccomp_profile *profile;
	const struct seccomp_options *options;
	const struct seccomp_data *data;
	enum seccomp_arch arch;
	unsigned syscall; /* the one called */
};

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_ALWAYS, /* no conditions */
};

static enum width width_of(const struct question *q, unsigned arg)
{
	if (seccomp_archs[q->arch].is_32bit)
		return WIDTH_32BIT;
	if (!q->options->compare_wide && syscall_arg_is_narrow(q->syscall, q->arch, arg))
		return WIDTH_INT;
	return WIDTH_64;
}

static enum answer ask(const struct question *q, const struct seccomp_rule *rule,
		       const struct sub_call *sub)
{
	enum answer answer = ANSWER_ALWAYS;

	if (sub) {
		struct seccomp_cond call = { .op = SECCOMP_OP_EQ, .value = sub->value };

		if (!cond_holds(&call, WIDTH_INT, q->data->args[0]))
			return ANSWER_NO;
		answer = ANSWER_YES;
	}
	for (unsigned i = 0; i < rule->cond_count; i++) {
		const struct seccomp_cond *cond = &q->profile->conds[rule->cond_first + i];
		enum width width = width_of(q, cond->arg);

		if (cond_is_empty(cond, width) || (sub && cond->arg == 0))
			continue;
		if (!cond_holds(cond, width, q->data->args[cond->arg]))
			return ANSWER_NO;
		answer = ANSWER_YES;
	}
	return answer;
}

/* --- all rules of one call ----------------------------------------------------------------- */

static bool is_mux(unsigned syscall)
{
	return !strcmp(syscall_name(syscall), "socketcall") ||
	       !strcmp(syscall_name(syscall), "ipc");
}

/* By which sub-call does @rule speak about the call in question? NULL: by none. */
static const struct sub_call *sub_call_of(const struct question *q, const struct seccomp_rule *rule)
{
	if (!is_mux(q->syscall))
		return NULL;
	for (unsigned i = 0; i < sizeof(sub_calls) / sizeof(*sub_calls); i++) {
		if (!strcmp(sub_calls[i].mux, syscall_name(q->syscall)) &&
		    !strcmp(sub_calls[i].name, syscall_name(rule->syscall)))
			return &sub_calls[i];
	}
	return NULL;
}

static bool names(const struct seccomp_profile *profile, unsigned syscall, bool ret_refuses[1])
{
	bool is_named = false;

	*ret_refuses = false;
	for (uint32_t i = 0; i < profile->rule_count; i++) {
		if (profile->rules[i].syscall != syscall)
			continue;
		is_named = true;
		*ret_refuses |= !profile->rules[i].cond_count &&
				profile->rules[i].verdict == profile->default_verdict;
	}
	return is_named;
}

/* First the rules that always apply, then the others, each in order. */
static bool find_verdict(const struct question *q, enum answer least, bool with_sub_calls,
			 uint32_t *ret_verdict)
{
	for (uint32_t i = 0; i < q->profile->rule_count; i++) {
		const struct seccomp_rule *rule = &q->profile->rules[i];
		const struct sub_call *sub = NULL;

		if (rule->verdict == q->profile->default_verdict)
			continue;
		if (rule->syscall != q->syscall) {
			sub = with_sub_calls ? sub_call_of(q, rule) : NULL;
			if (!sub)
				continue;
		}
		if (ask(q, rule, sub) >= least) {
			*ret_verdict = rule->verdict;
			return true;
		}
	}
	return false;
}

/* --- which call it is ---------------------------------------------------------------------- */

static bool lists(const struct seccomp_profile *profile, enum seccomp_arch arch)
{
	for (unsigned i = 0; i < profile->arch_count; i++) {
		if (profile->archs[i] == arch)
			return true;
	}
	return false;
}

static int find_arch(const struct seccomp_profile *profile, const struct seccomp_data *data)
{
	bool is_x32 = data->arch == AUDIT_ARCH_X86_64 && (uint32_t)data->nr >= SECCOMP_X32_BIT;

	for (int arch = 0; arch < SECCOMP_ARCH_COUNT; arch++) {
		if (seccomp_archs[arch].audit == data->arch &&
		    is_x32 == (arch == SECCOMP_ARCH_X32) && lists(profile, (enum seccomp_arch)arch))
			return arch;
	}
	return -1;
}

/* A number that no call has: is it one that a future kernel may hand out? */
static bool is_free(enum seccomp_arch arch, uint32_t number)
{
	uint32_t below = 0, above = UINT32_MAX;

	for (unsigned i = 0; i < syscall_count(); i++) {
		int n = syscall_number(i, arch);

		if (n < 0)
			continue;
		if ((uint32_t)n < number && (uint32_t)n + 1 > below)
			below = (uint32_t)n + 1;
		if ((uint32_t)n > number && (uint32_t)n < above)
			above = (uint32_t)n;
	}
	return above - below >= 32;
}

static bool knows_enosys(const struct seccomp_profile *profile,
			 const struct seccomp_options *options)
{
	uint32_t action = profile->default_verdict & SECCOMP_RET_ACTION_FULL;

	return !options->no_enosys && profile->names_calls && action != SECCOMP_RET_ALLOW &&
	       action != SECCOMP_RET_LOG && action != SECCOMP_RET_TRACE &&
	       action != SECCOMP_RET_USER_NOTIF;
}

uint32_t eval(const struct seccomp_profile *profile, const struct seccomp_options *options,
	      const struct seccomp_data *data)
{
	uint32_t newer = profile->default_verdict, verdict, number;
	struct question q = { .profile = profile, .options = options, .data = data };
	bool is_named, is_refused;
	int arch, syscall;

	if (knows_enosys(profile, options))
		newer = SECCOMP_RET_ERRNO | ENOSYS;
	arch = find_arch(profile, data);
	if (arch < 0)
		return data->arch == AUDIT_ARCH_X86_64 && data->nr == -1 &&
				       lists(profile, SECCOMP_ARCH_X86_64) ?
			       profile->default_verdict :
			       SECCOMP_RET_KILL_THREAD;
	q.arch = (enum seccomp_arch)arch;
	number = (uint32_t)data->nr - (arch == SECCOMP_ARCH_X32 ? SECCOMP_X32_BIT : 0);
	syscall = number > INT32_MAX ? -1 : syscall_at(q.arch, number);
	if (syscall < 0)
		return is_free(q.arch, number) ? newer : profile->default_verdict;
	q.syscall = (unsigned)syscall;

	is_named = names(profile, q.syscall, &is_refused);
	if (find_verdict(&q, ANSWER_ALWAYS, !is_refused, &verdict) ||
	    find_verdict(&q, ANSWER_YES, !is_refused, &verdict))
		return verdict;
	if (!is_named && !is_mux(q.syscall) && syscall_kernel(q.syscall) > profile->kernel)
		return newer;
	return profile->default_verdict;
}
