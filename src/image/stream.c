#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/own.h"
#include "image/stream.h"

#define STREAM_CHUNK_BYTES (128 << 10)

static const struct {
	enum compression compression;
	const char *name;
	int code;
	int (*enable)(struct archive *);
} filters[] = {
	{ COMPRESSION_NONE, "none", ARCHIVE_FILTER_NONE, archive_read_support_filter_none },
	{ COMPRESSION_GZIP, "gzip", ARCHIVE_FILTER_GZIP, archive_read_support_filter_gzip },
	{ COMPRESSION_ZSTD, "zstd", ARCHIVE_FILTER_ZSTD, archive_read_support_filter_zstd },
	{ COMPRESSION_XZ, "xz", ARCHIVE_FILTER_XZ, archive_read_support_filter_xz },
	{ COMPRESSION_BZIP2, "bzip2", ARCHIVE_FILTER_BZIP2, archive_read_support_filter_bzip2 },
};
#define FILTER_COUNT (sizeof(filters) / sizeof(*filters))

static int packed_fault(struct stream *stream)
{
	const char *text = archive_error_string(stream->packed);

	stream->fault = err_set(stream->e, EBADMSG, "decompress: %s",
				text ? text : "damaged data");
	return stream->fault;
}

static int filters_enable(struct stream *stream, enum compression compression)
{
	for (size_t i = 0; i < FILTER_COUNT; i++) {
		if (compression != COMPRESSION_ANY && filters[i].compression != compression)
			continue;
		/* ARCHIVE_WARN: this libarchive would run a program for it; that never happens */
		if (filters[i].enable(stream->packed) != ARCHIVE_OK)
			return err_set(stream->e, ENOTSUP, "libarchive was built without %s",
				       filters[i].name);
	}
	return 0;
}

/* libarchive peels layer after layer; an image has one at most, and what it says it has. */
static int filters_check(struct stream *stream, enum compression compression)
{
	int code = archive_filter_code(stream->packed, 0);

	if (archive_filter_count(stream->packed) > 2)
		return err_set(stream->e, EINVAL, "compressed more than once");
	for (size_t i = 0; i < FILTER_COUNT; i++)
		if (filters[i].compression == compression && filters[i].code != code)
			return err_set(stream->e, EINVAL, "should be compressed with %s, is %s",
				       filters[i].name, archive_filter_name(stream->packed, 0));
	return 0;
}

static int limits_check(struct stream *stream)
{
	int64_t in = archive_filter_bytes(stream->packed, -1);
	uint64_t out = stream->hash.bytes, packed = in > 0 ? (uint64_t)in : 1;
	const struct limits *limits = stream->limits;

	if (out > limits->total_bytes)
		return err_set(stream->e, EFBIG, "holds more than %llu bytes (--max-bytes)",
			       (unsigned long long)limits->total_bytes);
	if (out > limits->ratio_free_bytes && out / packed > limits->ratio)
		return err_set(stream->e, EFBIG,
			       "expands more than %llu times: a decompression bomb (--max-ratio)",
			       (unsigned long long)limits->ratio);
	return 0;
}

/* The tar reader asks for more: decompress, count, hash. */
static la_ssize_t tar_read(struct archive *tar, void *data, const void **ret_bytes)
{
	struct stream *stream = data;
	la_ssize_t got = archive_read_data(stream->packed, stream->chunk, STREAM_CHUNK_BYTES);

	if (got < 0)
		(void)packed_fault(stream);
	else if (stream->is_unhashed)
		stream->hash.bytes += (uint64_t)got;
	else
		stream->fault =
			hash_add(&stream->hash, stream->chunk, (size_t)got, stream->e);
	if (stream->fault == 0)
		stream->fault = limits_check(stream);
	if (stream->fault < 0) {
		archive_set_error(tar, EBADMSG, "the stream ended in a fault");
		return -1;
	}
	*ret_bytes = stream->chunk;
	return got;
}

static int tar_open(struct stream *stream)
{
	stream->tar = archive_read_new();
	stream->chunk = malloc(STREAM_CHUNK_BYTES);
	if (!stream->tar || !stream->chunk)
		return err_oom(stream->e);
	if (archive_read_support_filter_none(stream->tar) != ARCHIVE_OK ||
	    archive_read_support_format_tar(stream->tar) != ARCHIVE_OK ||
	    archive_read_open(stream->tar, stream, NULL, tar_read, NULL) != ARCHIVE_OK)
		return stream_fault(stream);
	return 0;
}

static int packed_new(struct stream *stream, enum compression compression,
		      const struct limits *limits, struct err *e)
{
	int r;

	*stream = (struct stream){ .limits = limits, .e = e };
	stream->packed = archive_read_new();
	if (!stream->packed)
		return err_oom(e);
	r = hash_init(&stream->hash, e);
	if (r == 0)
		r = filters_enable(stream, compression);
	if (r == 0 && archive_read_support_format_raw(stream->packed) != ARCHIVE_OK)
		r = packed_fault(stream);
	return r;
}

static int packed_begin(struct stream *stream, int opened, enum compression compression)
{
	struct archive_entry *entry;
	int r;

	if (opened != ARCHIVE_OK)
		return packed_fault(stream);
	if (archive_read_next_header(stream->packed, &entry) != ARCHIVE_OK)
		return packed_fault(stream);
	r = filters_check(stream, compression);
	return r < 0 ? r : tar_open(stream);
}

int stream_open(struct stream *stream, int fd, enum compression compression,
		const struct limits *limits, struct err *e)
{
	int r = packed_new(stream, compression, limits, e);

	if (r == 0)
		r = packed_begin(stream,
				 archive_read_open_fd(stream->packed, fd, STREAM_CHUNK_BYTES),
				 compression);
	if (r < 0)
		stream_close(stream);
	return r;
}

int stream_open_bytes(struct stream *stream, const void *bytes, size_t length,
		      enum compression compression, const struct limits *limits, struct err *e)
{
	int r = packed_new(stream, compression, limits, e);

	if (r == 0)
		r = packed_begin(stream, archive_read_open_memory(stream->packed, bytes, length),
				 compression);
	if (r < 0)
		stream_close(stream);
	return r;
}

enum compression stream_compression(const struct stream *stream)
{
	int code = archive_filter_code(stream->packed, 0);

	for (size_t i = 0; i < FILTER_COUNT; i++)
		if (filters[i].code == code)
			return filters[i].compression;
	return COMPRESSION_NONE;
}

int stream_fault(struct stream *stream)
{
	const char *text = stream->tar ? archive_error_string(stream->tar) : NULL;

	if (stream->fault < 0)
		return stream->fault;
	return err_set(stream->e, EBADMSG, "not a sound tar: %s", text ? text : "damaged data");
}

int stream_end(struct stream *stream, struct digest *ret_digest)
{
	const void *bytes;
	la_ssize_t got;

	/* Padding and whatever else stands behind the tar's end belongs to its digest. */
	do
		got = tar_read(stream->tar, stream, &bytes);
	while (got > 0);
	if (got < 0)
		return stream->fault;
	return hash_end(&stream->hash, ret_digest, stream->e);
}

void stream_close(struct stream *stream)
{
	if (stream->tar)
		(void)archive_read_free(stream->tar);
	if (stream->packed)
		(void)archive_read_free(stream->packed);
	hash_release(&stream->hash);
	own_mem_drop(&stream->chunk);
	*stream = (struct stream){ 0 };
}
