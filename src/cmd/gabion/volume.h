/*
 * Volumes: -v, --mount and --tmpfs become OCI mounts. What is wrong with one is said here, before
 * anything is made.
 */
#pragma once

#include <stdbool.h>

struct app;
struct err;
struct json_object;
struct run_options;

/**
 * volumes_add() - append a mount for each volume to @mounts, and Docker's words to @shown
 *
 * Named volumes are made under DATA/volumes/NAME when they are missing.
 */
int volumes_add(struct app *app, const struct run_options *options, struct json_object *mounts,
		struct json_object *shown, struct err *e);
