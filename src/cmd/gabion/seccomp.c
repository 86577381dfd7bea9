/*
 * gabion seccomp: what a profile lets through, in words. Needs neither root nor a container.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/app.h"
#include "wall/seccomp/option.h"
#include "wall/seccomp/prove.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/seccomp_filter.h"
#include "wall/seccomp/syscalls.h"
#include "wall/seccomp/words.h"
#include "wall/seccomp/write.h"

#define STATUS_DIFFERENT 1
#define CAP_COUNT_MAX    64

static const char option_prefix[] = "seccomp=";

/* Docker's fourteen: what a container has unless told otherwise. */
static const char caps_default[] =
	"CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FSETID,CAP_FOWNER,CAP_MKNOD,CAP_NET_RAW,CAP_SETGID,"
	"CAP_SETUID,CAP_SETFCAP,CAP_SETPCAP,CAP_NET_BIND_SERVICE,CAP_SYS_CHROOT,CAP_KILL,"
	"CAP_AUDIT_WRITE";

struct request {
	const char *caps;
	const char *arch;
	const char *kernel;
	bool json;
	bool help;
};

static const struct option options[] = {
	{ "caps", 0, OPTION_TEXT, offsetof(struct request, caps), "LIST",
	  "capabilities of the container, CAP_A,CAP_B; default: Docker's fourteen" },
	{ "arch", 0, OPTION_TEXT, offsetof(struct request, arch), "NAME",
	  "architecture: x86_64, aarch64, riscv64, ...; default: this one" },
	{ "kernel", 0, OPTION_TEXT, offsetof(struct request, kernel), "MAJOR.MINOR",
	  "release that minKernel is held against; default: the running one" },
	{ "json", 0, OPTION_FLAG, offsetof(struct request, json), NULL,
	  "show: the resolved profile as OCI's linux.seccomp" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct request, help), NULL, "this text" },
	{ 0 },
};

/* A profile and its filter, as they are under the request's facts. */
struct subject {
	struct seccomp_profile profile;
	struct seccomp_filter filter;
	enum seccomp_arch arch;
};

static int arch_by_name(const char *name, enum seccomp_arch *ret_arch, struct err *e)
{
	for (unsigned i = 0; i < SECCOMP_ARCH_COUNT; i++) {
		if (!strcmp(seccomp_archs[i].short_name, name) ||
		    !strcmp(seccomp_archs[i].docker_name, name)) {
			*ret_arch = i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "unknown architecture '%s'", name);
}

static int read_facts(const struct request *request, char *caps, const char **cap_list,
		      struct seccomp_facts *ret_facts, struct err *e)
{
	struct utsname system;
	const char *release = request->kernel;
	size_t count = 0;

	ret_facts->arch = seccomp_arch_native();
	if (request->arch && arch_by_name(request->arch, &ret_facts->arch, e) < 0)
		return -EINVAL;
	if (!release && uname(&system) == 0)
		release = system.release;
	if (!release || sscanf(release, "%5u.%5u", &ret_facts->kernel_major,
			       &ret_facts->kernel_minor) != 2)
		return err_set(e, EINVAL, "'%s' is not a kernel release", release ? release : "");
	for (char *rest = caps, *cap; (cap = strsep(&rest, ","));) {
		if (count == CAP_COUNT_MAX)
			return err_set(e, EINVAL, "more than %d capabilities", CAP_COUNT_MAX);
		if (*cap)
			cap_list[count++] = cap;
	}
	ret_facts->caps = cap_list;
	ret_facts->cap_count = count;
	return 0;
}

static int load(const struct request *request, const char *word, struct arena *arena,
		struct subject *ret_subject, struct err *e)
{
	const char *cap_list[CAP_COUNT_MAX];
	struct seccomp_facts facts = { 0 };
	bool is_confined;
	char *caps = arena_strdup(arena, request->caps);
	int r;

	if (!caps)
		return err_oom(e);
	if (word && !strncmp(word, option_prefix, sizeof(option_prefix) - 1))
		word += sizeof(option_prefix) - 1;
	r = read_facts(request, caps, cap_list, &facts, e);
	if (r == 0)
		r = seccomp_option_read(word, &facts, arena, &ret_subject->profile, &is_confined, e);
	if (r < 0)
		return r;
	if (!is_confined)
		return err_set(e, EINVAL, "'%s' has no filter: every call is allowed", word);
	ret_subject->arch = facts.arch;
	return seccomp_compile(&ret_subject->profile, NULL, arena, &ret_subject->filter, e);
}

/* --- verdicts in words ---------------------------------------------------------------------- */

static void verdicts_of(const struct subject *subject, enum seccomp_arch arch, unsigned syscall,
			struct verdicts *ret_verdicts)
{
	uint32_t number = (uint32_t)syscall_number(syscall, arch) + seccomp_archs[arch].number_base;

	filter_verdicts(subject->filter, seccomp_archs[arch].audit, number, ret_verdicts);
}

static void say_verdicts(const struct verdicts *verdicts, struct text *out)
{
	for (unsigned i = 0; i < verdicts->count; i++) {
		text_append(out, i ? " or " : "");
		seccomp_verdict_say(verdicts->items[i], out);
	}
	if (verdicts->count > 1)
		text_append(out, ", by its arguments");
}

static void say_cond(const struct seccomp_cond *cond, struct text *out)
{
	static const char *const signs[SECCOMP_OP_COUNT] = {
		[SECCOMP_OP_NE] = "!=", [SECCOMP_OP_LT] = "<", [SECCOMP_OP_LE] = "<=",
		[SECCOMP_OP_EQ] = "==", [SECCOMP_OP_GE] = ">=", [SECCOMP_OP_GT] = ">",
		[SECCOMP_OP_MASKED] = "==",
	};

	if (cond->op == SECCOMP_OP_MASKED)
		text_printf(out, "argument %u & %#" PRIx64, cond->arg, cond->mask);
	else
		text_printf(out, "argument %u", cond->arg);
	text_printf(out, " %s %#" PRIx64, signs[cond->op], cond->value);
}

static void say_rule(const struct seccomp_profile *profile, const struct seccomp_rule *rule,
		     struct text *out)
{
	text_append(out, "  rule: ");
	seccomp_verdict_say(rule->verdict, out);
	for (unsigned i = 0; i < rule->cond_count; i++) {
		text_append(out, i ? " and " : " when ");
		say_cond(&profile->conds[rule->cond_first + i], out);
	}
	text_append(out, "\n");
}

/* Why no rule of its own decides. */
static void say_without_rule(const struct seccomp_profile *profile, unsigned syscall,
			     struct text *out)
{
	uint16_t since = syscall_kernel(syscall);

	if (since > profile->kernel && profile->names_calls)
		text_printf(out, "  no rule; it came with Linux %u.%u, the newest call the profile "
			    "names with %u.%u\n", since >> 8, since & 0xff, profile->kernel >> 8,
			    profile->kernel & 0xff);
	else
		text_append(out, "  no rule: the default decides\n");
}

/* --- subcommands ---------------------------------------------------------------------------- */

struct words {
	char **items;
	int count;
};

static const char *word_at(const struct words *words, int i)
{
	return i < words->count ? words->items[i] : NULL;
}

static int show(const struct request *request, const struct words *words, struct arena *arena,
		struct text *out, struct err *e)
{
	struct subject subject;
	const uint16_t *order;
	unsigned count;
	int r = load(request, word_at(words, 0), arena, &subject, e);

	if (r < 0)
		return r;
	if (request->json) {
		seccomp_write(&subject.profile, out);
		text_append(out, "\n");
		return 0;
	}
	count = syscall_order(subject.arch, &order);
	for (unsigned i = 0; i < count; i++) {
		struct verdicts verdicts;

		verdicts_of(&subject, subject.arch, order[i], &verdicts);
		text_printf(out, "%-5d %-24s ", syscall_number(order[i], subject.arch),
			    syscall_name(order[i]));
		say_verdicts(&verdicts, out);
		text_append(out, "\n");
	}
	return 0;
}

static int count(const struct request *request, const struct words *words, struct arena *arena,
		 struct text *out, struct err *e)
{
	struct subject subject;
	int r = load(request, word_at(words, 0), arena, &subject, e);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < subject.profile.arch_count; i++) {
		enum seccomp_arch arch = subject.profile.archs[i];
		struct call_counts counts = filter_count_calls(subject.filter, arch);

		text_printf(out, "%-12s %u calls known, %u allowed, %u of them by their arguments, "
			    "%u refused\n", seccomp_archs[arch].short_name, counts.known,
			    counts.allowed + counts.conditional, counts.conditional, counts.refused);
	}
	text_printf(out, "%u instructions; calls as of Linux %s\n", subject.filter.count,
		    syscall_table_release());
	return 0;
}

/* One call under two profiles. Return: 1 when they differ, after saying how; 0; -errno. */
static int diff_call(const struct subject *a, const struct subject *b, unsigned syscall,
		     struct text *out, struct err *e)
{
	struct proof_scope scope = {
		.is_one_call = true,
		.arch = seccomp_archs[a->arch].audit,
		.number = (uint32_t)syscall_number(syscall, a->arch) +
			  seccomp_archs[a->arch].number_base,
	};
	struct seccomp_data example;
	struct verdicts verdicts;

	switch (filter_prove(a->filter, b->filter, &scope, &example, NULL)) {
	case PROOF_EQUAL:
		return 0;
	case PROOF_NONE:
		return err_set(e, E2BIG, "'%s' is too complex to compare", syscall_name(syscall));
	case PROOF_DIFFERENT:
		break;
	}
	text_printf(out, "%-24s ", syscall_name(syscall));
	verdicts_of(a, a->arch, syscall, &verdicts);
	say_verdicts(&verdicts, out);
	text_append(out, " -> ");
	verdicts_of(b, a->arch, syscall, &verdicts);
	say_verdicts(&verdicts, out);
	text_append(out, "\n");
	return 1;
}

/* By meaning: two profiles that are written differently and do the same have no difference. */
static int diff(const struct request *request, const struct words *words, struct arena *arena,
		struct text *out, struct err *e)
{
	struct subject a, b;
	const uint16_t *order;
	unsigned call_count, different = 0;
	int r;

	if (words->count != 2)
		return err_set(e, EINVAL, "diff takes two profiles");
	r = load(request, words->items[0], arena, &a, e);
	if (r == 0)
		r = load(request, words->items[1], arena, &b, e);
	if (r < 0)
		return r;
	call_count = syscall_order(a.arch, &order);
	for (unsigned i = 0; i < call_count; i++) {
		r = diff_call(&a, &b, order[i], out, e);
		if (r < 0)
			return r;
		different += (unsigned)r;
	}
	if (!different)
		text_printf(out, "the same for every call of %s, whatever its arguments\n",
			    seccomp_archs[a.arch].short_name);
	return different ? STATUS_DIFFERENT : 0;
}

static int explain_call(const struct request *request, const struct words *words,
			struct arena *arena, struct text *out, struct err *e)
{
	struct subject subject;
	int r, syscall;
	bool has_rule = false;

	if (!words->count)
		return err_set(e, EINVAL, "explain-call takes the name of a call");
	syscall = syscall_find(words->items[0]);
	if (syscall < 0)
		return err_set(e, EINVAL, "unknown system call '%s'", words->items[0]);
	r = load(request, word_at(words, 1), arena, &subject, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < subject.profile.arch_count; i++) {
		enum seccomp_arch arch = subject.profile.archs[i];
		struct verdicts verdicts;

		if (syscall_number((unsigned)syscall, arch) < 0)
			continue;
		verdicts_of(&subject, arch, (unsigned)syscall, &verdicts);
		text_printf(out, "%s on %s (%d): ", words->items[0], seccomp_archs[arch].short_name,
			    syscall_number((unsigned)syscall, arch));
		say_verdicts(&verdicts, out);
		text_append(out, "\n");
	}
	for (uint32_t i = 0; i < subject.profile.rule_count; i++) {
		if (subject.profile.rules[i].syscall != (unsigned)syscall)
			continue;
		has_rule = true;
		say_rule(&subject.profile, &subject.profile.rules[i], out);
	}
	if (!has_rule)
		say_without_rule(&subject.profile, (unsigned)syscall, out);
	text_printf(out, "  to allow it: --security-opt seccomp=+%s\n", words->items[0]);
	return 0;
}

static const struct {
	const char *name;
	const char *words;
	const char *help;
	int (*run)(const struct request *request, const struct words *words, struct arena *arena,
		   struct text *out, struct err *e);
} verbs[] = {
	{ "show", "[PROFILE]", "what happens to each call", show },
	{ "count", "[PROFILE]", "how many calls are allowed and refused, in how many instructions",
	  count },
	{ "diff", "PROFILE PROFILE", "calls that the two treat differently; status 1 if any", diff },
	{ "explain-call", "NAME [PROFILE]", "what happens to one call, and which rules say so",
	  explain_call },
};

static void say_help(struct text *out)
{
	text_append(out, "usage: gabion seccomp VERB [OPTION...] WORD...\n\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		text_printf(out, "  %-12s %-16s %s\n", verbs[i].name, verbs[i].words, verbs[i].help);
	text_append(out, "\nPROFILE is 'builtin' (the default), a file, or changes to the built-in "
			 "one\nsuch as seccomp=-@ptrace,+bpf.\n\n");
	options_help(options, out);
}

static int run_verb(const char *name, const struct request *request, const struct words *words,
		    struct text *out, struct err *e)
{
	own_arena struct arena arena = { 0 };
	int r = arena_init(&arena, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!strcmp(verbs[i].name, name))
			return verbs[i].run(request, words, &arena, out, e);
	}
	return err_set(e, EINVAL, "unknown verb '%s'", name);
}

int seccomp_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct request request = { .caps = caps_default };
	own_text struct text out = { 0 };
	int r, word_count;

	r = options_read(options, OPTIONS_ANYWHERE, &request, argc, argv, &word_count, e);
	if (r == 0 && (request.help || !word_count)) {
		say_help(&out);
	} else if (r == 0) {
		struct words words = { argv + 1, word_count - 1 };

		r = run_verb(argv[0], &request, &words, &out, e);
	}
	if (r >= 0 && !text_ok(&out))
		return err_oom(e);
	if (r >= 0)
		(void)fputs(text_str(&out), stdout);
	return r;
}
