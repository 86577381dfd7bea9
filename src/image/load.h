/*
 * Archives and layouts into the store: each digest, size and diff id checked, then all of it at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "image/bounds.h"
#include "image/manifest.h"
#include "image/unpack.h"

struct arena;
struct err;
struct index_image;
struct keeper;

struct load_how {
	struct limits limits;
	struct unpack_how unpack;
	struct platform platform; /* which image of a list is taken */
	const char *tag;          /* name for the only image, NULL: what the source says */
};

struct load_result {
	struct index_image *images; /* in the arena; names are what was given this time */
	size_t count;
};

/**
 * load_source() - load all images of a tar or layout that fit the platform
 * @fd:   see source_open(); borrowed
 * @name: what to call it in an error
 *
 * Return: 0; or -errno with @e filled, and the store is as it was.
 */
int load_source(struct keeper *keeper, int fd, const char *name, const struct load_how *how,
		struct arena *arena, struct load_result *ret_result, struct err *e);

/* What a rootfs tar does not say of itself; lists end with NULL, and NULL is "not set". */
struct import_config {
	const char *const *env;
	const char *const *entrypoint;
	const char *const *cmd;
	const char *user;
	const char *working_dir;
};

/** load_rootfs() - make an image of one layer from the tar of a root file system. */
int load_rootfs(struct keeper *keeper, int fd, const char *name, const struct load_how *how,
		const struct import_config *config, struct arena *arena,
		struct load_result *ret_result, struct err *e);
