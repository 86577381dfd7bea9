#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"
#include "wall/record.h"

/* --- directories -------------------------------------------------------------------------- */

/* What a container is given of the controllers that its host has. */
static const char *const wanted_controllers[] = {
	"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc",
};
#define WANTED_COUNT (sizeof(wanted_controllers) / sizeof(*wanted_controllers))

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += length)
		if ((p == list || p[-1] == ' ') &&
		    (!p[length] || p[length] == ' ' || p[length] == '\n'))
			return true;
	return false;
}

/* The same hierarchy at one of the directories above: the first @length bytes of the path. */
static int place_above(struct cgroup_known *known, const struct cgroup_place *place, size_t length,
		       struct cgroup_place *ret_place, struct err *e)
{
	*ret_place = *place;
	ret_place->path = arena_strndup(&known->arena, place->path, length);
	return ret_place->path ? 0 : err_oom(e);
}

static int make_dir(struct cgroup_known *known, const struct cgroup_place *place)
{
	char name[CGROUP_NAME_BYTES];
	int fd = cgroup_at(known, place, "", name, NULL);

	if (fd < 0)
		return fd;
	return mkdirat(fd, name, 0755) < 0 ? -errno : 0;
}

/*
 * Directories above the container's. They stay: making the first cpuset of a machine, and removing
 * the last one, makes the kernel rewrite its code, which takes milliseconds. Whatever is made below
 * a cpuset that clones starts with its parent's processors.
 */
static int make_parents(struct cgroup_known *known, const struct cgroup_place *place, struct err *e)
{
	for (const char *p = place->path; (p = strchr(p + 1, '/'));) {
		struct cgroup_place above;
		int r = place_above(known, place, (size_t)(p - place->path), &above, e);

		if (r < 0)
			return r;
		r = make_dir(known, &above);
		if (r == 0 && !strcmp(place->controllers, "cpuset"))
			(void)cgroup_write_file(known, &above, "cgroup.clone_children", "1");
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

/* Somebody made it before us: fine, unless it holds processes or would stop ours. */
static int check_existing(struct cgroup_known *known, const struct cgroup_place *place,
			  struct err *e)
{
	char text[64];

	if (cgroup_read_file(known, place, "cgroup.procs", text, sizeof(text)) > 0)
		return err_set(e, EBUSY, "cgroup '%s%s' is not empty: process %.*s is in it",
			       place->mount_point, place->path, (int)strcspn(text, "\n"), text);
	if ((cgroup_read_file(known, place, "cgroup.freeze", text, sizeof(text)) > 0 &&
	     text[0] == '1') ||
	    (cgroup_read_file(known, place, "freezer.state", text, sizeof(text)) > 0 &&
	     strcmp(text, "THAWED\n") != 0))
		return err_set(e, EBUSY, "cgroup '%s%s' is frozen", place->mount_point,
			       place->path);
	return 0;
}

static bool is_no_permission(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static int make_place(const struct cgroup_plan *plan, struct cgroup_known *known,
		      struct cgroup_place *place, bool *ret_made, struct err *e)
{
	int r = make_dir(known, place);

	if (r == -ENOENT) {
		r = make_parents(known, place, e);
		if (r == 0)
			r = make_dir(known, place);
	}
	*ret_made = r == 0;
	/* systemd's scope is there already, with the helper in it */
	if (r == -EEXIST)
		return plan->unit ? 0 : check_existing(known, place, e);
	/*
	 * Without privilege a hierarchy may be out of reach. That is no fault while nothing was
	 * asked of it; a limit that would go there is refused when it is written.
	 */
	if (r < 0 && is_no_permission(r) && plan->is_rootless &&
	    (plan->may_be_absent || !place->is_v2)) {
		place->path = NULL;
		return 0;
	}
	return r < 0 ? cgroup_file_error(place, "make cgroup", "", r, e) : 0;
}

/* --- v2: controllers ---------------------------------------------------------------------- */

static void enable_at(struct cgroup_known *known, const struct cgroup_place *place,
		      const char *const *wanted, uint32_t count)
{
	own_text struct text all = { 0 };
	char one[32];

	for (uint32_t i = 0; i < count; i++)
		text_printf(&all, "%s+%s", i ? " " : "", wanted[i]);
	if (!cgroup_write_file(known, place, "cgroup.subtree_control", text_str(&all)))
		return;
	/* All or none is the kernel's rule. One that cannot be had should not cost the others. */
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(one, sizeof(one), "+%s", wanted[i]);
		(void)cgroup_write_file(known, place, "cgroup.subtree_control", one);
	}
}

/* What cannot be enabled shows when a limit is written that needs it. */
static int enable_controllers(struct cgroup_known *known, const struct cgroup_place *place,
			      struct err *e)
{
	const char *wanted[WANTED_COUNT];
	uint32_t count = 0;
	char have[512];
	int r = 0;

	if (cgroup_read_file(known, place, "cgroup.controllers", have, sizeof(have)) < 0)
		have[0] = '\0';
	for (size_t i = 0; i < WANTED_COUNT; i++)
		if (has_word(known->places.cgroup2_controllers, wanted_controllers[i]) &&
		    !has_word(have, wanted_controllers[i]))
			wanted[count++] = wanted_controllers[i];
	if (!count)
		return 0;
	for (const char *p = place->path; p && r == 0; p = strchr(p + 1, '/')) {
		struct cgroup_place above;

		r = place_above(known, place, (size_t)(p - place->path), &above, e);
		if (r == 0)
			enable_at(known, &above, wanted, count);
	}
	return r;
}

/* --- v1: cpusets -------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
	return text[strspn(text, " \n")] == '\0';
}

/* Nobody can enter a cpuset before it has processors and memory: take the parent's. */
static int fill_cpuset(struct cgroup_known *known, const struct cgroup_place *place,
		       const char *file, char *ret_value, size_t bytes, struct err *e)
{
	const char *slash = strrchr(place->path, '/');
	struct cgroup_place above;
	ssize_t got;
	int r;

	got = cgroup_read_file(known, place, file, ret_value, bytes);
	if (got < 0)
		return cgroup_file_error(place, "read", file, (int)got, e);
	if (!is_blank(ret_value) || !slash)
		return 0;
	r = place_above(known, place, (size_t)(slash - place->path), &above, e);
	if (r == 0)
		r = fill_cpuset(known, &above, file, ret_value, bytes, e);
	if (r < 0)
		return r;
	r = cgroup_write_file(known, place, file, ret_value);
	return r < 0 ? cgroup_file_error(place, "write", file, r, e) : 0;
}

static int fill_cpusets(struct cgroup_known *known, struct err *e)
{
	const struct cgroup_place *place =
		cgroup_place_at(known, cgroup_place_find(&known->places, "cpuset"));
	char value[1024];
	ssize_t got;
	int r;

	if (!place || !place->path)
		return 0;
	/* A parent that clones has filled both. */
	got = cgroup_read_file(known, place, "cpuset.mems", value, sizeof(value));
	if (got > 0 && !is_blank(value))
		return 0;
	r = fill_cpuset(known, place, "cpuset.cpus", value, sizeof(value), e);
	return r < 0 ? r : fill_cpuset(known, place, "cpuset.mems", value, sizeof(value), e);
}

/* --- v2: ownership ------------------------------------------------------------------------ */

/* The files that the kernel says may be given away; some of them this cgroup may not have. */
static int give_to_owner(struct cgroup_known *known, const struct cgroup_place *place, uid_t owner,
			 struct err *e)
{
	char list[4096] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
	own_fd int delegate_fd = open("/sys/kernel/cgroup/delegate", O_RDONLY | O_CLOEXEC);
	own_fd int dir_fd = cgroup_open_file(known, place, "", O_RDONLY | O_DIRECTORY);
	ssize_t got;

	if (dir_fd < 0)
		return cgroup_file_error(place, "open", "", dir_fd, e);
	if (delegate_fd >= 0) {
		got = read(delegate_fd, list, sizeof(list) - 1);
		if (got < 0)
			return err_sys(e, "read '/sys/kernel/cgroup/delegate'");
		list[got] = '\0';
	}
	if (fchown(dir_fd, owner, (gid_t)-1) < 0)
		return cgroup_file_error(place, "give away", "", -errno, e);
	for (char *next, *file = list; *file; file = next) {
		size_t length = strcspn(file, "\n");

		next = file + length + (file[length] == '\n');
		file[length] = '\0';
		if (!*file || strchr(file, '/'))
			continue;
		if (fchownat(dir_fd, file, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return cgroup_file_error(place, "give away", file, -errno, e);
	}
	return 0;
}

/* --- all together ------------------------------------------------------------------------- */

static int known_from_plan(const struct cgroup_plan *plan, struct cgroup_known *ret_known,
			   struct err *e)
{
	*ret_known = (struct cgroup_known){
		.manager = plan->manager,
		.places = plan->places,
		.unit = plan->unit,
		.is_user = plan->unit && plan->is_rootless,
		.sys_fd = -EBADF,
		.root_fd = -EBADF,
	};
	return arena_init(&ret_known->arena, e);
}

int cgroup_plan_record(const struct cgroup_plan *plan, struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	int r = known_from_plan(plan, &known, e);

	return r < 0 ? r : cgroup_known_write(&known, rec, e);
}

/* The ways in: for the cgroup2 tree its directory, or where that is no good a file as in v1. */
static int open_entry(struct cgroup_known *known, bool by_file, struct cgroup_entry *entry,
		      struct err *e)
{
	for (uint32_t i = 0; i < known->places.count; i++) {
		const struct cgroup_place *place = &known->places.items[i];
		const char *file = place->is_v2 ? "cgroup.procs" : "tasks";
		int fd;

		if (!place->path)
			continue;
		if (place->is_v2 && !by_file) {
			entry->dir_fd = cgroup_open_file(known, place, "", O_PATH | O_DIRECTORY);
			if (entry->dir_fd < 0)
				return cgroup_file_error(place, "open", "", entry->dir_fd, e);
			continue;
		}
		fd = cgroup_open_file(known, place, file, O_WRONLY);
		if (fd < 0)
			return cgroup_file_error(place, "open", file, fd, e);
		entry->tasks_fds[entry->tasks_count++] = fd;
	}
	return 0;
}

static int set_limits(const struct cgroup_plan *plan, struct cgroup_known *known, struct err *e)
{
	const struct cgroup_place *place =
		cgroup_place_at(known, cgroup_place_v2(&known->places));
	int r = 0;

	if (place && place->path)
		r = enable_controllers(known, place, e);
	if (r == 0 && plan->fills_cpuset)
		r = fill_cpusets(known, e);
	if (r == 0)
		r = cgroup_write_limits(known, &plan->limits, e);
	if (r == 0)
		r = cgroup_write_devices(known, &plan->device_writes, e);
	if (r == 0 && plan->program.count) {
		own_fd int dir_fd = cgroup_open_file(known, place, "", O_RDONLY | O_DIRECTORY);

		r = dir_fd < 0 ? cgroup_file_error(place, "open", "", dir_fd, e) :
				 cgroup_filter_attach(dir_fd, &plan->program, e);
	}
	if (r == 0 && plan->has_owner && place && place->path)
		r = give_to_owner(known, place, plan->owner, e);
	return r;
}

int cgroup_make(const struct cgroup_plan *plan, struct record *rec,
		struct cgroup_entry *ret_entry, struct err *e)
{
	struct cgroup_entry entry = CGROUP_ENTRY_NONE;
	bool made[CGROUP_HIERARCHY_COUNT_MAX] = { false };
	own_known struct cgroup_known known;
	int r;

	r = known_from_plan(plan, &known, e);
	if (r < 0)
		return r;
	if (plan->unit) {
		r = cgroup_scope_start(plan, &known, &entry, e);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < known.places.count; i++) {
		r = known.places.items[i].path ?
			    make_place(plan, &known, &known.places.items[i], &made[i], e) :
			    0;
		if (r < 0)
			goto undo_make;
	}
	r = cgroup_known_write(&known, rec, e);
	/* Only now a user's systemd has told where the scope is. */
	if (r == 0 && plan->unit)
		r = record_save(rec, e);
	if (r == 0)
		r = set_limits(plan, &known, e);
	if (r == 0)
		r = open_entry(&known, plan->enters_by_file, &entry, e);
	if (r < 0)
		goto undo_make;
	*ret_entry = entry;
	return 0;

undo_make:
	cgroup_entry_close(&entry);
	/* What was there before us is not ours to remove. */
	for (uint32_t i = 0; i < known.places.count; i++)
		if (!made[i])
			known.places.items[i].path = NULL;
	if (plan->unit)
		(void)cgroup_scope_stop(&known, NULL);
	(void)cgroup_known_delete(&known, NULL);
	return r;
}

/* --- joining ------------------------------------------------------------------------------ */

/* Where in the cgroup2 tree is @pid, if that is below the container's own? */
static int find_moved(const struct cgroup_place *place, pid_t pid, struct arena *arena,
		      const char **ret_path, struct err *e)
{
	own_mem char *text = NULL;
	own_file FILE *file = NULL;
	char name[64];
	size_t bytes = 0, length = strlen(place->path);
	ssize_t got;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	file = fopen(name, "re");
	if (!file)
		return err_sys(e, "open '%s'", name);
	while ((got = getline(&text, &bytes, file)) > 0) {
		char *path = text + strlen("0::");

		if (strncmp(text, "0::", 3))
			continue;
		path[strcspn(path, "\n")] = '\0';
		if (strncmp(path, place->path, length) || path[length] != '/')
			continue;
		return cgroup_path_clean(path, arena, ret_path, e);
	}
	return 0;
}

/* The kernel gives no processes to a cgroup that hands controllers down. */
static bool takes_no_processes(struct cgroup_known *known, const struct cgroup_place *place)
{
	char handed_down[512];

	return cgroup_read_file(known, place, "cgroup.subtree_control", handed_down,
				sizeof(handed_down)) > 0 &&
	       !is_blank(handed_down);
}

int cgroup_join(const struct record *rec, const char *sub_cgroup, pid_t init_pid,
		struct cgroup_entry *ret_entry, struct err *e)
{
	struct cgroup_entry entry = CGROUP_ENTRY_NONE;
	own_known struct cgroup_known known;
	const char *below = "";
	int r;

	r = cgroup_known_read(rec, &known, e);
	if (r < 0)
		return r;
	if (sub_cgroup) {
		r = cgroup_path_clean(sub_cgroup, &known.arena, &below, e);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < known.places.count; i++) {
		struct cgroup_place *place = &known.places.items[i];

		if (*below)
			place->path = arena_printf(&known.arena, "%s%s", place->path, below);
		else if (place->is_v2 && init_pid && takes_no_processes(&known, place))
			r = find_moved(place, init_pid, &known.arena, &place->path, e);
		if (!place->path)
			return err_oom(e);
		if (r < 0)
			return r;
	}
	r = open_entry(&known, false, &entry, e);
	if (r < 0) {
		cgroup_entry_close(&entry);
		return r;
	}
	*ret_entry = entry;
	return 0;
}

int cgroup_enter_self(const int *tasks_fds, uint32_t tasks_count, struct err *e)
{
	for (uint32_t i = 0; i < tasks_count; i++)
		if (write(tasks_fds[i], "0", 1) != 1)
			return err_sys(e, "enter cgroup");
	return 0;
}

int cgroup_attach_pid(const struct cgroup_entry *entry, pid_t pid, struct err *e)
{
	own_fd int fd = -EBADF;
	char text[16];
	int length;

	if (entry->dir_fd < 0)
		return 0;
	fd = openat(entry->dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	length = snprintf(text, sizeof(text), "%d", (int)pid);
	if (fd >= 0 && write(fd, text, (size_t)length) == length)
		return 0;
	/* Between a user's session and his manager only systemd may move a process. */
	if (is_no_permission(-errno) && entry->helper_fd >= 0)
		return cgroup_scope_attach(entry, pid, e);
	return err_sys(e, "move process %d into its cgroup", (int)pid);
}

void cgroup_entry_close(struct cgroup_entry *entry)
{
	entry->dir_fd = fd_close(entry->dir_fd);
	for (uint32_t i = 0; i < entry->tasks_count; i++)
		(void)fd_close(entry->tasks_fds[i]);
	entry->tasks_count = 0;
	/* The helper ends when its socket does; that a child of ours still holds it must not matter. */
	if (entry->helper_fd >= 0)
		(void)shutdown(entry->helper_fd, SHUT_RDWR);
	entry->helper_fd = fd_close(entry->helper_fd);
	if (entry->helper_pid > 0)
		while (waitpid(entry->helper_pid, NULL, 0) < 0 && errno == EINTR)
			;
	entry->helper_pid = 0;
}
