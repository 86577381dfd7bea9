#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/modify.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/syscalls.h"

#define NAME_BYTES_MAX 64

bool seccomp_is_change(const char *text)
{
	return *text == '+' || *text == '-' || *text == '@';
}

/* Socketcall and ipc must be refused by name, or the calls behind them keep them open. */
static bool is_mux(const char *name)
{
	return !strcmp(name, "socketcall") || !strcmp(name, "ipc");
}

static int change_call(struct seccomp_profile *profile, const char *name, bool is_allowed,
		       struct err *e)
{
	bool default_refuses = !verdict_is_allowing(profile->default_verdict);
	uint32_t verdict = SECCOMP_RET_ALLOW;
	uint16_t kernel = profile->kernel;
	int syscall = syscall_find(name), r;

	if (syscall < 0)
		return err_set(e, EINVAL, "unknown system call '%s'", name);
	if (!is_allowed)
		verdict = default_refuses ? profile->default_verdict : SECCOMP_RET_ERRNO | EPERM;
	seccomp_profile_remove(profile, (unsigned)syscall);
	if (verdict == profile->default_verdict && !is_mux(name))
		return 0;
	r = seccomp_profile_add(profile, name, verdict, 0, 0, e);
	profile->kernel = kernel;
	return r;
}

static int change_group(struct seccomp_profile *profile, const char *name, bool is_allowed,
			struct err *e)
{
	const struct seccomp_group *group = seccomp_group_find(name);
	int r = 0;

	if (!group)
		return err_set(e, EINVAL, "unknown group '@%s'", name);
	for (size_t i = 0; group->calls[i] && r == 0; i++)
		r = change_call(profile, group->calls[i], is_allowed, e);
	return r;
}

static int change_one(struct seccomp_profile *profile, const char *change, struct err *e)
{
	bool is_allowed = *change != '-';

	if (*change == '+' || *change == '-')
		change++;
	else if (*change != '@')
		return err_set(e, EINVAL, "'%s' must start with '+' or '-'", change);
	if (*change == '@')
		return change_group(profile, change + 1, is_allowed, e);
	return change_call(profile, change, is_allowed, e);
}

int seccomp_modify(struct seccomp_profile *profile, const char *changes, struct err *e)
{
	char change[NAME_BYTES_MAX];

	for (;;) {
		size_t length = strcspn(changes, ",");
		int r;

		if (length >= sizeof(change))
			return err_set(e, EINVAL, "'%.*s...' is too long for a name",
				       NAME_BYTES_MAX, changes);
		memcpy(change, changes, length);
		change[length] = '\0';
		r = change_one(profile, change, e);
		if (r < 0 || !changes[length])
			return r;
		changes += length + 1;
	}
}
