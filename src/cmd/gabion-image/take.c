/* Verbs by which images come: load, import, pull. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion-image/verbs.h"
#include "image/confine.h"
#include "image/keeper.h"
#include "image/load.h"
#include "image/reference.h"
#include "image/rootless.h"
#include "image/show.h"

#define PULL_LAYOUT "pull" /* in the work directory */

struct values {
	const char *tag, *platform;
	struct option_number max_bytes, max_entries, max_file_bytes, max_ratio;
	bool quiet;
	struct option_list env;
	const char *entrypoint, *cmd, *user, *workdir;
};

#define AT(field) offsetof(struct values, field)
#define COMMON_OPTIONS                                                                             \
	{ "tag", 't', OPTION_TEXT, AT(tag), "NAME", "name it so" },                                \
	{ "platform", 0, OPTION_TEXT, AT(platform), "OS/ARCH", "which one of a list" },            \
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "say only warnings" },                       \
	{ "max-bytes", 0, OPTION_BYTES, AT(max_bytes), "N", "unpacked size of a layer" },          \
	{ "max-file-bytes", 0, OPTION_BYTES, AT(max_file_bytes), "N", "size of one file" },        \
	{ "max-entries", 0, OPTION_NUMBER, AT(max_entries), "N", "files of a layer" },             \
	{ "max-ratio", 0, OPTION_NUMBER, AT(max_ratio), "N", "decompressed by compressed" }

static const struct option load_options[] = { COMMON_OPTIONS, { 0 } };
static const struct option import_options[] = {
	COMMON_OPTIONS,
	{ "env", 'e', OPTION_LIST, AT(env), "NAME=VALUE", "environment of the image" },
	{ "entrypoint", 0, OPTION_TEXT, AT(entrypoint), "PROGRAM", "its entry point" },
	{ "cmd", 0, OPTION_TEXT, AT(cmd), "COMMAND", "its command, run by a shell" },
	{ "user", 'u', OPTION_TEXT, AT(user), "USER", "its user" },
	{ "workdir", 'w', OPTION_TEXT, AT(workdir), "DIR", "its working directory" },
	{ 0 },
};

static int limit_set(const struct option_number *number, const char *name, uint64_t *limit,
		     struct err *e)
{
	if (!number->is_given)
		return 0;
	if (number->value <= 0)
		return err_set(e, EINVAL, "option '--%s' wants a positive number", name);
	*limit = (uint64_t)number->value;
	return 0;
}

static int how_make(const struct values *values, struct arena *arena, struct load_how *how,
		    struct err *e)
{
	struct reference reference;
	int r;

	how->limits = LIMITS_DEFAULT;
	how->platform = platform_host();
	how->tag = values->tag;
	if (values->quiet)
		(void)log_open("gabion-image", NULL, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, NULL);
	r = limit_set(&values->max_bytes, "max-bytes", &how->limits.total_bytes, e);
	if (r == 0)
		r = limit_set(&values->max_entries, "max-entries", &how->limits.entry_count, e);
	if (r == 0)
		r = limit_set(&values->max_file_bytes, "max-file-bytes", &how->limits.file_bytes,
			      e);
	if (r == 0)
		r = limit_set(&values->max_ratio, "max-ratio", &how->limits.ratio, e);
	if (r == 0 && values->max_ratio.is_given)
		how->limits.ratio_free_bytes = 0;
	if (r == 0 && values->platform)
		r = platform_parse(values->platform, arena, &how->platform, e);
	if (r == 0 && values->tag)
		r = reference_parse(values->tag, &reference, e);
	return r;
}

static int source_fd(const char *path, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) :
					  open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? err_sys(e, "open '%s'", path) : fd;
}

/* The store for writing, as root of our own user namespace if need be. */
static int keeper_enter(const char *root, struct load_how *how, struct keeper *keeper,
			struct err *e)
{
	bool squashed;
	int r = rootless_enter(&squashed, e);

	if (r == 0)
		r = keeper_open(root, keeper, e);
	if (r < 0)
		return r;
	how->unpack = (struct unpack_how){ .wants_userxattr = keeper->wants_userxattr,
					   .squash_owners = squashed,
					   .skip_devices = keeper->wants_userxattr };
	return 0;
}

static int confine_for(const struct keeper *keeper, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat source");
	return confine(keeper->store.root_fd, S_ISDIR(st.st_mode) ? fd : -EBADF, e);
}

int verb_load(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_keeper struct keeper keeper = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	own_arena struct arena arena = { 0 };
	struct values values = { 0 };
	struct load_result result;
	struct load_how how = { 0 };
	own_fd int fd = -EBADF;
	int words = 0, r;

	r = options_read(load_options, OPTIONS_ANYWHERE, &values, argc, argv, &words, e);
	if (r == 0)
		r = words_check(words, 1, 1, "load [OPTION...] FILE|DIR|-", e);
	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = how_make(&values, &arena, &how, e);
	if (r == 0)
		r = fd = source_fd(argv[0], e);
	if (r >= 0)
		r = keeper_enter(root, &how, &keeper, e);
	if (r == 0)
		r = confine_for(&keeper, fd, e);
	if (r == 0)
		r = load_source(&keeper, fd, argv[0], &how, &arena, &result, e);
	if (r == 0)
		show_loaded(&result, out);
	return r;
}

static int import_run(const char *root, const struct values *values, const char *path,
		      struct text *out, struct err *e)
{
	own_keeper struct keeper keeper = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	const char *entrypoint[] = { values->entrypoint, NULL };
	const char *cmd[] = { "/bin/sh", "-c", values->cmd, NULL };
	const struct import_config config = {
		.env = values->env.items,
		.entrypoint = values->entrypoint ? entrypoint : NULL,
		.cmd = values->cmd ? cmd : NULL,
		.user = values->user,
		.working_dir = values->workdir,
	};
	own_arena struct arena arena = { 0 };
	struct load_result result;
	struct load_how how = { 0 };
	own_fd int fd = -EBADF;
	int r = arena_init(&arena, e);

	if (r == 0)
		r = how_make(values, &arena, &how, e);
	if (r == 0)
		r = fd = source_fd(path, e);
	if (r >= 0)
		r = keeper_enter(root, &how, &keeper, e);
	if (r == 0)
		r = confine_for(&keeper, fd, e);
	if (r == 0)
		r = load_rootfs(&keeper, fd, path, &how, &config, &arena, &result, e);
	if (r == 0)
		show_loaded(&result, out);
	return r;
}

int verb_import(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	struct values values = { 0 };
	int words = 0, r;

	r = options_read(import_options, OPTIONS_ANYWHERE, &values, argc, argv, &words, e);
	if (r == 0)
		r = words_check(words, 1, 2, "import [OPTION...] FILE|- [NAME]", e);
	if (r == 0 && words == 2)
		values.tag = argv[1];
	if (r == 0)
		r = import_run(root, &values, argv[0], out, e);
	option_list_release(&values.env);
	return r;
}

/* A transport of skopeo's is taken as it is, a bare name is one of a registry. */
static char *pull_address(const char *name)
{
	static const char *const transports[] = { "docker://",	      "dir:",
						  "oci:",	      "oci-archive:",
						  "docker-archive:",  "docker-daemon:",
						  "containers-storage:" };
	struct reference reference;
	char *address = NULL;

	for (size_t i = 0; i < sizeof(transports) / sizeof(*transports); i++)
		if (strncmp(name, transports[i], strlen(transports[i])) == 0)
			return strdup(name);
	if (reference_parse(name, &reference, NULL) < 0)
		return NULL;
	if (asprintf(&address, "docker://%s%s%s", reference.name, reference.has_digest ? "@" : "",
		     reference.has_digest ? reference.digest.text : "") < 0)
		return NULL;
	/* skopeo takes a tag or a digest, not both */
	if (reference.has_digest) {
		char *tag = strrchr(reference.name, ':');

		*tag = '\0';
		free(address);
		if (asprintf(&address, "docker://%s@%s", reference.name, reference.digest.text) < 0)
			return NULL;
	}
	return address;
}

static int program_run(const char *const *argv, struct err *e)
{
	posix_spawn_file_actions_t actions;
	int status = 0, r = posix_spawn_file_actions_init(&actions);
	pid_t pid;

	/* Its progress belongs on standard error: our standard output is one JSON document. */
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(size_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r == ENOENT)
		return err_set(e, ENOENT, "'%s' is not installed (apt install %s)", argv[0],
			       argv[0]);
	if (r)
		return err_set(e, r, "start '%s'", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "wait for '%s'", argv[0]);
	if (status)
		return err_set(e, EIO, "%s failed (its own words are above)", argv[0]);
	return 0;
}

static int skopeo_run(const struct keeper *keeper, const char *name, const struct load_how *how,
		      struct err *e)
{
	own_mem char *address = pull_address(name), *target = NULL;
	const char *argv[16] = { "skopeo" };
	size_t count = 1;

	if (!address)
		return err_set(e, EINVAL, "invalid reference format: '%.200s'", name);
	if (asprintf(&target, "oci:%s/%s/" PULL_LAYOUT, keeper->store.root, keeper->work_path) < 0)
		return err_oom(e);
	argv[count++] = "--override-os";
	argv[count++] = how->platform.os;
	argv[count++] = "--override-arch";
	argv[count++] = how->platform.architecture;
	if (how->platform.variant) {
		argv[count++] = "--override-variant";
		argv[count++] = how->platform.variant;
	}
	argv[count++] = "copy";
	argv[count++] = address;
	argv[count++] = target;
	return program_run(argv, e);
}

/* What a bare name of a registry shall be called here; anything else names itself. */
static char *pull_tag(const char *name, const struct values *values)
{
	struct reference reference;

	if (values->tag)
		return strdup(values->tag);
	return reference_parse(name, &reference, NULL) == 0 ? strdup(reference.name) : NULL;
}

int verb_pull(const char *root, int argc, char **argv, struct text *out, struct err *e)
{
	own_keeper struct keeper keeper = { .store = IMAGE_STORE_NONE, .work_fd = -EBADF };
	own_arena struct arena arena = { 0 };
	own_mem char *tag = NULL;
	struct values values = { 0 };
	struct load_result result;
	struct load_how how = { 0 };
	own_fd int fd = -EBADF;
	int words = 0, r;

	r = options_read(load_options, OPTIONS_ANYWHERE, &values, argc, argv, &words, e);
	if (r == 0)
		r = words_check(words, 1, 1, "pull [OPTION...] NAME", e);
	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = how_make(&values, &arena, &how, e);
	if (r == 0)
		r = keeper_enter(root, &how, &keeper, e);
	if (r == 0)
		r = skopeo_run(&keeper, argv[0], &how, e);
	if (r < 0)
		return err_wrap(e, r, "pull '%.200s'", argc ? argv[0] : "");
	how.tag = tag = pull_tag(argv[0], &values);
	fd = openat(keeper.work_fd, PULL_LAYOUT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? err_sys(e, "open what skopeo wrote") : confine_for(&keeper, fd, e);
	if (r == 0)
		r = load_source(&keeper, fd, argv[0], &how, &arena, &result, e);
	if (r == 0)
		show_loaded(&result, out);
	return r;
}
