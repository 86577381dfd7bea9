/*
 * gabion walls: what a container asked for and what the kernel says is in force; without a name,
 * what this host can put up at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/security.h"
#include "cmd/gabion/table.h"

#define STATUS_BYTES_MAX 16384

struct view {
	pid_t pid;
	char status[STATUS_BYTES_MAX]; /* /proc/PID/status */
	struct json_object *config;
	struct json_object *meta;
	struct table table;
};

static ssize_t proc_read(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	own_fd int fd = -EBADF;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, out, size - 1);
	out[got > 0 ? got : 0] = '\0';
	return got;
}

static unsigned long long status_number(const struct view *view, const char *key, int base)
{
	const char *at = strstr(view->status, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

static void row(struct view *view, const char *wall, const char *asked, const char *in_force)
{
	table_cell(&view->table, "%s", wall);
	table_cell(&view->table, "%s", asked);
	table_cell(&view->table, "%s", in_force);
}

static void seccomp_row(struct view *view)
{
	static const char *const modes[] = { "none", "strict" };
	unsigned long long mode = status_number(view, "\nSeccomp:\t", 10);
	unsigned long long filters = status_number(view, "\nSeccomp_filters:\t", 10);
	char text[64], asked[64];
	struct json_object *profile = doc_at(view->config, "linux.seccomp");
	size_t rules = doc_count(doc_at(profile, "syscalls"));

	if (mode == 2)
		(void)snprintf(text, sizeof(text), "filter (%llu)", filters);
	else
		(void)snprintf(text, sizeof(text), "%s", mode < 2 ? modes[mode] : "?");
	if (profile)
		(void)snprintf(asked, sizeof(asked), "profile of %zu rules", rules);
	row(view, "seccomp", profile ? asked : "unconfined", text);
}

static unsigned caps_count(unsigned long long caps)
{
	return (unsigned)__builtin_popcountll(caps);
}

static void caps_rows(struct view *view)
{
	size_t asked_count = doc_count(doc_at(view->config, "process.capabilities.bounding"));
	unsigned long long bounding = status_number(view, "\nCapBnd:\t", 16);
	unsigned long long effective = status_number(view, "\nCapEff:\t", 16);
	char asked[64], text[96];

	(void)snprintf(asked, sizeof(asked), "%zu", asked_count);
	(void)snprintf(text, sizeof(text), "%u bounding, %u effective (%016llx)", caps_count(bounding),
		       caps_count(effective), effective);
	row(view, "capabilities", asked, text);
	row(view, "no-new-privileges",
	    doc_flag_at(view->config, "process.noNewPrivileges") ? "yes" : "no",
	    status_number(view, "\nNoNewPrivs:\t", 10) ? "yes" : "no");
}

static void label_row(struct view *view)
{
	struct kernel_walls kernel;
	char label[512] = "";
	const char *asked = doc_text_at(view->config, "process.apparmorProfile", NULL);

	kernel_walls_read(&kernel);
	if (!asked)
		asked = doc_text_at(view->config, "process.selinuxLabel", "-");
	if (proc_read(view->pid, "attr/current", label, sizeof(label)) > 0)
		label[strcspn(label, "\n")] = '\0';
	row(view, kernel.has_selinux ? "selinux" : "apparmor", asked,
	    label[0] ? label :
	    kernel.has_selinux || kernel.has_apparmor ? "none" : "none: not in this kernel");
}

static void ns_rows(struct view *view)
{
	static const struct {
		const char *type, *file;
	} all[] = { { "mount", "mnt" },	  { "pid", "pid" },	  { "network", "net" },
		    { "ipc", "ipc" },	  { "uts", "uts" },	  { "cgroup", "cgroup" },
		    { "user", "user" },	  { "time", "time" } };
	struct json_object *asked = doc_at(view->config, "linux.namespaces");
	char wanted[160] = "", own[160] = "";

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char path[64], theirs[64] = "", ours[64] = "";

		for (size_t k = 0; k < doc_count(asked); k++)
			if (strcmp(doc_text_at(json_object_array_get_idx(asked, k), "type", ""),
				   all[i].type) == 0)
				(void)strcat(strcat(wanted, wanted[0] ? " " : ""), all[i].type);
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", view->pid, all[i].file);
		if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", all[i].file);
		if (readlink(path, ours, sizeof(ours) - 1) > 0 && strcmp(theirs, ours) != 0)
			(void)strcat(strcat(own, own[0] ? " " : ""), all[i].type);
	}
	row(view, "namespaces", wanted, own[0] ? own : "none");
}

static void ids_row(struct view *view)
{
	char map[256] = "", text[128];
	unsigned inside = 0, outside = 0, count = 0;
	unsigned long long uid = status_number(view, "\nUid:\t", 10);

	(void)proc_read(view->pid, "uid_map", map, sizeof(map));
	(void)sscanf(map, "%u %u %u", &inside, &outside, &count);
	(void)snprintf(text, sizeof(text), "uid %llu on the host%s", uid,
		       count == 4294967295u ? ", ids are the host's" : "");
	row(view, "user", doc_text_at(view->meta, "Config.User", ""), text);
}

/* A path is hidden when something is mounted just there. */
static size_t mounted_count(const char *mountinfo, struct json_object *paths, const char *flag)
{
	size_t count = 0;

	for (size_t i = 0; i < doc_count(paths); i++) {
		char needle[PATH_MAX + 8];
		const char *at;

		(void)snprintf(needle, sizeof(needle), " %s %s",
			       json_object_get_string(json_object_array_get_idx(paths, i)), flag);
		at = strstr(mountinfo, needle);
		count += at != NULL;
	}
	return count;
}

static void paths_rows(struct view *view)
{
	own_mem char *mountinfo = malloc(1 << 20);
	struct json_object *masked = doc_at(view->config, "linux.maskedPaths");
	struct json_object *readonly = doc_at(view->config, "linux.readonlyPaths");
	char path[64], asked[32], text[96];
	own_file FILE *file = NULL;
	size_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", view->pid);
	file = fopen(path, "re");
	if (!mountinfo || !file)
		return;
	length = fread(mountinfo, 1, (1 << 20) - 1, file);
	mountinfo[length] = '\0';
	(void)snprintf(asked, sizeof(asked), "%zu", doc_count(masked));
	(void)snprintf(text, sizeof(text), "%zu hidden (the others are not there)",
		       mounted_count(mountinfo, masked, ""));
	row(view, "masked paths", asked, text);
	(void)snprintf(asked, sizeof(asked), "%zu", doc_count(readonly));
	(void)snprintf(text, sizeof(text), "%zu read-only (the others are not there)",
		       mounted_count(mountinfo, readonly, "ro"));
	row(view, "read-only paths", asked, text);
	row(view, "read-only root", doc_flag_at(view->config, "root.readonly") ? "yes" : "no",
	    strstr(mountinfo, " / / ro") || strstr(mountinfo, " / ro,") ? "yes" : "no");
}

static void cgroup_row(struct view *view)
{
	char text[4096] = "", *rest = text, *line, *longest = NULL;

	/* on a host with version 1, each controller has a line; those that are not used say "/" */
	(void)proc_read(view->pid, "cgroup", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (strrchr(line, ':') && (!longest || strlen(strrchr(line, ':')) > strlen(longest) + 1))
			longest = strrchr(line, ':') + 1;
	row(view, "cgroup", doc_text_at(view->config, "linux.cgroupsPath", ""),
	    longest ? longest : "");
}

static int container_walls(struct app *app, const char *word, struct err *e)
{
	own_box struct box box = BOX_NONE;
	own_json struct json_object *config = NULL;
	struct view view = { .table = { .columns = 3 } };
	struct json_object *lost;
	int r;

	r = box_find(app, word, &box, e);
	if (r == 0)
		r = json_read_at(box.dir_fd, "config.json", &config, e);
	if (r < 0)
		return r;
	view.pid = box_pid(app, &box);
	view.config = config;
	view.meta = box.meta;
	if (!view.pid)
		return err_set(e, ESRCH, "container '%s' is not running: nothing is in force", word);
	if (proc_read(view.pid, "status", view.status, sizeof(view.status)) < 0)
		return err_sys(e, "read the state of container '%s'", word);
	row(&view, "WALL", "ASKED FOR", "IN FORCE");
	seccomp_row(&view);
	label_row(&view);
	caps_rows(&view);
	ids_row(&view);
	ns_rows(&view);
	paths_rows(&view);
	cgroup_row(&view);
	table_print(&view.table);
	lost = doc_at(box.meta, "Gabion.WallsTakenAway");
	for (size_t i = 0; i < doc_count(lost); i++)
		(void)printf("not up: %s\n", json_object_get_string(json_object_array_get_idx(lost, i)));
	return 0;
}

static int host_walls(void)
{
	struct kernel_walls kernel;
	struct table table = { .columns = 2 };

	kernel_walls_read(&kernel);
	table_cell(&table, "WALL");
	table_cell(&table, "THIS KERNEL");
	table_cell(&table, "seccomp");
	table_cell(&table, "%s", kernel.has_seccomp ? "yes" : "no");
	table_cell(&table, "apparmor");
	table_cell(&table, "%s", kernel.has_apparmor ? "yes" : "no");
	table_cell(&table, "selinux");
	table_cell(&table, "%s", kernel.has_selinux ? "yes" : "no");
	table_cell(&table, "bpf lsm");
	table_cell(&table, "%s", kernel.has_bpf ? "yes" : "no");
	table_cell(&table, "landlock");
	table_cell(&table, "%s", kernel.has_landlock ? "yes" : "no");
	table_print(&table);
	(void)puts("what is missing and how to get it: gabion host");
	return 0;
}

int walls_command(struct app *app, int argc, char **argv, struct err *e)
{
	if (argc > 1)
		return err_set(e, EINVAL, "walls: one container at most");
	return argc ? container_walls(app, argv[0], e) : host_walls();
}
