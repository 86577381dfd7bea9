#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/container.h"
#include "runtime/stat.h"
#include "sandbox/cgroup/cgroup.h"

#define STATE_FILE     "state.json"
#define STATE_FILE_NEW "state.json.new"
#define LOCK_FILE      "lock"

/* An id becomes a directory name, part of cgroup names and of log lines. */
int container_check_id(const char *id, struct err *e)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t length = strlen(id);

	if (!length)
		return err_set(e, EINVAL, "the container id is empty");
	if (length > RUNTIME_ID_BYTES_MAX)
		return err_set(e, EINVAL, "the container id is longer than %d bytes",
			       RUNTIME_ID_BYTES_MAX);
	if (id[0] == '.' || strspn(id, first) != length)
		return err_set(e, EINVAL,
			       "container id '%s' is not made of letters, digits and '_+-.', or "
			       "begins with a dot",
			       id);
	return 0;
}

/* --- the lock ----------------------------------------------------------------------------- */

/*
 * A lock of fcntl()'s old kind: it belongs to the process, so it goes with the runtime however that
 * ends, and the half-built child, which holds copies of our descriptors, does not keep it.
 */
static int container_lock(struct container *c, struct err *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	own_fd int fd = openat(c->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			       0600);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT) /* the directory was removed behind us */
		return err_set(e, ENOENT, "container '%s' does not exist", c->id);
	if (fd < 0)
		return err_sys(e, "open lock of container '%s'", c->id);
	do
		r = fcntl(fd, F_SETLKW, &whole);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "lock container '%s'", c->id);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at lock of container '%s'", c->id);
	if (!st.st_nlink) /* who held it before us has deleted the container */
		return err_set(e, ENOENT, "container '%s' does not exist", c->id);
	c->lock_fd = take_fd(&fd);
	return 0;
}

bool container_is_locked(const struct container *c)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	own_fd int fd = openat(c->dir_fd, LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fcntl(fd, F_GETLK, &whole) < 0)
		return false;
	return whole.l_type != F_UNLCK;
}

void container_unlock(struct container *c)
{
	c->lock_fd = fd_close(c->lock_fd);
}

/* --- state.json: writing ------------------------------------------------------------------ */

static void pairs_json(const struct spec_pairs *pairs, struct text *out)
{
	text_append(out, "{");
	for (uint32_t i = 0; i < pairs->count; i++) {
		text_append(out, i ? "," : "");
		text_json(out, pairs->items[i].key);
		text_append(out, ":");
		text_json(out, pairs->items[i].value);
	}
	text_append(out, "}");
}

static void record_json(const struct record *rec, struct text *out)
{
	text_append(out, "{");
	for (uint32_t i = 0; i < rec->count; i++) {
		text_append(out, i ? "," : "");
		text_json(out, rec->pairs[i].key);
		text_append(out, ":");
		text_json(out, rec->pairs[i].value);
	}
	text_append(out, "}");
}

static void text_json_field(struct text *out, const char *name, const char *value)
{
	text_printf(out, ",\"%s\":", name);
	text_json(out, value);
}

static void container_compose(const struct container *c, struct text *out)
{
	text_printf(out,
		    "{\"version\":1,\"phase\":%d,\"pid\":%d,\"start\":%" PRIu64 ",\"owner\":%u,"
		    "\"cgroupManager\":%d,\"noPivot\":%s,\"noNewKeyring\":%s",
		    c->phase, c->init_pid, c->init_start, c->owner, c->cgroup_manager,
		    c->no_pivot ? "true" : "false", c->no_new_keyring ? "true" : "false");
	text_json_field(out, "boot", c->boot_id);
	text_json_field(out, "ociVersion", c->oci_version);
	text_json_field(out, "bundle", c->bundle);
	text_json_field(out, "rootfs", c->rootfs);
	text_json_field(out, "created", c->created);
	text_append(out, ",\"record\":");
	record_json(&c->record, out);
	text_append(out, ",\"annotations\":");
	pairs_json(&c->annotations, out);
	text_append(out, "}\n");
}

static int write_whole(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t wrote = write(fd, bytes, length);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		bytes += wrote;
		length -= (size_t)wrote;
	}
	return 0;
}

int container_write(const struct container *c, const char *name, const char *bytes,
			 size_t length, struct err *e)
{
	own_fd int fd = openat(c->dir_fd, name,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(e, "make '%s' of container '%s'", name, c->id);
	if (write_whole(fd, bytes, length) < 0)
		return err_sys(e, "write '%s' of container '%s'", name, c->id);
	return 0;
}

int container_save(const struct container *c, struct err *e)
{
	own_text struct text out = { 0 };
	int r;

	container_compose(c, &out);
	if (!text_ok(&out))
		return err_oom(e);
	r = container_write(c, STATE_FILE_NEW, out.data, out.length, e);
	if (r < 0)
		return r;
	if (renameat(c->dir_fd, STATE_FILE_NEW, c->dir_fd, STATE_FILE) < 0)
		return err_sys(e, "replace state of container '%s'", c->id);
	return 0;
}

/* --- state.json: reading ------------------------------------------------------------------ */

/* Reads fields; the first one that is missing or of the wrong type is remembered. */
struct state_reader {
	struct container *c;
	struct json_object *root;
	const char *bad_field;
};

static struct json_object *state_field(struct state_reader *from, struct json_object *object,
				       const char *name, enum json_type type)
{
	struct json_object *field;

	if (json_object_object_get_ex(object, name, &field) && json_object_is_type(field, type))
		return field;
	if (!from->bad_field)
		from->bad_field = name;
	return NULL;
}

static const char *state_string(struct state_reader *from, const char *name)
{
	struct json_object *field = state_field(from, from->root, name, json_type_string);

	return field ? arena_strdup(&from->c->arena, json_object_get_string(field)) : NULL;
}

static int64_t state_number(struct state_reader *from, const char *name, int64_t least, int64_t most)
{
	struct json_object *field = state_field(from, from->root, name, json_type_int);
	int64_t value = field ? json_object_get_int64(field) : least;

	if ((value < least || value > most) && !from->bad_field)
		from->bad_field = name;
	return value;
}

static bool state_flag(struct state_reader *from, const char *name)
{
	struct json_object *field = state_field(from, from->root, name, json_type_boolean);

	return field && json_object_get_boolean(field);
}

static int state_record(struct state_reader *from, struct err *e)
{
	struct json_object *object = state_field(from, from->root, "record", json_type_object);
	int r;

	if (!object)
		return 0;
	json_object_object_foreach(object, key, value)
	{
		if (!json_object_is_type(value, json_type_string)) {
			from->bad_field = "record";
			return 0;
		}
		r = record_set(&from->c->record, key, json_object_get_string(value), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int state_annotations(struct state_reader *from, struct err *e)
{
	struct json_object *object = state_field(from, from->root, "annotations", json_type_object);
	struct spec_pairs *pairs = &from->c->annotations;

	if (!object)
		return 0;
	pairs->items = arena_new_array(&from->c->arena, struct spec_pair,
				       (size_t)json_object_object_length(object));
	if (!pairs->items)
		return err_oom(e);
	json_object_object_foreach(object, key, value)
	{
		struct spec_pair *pair = &pairs->items[pairs->count++];
		const char *text = json_object_get_string(value);

		pair->key = arena_strdup(&from->c->arena, key);
		pair->value = arena_strdup(&from->c->arena, text ? text : "");
		if (!pair->key || !pair->value)
			return err_oom(e);
	}
	return 0;
}

static int container_read_state(struct container *c, struct err *e)
{
	own_json struct json_object *root = NULL;
	struct state_reader from = { .c = c };
	struct err quiet = { 0 };
	int r;

	r = json_read_at(c->dir_fd, STATE_FILE, &root, &quiet);
	if (r == -ENOENT) {
		/* killed before anything was made, or being made just now */
		c->phase = CONTAINER_CREATING;
		c->oci_version = RUNTIME_SPEC_VERSION;
		c->boot_id = c->bundle = c->rootfs = c->created = "";
		return 0;
	}
	if (r < 0)
		return err_set(e, EINVAL, "container '%s': %s", c->id, quiet.text);

	from.root = root;
	c->phase = (enum container_phase)state_number(&from, "phase", CONTAINER_CREATING,
						      CONTAINER_CREATED);
	c->init_pid = (pid_t)state_number(&from, "pid", 0, INT32_MAX);
	c->init_start = (uint64_t)state_number(&from, "start", 0, INT64_MAX);
	c->owner = (uid_t)state_number(&from, "owner", 0, UINT32_MAX);
	c->cgroup_manager = (enum cgroup_manager)state_number(
		&from, "cgroupManager", CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_DISABLED);
	c->no_pivot = state_flag(&from, "noPivot");
	c->no_new_keyring = state_flag(&from, "noNewKeyring");
	c->boot_id = state_string(&from, "boot");
	c->oci_version = state_string(&from, "ociVersion");
	c->bundle = state_string(&from, "bundle");
	c->rootfs = state_string(&from, "rootfs");
	c->created = state_string(&from, "created");
	r = state_record(&from, e);
	if (r < 0)
		return r;
	r = state_annotations(&from, e);
	if (r < 0)
		return r;
	if (from.bad_field)
		return err_set(e, EINVAL, "container '%s': state.json: '%s' is missing or damaged",
			       c->id, from.bad_field);
	return 0;
}

/* --- making, opening, forgetting ---------------------------------------------------------- */

int container_name(struct runtime *rt, const char *id, struct container *ret, struct err *e)
{
	int r;

	*ret = (struct container)CONTAINER_NONE;
	r = container_check_id(id, e);
	if (r < 0)
		return r;
	r = arena_init(&ret->arena, e);
	if (r < 0)
		return r;
	ret->runtime = rt;
	ret->record.arena = &ret->arena;
	ret->id = arena_strdup(&ret->arena, id);
	return ret->id ? 0 : err_oom(e);
}

static int container_open_dir(struct container *c)
{
	c->dir_fd = openat(c->runtime->root_fd, c->id,
			   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->dir_fd < 0 ? -errno : 0;
}

static int container_stamp(struct container *c, struct err *e)
{
	struct timespec now;
	struct tm utc;
	char second[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &utc);
	c->created = arena_printf(&c->arena, "%s.%09ldZ", second, now.tv_nsec);
	c->owner = geteuid();
	c->boot_id = "";
	return c->created ? 0 : err_oom(e);
}

int container_claim(struct container *c, struct err *e)
{
	const struct runtime *rt = c->runtime;
	int r;

	r = container_stamp(c, e);
	if (r < 0)
		return r;
	if (mkdirat(rt->root_fd, c->id, 0700) < 0)
		return errno == EEXIST ?
			       err_set(e, EEXIST, "container with given ID already exists: '%s'",
				       c->id) :
			       err_sys(e, "make state directory '%s/%s'", rt->root, c->id);
	if (container_open_dir(c) < 0) {
		r = err_sys(e, "open state directory '%s/%s'", rt->root, c->id);
		goto undo_make;
	}
	r = container_lock(c, e);
	if (r < 0)
		goto undo_make;
	return 0;

undo_make:
	(void)unlinkat(c->dir_fd, LOCK_FILE, 0);
	(void)unlinkat(rt->root_fd, c->id, AT_REMOVEDIR);
	return r;
}

int container_open(struct runtime *rt, const char *id, enum container_access access,
		   struct container *ret, struct err *e)
{
	int r;

	r = container_name(rt, id, ret, e);
	if (r < 0)
		return r;
	r = container_open_dir(ret);
	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return err_set(e, ENOENT, "container '%s' does not exist", id);
	if (r < 0)
		return err_sys(e, "open state directory '%s/%s'", rt->root, id);
	if (access == CONTAINER_CHANGE) {
		r = container_lock(ret, e);
		if (r < 0)
			return r;
	}
	return container_read_state(ret, e);
}

int container_forget(struct container *c, struct err *e)
{
	own_fd int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return err_sys(e, "list state of container '%s'", c->id);
	(void)take_fd(&fd); /* goes with dir */
	/*
	 * The state goes last but for the lock: killed half way, what is left still says what it
	 * was. All entries are plain files and sockets that we made.
	 */
	while ((entry = readdir(dir)))
		if (entry->d_type != DT_DIR && strcmp(entry->d_name, STATE_FILE) != 0 &&
		    strcmp(entry->d_name, LOCK_FILE) != 0)
			(void)unlinkat(c->dir_fd, entry->d_name, 0);
	(void)unlinkat(c->dir_fd, STATE_FILE, 0);
	(void)unlinkat(c->dir_fd, LOCK_FILE, 0);
	if (unlinkat(c->runtime->root_fd, c->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "remove state directory '%s/%s'", c->runtime->root, c->id);
	return 0;
}

void container_close(struct container *c)
{
	c->lock_fd = fd_close(c->lock_fd);
	c->dir_fd = fd_close(c->dir_fd);
	arena_release(&c->arena);
}

/* --- what is alive ------------------------------------------------------------------------ */

int container_note_init(struct container *c, pid_t pid, struct err *e)
{
	struct stat_line line;
	char boot_id[BOOT_ID_BYTES];
	int r;

	r = stat_read(pid, &line, e);
	if (r < 0)
		return r;
	r = stat_boot_id(boot_id, e);
	if (r < 0)
		return r;
	c->boot_id = arena_strdup(&c->arena, boot_id);
	c->init_pid = pid;
	c->init_start = line.start_ticks;
	return c->boot_id ? 0 : err_oom(e);
}

bool container_init_alive(const struct container *c)
{
	char boot_id[BOOT_ID_BYTES];
	struct stat_line line;

	if (!c->init_pid || stat_read(c->init_pid, &line, NULL) < 0)
		return false;
	if (line.start_ticks != c->init_start || line.state == 'Z' || line.state == 'X')
		return false;
	return stat_boot_id(boot_id, NULL) < 0 || !strcmp(boot_id, c->boot_id);
}

int container_open_init(const struct container *c, struct err *e)
{
	own_fd int fd = -EBADF;

	if (c->init_pid) {
		fd = pidfd_open(c->init_pid, 0);
		if (fd < 0 && errno == ENOSYS)
			return err_sys(e, "hold the process of container '%s' (needs Linux 5.3)", c->id);
	}
	/* looked at after the descriptor was had: it cannot change its process any more */
	if (fd < 0 || !container_init_alive(c))
		return err_set(e, ESRCH, "container not running: '%s'", c->id);
	return take_fd(&fd);
}

enum runtime_status container_status(const struct container *c)
{
	if (!container_init_alive(c)) {
		if (c->phase == CONTAINER_CREATING && !c->init_pid && container_is_locked(c))
			return RUNTIME_CREATING;
		return RUNTIME_STOPPED;
	}
	if (c->phase == CONTAINER_CREATING)
		return RUNTIME_CREATING;
	if (faccessat(c->dir_fd, "start.sock", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return RUNTIME_CREATED;
	return cgroup_is_frozen(&c->record, NULL) == 1 ? RUNTIME_PAUSED : RUNTIME_RUNNING;
}

void container_state_json(const struct container *c, enum runtime_status status, pid_t pid,
			  struct text *out)
{
	text_append(out, "{\"ociVersion\":");
	text_json(out, RUNTIME_SPEC_VERSION);
	text_json_field(out, "id", c->id);
	text_json_field(out, "status", runtime_status_name(status));
	text_printf(out, ",\"pid\":%d", pid);
	text_json_field(out, "bundle", c->bundle);
	if (c->annotations.count) {
		text_append(out, ",\"annotations\":");
		pairs_json(&c->annotations, out);
	}
	text_append(out, "}\n");
}
