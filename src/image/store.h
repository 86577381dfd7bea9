/*
 * The directory that image/client.h describes, for those inside image/ who need more of it than
 * image_resolve(): its places, its lock, its holds.
 */
#pragma once

#include "image/client.h"

struct digest;
struct err;

#define STORE_LOCK   "lock"
#define STORE_BLOBS  "blobs/sha256"
#define STORE_LAYERS "layers"
#define STORE_HOLDS  "holds"
#define STORE_TMP    "tmp"

#define STORE_OWNER_BYTES_MAX 255 /* of a hold: a container id is a file name */

/** store_root_path() - where the store of this user is. Return: 0 with a path to free(); -errno. */
int store_root_path(const char *root, char **ret_path, struct err *e);

/**
 * store_lock() - flock() the store
 * @operation: LOCK_SH or LOCK_EX
 *
 * Nobody holds it while reading an archive or unpacking, so the wait is short. store_unlock() or
 * the end of the process lets go.
 */
int store_lock(const struct image_store *store, int operation, struct err *e);
void store_unlock(const struct image_store *store);

/** store_hold() - let @owner stand on image @id. Under the shared lock. */
int store_hold(const struct image_store *store, const char *owner, const struct digest *id,
	       struct err *e);
