/* The state root, and what can be told of the containers in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/container.h"

#define ROOT_OF_SYSTEM "/run/gabion"

static const char *root_of_user(void)
{
	static char path[PATH_MAX];
	const char *base = getenv("XDG_RUNTIME_DIR");

	if (base && *base)
		(void)snprintf(path, sizeof(path), "%s/gabion", base);
	else
		(void)snprintf(path, sizeof(path), "/run/user/%u/gabion", geteuid());
	return path;
}

const char *runtime_default_root(void)
{
	const char *user_dir = getenv("XDG_RUNTIME_DIR");

	/* root of a user namespace may be nobody in /run */
	if (geteuid() == 0 && (access("/run", W_OK) == 0 || !user_dir || !*user_dir))
		return ROOT_OF_SYSTEM;
	return root_of_user();
}

/* Make what is missing of @path. The sticky bit keeps cleaners of $XDG_RUNTIME_DIR away. */
static int root_make(const char *path, struct err *e)
{
	own_mem char *partial = strdup(path);

	if (!partial)
		return err_oom(e);
	for (char *slash = partial + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(partial, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "make '%s'", partial);
		*slash = '/';
	}
	if (mkdir(partial, geteuid() == 0 ? 0700 : 01700) < 0 && errno != EEXIST)
		return err_sys(e, "make state root '%s'", path);
	return 0;
}

int runtime_open(struct runtime *ret, const char *root, struct err *e)
{
	int r;

	*ret = (struct runtime){ .root = root ? root : runtime_default_root(),
				 .root_fd = -EBADF };
	ret->root_fd = open(ret->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->root_fd < 0 && errno == ENOENT) {
		r = root_make(ret->root, e);
		if (r < 0)
			return r;
		ret->root_fd = open(ret->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (ret->root_fd < 0)
		return err_sys(e, "open state root '%s'", ret->root);
	return 0;
}

void runtime_close(struct runtime *rt)
{
	rt->root_fd = fd_close(rt->root_fd);
}

const char *runtime_status_name(enum runtime_status status)
{
	static const char *const names[] = {
		[RUNTIME_CREATING] = "creating", [RUNTIME_CREATED] = "created",
		[RUNTIME_RUNNING] = "running",	 [RUNTIME_PAUSED] = "paused",
		[RUNTIME_STOPPED] = "stopped",
	};

	return names[status];
}

/* Copies what outlives the container's own arena. */
static int state_take(const struct container *c, struct arena *arena,
		      struct runtime_state *ret_state, struct err *e)
{
	struct runtime_state state = {
		.id = arena_strdup(arena, c->id),
		.oci_version = arena_strdup(arena, c->oci_version),
		.status = container_status(c),
		.bundle = arena_strdup(arena, c->bundle),
		.rootfs = arena_strdup(arena, c->rootfs),
		.created = arena_strdup(arena, c->created),
		.owner = c->owner,
	};

	state.pid = state.status == RUNTIME_STOPPED ? 0 : c->init_pid;
	state.annotations.items =
		arena_new_array(arena, struct spec_pair, (size_t)c->annotations.count + 1);
	if (!state.id || !state.oci_version || !state.bundle || !state.rootfs || !state.created ||
	    !state.annotations.items)
		return err_oom(e);
	for (uint32_t i = 0; i < c->annotations.count; i++) {
		struct spec_pair *pair = &state.annotations.items[state.annotations.count++];

		pair->key = arena_strdup(arena, c->annotations.items[i].key);
		pair->value = arena_strdup(arena, c->annotations.items[i].value);
		if (!pair->key || !pair->value)
			return err_oom(e);
	}
	*ret_state = state;
	return 0;
}

int runtime_state(struct runtime *rt, const char *id, struct arena *arena,
		  struct runtime_state *ret_state, struct err *e)
{
	own_container struct container c = CONTAINER_NONE;
	int r;

	r = container_open(rt, id, CONTAINER_LOOK, &c, e);
	return r < 0 ? r : state_take(&c, arena, ret_state, e);
}

static void state_field(struct text *out, const char *name, const char *value)
{
	text_printf(out, "  \"%s\": ", name);
	text_json(out, value);
	text_append(out, ",\n");
}

void runtime_state_json(const struct runtime_state *state, struct text *out)
{
	text_append(out, "{\n");
	state_field(out, "ociVersion", RUNTIME_SPEC_VERSION);
	state_field(out, "id", state->id);
	text_printf(out, "  \"pid\": %d,\n", state->pid);
	state_field(out, "status", runtime_status_name(state->status));
	state_field(out, "bundle", state->bundle);
	state_field(out, "rootfs", state->rootfs);
	state_field(out, "created", state->created);
	if (state->annotations.count) {
		text_append(out, "  \"annotations\": {\n");
		for (uint32_t i = 0; i < state->annotations.count; i++) {
			text_append(out, "    ");
			text_json(out, state->annotations.items[i].key);
			text_append(out, ": ");
			text_json(out, state->annotations.items[i].value);
			text_append(out, i + 1 < state->annotations.count ? ",\n" : "\n");
		}
		text_append(out, "  },\n");
	}
	text_append(out, "  \"owner\": ");
	text_json(out, runtime_owner_name(state->owner));
	text_append(out, "\n}\n");
}

/*
 * The owner's name from the passwd file; the static program asks no name service. Borrowed until
 * the next call.
 */
const char *runtime_owner_name(uid_t uid)
{
	static char name[64];
	own_file FILE *passwd = NULL;
	struct passwd *entry;

	if (uid == 0)
		return "root";
	passwd = fopen("/etc/passwd", "re");
	while (passwd && (entry = fgetpwent(passwd)))
		if (entry->pw_uid == uid) {
			(void)snprintf(name, sizeof(name), "%s", entry->pw_name);
			return name;
		}
	(void)snprintf(name, sizeof(name), "#%u", uid);
	return name;
}

/* --- all of them -------------------------------------------------------------------------- */

static int state_compare(const void *left, const void *right)
{
	const struct runtime_state *a = left, *b = right;

	return strcmp(a->id, b->id);
}

/* Names in the root, as a growing array in malloc()ed memory. */
static int list_names(struct runtime *rt, struct text *names, uint32_t *count, struct err *e)
{
	own_fd int fd = openat(rt->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return err_sys(e, "list state root '%s'", rt->root);
	(void)take_fd(&fd); /* goes with dir */
	while ((entry = readdir(dir))) {
		if (container_check_id(entry->d_name, NULL) < 0)
			continue;
		text_append_bytes(names, entry->d_name, strlen(entry->d_name) + 1);
		++*count;
	}
	return text_ok(names) ? 0 : err_oom(e);
}

int runtime_list(struct runtime *rt, struct arena *arena, struct runtime_state **ret_states,
		 uint32_t *ret_count, struct err *e)
{
	own_text struct text names = { 0 };
	struct runtime_state *states;
	uint32_t name_count = 0, count = 0;
	const char *name;
	int r;

	r = list_names(rt, &names, &name_count, e);
	if (r < 0)
		return r;
	states = arena_new_array(arena, struct runtime_state, (size_t)name_count + 1);
	if (!states)
		return err_oom(e);
	name = text_str(&names);
	for (uint32_t i = 0; i < name_count; i++, name += strlen(name) + 1) {
		struct err fault = { 0 };

		r = runtime_state(rt, name, arena, &states[count], &fault);
		if (r == 0)
			count++;
		else if (r != -ENOENT)
			log_warning("%s", fault.text);
	}
	qsort(states, count, sizeof(*states), state_compare);
	*ret_states = states;
	*ret_count = count;
	return 0;
}
