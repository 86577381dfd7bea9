/*
 * gabion images, load, import, pull, save, tag, rmi: the helper gabion-image does it, this shows
 * what it answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/table.h"
#include "image/client.h"

static void bytes_words(int64_t bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(out, size, "%.3g%s", value, units[unit]);
}

static void list_row(struct table *table, struct json_object *image, const char *name)
{
	const char *id = doc_text_at(image, "id", "");
	const char *tag = strrchr(name, ':');
	char size[32];

	bytes_words(doc_number_at(image, "bytes", 0), size, sizeof(size));
	if (tag && strchr(tag, '/'))
		tag = NULL;
	table_cell(table, "%.*s", tag ? (int)(tag - name) : (int)strlen(name), name);
	table_cell(table, "%s", tag ? tag + 1 : "<none>");
	table_cell(table, "%.12s", strncmp(id, "sha256:", 7) == 0 ? id + 7 : id);
	table_cell(table, "%.10s", doc_text_at(image, "created", ""));
	table_cell(table, "%s", size);
}

static void list_print(struct json_object *answer, bool is_quiet)
{
	static const char *const heads[] = { "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE" };
	struct table table = { .columns = 5 };

	for (size_t i = 0; !is_quiet && i < 5; i++)
		table_cell(&table, "%s", heads[i]);
	for (size_t i = 0; i < doc_count(answer); i++) {
		struct json_object *image = json_object_array_get_idx(answer, i);
		struct json_object *names = doc_at(image, "names");

		if (is_quiet) {
			(void)puts(doc_text_at(image, "id", ""));
			continue;
		}
		for (size_t k = 0; k < doc_count(names); k++)
			list_row(&table, image,
				 json_object_get_string(json_object_array_get_idx(names, k)));
		if (!doc_count(names))
			list_row(&table, image, "<none>");
	}
	table_print(&table);
}

static void loaded_print(struct json_object *answer)
{
	for (size_t i = 0; i < doc_count(answer); i++) {
		struct json_object *image = json_object_array_get_idx(answer, i);
		struct json_object *names = doc_at(image, "names");

		for (size_t k = 0; k < doc_count(names); k++)
			(void)printf("Loaded image: %s\n",
				     json_object_get_string(json_object_array_get_idx(names, k)));
		if (!doc_count(names))
			(void)printf("Loaded image ID: %s\n", doc_text_at(image, "id", ""));
	}
}

static void removed_print(struct json_object *answer)
{
	for (size_t i = 0; i < doc_count(answer); i++) {
		struct json_object *one = json_object_array_get_idx(answer, i);
		const char *name = doc_text_at(one, "untagged", NULL);

		(void)printf("%s: %s\n", name ? "Untagged" : "Deleted",
			     name ? name : doc_text_at(one, "deleted", ""));
	}
}

/* What a verb of ours is for the helper, and how its answer is shown. */
static const struct {
	const char *verb;
	const char *helper_verb;
	void (*print)(struct json_object *answer);
} verbs[] = {
	{ "import", "import", loaded_print }, { "load", "load", loaded_print },
	{ "pull", "pull", loaded_print },     { "rmi", "rmi", removed_print },
	{ "save", "save", NULL },	      { "tag", "tag", NULL },
};

static int helper_run(struct app *app, const char *verb, int argc, char **argv, int stdin_fd,
		      struct json_object **ret_answer, struct err *e)
{
	const char **args = arena_new_array(&app->arena, const char *, (size_t)argc + 2);
	const char *path = arena_printf(&app->arena, "%s/images", app->data);
	own_mem char *answer = NULL;
	struct image_store store;
	int r;

	if (!args || !path)
		return err_oom(e);
	args[0] = verb;
	for (int i = 0; i < argc; i++) /* docker load -i FILE */
		args[i + 1] = argv[i];
	r = image_store_open(path, &store, e);
	if (r < 0)
		return r;
	r = image_run_helper(&store, args, stdin_fd, &answer, e);
	image_store_close(&store);
	if (r == 0 && answer && answer[0])
		r = json_parse(answer, strlen(answer), "answer of gabion-image", ret_answer, e);
	return r;
}

static int images(struct app *app, int argc, char **argv, struct err *e)
{
	bool is_quiet = argc && (strcmp(argv[0], "-q") == 0 || strcmp(argv[0], "--quiet") == 0);
	own_json struct json_object *answer = NULL;
	int r;

	if (argc > is_quiet)
		return err_set(e, EINVAL, "images: takes only --quiet");
	r = helper_run(app, "list", 0, NULL, -EBADF, &answer, e);
	if (r < 0)
		return r;
	list_print(answer, is_quiet);
	return 0;
}

int image_command(struct app *app, int argc, char **argv, struct err *e)
{
	const char *verb = argv[-1];

	if (strcmp(verb, "images") == 0)
		return images(app, argc, argv, e);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		own_json struct json_object *answer = NULL;
		bool is_load = strcmp(verb, "load") == 0;
		int r;

		if (strcmp(verbs[i].verb, verb) != 0)
			continue;
		if (is_load && argc >= 2 && (strcmp(argv[0], "-i") == 0 || strcmp(argv[0], "--input") == 0)) {
			argv++;
			argc--;
		}
		r = helper_run(app, verbs[i].helper_verb, argc, argv, STDIN_FILENO, &answer, e);
		if (r < 0)
			return err_wrap(e, r, "%s", verb);
		if (verbs[i].print)
			verbs[i].print(answer);
		return 0;
	}
	return err_set(e, ENOSYS, "%s: no such verb", verb);
}
