#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "base/text.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/syscalls.h"
#include "wall/seccomp/words.h"
#include "wall/seccomp/write.h"

static void write_verdict(uint32_t verdict, const char *key, const char *errno_key,
			  struct text *out)
{
	const struct seccomp_action *action = seccomp_action_of(verdict);

	text_printf(out, "\"%s\":\"%s\"", key, action->name);
	if (action->has_errno)
		text_printf(out, ",\"%s\":%u", errno_key, verdict & SECCOMP_RET_DATA);
}

static void write_cond(const struct seccomp_cond *cond, struct text *out)
{
	bool is_masked = cond->op == SECCOMP_OP_MASKED;

	text_printf(out, "{\"index\":%u,\"value\":%" PRIu64, cond->arg,
		    is_masked ? cond->mask : cond->value);
	if (is_masked)
		text_printf(out, ",\"valueTwo\":%" PRIu64, cond->value);
	text_printf(out, ",\"op\":\"%s\"}", seccomp_op_name(cond->op));
}

/* Do the two rules say the same of their calls, so that they can be written as one? */
static bool is_alike(const struct seccomp_rule *a, const struct seccomp_rule *b)
{
	return a->verdict == b->verdict && a->cond_count == b->cond_count &&
	       (!a->cond_count || a->cond_first == b->cond_first);
}

/* The rules from @i on that are alike, as one. Return: how many. */
static uint32_t write_rules(const struct seccomp_profile *profile, uint32_t i, struct text *out)
{
	const struct seccomp_rule *rule = &profile->rules[i];
	uint32_t n = 0;

	text_append(out, "{\"names\":[");
	for (; i + n < profile->rule_count && is_alike(rule, rule + n); n++)
		text_printf(out, "%s\"%s\"", n ? "," : "", syscall_name(rule[n].syscall));
	text_append(out, "],");
	write_verdict(rule->verdict, "action", "errnoRet", out);
	for (unsigned j = 0; j < rule->cond_count; j++) {
		text_append(out, j ? "," : ",\"args\":[");
		write_cond(&profile->conds[rule->cond_first + j], out);
	}
	text_append(out, rule->cond_count ? "]}" : "}");
	return n;
}

static void write_flags(const struct seccomp_profile *profile, struct text *out)
{
	const char *name, *comma = "";
	unsigned flag;

	if (!profile->has_flags)
		return;
	text_append(out, ",\"flags\":[");
	for (size_t i = 0; (name = seccomp_flag_at(i, &flag)); i++) {
		if (!(profile->flags & flag))
			continue;
		text_printf(out, "%s\"%s\"", comma, name);
		comma = ",";
	}
	text_append(out, "]");
}

static void write_string(const char *key, const char *value, struct text *out)
{
	if (!value)
		return;
	text_printf(out, ",\"%s\":", key);
	text_json(out, value);
}

void seccomp_write(const struct seccomp_profile *profile, struct text *out)
{
	text_append(out, "{");
	write_verdict(profile->default_verdict, "defaultAction", "defaultErrnoRet", out);
	text_append(out, ",\"architectures\":[");
	for (unsigned i = 0; i < profile->arch_count; i++)
		text_printf(out, "%s\"%s\"", i ? "," : "",
			    seccomp_archs[profile->archs[i]].oci_name);
	text_append(out, "]");
	write_flags(profile, out);
	write_string("listenerPath", profile->listener_path, out);
	write_string("listenerMetadata", profile->listener_metadata, out);
	text_append(out, ",\"syscalls\":[");
	for (uint32_t i = 0; i < profile->rule_count;) {
		text_append(out, i ? "," : "");
		i += write_rules(profile, i, out);
	}
	text_append(out, "]}");
}
