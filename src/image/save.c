#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/index.h"
#include "image/keeper.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/save.h"
#include "image/source.h"

#define COPY_BYTES  (128 << 10)
#define SAVED_MAX   16384 /* blobs of one archive */
#define NAME_BYTES  128

struct save {
	const struct keeper *keeper;
	struct archive *tar;
	struct digest *written; /* each blob once, though many images share it */
	size_t written_count;
	struct err *e;
};

static void save_release(struct save *save)
{
	if (save->tar)
		(void)archive_write_free(save->tar);
	own_mem_drop(&save->written);
}

static int tar_fault(struct save *save)
{
	const char *text = archive_error_string(save->tar);

	return err_set(save->e, EIO, "write archive: %s", text ? text : "failed");
}

static int header_write(struct save *save, const char *name, uint64_t size)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!entry)
		return err_oom(save->e);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, 0, 0); /* the same images make the same bytes */
	r = archive_write_header(save->tar, entry);
	archive_entry_free(entry);
	return r < ARCHIVE_WARN ? tar_fault(save) : 0;
}

static int text_write(struct save *save, const char *name, const struct text *text)
{
	int r;

	if (!text_ok(text))
		return err_oom(save->e);
	r = header_write(save, name, text->length);
	if (r == 0 && archive_write_data(save->tar, text->data, text->length) !=
			      (la_ssize_t)text->length)
		r = tar_fault(save);
	return r;
}

static int fd_write(struct save *save, int fd)
{
	own_mem char *chunk = malloc(COPY_BYTES);
	ssize_t got;

	if (!chunk)
		return err_oom(save->e);
	while ((got = read(fd, chunk, COPY_BYTES))) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(save->e, "read blob");
		if (archive_write_data(save->tar, chunk, (size_t)got) != got)
			return tar_fault(save);
	}
	return 0;
}

static bool is_written(struct save *save, const struct digest *digest)
{
	for (size_t i = 0; i < save->written_count; i++)
		if (digest_equal(&save->written[i], digest))
			return true;
	return false;
}

static int blob_write(struct save *save, const struct digest *digest, const char *before,
		      const char *after)
{
	own_fd int fd = -EBADF;
	char name[NAME_BYTES];
	struct stat st;
	int r;

	if (is_written(save, digest))
		return 0;
	if (save->written_count == SAVED_MAX)
		return err_set(save->e, E2BIG, "more than %d blobs in one archive", SAVED_MAX);
	fd = blob_open(save->keeper, digest, save->e);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(save->e, "stat blob");
	(void)snprintf(name, sizeof(name), "%s%s%s", before, digest_hex(digest), after);
	r = header_write(save, name, (uint64_t)st.st_size);
	if (r == 0)
		r = fd_write(save, fd);
	save->written[save->written_count++] = *digest;
	return r;
}

static int blob_size(struct save *save, const struct digest *digest, uint64_t *ret_size)
{
	own_fd int fd = blob_open(save->keeper, digest, save->e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(save->e, "stat blob");
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

static int oci_blobs(struct save *save, const struct index_image *image)
{
	int r = blob_write(save, &image->manifest, STORE_BLOBS "/", "");

	if (r == 0)
		r = blob_write(save, &image->id, STORE_BLOBS "/", "");
	for (size_t i = 0; r == 0 && i < image->layer_count; i++)
		r = blob_write(save, &image->layers[i].blob, STORE_BLOBS "/", "");
	return r;
}

/* One descriptor for each name, as skopeo and containerd want it; one without for none. */
static int oci_descriptors(struct save *save, const struct save_item *item, struct text *index)
{
	const char *const *name = item->names;
	uint64_t size = 0;
	int r = blob_size(save, &item->image->manifest, &size);

	do {
		text_printf(index,
			    "%s{\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"digest\":\"%s\","
			    "\"size\":%llu",
			    index->data[index->length - 1] == '[' ? "" : ",",
			    item->image->manifest.text, (unsigned long long)size);
		if (*name) {
			text_append(index, ",\"annotations\":{\"" MANIFEST_NAME_CTRD "\":");
			text_json(index, *name);
			text_append(index, ",\"" MANIFEST_NAME_OCI "\":");
			text_json(index, *name);
			text_append(index, "}");
		}
		text_append(index, "}");
	} while (*name && *++name);
	return r;
}

static int oci_save(struct save *save, const struct save_item *items, size_t count)
{
	own_text struct text layout = { 0 }, index = { 0 };
	int r;

	text_append(&layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	text_append(&index, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_INDEX
			    "\",\"manifests\":[");
	r = text_write(save, "oci-layout", &layout);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = oci_blobs(save, items[i].image);
		if (r == 0)
			r = oci_descriptors(save, &items[i], &index);
	}
	text_append(&index, "]}");
	return r < 0 ? r : text_write(save, "index.json", &index);
}

static void docker_item(struct text *list, const struct save_item *item)
{
	const struct index_image *image = item->image;

	text_printf(list, "%s{\"Config\":\"%s.json\",\"RepoTags\":[",
		    list->data[list->length - 1] == '[' ? "" : ",", digest_hex(&image->id));
	for (size_t i = 0; item->names[i]; i++) {
		text_append(list, i ? "," : "");
		text_json(list, reference_short(item->names[i]));
	}
	text_append(list, "],\"Layers\":[");
	for (size_t i = 0; i < image->layer_count; i++)
		text_printf(list, "%s\"%s.tar\"", i ? "," : "",
			    digest_hex(&image->layers[i].blob));
	text_append(list, "]}");
}

static int docker_save(struct save *save, const struct save_item *items, size_t count)
{
	own_text struct text list = { 0 };
	int r = 0;

	text_append(&list, "[");
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct index_image *image = items[i].image;

		r = blob_write(save, &image->id, "", ".json");
		for (size_t k = 0; r == 0 && k < image->layer_count; k++)
			r = blob_write(save, &image->layers[k].blob, "", ".tar");
		docker_item(&list, &items[i]);
	}
	text_append(&list, "]");
	return r < 0 ? r : text_write(save, "manifest.json", &list);
}

int save_images(const struct keeper *keeper, const struct save_item *items, size_t count,
		enum save_format format, int fd, struct err *e)
{
	struct save save __attribute__((cleanup(save_release))) = { .keeper = keeper, .e = e };
	int r;

	save.written = calloc(SAVED_MAX, sizeof(*save.written));
	save.tar = archive_write_new();
	if (!save.written || !save.tar)
		return err_oom(e);
	if (archive_write_set_format_pax_restricted(save.tar) != ARCHIVE_OK ||
	    archive_write_open_fd(save.tar, fd) != ARCHIVE_OK)
		return tar_fault(&save);
	r = format == SAVE_DOCKER ? docker_save(&save, items, count) :
				    oci_save(&save, items, count);
	if (r == 0 && archive_write_close(save.tar) != ARCHIVE_OK)
		r = tar_fault(&save);
	return r;
}
