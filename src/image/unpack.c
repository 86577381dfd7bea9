#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/entry.h"
#include "image/tree.h"
#include "image/unpack.h"

#define DIRECTORY_COUNT_MAX 1000000 /* whose times are remembered */
#define MODE_MASK           07777

/* A directory's time is set when nothing is made in it any more. */
struct directory_time {
	char *path;
	struct timespec mtime;
};

struct unpack {
	struct stream *stream;
	struct tree tree;
	const struct unpack_how *how;
	struct unpack_result *result;
	struct directory_time *times;
	size_t time_count;
	size_t time_capacity;
	struct err *e;
};

static void times_release(struct unpack *unpack)
{
	for (size_t i = 0; i < unpack->time_count; i++)
		free(unpack->times[i].path);
	own_mem_drop(&unpack->times);
}

static int times_add(struct unpack *unpack, const char *path, struct timespec mtime)
{
	char *copy;

	if (unpack->time_count == DIRECTORY_COUNT_MAX)
		return 0; /* the times of the rest are today's: no reason to refuse an image */
	if (unpack->time_count == unpack->time_capacity) {
		size_t capacity = unpack->time_capacity * 2 + 64;
		struct directory_time *grown =
			reallocarray(unpack->times, capacity, sizeof(*grown));

		if (!grown)
			return err_oom(unpack->e);
		unpack->times = grown;
		unpack->time_capacity = capacity;
	}
	copy = strdup(path);
	if (!copy)
		return err_oom(unpack->e);
	unpack->times[unpack->time_count++] = (struct directory_time){ copy, mtime };
	return 0;
}

/* Later entries may have put something else in a directory's place: then there is no time to set. */
static void times_apply(struct unpack *unpack)
{
	for (size_t i = unpack->time_count; i-- > 0;) {
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, unpack->times[i].mtime };
		own_fd int fd = beneath_open(unpack->tree.root_fd, unpack->times[i].path,
					     O_RDONLY | O_DIRECTORY, 0, BENEATH_STRICT);

		if (fd >= 0)
			(void)futimens(fd, times);
	}
}

static struct timespec entry_mtime(struct archive_entry *entry)
{
	long nsec = archive_entry_mtime_nsec(entry);

	return (struct timespec){ .tv_sec = archive_entry_mtime(entry),
				  .tv_nsec = nsec >= 0 && nsec < 1000000000L ? nsec : 0 };
}

static int owner_of(struct unpack *unpack, struct archive_entry *entry, uid_t *ret_uid,
		    gid_t *ret_gid)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	/* -1 means "leave alone" to chown(), and larger ones would be cut to 32 bits. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(unpack->e, ERANGE, "owner %lld:%lld is no id", (long long)uid,
			       (long long)gid);
	*ret_uid = (uid_t)uid;
	*ret_gid = (gid_t)gid;
	return 0;
}

static int owner_fault(struct unpack *unpack, uid_t uid, gid_t gid)
{
	if (errno == EINVAL)
		return err_set(unpack->e, EINVAL,
			       "owner %u:%u is not among the ids that this user may use "
			       "(needs a larger range in /etc/subuid and /etc/subgid)",
			       uid, gid);
	return err_sys(unpack->e, "give to owner %u:%u", uid, gid);
}

static int xattrs_apply(struct unpack *unpack, int fd, struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t size;

	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (name && entry_xattr_wanted(name) && fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		/* A capability lost in silence is a program that fails later for no reason. */
		if (name && strcmp(name, "security.capability") == 0 &&
		    !unpack->how->squash_owners)
			return err_sys(unpack->e, "set '%s'", name);
		unpack->result->dropped_xattr_count++;
	}
	return 0;
}

/*
 * Owner before mode and capabilities, since a change of owner takes set-id bits and capabilities
 * away.
 */
static int attributes_apply(struct unpack *unpack, int fd, struct archive_entry *entry)
{
	uid_t uid;
	gid_t gid;
	int r = owner_of(unpack, entry, &uid, &gid);

	if (r < 0)
		return r;
	if (!unpack->how->squash_owners && fchown(fd, uid, gid) < 0)
		return owner_fault(unpack, uid, gid);
	if (fchmod(fd, archive_entry_mode(entry) & MODE_MASK) < 0)
		return err_sys(unpack->e, "set mode");
	return xattrs_apply(unpack, fd, entry);
}

/* For what cannot be opened without side effects: nobody else writes here, so names are stable. */
static int attributes_apply_at(struct unpack *unpack, int parent_fd, const char *leaf,
			       struct archive_entry *entry)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry_mtime(entry) };
	uid_t uid;
	gid_t gid;
	int r = owner_of(unpack, entry, &uid, &gid);

	if (r < 0)
		return r;
	if (!unpack->how->squash_owners &&
	    fchownat(parent_fd, leaf, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return owner_fault(unpack, uid, gid);
	if (archive_entry_filetype(entry) != AE_IFLNK &&
	    fchmodat(parent_fd, leaf, archive_entry_mode(entry) & MODE_MASK, 0) < 0)
		return err_sys(unpack->e, "set mode");
	if (utimensat(parent_fd, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(unpack->e, "set time");
	return 0;
}

static int block_write(struct unpack *unpack, int fd, const char *bytes, size_t length,
		       int64_t offset)
{
	while (length) {
		ssize_t put = pwrite(fd, bytes, length, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(unpack->e, "write");
		bytes += put;
		length -= (size_t)put;
		offset += put;
	}
	return 0;
}

/* Holes stay holes: a sparse file costs what its data cost. */
static int contents_write(struct unpack *unpack, int fd, int64_t size)
{
	for (;;) {
		const void *bytes;
		size_t length;
		int64_t offset;
		int r = archive_read_data_block(unpack->stream->tar, &bytes, &length, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return stream_fault(unpack->stream);
		if (offset < 0 || offset > size || length > (uint64_t)(size - offset))
			return err_set(unpack->e, EINVAL, "has data beyond its size");
		r = block_write(unpack, fd, bytes, length, offset);
		if (r < 0)
			return r;
		unpack->result->bytes += length;
	}
	return ftruncate(fd, size) < 0 ? err_sys(unpack->e, "set size") : 0;
}

static int make_file(struct unpack *unpack, int parent_fd, const char *leaf,
		     struct archive_entry *entry)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, entry_mtime(entry) };
	int64_t size = archive_entry_size(entry);
	own_fd int fd = -EBADF;
	int r = tree_clear(parent_fd, leaf, unpack->e);

	if (r < 0)
		return r;
	if (size < 0 || (uint64_t)size > unpack->stream->limits->file_bytes)
		return err_set(unpack->e, EFBIG, "is larger than %llu bytes (--max-file-bytes)",
			       (unsigned long long)unpack->stream->limits->file_bytes);
	fd = openat(parent_fd, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(unpack->e, "create");
	r = contents_write(unpack, fd, size);
	if (r == 0)
		r = attributes_apply(unpack, fd, entry);
	if (r == 0 && futimens(fd, times) < 0)
		r = err_sys(unpack->e, "set time");
	return r;
}

static int make_directory(struct unpack *unpack, int parent_fd, const char *leaf, const char *path,
			  struct archive_entry *entry)
{
	own_fd int fd = -EBADF;
	int r = tree_directory(&unpack->tree, parent_fd, leaf, unpack->e);

	if (r < 0)
		return r;
	fd = openat(parent_fd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(unpack->e, "open directory");
	r = attributes_apply(unpack, fd, entry);
	return r < 0 ? r : times_add(unpack, path, entry_mtime(entry));
}

static int make_symlink(struct unpack *unpack, int parent_fd, const char *leaf,
			struct archive_entry *entry)
{
	const char *target = archive_entry_symlink(entry);
	int r = tree_clear(parent_fd, leaf, unpack->e);

	if (r < 0)
		return r;
	if (!target || !*target)
		return err_set(unpack->e, EINVAL, "is a symbolic link without a target");
	if (symlinkat(target, parent_fd, leaf) < 0)
		return err_sys(unpack->e, "make symbolic link");
	return attributes_apply_at(unpack, parent_fd, leaf, entry);
}

/* The target's name is as foreign as the entry's: the same rules, the same way of opening. */
static int make_hard_link(struct unpack *unpack, int parent_fd, const char *leaf, const char *path,
			  const char *target)
{
	own_fd int target_fd = -EBADF;
	struct entry_path goal;
	const char *goal_leaf;
	int r = entry_parse(target, &goal, unpack->e);

	if (r < 0)
		return err_wrap(unpack->e, r, "hard link");
	if (goal.kind != ENTRY_PLAIN)
		return err_set(unpack->e, EINVAL, "is a hard link to '%.200s'", target);
	if (strcmp(goal.path, path) == 0)
		return 0;
	target_fd = tree_parent(&unpack->tree, goal.path, &goal_leaf, unpack->e);
	if (target_fd < 0)
		return err_wrap(unpack->e, target_fd, "hard link to '%.200s'", target);
	r = tree_look(target_fd, goal_leaf, unpack->e);
	if (r == TREE_NOTHING)
		return err_set(unpack->e, ENOENT, "is a hard link to '%.200s', which is not there",
			       target);
	if (r == TREE_DIRECTORY || r == TREE_WHITEOUT)
		return err_set(unpack->e, EPERM, "is a hard link to '%.200s', which is no file",
			       target);
	if (r == TREE_OTHER)
		r = tree_clear(parent_fd, leaf, unpack->e);
	if (r < 0)
		return r;
	/* Without AT_SYMLINK_FOLLOW a link to a symbolic link is a link to that link. */
	if (linkat(target_fd, goal_leaf, parent_fd, leaf, 0) < 0)
		return err_sys(unpack->e, "hard link to '%.200s'", target);
	return 0;
}

static int make_node(struct unpack *unpack, int parent_fd, const char *leaf,
		     struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype(entry);
	bool is_device = type == AE_IFCHR || type == AE_IFBLK;
	dev_t device = is_device ? makedev((unsigned)archive_entry_rdevmajor(entry),
					   (unsigned)archive_entry_rdevminor(entry)) :
				   0;
	int r;

	if (type == AE_IFCHR && device == makedev(0, 0))
		return err_set(unpack->e, EINVAL,
			       "is character device 0:0, which overlayfs takes for a whiteout");
	if (is_device && unpack->how->skip_devices) {
		unpack->result->dropped_device_count++;
		return 0;
	}
	r = tree_clear(parent_fd, leaf, unpack->e);
	if (r < 0)
		return r;
	if (mknodat(parent_fd, leaf, type | 0600, device) < 0)
		return err_sys(unpack->e, "make node");
	return attributes_apply_at(unpack, parent_fd, leaf, entry);
}

static int make_plain(struct unpack *unpack, const char *path, struct archive_entry *entry)
{
	const char *leaf, *target = archive_entry_hardlink(entry);
	own_fd int parent_fd = tree_parent(&unpack->tree, path, &leaf, unpack->e);

	if (parent_fd < 0)
		return parent_fd;
	if (target)
		return make_hard_link(unpack, parent_fd, leaf, path, target);
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return make_file(unpack, parent_fd, leaf, entry);
	case AE_IFDIR:
		return make_directory(unpack, parent_fd, leaf, path, entry);
	case AE_IFLNK:
		return make_symlink(unpack, parent_fd, leaf, entry);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
	case AE_IFSOCK:
		return make_node(unpack, parent_fd, leaf, entry);
	default:
		return err_set(unpack->e, EINVAL, "is of an unknown type");
	}
}

static int make_root(struct unpack *unpack, struct archive_entry *entry)
{
	int r;

	if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry))
		return err_set(unpack->e, EINVAL, "the root should be a directory");
	r = attributes_apply(unpack, unpack->tree.root_fd, entry);
	return r < 0 ? r : times_add(unpack, ".", entry_mtime(entry));
}

static int make_whiteout(struct unpack *unpack, const char *path)
{
	const char *leaf;
	own_fd int parent_fd = tree_parent(&unpack->tree, path, &leaf, unpack->e);

	return parent_fd < 0 ? parent_fd :
			       tree_whiteout(&unpack->tree, parent_fd, leaf, unpack->e);
}

static int make_entry(struct unpack *unpack, const struct entry_path *name,
		      struct archive_entry *entry)
{
	switch (name->kind) {
	case ENTRY_ROOT:
		return make_root(unpack, entry);
	case ENTRY_PLAIN:
		return make_plain(unpack, name->path, entry);
	case ENTRY_WHITEOUT:
		return make_whiteout(unpack, name->path);
	case ENTRY_OPAQUE:
		return tree_opaque(&unpack->tree, name->path, unpack->e);
	case ENTRY_NOTHING:
		return 0;
	}
	return 0;
}

static int entry_next(struct unpack *unpack, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	struct entry_path path;
	int r;

	if (!name)
		return err_set(unpack->e, EILSEQ, "entry with a name that cannot be read");
	if (++unpack->result->entry_count > unpack->stream->limits->entry_count)
		return err_set(unpack->e, EFBIG, "has more than %llu entries (--max-entries)",
			       (unsigned long long)unpack->stream->limits->entry_count);
	r = entry_parse(name, &path, unpack->e);
	if (r < 0)
		return r;
	r = make_entry(unpack, &path, entry);
	return r < 0 ? err_wrap(unpack->e, r, "entry '%.300s'", name) : 0;
}

static int entries_all(struct unpack *unpack)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(unpack->stream->tar, &entry)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			return stream_fault(unpack->stream);
		r = entry_next(unpack, entry);
		if (r < 0)
			return r;
	}
	return 0;
}

int unpack_stream(struct stream *stream, int root_fd, const struct unpack_how *how,
		  struct unpack_result *ret_result, struct err *e)
{
	struct unpack unpack __attribute__((cleanup(times_release))) = {
		.stream = stream,
		.tree = { .root_fd = root_fd, .wants_userxattr = how->wants_userxattr },
		.how = how,
		.result = ret_result,
		.e = e,
	};
	int r = entries_all(&unpack);

	ret_result->compression = stream_compression(stream);
	if (r == 0)
		times_apply(&unpack);
	return r < 0 ? r : stream_end(stream, &ret_result->diff_id);
}

int unpack_layer(int blob_fd, enum compression compression, int root_fd,
		 const struct unpack_how *how, const struct limits *limits,
		 struct unpack_result *ret_result, struct err *e)
{
	own_stream struct stream stream = { 0 };
	int r;

	*ret_result = (struct unpack_result){ 0 };
	r = stream_open(&stream, blob_fd, compression, limits, e);
	return r < 0 ? r : unpack_stream(&stream, root_fd, how, ret_result, e);
}
