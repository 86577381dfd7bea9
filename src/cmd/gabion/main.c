/*
 * gabion(1): containers for people, in Docker's words. The table of subcommands is below; each is
 * in a file of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/run_options.h"

#define DATA_DEFAULT "/var/lib/gabion"

static const struct command commands[] = {
	{ "run", "[OPTIONS] IMAGE|DIR [COMMAND...]", "make a container and start it", run_command, false },
	{ "create", "[OPTIONS] IMAGE|DIR [COMMAND...]", "make it only", create_command, false },
	{ "start", "[-a] [-i] CONTAINER...", "start containers that have ended", start_command, false },
	{ "exec", "[-it] CONTAINER COMMAND...", "a further process in a container", exec_command, false },
	{ "attach", "CONTAINER", "go to the terminal of a container", attach_command, false },
	{ "logs", "[-f] [-n N] CONTAINER", "what it has written", logs_command, false },
	{ "ps", "[-a] [-q]", "list containers", ps_command, false },
	{ "inspect", "[-f TEMPLATE] CONTAINER...", "all about containers", inspect_command, false },
	{ "top", "CONTAINER", "processes of a container", top_command, false },
	{ "stats", "[CONTAINER...]", "what containers use", stats_command, false },
	{ "walls", "[CONTAINER]", "the walls that stand around a container", walls_command, false },
	{ "stop", "[-t SECONDS] CONTAINER...", "end containers", stop_command, false },
	{ "kill", "[-s SIGNAL] CONTAINER...", "send a signal, KILL by default", kill_command, false },
	{ "pause", "CONTAINER...", "stop the time of containers", pause_command, false },
	{ "unpause", "CONTAINER...", "let it go on", unpause_command, false },
	{ "wait", "CONTAINER...", "wait and print the exit status", wait_command, false },
	{ "rm", "[-f] CONTAINER...", "remove containers", rm_command, false },
	{ "images", "[-q]", "list images", image_command, false },
	{ "load", "[-i] FILE|DIR|-", "take images from an archive or OCI layout", image_command, false },
	{ "import", "FILE|-", "make an image of a tree of files", image_command, false },
	{ "pull", "NAME", "fetch an image", image_command, false },
	{ "save", "--output FILE NAME...", "write images to an archive", image_command, false },
	{ "tag", "NAME NEW", "give an image another name", image_command, false },
	{ "rmi", "[--force] NAME...", "remove images", image_command, false },
	{ "seccomp", "VERB [OPTIONS] WORD...", "what a profile allows, and why", seccomp_command, true },
	{ "host", "[--json]", "what this kernel offers, and cures", host_command, true },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

struct global_options {
	const char *data, *root, *log_level;
	bool version, help, debug;
};

#define AT(member) offsetof(struct global_options, member)

static const struct option global_table[] = {
	{ "data", 0, OPTION_TEXT, AT(data), "DIR", "containers and images, by default " DATA_DEFAULT },
	{ "root", 0, OPTION_TEXT, AT(root), "DIR", "state of running containers" },
	{ "debug", 'D', OPTION_FLAG, AT(debug), NULL, "say more" },
	{ "version", 'v', OPTION_FLAG, AT(version), NULL, "print the version" },
	{ "help", 'h', OPTION_FLAG, AT(help), NULL, "print this" },
	{ 0 },
};

static void help_print(FILE *out)
{
	own_text struct text text = { 0 };

	(void)fputs("usage: gabion [OPTIONS] COMMAND ...\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	options_help(global_table, &text);
	(void)fprintf(out, "\n%s\n`gabion COMMAND --help` tells more, gabion(1) all.\n",
		      text_str(&text));
}

static void command_help(const struct command *command)
{
	own_text struct text text = { 0 };

	(void)printf("usage: gabion %s %s\n\n%s\n", command->name, command->words, command->help);
	if (command->run == run_command || command->run == create_command) {
		options_help(run_option_table, &text);
		(void)printf("\n%s", text_str(&text));
	}
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int dir_open(const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_sys(e, "make '%s'", path);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "open '%s'", path) : 0;
}

/* DATA is 0711: a container's user may have to reach its files below, but not to look around. */
static int app_open(struct app *app, struct err *e)
{
	own_fd int data_fd = -EBADF;
	int r;

	if (app->data[0] != '/')
		return err_set(e, EINVAL, "--data '%s' is not an absolute path", app->data);
	r = dir_open(app->data, 0711, &data_fd, e);
	if (r == 0)
		r = dir_open(arena_printf(&app->arena, "%s/containers", app->data), 0700,
			     &app->containers_fd, e);
	if (r == 0)
		r = dir_open(arena_printf(&app->arena, "%s/names", app->data), 0700, &app->names_fd, e);
	if (r == 0)
		r = runtime_open(&app->runtime, app->state_root, e);
	return r;
}

static void app_close(struct app *app)
{
	runtime_close(&app->runtime);
	app->containers_fd = fd_close(app->containers_fd);
	app->names_fd = fd_close(app->names_fd);
	arena_release(&app->arena);
}

static const char *data_default(struct arena *arena)
{
	const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (geteuid() == 0 || (!base && !home))
		return DATA_DEFAULT;
	return base ? arena_printf(arena, "%s/gabion", base) :
		      arena_printf(arena, "%s/.local/share/gabion", home);
}

static int command_do(const struct command *command, const struct global_options *options, int argc,
		      char **argv, struct err *e)
{
	struct app app = { .containers_fd = -EBADF, .names_fd = -EBADF, .runtime = { .root_fd = -EBADF } };
	int r;

	r = arena_init(&app.arena, e);
	if (r < 0)
		return r;
	app.data = options->data ? options->data : data_default(&app.arena);
	app.state_root = options->root;
	r = command->without_store ? 0 : app_open(&app, e);
	if (r == 0)
		r = command->run(&app, argc, argv, e);
	app_close(&app);
	return r;
}

int main(int argc, char **argv)
{
	struct global_options options = { 0 };
	const struct command *command;
	struct err e = { 0 };
	int words, r;

	/* what the caller left open is no business of ours, nor of any container */
	(void)syscall(SYS_close_range, 3u, ~0u, 0u);
	r = options_read(global_table, OPTIONS_FIRST, &options, argc - 1, argv + 1, &words, &e);
	if (r == 0)
		r = log_open("gabion", NULL, LOG_FORMAT_TEXT,
			     options.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, &e);
	if (r < 0) {
		log_error("%s", e.text);
		return STATUS_FAULT;
	}
	if (options.version) {
		(void)printf("gabion version %s\n", GABION_VERSION);
		return 0;
	}
	if (options.help || !words || strcmp(argv[1], "help") == 0) {
		help_print(options.help || words ? stdout : stderr);
		return options.help || words ? 0 : STATUS_FAULT;
	}
	command = command_find(argv[1]);
	if (!command) {
		log_error("'%s' is not a gabion command; see `gabion --help`", argv[1]);
		return STATUS_FAULT;
	}
	if (words > 1 && (strcmp(argv[2], "--help") == 0)) {
		command_help(command);
		return 0;
	}
	r = command_do(command, &options, words - 1, argv + 2, &e);
	if (r < 0) {
		log_error("%s", e.text);
		return STATUS_FAULT;
	}
	return fflush(stdout) == 0 ? r : STATUS_FAULT;
}
