#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/compose.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/network.h"
#include "cmd/gabion/run_options.h"
#include "cmd/gabion/security.h"
#include "cmd/gabion/volume.h"
#include "image/client.h"
#include "image/helper.h"
#include "wall/seccomp/option.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/write.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* clang-format off */
static const char base_mounts[] =
"[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"ro\",\"nosuid\",\"noexec\",\"nodev\"]},"
"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}]";

static const char base_device_rules[] =
"[{\"allow\":false,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":5,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":9,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":8,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":5,\"minor\":0,\"access\":\"rwm\"},"
"{\"allow\":true,\"type\":\"c\",\"major\":5,\"minor\":1,\"access\":\"rwm\"},"
"{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rwm\"}]";
/* clang-format on */

static const char *const masked_paths[] = {
	"/proc/acpi",	       "/proc/asound",	    "/proc/interrupts",
	"/proc/kcore",	       "/proc/keys",	    "/proc/latency_stats",
	"/proc/sched_debug",   "/proc/scsi",	    "/proc/timer_list",
	"/proc/timer_stats",   "/sys/firmware",	    "/sys/devices/virtual/powercap",
	"/sys/fs/selinux",     NULL,
};
static const char *const readonly_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					      "/proc/sysrq-trigger", NULL };

/* --- environment --------------------------------------------------------------------------- */

/* A variable that is set again keeps its place and gets the new value. */
static void env_set(struct json_object *env, const char *assignment)
{
	size_t length = strcspn(assignment, "=");

	for (size_t i = 0; i < doc_count(env); i++) {
		const char *there = json_object_get_string(json_object_array_get_idx(env, i));

		if (strncmp(there, assignment, length) != 0 || there[length] != '=')
			continue;
		(void)json_object_array_put_idx(env, i, json_object_new_string(assignment));
		return;
	}
	doc_text(env, NULL, assignment);
}

/* NAME=VALUE as it is; NAME alone takes our own value, or is left out when we have none. */
static int env_add(struct app *app, struct json_object *env, const char *word, struct err *e)
{
	const char *value;

	if (!word[0] || word[0] == '=')
		return err_set(e, EINVAL, "invalid environment variable: '%s'", word);
	if (strchr(word, '=')) {
		env_set(env, word);
		return 0;
	}
	value = getenv(word);
	if (value)
		env_set(env, arena_printf(&app->arena, "%s=%s", word, value));
	return 0;
}

static int env_file_add(struct app *app, struct json_object *env, const char *path, struct err *e)
{
	own_file FILE *file = fopen(path, "re");
	own_mem char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	if (!file)
		return err_sys(e, "open %s", path);
	while ((length = getline(&line, &capacity, file)) >= 0) {
		char *start = line + strspn(line, " \t");
		int r;

		if (length && line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (!*start || *start == '#')
			continue;
		if (strcspn(start, " \t") < strcspn(start, "="))
			return err_set(e, EINVAL,
				       "%s: poorly formatted environment: variable '%s' contains "
				       "whitespaces",
				       path, start);
		r = env_add(app, env, start, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int env_compose(struct app *app, const struct compose *from, const char *hostname,
		       struct json_object *env, struct err *e)
{
	const struct run_options *options = from->options;
	int r = 0;

	doc_text(env, NULL, PATH_DEFAULT);
	doc_text(env, NULL, arena_printf(&app->arena, "HOSTNAME=%s", hostname));
	if (options->tty)
		doc_text(env, NULL, "TERM=xterm");
	for (const char *const *v = from->image ? from->image->config.env : NULL; v && *v; v++)
		env_set(env, *v);
	for (uint32_t i = 0; r == 0 && i < options->env_file.count; i++)
		r = env_file_add(app, env, options->env_file.items[i], e);
	for (uint32_t i = 0; r == 0 && i < options->env.count; i++)
		r = env_add(app, env, options->env.items[i], e);
	return r;
}

/* --- the process --------------------------------------------------------------------------- */

static int args_compose(const struct compose *from, struct json_object *args, struct err *e)
{
	const struct image_config *image = from->image ? &from->image->config : NULL;
	const char *entrypoint = from->options->entrypoint;

	if (from->options->init) {
		doc_text(args, NULL, "/dev/gabion-init");
		doc_text(args, NULL, "--");
	}
	if (entrypoint && entrypoint[0])
		doc_text(args, NULL, entrypoint);
	for (const char *const *a = image && !entrypoint ? image->entrypoint : NULL; a && *a; a++)
		doc_text(args, NULL, *a);
	for (int i = 0; i < from->word_count; i++)
		doc_text(args, NULL, from->words[i]);
	for (const char *const *a = image && !entrypoint && !from->word_count ? image->cmd : NULL;
	     a && *a; a++)
		doc_text(args, NULL, *a);
	if (doc_count(args) == (from->options->init ? 2 : 0))
		return err_set(e, EINVAL, "no command specified");
	return 0;
}

static int ulimits_compose(const struct run_options *options, struct json_object *process,
			   struct err *e)
{
	struct json_object *list = options->ulimits.count ? doc_array(process, "rlimits") : NULL;

	for (uint32_t i = 0; i < options->ulimits.count; i++) {
		const char *word = options->ulimits.items[i];
		char name[32] = "RLIMIT_";
		long long value[2];
		struct json_object *limit;
		const char *at = strchr(word, '=');
		size_t length = at ? (size_t)(at - word) : 0;

		if (!at || !length || length > 16)
			return err_set(e, EINVAL, "invalid ulimit argument: %s", word);
		for (size_t k = 0; k < length; k++)
			name[7 + k] = (char)toupper((unsigned char)word[k]);
		for (int k = 0; k < 2; k++) {
			char *end;

			errno = 0;
			at += at[0] == '=' || at[0] == ':';
			value[k] = strncmp(at, "unlimited", 9) ? strtoll(at, &end, 10) :
								 (end = (char *)(uintptr_t)at + 9, -1);
			if (errno || end == at || (*end && *end != ':') || value[k] < -1)
				return err_set(e, EINVAL, "invalid ulimit argument: %s", word);
			if (!*end && k == 0)
				value[1] = value[0];
			at = end;
			if (!*end)
				break;
		}
		limit = doc_object(list, NULL);
		doc_text(limit, "type", name);
		doc_value(limit, "soft", json_object_new_uint64((uint64_t)value[0]));
		doc_value(limit, "hard", json_object_new_uint64((uint64_t)value[1]));
	}
	return 0;
}

static void caps_compose(uint64_t caps, struct json_object *process)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	struct json_object *all = doc_object(process, "capabilities");

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct json_object *set = doc_array(all, sets[i]);

		for (unsigned cap = 0; spec_cap_name(cap); cap++)
			if (caps & UINT64_C(1) << cap)
				doc_text(set, NULL, spec_cap_name(cap));
	}
}

static int process_compose(struct app *app, const struct compose *from, const char *hostname,
			   struct json_object *config, struct err *e)
{
	const struct run_options *options = from->options;
	struct json_object *process = doc_object(config, "process");
	const char *cwd = options->workdir;
	int r;

	if (!cwd)
		cwd = from->image && from->image->config.working_dir ?
			      from->image->config.working_dir :
			      "/";
	doc_flag(process, "terminal", options->tty);
	doc_text(process, "cwd", cwd);
	r = args_compose(from, doc_array(process, "args"), e);
	if (r == 0)
		r = env_compose(app, from, hostname, doc_array(process, "env"), e);
	if (r == 0)
		r = ulimits_compose(options, process, e);
	if (r < 0)
		return r;
	caps_compose(from->security->caps, process);
	doc_flag(process, "noNewPrivileges", from->security->no_new_privs);
	if (options->oom_score_adj.is_given)
		doc_number(process, "oomScoreAdj", options->oom_score_adj.value);
	if (from->security->apparmor && strcmp(from->security->apparmor, "unconfined") != 0)
		doc_text(process, "apparmorProfile", from->security->apparmor);
	return 0;
}

/* --- rooms --------------------------------------------------------------------------------- */

/* "private", "host", "container:NAME" or a path, as --pid and its like take it */
static int ns_compose(struct app *app, struct json_object *list, const char *type, const char *file,
		      const char *mode, struct err *e)
{
	struct json_object *ns;
	own_box struct box other = BOX_NONE;
	pid_t pid;
	int r;

	if (mode && strcmp(mode, "host") == 0)
		return 0;
	ns = doc_object(list, NULL);
	doc_text(ns, "type", type);
	if (!mode || !mode[0] || strcmp(mode, "private") == 0 || strcmp(mode, "none") == 0 ||
	    strcmp(mode, "shareable") == 0 || strcmp(mode, "default") == 0)
		return 0;
	if (strncmp(mode, "ns:/", 4) == 0) {
		doc_text(ns, "path", mode + 3);
		return 0;
	}
	if (strncmp(mode, "container:", 10) != 0)
		return err_set(e, EINVAL, "invalid %s mode '%s'; there are private, host, "
					  "container:NAME and ns:PATH",
			       type, mode);
	r = box_find(app, mode + 10, &other, e);
	if (r < 0)
		return r;
	pid = box_pid(app, &other);
	if (!pid)
		return err_set(e, ESRCH, "cannot join the %s namespace of a container that does not "
					 "run: %s",
			       type, mode + 10);
	doc_text(ns, "path", arena_printf(&app->arena, "/proc/%d/ns/%s", pid, file));
	return 0;
}

static int namespaces_compose(struct app *app, const struct run_options *options,
			      struct json_object *os, struct err *e)
{
	struct json_object *list = doc_array(os, "namespaces");
	const char *network = options->network;
	int r;

	if (network && (strcmp(network, "bridge") == 0 || strcmp(network, "pasta") == 0))
		network = "private";
	if (options->userns && strcmp(options->userns, "host") != 0 && options->userns[0])
		return err_set(e, EOPNOTSUPP, "--userns=%s: only host is supported", options->userns);
	(void)ns_compose(app, list, "mount", "mnt", NULL, e);
	r = ns_compose(app, list, "pid", "pid", options->pid, e);
	if (r == 0)
		r = ns_compose(app, list, "ipc", "ipc", options->ipc, e);
	if (r == 0)
		r = ns_compose(app, list, "uts", "uts", options->uts, e);
	if (r == 0)
		r = ns_compose(app, list, "cgroup", "cgroup", options->cgroupns, e);
	if (r == 0)
		r = ns_compose(app, list, "network", "net", network, e);
	return r;
}

static bool is_word(const char *value, const char *word)
{
	return value && strcmp(value, word) == 0;
}

/* --- mounts -------------------------------------------------------------------------------- */

static int depth_compare(const void *left, const void *right)
{
	const char *a = doc_text_at(*(struct json_object *const *)left, "destination", "");
	const char *b = doc_text_at(*(struct json_object *const *)right, "destination", "");
	int depth = 0;

	for (const char *c = a; *c; c++)
		depth += *c == '/';
	for (const char *c = b; *c; c++)
		depth -= *c == '/';
	return depth ? depth : strcmp(a, b);
}

static bool has_destination(struct json_object *mounts, const char *destination)
{
	for (size_t i = 0; i < doc_count(mounts); i++)
		if (strcmp(doc_text_at(json_object_array_get_idx(mounts, i), "destination", ""),
			   destination) == 0)
			return true;
	return false;
}

static void bind_add(struct json_object *mounts, const char *source, const char *destination,
		     bool is_readonly)
{
	struct json_object *mount = doc_object(mounts, NULL), *options;

	doc_text(mount, "destination", destination);
	doc_text(mount, "type", "bind");
	doc_text(mount, "source", source);
	options = doc_array(mount, "options");
	doc_text(options, NULL, "rbind");
	doc_text(options, NULL, "rprivate");
	if (is_readonly)
		doc_text(options, NULL, "ro");
}

static void shm_add(struct app *app, const struct run_options *options, struct json_object *mounts)
{
	struct json_object *mount, *list;

	if (is_word(options->ipc, "host")) {
		bind_add(mounts, "/dev/shm", "/dev/shm", false);
		return;
	}
	if (is_word(options->ipc, "none"))
		return;
	mount = doc_object(mounts, NULL);
	doc_text(mount, "destination", "/dev/shm");
	doc_text(mount, "type", "tmpfs");
	doc_text(mount, "source", "shm");
	list = doc_texts(mount, "options",
			 (const char *const[]){ "nosuid", "noexec", "nodev", "mode=1777", NULL });
	doc_text(list, NULL,
		 arena_printf(&app->arena, "size=%lld",
			      (long long)(options->shm_size.is_given ? options->shm_size.value :
								       64 << 20)));
}

/* What privilege and security options change about the mounts that are always there. */
static void base_mounts_adapt(const struct compose *from, struct json_object *mounts)
{
	for (size_t i = 0; i < doc_count(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		struct json_object *options = doc_at(mount, "options");
		const char *to = doc_text_at(mount, "destination", "");
		bool is_open = strcmp(to, "/sys/fs/cgroup") == 0 ?
				       from->security->writable_cgroups :
				       strcmp(to, "/sys") == 0 && from->security->is_privileged;

		for (size_t k = 0; is_open && k < doc_count(options); k++)
			if (is_word(json_object_get_string(json_object_array_get_idx(options, k)), "ro"))
				(void)json_object_array_put_idx(options, k,
								json_object_new_string("rw"));
		if (strcmp(to, "/proc") == 0 && from->security->proc_opts)
			for (const char *at = from->security->proc_opts; *at;) {
				size_t length = strcspn(at, ",");

				doc_value(options, NULL, json_object_new_string_len(at, (int)length));
				at += length + (at[length] == ',');
			}
	}
}

static int mounts_compose(struct app *app, struct box *box, const struct compose *from,
			  struct json_object *config, struct json_object *shown, struct err *e)
{
	struct json_object *mounts = doc_array(config, "mounts");
	own_json struct json_object *base = doc_parse(base_mounts), *user = json_object_new_array();
	static const char *const files[] = { "resolv.conf", "hostname", "hosts" };
	int r;

	r = volumes_add(app, from->options, user, shown, e);
	if (r < 0)
		return r;
	json_object_array_sort(user, depth_compare);
	base_mounts_adapt(from, base);
	shm_add(app, from->options, base);
	for (size_t i = 0; i < doc_count(base); i++) {
		struct json_object *mount = json_object_array_get_idx(base, i);

		if (!has_destination(user, doc_text_at(mount, "destination", "")))
			doc_value(mounts, NULL, json_object_get(mount));
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *to = arena_printf(&app->arena, "/etc/%s", files[i]);

		if (to && !has_destination(user, to))
			bind_add(mounts, box_path(app, box, files[i]), to, false);
	}
	if (from->options->init) {
		own_mem char *init = NULL;

		r = helper_path("gabion-init", &init, e);
		if (r < 0)
			return err_wrap(e, r, "--init");
		bind_add(mounts, init, "/dev/gabion-init", true);
	}
	for (size_t i = 0; i < doc_count(user); i++)
		doc_value(mounts, NULL, json_object_get(json_object_array_get_idx(user, i)));
	return 0;
}

/* --- devices ------------------------------------------------------------------------------- */

static void rule_add(struct json_object *rules, char type, int64_t major, int64_t minor,
		     const char *access)
{
	struct json_object *rule = doc_object(rules, NULL);

	doc_flag(rule, "allow", true);
	doc_text(rule, "type", (char[]){ type, '\0' });
	if (major >= 0)
		doc_number(rule, "major", major);
	if (minor >= 0)
		doc_number(rule, "minor", minor);
	doc_text(rule, "access", access);
}

static void device_write(struct json_object *devices, const char *path, const struct stat *st)
{
	struct json_object *device = doc_object(devices, NULL);

	doc_text(device, "path", path);
	doc_text(device, "type", S_ISBLK(st->st_mode) ? "b" : "c");
	doc_number(device, "major", major(st->st_rdev));
	doc_number(device, "minor", minor(st->st_rdev));
	doc_number(device, "fileMode", st->st_mode & 07777);
	doc_number(device, "uid", st->st_uid);
	doc_number(device, "gid", st->st_gid);
}

/* HOST[:PATH[:rwm]] or HOST:rwm */
static int device_add(struct app *app, const char *word, struct json_object *devices,
		      struct json_object *rules, struct err *e)
{
	char *rest = arena_strdup(&app->arena, word);
	const char *host = strsep(&rest, ":"), *path = rest ? strsep(&rest, ":") : NULL;
	const char *access = rest;
	struct stat st;

	if (path && !access && path[0] != '/') {
		access = path;
		path = NULL;
	}
	access = access ? access : "rwm";
	path = path && path[0] ? path : host;
	if (!access[0] || strspn(access, "rwm") != strlen(access))
		return err_set(e, EINVAL, "--device %s: '%s' is no access; expected letters of 'rwm'",
			       word, access);
	if (path[0] != '/')
		return err_set(e, EINVAL, "--device %s: '%s' is not an absolute path", word, path);
	if (stat(host, &st) < 0)
		return err_sys(e, "--device %s: '%s'", word, host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "--device %s: '%s' is not a device", word, host);
	device_write(devices, path, &st);
	rule_add(rules, S_ISBLK(st.st_mode) ? 'b' : 'c', major(st.st_rdev), minor(st.st_rdev), access);
	return 0;
}

/* --device-cgroup-rule 'c 1:3 rwm' */
static int rule_parse(const char *word, struct json_object *rules, struct err *e)
{
	char type, access[8], major_text[16], minor_text[16];
	int64_t numbers[2] = { -1, -1 };

	if (sscanf(word, "%c %15[0-9*]:%15[0-9*] %7[rwm]", &type, major_text, minor_text, access) != 4 ||
	    !strchr("abc", type) ||
	    (strcmp(major_text, "*") != 0 && option_number_read(major_text, &numbers[0]) < 0) ||
	    (strcmp(minor_text, "*") != 0 && option_number_read(minor_text, &numbers[1]) < 0))
		return err_set(e, EINVAL, "invalid device cgroup rule '%s'; expected 'c 1:3 rwm'", word);
	rule_add(rules, type, numbers[0], numbers[1], access);
	return 0;
}

/* --privileged shows all devices of the host but those that belong to a container's own /dev. */
static void devices_of_host(struct app *app, const char *dir_path, unsigned depth,
			    struct json_object *devices)
{
	static const char *const own[] = { "pts",    "shm",  "mqueue", "fd",	 "console", "ptmx",
					   "null",   "zero", "full",   "random", "urandom", "tty" };
	own_dir DIR *dir = opendir(dir_path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *path = arena_printf(&app->arena, "%s/%s", dir_path, entry->d_name);
		bool is_own = entry->d_name[0] == '.';
		struct stat st;

		for (size_t i = 0; depth == 0 && i < sizeof(own) / sizeof(own[0]); i++)
			is_own |= strcmp(entry->d_name, own[i]) == 0;
		if (is_own || !path || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < 4)
			devices_of_host(app, path, depth + 1, devices);
		else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			device_write(devices, path, &st);
	}
}

static int devices_compose(struct app *app, const struct compose *from, struct json_object *os,
			   struct json_object *resources, struct err *e)
{
	struct json_object *devices = doc_array(os, "devices"), *rules;
	int r = 0;

	if (from->security->is_privileged) {
		rules = doc_array(resources, "devices");
		rule_add(rules, 'a', -1, -1, "rwm");
		devices_of_host(app, "/dev", 0, devices);
		return 0;
	}
	rules = doc_parse(base_device_rules);
	doc_value(resources, "devices", rules);
	for (uint32_t i = 0; r == 0 && i < from->options->devices.count; i++)
		r = device_add(app, from->options->devices.items[i], devices, rules, e);
	for (uint32_t i = 0; r == 0 && i < from->options->device_rules.count; i++)
		r = rule_parse(from->options->device_rules.items[i], rules, e);
	return r;
}

/* --- resources ----------------------------------------------------------------------------- */

static void number_given(struct json_object *in, const char *key, const struct option_number *number)
{
	if (number->is_given)
		doc_number(in, key, number->value);
}

static int memory_compose(const struct run_options *options, struct json_object *resources,
			  struct err *e)
{
	struct json_object *memory = doc_object(resources, "memory");
	int64_t limit = options->memory.value;

	if (options->memory.is_given && limit != -1 && limit < 6 << 20)
		return err_set(e, EINVAL, "minimum memory limit allowed is 6MB");
	if (options->memory_swap.is_given && !options->memory.is_given)
		return err_set(e, EINVAL, "--memory-swap needs --memory");
	if (options->memory_swap.is_given && options->memory_swap.value != -1 &&
	    options->memory_swap.value < limit)
		return err_set(e, EINVAL, "--memory-swap must not be below --memory, it includes it");
	number_given(memory, "limit", &options->memory);
	number_given(memory, "reservation", &options->memory_reservation);
	number_given(memory, "swappiness", &options->memory_swappiness);
	if (options->memory_swap.is_given)
		doc_number(memory, "swap", options->memory_swap.value);
	else if (options->memory.is_given && limit > 0) /* as Docker: as much again */
		doc_number(memory, "swap", limit < INT64_MAX / 2 ? 2 * limit : limit);
	if (options->oom_kill_disable)
		doc_flag(memory, "disableOOMKiller", true);
	return 0;
}

static int cpu_compose(const struct run_options *options, struct json_object *resources,
		       struct err *e)
{
	struct json_object *cpu = doc_object(resources, "cpu");

	number_given(cpu, "shares", &options->cpu_shares);
	number_given(cpu, "quota", &options->cpu_quota);
	number_given(cpu, "period", &options->cpu_period);
	if (options->cpus) {
		char *end;
		double count = strtod(options->cpus, &end);

		if (*end || end == options->cpus || !isfinite(count) || count <= 0 || count > 4096)
			return err_set(e, EINVAL, "--cpus %s: expected a number such as 1.5",
				       options->cpus);
		if (options->cpu_quota.is_given || options->cpu_period.is_given)
			return err_set(e, EINVAL, "conflicting options: --cpus and --cpu-quota or "
						  "--cpu-period");
		doc_number(cpu, "quota", (int64_t)(count * 100000));
		doc_number(cpu, "period", 100000);
	}
	if (options->cpuset_cpus)
		doc_text(cpu, "cpus", options->cpuset_cpus);
	if (options->cpuset_mems)
		doc_text(cpu, "mems", options->cpuset_mems);
	return 0;
}

static int resources_compose(struct app *app, const struct compose *from, struct json_object *os,
			     struct err *e)
{
	const struct run_options *options = from->options;
	struct json_object *resources = doc_object(os, "resources");
	int r;

	r = devices_compose(app, from, os, resources, e);
	if (r == 0)
		r = memory_compose(options, resources, e);
	if (r == 0)
		r = cpu_compose(options, resources, e);
	if (r < 0)
		return r;
	if (options->pids_limit.is_given)
		doc_number(doc_object(resources, "pids"), "limit",
			   options->pids_limit.value > 0 ? options->pids_limit.value : -1);
	if (options->blkio_weight.is_given)
		doc_number(doc_object(resources, "blockIO"), "weight", options->blkio_weight.value);
	return 0;
}

/* --- walls --------------------------------------------------------------------------------- */

/* KEY=VALUE pairs into an object */
static int pairs_add(struct app *app, const struct option_list *list, const char *option,
		     struct json_object *into, struct err *e)
{
	for (uint32_t i = 0; i < list->count; i++) {
		char *key = arena_strdup(&app->arena, list->items[i]), *value;

		if (!key)
			return err_oom(e);
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		if (!key[0] || (!value && strcmp(option, "--label") != 0))
			return err_set(e, EINVAL, "%s %s: expected KEY=VALUE", option, list->items[i]);
		doc_text(into, key, value ? value : "");
	}
	return 0;
}

static bool path_is_in(const char *list, const char *path)
{
	size_t length = strlen(path);

	for (const char *at = list; at && *at; at += strcspn(at, ":"), at += *at == ':')
		if (strcspn(at, ":") == length && strncmp(at, path, length) == 0)
			return true;
	return false;
}

static void paths_compose(const struct security *security, struct json_object *os)
{
	struct json_object *masked = doc_array(os, "maskedPaths");
	struct json_object *readonly = doc_array(os, "readonlyPaths");

	for (const char *const *p = masked_paths; !security->show_system_paths && *p; p++)
		if (!path_is_in(security->unmask, *p))
			doc_text(masked, NULL, *p);
	for (const char *const *p = readonly_paths; !security->show_system_paths && *p; p++)
		if (!path_is_in(security->unmask, *p))
			doc_text(readonly, NULL, *p);
	for (const char *at = security->mask; at && *at;) {
		size_t length = strcspn(at, ":");

		if (length)
			doc_value(masked, NULL, json_object_new_string_len(at, (int)length));
		at += length + (at[length] == ':');
	}
}

/* What includes and excludes of a profile depend on. */
static int seccomp_facts_fill(struct app *app, uint64_t caps, struct seccomp_facts *facts,
			      struct err *e)
{
	const char **names = arena_new_array(&app->arena, const char *, 65);
	struct utsname name;

	if (!names)
		return err_oom(e);
	*facts = (struct seccomp_facts){ .arch = seccomp_arch_native(), .caps = names };
	if (uname(&name) == 0)
		(void)sscanf(name.release, "%u.%u", &facts->kernel_major, &facts->kernel_minor);
	for (unsigned cap = 0; spec_cap_name(cap); cap++)
		if (caps & UINT64_C(1) << cap)
			names[facts->cap_count++] = spec_cap_name(cap);
	return 0;
}

static int seccomp_compose(struct app *app, const struct security *security, struct json_object *os,
			   struct err *e)
{
	struct json_object *document = NULL;
	struct seccomp_profile profile;
	struct seccomp_facts facts;
	own_text struct text text = { 0 };
	bool is_confined;
	int r;

	if (security->is_privileged && !security->seccomp)
		return 0;
	r = seccomp_facts_fill(app, security->caps, &facts, e);
	if (r == 0)
		r = seccomp_option_read(security->seccomp, &facts, &app->arena, &profile, &is_confined,
					e);
	if (r < 0)
		return err_wrap(e, r, "--security-opt seccomp");
	if (!is_confined)
		return 0;
	seccomp_write(&profile, &text);
	if (!text_ok(&text))
		return err_oom(e);
	r = json_parse(text_str(&text), text.length, "seccomp profile", &document, e);
	if (r < 0)
		return r;
	doc_value(os, "seccomp", document);
	return 0;
}

static int linux_compose(struct app *app, struct box *box, const struct compose *from,
			 struct json_object *config, struct err *e)
{
	const struct run_options *options = from->options;
	struct json_object *os = doc_object(config, "linux"), *sysctl = doc_object(os, "sysctl");
	bool is_host_net = is_word(options->network, "host") ||
			   (options->network && strchr(options->network, ':'));
	int r;

	if (!is_host_net && !from->security->is_privileged) {
		doc_text(sysctl, "net.ipv4.ip_unprivileged_port_start", "0");
		doc_text(sysctl, "net.ipv4.ping_group_range", "0 2147483647");
	}
	r = pairs_add(app, &options->sysctls, "--sysctl", sysctl, e);
	if (r == 0)
		r = namespaces_compose(app, options, os, e);
	if (r == 0)
		r = resources_compose(app, from, os, e);
	if (r == 0)
		r = seccomp_compose(app, from->security, os, e);
	if (r < 0)
		return r;
	paths_compose(from->security, os);
	doc_text(os, "cgroupsPath",
		 arena_printf(&app->arena, "%s/%s",
			      options->cgroup_parent ? options->cgroup_parent : "/gabion", box->id));
	doc_text(os, "rootfsPropagation", "rprivate");
	return 0;
}

/* --- what inspect shows -------------------------------------------------------------------- */

static void list_show(struct json_object *in, const char *key, const struct option_list *list)
{
	(void)doc_texts(in, key, list->items);
}

static void host_config_show(const struct compose *from, struct json_object *meta)
{
	const struct run_options *options = from->options;
	struct json_object *host = doc_object(meta, "HostConfig");

	list_show(host, "Binds", &options->volumes);
	list_show(host, "CapAdd", &options->cap_add);
	list_show(host, "CapDrop", &options->cap_drop);
	list_show(host, "SecurityOpt", &options->security);
	doc_flag(host, "Privileged", options->privileged);
	doc_flag(host, "ReadonlyRootfs", options->read_only);
	doc_flag(host, "AutoRemove", options->rm);
	doc_text(host, "NetworkMode", options->network ? options->network : "private");
	doc_text(host, "PidMode", options->pid ? options->pid : "");
	doc_text(host, "IpcMode", options->ipc ? options->ipc : "private");
	doc_text(host, "UTSMode", options->uts ? options->uts : "");
	doc_text(host, "UsernsMode", options->userns ? options->userns : "");
	doc_text(host, "CgroupnsMode", options->cgroupns ? options->cgroupns : "private");
	doc_text(host, "CgroupParent", options->cgroup_parent ? options->cgroup_parent : "");
	doc_text(host, "Runtime", "gabion-oci");
	doc_number(host, "Memory", options->memory.value);
	doc_number(host, "MemorySwap", options->memory_swap.value);
	doc_number(host, "PidsLimit", options->pids_limit.value);
	doc_number(host, "CpuShares", options->cpu_shares.value);
	doc_flag(host, "Init", options->init);
	list_show(host, "Ulimits", &options->ulimits);
	list_show(host, "Sysctls", &options->sysctls);
	list_show(host, "Devices", &options->devices);
	list_show(host, "ExtraHosts", &options->add_hosts);
	doc_text(doc_object(host, "RestartPolicy"), "Name", "no");
	doc_text(doc_object(host, "LogConfig"), "Type",
		 options->log_driver ? options->log_driver : "json-file");
}

static int meta_compose(struct app *app, struct box *box, const struct compose *from,
			const char *hostname, struct json_object *config, struct json_object *shown,
			struct err *e)
{
	const struct run_options *options = from->options;
	struct json_object *meta = box->meta, *args = doc_at(config, "process.args"), *list, *own;
	char now[40];
	int r;

	time_now(now);
	doc_text(meta, "Id", box->id);
	doc_text(meta, "Name", arena_printf(&app->arena, "/%s", from->name));
	doc_text(meta, "Created", now);
	doc_text(meta, "Path", json_object_get_string(json_object_array_get_idx(args, 0)));
	list = doc_array(meta, "Args");
	for (size_t i = 1; i < doc_count(args); i++)
		doc_value(list, NULL, json_object_get(json_object_array_get_idx(args, i)));
	doc_text(meta, "Image", from->image ? from->image->id : from->root_dir);
	doc_text(meta, "ResolvConfPath", box_path(app, box, "resolv.conf"));
	doc_text(meta, "HostnamePath", box_path(app, box, "hostname"));
	doc_text(meta, "HostsPath", box_path(app, box, "hosts"));
	doc_text(meta, "LogPath", box_path(app, box, "container.log"));
	doc_text(meta, "Driver", from->image ? "overlay" : "directory");
	doc_text(meta, "Platform", "linux");
	doc_text(meta, "MountLabel", "");
	doc_text(meta, "ProcessLabel", "");
	doc_text(meta, "AppArmorProfile",
		 from->security->apparmor ? from->security->apparmor : "");
	doc_text(meta, "OCIConfigPath", box_path(app, box, "config.json"));
	host_config_show(from, meta);
	doc_value(doc_at(meta, "HostConfig"), "MaskedPaths",
		  json_object_get(doc_at(config, "linux.maskedPaths")));
	doc_value(doc_at(meta, "HostConfig"), "ReadonlyPaths",
		  json_object_get(doc_at(config, "linux.readonlyPaths")));
	doc_value(meta, "EffectiveCaps",
		  json_object_get(doc_at(config, "process.capabilities.effective")));
	doc_value(meta, "BoundingCaps",
		  json_object_get(doc_at(config, "process.capabilities.bounding")));
	doc_value(meta, "Mounts", json_object_get(shown));

	own = doc_object(meta, "Config");
	doc_text(own, "Hostname", hostname);
	doc_text(own, "Domainname", options->domainname ? options->domainname : "");
	doc_text(own, "User", options->user ? options->user :
			      from->image && from->image->config.user ? from->image->config.user : "");
	doc_flag(own, "Tty", options->tty);
	doc_flag(own, "OpenStdin", options->interactive);
	doc_value(own, "Env", json_object_get(doc_at(config, "process.env")));
	doc_text(own, "Image", from->image_word);
	doc_text(own, "WorkingDir", doc_text_at(config, "process.cwd", "/"));
	doc_text(own, "StopSignal",
		 options->stop_signal				       ? options->stop_signal :
		 from->image && from->image->config.stop_signal ? from->image->config.stop_signal :
								  "SIGTERM");
	doc_number(own, "StopTimeout",
		   options->stop_timeout.is_given ? options->stop_timeout.value : 10);
	own = doc_object(own, "Labels");
	for (const char *const *l = from->image ? from->image->config.labels : NULL; l && *l; l++) {
		size_t length = strcspn(*l, "=");

		doc_text(own, arena_strndup(&app->arena, *l, length), *l + length + ((*l)[length] == '='));
	}
	r = pairs_add(app, &options->labels, "--label", own, e);
	if (r < 0)
		return r;

	own = doc_object(meta, "Gabion"); /* what only we know */
	(void)doc_texts(own, "Layers", from->image ? from->image->layers : NULL);
	doc_flag(own, "UserXattr", from->image && from->image->wants_userxattr);
	doc_text(own, "RootDir", from->root_dir);
	list_show(own, "Groups", &options->groups);
	list = doc_array(own, "WallsTakenAway");
	for (unsigned i = 0; i < from->security->lost_count; i++)
		doc_text(list, NULL, from->security->lost[i]);
	return 0;
}

/* --- all ----------------------------------------------------------------------------------- */

static int hostname_choose(struct app *app, const struct box *box, const struct run_options *options,
			   const char **ret_name, struct err *e)
{
	char name[256] = "";

	if (is_word(options->uts, "host") || is_word(options->network, "host")) {
		if (options->hostname && is_word(options->uts, "host"))
			return err_set(e, EINVAL, "conflicting options: --hostname and --uts=host");
		(void)gethostname(name, sizeof(name) - 1);
	} else {
		(void)snprintf(name, sizeof(name), "%.12s", box->id);
	}
	*ret_name = options->hostname ? options->hostname : arena_strdup(&app->arena, name);
	return *ret_name ? 0 : err_oom(e);
}

int compose(struct app *app, struct box *box, const struct compose *from,
	    struct json_object **ret_config, struct err *e)
{
	own_json struct json_object *config = doc_new(), *shown = json_object_new_array();
	const struct run_options *options = from->options;
	struct json_object *root;
	const char *hostname;
	int r;

	if (!shown)
		return err_oom(e);
	r = hostname_choose(app, box, options, &hostname, e);
	if (r < 0)
		return r;
	doc_text(config, "ociVersion", RUNTIME_SPEC_VERSION);
	root = doc_object(config, "root");
	doc_text(root, "path", from->root_dir ? from->root_dir : "merged");
	doc_flag(root, "readonly", options->read_only);
	if (!is_word(options->uts, "host")) {
		doc_text(config, "hostname", hostname);
		if (options->domainname)
			doc_text(config, "domainname", options->domainname);
	}
	r = process_compose(app, from, hostname, config, e);
	if (r == 0)
		r = mounts_compose(app, box, from, config, shown, e);
	if (r == 0)
		r = linux_compose(app, box, from, config, e);
	if (r == 0)
		r = pairs_add(app, &options->annotations, "--annotation",
			      doc_object(config, "annotations"), e);
	if (r < 0)
		return r;
	own_json_drop(&box->meta);
	box->meta = doc_new();
	r = meta_compose(app, box, from, hostname, config, shown, e);
	if (r == 0)
		r = network_compose(app, box, options, hostname, config, e);
	if (r < 0)
		return r;
	*ret_config = take_ptr(config);
	return 0;
}
