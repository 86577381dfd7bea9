#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"

#define NAME_BYTES_MAX 200

/* --- small things -------------------------------------------------------------------------- */

void time_now(char *out)
{
	struct timespec now;
	struct tm utc;
	size_t used;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	used = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(out + used, 40 - used, ".%09ldZ", now.tv_nsec);
}

int64_t time_parse(const char *text)
{
	struct tm utc = { 0 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &utc))
		return 0;
	return timegm(&utc);
}

/* Removal goes down by descriptors and stays on one file system: a container's tree is hostile. */
static int remove_below(int fd, dev_t device, unsigned depth, struct err *e)
{
	own_dir DIR *dir = fdopendir(dup(fd));
	struct dirent *entry;

	if (!dir)
		return err_sys(e, "list a directory");
	while ((entry = readdir(dir))) {
		own_fd int child = -EBADF;
		struct stat st;
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return err_sys(e, "remove '%s'", entry->d_name);
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			return err_sys(e, "open '%s'", entry->d_name);
		if (fstat(child, &st) < 0)
			return err_sys(e, "stat '%s'", entry->d_name);
		if (st.st_dev != device)
			return err_set(e, EBUSY, "'%s' is a mount point", entry->d_name);
		if (depth > 500)
			return err_set(e, ELOOP, "'%s' is too deep to remove", entry->d_name);
		r = remove_below(child, device, depth + 1, e);
		if (r < 0)
			return r;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
			return err_sys(e, "remove '%s'", entry->d_name);
	}
	return 0;
}

int remove_tree(int dir_fd, const char *name, struct err *e)
{
	own_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open '%s'", name);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat '%s'", name);
	r = remove_below(fd, st.st_dev, 0, e);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return err_sys(e, "remove '%s'", name);
	return 0;
}

/* --- names and ids ------------------------------------------------------------------------- */

static int id_make(char *id, struct err *e)
{
	uint8_t bytes[BOX_ID_BYTES / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_sys(e, "get random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static bool name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length < 2 || length > NAME_BYTES_MAX || strchr("_.-", name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
	       length;
}

/* Gabions are filled with what lies around. */
static void name_invent(char *out, size_t size)
{
	static const char *const first[] = {
		"mossy", "grey",  "round",  "heavy", "flat", "sunny", "mild",   "steep",
		"quiet", "rough", "speckled", "wet", "old",  "tidy",  "banded", "loose",
	};
	static const char *const second[] = {
		"basalt", "flint", "gravel", "chalk",	"cobble", "granite", "slate",  "marl",
		"pebble", "gneiss", "shale", "boulder", "quartz", "tuff",    "schist", "pumice",
	};
	uint8_t dice[4] = { 0 };

	(void)!getrandom(dice, sizeof(dice), 0);
	(void)snprintf(out, size, "%s_%s%u", first[dice[0] % 16], second[dice[1] % 16],
		       (dice[2] * 256u + dice[3]) % 1000);
}

static int name_claim(struct app *app, const char *id, const char *name, const char **ret_name,
		      struct err *e)
{
	char invented[64];
	char holder[BOX_ID_BYTES + 1] = "";

	if (name && name[0] == '/')
		name++;
	if (name && !name_is_valid(name))
		return err_set(e, EINVAL,
			       "invalid container name '%s': only [a-zA-Z0-9][a-zA-Z0-9_.-] is allowed",
			       name);
	for (int tries = 0; tries < 100; tries++) {
		const char *want = name ? name : invented;

		if (!name)
			name_invent(invented, sizeof(invented));
		if (symlinkat(id, app->names_fd, want) == 0) {
			*ret_name = arena_strdup(&app->arena, want);
			return *ret_name ? 0 : err_oom(e);
		}
		if (errno != EEXIST)
			return err_sys(e, "claim the name '%s'", want);
		if (!name)
			continue;
		(void)!readlinkat(app->names_fd, name, holder, BOX_SHORT_BYTES);
		return err_set(e, EEXIST,
			       "the container name '%s' is already in use by container '%s'; remove or "
			       "rename that container to use the name again",
			       name, holder);
	}
	return err_set(e, EEXIST, "no free name found; use --name");
}

/* --- one container ------------------------------------------------------------------------- */

void box_release(struct box *box)
{
	box->dir_fd = fd_close(box->dir_fd);
	own_json_drop(&box->meta);
	own_json_drop(&box->state);
}

int box_make(struct app *app, const char *name, struct box *ret_box, const char **ret_name,
	     struct err *e)
{
	struct box box = BOX_NONE;
	int r;

	r = id_make(box.id, e);
	if (r < 0)
		return r;
	r = name_claim(app, box.id, name, ret_name, e);
	if (r < 0)
		return r;
	if (mkdirat(app->containers_fd, box.id, 0700) < 0) {
		r = err_sys(e, "make the container's directory");
		goto undo_name;
	}
	box.dir_fd = openat(app->containers_fd, box.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (box.dir_fd < 0) {
		r = err_sys(e, "open the container's directory");
		goto undo_dir;
	}
	*ret_box = box;
	return 0;

undo_dir:
	(void)unlinkat(app->containers_fd, box.id, AT_REMOVEDIR);
undo_name:
	(void)unlinkat(app->names_fd, *ret_name, 0);
	return r;
}

static bool is_hex(const char *word)
{
	return word[0] && strspn(word, "0123456789abcdef") == strlen(word);
}

static int id_find(struct app *app, const char *word, char *id, struct err *e)
{
	own_dir DIR *dir = NULL;
	struct dirent *entry;
	unsigned found = 0;
	ssize_t length;

	if (word[0] == '/')
		word++;
	if (name_is_valid(word)) {
		length = readlinkat(app->names_fd, word, id, BOX_ID_BYTES);
		if (length == BOX_ID_BYTES) {
			id[length] = '\0';
			return 0;
		}
	}
	if (!is_hex(word) || strlen(word) > BOX_ID_BYTES)
		return err_set(e, ENOENT, "no such container: %s", word);
	dir = fdopendir(openat(app->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!dir)
		return err_sys(e, "list containers");
	while ((entry = readdir(dir))) {
		if (strlen(entry->d_name) != BOX_ID_BYTES ||
		    strncmp(entry->d_name, word, strlen(word)) != 0)
			continue;
		memcpy(id, entry->d_name, BOX_ID_BYTES + 1);
		found++;
	}
	if (found > 1)
		return err_set(e, ENOTUNIQ, "'%s' is the beginning of %u container ids", word, found);
	return found ? 0 : err_set(e, ENOENT, "no such container: %s", word);
}

int box_reload(struct box *box, struct err *e)
{
	own_json_drop(&box->state);
	if (faccessat(box->dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return json_read_at(box->dir_fd, "state.json", &box->state, e);
}

int box_find(struct app *app, const char *word, struct box *ret_box, struct err *e)
{
	own_box struct box box = BOX_NONE;
	int r;

	r = id_find(app, word, box.id, e);
	if (r < 0)
		return r;
	box.dir_fd = openat(app->containers_fd, box.id,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (box.dir_fd < 0)
		return errno == ENOENT ? err_set(e, ENOENT, "no such container: %s", word) :
					 err_sys(e, "open the container's directory");
	r = json_read_at(box.dir_fd, "meta.json", &box.meta, e);
	if (r == 0)
		r = box_reload(&box, e);
	if (r < 0)
		return err_wrap(e, r, "container '%.12s'", box.id);
	*ret_box = box;
	box = (struct box)BOX_NONE;
	return 0;
}

struct listed {
	const char *id;
	struct timespec made;
};

static int listed_compare(const void *left, const void *right)
{
	const struct listed *a = left, *b = right;

	if (a->made.tv_sec != b->made.tv_sec)
		return a->made.tv_sec < b->made.tv_sec ? 1 : -1;
	return (a->made.tv_nsec < b->made.tv_nsec) - (a->made.tv_nsec > b->made.tv_nsec);
}

int box_list(struct app *app, const char ***ret_ids, size_t *ret_count, struct err *e)
{
	own_dir DIR *dir = fdopendir(openat(app->containers_fd, ".", O_RDONLY | O_CLOEXEC));
	own_mem struct listed *all = NULL;
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return err_sys(e, "list containers");
	while ((entry = readdir(dir))) {
		struct listed *grown;
		char meta[BOX_ID_BYTES + 16];
		struct stat st;

		(void)snprintf(meta, sizeof(meta), "%.64s/meta.json", entry->d_name);
		if (strlen(entry->d_name) != BOX_ID_BYTES ||
		    fstatat(app->containers_fd, meta, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		grown = reallocarray(all, count + 1, sizeof(*all));
		if (!grown)
			return err_oom(e);
		all = grown;
		all[count].id = arena_strdup(&app->arena, entry->d_name);
		all[count].made = st.st_mtim;
		if (!all[count++].id)
			return err_oom(e);
	}
	if (count)
		qsort(all, count, sizeof(*all), listed_compare);
	*ret_ids = arena_new_array(&app->arena, const char *, count + 1);
	if (!*ret_ids)
		return err_oom(e);
	for (size_t i = 0; i < count; i++)
		(*ret_ids)[i] = all[i].id;
	*ret_count = count;
	return 0;
}

bool box_is_alive(const struct box *box)
{
	own_fd int fd = openat(box->dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return false;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int box_remove(struct app *app, struct box *box, struct err *e)
{
	const char *name = doc_text_at(box->meta, "Name", "/");
	char holder[BOX_ID_BYTES + 1] = "";
	int r;

	r = remove_tree(app->containers_fd, box->id, e);
	if (r < 0)
		return err_wrap(e, r, "remove container '%.12s'", box->id);
	if (name[0] == '/' && name[1] &&
	    readlinkat(app->names_fd, name + 1, holder, BOX_ID_BYTES) == BOX_ID_BYTES &&
	    strcmp(holder, box->id) == 0)
		(void)unlinkat(app->names_fd, name + 1, 0);
	return 0;
}

const char *box_path(struct app *app, const struct box *box, const char *name)
{
	const char *path = arena_printf(&app->arena, "%s/containers/%s/%s", app->data, box->id, name);

	return path ? path : "/nonexistent";
}

pid_t box_pid(struct app *app, const struct box *box)
{
	struct runtime_state state;
	struct err ignored = { 0 };

	if (!box_is_alive(box) ||
	    runtime_state(&app->runtime, box->id, &app->arena, &state, &ignored) < 0)
		return 0;
	return state.status == RUNTIME_STOPPED ? 0 : state.pid;
}

const char *box_status(struct app *app, const struct box *box)
{
	struct runtime_state state;
	struct err ignored = { 0 };

	if (box_is_alive(box)) {
		if (runtime_state(&app->runtime, box->id, &app->arena, &state, &ignored) == 0 &&
		    state.status == RUNTIME_PAUSED)
			return "paused";
		return "running";
	}
	if (!box->state)
		return "created";
	return doc_text_at(box->state, "FinishedAt", NULL) ? "exited" : "dead";
}
