/* Images out of the store again: the blobs exactly as they came, in one deterministic tar. */
#pragma once

#include <stddef.h>

struct err;
struct index_image;
struct keeper;

enum save_format {
	SAVE_OCI,    /* an OCI layout in a tar: also skopeo's and Podman's oci-archive */
	SAVE_DOCKER, /* what `docker load` reads */
};

/* An image and the names it shall have in the archive. */
struct save_item {
	const struct index_image *image;
	const char *const *names; /* full references; ends with NULL, may be empty */
};

/**
 * save_images() - write an archive
 * @fd: where to; borrowed
 *
 * Return: 0; or -errno with @e filled, and what was written is not an archive.
 */
int save_images(const struct keeper *keeper, const struct save_item *items, size_t count,
		enum save_format format, int fd, struct err *e);
