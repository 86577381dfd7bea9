#include "cmd/oci/verb.h"

static const struct option options[] = { { 0 } };

static int start_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	int r = verb_read(verb, NULL, argc, argv, 1, 1, e);

	return r < 0 ? r : runtime_start(&oci->rt, argv[0], e);
}

const struct verb verb_start = {
	.name = "start",
	.words = "ID",
	.summary = "let a created container run its workload",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = start_run,
};
