/*
 * index.json of a store: which images there are, what they are called, which layers and blobs they
 * stand on. Everything that the store keeps is kept because this file names it. Read without a lock
 * (it is replaced by rename), changed only under the exclusive one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/digest.h"

struct arena;
struct err;

struct index_layer {
	struct digest diff_id; /* of the tar: names the directory below layers/ */
	struct digest blob;    /* of the bytes as they came, compressed or not */
	uint64_t bytes;        /* of all files, unpacked */
};

struct index_image {
	struct digest id;       /* of the configuration */
	struct digest manifest;
	const char *platform;   /* "linux/amd64" */
	const char *created;    /* as the image says, or NULL */
	uint64_t loaded_s;      /* when it came, seconds since 1970 */
	const char **names;     /* full references, see reference.h */
	size_t name_count;
	struct index_layer *layers; /* bottom first */
	size_t layer_count;
};

struct index {
	struct arena *arena; /* borrowed; holds all that is below */
	bool wants_userxattr; /* the layers' overlay marks are user.overlay.*, not trusted.overlay.* */
	struct index_image *images;
	size_t count;
	size_t capacity;
};

/** index_init() - an index without images, for a new store. */
void index_init(struct index *index, struct arena *arena, bool wants_userxattr);

/**
 * index_read() - read index.json
 * @root_fd: the store; borrowed
 *
 * Return: 0; -ENOENT when there is none; or -errno with @e filled.
 */
int index_read(int root_fd, struct arena *arena, struct index *ret_index, struct err *e);

/** index_write() - replace index.json, on disk when it returns. Under the exclusive lock. */
int index_write(int root_fd, const struct index *index, struct err *e);

/**
 * index_find() - the image that a person means
 * @text: see image_resolve()
 * @ret_name: its full name in @index, or NULL when @text is an id or a digest
 *
 * Return: 0 with a borrowed image; -ENOENT; -ENOTUNIQ; each with @e filled.
 */
int index_find(const struct index *index, const char *text, struct index_image **ret_image,
	       const char **ret_name, struct err *e);

/** index_by_id() - Return: the image, borrowed, or NULL. */
struct index_image *index_by_id(const struct index *index, const struct digest *id);

/**
 * index_add() - enter an image, or renew the entry of the same id; names that it has stay
 *
 * Return: 0 with the entry in @ret_image, borrowed until the next index_add(); or -ENOMEM.
 */
int index_add(struct index *index, const struct index_image *image, struct index_image **ret_image,
	      struct err *e);

/** index_name() - give @image the full name @name and take it from whoever had it. */
int index_name(struct index *index, struct index_image *image, const char *name, struct err *e);

/** index_unname() - take a name away; nothing happens if nobody has it. */
void index_unname(struct index *index, const char *name);

/** index_remove() - forget an image. Entries behind it move. */
void index_remove(struct index *index, struct index_image *image);

/** index_bytes() - the size of an image: its layers unpacked. */
uint64_t index_bytes(const struct index_image *image);
