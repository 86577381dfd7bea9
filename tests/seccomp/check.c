#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "check.h"
#include "wall/seccomp/read.h"

static unsigned failure_count;

static const char *const docker_caps[] = {
	"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",	 "CAP_FOWNER",	"CAP_MKNOD",
	"CAP_NET_RAW", "CAP_SETGID",	  "CAP_SETUID",	 "CAP_SETFCAP", "CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE", "CAP_SYS_ADMIN",
};

const struct check_caps check_caps_docker = { "Docker's 14 capabilities", docker_caps, 14 };
const struct check_caps check_caps_admin = { "and CAP_SYS_ADMIN", docker_caps, 15 };
const struct check_caps check_caps_none = { "no capability", NULL, 0 };

bool check_ok(bool is_ok, const char *format, ...)
{
	va_list args;

	(void)printf("%s - ", is_ok ? "ok" : "not ok");
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)printf("\n");
	(void)fflush(stdout);
	failure_count += !is_ok;
	return is_ok;
}

void check_note(const char *format, ...)
{
	va_list args;

	(void)printf("# ");
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)printf("\n");
}

int check_result(void)
{
	return failure_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void __attribute__((noreturn)) give_up(const struct err *e)
{
	(void)check_ok(false, "%s", e->text);
	exit(EXIT_FAILURE);
}

void check_read(const char *path, enum seccomp_arch arch, const struct check_caps *caps,
		struct arena *arena, struct seccomp_profile *ret_profile)
{
	struct seccomp_facts facts = {
		.arch = arch,
		.kernel_major = 6,
		.kernel_minor = 18,
		.caps = caps->caps,
		.cap_count = caps->count,
	};
	own_json struct json_object *json = NULL;
	struct err e = { 0 };

	if (json_read_at(AT_FDCWD, path, &json, &e) < 0 ||
	    seccomp_read_file(json, &facts, arena, ret_profile, &e) < 0)
		give_up(&e);
}

struct seccomp_filter check_compile(const struct seccomp_profile *profile,
				 const struct seccomp_options *options, struct arena *arena)
{
	struct seccomp_filter filter;
	struct seccomp_filter program;
	struct err e = { 0 };

	if (seccomp_compile(profile, options, arena, &filter, &e) < 0)
		give_up(&e);
	program = (struct seccomp_filter){ filter.insns, filter.count };
	if (!filter_check(program)) {
		(void)err_set(&e, EINVAL, "the kernel would refuse the filter");
		give_up(&e);
	}
	return program;
}

struct seccomp_data check_laid_out(const struct seccomp_data *data)
{
	struct seccomp_data swapped = *data;

	if (data->arch != seccomp_archs[SECCOMP_ARCH_S390X].audit)
		return swapped;
	for (unsigned i = 0; i < SECCOMP_ARG_COUNT; i++)
		swapped.args[i] = data->args[i] << 32 | data->args[i] >> 32;
	return swapped;
}

void check_show(const struct seccomp_data *data, uint32_t ours, uint32_t theirs)
{
	check_note("arch %#x number %#x args %#llx %#llx %#llx %#llx %#llx %#llx: %#x, expected %#x",
		   data->arch, (unsigned)data->nr, data->args[0], data->args[1], data->args[2],
		   data->args[3], data->args[4], data->args[5], ours, theirs);
}
