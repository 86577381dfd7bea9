/*
 * Changing a store, so that a reader and a kill -9 at any moment find it whole. Everything new is
 * made in a work directory below tmp/ that its maker holds locked; a commit moves it into place by
 * rename and replaces the index, under the exclusive lock. What a killed keeper left behind, its
 * work directory or contents that no index names, the next one takes away.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "image/store.h"

struct arena;
struct digest;
struct err;
struct index;
struct index_image;

struct keeper {
	struct image_store store;
	int work_fd;         /* the work directory, locked; -EBADF: none */
	char work_path[64];  /* below the store's root */
	bool wants_userxattr;
	unsigned trash_count;
};

/**
 * keeper_open() - open a store for writing, making it if there is none
 *
 * Return: 0; keeper_close() gives back the work directory with all that was not committed; or
 * -errno with @e filled.
 */
int keeper_open(const char *root, struct keeper *ret_keeper, struct err *e);
void keeper_close(struct keeper *keeper);
#define own_keeper __attribute__((cleanup(keeper_close)))

/** keeper_begin() - take the exclusive lock and read the index. keeper_end() lets go. */
int keeper_begin(struct keeper *keeper, struct arena *arena, struct index *ret_index,
		 struct err *e);
void keeper_end(struct keeper *keeper);

/** keeper_has() - does the store, not the work directory, have this? @folder: STORE_BLOBS, ... */
bool keeper_has(const struct keeper *keeper, const char *folder, const struct digest *digest);

/**
 * keeper_settle() - move an image's layers and blobs from the work directory into place
 *
 * Under the exclusive lock, after keeper_flush(). Return: 0; -EAGAIN when something that the image
 * needs is neither here nor there, because another keeper took it away; or -errno.
 */
int keeper_settle(struct keeper *keeper, const struct index_image *image, struct err *e);

/** keeper_flush() - wait until the work directory is on disk; before the lock is taken. */
int keeper_flush(struct keeper *keeper, struct err *e);

/**
 * keeper_collect() - take away what @index does not name
 *
 * Under the exclusive lock, after the index was written. Things are only moved aside here; the time
 * that removing takes is spent in keeper_close().
 */
int keeper_collect(struct keeper *keeper, const struct index *index, struct err *e);

/** keeper_holders() - who holds image @id? Calls @each for every owner. Return: their count. */
int keeper_holders(const struct keeper *keeper, const struct digest *id,
		   void (*each)(const char *owner, void *data), void *data, struct err *e);

/* Names in the work directory. */
#define WORK_NAME_BYTES 80
void work_blob(char name[WORK_NAME_BYTES], const struct digest *digest);
void work_layer(char name[WORK_NAME_BYTES], const struct digest *diff_id);
