#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"

#define WARNING_COUNT_MAX 64
#define WARNING_BYTES_MAX 512

int plan_warn(struct plan *plan, struct err *e, const char *format, ...)
{
	char sentence[WARNING_BYTES_MAX];
	va_list args;

	if (!plan->warnings.items) {
		plan->warnings.items =
			arena_new_array(plan->arena, const char *, WARNING_COUNT_MAX + 1);
		if (!plan->warnings.items)
			return err_oom(e);
	}
	if (plan->warnings.count == WARNING_COUNT_MAX)
		return 0;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	plan->warnings.items[plan->warnings.count] = arena_strdup(plan->arena, sentence);
	if (!plan->warnings.items[plan->warnings.count])
		return err_oom(e);
	plan->warnings.count++;
	return 0;
}

/* A set asked for, less what cannot be had; the loss is a warning, as the spec wants. */
static int plan_take_caps(struct plan *plan, uint64_t asked, uint64_t available, uint64_t *ret_set,
			  const char *set_name, struct err *e)
{
	own_text struct text lost = { 0 };

	for (unsigned cap = 0; cap < 64; cap++)
		if (asked & ~available & UINT64_C(1) << cap)
			text_printf(&lost, " %s", spec_cap_name(cap));
	*ret_set = asked & available;
	if (!lost.length && text_ok(&lost))
		return 0;
	if (!text_ok(&lost))
		return err_oom(e);
	return plan_warn(plan, e, "not available here, left out of the %s capabilities:%s", set_name,
			 text_str(&lost));
}

static int plan_caps(struct plan *plan, struct err *e)
{
	const struct spec_process *process = &plan->spec->process;
	const struct spec_caps *caps = &process->caps;
	struct plan_creds *creds = &plan->creds;
	uint64_t known = plan->host->last_cap >= 63 ?
				 UINT64_MAX :
				 (UINT64_C(1) << (plan->host->last_cap + 1)) - 1;
	/* In a user namespace of its own the container starts with a full set. */
	uint64_t available = plan->spec->os.namespaces[SPEC_NS_USER].is_wanted ?
				     known :
				     known & plan->host->bounding_caps;
	int r;

	if (!process->has_caps)
		return 0;
	creds->has_caps = true;
	r = plan_take_caps(plan, caps->bounding, available, &creds->bounding, "bounding", e);
	if (r == 0)
		r = plan_take_caps(plan, caps->permitted, available, &creds->permitted, "permitted", e);
	if (r == 0)
		r = plan_take_caps(plan, caps->effective, creds->permitted, &creds->effective,
				   "effective", e);
	if (r == 0)
		r = plan_take_caps(plan, caps->inheritable, creds->bounding | creds->permitted,
				   &creds->inheritable, "inheritable", e);
	/*
	 * The kernel raises ambient only what is inheritable too. Engines from before CVE-2022-24769
	 * ask for one without the other each time: that is no news to anybody.
	 */
	creds->ambient = caps->ambient & creds->permitted & creds->inheritable;
	for (uint32_t i = 0; r == 0 && i < caps->unknown.count; i++)
		r = plan_warn(plan, e, "capability '%s' is unknown, ignored", caps->unknown.items[i]);
	return r;
}

static void plan_namespaces(struct plan *plan)
{
	const struct spec_linux *os = &plan->spec->os;
	struct plan_namespaces *ns = &plan->ns;

	if (plan->request.is_exec) {
		ns->needs_relay = true; /* whatever the container has is joined */
		return;
	}
	for (int kind = 0; kind < SPEC_NS_COUNT; kind++) {
		if (!os->namespaces[kind].is_wanted)
			continue;
		if (os->namespaces[kind].path)
			ns->join[kind] = os->namespaces[kind].path;
		else
			ns->new_flags |= spec_ns_flag((enum spec_ns)kind);
	}
	ns->needs_relay = ns->join[SPEC_NS_USER] || ns->join[SPEC_NS_PID] || ns->join[SPEC_NS_TIME] ||
			  (ns->new_flags & CLONE_NEWTIME &&
			   (os->monotonic.is_given || os->boottime.is_given));
}

/* One gid, mapped by one who is not root: setgroups() must be denied first (CVE-2018-7169). */
static bool plan_denies_setgroups(const struct plan *plan)
{
	const struct spec_id_maps *gids = &plan->spec->os.gid_maps;

	return plan->ns.new_flags & CLONE_NEWUSER && plan->host->is_rootless && gids->count == 1 &&
	       gids->items[0].size == 1 && gids->items[0].host_id == plan->host->egid;
}

int plan_make(const struct spec *spec, const struct host *host, const struct plan_request *request,
	      struct arena *arena, struct plan *ret_plan, struct err *e)
{
	struct plan plan = { .arena = arena, .spec = spec, .host = host, .request = *request };
	int r;

	if (!spec->has_process)
		return err_set(e, EINVAL, "process: is missing, and a container starts one");
	plan_namespaces(&plan);
	if (plan.ns.new_flags & CLONE_NEWTIME && !host->has_time_ns)
		return err_set(e, ENOSYS, "linux.namespaces: this kernel has no time namespaces "
					  "(needs CONFIG_TIME_NS=y, Linux 5.6)");
	plan.creds.deny_setgroups = plan_denies_setgroups(&plan);
	r = plan_caps(&plan, e);
	for (uint32_t i = 0; r == 0 && i < spec->warnings.count; i++)
		r = plan_warn(&plan, e, "%s", spec->warnings.items[i]);
	if (r == 0)
		*ret_plan = plan;
	return r;
}

static void plan_explain_caps(const char *name, uint64_t set, struct text *out)
{
	text_printf(out, "capabilities %s:", name);
	for (unsigned cap = 0; cap < 64; cap++)
		if (set & UINT64_C(1) << cap) {
			const char *word = spec_cap_name(cap);

			if (word)
				text_printf(out, " %s", word);
			else
				text_printf(out, " %u", cap);
		}
	text_append(out, set ? "\n" : " none\n");
}

void plan_explain(const struct plan *plan, struct text *out)
{
	const struct spec_user *user = &plan->spec->process.user;

	for (int kind = 0; kind < SPEC_NS_COUNT; kind++) {
		if (plan->ns.join[kind])
			text_printf(out, "namespace %s: join '%s'\n", spec_ns_name((enum spec_ns)kind),
				    plan->ns.join[kind]);
		else if (plan->ns.new_flags & spec_ns_flag((enum spec_ns)kind))
			text_printf(out, "namespace %s: new\n", spec_ns_name((enum spec_ns)kind));
		else if (!plan->request.is_exec)
			text_printf(out, "namespace %s: of the host\n",
				    spec_ns_name((enum spec_ns)kind));
	}
	text_printf(out, "user: uid %u, gid %u, %u more groups\n", user->uid, user->gid,
		    user->additional_gid_count);
	if (plan->creds.has_caps) {
		plan_explain_caps("bounding", plan->creds.bounding, out);
		plan_explain_caps("effective", plan->creds.effective, out);
		plan_explain_caps("permitted", plan->creds.permitted, out);
		plan_explain_caps("inheritable", plan->creds.inheritable, out);
		plan_explain_caps("ambient", plan->creds.ambient, out);
	}
	text_printf(out, "no_new_privs: %s\n", plan->spec->process.no_new_privs ? "set" : "not set");
}
