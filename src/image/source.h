/*
 * Where an image comes from: a tar (of an OCI layout or of `docker save`), or an OCI layout in a
 * directory. Either way a member that is asked for ends as a file in the keeper's work directory
 * that is named by the digest of what was really written there: who made the source cannot change
 * it between check and use, and none of its names or links ever reaches the file system.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/digest.h"
#include "image/bounds.h"

struct err;
struct keeper;

#define SOURCE_MEMBER_MAX 20000

struct source_member {
	char *name;
	char *target; /* of a symbolic or hard link: another member's name; NULL for a file */
	struct digest digest;
	uint64_t size_bytes;
};

struct source {
	struct keeper *keeper;
	const struct limits *limits;
	int layout_fd; /* directory of a layout; -EBADF for an archive */
	struct source_member *members;
	size_t member_count;
	size_t member_capacity;
};

/* Bytes in the work directory, see work_blob(). */
struct blob {
	struct digest digest;
	uint64_t size_bytes;
};

/**
 * source_open() - begin to read
 * @fd: of a file, a pipe, or a layout's directory; borrowed until source_close()
 *
 * An archive is read to its end here, since its members may come in any order.
 *
 * Return: 0; source_close() gives it back; or -errno with @e filled.
 */
int source_open(struct source *source, int fd, struct keeper *keeper, const struct limits *limits,
		struct err *e);
void source_close(struct source *source);
#define own_source __attribute__((cleanup(source_close)))

/** source_get() - bring a member into the work directory. Return: 0; -ENOENT; or -errno. */
int source_get(struct source *source, const char *name, struct blob *ret_blob, struct err *e);

/** source_read() - a member's bytes, at most @bytes_max; free(). Return: as source_get(). */
int source_read(struct source *source, const char *name, size_t bytes_max, struct blob *ret_blob,
		char **ret_bytes, size_t *ret_length, struct err *e);

/** blob_from_fd() - copy @fd to its end into the work directory. */
int blob_from_fd(struct keeper *keeper, int fd, uint64_t bytes_max, struct blob *ret_blob,
		 struct err *e);

/** blob_from_bytes() - put bytes of our own there. */
int blob_from_bytes(struct keeper *keeper, const char *bytes, size_t length, struct blob *ret_blob,
		    struct err *e);

/** blob_open() - read one back, from the work directory or else from the store. */
int blob_open(const struct keeper *keeper, const struct digest *digest, struct err *e);
