#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/run_options.h"
#include "cmd/gabion/security.h"
#include "cmd/gabion/volume.h"

/* One volume before it becomes JSON. */
struct volume {
	const char *written;     /* the option, for errors */
	const char *type;        /* "bind", "volume", "tmpfs" */
	const char *source;      /* path, or name of a volume */
	const char *destination;
	bool is_readonly, is_shared_label, is_private_label, is_overlay, is_chowned, no_create;
	bool is_plain_bind;      /* "bind" rather than "rbind" */
	const char *propagation; /* or NULL */
	const char *options[24]; /* for the mount, in order */
	unsigned option_count;
};

static int option_add(struct volume *volume, const char *option, struct err *e)
{
	if (volume->option_count == sizeof(volume->options) / sizeof(volume->options[0]))
		return err_set(e, E2BIG, "%s: too many options", volume->written);
	volume->options[volume->option_count++] = option;
	return 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* --- options of -v ------------------------------------------------------------------------- */

static int volume_option(struct volume *volume, const char *word, struct err *e)
{
	static const char *const propagations[] = { "shared",  "rshared",  "slave", "rslave",
						    "private", "rprivate", "unbindable",
						    "runbindable", NULL };
	static const char *const plain[] = { "dev",  "nodev",  "exec",	  "noexec",   "suid",
					     "nosuid", "noatime", "nodiratime", "relatime",
					     "strictatime", "nosymfollow", "idmap", "ridmap", NULL };
	static const char *const nothing[] = { "rw",	     "rbind",	   "copy", "nocopy", "cached",
					       "delegated",  "consistent", NULL };

	if (strcmp(word, "ro") == 0)
		volume->is_readonly = true;
	else if (strcmp(word, "z") == 0)
		volume->is_shared_label = true;
	else if (strcmp(word, "Z") == 0)
		volume->is_private_label = true;
	else if (strcmp(word, "O") == 0)
		volume->is_overlay = true;
	else if (strcmp(word, "U") == 0)
		volume->is_chowned = true;
	else if (strcmp(word, "bind") == 0)
		volume->is_plain_bind = true;
	else if (strcmp(word, "nocreate") == 0)
		volume->no_create = true;
	else if (is_one_of(word, propagations))
		volume->propagation = word;
	else if (is_one_of(word, plain) || strncmp(word, "idmap=", 6) == 0)
		return option_add(volume, word, e);
	else if (!is_one_of(word, nothing))
		return err_set(e, EINVAL, "invalid volume '%s': unknown option '%s'", volume->written,
			       word);
	return 0;
}

/* SRC:DST[:OPTIONS], or DST alone for a volume without a name */
static int volume_parse(struct app *app, const char *text, struct volume *volume, struct err *e)
{
	char *copy = arena_strdup(&app->arena, text), *rest = copy;
	char *first, *second, *options;

	if (!copy)
		return err_oom(e);
	first = strsep(&rest, ":");
	second = rest ? strsep(&rest, ":") : NULL;
	options = rest;
	*volume = (struct volume){ .written = text, .source = first, .destination = second };
	if (!second || !first[0])
		return err_set(e, EINVAL, "invalid volume '%s': expected SRC:DST[:OPTIONS]", text);
	volume->type = strpbrk(first, "/") || first[0] == '.' ? "bind" : "volume";
	while (options) {
		char *word = strsep(&options, ",");
		int r = word[0] ? volume_option(volume, word, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- --mount ------------------------------------------------------------------------------- */

static int mount_key(struct app *app, struct volume *volume, const char *key, const char *value,
		     struct err *e)
{
	bool truth = true;

	if (strcmp(key, "type") == 0 && value)
		volume->type = value;
	else if ((strcmp(key, "src") == 0 || strcmp(key, "source") == 0) && value)
		volume->source = value;
	else if ((strcmp(key, "dst") == 0 || strcmp(key, "destination") == 0 ||
		  strcmp(key, "target") == 0) &&
		 value)
		volume->destination = value;
	else if (strcmp(key, "ro") == 0 || strcmp(key, "readonly") == 0) {
		if (value && option_flag_read(value, &truth) < 0)
			return err_set(e, EINVAL, "--mount %s: '%s' is neither true nor false",
				       volume->written, value);
		volume->is_readonly = truth;
	} else if (strcmp(key, "bind-propagation") == 0 && value) {
		return volume_option(volume, value, e);
	} else if (strcmp(key, "relabel") == 0 && value && strcmp(value, "shared") == 0) {
		volume->is_shared_label = true;
	} else if (strcmp(key, "relabel") == 0 && value && strcmp(value, "private") == 0) {
		volume->is_private_label = true;
	} else if (strcmp(key, "tmpfs-size") == 0 && value) {
		int64_t bytes;

		if (option_bytes_read(value, &bytes) < 0)
			return err_set(e, EINVAL, "--mount %s: '%s' is no size", volume->written,
				       value);
		return option_add(volume,
				  arena_printf(&app->arena, "size=%lld", (long long)bytes), e);
	} else if (strcmp(key, "tmpfs-mode") == 0 && value) {
		return option_add(volume, arena_printf(&app->arena, "mode=%s", value), e);
	} else if (strcmp(key, "idmap") == 0) {
		return option_add(volume,
				  value ? arena_printf(&app->arena, "idmap=%s", value) : "idmap", e);
	} else if (strcmp(key, "bind-nonrecursive") == 0) {
		volume->is_plain_bind = true;
	} else if (strcmp(key, "volume-nocopy") != 0 && strcmp(key, "consistency") != 0) {
		return err_set(e, EINVAL, "--mount %s: unexpected key '%s'", volume->written, key);
	}
	return 0;
}

static int mount_parse(struct app *app, const char *text, struct volume *volume, struct err *e)
{
	char *rest = arena_strdup(&app->arena, text), *word;

	if (!rest)
		return err_oom(e);
	*volume = (struct volume){ .written = text, .type = "volume" };
	while ((word = strsep(&rest, ","))) {
		char *value = strchr(word, '=');
		int r;

		if (value)
			*value++ = '\0';
		r = mount_key(app, volume, word, value, e);
		if (r < 0)
			return r;
	}
	if (!is_one_of(volume->type, (const char *const[]){ "bind", "volume", "tmpfs", NULL }))
		return err_set(e, EINVAL, "--mount %s: unknown type '%s'; there are bind, volume and "
					  "tmpfs",
			       text, volume->type);
	if (!volume->destination)
		return err_set(e, EINVAL, "--mount %s: target is required", text);
	if (!volume->source && strcmp(volume->type, "tmpfs") != 0)
		return err_set(e, EINVAL, "--mount %s: source is required", text);
	volume->no_create = true; /* as in Docker: only -v makes directories */
	return 0;
}

/* PATH[:OPTIONS] */
static int tmpfs_parse(struct app *app, const char *text, struct volume *volume, struct err *e)
{
	static const char *const usual[] = { "noexec", "nosuid", "nodev", "mode=1777" };
	char *rest = arena_strdup(&app->arena, text), *word;

	if (!rest)
		return err_oom(e);
	*volume = (struct volume){ .written = text, .type = "tmpfs" };
	volume->destination = strsep(&rest, ":");
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		(void)option_add(volume, usual[i], e); /* the user's words come later and win */
	while ((word = strsep(&rest, ","))) {
		int r = word[0] ? option_add(volume, word, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- to JSON ------------------------------------------------------------------------------- */

static int named_source(struct app *app, struct volume *volume, struct err *e)
{
	const char *name = volume->source;
	char *path;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
		    strlen(name) ||
	    strchr("._-", name[0]))
		return err_set(e, EINVAL, "'%s' includes invalid characters for a volume name; a path "
					  "begins with '/' or './'",
			       name);
	path = arena_printf(&app->arena, "%s/volumes", app->data);
	if (!path)
		return err_oom(e);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return err_sys(e, "make '%s'", path);
	path = arena_printf(&app->arena, "%s/volumes/%s", app->data, name);
	if (!path)
		return err_oom(e);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make volume '%s'", name);
	volume->source = path;
	return 0;
}

static int bind_source(struct app *app, struct volume *volume, struct err *e)
{
	char path[PATH_MAX];

	if (volume->source[0] == '~')
		return err_set(e, EINVAL, "%s: '~' was not expanded by the shell", volume->written);
	if (access(volume->source, F_OK) < 0 && errno == ENOENT && !volume->no_create) {
		if (mkdir(volume->source, 0755) < 0)
			return err_sys(e, "volume '%s': make '%s'", volume->written, volume->source);
	}
	if (!realpath(volume->source, path))
		return err_sys(e, "volume '%s': source '%s'", volume->written, volume->source);
	volume->source = arena_strdup(&app->arena, path);
	return volume->source ? 0 : err_oom(e);
}

/* Labels act where SELinux is; elsewhere the two letters mean nothing, as in Docker. */
static int labels_check(const struct volume *volume, struct err *e)
{
	struct kernel_walls kernel;

	if (volume->is_shared_label && volume->is_private_label)
		return err_set(e, EINVAL, "volume '%s': options z and Z can not be used together",
			       volume->written);
	if (!volume->is_shared_label && !volume->is_private_label)
		return 0;
	kernel_walls_read(&kernel);
	if (kernel.has_selinux)
		return err_set(e, EOPNOTSUPP, "volume '%s': relabelling needs the SELinux wall, which "
					      "this build does not have",
			       volume->written);
	return 0;
}

static int volume_check(struct app *app, struct volume *volume, struct err *e)
{
	int r;

	if (volume->destination[0] != '/')
		return err_set(e, EINVAL, "volume '%s': '%s' is not an absolute path", volume->written,
			       volume->destination);
	if (strspn(volume->destination, "/") == strlen(volume->destination))
		return err_set(e, EINVAL, "volume '%s': destination can't be '/'", volume->written);
	if (volume->is_overlay || volume->is_chowned)
		return err_set(e, EOPNOTSUPP, "volume '%s': option %s is not supported",
			       volume->written, volume->is_overlay ? "O" : "U");
	r = labels_check(volume, e);
	if (r < 0)
		return r;
	if (strcmp(volume->type, "bind") == 0)
		return bind_source(app, volume, e);
	if (strcmp(volume->type, "volume") == 0)
		return named_source(app, volume, e);
	return 0;
}

static void volume_write(const struct volume *volume, struct json_object *mounts,
			 struct json_object *shown)
{
	bool is_tmpfs = strcmp(volume->type, "tmpfs") == 0;
	struct json_object *mount = doc_object(mounts, NULL), *options, *seen;

	doc_text(mount, "destination", volume->destination);
	doc_text(mount, "type", is_tmpfs ? "tmpfs" : "bind");
	doc_text(mount, "source", is_tmpfs ? "tmpfs" : volume->source);
	options = doc_array(mount, "options");
	if (!is_tmpfs) {
		doc_text(options, NULL, volume->is_plain_bind ? "bind" : "rbind");
		doc_text(options, NULL, volume->propagation ? volume->propagation : "rprivate");
	}
	for (unsigned i = 0; i < volume->option_count; i++)
		doc_text(options, NULL, volume->options[i]);
	if (volume->is_readonly) /* with all that is mounted beneath */
		doc_text(options, NULL, is_tmpfs || volume->is_plain_bind ? "ro" : "rro");
	if (volume->is_readonly && !is_tmpfs && !volume->is_plain_bind)
		doc_text(options, NULL, "ro");

	seen = doc_object(shown, NULL);
	doc_text(seen, "Type", volume->type);
	doc_text(seen, "Source", is_tmpfs ? "" : volume->source);
	doc_text(seen, "Destination", volume->destination);
	doc_text(seen, "Mode", volume->is_shared_label ? "z" : volume->is_private_label ? "Z" : "");
	doc_flag(seen, "RW", !volume->is_readonly);
	doc_text(seen, "Propagation", volume->propagation ? volume->propagation : "rprivate");
}

typedef int volume_reader(struct app *app, const char *text, struct volume *volume, struct err *e);

static int list_add(struct app *app, const struct option_list *list, volume_reader *parse,
		    struct json_object *mounts, struct json_object *shown, struct err *e)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct volume volume;
		int r;

		r = parse(app, list->items[i], &volume, e);
		if (r == 0)
			r = volume_check(app, &volume, e);
		if (r < 0)
			return r;
		for (size_t k = 0; k < doc_count(shown); k++)
			if (strcmp(volume.destination,
				   doc_text_at(json_object_array_get_idx(shown, k), "Destination", "")) ==
			    0)
				return err_set(e, EINVAL, "duplicate mount point: %s",
					       volume.destination);
		volume_write(&volume, mounts, shown);
	}
	return 0;
}

int volumes_add(struct app *app, const struct run_options *options, struct json_object *mounts,
		struct json_object *shown, struct err *e)
{
	int r;

	r = list_add(app, &options->volumes, volume_parse, mounts, shown, e);
	if (r == 0)
		r = list_add(app, &options->mounts, mount_parse, mounts, shown, e);
	if (r == 0)
		r = list_add(app, &options->tmpfs, tmpfs_parse, mounts, shown, e);
	return r;
}
