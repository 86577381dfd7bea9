#include "cmd/oci/verb.h"

static const struct option options[] = { { 0 } };

static int resume_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	int r = verb_read(verb, NULL, argc, argv, 1, 1, e);

	return r < 0 ? r : runtime_resume(&oci->rt, argv[0], e);
}

const struct verb verb_resume = {
	.name = "resume",
	.words = "ID",
	.summary = "let the processes of a paused container go on",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = resume_run,
};
