#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"

#define DEPTH_MAX 64
#define FREEZE_MS_MAX 10000
#define DELETE_MS_MAX 5000
#define KILL_MS_MAX 10000

static void sleep_ms(unsigned ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&time, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits that begin short and grow: 1, 2, 4 ... 100 ms. Return: false when @ms_max is used up. */
struct patience {
	unsigned used_ms;
	unsigned next_ms;
};

static bool patience_wait(struct patience *patience, unsigned ms_max)
{
	unsigned ms = patience->next_ms ? patience->next_ms : 1;

	if (patience->used_ms >= ms_max)
		return false;
	sleep_ms(ms);
	patience->used_ms += ms;
	patience->next_ms = ms < 50 ? 2 * ms : 100;
	return true;
}

/* --- walking ------------------------------------------------------------------------------ */

/* Calls @visit for the directory and, from the leaves up, for all below. Takes @dir_fd over. */
static int walk(int dir_fd, unsigned depth, int (*visit)(int dir_fd, void *context), void *context)
{
	own_dir DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int r;

	if (!dir) {
		r = -errno;
		(void)close(dir_fd);
		return r;
	}
	if (depth > DEPTH_MAX)
		return -ELOOP;
	while ((entry = readdir(dir))) {
		int below_fd;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		below_fd = openat(dir_fd, entry->d_name,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = below_fd < 0 ? -errno : walk(below_fd, depth + 1, visit, context);
		/* a cgroup may go away while we look */
		if (r < 0 && r != -ENOENT && r != -ENODEV)
			return r;
	}
	return visit(dir_fd, context);
}

/* --- processes ---------------------------------------------------------------------------- */

struct pid_list {
	pid_t *items;
	uint32_t count;
	uint32_t capacity;
};

static int pid_add(struct pid_list *list, pid_t pid)
{
	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
		pid_t *items = reallocarray(list->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = pid;
	return 0;
}

static int visit_pids(int dir_fd, void *context)
{
	struct pid_list *list = context;
	own_file FILE *file = NULL;
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	int pid, r = 0;

	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		(void)close(fd);
		return -ENOMEM;
	}
	/* Of a threaded cgroup the kernel gives no list (EOPNOTSUPP): its domain has them. */
	while (r == 0 && fscanf(file, "%d", &pid) == 1)
		r = pid > 0 ? pid_add(list, pid) : 0; /* 0: in a pid namespace we do not see */
	return r;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t first = *(const pid_t *)a, second = *(const pid_t *)b;

	return first < second ? -1 : first > second;
}

int cgroup_known_pids(struct cgroup_known *known, pid_t **ret_pids, uint32_t *ret_count,
		      struct err *e)
{
	const struct cgroup_place *place = cgroup_place_at(known, cgroup_main_place(known));
	struct pid_list list = { 0 };
	int fd, r;

	*ret_pids = NULL;
	*ret_count = 0;
	if (!place)
		return 0;
	fd = cgroup_open_file(known, place, "", O_RDONLY | O_DIRECTORY);
	r = fd < 0 ? fd : walk(fd, 0, visit_pids, &list);
	if (r < 0 && r != -ENOENT && r != -ENODEV) {
		free(list.items);
		return cgroup_file_error(place, "list processes of", "", r, e);
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_pids);
	else
		free(take_ptr(list.items));
	*ret_pids = list.items;
	*ret_count = list.count;
	return 0;
}

int cgroup_pids(const struct record *rec, pid_t **ret_pids, uint32_t *ret_count, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	return r < 0 ? r : cgroup_known_pids(&known, ret_pids, ret_count, e);
}

/* --- freezing ----------------------------------------------------------------------------- */

/* v1's freezer, else the cgroup2 tree, else NULL. */
static const struct cgroup_place *freezer_place(struct cgroup_known *known)
{
	int place = cgroup_place_find(&known->places, "freezer");

	return cgroup_place_at(known, place >= 0 ? place : cgroup_place_v2(&known->places));
}

/* Read through the descriptor that is polled: that is how the kernel knows what we have seen. */
static bool events_say(int events_fd, const char *line)
{
	char events[256];
	ssize_t got = pread(events_fd, events, sizeof(events) - 1, 0);

	if (got < 0)
		return false;
	events[got] = '\0';
	return strstr(events, line) != NULL;
}

static int freeze_v2(struct cgroup_known *known, const struct cgroup_place *place, bool frozen,
		     struct err *e)
{
	const char *want = frozen ? "frozen 1" : "frozen 0";
	own_fd int events_fd = cgroup_open_file(known, place, "cgroup.events", O_RDONLY);
	struct pollfd wait = { .fd = events_fd, .events = POLLPRI };
	uint64_t until_ms = now_ms() + FREEZE_MS_MAX;
	int r;

	if (events_fd < 0)
		return cgroup_file_error(place, "open", "cgroup.events", events_fd, e);
	r = cgroup_write_file(known, place, "cgroup.freeze", frozen ? "1" : "0");
	if (r < 0)
		return cgroup_file_error(place, frozen ? "freeze" : "thaw", "", r, e);
	while (!events_say(events_fd, want)) {
		if (now_ms() < until_ms) {
			(void)poll(&wait, 1, 100);
			continue;
		}
		if (frozen)
			(void)cgroup_write_file(known, place, "cgroup.freeze", "0");
		return err_set(e, EBUSY, "%s '%s%s': not all processes %s", frozen ? "freeze" : "thaw",
			       place->mount_point, place->path, frozen ? "stop" : "go on");
	}
	return 0;
}

/*
 * v1: a state stays FREEZING while a process cannot stop, such as one that forked in between.
 * Writing again, and now and then letting all go for a moment, gets past that.
 */
static int freeze_v1(struct cgroup_known *known, const struct cgroup_place *place, struct err *e)
{
	struct patience patience = { 0 };
	char state[32];

	for (unsigned round = 1;; round++) {
		ssize_t got;
		int r;

		if (round % 16 == 0) {
			(void)cgroup_write_file(known, place, "freezer.state", "THAWED");
			sleep_ms(1);
		}
		r = cgroup_write_file(known, place, "freezer.state", "FROZEN");
		if (r < 0)
			return cgroup_file_error(place, "freeze", "", r, e);
		got = cgroup_read_file(known, place, "freezer.state", state, sizeof(state));
		if (got < 0)
			return cgroup_file_error(place, "read", "freezer.state", (int)got, e);
		if (!strcmp(state, "FROZEN\n"))
			return 0;
		if (!patience_wait(&patience, FREEZE_MS_MAX))
			break;
	}
	(void)cgroup_write_file(known, place, "freezer.state", "THAWED");
	return err_set(e, EBUSY, "freeze '%s%s': not all processes stop", place->mount_point,
		       place->path);
}

static int set_frozen(struct cgroup_known *known, bool frozen, struct err *e)
{
	const struct cgroup_place *place = freezer_place(known);
	int r;

	if (!place)
		return err_set(e, EOPNOTSUPP, "%s: the container has no cgroup with a freezer",
			       frozen ? "freeze" : "thaw");
	if (place->is_v2)
		return freeze_v2(known, place, frozen, e);
	if (frozen)
		return freeze_v1(known, place, e);
	r = cgroup_write_file(known, place, "freezer.state", "THAWED");
	return r < 0 ? cgroup_file_error(place, "thaw", "", r, e) : 0;
}

int cgroup_freeze(const struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	return r < 0 ? r : set_frozen(&known, true, e);
}

int cgroup_thaw(const struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	return r < 0 ? r : set_frozen(&known, false, e);
}

static bool is_frozen(struct cgroup_known *known)
{
	const struct cgroup_place *place = freezer_place(known);
	char state[32];

	if (!place)
		return false;
	if (place->is_v2)
		return cgroup_read_file(known, place, "cgroup.freeze", state, sizeof(state)) > 0 &&
		       state[0] == '1';
	return cgroup_read_file(known, place, "freezer.self_freezing", state, sizeof(state)) > 0 &&
	       state[0] == '1';
}

int cgroup_is_frozen(const struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	return r < 0 ? r : is_frozen(&known);
}

/* --- signals ------------------------------------------------------------------------------ */

/* Frozen processes cannot fork: the list is whole, and nobody can take a pid over meanwhile. */
static int signal_frozen(struct cgroup_known *known, int signal, struct err *e)
{
	bool was_frozen = is_frozen(known);
	bool froze = !was_frozen && set_frozen(known, true, NULL) == 0;
	own_mem pid_t *pids = NULL;
	uint32_t count;
	int r = cgroup_known_pids(known, &pids, &count, e);

	for (uint32_t i = 0; r == 0 && i < count; i++)
		if (kill(pids[i], signal) < 0 && errno != ESRCH)
			r = err_sys(e, "kill process %d", (int)pids[i]);
	/* v1: who is frozen does not even die */
	if (froze || (was_frozen && signal == SIGKILL))
		(void)set_frozen(known, false, NULL);
	return r;
}

/*
 * Most often nobody is left. To freeze and thaw even an empty group of v1 rewrites the kernel's text
 * twice, where no other group is frozen (static key freezer_active): several milliseconds.
 */
static int signal_each(struct cgroup_known *known, int signal, struct err *e)
{
	own_mem pid_t *pids = NULL;
	uint32_t count;
	int r = cgroup_known_pids(known, &pids, &count, e);

	return r < 0 || !count ? r : signal_frozen(known, signal, e);
}

static int signal_all(struct cgroup_known *known, int signal, struct err *e)
{
	int v2 = cgroup_place_v2(&known->places);
	int main_place = cgroup_main_place(known);

	if (main_place < 0)
		return 0;
	if (signal == SIGKILL && v2 >= 0 &&
	    cgroup_write_file(known, &known->places.items[v2], "cgroup.kill", "1") == 0) {
		/* beside it, v1's freezer may hold them */
		if (main_place != v2 && is_frozen(known))
			(void)set_frozen(known, false, NULL);
		return 0;
	}
	return signal_each(known, signal, e);
}

int cgroup_signal(const struct record *rec, int signal, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	return r < 0 ? r : signal_all(&known, signal, e);
}

int cgroup_kill(const struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	struct patience patience = { 0 };
	int r = cgroup_known_read(rec, &known, e);

	if (r < 0)
		return r;
	for (;;) {
		own_mem pid_t *pids = NULL;
		uint32_t count;

		r = signal_all(&known, SIGKILL, e);
		if (r == 0)
			r = cgroup_known_pids(&known, &pids, &count, e);
		if (r < 0 || !count)
			return r;
		if (!patience_wait(&patience, KILL_MS_MAX))
			return err_set(e, EBUSY, "kill: process %d does not end", (int)pids[0]);
	}
}

/* --- update ------------------------------------------------------------------------------- */

static void read_controllers(struct cgroup_known *known, char *buffer, size_t bytes)
{
	int v2 = cgroup_place_v2(&known->places);

	if (v2 < 0 ||
	    cgroup_read_file(known, &known->places.items[v2], "cgroup.controllers", buffer, bytes) < 0)
		return;
	buffer[strcspn(buffer, "\n")] = '\0';
	known->places.cgroup2_controllers = buffer;
}

/* v2 counts swap without memory: what the limit is must be known to tell. */
static void complete_memory(struct cgroup_known *known, struct spec_memory *memory)
{
	int i = cgroup_place_find(&known->places, "memory");
	char limit[64];

	if (i < 0 || !known->places.items[i].is_v2 || !memory->swap.is_given ||
	    memory->swap.value <= 0 || (memory->limit.is_given && memory->limit.value))
		return;
	if (cgroup_read_file(known, &known->places.items[i], "memory.max", limit, sizeof(limit)) < 0)
		return;
	memory->limit.is_given = true;
	memory->limit.value = strtoll(limit, NULL, 10);
}

static int update_devices_v1(struct cgroup_known *known, const struct cgroup_rules *rules, int i,
			     struct err *e)
{
	const struct cgroup_place *place = &known->places.items[i];
	struct cgroup_device_list from, to;
	struct cgroup_writes writes;
	char text[32768];
	bool froze = false;
	ssize_t got;
	int r;

	got = cgroup_read_file(known, place, "devices.list", text, sizeof(text));
	if (got < 0)
		return cgroup_file_error(place, "read", "devices.list", (int)got, e);
	r = cgroup_device_list_read(text, &known->arena, &from, e);
	if (r == 0)
		r = cgroup_device_list_make(rules, &known->arena, &to, e);
	if (r == 0)
		r = cgroup_device_writes_change(&from, &to, (uint32_t)i, &known->arena, &writes, e);
	if (r < 0)
		return r;
	/* Another default empties the list first: nobody shall run while it is half full. */
	if ((from.allows_by_default || to.allows_by_default) && !is_frozen(known)) {
		r = set_frozen(known, true, e);
		if (r < 0)
			return r;
		froze = true;
	}
	r = cgroup_write_devices(known, &writes, e);
	if (froze)
		(void)set_frozen(known, false, r < 0 ? NULL : e);
	return r;
}

static int update_devices(struct cgroup_known *known, const struct spec_resources *resources,
			  struct err *e)
{
	int v1 = cgroup_place_find(&known->places, "devices");
	int v2 = cgroup_place_v2(&known->places);
	struct cgroup_program program;
	struct cgroup_rules rules;
	own_fd int dir_fd = -EBADF;
	int r;

	r = cgroup_rules_make(resources->devices, resources->device_count, &known->arena, &rules, e);
	if (r < 0)
		return r;
	if (v1 >= 0)
		return update_devices_v1(known, &rules, v1, e);
	if (v2 < 0)
		return err_set(e, EOPNOTSUPP, "linux.resources.devices: the container has no cgroup "
					      "that could filter devices");
	r = cgroup_program_make(&rules, &known->arena, &program, e);
	if (r < 0)
		return r;
	dir_fd = cgroup_open_file(known, &known->places.items[v2], "", O_RDONLY | O_DIRECTORY);
	return dir_fd < 0 ? cgroup_file_error(&known->places.items[v2], "open", "", dir_fd, e) :
			    cgroup_filter_attach(dir_fd, &program, e);
}

/* systemd is told too, or its next reload would bring the old limits back. */
static int update_scope(const struct cgroup_known *known, const struct spec_resources *resources,
			struct err *e)
{
	struct cgroup_properties properties;
	struct arena *arena = (struct arena *)(uintptr_t)&known->arena;
	int memory = cgroup_place_find(&known->places, "memory");
	bool is_v2 = memory < 0 || known->places.items[memory].is_v2;
	int r;

	r = cgroup_properties_make(NULL, resources, NULL, NULL, is_v2, arena, &properties, e);
	return r < 0 || !properties.count ? r : cgroup_scope_set(known, &properties, e);
}

int cgroup_update(const struct record *rec, const struct spec_resources *resources, struct err *e)
{
	struct spec_resources wanted = *resources;
	own_known struct cgroup_known known;
	struct cgroup_writes writes;
	struct cgroup_notes notes = { 0 };
	char controllers[512];
	int r;

	r = cgroup_known_read(rec, &known, e);
	if (r < 0)
		return r;
	read_controllers(&known, controllers, sizeof(controllers));
	complete_memory(&known, &wanted.memory);
	r = cgroup_limits_make(&wanted, &known.places, &known.arena, &writes, &notes, e);
	if (r == 0 && known.unit)
		r = update_scope(&known, &wanted, e);
	if (r == 0)
		r = cgroup_write_limits(&known, &writes, e);
	if (r == 0 && resources->device_count)
		r = update_devices(&known, resources, e);
	return r;
}

/* --- the end ------------------------------------------------------------------------------ */

static int remove_below(int dir_fd)
{
	struct dirent *entry;
	own_dir DIR *dir = fdopendir(dir_fd);

	if (!dir) {
		(void)close(dir_fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		int below_fd;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		below_fd = openat(dir_fd, entry->d_name,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below_fd < 0)
			continue;
		(void)remove_below(below_fd);
		(void)unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR);
	}
	return 0;
}

static int delete_place(struct cgroup_known *known, const struct cgroup_place *place,
			struct err *e)
{
	struct patience patience = { 0 };
	char name[CGROUP_NAME_BYTES];
	int dir_fd = cgroup_at(known, place, "", name, e);

	if (dir_fd < 0)
		return dir_fd;
	for (;;) {
		int r, fd;

		if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		r = -errno;
		if (r != -EBUSY && r != -ENOTEMPTY)
			return cgroup_file_error(place, "remove cgroup", "", r, e);
		/* Nested ones, or the last process has not quite gone. */
		fd = cgroup_open_file(known, place, "", O_RDONLY | O_DIRECTORY);
		if (fd >= 0)
			(void)remove_below(fd);
		if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (!patience_wait(&patience, DELETE_MS_MAX))
			return cgroup_file_error(place, "remove cgroup", "", r, e);
	}
}

int cgroup_known_delete(struct cgroup_known *known, struct err *e)
{
	int first = 0;

	for (uint32_t i = 0; i < known->places.count; i++) {
		int r = known->places.items[i].path ?
				delete_place(known, &known->places.items[i], first ? NULL : e) :
				0;

		first = first ? first : r;
	}
	return first;
}

int cgroup_delete(const struct record *rec, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);

	if (r < 0)
		return r;
	if (known.unit)
		r = cgroup_scope_stop(&known, e);
	if (r < 0)
		return r;
	return cgroup_known_delete(&known, e);
}

int cgroup_paths(const struct record *rec, struct text *out, struct err *e)
{
	own_known struct cgroup_known known;
	int r = cgroup_known_read(rec, &known, e);
	bool is_first = true;

	if (r < 0)
		return r;
	text_append(out, "{");
	for (uint32_t i = 0; i < known.places.count; i++) {
		const struct cgroup_place *place = &known.places.items[i];
		const char *path = arena_printf(&known.arena, "%s%s", place->mount_point, place->path);
		char *names = arena_strdup(&known.arena, place->controllers);

		if (!path || !names)
			return err_oom(e);
		do {
			size_t length = strcspn(names, ",");
			bool has_more = names[length] == ',';

			names[length] = '\0';
			text_append(out, is_first ? "" : ",");
			text_json(out, names);
			text_append(out, ":");
			text_json(out, path);
			is_first = false;
			names = has_more ? names + length + 1 : NULL;
		} while (names);
	}
	text_append(out, "}");
	return text_ok(out) ? 0 : err_oom(e);
}
