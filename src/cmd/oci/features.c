#include "base/text.h"
#include "cmd/oci/verb.h"

static const struct option options[] = { { 0 } };

static int features_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
			struct err *e)
{
	own_text struct text out = { 0 };
	int r = verb_read(verb, NULL, argc, argv, 0, 0, e);

	if (r < 0)
		return r;
	runtime_features(&out);
	return verb_print(&out, e);
}

const struct verb verb_features = {
	.name = "features",
	.words = "",
	.summary = "print what this runtime can do as JSON",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.needs_no_root = true,
	.run = features_run,
};
