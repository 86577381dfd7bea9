#include "cmd/oci/verb.h"

static const struct option options[] = { { 0 } };

static int pause_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	int r = verb_read(verb, NULL, argc, argv, 1, 1, e);

	return r < 0 ? r : runtime_pause(&oci->rt, argv[0], e);
}

const struct verb verb_pause = {
	.name = "pause",
	.words = "ID",
	.summary = "stop every process of a container where it is",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = pause_run,
};
