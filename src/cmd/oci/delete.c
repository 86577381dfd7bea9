#include "base/err.h"
#include "cmd/oci/regex.h"
#include "cmd/oci/verb.h"

struct delete_values {
	bool force;
	bool regex;
};

#define AT(field) offsetof(struct delete_values, field)

static const struct option options[] = {
	{ "force", 'f', OPTION_FLAG, AT(force), NULL, "kill what still runs; no such id is fine" },
	{ "regex", 'r', OPTION_FLAG, AT(regex), NULL, "ID is a regular expression: all that fit" },
	{ 0 },
};

static int delete_one(struct oci *oci, const char *id, const void *context, struct err *e)
{
	const struct delete_values *values = context;

	return runtime_delete(&oci->rt, id, values->force, e);
}

static int delete_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
		      struct err *e)
{
	struct delete_values values = { 0 };
	int r = verb_read(verb, &values, argc, argv, 1, 1, e);

	if (r < 0)
		return r;
	if (values.regex)
		return regex_each(oci, argv[0], delete_one, &values, e);
	return delete_one(oci, argv[0], &values, e);
}

const struct verb verb_delete = {
	.name = "delete",
	.words = "ID",
	.summary = "take a container down and forget it",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = delete_run,
};
