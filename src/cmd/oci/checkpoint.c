/*
 * Checkpoint and restore: known verbs with CRIU's options, and an error that says what is the
 * matter, so that an engine which tries gets an answer instead of a puzzle. `features` says so too.
 */
#include <errno.h>

#include "base/err.h"
#include "cmd/oci/verb.h"

static const struct option options[] = {
	{ "image-path", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "work-path", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "parent-path", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "leave-running", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "tcp-established", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "tcp-skip-in-flight", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "link-remap", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "ext-unix-sk", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "shell-job", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "lazy-pages", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "status-fd", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "page-server", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "file-locks", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "pre-dump", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "manage-cgroups-mode", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "empty-ns", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "auto-dedup", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "bundle", 'b', OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "console-socket", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "detach", 'd', OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "pid-file", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "no-subreaper", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "no-pivot", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ "lsm-profile", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "lsm-mount-context", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ 0 },
};

static int refuse_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
		      struct err *e)
{
	int r = verb_read(verb, NULL, argc, argv, 1, 1, e);

	return r < 0 ? r : err_set(e, ENOTSUP, "%s of '%s': this runtime cannot checkpoint or "
					       "restore containers", verb->name, argv[0]);
}

const struct verb verb_checkpoint = {
	.name = "checkpoint",
	.words = "ID",
	.summary = "not available: always an error",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = refuse_run,
};

const struct verb verb_restore = {
	.name = "restore",
	.words = "ID",
	.summary = "not available: always an error",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = refuse_run,
};
