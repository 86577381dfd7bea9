/*
 * gabion-oci: an OCI runtime, called by engines. See gabion-oci(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/oci/verb.h"
#include "sys/selfexe.h"

#define PROGRAM "gabion-oci"

static const struct verb *const verbs[] = {
	&verb_checkpoint, &verb_create, &verb_delete, &verb_events,  &verb_exec,  &verb_features,
	&verb_kill,	  &verb_list,	&verb_pause,  &verb_ps,	     &verb_restore, &verb_resume,
	&verb_run,	  &verb_spec,	&verb_start,  &verb_state,   &verb_update,
};

struct globals {
	const char *root;
	const char *log;
	const char *log_format;
	const char *log_level;
	const char *cgroup_manager;
	const char *rootless;
	bool debug;
	bool systemd_cgroup;
	bool version;
	bool help;
};

#define AT(field) offsetof(struct globals, field)

static const struct option global_options[] = {
	{ "root", 0, OPTION_TEXT, AT(root), "DIR", "where container states live" },
	{ "log", 0, OPTION_TEXT, AT(log), "FILE", "write log lines to FILE, not standard error" },
	{ "log-format", 0, OPTION_TEXT, AT(log_format), "text|json", "form of log lines" },
	{ "log-level", 0, OPTION_TEXT, AT(log_level), "LEVEL",
	  "debug, info, warning (default) or error" },
	{ "debug", 0, OPTION_FLAG, AT(debug), NULL, "same as --log-level=debug" },
	{ "systemd-cgroup", 0, OPTION_FLAG, AT(systemd_cgroup), NULL,
	  "same as --cgroup-manager=systemd" },
	{ "cgroup-manager", 0, OPTION_TEXT, AT(cgroup_manager), "cgroupfs|systemd|disabled",
	  "who makes cgroups" },
	{ "rootless", 0, OPTION_TEXT, AT(rootless), "auto|true|false",
	  "work without privilege over the host" },
	{ "criu", 0, OPTION_IGNORE_TEXT, 0, "PATH", NULL },
	{ "version", 'v', OPTION_FLAG, AT(version), NULL, "print versions" },
	{ "help", 'h', OPTION_FLAG, AT(help), NULL, "print this" },
	{ 0 },
};

/* --- what verbs share --------------------------------------------------------------------- */

int verb_read(const struct verb *verb, void *values, int argc, char **argv, int least, int most,
	      struct err *e)
{
	int words, r;

	r = options_read(verb->options, verb->order, values, argc, argv, &words, e);
	if (r < 0)
		return err_wrap(e, r, "%s", verb->name);
	if (words < least)
		return err_set(e, EINVAL, "%s: want %s", verb->name, verb->words);
	if (most >= 0 && words > most)
		return err_set(e, EINVAL, "%s: '%s' is one word too many", verb->name, argv[most]);
	return words;
}

int verb_print(const struct text *text, struct err *e)
{
	const char *at = text_str(text);
	size_t left = text->length;

	if (!text_ok(text))
		return err_oom(e);
	while (left) {
		ssize_t wrote = write(STDOUT_FILENO, at, left);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return err_sys(e, "write to standard output");
		at += wrote;
		left -= (size_t)wrote;
	}
	return 0;
}

int verb_protect(const struct oci *oci, struct err *e)
{
	return selfexe_protect(oci->argv, PROGRAM, e);
}

int verb_count_fds(const struct option_number *option, unsigned *ret_count, struct err *e)
{
	const char *listen_fds = getenv("LISTEN_FDS");
	int64_t passed = 0;

	if (option->value < 0 || option->value > 1024)
		return err_set(e, EINVAL, "option '--preserve-fds': want a number from 0 to 1024");
	if (listen_fds && (option_number_read(listen_fds, &passed) < 0 || passed < 0 || passed > 1024))
		passed = 0;
	*ret_count = (unsigned)(option->value + passed);
	for (unsigned fd = 3; fd < 3 + *ret_count; fd++)
		if (fcntl((int)fd, F_GETFD) < 0)
			return err_set(e, EBADF, "option '--preserve-fds': descriptor %u is not open",
				       fd);
	return 0;
}

/* --- the command line --------------------------------------------------------------------- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static int print_version(struct err *e)
{
	own_text struct text out = { 0 };

	text_append(&out, PROGRAM " version " GABION_VERSION "\n"
			  "spec: " RUNTIME_SPEC_VERSION "\n");
	return verb_print(&out, e);
}

static int print_help(struct err *e)
{
	own_text struct text out = { 0 };

	text_append(&out, "Usage: " PROGRAM " [OPTION...] VERB [OPTION...] [WORD...]\n\nVerbs:\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		text_printf(&out, "  %-12s%s\n", verbs[i]->name, verbs[i]->summary);
	text_append(&out, "\nOptions:\n");
	options_help(global_options, &out);
	text_append(&out, "\n'" PROGRAM " VERB --help' says more of a verb.\n");
	return verb_print(&out, e);
}

static int print_verb_help(const struct verb *verb, struct err *e)
{
	own_text struct text out = { 0 };

	text_printf(&out, "Usage: " PROGRAM " %s [OPTION...] %s\n\n%s\n\nOptions:\n", verb->name,
		    verb->words, verb->summary);
	options_help(verb->options, &out);
	return verb_print(&out, e);
}

/* --help wherever options may stand. */
static bool wants_help(const struct verb *verb, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
		if (argv[i][0] != '-' && verb->order == OPTIONS_FIRST)
			break;
	}
	return false;
}

static int choose_log(const struct globals *globals, struct err *e)
{
	enum log_format format = LOG_FORMAT_TEXT;
	enum log_level least = LOG_LEVEL_WARNING;
	const char *level = globals->log_level, *path = globals->log;

	if (globals->log_format && !strcmp(globals->log_format, "json"))
		format = LOG_FORMAT_JSON;
	else if (globals->log_format && strcmp(globals->log_format, "text") != 0)
		return err_set(e, EINVAL, "unknown log format '%s': want text or json",
			       globals->log_format);
	if (globals->debug || (level && !strcmp(level, "debug")))
		least = LOG_LEVEL_DEBUG;
	else if (level && !strcmp(level, "info"))
		least = LOG_LEVEL_INFO;
	else if (level && (!strcmp(level, "error") || !strcmp(level, "fatal")))
		least = LOG_LEVEL_ERROR;
	else if (level && strcmp(level, "warning") != 0 && strcmp(level, "warn") != 0)
		return err_set(e, EINVAL, "unknown log level '%s'", level);
	if (path && !strncmp(path, "file:", 5))
		path += 5;
	/* crun's other sinks: standard error is the journal's for who is run by systemd */
	if (path && (!*path || !strcmp(path, "/dev/stderr") || !strncmp(path, "journald:", 9) ||
		     !strncmp(path, "syslog:", 7)))
		path = NULL;
	return log_open(PROGRAM, path, format, least, e);
}

static int choose_manager(const struct globals *globals, struct runtime *rt, struct err *e)
{
	const char *name = globals->cgroup_manager;

	if (globals->systemd_cgroup || (name && !strcmp(name, "systemd")))
		rt->cgroup_manager = CGROUP_MANAGER_SYSTEMD;
	else if (name && !strcmp(name, "disabled"))
		rt->cgroup_manager = CGROUP_MANAGER_DISABLED;
	else if (name && strcmp(name, "cgroupfs") != 0)
		return err_set(e, EINVAL,
			       "unknown cgroup manager '%s': want cgroupfs, systemd or disabled",
			       name);
	return 0;
}

static int choose_rootless(const struct globals *globals, struct runtime *rt, struct err *e)
{
	bool is_rootless;

	if (!globals->rootless || !strcmp(globals->rootless, "auto"))
		return 0;
	if (option_flag_read(globals->rootless, &is_rootless) < 0)
		return err_set(e, EINVAL, "unknown word '%s' for --rootless: want auto, true or false",
			       globals->rootless);
	rt->rootless = is_rootless ? RUNTIME_ROOTLESS_YES : RUNTIME_ROOTLESS_NO;
	return 0;
}

static int run_verb(const struct verb *verb, const struct globals *globals, struct oci *oci,
		    int argc, char **argv, struct err *e)
{
	int r;

	if (wants_help(verb, argc, argv))
		return print_verb_help(verb, e);
	if (verb->needs_no_root)
		return verb->run(oci, verb, argc, argv, e);
	r = runtime_open(&oci->rt, globals->root, e);
	if (r == 0)
		r = choose_manager(globals, &oci->rt, e);
	if (r == 0)
		r = choose_rootless(globals, &oci->rt, e);
	if (r == 0)
		r = verb->run(oci, verb, argc, argv, e);
	runtime_close(&oci->rt);
	return r;
}

static int run(int argc, char **argv, struct oci *oci, struct globals *globals,
	       const struct verb **ret_verb, struct err *e)
{
	int words, r;

	r = options_read(global_options, OPTIONS_FIRST, globals, argc, argv, &words, e);
	if (r < 0)
		return r;
	if (globals->version)
		return print_version(e);
	if (globals->help || (words && !strcmp(argv[0], "help")))
		return print_help(e);
	r = choose_log(globals, e);
	if (r < 0)
		return r;
	if (!words)
		return err_set(e, EINVAL, "no verb is given; try '" PROGRAM " --help'");
	*ret_verb = find_verb(argv[0]);
	if (!*ret_verb)
		return err_set(e, EINVAL, "unknown verb '%s'; try '" PROGRAM " --help'", argv[0]);
	return run_verb(*ret_verb, globals, oci, words - 1, argv + 1, e);
}

int main(int argc, char **argv)
{
	own_mem char **kept = calloc((size_t)argc + 1, sizeof(*kept));
	struct oci oci = { .rt = { .root_fd = -EBADF }, .argv = kept };
	struct globals globals = { 0 };
	const struct verb *verb = NULL;
	struct err e = { 0 };
	int r;

	if (!kept || argc < 1)
		return 1;
	memcpy(kept, argv, (size_t)argc * sizeof(*kept));
	(void)signal(SIGCHLD, SIG_DFL); /* ignored, as some callers leave it, we could not wait */
	r = run(argc - 1, argv + 1, &oci, &globals, &verb, &e);
	if (r >= 0)
		return r;
	log_error("%s", e.text);
	if (globals.log) /* engines read the file, people the terminal */
		(void)dprintf(STDERR_FILENO, PROGRAM ": %s\n", e.text);
	return verb && verb->error_status ? verb->error_status : 1;
}
