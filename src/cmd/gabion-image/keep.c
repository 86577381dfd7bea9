/* Verbs on images that are there: list, resolve, inspect, save, tag, rmi, prune. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion-image/verbs.h"
#include "image/beneath.h"
#include "image/config.h"
#include "image/index.h"
#include "image/keeper.h"
#include "image/reference.h"
#include "image/rootless.h"
#include "image/save.h"
#include "image/show.h"

#define NAMES_MAX 256 /* words of one command */

struct values {
	bool force, all;
	const char *output, *format;
};

#define AT(field) offsetof(struct values, field)

static const struct option no_options[] = { { 0 } };
static const struct option rmi_options[] = {
	{ "force", 'f', OPTION_FLAG, AT(force), NULL, "all names of an image at once" },
	{ 0 },
};
static const struct option prune_options[] = {
	{ "all", 'a', OPTION_FLAG, AT(all), NULL, "also images with a name that nothing uses" },
	{ "force", 'f', OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ 0 },
};
static const struct option save_options[] = {
	{ "output", 'o', OPTION_TEXT, AT(output), "FILE", "where to; - is standard output" },
	{ "format", 0, OPTION_TEXT, AT(format), "FORMAT", "oci-archive or docker-archive" },
	{ 0 },
};

/* An open store, its index, and the arena that holds it. */
struct desk {
	struct keeper keeper;
	struct arena arena;
	struct index index;
};

static void desk_close(struct desk *desk)
{
	keeper_close(&desk->keeper);
	arena_release(&desk->arena);
}
#define own_desk __attribute__((cleanup(desk_close)))
#define DESK_NONE { .keeper = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF } }

/* Open for change: the exclusive lock is held until the process ends or keeper_end(). */
static int desk_open(const char *root, struct desk *desk, struct err *e)
{
	bool squashed;
	int r = rootless_enter(&squashed, e);

	if (r == 0)
		r = keeper_open(root, &desk->keeper, e);
	if (r == 0)
		r = arena_init(&desk->arena, e);
	return r < 0 ? r : keeper_begin(&desk->keeper, &desk->arena, &desk->index, e);
}

static int arguments(const struct option *table, struct values *values, int argc, char **argv,
		     int least, int most, const char *usage, int *ret_words, struct err *e)
{
	int r = options_read(table, OPTIONS_ANYWHERE, values, argc, argv, ret_words, e);

	return r < 0 ? r : words_check(*ret_words, least, most, usage, e);
}

int verb_list(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	struct keeper reader = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	own_arena struct arena arena = { 0 };
	struct values values = { 0 };
	struct index index;
	int words, r = arguments(no_options, &values, argc, argv, 0, 0, "list", &words, e);

	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = image_store_open(root, &reader.store, e);
	if (r == 0 && reader.store.root_fd < 0) {
		text_append(out, "[]\n");
	} else if (r == 0) {
		r = index_read(reader.store.root_fd, &arena, &index, e);
		if (r == 0)
			r = show_list(&reader, &index, out, e);
	}
	image_store_close(&reader.store);
	return r;
}

int verb_resolve(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_image_store struct image_store store = IMAGE_STORE_NONE;
	own_arena struct arena arena = { 0 };
	struct values values = { 0 };
	struct image image;
	int words, r = arguments(no_options, &values, argc, argv, 1, 1, "resolve NAME", &words, e);

	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = image_store_open(root, &store, e);
	if (r == 0)
		r = image_resolve(&store, argv[0], NULL, &arena, &image, e);
	if (r == 0)
		show_resolved(&image, out);
	return r;
}

static int inspect_one(const struct image_store *store, const struct index *index,
		       const char *name, struct arena *arena, struct text *out, struct err *e)
{
	own_mem char *bytes = NULL, *path = NULL;
	struct index_image *image;
	const char *full_name;
	struct config config;
	size_t length;
	int r = index_find(index, name, &image, &full_name, e);

	if (r < 0)
		return r;
	if (asprintf(&path, STORE_BLOBS "/%s", digest_hex(&image->id)) < 0)
		return err_oom(e);
	r = beneath_read(store->root_fd, path, BENEATH_STRICT, CONFIG_BYTES_MAX, &bytes, &length,
			 e);
	if (r == 0)
		r = config_parse(bytes, length, arena, &config, e);
	if (r == 0)
		show_inspected(image, &config, out);
	return r;
}

int verb_inspect(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_image_store struct image_store store = IMAGE_STORE_NONE;
	own_arena struct arena arena = { 0 };
	struct values values = { 0 };
	struct index index;
	int words, r = arguments(no_options, &values, argc, argv, 1, NAMES_MAX, "inspect NAME...",
				 &words, e);

	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = image_store_open(root, &store, e);
	if (r < 0)
		return r;
	index_init(&index, &arena, false);
	if (store.root_fd >= 0)
		r = index_read(store.root_fd, &arena, &index, e);
	text_append(out, "[");
	for (int i = 0; r == 0 && i < words; i++) {
		text_append(out, i ? "," : "");
		r = inspect_one(&store, &index, argv[i], &arena, out, e);
	}
	text_append(out, "]\n");
	return r;
}

/* The image that a word names; under which names it shall be written. */
static int save_item_find(struct desk *desk, const char *word, struct save_item *item,
			  struct err *e)
{
	struct index_image *image;
	const char *name, **names;
	int r = index_find(&desk->index, word, &image, &name, e);

	if (r < 0)
		return r;
	names = arena_new_array(&desk->arena, const char *, 2);
	if (!names)
		return err_oom(e);
	names[0] = name;
	*item = (struct save_item){ .image = image, .names = names };
	return 0;
}

static int save_format_read(const char *text, enum save_format *ret_format, struct err *e)
{
	if (!text || strcmp(text, "oci-archive") == 0)
		*ret_format = SAVE_OCI;
	else if (strcmp(text, "docker-archive") == 0)
		*ret_format = SAVE_DOCKER;
	else
		return err_set(e, EINVAL, "format '%.80s' is neither oci-archive nor docker-archive",
			       text);
	return 0;
}

static int output_open(const char *path, struct err *e)
{
	int fd;

	if (!path && isatty(STDOUT_FILENO))
		return err_set(e, EINVAL, "not written to a terminal: use --output");
	fd = !path || strcmp(path, "-") == 0 ?
		     dup(STDOUT_FILENO) :
		     open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	return fd < 0 ? err_sys(e, "create '%s'", path) : fd;
}

int verb_save(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_desk struct desk desk = DESK_NONE;
	struct save_item items[NAMES_MAX];
	struct values values = { 0 };
	enum save_format format = SAVE_OCI;
	own_fd int fd = -EBADF;
	int words, r;

	(void)out;
	r = arguments(save_options, &values, argc, argv, 1, NAMES_MAX,
		      "save [--output FILE] [--format FORMAT] NAME...", &words, e);
	if (r == 0)
		r = save_format_read(values.format, &format, e);
	if (r == 0)
		r = desk_open(root, &desk, e);
	for (int i = 0; r == 0 && i < words; i++)
		r = save_item_find(&desk, argv[i], &items[i], e);
	if (r < 0)
		return r;
	/* Others may read meanwhile; nobody may take away what we are writing. */
	r = store_lock(&desk.keeper.store, LOCK_SH, e);
	if (r == 0)
		r = fd = output_open(values.output, e);
	if (r >= 0)
		r = save_images(&desk.keeper, items, (size_t)words, format, fd, e);
	if (r < 0 && values.output && strcmp(values.output, "-") != 0 && fd >= 0)
		(void)unlink(values.output);
	return r;
}

int verb_tag(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_desk struct desk desk = DESK_NONE;
	struct values values = { 0 };
	struct reference reference;
	struct index_image *image;
	const char *name;
	int words, r = arguments(no_options, &values, argc, argv, 2, 2, "tag NAME NEW", &words, e);

	if (r == 0)
		r = reference_parse(argv[1], &reference, e);
	if (r == 0 && reference.has_digest)
		r = err_set(e, EINVAL, "a new name cannot have a digest: '%s'", argv[1]);
	if (r == 0)
		r = desk_open(root, &desk, e);
	if (r == 0)
		r = index_find(&desk.index, argv[0], &image, &name, e);
	if (r == 0)
		r = index_name(&desk.index, image, reference.name, e);
	if (r == 0)
		r = index_write(desk.keeper.store.root_fd, &desk.index, e);
	if (r == 0)
		text_printf(out, "{\"id\":\"%s\",\"names\":[\"%s\"]}\n", image->id.text,
			    reference_short(reference.name));
	return r;
}

static void change_show(struct text *out, const char *what, const char *which)
{
	text_printf(out, "%s{\"%s\":", out->data[out->length - 1] == '[' ? "" : ",", what);
	text_json(out, which);
	text_append(out, "}");
}

static int removable(const struct desk *desk, const struct index_image *image, struct err *e)
{
	int holds = keeper_holders(&desk->keeper, &image->id, NULL, NULL, e);

	if (holds > 0)
		return err_set(e, EBUSY, "image %.19s is used by %d container%s", image->id.text,
			       holds, holds == 1 ? "" : "s");
	return holds;
}

static int rmi_one(struct desk *desk, const char *word, bool force, struct text *out,
		   struct err *e)
{
	struct index_image *image;
	const char *name;
	int r = index_find(&desk->index, word, &image, &name, e);

	if (r < 0)
		return r;
	if (!name && image->name_count > 1 && !force)
		return err_set(e, EBUSY, "image %.19s has %zu names (--force takes them all)",
			       image->id.text, image->name_count);
	/* Taking one name of several away harms nobody; the last one takes the image with it. */
	if (!name || image->name_count == 1) {
		r = removable(desk, image, e);
		if (r < 0)
			return r;
	}
	for (size_t i = image->name_count; i-- > 0;) {
		const char *gone = image->names[i];

		if (name && gone != name)
			continue;
		change_show(out, "untagged", reference_short(gone));
		index_unname(&desk->index, gone);
	}
	if (!image->name_count) {
		change_show(out, "deleted", image->id.text);
		index_remove(&desk->index, image);
	}
	return 0;
}

static int desk_commit(struct desk *desk, struct err *e)
{
	int r = index_write(desk->keeper.store.root_fd, &desk->index, e);

	if (r == 0)
		r = keeper_collect(&desk->keeper, &desk->index, e);
	keeper_end(&desk->keeper);
	return r;
}

int verb_rmi(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_desk struct desk desk = DESK_NONE;
	struct values values = { 0 };
	int words, r = arguments(rmi_options, &values, argc, argv, 1, NAMES_MAX,
				 "rmi [--force] NAME...", &words, e);

	if (r == 0)
		r = desk_open(root, &desk, e);
	text_append(out, "[");
	for (int i = 0; r == 0 && i < words; i++)
		r = rmi_one(&desk, argv[i], values.force, out, e);
	text_append(out, "]\n");
	return r < 0 ? r : desk_commit(&desk, e);
}

int verb_prune(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_desk struct desk desk = DESK_NONE;
	struct values values = { 0 };
	uint64_t bytes = 0;
	int words, r = arguments(prune_options, &values, argc, argv, 0, 0, "prune [--all]", &words,
				 e);

	if (r == 0)
		r = desk_open(root, &desk, e);
	if (r < 0)
		return r;
	text_append(out, "{\"deleted\":[");
	for (size_t i = desk.index.count; r >= 0 && i-- > 0;) {
		struct index_image *image = &desk.index.images[i];

		if (image->name_count && !values.all)
			continue;
		r = keeper_holders(&desk.keeper, &image->id, NULL, NULL, e);
		if (r != 0)
			continue;
		text_printf(out, "%s\"%s\"", out->data[out->length - 1] == '[' ? "" : ",",
			    image->id.text);
		bytes += index_bytes(image);
		index_remove(&desk.index, image);
	}
	text_printf(out, "],\"bytes\":%llu}\n", (unsigned long long)bytes);
	return r < 0 ? r : desk_commit(&desk, e);
}
