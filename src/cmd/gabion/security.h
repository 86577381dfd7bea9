/*
 * --security-opt, --privileged and what else decides which walls a container stands behind, read
 * into one struct. Each wall that is not going to stand is written down in a line for the user.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct app;
struct err;
struct json_object;
struct run_options;

#define LOST_COUNT_MAX 24

struct security {
	uint64_t caps;            /* what the container keeps */
	bool is_privileged;
	bool no_new_privs;
	bool show_system_paths;   /* systempaths=unconfined: nothing is masked or read-only */
	bool writable_cgroups;
	const char *seccomp;      /* NULL: built-in; "unconfined"; a file; +NAME,-NAME,@GROUP */
	const char *apparmor;     /* NULL: default where there is AppArmor; "unconfined"; a profile */
	bool label_disable;
	const char *label_user, *label_role, *label_type, *label_level, *label_filetype;
	const char *mask;         /* mask=, unmask=: paths with ':' between, or NULL */
	const char *unmask;
	const char *proc_opts;

	const char *lost[LOST_COUNT_MAX]; /* sentences, for E50 of the escape catalogue: nothing of
					     this is silent */
	unsigned lost_count;
};

/** security_read() - from the options of run; strings in the app's arena. */
int security_read(struct app *app, const struct run_options *options, struct security *ret,
		  struct err *e);

/** security_lose() - note that a wall will not stand */
void security_lose(struct app *app, struct security *security, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What of mandatory access control the running kernel has. */
struct kernel_walls {
	bool has_seccomp;
	bool has_apparmor;
	bool has_selinux;
	bool has_landlock;
	bool has_bpf;
};
void kernel_walls_read(struct kernel_walls *ret);
