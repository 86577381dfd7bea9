#include <signal.h>

#include "base/err.h"
#include "cmd/oci/regex.h"
#include "cmd/oci/verb.h"
#include "runtime/signals.h"

struct kill_values {
	bool all;
	bool regex;
	int signal;
};

#define AT(field) offsetof(struct kill_values, field)

static const struct option options[] = {
	{ "all", 'a', OPTION_FLAG, AT(all), NULL, "signal every process, not init alone" },
	{ "regex", 'r', OPTION_FLAG, AT(regex), NULL, "ID is a regular expression: all that fit" },
	{ 0 },
};

static int kill_one(struct oci *oci, const char *id, const void *context, struct err *e)
{
	const struct kill_values *values = context;

	return runtime_kill(&oci->rt, id, values->signal, values->all, e);
}

static int kill_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct kill_values values = { .signal = SIGTERM };
	int words = verb_read(verb, &values, argc, argv, 1, 2, e);
	int r = words;

	if (words == 2)
		r = signal_parse(argv[1], &values.signal, e);
	if (r < 0)
		return r;
	if (values.regex)
		return regex_each(oci, argv[0], kill_one, &values, e);
	return kill_one(oci, argv[0], &values, e);
}

const struct verb verb_kill = {
	.name = "kill",
	.words = "ID [SIGNAL]",
	.summary = "send a signal (TERM) to a container's init",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = kill_run,
};
