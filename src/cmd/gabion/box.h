/*
 * Containers as gabion(1) keeps them: a directory each, which outlives the running container.
 *
 *	DATA/containers/ID/      0700
 *	    meta.json            what `inspect` shows, in Docker's words, but for the state
 *	    state.json           what the monitor says of the last run
 *	    config.json          the OCI bundle
 *	    container.log        {"log","stream","time"} a line
 *	    attach.sock          the monitor listens here
 *	    lock                 flock()ed by the monitor while it lives
 *	    upper/ work/ merged/ of the overlay
 *	    hostname hosts resolv.conf
 *	DATA/names/NAME          symbolic link to ID; whoever makes the link has the name
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct app;
struct err;
struct json_object;

#define BOX_ID_BYTES    64
#define BOX_SHORT_BYTES 12

struct box {
	char id[BOX_ID_BYTES + 1];
	int dir_fd;
	struct json_object *meta;  /* owned */
	struct json_object *state; /* owned; NULL before the first start */
};
#define BOX_NONE { .dir_fd = -EBADF }

void box_release(struct box *box);
#define own_box __attribute__((cleanup(box_release)))

/** box_make() - a new directory with a new id, and @name claimed (NULL: one is made up). */
int box_make(struct app *app, const char *name, struct box *ret_box, const char **ret_name,
	     struct err *e);

/** box_find() - by name, by id or by a beginning of it that only one has. -ENOENT, -ENOTUNIQ. */
int box_find(struct app *app, const char *word, struct box *ret_box, struct err *e);

/** box_list() - ids of all, newest first. Lives in the app's arena. */
int box_list(struct app *app, const char ***ret_ids, size_t *ret_count, struct err *e);

/** box_reload() - read state.json again */
int box_reload(struct box *box, struct err *e);

/** box_is_alive() - does a monitor hold the lock? */
bool box_is_alive(const struct box *box);

/** box_remove() - give back the name and all files. The container must be stopped. */
int box_remove(struct app *app, struct box *box, struct err *e);

/** box_path() - absolute path of @name in the container's directory; in the app's arena */
const char *box_path(struct app *app, const struct box *box, const char *name);

/** box_status() - "created", "running", "paused", "exited" or "dead" */
const char *box_status(struct app *app, const struct box *box);

/** box_pid() - pid of init, 0 when it does not run */
pid_t box_pid(struct app *app, const struct box *box);

/** time_now() - RFC 3339 in UTC with nanoseconds; @out takes 40 bytes */
void time_now(char *out);
/** time_parse() - seconds since 1970 of such a text; 0 when it is none */
int64_t time_parse(const char *text);
/** remove_tree() - all beneath @name of @dir_fd and itself; never leaves its mount or follows */
int remove_tree(int dir_fd, const char *name, struct err *e);
