/*
 * gabion run, create, start.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/client.h"
#include "cmd/gabion/compose.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/monitor.h"
#include "cmd/gabion/root.h"
#include "cmd/gabion/run_options.h"
#include "cmd/gabion/security.h"
#include "image/client.h"

/* "./dir" and "/dir" are a root directory, everything else is an image. */
static int root_dir_find(struct app *app, const char *word, const char **ret_dir, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	*ret_dir = NULL;
	if (word[0] != '/' && word[0] != '.')
		return 0;
	if (!realpath(word, path) || stat(path, &st) < 0)
		return err_sys(e, "root directory '%s'", word);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "root '%s' is not a directory; `gabion load` takes archives",
			       word);
	if (strcmp(path, "/") == 0)
		return err_set(e, EINVAL, "'/' cannot be the root of a container");
	*ret_dir = arena_strdup(&app->arena, path);
	return *ret_dir ? 0 : err_oom(e);
}

static int image_find(struct app *app, const char *word, const char *id, struct image *image,
		      struct err *e)
{
	struct image_store store;
	const char *path = arena_printf(&app->arena, "%s/images", app->data);
	int r;

	r = image_store_open(path, &store, e);
	if (r < 0)
		return r;
	r = image_resolve(&store, word, id, &app->arena, image, e);
	image_store_close(&store);
	return r;
}

static void lost_tell(const struct security *security, bool is_quiet)
{
	for (unsigned i = 0; !is_quiet && i < security->lost_count; i++)
		log_warning("%s", security->lost[i]);
}

static int fill(struct app *app, struct box *box, const struct run_options *options, char **words,
		int word_count, const char *name, struct err *e)
{
	struct compose from = { .options = options, .image_word = words[0], .words = words + 1,
				.word_count = word_count - 1, .name = name };
	own_json struct json_object *config = NULL;
	struct security security;
	struct image image;
	int r;

	r = security_read(app, options, &security, e);
	if (r == 0)
		r = root_dir_find(app, words[0], &from.root_dir, e);
	if (r == 0 && !from.root_dir) {
		r = image_find(app, words[0], box->id, &image, e);
		from.image = &image;
	}
	if (r < 0)
		return r;
	from.security = &security;
	r = compose(app, box, &from, &config, e);
	if (r < 0)
		return r;
	doc_flag(doc_at(box->meta, "Config"), "StdinOnce", options->interactive && !options->detach);
	r = doc_save(box->dir_fd, "config.json", config, e);
	if (r == 0)
		r = doc_save(box->dir_fd, "meta.json", box->meta, e);
	if (r == 0)
		lost_tell(&security, options->quiet);
	return r;
}

/* Make the container. @box is the caller's to release. */
static int make(struct app *app, const struct run_options *options, char **words, int word_count,
		struct box *box, struct err *e)
{
	struct err ignored = { 0 };
	const char *name = NULL;
	int r;

	r = box_make(app, options->name, box, &name, e);
	if (r < 0)
		return r;
	r = fill(app, box, options, words, word_count, name, e);
	if (r == 0 && options->cidfile) {
		own_fd int fd = open(options->cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (fd < 0)
			r = err_sys(e, "container id file '%s'", options->cidfile);
		else if (write(fd, box->id, BOX_ID_BYTES) != BOX_ID_BYTES)
			r = err_sys(e, "write '%s'", options->cidfile);
	}
	if (r == 0)
		return 0;
	if (!box->meta)
		box->meta = doc_new();
	doc_text(box->meta, "Name", arena_printf(&app->arena, "/%s", name));
	(void)box_forget(app, box, &ignored);
	return r;
}

static int read_or_help(const char *verb, int argc, char **argv, struct run_options *options,
			int *words, struct err *e)
{
	int r = run_options_read(argc, argv, options, words, e);

	return r < 0 ? err_wrap(e, r, "%s", verb) : 0;
}

static int start_and_attend(struct box *box, struct app *app, const struct client_options *client,
			    bool is_attached, struct err *e)
{
	own_fd int fd = -EBADF;
	int status = 0, r;

	r = monitor_start(app, box, &fd, e);
	if (r == 0)
		r = client_await(fd, e);
	if (r < 0) {
		log_error("%s", e->text);
		return status_of_fault(e);
	}
	if (!is_attached)
		return 0;
	r = client_attend(fd, client, &status, e);
	if (r < 0)
		return r;
	if (status == CLIENT_DETACHED) {
		(void)fputs("\n", stderr);
		return 0;
	}
	return status;
}

static int run_read(struct app *app, const struct run_options *options, char **words, int word_count,
		    struct err *e)
{
	const struct client_options client = {
		.is_tty = options->tty,
		.sends_input = options->interactive,
		.proxies_signals = options->sig_proxy && !options->tty,
		.detach_keys = options->detach_keys,
	};
	own_box struct box box = BOX_NONE;
	int r;

	if (options->tty && options->interactive && !options->detach && !isatty(STDIN_FILENO))
		return err_set(e, ENOTTY, "the input device is not a TTY");
	r = make(app, options, words, word_count, &box, e);
	if (r < 0)
		return r;
	r = start_and_attend(&box, app, &client, !options->detach, e);
	if (r == 0 && options->detach)
		(void)puts(box.id);
	return r;
}

int run_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct run_options options;
	int words, r;

	r = read_or_help("run", argc, argv, &options, &words, e);
	if (r == 0)
		r = run_read(app, &options, argv, words, e);
	run_options_release(&options);
	return r;
}

int create_command(struct app *app, int argc, char **argv, struct err *e)
{
	own_box struct box box = BOX_NONE;
	struct run_options options;
	int words, r;

	r = read_or_help("create", argc, argv, &options, &words, e);
	if (r == 0)
		r = make(app, &options, argv, words, &box, e);
	if (r == 0)
		(void)puts(box.id);
	run_options_release(&options);
	return r;
}

struct start_options {
	bool attach;
	bool interactive;
};

static const struct option start_table[] = {
	{ "attach", 'a', OPTION_FLAG, offsetof(struct start_options, attach), NULL,
	  "wait for it and show its output" },
	{ "interactive", 'i', OPTION_FLAG, offsetof(struct start_options, interactive), NULL,
	  "pass standard input on" },
	{ 0 },
};

int start_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct start_options options = { 0 };
	int words, r, last = 0;

	r = options_read(start_table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r < 0)
		return err_wrap(e, r, "start");
	if (!words)
		return err_set(e, EINVAL, "start: a container must be named");
	for (int i = 0; i < words; i++) {
		own_box struct box box = BOX_NONE;
		bool is_attached = options.attach || options.interactive;
		struct client_options client = { .sends_input = options.interactive };

		r = box_find(app, argv[i], &box, e);
		if (r < 0)
			return r;
		client.is_tty = doc_flag_at(box.meta, "Config.Tty");
		client.proxies_signals = !client.is_tty;
		r = start_and_attend(&box, app, &client, is_attached, e);
		if (r < 0)
			return r;
		last = r ? r : last;
		if (!is_attached && r == 0)
			(void)puts(argv[i]);
	}
	return last;
}
