/*
 * The root directory of a container: an overlay of its image's layers, or a directory as it is; and
 * who its user is, which only the files in it can tell.
 */
#pragma once

#include <stdbool.h>

struct app;
struct box;
struct err;
struct json_object;

struct root {
	const char *path; /* absolute, of the mounted root */
	bool is_mounted;
};

/**
 * root_mount() - mount it, and complete @config with the user's ids, groups and home
 *
 * Context: the monitor, in its own mount namespace.
 */
int root_mount(struct app *app, struct box *box, struct json_object *config, struct root *ret_root,
	       struct err *e);
void root_unmount(struct root *root);

/** box_forget() - remove a stopped container and let go of its image */
int box_forget(struct app *app, struct box *box, struct err *e);
