/*
 * A tar in a file, perhaps compressed: decompressed in process by libarchive (no program is ever
 * run), hashed and counted on its way into the tar reader. libarchive is used twice, once for the
 * compression and once for the tar, so that the hash is of exactly the bytes that the tar is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/digest.h"
#include "image/hash.h"
#include "image/bounds.h"

struct archive;
struct err;

enum compression {
	COMPRESSION_ANY, /* whatever it turns out to be */
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
	COMPRESSION_XZ,
	COMPRESSION_BZIP2,
};

struct stream {
	struct archive *packed; /* decompresses */
	struct archive *tar;    /* iterate this one */
	struct hash hash;       /* of the tar */
	bool is_unhashed;       /* set after opening when nobody asks for the digest */
	const struct limits *limits;
	struct err *e; /* first fault met while libarchive was calling us */
	int fault;
	char *chunk;
};

/**
 * stream_open() - begin to read
 * @fd:     read from where it stands; borrowed
 * @limits: borrowed until stream_close()
 * @e:      kept until stream_close(): filled from inside of libarchive's callbacks
 *
 * Return: 0; -EINVAL when the bytes are not compressed as @compression says; or -errno.
 */
int stream_open(struct stream *stream, int fd, enum compression compression,
		const struct limits *limits, struct err *e);

/** stream_open_bytes() - as stream_open(), from memory: for the fuzzer. */
int stream_open_bytes(struct stream *stream, const void *bytes, size_t length,
		      enum compression compression, const struct limits *limits, struct err *e);

/** stream_compression() - what it was found to be: never COMPRESSION_ANY. */
enum compression stream_compression(const struct stream *stream);

/** stream_fault() - say what libarchive complains of. Return: -errno with @e filled. */
int stream_fault(struct stream *stream);

/** stream_end() - read what follows the tar's end. Return: 0 with the digest of it all. */
int stream_end(struct stream *stream, struct digest *ret_digest);
void stream_close(struct stream *stream);

#define own_stream __attribute__((cleanup(stream_close)))
