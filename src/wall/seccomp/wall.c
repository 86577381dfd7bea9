/*
 * The seccomp wall: system calls. Compiled in the parent, from linux.seccomp, each time: that takes
 * less than reading a cache would. The rest of this folder is the engine and knows no containers.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "spec/spec.h"
#include "sys/guard.h"
#include "wall/seccomp/attach.h"
#include "wall/seccomp/listener.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/wall.h"
#include "wall/seccomp/words.h"
#include "wall/wall.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Every flag that a filter of ours may carry, TSYNC apart: seccomp(2) was born with it. */
#define FLAGS_PROBED                                                                               \
	(SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |                                \
	 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

#define ANNOTATION_WIDE         "gabion.seccomp.compare-wide"
#define ANNOTATION_FAIL_UNKNOWN "run.oci.seccomp_fail_unknown_syscall"

struct seccomp_part {
	struct part part;
	struct seccomp_filter filter;
	unsigned flags;
	unsigned filters_before; /* that this process is under already */
	const struct plan *plan;
	const struct seccomp_profile *profile;
};

static const struct seccomp_part *part_of(const struct part *part)
{
	return (const struct seccomp_part *)part;
}

/* A number from /proc/PID/status. Return: false when the kernel does not tell. */
static bool status_number(const char *status, const char *name, unsigned *ret_number)
{
	size_t length = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ':') {
			*ret_number = (unsigned)strtoul(line + length + 1, NULL, 10);
			return true;
		}
	}
	return false;
}

/* How many filters we are under ourselves: in a container of another runtime, at least one. */
static int count_own_filters(unsigned *ret_count, struct err *e)
{
	own_file FILE *file = NULL;
	char status[8192];
	size_t length;

	*ret_count = 0;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER)
		return 0;
	file = fopen("/proc/self/status", "re");
	if (!file)
		return err_sys(e, "open '/proc/self/status'");
	length = fread(status, 1, sizeof(status) - 1, file);
	status[length] = '\0';
	(void)status_number(status, "Seccomp_filters", ret_count);
	return 0;
}

static int seccomp_probe(const struct spec *spec, struct host *host, struct err *e)
{
	if (!spec->os.seccomp)
		return 0;
	host->has_seccomp_filter = attach_probe(FLAGS_PROBED, &host->seccomp_flags);
	return count_own_filters(&host->seccomp_filter_count, e);
}

static bool is_set(const struct spec *spec, const char *annotation)
{
	const char *value = spec_annotation(spec, annotation);

	return value && (!strcmp(value, "1") || !strcmp(value, "true"));
}

/* Calls that the table does not know: skipped, as the runtimes do, unless the user wants to know. */
static int judge_unknown(const struct seccomp_profile *profile, const struct spec *spec,
			 struct err *e)
{
	for (uint32_t i = 0; i < profile->unknown_count; i++) {
		if (is_set(spec, ANNOTATION_FAIL_UNKNOWN))
			return err_set(e, EINVAL, "linux.seccomp.syscalls: unknown call '%s'",
				       profile->unknown[i]);
		log_debug("seccomp: unknown call '%s' is ignored", profile->unknown[i]);
	}
	return 0;
}

static int choose_flags(const struct seccomp_profile *profile, const struct host *host,
			unsigned *ret_flags, struct err *e)
{
	unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW & host->seccomp_flags;
	bool notifies = seccomp_profile_notifies(profile);

	if (profile->has_flags)
		flags = profile->flags;
	if (notifies) {
		/* One thread only: there is nobody to synchronise, and the two exclude each other. */
		flags &= ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC;
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	} else {
		flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	}
	for (size_t i = 0; i < 32; i++) {
		unsigned flag = 1u << i;

		if (flags & flag & ~host->seccomp_flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC)
			return err_set(e, ENOTSUP, "this kernel does not know filter flag %#x%s", flag,
				       flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ?
					       " (WAIT_KILLABLE_RECV needs Linux 5.19)" :
					       "");
	}
	*ret_flags = flags;
	return 0;
}

static int seccomp_plan(struct part *part, const struct spec *spec, const struct host *host,
			struct plan *plan, struct err *e)
{
	struct seccomp_part *mine = (struct seccomp_part *)part;
	struct seccomp_options options = { .compare_wide = is_set(spec, ANNOTATION_WIDE) ||
							   !GUARD(E08) };
	struct seccomp_profile *profile;
	int r;

	if (!spec->os.seccomp || !GUARD(seccomp))
		return 0;
	profile = arena_new(plan->arena, struct seccomp_profile);
	if (!profile)
		return err_oom(e);
	r = seccomp_read_oci(spec->os.seccomp, seccomp_arch_native(), plan->arena, profile, e);
	if (r < 0 || seccomp_profile_is_empty(profile))
		return r;
	if (!host->has_seccomp_filter)
		return err_set(e, ENOTSUP,
			       "this kernel has no filters for system calls "
			       "(needs CONFIG_SECCOMP_FILTER=y)");
	r = judge_unknown(profile, spec, e);
	if (r == 0)
		r = choose_flags(profile, host, &mine->flags, e);
	if (r == 0)
		r = seccomp_compile(profile, &options, plan->arena, &mine->filter, e);
	if (r < 0)
		return r;
	mine->plan = plan;
	mine->profile = profile;
	mine->filters_before = host->seccomp_filter_count;
	part->wants_attend = seccomp_profile_notifies(profile);

	/*
	 * Without no_new_privs the kernel wants CAP_SYS_ADMIN to load a filter, so it goes up
	 * before the capabilities go. With it, the later the better: each call we make after
	 * loading would have to be in the user's profile.
	 */
	part->stage = spec->process.no_new_privs && GUARD(E46) ? STAGE_LAST : STAGE_PRIVILEGED;
	part->is_final_at_exec = part->stage == STAGE_LAST;
	return 0;
}

static int seccomp_apply(const struct part *part, const struct child *self, struct err *e)
{
	const struct seccomp_part *mine = part_of(part);
	int r = attach_filter(mine->filter, mine->flags, e);

	if (r < 0 || !part->wants_attend)
		return r;
	return listener_offer(self->page, r, e);
}

static void say_annotations(const struct spec *spec, struct text *out)
{
	text_append(out, "{");
	for (uint32_t i = 0; i < spec->annotations.count; i++) {
		text_append(out, i ? "," : "");
		text_json(out, spec->annotations.items[i].key);
		text_append(out, ":");
		text_json(out, spec->annotations.items[i].value);
	}
	text_append(out, "}");
}

/* OCI's container process state, the message that goes with the descriptor. */
static void say_process_state(const struct seccomp_part *mine, pid_t pid, struct text *out)
{
	const struct plan *plan = mine->plan;

	text_append(out, "{\"ociVersion\":");
	text_json(out, plan->spec->oci_version);
	text_printf(out, ",\"fds\":[\"seccompFd\"],\"pid\":%d", pid);
	if (mine->profile->listener_metadata) {
		text_append(out, ",\"metadata\":");
		text_json(out, mine->profile->listener_metadata);
	}
	text_append(out, ",\"state\":{\"ociVersion\":");
	text_json(out, plan->spec->oci_version);
	text_append(out, ",\"id\":");
	text_json(out, plan->request.id);
	text_printf(out, ",\"status\":\"%s\",\"pid\":%d,\"bundle\":",
		    plan->request.is_exec ? "running" : "creating", pid);
	text_json(out, plan->request.bundle);
	text_append(out, ",\"annotations\":");
	say_annotations(plan->spec, out);
	text_append(out, "}}");
}

static int hand_over(const struct seccomp_part *mine, const struct witness *seen, int listener_fd,
		     struct err *e)
{
	own_text struct text state = { 0 };

	say_process_state(mine, seen->pid, &state);
	if (!text_ok(&state))
		return err_oom(e);
	return listener_send(mine->profile->listener_path, &state, listener_fd, e);
}

static int seccomp_attend(const struct part *part, const struct witness *seen,
			  struct wall_page *page, struct err *e)
{
	own_fd int listener_fd = listener_fetch(page, seen->pidfd, e);
	int r = listener_fd < 0 ? listener_fd : hand_over(part_of(part), seen, listener_fd, e);

	listener_answer(page, r);
	return r;
}

static int seccomp_verify(const struct part *part, const struct witness *seen, struct err *e)
{
	unsigned mode = 0, count, wanted = part_of(part)->filters_before + 1;

	if (!status_number(seen->status, "Seccomp", &mode) || mode != SECCOMP_MODE_FILTER)
		return err_set(e, EPERM, "the kernel says that no filter stands (Seccomp: %u)", mode);
	/* Linux 5.9 counts them: then a filter of our own parents is not taken for ours. */
	if (status_number(seen->status, "Seccomp_filters", &count) && count < wanted)
		return err_set(e, EPERM, "the kernel counts %u filters, planned were %u", count,
			       wanted);
	return 0;
}

static void seccomp_explain(const struct part *part, struct text *out)
{
	const struct seccomp_part *mine = part_of(part);
	enum seccomp_arch arch = mine->profile->archs[0];
	struct call_counts counts = filter_count_calls(mine->filter, arch);

	text_printf(out, "%u of %u calls of %s allowed, %u by their arguments, default ",
		    counts.allowed, counts.known, seccomp_archs[arch].short_name,
		    counts.conditional);
	seccomp_verdict_say(mine->profile->default_verdict, out);
	text_printf(out, ", %u instructions", mine->filter.count);
}

const struct wall seccomp_wall = {
	.name = "seccomp",
	.part_size = sizeof(struct seccomp_part),
	.probe = seccomp_probe,
	.plan = seccomp_plan,
	.apply = seccomp_apply,
	.attend = seccomp_attend,
	.verify = seccomp_verify,
	.explain = seccomp_explain,
};
