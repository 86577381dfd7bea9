#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "image/config.h"
#include "image/index.h"
#include "image/keeper.h"
#include "image/load.h"
#include "image/reference.h"
#include "image/source.h"
#include "image/tree.h"

#define UNPACKING     "unpacking"
#define IMAGE_MAX     64 /* of one source */
#define LIST_DEPTH    3  /* an index of indexes */
#define COMMIT_TRIES  3

struct load {
	struct keeper *keeper;
	const struct load_how *how;
	struct source *source;
	struct arena *arena;
	struct index index; /* as it was when we began: what need not be unpacked again */
	bool distrust_index; /* a layer that it named was gone when we wanted to commit */
	struct index_image images[IMAGE_MAX];
	size_t count;
	size_t skipped; /* other platforms */
	struct err *e;
};

/* A layer as the source names it; what it turns out to be is filled in. */
struct layer_want {
	struct digest blob;
	struct digest diff_id;
	enum compression compression;
	uint64_t bytes;
};

static const char *compression_suffix(enum compression compression)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return "+gzip";
	case COMPRESSION_ZSTD:
		return "+zstd";
	case COMPRESSION_XZ:
		return "+xz";
	case COMPRESSION_BZIP2:
		return "+bzip2";
	case COMPRESSION_ANY:
	case COMPRESSION_NONE:
		break;
	}
	return "";
}

/* Unpack @blob into the work directory. */
static int layer_unpack(struct load *load, const struct digest *blob, enum compression compression,
			struct unpack_result *result)
{
	struct keeper *keeper = load->keeper;
	own_fd int blob_fd = blob_open(keeper, blob, load->e), root_fd = -EBADF;
	int r;

	if (blob_fd < 0)
		return blob_fd;
	r = tree_remove(keeper->work_fd, UNPACKING, load->e);
	if (r < 0)
		return r;
	if (mkdirat(keeper->work_fd, UNPACKING, 0755) < 0)
		return err_sys(load->e, "image store: make work directory");
	root_fd = openat(keeper->work_fd, UNPACKING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(load->e, "image store: open work directory");
	r = unpack_layer(blob_fd, compression, root_fd, &load->how->unpack, &load->how->limits,
			 result, load->e);
	if (r < 0)
		return err_wrap(load->e, r, "layer %.19s", blob->text);
	if (result->dropped_device_count)
		log_warning("layer %.19s: %llu device nodes left out (not possible without root)",
			    blob->text, (unsigned long long)result->dropped_device_count);
	if (result->dropped_xattr_count)
		log_debug("layer %.19s: %llu extended attributes left out", blob->text,
			  (unsigned long long)result->dropped_xattr_count);
	return 0;
}

static int layer_name_it(struct load *load, const struct digest *diff_id)
{
	int work_fd = load->keeper->work_fd;
	char name[WORK_NAME_BYTES];

	work_layer(name, diff_id);
	if (renameat(work_fd, UNPACKING, work_fd, name) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY) /* the same layer once more */
		return tree_remove(work_fd, UNPACKING, load->e);
	return err_sys(load->e, "image store: rename layer");
}

static const struct index_layer *layer_in(const struct index_image *images, size_t count,
					  const struct layer_want *want)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < images[i].layer_count; k++) {
			const struct index_layer *layer = &images[i].layers[k];

			if (digest_equal(&layer->diff_id, &want->diff_id) &&
			    digest_equal(&layer->blob, &want->blob))
				return layer;
		}
	return NULL;
}

/* Verified and unpacked before: this very blob as this very layer. */
static const struct index_layer *layer_known(struct load *load, const struct layer_want *want)
{
	const struct index_layer *layer = layer_in(load->images, load->count, want);

	if (layer || load->distrust_index)
		return layer;
	layer = layer_in(load->index.images, load->index.count, want);
	return layer && keeper_has(load->keeper, STORE_LAYERS, &want->diff_id) ? layer : NULL;
}

static int layer_compression(struct load *load, struct layer_want *want)
{
	own_stream struct stream stream = { 0 };
	own_fd int fd = blob_open(load->keeper, &want->blob, load->e);
	int r = fd < 0 ? fd :
			 stream_open(&stream, fd, want->compression, &load->how->limits, load->e);

	if (r == 0)
		want->compression = stream_compression(&stream);
	return r;
}

static int layer_ensure(struct load *load, struct layer_want *want, size_t at, size_t count)
{
	const struct index_layer *known = layer_known(load, want);
	struct unpack_result result;
	int r;

	if (known) {
		want->bytes = known->bytes;
		return layer_compression(load, want);
	}
	log_info("unpacking layer %zu of %zu, %.19s", at + 1, count, want->blob.text);
	r = layer_unpack(load, &want->blob, want->compression, &result);
	if (r < 0)
		return r;
	if (!digest_equal(&result.diff_id, &want->diff_id))
		return err_set(load->e, EBADMSG,
			       "layer %s: its tar has digest %s, the configuration says %s",
			       want->blob.text, result.diff_id.text, want->diff_id.text);
	want->bytes = result.bytes;
	want->compression = result.compression;
	return layer_name_it(load, &want->diff_id);
}

/* Everything of one image is in the work directory or in the store: note it down. */
static int image_note(struct load *load, const struct digest *id, const struct digest *manifest,
		      const struct config *config, const struct layer_want *layers, size_t count,
		      const char *const *names)
{
	struct index_image *image = &load->images[load->count];
	size_t name_count = 0;

	*image = (struct index_image){
		.id = *id,
		.manifest = *manifest,
		.platform = arena_printf(load->arena, "%s/%s%s%s", config->os, config->architecture,
					 config->variant ? "/" : "",
					 config->variant ? config->variant : ""),
		.created = config->created,
		.loaded_s = (uint64_t)time(NULL),
		.layers = arena_new_array(load->arena, struct index_layer, count + 1),
		.layer_count = count,
	};
	while (names && names[name_count])
		name_count++;
	image->names = arena_new_array(load->arena, const char *, name_count + 1);
	if (!image->layers || !image->names || !image->platform)
		return err_oom(load->e);
	for (size_t i = 0; i < count; i++)
		image->layers[i] = (struct index_layer){ layers[i].diff_id, layers[i].blob,
							 layers[i].bytes };
	for (size_t i = 0; i < name_count; i++)
		image->names[i] = names[i];
	image->name_count = name_count;
	load->count++;
	return 0;
}

static int config_check(struct load *load, const struct config *config, size_t layer_count)
{
	if (config->diff_id_count != layer_count)
		return err_set(load->e, EINVAL,
			       "the manifest has %zu layers, the configuration names %zu",
			       layer_count, config->diff_id_count);
	if (!layer_count)
		return err_set(load->e, ENOTSUP, "image has no layers");
	if (!config->os || !config->architecture)
		return err_set(load->e, EINVAL, "the configuration names no platform");
	return load->count == IMAGE_MAX ?
		       err_set(load->e, E2BIG, "more than %d images at once", IMAGE_MAX) :
		       0;
}

/* Is what the source said of itself good as a name? */
static const char *name_full(struct load *load, const char *text)
{
	struct reference reference;

	if (!text || reference_parse(text, &reference, NULL) < 0)
		return NULL;
	return arena_strdup(load->arena, reference.name);
}

/* OCI layouts: every blob is named by a descriptor that says digest and size. */

static int blob_check(struct load *load, const struct descriptor *want, const struct blob *got)
{
	if (!digest_equal(&want->digest, &got->digest))
		return err_set(load->e, EBADMSG, "blob %s is not what it says: its digest is %s",
			       want->digest.text, got->digest.text);
	if (want->size_bytes != got->size_bytes)
		return err_set(load->e, EBADMSG, "blob %s has %llu bytes, its descriptor says %llu",
			       want->digest.text, (unsigned long long)got->size_bytes,
			       (unsigned long long)want->size_bytes);
	return 0;
}

static void blob_name(char name[128], const struct descriptor *want)
{
	(void)snprintf(name, 128, STORE_BLOBS "/%s", digest_hex(&want->digest));
}

static int blob_fetch(struct load *load, const struct descriptor *want)
{
	struct blob blob;
	char name[128];
	int r;

	blob_name(name, want);
	r = source_get(load->source, name, &blob, load->e);
	return r < 0 ? r : blob_check(load, want, &blob);
}

static int blob_read(struct load *load, const struct descriptor *want, size_t bytes_max,
		     char **ret_bytes, size_t *ret_length)
{
	struct blob blob;
	char name[128];
	int r;

	blob_name(name, want);
	r = source_read(load->source, name, bytes_max, &blob, ret_bytes, ret_length, load->e);
	return r < 0 ? r : blob_check(load, want, &blob);
}

static int oci_config(struct load *load, const struct descriptor *want, struct config *config)
{
	own_mem char *bytes = NULL;
	size_t length;
	int r = blob_read(load, want, CONFIG_BYTES_MAX, &bytes, &length);

	return r < 0 ? r : config_parse(bytes, length, load->arena, config, load->e);
}

static int oci_manifest(struct load *load, const struct descriptor *entry,
			const char *const *names)
{
	own_mem char *bytes = NULL;
	struct manifest manifest;
	struct layer_want *layers;
	struct config config;
	size_t length;
	int r = blob_read(load, entry, MANIFEST_BYTES_MAX, &bytes, &length);

	if (r == 0)
		r = manifest_parse(bytes, length, load->arena, &manifest, load->e);
	if (r == 0)
		r = oci_config(load, &manifest.config, &config);
	if (r < 0)
		return r;
	if (!platform_fits(&load->how->platform, config.os, config.architecture, config.variant)) {
		load->skipped++;
		return 0;
	}
	r = config_check(load, &config, manifest.layer_count);
	layers = arena_new_array(load->arena, struct layer_want, manifest.layer_count + 1);
	if (r == 0 && !layers)
		r = err_oom(load->e);
	for (size_t i = 0; r == 0 && i < manifest.layer_count; i++) {
		layers[i] = (struct layer_want){ .blob = manifest.layers[i].digest,
						 .diff_id = config.diff_ids[i],
						 .compression = manifest.layers[i].compression };
		r = blob_fetch(load, &manifest.layers[i]);
		if (r == 0)
			r = layer_ensure(load, &layers[i], i, manifest.layer_count);
	}
	return r < 0 ? r :
		       image_note(load, &manifest.config.digest, &entry->digest, &config, layers,
				  manifest.layer_count, names);
}

static const struct descriptor *list_choose(struct load *load, const struct manifest_list *list)
{
	const struct platform *wanted = &load->how->platform;
	const struct descriptor *best = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const struct descriptor *entry = &list->entries[i];

		if (entry->is_attestation || entry->media == MEDIA_OTHER ||
		    !platform_fits(wanted, entry->os, entry->architecture, entry->variant))
			continue;
		/* The exact variant is better than one that fits any. */
		if (!best || (wanted->variant && entry->variant && !best->variant))
			best = entry;
	}
	return best;
}

static int oci_entry(struct load *load, const struct descriptor *entry, const char *const *names,
		     unsigned depth);

static int oci_list(struct load *load, const struct descriptor *entry, const char *const *names,
		    unsigned depth)
{
	own_mem char *bytes = NULL;
	const struct descriptor *best;
	struct manifest_list list;
	size_t length;
	int r;

	if (depth == LIST_DEPTH)
		return err_set(load->e, ELOOP, "image indexes are nested too deep");
	r = blob_read(load, entry, MANIFEST_BYTES_MAX, &bytes, &length);
	if (r == 0)
		r = manifest_list_parse(bytes, length, load->arena, &list, load->e);
	if (r < 0)
		return r;
	best = list_choose(load, &list);
	if (!best) {
		load->skipped++;
		return 0;
	}
	return oci_entry(load, best, names, depth + 1);
}

static int oci_entry(struct load *load, const struct descriptor *entry, const char *const *names,
		     unsigned depth)
{
	switch (entry->media) {
	case MEDIA_INDEX:
		return oci_list(load, entry, names, depth);
	case MEDIA_MANIFEST:
		return oci_manifest(load, entry, names);
	case MEDIA_CONFIG:
	case MEDIA_LAYER:
	case MEDIA_OTHER:
		break;
	}
	return err_set(load->e, ENOTSUP, "'%.100s' is not an image", entry->media_type);
}

static int oci_load(struct load *load, const char *bytes, size_t length)
{
	struct manifest_list list;
	int r = manifest_list_parse(bytes, length, load->arena, &list, load->e);

	for (size_t i = 0; r == 0 && i < list.count; i++) {
		struct descriptor *entry = &list.entries[i];
		const char *names[2] = { NULL, NULL };

		if (entry->is_attestation)
			continue;
		if (!platform_fits(&load->how->platform, entry->os, entry->architecture,
				   entry->variant)) {
			load->skipped++;
			continue;
		}
		names[0] = name_full(load, entry->name);
		/* A lone "latest" names a tag, not an image. */
		if (!names[0] && entry->ref_name && strcmp(entry->ref_name, "latest") != 0)
			names[0] = name_full(load, entry->ref_name);
		r = oci_entry(load, entry, names, 0);
	}
	return r;
}

/* Archives of `docker save`: names, and digests only of the configuration and the bare tars. */

/* "HEX.json" and "blobs/sha256/HEX" promise a digest; other names do not. */
static int docker_name_check(struct load *load, const char *name, const struct digest *digest)
{
	const char *slash = strrchr(name, '/'), *stem = slash ? slash + 1 : name;
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest promised;
	size_t length = strcspn(stem, ".");

	if (length != DIGEST_HEX_LENGTH)
		return 0;
	memcpy(hex, stem, DIGEST_HEX_LENGTH);
	hex[DIGEST_HEX_LENGTH] = '\0';
	if (digest_from_hex(hex, &promised) && !digest_equal(&promised, digest))
		return err_set(load->e, EBADMSG, "'%s' is not what it says: its digest is %s", name,
			       digest->text);
	return 0;
}

static void manifest_print(struct text *out, const struct blob *config,
			   const struct layer_want *layers, const uint64_t *sizes, size_t count)
{
	text_printf(out,
		    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\","
		    "\"config\":{\"mediaType\":\"" MEDIA_TYPE_CONFIG "\",\"digest\":\"%s\","
		    "\"size\":%llu},\"layers\":[",
		    config->digest.text, (unsigned long long)config->size_bytes);
	for (size_t i = 0; i < count; i++)
		text_printf(out,
			    "%s{\"mediaType\":\"" MEDIA_TYPE_LAYER "%s\",\"digest\":\"%s\","
			    "\"size\":%llu}",
			    i ? "," : "", compression_suffix(layers[i].compression),
			    layers[i].blob.text, (unsigned long long)sizes[i]);
	text_append(out, "]}");
}

/* These images have no manifest of their own: they get the one that an OCI layout would have. */
static int manifest_make(struct load *load, const struct blob *config,
			 const struct layer_want *layers, const uint64_t *sizes, size_t count,
			 struct digest *ret_digest)
{
	own_text struct text out = { 0 };
	struct blob blob;
	int r;

	manifest_print(&out, config, layers, sizes, count);
	if (!text_ok(&out))
		return err_oom(load->e);
	r = blob_from_bytes(load->keeper, out.data, out.length, &blob, load->e);
	*ret_digest = blob.digest;
	return r;
}

static const char *const *docker_names(struct load *load, const struct docker_image *image)
{
	size_t count = 0, used = 0;
	const char **names;

	while (image->tags && image->tags[count])
		count++;
	names = arena_new_array(load->arena, const char *, count + 1);
	for (size_t i = 0; names && i < count; i++) {
		names[used] = name_full(load, image->tags[i]);
		if (names[used])
			used++;
		else
			log_warning("image name '%.200s' is not valid and left out", image->tags[i]);
	}
	return names;
}

static int docker_layers(struct load *load, const struct docker_image *image,
			 const struct config *config, struct layer_want *layers, uint64_t *sizes)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->diff_id_count; i++) {
		struct blob blob;

		r = source_get(load->source, image->layers[i], &blob, load->e);
		if (r < 0)
			break;
		layers[i] = (struct layer_want){ .blob = blob.digest,
						 .diff_id = config->diff_ids[i] };
		sizes[i] = blob.size_bytes;
		r = layer_ensure(load, &layers[i], i, config->diff_id_count);
	}
	return r;
}

static int docker_image(struct load *load, const struct docker_image *image)
{
	own_mem char *bytes = NULL;
	uint64_t sizes[IMAGE_LAYERS_MAX];
	struct layer_want *layers;
	struct digest manifest;
	struct config config;
	struct blob config_blob;
	size_t length, count = 0;
	int r = source_read(load->source, image->config, CONFIG_BYTES_MAX, &config_blob, &bytes,
			    &length, load->e);

	if (r == 0)
		r = docker_name_check(load, image->config, &config_blob.digest);
	if (r == 0)
		r = config_parse(bytes, length, load->arena, &config, load->e);
	if (r < 0)
		return r;
	if (!platform_fits(&load->how->platform, config.os, config.architecture, config.variant)) {
		load->skipped++;
		return 0;
	}
	while (image->layers[count])
		count++;
	r = config_check(load, &config, count);
	if (r < 0)
		return r;
	layers = arena_new_array(load->arena, struct layer_want, count + 1);
	if (!layers)
		return err_oom(load->e);
	r = docker_layers(load, image, &config, layers, sizes);
	if (r == 0)
		r = manifest_make(load, &config_blob, layers, sizes, count, &manifest);
	return r < 0 ? r :
		       image_note(load, &config_blob.digest, &manifest, &config, layers, count,
				  docker_names(load, image));
}

static int docker_load(struct load *load, const char *bytes, size_t length)
{
	struct docker_list list;
	int r = docker_list_parse(bytes, length, load->arena, &list, load->e);

	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = docker_image(load, &list.images[i]);
	return r;
}

/* A new `docker save` is both: the layout is preferred, since it has a digest for everything. */
static int source_load(struct load *load)
{
	own_mem char *bytes = NULL;
	struct err fault = { 0 };
	struct blob blob;
	size_t length;
	int r = source_read(load->source, "index.json", MANIFEST_BYTES_MAX, &blob, &bytes, &length,
			    &fault);

	if (r == 0)
		return oci_load(load, bytes, length);
	if (r != -ENOENT)
		return err_set(load->e, -r, "%s", fault.text);
	r = source_read(load->source, "manifest.json", MANIFEST_BYTES_MAX, &blob, &bytes, &length,
			load->e);
	if (r == -ENOENT) {
		err_clear(load->e);
		return err_set(load->e, EINVAL,
			       "neither an OCI image nor an archive of 'docker save' "
			       "(the tar of a root file system wants 'import')");
	}
	return r < 0 ? r : docker_load(load, bytes, length);
}

static int outcome_check(struct load *load)
{
	const struct platform *wanted = &load->how->platform;

	if (!load->count && load->skipped)
		return err_set(load->e, ENOENT, "no image for %s/%s%s%s (%zu for other platforms)",
			       wanted->os, wanted->architecture, wanted->variant ? "/" : "",
			       wanted->variant ? wanted->variant : "", load->skipped);
	if (!load->count)
		return err_set(load->e, ENOENT, "no image in it");
	if (load->how->tag && load->count > 1)
		return err_set(load->e, EINVAL, "one name for %zu images", load->count);
	return 0;
}

static int names_override(struct load *load)
{
	struct reference reference;
	int r;

	if (!load->how->tag)
		return 0;
	r = reference_parse(load->how->tag, &reference, load->e);
	if (r < 0)
		return r;
	load->images[0].name_count = 1;
	load->images[0].names = arena_new_array(load->arena, const char *, 1);
	if (!load->images[0].names)
		return err_oom(load->e);
	load->images[0].names[0] = arena_strdup(load->arena, reference.name);
	return load->images[0].names[0] ? 0 : err_oom(load->e);
}

static int commit_locked(struct load *load, struct index *index)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < load->count; i++) {
		const struct index_image *image = &load->images[i];
		struct index_image *entry;

		r = keeper_settle(load->keeper, image, load->e);
		if (r == 0)
			r = index_add(index, image, &entry, load->e);
		for (size_t k = 0; r == 0 && k < image->name_count; k++)
			r = index_name(index, entry, image->names[k], load->e);
	}
	if (r == 0)
		r = index_write(load->keeper->store.root_fd, index, load->e);
	return r < 0 ? r : keeper_collect(load->keeper, index, load->e);
}

static int commit(struct load *load)
{
	struct index index;
	int r = keeper_flush(load->keeper, load->e);

	if (r < 0)
		return r;
	r = keeper_begin(load->keeper, load->arena, &index, load->e);
	if (r == 0)
		r = commit_locked(load, &index);
	keeper_end(load->keeper);
	return r;
}

/* Run @gather, then commit; again from the start if a layer went away meanwhile. */
static int load_all(struct load *load, int (*gather)(struct load *load, const void *data),
		    const void *data, struct load_result *ret_result)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < COMMIT_TRIES; i++) {
		load->distrust_index = i > 0;
		load->count = load->skipped = 0;
		err_clear(load->e);
		r = index_read(load->keeper->store.root_fd, load->arena, &load->index, load->e);
		if (r == 0)
			r = gather(load, data);
		if (r == 0)
			r = outcome_check(load);
		if (r == 0)
			r = names_override(load);
		if (r == 0)
			r = commit(load);
	}
	if (r < 0)
		return r;
	ret_result->images = arena_new_array(load->arena, struct index_image, load->count);
	if (!ret_result->images)
		return err_oom(load->e);
	memcpy(ret_result->images, load->images, load->count * sizeof(*load->images));
	ret_result->count = load->count;
	return 0;
}

static int source_gather(struct load *load, const void *data)
{
	(void)data;
	return source_load(load);
}

int load_source(struct keeper *keeper, int fd, const char *name, const struct load_how *how,
		struct arena *arena, struct load_result *ret_result, struct err *e)
{
	own_source struct source source = { .layout_fd = -EBADF };
	struct load load = { .keeper = keeper, .how = how, .source = &source, .arena = arena,
			     .e = e };
	int r = source_open(&source, fd, keeper, &how->limits, e);

	if (r == 0)
		r = load_all(&load, source_gather, NULL, ret_result);
	return r < 0 ? err_wrap(e, r, "load '%s'", name) : 0;
}

/* The tar of a root file system: the only layer of an image that we write ourselves. */

struct rootfs {
	struct blob blob;
	const struct import_config *config;
};

static void list_print(struct text *out, const char *key, const char *const *list)
{
	if (!list)
		return;
	text_printf(out, "%s\"%s\":[", out->data[out->length - 1] == '{' ? "" : ",", key);
	for (size_t i = 0; list[i]; i++) {
		text_append(out, i ? "," : "");
		text_json(out, list[i]);
	}
	text_append(out, "]");
}

static void string_print(struct text *out, const char *key, const char *value)
{
	if (!value)
		return;
	text_printf(out, "%s\"%s\":", out->data[out->length - 1] == '{' ? "" : ",", key);
	text_json(out, value);
}

static void config_print(struct text *out, const struct load_how *how,
			 const struct import_config *config, const struct digest *diff_id)
{
	time_t now = time(NULL);
	struct tm utc;
	char created[32] = "1970-01-01T00:00:00Z";

	if (gmtime_r(&now, &utc))
		(void)strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &utc);
	text_append(out, "{");
	string_print(out, "created", created);
	string_print(out, "os", how->platform.os);
	string_print(out, "architecture", how->platform.architecture);
	string_print(out, "variant", how->platform.variant);
	text_append(out, ",\"config\":{");
	list_print(out, "Env", config->env);
	list_print(out, "Entrypoint", config->entrypoint);
	list_print(out, "Cmd", config->cmd);
	string_print(out, "User", config->user);
	string_print(out, "WorkingDir", config->working_dir);
	text_printf(out,
		    "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]},"
		    "\"history\":[{\"created\":\"%s\",\"created_by\":\"gabion import\"}]}",
		    diff_id->text, created);
}

static int rootfs_gather(struct load *load, const void *data)
{
	const struct rootfs *rootfs = data;
	struct layer_want layer = { .blob = rootfs->blob.digest };
	struct unpack_result result;
	own_text struct text out = { 0 };
	struct blob config_blob;
	struct digest manifest;
	struct config config;
	int r;

	log_info("unpacking %.19s", layer.blob.text);
	r = layer_unpack(load, &layer.blob, COMPRESSION_ANY, &result);
	if (r == 0)
		r = layer_name_it(load, &result.diff_id);
	if (r < 0)
		return r;
	layer.diff_id = result.diff_id;
	layer.compression = result.compression;
	layer.bytes = result.bytes;
	config_print(&out, load->how, rootfs->config, &layer.diff_id);
	if (!text_ok(&out))
		return err_oom(load->e);
	/* Read back as any other: what a person gave as options is checked by the same rules. */
	r = config_parse(out.data, out.length, load->arena, &config, load->e);
	if (r == 0)
		r = blob_from_bytes(load->keeper, out.data, out.length, &config_blob, load->e);
	if (r == 0)
		r = manifest_make(load, &config_blob, &layer, &rootfs->blob.size_bytes, 1,
				  &manifest);
	return r < 0 ? r :
		       image_note(load, &config_blob.digest, &manifest, &config, &layer, 1, NULL);
}

int load_rootfs(struct keeper *keeper, int fd, const char *name, const struct load_how *how,
		const struct import_config *config, struct arena *arena,
		struct load_result *ret_result, struct err *e)
{
	struct load load = { .keeper = keeper, .how = how, .arena = arena, .e = e };
	struct rootfs rootfs = { .config = config };
	int r;

	r = blob_from_fd(keeper, fd, how->limits.total_bytes, &rootfs.blob, e);
	if (r == 0)
		r = load_all(&load, rootfs_gather, &rootfs, ret_result);
	return r < 0 ? err_wrap(e, r, "import '%s'", name) : 0;
}
