#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "image/client.h"
#include "image/index.h"
#include "image/member.h"
#include "image/reference.h"

#define INDEX_FILE      "index.json"
#define INDEX_FILE_NEW  "index.json.new"
#define INDEX_VERSION   1
#define IMAGE_COUNT_MAX 100000
#define NAME_COUNT_MAX  4096
#define SHORT_ID_MIN    3

void index_init(struct index *index, struct arena *arena, bool wants_userxattr)
{
	*index = (struct index){ .arena = arena, .wants_userxattr = wants_userxattr };
}

static int digest_member(struct json_object *from, const char *key, struct arena *arena,
			 struct digest *ret_digest, struct err *e)
{
	const char *text;
	int r = member_text(from, key, arena, &text, e);

	if (r < 0)
		return r;
	return digest_parse(text ? text : "", key, ret_digest, e);
}

static int layers_read(struct json_object *from, struct arena *arena, struct index_image *image,
		       struct err *e)
{
	struct json_object *array;
	int r = member_array(from, "layers", IMAGE_LAYERS_MAX, &array, e);

	if (r < 0 || !array)
		return r;
	image->layer_count = json_object_array_length(array);
	image->layers = arena_new_array(arena, struct index_layer, image->layer_count + 1);
	if (!image->layers)
		return err_oom(e);
	for (size_t i = 0; r == 0 && i < image->layer_count; i++) {
		struct json_object *layer = json_object_array_get_idx(array, i);

		r = digest_member(layer, "diffId", arena, &image->layers[i].diff_id, e);
		if (r == 0)
			r = digest_member(layer, "blob", arena, &image->layers[i].blob, e);
		if (r == 0)
			r = member_count(layer, "bytes", &image->layers[i].bytes, e);
	}
	return r;
}

static int names_read(struct json_object *from, struct arena *arena, struct index_image *image,
		      struct err *e)
{
	struct json_object *array;
	int r = member_array(from, "names", NAME_COUNT_MAX, &array, e);

	if (r < 0 || !array)
		return r;
	image->name_count = json_object_array_length(array);
	image->names = arena_new_array(arena, const char *, image->name_count + 1);
	if (!image->names)
		return err_oom(e);
	for (size_t i = 0; r == 0 && i < image->name_count; i++)
		r = element_text(array, i, "names", arena, &image->names[i], e);
	return r;
}

static int image_read(struct json_object *from, struct arena *arena, struct index_image *image,
		      struct err *e)
{
	int r;

	if (json_object_get_type(from) != json_type_object)
		return err_set(e, EINVAL, "'images' should have only objects");
	r = digest_member(from, "id", arena, &image->id, e);
	if (r == 0)
		r = digest_member(from, "manifest", arena, &image->manifest, e);
	if (r == 0)
		r = member_text(from, "platform", arena, &image->platform, e);
	if (r == 0)
		r = member_text(from, "created", arena, &image->created, e);
	if (r == 0)
		r = member_count(from, "loaded", &image->loaded_s, e);
	if (r == 0)
		r = names_read(from, arena, image, e);
	if (r == 0)
		r = layers_read(from, arena, image, e);
	return r;
}

static int root_read(struct json_object *root, struct arena *arena, struct index *index,
		     struct err *e)
{
	uint64_t version = 0;
	struct json_object *array;
	const char *xattr;
	int r = member_count(root, "version", &version, e);

	if (r == 0 && version != INDEX_VERSION)
		return err_set(e, EPROTO, "is of version %llu, this gabion knows %d",
			       (unsigned long long)version, INDEX_VERSION);
	if (r == 0)
		r = member_text(root, "overlayXattr", arena, &xattr, e);
	if (r == 0)
		r = member_array(root, "images", IMAGE_COUNT_MAX, &array, e);
	if (r < 0)
		return r;
	index_init(index, arena, xattr && strcmp(xattr, "user") == 0);
	index->capacity = (array ? json_object_array_length(array) : 0) + 8;
	index->images = arena_new_array(arena, struct index_image, index->capacity);
	if (!index->images)
		return err_oom(e);
	for (; r == 0 && array && index->count < json_object_array_length(array); index->count++)
		r = image_read(json_object_array_get_idx(array, index->count), arena,
			       &index->images[index->count], e);
	return r;
}

int index_read(int root_fd, struct arena *arena, struct index *ret_index, struct err *e)
{
	own_json struct json_object *root = NULL;
	struct index index;
	int r = json_read_at(root_fd, INDEX_FILE, &root, e);

	if (r < 0)
		return r;
	r = root_read(root, arena, &index, e);
	if (r < 0)
		return err_wrap(e, r, "image store: '" INDEX_FILE "'");
	*ret_index = index;
	return 0;
}

static void image_print(const struct index_image *image, struct text *out)
{
	text_printf(out, "{\"id\":\"%s\",\"manifest\":\"%s\",\"platform\":", image->id.text,
		    image->manifest.text);
	text_json(out, image->platform);
	text_append(out, ",\"created\":");
	text_json(out, image->created);
	text_printf(out, ",\"loaded\":%llu,\"names\":[", (unsigned long long)image->loaded_s);
	for (size_t i = 0; i < image->name_count; i++) {
		text_append(out, i ? "," : "");
		text_json(out, image->names[i]);
	}
	text_append(out, "],\"layers\":[");
	for (size_t i = 0; i < image->layer_count; i++)
		text_printf(out, "%s{\"diffId\":\"%s\",\"blob\":\"%s\",\"bytes\":%llu}",
			    i ? "," : "", image->layers[i].diff_id.text, image->layers[i].blob.text,
			    (unsigned long long)image->layers[i].bytes);
	text_append(out, "]}");
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

int index_write(int root_fd, const struct index *index, struct err *e)
{
	own_text struct text out = { 0 };
	own_fd int fd = -EBADF;

	text_printf(&out, "{\"version\":%d,\"overlayXattr\":\"%s\",\"images\":[", INDEX_VERSION,
		    index->wants_userxattr ? "user" : "trusted");
	for (size_t i = 0; i < index->count; i++) {
		text_append(&out, i ? ",\n" : "\n");
		image_print(&index->images[i], &out);
	}
	text_append(&out, "]}\n");
	if (!text_ok(&out))
		return err_oom(e);

	fd = openat(root_fd, INDEX_FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return err_sys(e, "image store: create '" INDEX_FILE_NEW "'");
	if (write_all(fd, out.data, out.length) < 0 || fsync(fd) < 0)
		return err_sys(e, "image store: write '" INDEX_FILE_NEW "'");
	if (renameat(root_fd, INDEX_FILE_NEW, root_fd, INDEX_FILE) < 0 || fsync(root_fd) < 0)
		return err_sys(e, "image store: replace '" INDEX_FILE "'");
	return 0;
}

struct index_image *index_by_id(const struct index *index, const struct digest *id)
{
	for (size_t i = 0; i < index->count; i++)
		if (digest_equal(&index->images[i].id, id))
			return &index->images[i];
	return NULL;
}

static const char *image_name(const struct index_image *image, const char *name)
{
	for (size_t i = 0; i < image->name_count; i++)
		if (strcmp(image->names[i], name) == 0)
			return image->names[i];
	return NULL;
}

static struct index_image *find_name(const struct index *index, const char *name,
				     const char **ret_name)
{
	for (size_t i = 0; i < index->count; i++) {
		*ret_name = image_name(&index->images[i], name);
		if (*ret_name)
			return &index->images[i];
	}
	return NULL;
}

static struct index_image *find_digest(const struct index *index, const struct digest *digest)
{
	for (size_t i = 0; i < index->count; i++)
		if (digest_equal(&index->images[i].manifest, digest))
			return &index->images[i];
	return index_by_id(index, digest);
}

static struct index_image *find_reference(const struct index *index, const char *text,
					  const char **ret_name)
{
	struct index_image *image;
	struct reference reference;
	char local[IMAGE_NAME_BYTES_MAX + sizeof("localhost/")];

	if (reference_parse(text, &reference, NULL) < 0)
		return NULL;
	if (reference.has_digest)
		return find_digest(index, &reference.digest);
	image = find_name(index, reference.name, ret_name);
	if (image || !reference_is_bare(text))
		return image;
	(void)snprintf(local, sizeof(local), "localhost/%s", text);
	if (reference_parse(local, &reference, NULL) < 0)
		return NULL;
	return find_name(index, reference.name, ret_name);
}

/* Return: 0 with the only image whose id starts so; -ENOENT; -ENOTUNIQ. */
static int find_short_id(const struct index *index, const char *text,
			 struct index_image **ret_image)
{
	size_t length = strlen(text);

	*ret_image = NULL;
	if (length < SHORT_ID_MIN || strspn(text, "0123456789abcdef") != length)
		return -ENOENT;
	for (size_t i = 0; i < index->count; i++) {
		if (strncmp(digest_hex(&index->images[i].id), text, length) != 0)
			continue;
		if (*ret_image)
			return -ENOTUNIQ;
		*ret_image = &index->images[i];
	}
	return *ret_image ? 0 : -ENOENT;
}

int index_find(const struct index *index, const char *text, struct index_image **ret_image,
	       const char **ret_name, struct err *e)
{
	size_t prefix = strncmp(text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1) ?
				0 :
				sizeof(DIGEST_PREFIX) - 1;
	const char *name = NULL;
	int r = 0;

	*ret_image = prefix ? NULL : find_reference(index, text, &name);
	if (!*ret_image)
		r = find_short_id(index, text + prefix, ret_image);
	if (r == -ENOENT && prefix) { /* not an id: the digest of a manifest, then */
		struct digest digest;

		*ret_image = digest_parse(text, "image", &digest, NULL) == 0 ?
				     find_digest(index, &digest) :
				     NULL;
		r = *ret_image ? 0 : -ENOENT;
	}
	if (r == -ENOTUNIQ)
		return err_set(e, -r, "image id '%s' fits more than one image", text);
	if (r < 0)
		return err_set(e, -r, "no such image: '%.300s'", text);
	*ret_name = name;
	return 0;
}

static int images_reserve(struct index *index, struct err *e)
{
	size_t capacity = index->capacity * 2 + 8;
	struct index_image *grown;

	if (index->count < index->capacity)
		return 0;
	grown = arena_new_array(index->arena, struct index_image, capacity);
	if (!grown)
		return err_oom(e);
	if (index->count)
		memcpy(grown, index->images, index->count * sizeof(*grown));
	index->images = grown;
	index->capacity = capacity;
	return 0;
}

int index_add(struct index *index, const struct index_image *image, struct index_image **ret_image,
	      struct err *e)
{
	struct index_image *entry = index_by_id(index, &image->id);
	int r;

	if (!entry) {
		r = images_reserve(index, e);
		if (r < 0)
			return r;
		entry = &index->images[index->count++];
		*entry = *image;
		entry->names = NULL;
		entry->name_count = 0;
	} else {
		const char **names = entry->names;
		size_t name_count = entry->name_count;

		*entry = *image;
		entry->names = names;
		entry->name_count = name_count;
	}
	*ret_image = entry;
	return 0;
}

int index_name(struct index *index, struct index_image *image, const char *name, struct err *e)
{
	const char **names;

	if (image_name(image, name))
		return 0;
	if (image->name_count == NAME_COUNT_MAX)
		return err_set(e, E2BIG, "image has %d names already", NAME_COUNT_MAX);
	index_unname(index, name);
	names = arena_new_array(index->arena, const char *, image->name_count + 1);
	if (!names)
		return err_oom(e);
	if (image->name_count)
		memcpy(names, image->names, image->name_count * sizeof(*names));
	names[image->name_count] = arena_strdup(index->arena, name);
	if (!names[image->name_count])
		return err_oom(e);
	image->names = names;
	image->name_count++;
	return 0;
}

void index_unname(struct index *index, const char *name)
{
	const char *found = NULL;
	struct index_image *image = find_name(index, name, &found);

	if (!image)
		return;
	for (size_t i = 0; i < image->name_count; i++)
		if (image->names[i] == found)
			image->names[i] = image->names[--image->name_count];
}

void index_remove(struct index *index, struct index_image *image)
{
	size_t at = (size_t)(image - index->images);

	index->count--;
	memmove(image, image + 1, (index->count - at) * sizeof(*image));
}

uint64_t index_bytes(const struct index_image *image)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		bytes += image->layers[i].bytes;
	return bytes;
}
