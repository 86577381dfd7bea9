/*
 * The configuration of an image (OCI image-spec, Docker's is the same JSON): bytes to struct, pure.
 * The bytes come from whoever made the image; what is not listed here is not taken.
 */
#pragma once

#include <stddef.h>

#include "image/client.h"
#include "image/digest.h"

struct arena;
struct err;

#define CONFIG_BYTES_MAX ((size_t)8 << 20)
#define CONFIG_LIST_MAX  4096 /* elements of Env, Cmd, Labels, ... */

struct config {
	struct image_config run; /* what a container gets */
	const char *os;
	const char *architecture;
	const char *variant; /* or NULL */
	const char *created; /* or NULL */
	const char *author;  /* or NULL */
	struct digest *diff_ids; /* bottom layer first */
	size_t diff_id_count;
};

/**
 * config_parse() - read and check a configuration
 *
 * Return: 0 with everything @ret_config points to in @arena; or -errno with @e filled.
 */
int config_parse(const char *bytes, size_t length, struct arena *arena, struct config *ret_config,
		 struct err *e);
