#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/options.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/run_options.h"
#include "cmd/gabion/security.h"
#include "spec/spec.h"

/* --- what the kernel has ------------------------------------------------------------------- */

void kernel_walls_read(struct kernel_walls *ret)
{
	char list[256] = "";
	own_fd int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);

	*ret = (struct kernel_walls){ .has_seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 };
	if (fd >= 0)
		(void)!read(fd, list, sizeof(list) - 1);
	for (char *rest = list, *name; (name = strsep(&rest, ",\n"));) {
		ret->has_apparmor |= strcmp(name, "apparmor") == 0;
		ret->has_selinux |= strcmp(name, "selinux") == 0;
		ret->has_landlock |= strcmp(name, "landlock") == 0;
		ret->has_bpf |= strcmp(name, "bpf") == 0;
	}
	/* securityfs may not be mounted; these two have files of their own */
	ret->has_apparmor |= access("/sys/module/apparmor/parameters/enabled", F_OK) == 0 &&
			     access("/sys/kernel/security/apparmor", F_OK) == 0;
	ret->has_selinux |= access("/sys/fs/selinux/enforce", F_OK) == 0;
}

void security_lose(struct app *app, struct security *security, const char *format, ...)
{
	char line[512];
	va_list args;

	if (security->lost_count == LOST_COUNT_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	security->lost[security->lost_count] = arena_strdup(&app->arena, line);
	security->lost_count += security->lost[security->lost_count] != NULL;
}

/* --- capabilities -------------------------------------------------------------------------- */

static const char *const default_caps[] = {
	"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",		  "CAP_FOWNER",	    "CAP_MKNOD",
	"CAP_NET_RAW", "CAP_SETGID",	  "CAP_SETUID",		  "CAP_SETFCAP",    "CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",	  "CAP_AUDIT_WRITE",
};

static uint64_t caps_all(void)
{
	uint64_t all = 0;

	/* what this kernel does not know cannot be given */
	for (unsigned i = 0; spec_cap_name(i) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1; i++)
		all |= UINT64_C(1) << i;
	return all;
}

static int caps_named(const char *word, uint64_t *ret_set, struct err *e)
{
	char name[64];
	int number;

	if (strcasecmp(word, "ALL") == 0 || strcasecmp(word, "CAP_ALL") == 0) {
		*ret_set = caps_all();
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s%s", strncasecmp(word, "CAP_", 4) ? "CAP_" : "", word);
	for (char *c = name; *c; c++)
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	number = spec_cap_number(name);
	if (number < 0)
		return err_set(e, EINVAL, "unknown capability '%s'", word);
	*ret_set = UINT64_C(1) << number;
	return 0;
}

/* As Docker: first all that is added, then all that is dropped, but "drop ALL, add X" gives X. */
static int caps_read(const struct run_options *options, bool is_privileged, uint64_t *ret_caps,
		     struct err *e)
{
	uint64_t caps = is_privileged ? caps_all() : 0, one, added = 0;
	bool drop_all = false;
	int r;

	for (size_t i = 0; !is_privileged && i < sizeof(default_caps) / sizeof(*default_caps); i++)
		caps |= UINT64_C(1) << spec_cap_number(default_caps[i]);
	for (uint32_t i = 0; i < options->cap_add.count; i++) {
		r = caps_named(options->cap_add.items[i], &one, e);
		if (r < 0)
			return r;
		added |= one;
	}
	for (uint32_t i = 0; i < options->cap_drop.count; i++)
		drop_all |= strcasecmp(options->cap_drop.items[i], "ALL") == 0;
	caps = drop_all ? added : caps | added;
	for (uint32_t i = 0; i < options->cap_drop.count; i++) {
		if (strcasecmp(options->cap_drop.items[i], "ALL") == 0)
			continue;
		r = caps_named(options->cap_drop.items[i], &one, e);
		if (r < 0)
			return r;
		caps &= ~one;
	}
	*ret_caps = caps & caps_all();
	return 0;
}

/* --- --security-opt ------------------------------------------------------------------------ */

typedef int security_fn(struct security *security, const char *value, struct err *e);

static int take_seccomp(struct security *security, const char *value, struct err *e)
{
	security->seccomp = strcmp(value, "builtin") == 0 ? NULL : value;
	return 0;
}

static int take_apparmor(struct security *security, const char *value, struct err *e)
{
	security->apparmor = value;
	return 0;
}

static int take_label(struct security *security, const char *value, struct err *e)
{
	static const struct {
		const char *key;
		size_t offset;
	} parts[] = {
		{ "user", offsetof(struct security, label_user) },
		{ "role", offsetof(struct security, label_role) },
		{ "type", offsetof(struct security, label_type) },
		{ "level", offsetof(struct security, label_level) },
		{ "filetype", offsetof(struct security, label_filetype) },
	};

	if (strcmp(value, "disable") == 0) {
		security->label_disable = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t length = strlen(parts[i].key);

		if (strncmp(value, parts[i].key, length) != 0 || !strchr(":=", value[length]) ||
		    !value[length] || !value[length + 1])
			continue;
		*(const char **)(void *)((char *)security + parts[i].offset) = value + length + 1;
		return 0;
	}
	return err_set(e, EINVAL, "--security-opt label=%s: expected disable, or user:, role:, type:, "
				  "level: or filetype: with a value",
		       value);
}

static int take_no_new_privs(struct security *security, const char *value, struct err *e)
{
	if (option_flag_read(value, &security->no_new_privs) < 0)
		return err_set(e, EINVAL, "--security-opt no-new-privileges=%s: expected true or false",
			       value);
	return 0;
}

static int take_system_paths(struct security *security, const char *value, struct err *e)
{
	if (strcmp(value, "unconfined") != 0)
		return err_set(e, EINVAL, "--security-opt systempaths=%s: expected unconfined", value);
	security->show_system_paths = true;
	return 0;
}

static int take_writable_cgroups(struct security *security, const char *value, struct err *e)
{
	if (option_flag_read(value, &security->writable_cgroups) < 0)
		return err_set(e, EINVAL, "--security-opt writable-cgroups=%s: expected true or false",
			       value);
	return 0;
}

static int take_mask(struct security *security, const char *value, struct err *e)
{
	security->mask = value;
	return 0;
}

static int take_unmask(struct security *security, const char *value, struct err *e)
{
	if (strcasecmp(value, "ALL") == 0)
		security->show_system_paths = true;
	else
		security->unmask = value;
	return 0;
}

static int take_proc_opts(struct security *security, const char *value, struct err *e)
{
	security->proc_opts = value;
	return 0;
}

static const struct {
	const char *key;
	const char *bare; /* what the key alone means; NULL: it needs a value */
	security_fn *take;
} security_table[] = {
	{ "apparmor", NULL, take_apparmor },
	{ "label", NULL, take_label },
	{ "mask", NULL, take_mask },
	{ "no-new-privileges", "true", take_no_new_privs },
	{ "proc-opts", NULL, take_proc_opts },
	{ "seccomp", NULL, take_seccomp },
	{ "systempaths", NULL, take_system_paths },
	{ "unmask", NULL, take_unmask },
	{ "writable-cgroups", "true", take_writable_cgroups },
};

/* KEY=VALUE, the old KEY:VALUE, a bare KEY, and Docker's bare "disable" for labels. */
static int security_take(struct security *security, const char *word, struct err *e)
{
	size_t length = strcspn(word, "=:");
	const char *value = word[length] ? word + length + 1 : NULL;

	if (strcmp(word, "disable") == 0)
		return take_label(security, word, e);
	for (size_t i = 0; i < sizeof(security_table) / sizeof(security_table[0]); i++) {
		if (strlen(security_table[i].key) != length ||
		    strncmp(word, security_table[i].key, length) != 0)
			continue;
		if (!value)
			value = security_table[i].bare;
		if (!value || !value[0])
			return err_set(e, EINVAL, "--security-opt %s needs a value", word);
		return security_table[i].take(security, value, e);
	}
	return err_set(e, EINVAL, "unknown --security-opt '%s'; there are apparmor, label, mask, "
				  "no-new-privileges, proc-opts, seccomp, systempaths, unmask and "
				  "writable-cgroups",
		       word);
}

/* --- what is lost by it -------------------------------------------------------------------- */

static bool is_word(const char *value, const char *word)
{
	return value && strcmp(value, word) == 0;
}

static void note_kernel(struct app *app, struct security *security)
{
	struct kernel_walls kernel;

	kernel_walls_read(&kernel);
	if (!kernel.has_seccomp)
		security_lose(app, security, "seccomp: the kernel has none (CONFIG_SECCOMP_FILTER)");
	if (!kernel.has_apparmor && !kernel.has_selinux)
		security_lose(app, security, "mandatory access control: neither AppArmor nor SELinux is "
					     "active in this kernel; see `gabion host`");
}

static void note_options(struct app *app, struct security *security,
			 const struct run_options *options)
{
	static const struct {
		const char *what;
		size_t offset;
	} rooms[] = {
		{ "pid", offsetof(struct run_options, pid) },
		{ "ipc", offsetof(struct run_options, ipc) },
		{ "uts", offsetof(struct run_options, uts) },
		{ "cgroupns", offsetof(struct run_options, cgroupns) },
		{ "network", offsetof(struct run_options, network) },
	};

	if (security->is_privileged)
		security_lose(app, security, "capabilities, devices, masked paths: all open by "
					     "--privileged");
	if (is_word(security->seccomp, "unconfined") || (security->is_privileged && !security->seccomp))
		security_lose(app, security, "seccomp: off by %s",
			      is_word(security->seccomp, "unconfined") ?
				      "--security-opt seccomp=unconfined" :
				      "--privileged");
	if (is_word(security->apparmor, "unconfined"))
		security_lose(app, security, "apparmor: off by --security-opt apparmor=unconfined");
	if (security->label_disable)
		security_lose(app, security, "selinux: off by --security-opt label=disable");
	if (security->show_system_paths && !security->is_privileged)
		security_lose(app, security, "masked and read-only paths: off by --security-opt "
					     "systempaths=unconfined");
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		const char *const *value =
			(const void *)((const char *)options + rooms[i].offset);

		if (is_word(*value, "host"))
			security_lose(app, security, "%s namespace: the host's by --%s=host",
				      rooms[i].what, rooms[i].what);
	}
}

int security_read(struct app *app, const struct run_options *options, struct security *ret,
		  struct err *e)
{
	int r;

	*ret = (struct security){ .is_privileged = options->privileged };
	for (uint32_t i = 0; i < options->security.count; i++) {
		r = security_take(ret, options->security.items[i], e);
		if (r < 0)
			return r;
	}
	r = caps_read(options, options->privileged, &ret->caps, e);
	if (r < 0)
		return r;
	if (ret->is_privileged) {
		ret->show_system_paths = true;
		ret->writable_cgroups = true;
		if (!ret->apparmor)
			ret->apparmor = "unconfined";
	}
	note_options(app, ret, options);
	note_kernel(app, ret);
	return 0;
}
