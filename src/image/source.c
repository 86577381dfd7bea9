#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/entry.h"
#include "image/hash.h"
#include "image/keeper.h"
#include "image/source.h"
#include "image/stream.h"

#define INCOMING        "incoming"
#define LINK_DEPTH_MAX  8
#define COPY_BYTES      (128 << 10)

/* A file that grows in the work directory until its digest is known. */
struct intake {
	struct keeper *keeper;
	int fd;
	struct hash hash;
	uint64_t bytes_max;
};

static void intake_release(struct intake *intake)
{
	intake->fd = fd_close(intake->fd);
	hash_release(&intake->hash);
}
#define own_intake __attribute__((cleanup(intake_release)))

static int intake_begin(struct intake *intake, struct keeper *keeper, uint64_t bytes_max,
			struct err *e)
{
	*intake = (struct intake){ .keeper = keeper, .fd = -EBADF, .bytes_max = bytes_max };
	intake->fd = openat(keeper->work_fd, INCOMING,
			    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (intake->fd < 0)
		return err_sys(e, "image store: create work file");
	return hash_init(&intake->hash, e);
}

static int intake_add(struct intake *intake, const char *bytes, size_t length, struct err *e)
{
	int r = hash_add(&intake->hash, bytes, length, e);

	if (r == 0 && intake->hash.bytes > intake->bytes_max)
		return err_set(e, EFBIG, "is larger than %llu bytes",
			       (unsigned long long)intake->bytes_max);
	while (r == 0 && length) {
		ssize_t put = write(intake->fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(e, "image store: write work file");
		bytes += put;
		length -= (size_t)put;
	}
	return r;
}

static int intake_end(struct intake *intake, struct blob *ret_blob, struct err *e)
{
	int work_fd = intake->keeper->work_fd;
	char name[WORK_NAME_BYTES];
	int r;

	ret_blob->size_bytes = intake->hash.bytes;
	r = hash_end(&intake->hash, &ret_blob->digest, e);
	if (r < 0)
		return r;
	work_blob(name, &ret_blob->digest);
	if (renameat(work_fd, INCOMING, work_fd, name) < 0)
		return err_sys(e, "image store: rename work file");
	return 0;
}

int blob_from_fd(struct keeper *keeper, int fd, uint64_t bytes_max, struct blob *ret_blob,
		 struct err *e)
{
	own_intake struct intake intake = { .fd = -EBADF };
	own_mem char *chunk = malloc(COPY_BYTES);
	ssize_t got;
	int r;

	if (!chunk)
		return err_oom(e);
	r = intake_begin(&intake, keeper, bytes_max, e);
	while (r == 0 && (got = read(fd, chunk, COPY_BYTES))) {
		if (got < 0 && errno == EINTR)
			continue;
		r = got < 0 ? err_sys(e, "read") : intake_add(&intake, chunk, (size_t)got, e);
	}
	return r < 0 ? r : intake_end(&intake, ret_blob, e);
}

int blob_from_bytes(struct keeper *keeper, const char *bytes, size_t length, struct blob *ret_blob,
		    struct err *e)
{
	own_intake struct intake intake = { .fd = -EBADF };
	int r = intake_begin(&intake, keeper, UINT64_MAX, e);

	if (r == 0)
		r = intake_add(&intake, bytes, length, e);
	return r < 0 ? r : intake_end(&intake, ret_blob, e);
}

int blob_open(const struct keeper *keeper, const struct digest *digest, struct err *e)
{
	char name[WORK_NAME_BYTES], path[128];
	int fd;

	work_blob(name, digest);
	fd = openat(keeper->work_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	(void)snprintf(path, sizeof(path), STORE_BLOBS "/%s", digest_hex(digest));
	fd = openat(keeper->store.root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "image store: open blob %s", digest->text) : fd;
}

static int member_add(struct source *source, const char *name, const char *target,
		      const struct blob *blob, struct err *e)
{
	struct source_member *member;

	if (source->member_count == SOURCE_MEMBER_MAX)
		return err_set(e, EFBIG, "archive has more than %d members", SOURCE_MEMBER_MAX);
	if (source->member_count == source->member_capacity) {
		size_t capacity = source->member_capacity * 2 + 64;
		struct source_member *grown =
			reallocarray(source->members, capacity, sizeof(*grown));

		if (!grown)
			return err_oom(e);
		source->members = grown;
		source->member_capacity = capacity;
	}
	member = &source->members[source->member_count++];
	*member = (struct source_member){ .name = strdup(name),
					  .target = target ? strdup(target) : NULL };
	if (!member->name || (target && !member->target))
		return err_oom(e);
	if (blob) {
		member->digest = blob->digest;
		member->size_bytes = blob->size_bytes;
	}
	return 0;
}

static int member_spool(struct source *source, struct stream *stream, const char *name,
			struct err *e)
{
	own_intake struct intake intake = { .fd = -EBADF };
	own_mem char *chunk = malloc(COPY_BYTES);
	struct blob blob;
	la_ssize_t got;
	int r;

	if (!chunk)
		return err_oom(e);
	r = intake_begin(&intake, source->keeper, source->limits->total_bytes, e);
	while (r == 0 && (got = archive_read_data(stream->tar, chunk, COPY_BYTES)))
		r = got < 0 ? stream_fault(stream) : intake_add(&intake, chunk, (size_t)got, e);
	if (r == 0)
		r = intake_end(&intake, &blob, e);
	return r < 0 ? r : member_add(source, name, NULL, &blob, e);
}

/* The name that a link has in mind, as far as a name can tell: "../x" beside "a/b" is "x". */
static int link_target(const char *name, const char *target, bool is_hard,
		       struct entry_path *ret_target, struct err *e)
{
	own_mem char *parent = strdup(is_hard || *target == '/' ? "" : name);
	own_mem char *joined = NULL;
	char *slash;

	if (!parent)
		return err_oom(e);
	slash = strrchr(parent, '/');
	*(slash ? slash : parent) = '\0';
	while (!is_hard && strncmp(target, "../", 3) == 0 && *parent) {
		slash = strrchr(parent, '/');
		*(slash ? slash : parent) = '\0';
		target += 3;
	}
	if (asprintf(&joined, "%s/%s", parent, target) < 0)
		return err_oom(e);
	return entry_parse(joined, ret_target, e);
}

static int member_take(struct source *source, struct stream *stream, struct archive_entry *entry,
		       struct err *e)
{
	const char *raw = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);
	const char *link = hard ? hard : archive_entry_symlink(entry);
	struct entry_path name, target;
	int r;

	if (!raw)
		return err_set(e, EILSEQ, "archive member with a name that cannot be read");
	r = entry_parse(raw, &name, e);
	if (r < 0)
		return r;
	if (name.kind != ENTRY_PLAIN)
		return 0;
	if (link) {
		r = link_target(name.path, link, hard != NULL, &target, e);
		return r < 0 ? r : member_add(source, name.path, target.path, NULL, e);
	}
	if (archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	return member_spool(source, stream, name.path, e);
}

static int archive_spool(struct source *source, int fd, struct err *e)
{
	own_stream struct stream stream = { 0 };
	struct archive_entry *entry;
	uint64_t count = 0;
	int r = stream_open(&stream, fd, COMPRESSION_ANY, source->limits, e);

	if (r < 0)
		return r;
	stream.is_unhashed = true;
	while ((r = archive_read_next_header(stream.tar, &entry)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			return stream_fault(&stream);
		if (++count > source->limits->entry_count)
			return err_set(e, EFBIG, "has more than %llu entries (--max-entries)",
				       (unsigned long long)source->limits->entry_count);
		r = member_take(source, &stream, entry, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int source_open(struct source *source, int fd, struct keeper *keeper, const struct limits *limits,
		struct err *e)
{
	struct stat st;
	int r;

	*source = (struct source){ .keeper = keeper, .limits = limits, .layout_fd = -EBADF };
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (S_ISDIR(st.st_mode)) {
		source->layout_fd = fd;
		return 0;
	}
	r = archive_spool(source, fd, e);
	if (r < 0)
		source_close(source);
	return r;
}

void source_close(struct source *source)
{
	for (size_t i = 0; i < source->member_count; i++) {
		free(source->members[i].name);
		free(source->members[i].target);
	}
	own_mem_drop(&source->members);
	source->member_count = 0;
}

/* The last of several members of one name counts, as when a tar is unpacked. */
static const struct source_member *member_find(const struct source *source, const char *name)
{
	for (size_t i = source->member_count; i-- > 0;)
		if (strcmp(source->members[i].name, name) == 0)
			return &source->members[i];
	return NULL;
}

static int get_member(struct source *source, const char *name, struct blob *ret_blob,
		      struct err *e)
{
	const struct source_member *member = member_find(source, name);

	for (int depth = 0; member && member->target; depth++) {
		if (depth == LINK_DEPTH_MAX)
			return err_set(e, ELOOP, "archive member '%s' is a link in a circle", name);
		member = member_find(source, member->target);
	}
	if (!member)
		return err_set(e, ENOENT, "archive has no '%s'", name);
	*ret_blob = (struct blob){ member->digest, member->size_bytes };
	return 0;
}

static int get_file(struct source *source, const char *name, struct blob *ret_blob, struct err *e)
{
	own_fd int fd = beneath_open(source->layout_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
				     BENEATH_STRICT);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(e, "open '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is not a regular file", name);
	r = blob_from_fd(source->keeper, fd, source->limits->total_bytes, ret_blob, e);
	return r < 0 ? err_wrap(e, r, "'%s'", name) : 0;
}

int source_get(struct source *source, const char *name, struct blob *ret_blob, struct err *e)
{
	struct entry_path clean;
	int r = entry_parse(name, &clean, e);

	if (r < 0)
		return r;
	return source->layout_fd >= 0 ? get_file(source, clean.path, ret_blob, e) :
					get_member(source, clean.path, ret_blob, e);
}

int source_read(struct source *source, const char *name, size_t bytes_max, struct blob *ret_blob,
		char **ret_bytes, size_t *ret_length, struct err *e)
{
	char work_name[WORK_NAME_BYTES];
	int r = source_get(source, name, ret_blob, e);

	if (r < 0)
		return r;
	work_blob(work_name, &ret_blob->digest);
	r = beneath_read(source->keeper->work_fd, work_name, BENEATH_STRICT, bytes_max, ret_bytes,
			 ret_length, e);
	return r < 0 ? err_wrap(e, r, "'%s'", name) : 0;
}
