/*
 * gabion-image: keeps the image store. Run by gabion(1) for whatever takes foreign archives apart,
 * and by scripts. Answers in JSON on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion-image/verbs.h"
#include "image/rootless.h"
#include "image/store.h"

static const struct {
	const char *name;
	int (*run)(const char *root, int argc, char **argv, struct text *out, struct err *e);
	const char *help;
} verbs[] = {
	{ "load", verb_load, "load an OCI layout, an OCI archive or a 'docker save' archive" },
	{ "import", verb_import, "make an image of a root file system's tar" },
	{ "pull", verb_pull, "bring an image from a registry, by skopeo" },
	{ "save", verb_save, "write images to an archive" },
	{ "list", verb_list, "all images" },
	{ "resolve", verb_resolve, "what a container needs of an image" },
	{ "inspect", verb_inspect, "everything about images" },
	{ "tag", verb_tag, "give an image one more name" },
	{ "rmi", verb_rmi, "take names or images away" },
	{ "prune", verb_prune, "take away images without a name, or unused ones" },
};
#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

struct globals {
	const char *root;
	struct option_number error_fd;
	bool debug, quiet, help, version;
};

static const struct option options[] = {
	{ "root", 0, OPTION_TEXT, offsetof(struct globals, root), "DIR", "the image store" },
	{ "error-fd", 0, OPTION_NUMBER, offsetof(struct globals, error_fd), "N",
	  "say what went wrong there" },
	{ "debug", 0, OPTION_FLAG, offsetof(struct globals, debug), NULL, "say more" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct globals, quiet), NULL, "say only warnings" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct globals, help), NULL, "this text" },
	{ "version", 0, OPTION_FLAG, offsetof(struct globals, version), NULL, "the version" },
	{ 0 },
};

int words_check(int words, int least, int most, const char *usage, struct err *e)
{
	if (words >= least && words <= most)
		return 0;
	return err_set(e, EINVAL, "usage: gabion-image %s", usage);
}

static void help_print(void)
{
	own_text struct text out = { 0 };

	text_append(&out, "gabion-image [OPTION...] VERB [ARGUMENT...]\n\n");
	options_help(options, &out);
	text_append(&out, "\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		text_printf(&out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	(void)fputs(text_str(&out), stdout);
}

static int fault_print(const struct globals *globals, int r, const struct err *e)
{
	if (globals->error_fd.is_given)
		(void)dprintf((int)globals->error_fd.value, "%d %s", -r, e->text);
	else
		log_error("%s", e->text);
	return EXIT_FAILURE;
}

/* Archives may nest directories thousands deep, and we hold one descriptor for each. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int out_write(const struct text *out, struct err *e)
{
	if (!text_ok(out))
		return err_oom(e);
	if (fwrite(text_str(out), 1, out->length, stdout) != out->length || fflush(stdout) < 0)
		return err_sys(e, "write to standard output");
	return 0;
}

static int verb_run(const struct globals *globals, int argc, char **argv, struct err *e)
{
	own_text struct text out = { 0 };
	own_mem char *root = NULL;
	int r;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[0], verbs[i].name) != 0)
			continue;
		/* Before anything else: in the user namespace we would take ourselves for root. */
		r = store_root_path(globals->root, &root, e);
		if (r == 0)
			r = verbs[i].run(root, argc - 1, argv + 1, &out, e);
		return r < 0 ? r : out_write(&out, e);
	}
	return err_set(e, EINVAL, "unknown verb '%s'", argv[0]);
}

int main(int argc, char **argv)
{
	struct globals globals = { 0 };
	struct err e = { 0 };
	int words = 0, r;

	(void)log_open("gabion-image", NULL, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, NULL);
	r = options_read(options, OPTIONS_FIRST, &globals, argc - 1, argv + 1, &words, &e);
	if (r < 0)
		return fault_print(&globals, r, &e);
	(void)log_open("gabion-image", NULL, LOG_FORMAT_TEXT,
		       globals.debug ? LOG_LEVEL_DEBUG :
		       globals.quiet ? LOG_LEVEL_WARNING :
				       LOG_LEVEL_INFO, NULL);
	if (globals.version)
		return puts("gabion-image " GABION_VERSION) < 0;
	if (globals.help || !words) {
		help_print();
		return globals.help ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	/* File names are bytes; libarchive wants a locale in which UTF-8 ones are text as well. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	(void)umask(0);
	descriptors_raise();
	r = verb_run(&globals, words, argv + 1, &e);
	return r < 0 ? fault_print(&globals, r, &e) : EXIT_SUCCESS;
}
