/*
 * From what was asked on the command line and what the image says to two documents: the OCI bundle
 * that the runtime starts, and the description that `inspect` shows.
 */
#pragma once

struct app;
struct box;
struct err;
struct image;
struct json_object;
struct run_options;
struct security;

struct compose {
	const struct run_options *options;
	const struct security *security;
	const struct image *image; /* NULL: @root_dir is run as it is */
	const char *root_dir;
	const char *image_word;    /* as the user named it */
	char **words;              /* what follows the image on the command line */
	int word_count;
	const char *name;
};

/**
 * compose() - fill box->meta and make the bundle's document
 *
 * Reads the host where options refer to it: files of variables, devices, other containers.
 */
int compose(struct app *app, struct box *box, const struct compose *from,
	    struct json_object **ret_config, struct err *e);
