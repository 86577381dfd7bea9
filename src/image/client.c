#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/client.h"
#include "image/config.h"
#include "image/helper.h"
#include "image/index.h"
#include "image/reference.h"
#include "image/store.h"

/* Path of something below the store. */
static char *store_path(const struct image_store *store, struct arena *arena, const char *folder,
			const struct digest *digest)
{
	return arena_printf(arena, "%s/%s/%s", store->root, folder, digest_hex(digest));
}

static int config_take(const struct image_store *store, const struct digest *id,
		       struct arena *arena, struct image *image, struct err *e)
{
	char path[sizeof(STORE_BLOBS) + 1 + DIGEST_HEX_LENGTH];
	own_mem char *bytes = NULL;
	struct config config;
	size_t length;
	int r;

	(void)snprintf(path, sizeof(path), STORE_BLOBS "/%s", digest_hex(id));
	r = beneath_read(store->root_fd, path, BENEATH_STRICT, CONFIG_BYTES_MAX, &bytes, &length,
			 e);
	if (r == 0)
		r = config_parse(bytes, length, arena, &config, e);
	if (r < 0)
		return r;
	image->config = config.run;
	return 0;
}

static bool is_listed(const char *const *layers, const char *path)
{
	for (; *layers; layers++)
		if (strcmp(*layers, path) == 0)
			return true;
	return false;
}

/*
 * Overlayfs refuses the same directory twice. Of a layer that an image has more than once only the
 * topmost counts anyway: it hides, or shows, all that the lower one would.
 */
static int layers_take(const struct image_store *store, const struct index_image *entry,
		       struct arena *arena, struct image *image, struct err *e)
{
	const char **layers = arena_new_array(arena, const char *, entry->layer_count + 1);

	if (!layers)
		return err_oom(e);
	for (size_t i = entry->layer_count; i-- > 0;) {
		const char *path = store_path(store, arena, STORE_LAYERS, &entry->layers[i].diff_id);

		if (!path)
			return err_oom(e);
		if (is_listed(layers, path))
			continue;
		if (access(path, F_OK) < 0)
			return err_sys(e, "layer '%s'", path);
		layers[image->layer_count++] = path;
	}
	image->layers = layers;
	return 0;
}

static int image_take(const struct image_store *store, const struct index *index,
		      const struct index_image *entry, const char *name, struct arena *arena,
		      struct image *ret_image, struct err *e)
{
	struct image image = {
		.id = arena_strdup(arena, entry->id.text),
		.manifest = arena_strdup(arena, entry->manifest.text),
		.name = name ? reference_short(name) : NULL,
		.platform = entry->platform,
		.created = entry->created,
		.wants_userxattr = index->wants_userxattr,
	};
	int r;

	if (!image.id || !image.manifest)
		return err_oom(e);
	r = layers_take(store, entry, arena, &image, e);
	if (r == 0)
		r = config_take(store, &entry->id, arena, &image, e);
	if (r < 0)
		return err_wrap(e, r, "image '%s'", image.name ? image.name : image.id);
	*ret_image = image;
	return 0;
}

/* One look into the store, under the shared lock from the index to the hold. */
static int resolve_once(const struct image_store *store, const char *name, const char *owner,
			struct arena *arena, struct image *ret_image, struct err *e)
{
	struct index_image *entry;
	const char *full_name;
	struct index index;
	int r;

	if (store->root_fd < 0)
		return err_set(e, ENOENT, "no such image: '%.300s'", name);
	r = store_lock(store, LOCK_SH, e);
	if (r < 0)
		return r;
	r = index_read(store->root_fd, arena, &index, e);
	if (r == 0)
		r = index_find(&index, name, &entry, &full_name, e);
	if (r == 0)
		r = image_take(store, &index, entry, full_name, arena, ret_image, e);
	if (r == 0 && owner)
		r = store_hold(store, owner, &entry->id, e);
	store_unlock(store);
	return r;
}

/* The archive of an image that is shipped under this name, if there is one. */
static char *shipped_archive(const char *name)
{
	struct reference reference;
	own_mem char *file = NULL;
	char *path = NULL;

	if (!reference_is_bare(name) || reference_parse(name, &reference, NULL) < 0 ||
	    reference.has_digest || strchr(name, '/'))
		return NULL;
	if (reference.has_tag && strcmp(strrchr(reference.name, ':'), ":latest") != 0)
		return NULL;
	if (asprintf(&file, "%.*s.tar", (int)strcspn(name, ":"), name) < 0)
		return NULL;
	return helper_path(file, &path, NULL) < 0 ? NULL : path;
}

static int load_shipped(struct image_store *store, const char *archive, struct err *e)
{
	const char *args[] = { "load", "--quiet", archive, NULL };
	own_image_store struct image_store fresh = IMAGE_STORE_NONE;
	own_mem char *answer = NULL;
	int r = image_run_helper(store, args, -EBADF, &answer, e);

	if (r == 0 && store->root_fd < 0)
		r = image_store_open(store->root, &fresh, e);
	if (r < 0)
		return err_wrap(e, r, "load shipped image '%s'", archive);
	if (store->root_fd < 0) {
		struct image_store old = *store;

		*store = fresh;
		fresh = old;
	}
	return 0;
}

int image_resolve(struct image_store *store, const char *name, const char *owner,
		  struct arena *arena, struct image *ret_image, struct err *e)
{
	own_mem char *archive = NULL;
	struct err fault = { 0 };
	int r = resolve_once(store, name, owner, arena, ret_image, &fault);

	if (r == -ENOENT)
		archive = shipped_archive(name);
	if (r == 0 || !archive)
		return r == 0 ? 0 : err_set(e, -r, "%s", fault.text);
	r = load_shipped(store, archive, e);
	return r < 0 ? r : resolve_once(store, name, owner, arena, ret_image, e);
}
