#include "base/err.h"
#include "cmd/oci/create.h"

struct run_values {
	struct create_values create; /* first: see CREATE_OPTIONS */
	struct runtime_foreground how;
};

#define AT(field) offsetof(struct run_values, field)

static const struct option options[] = {
	CREATE_OPTIONS,
	{ "detach", 'd', OPTION_FLAG, AT(how.detach), NULL, "do not wait for the workload to end" },
	{ "keep", 0, OPTION_FLAG, AT(how.keep), NULL, "leave the stopped container for delete" },
	{ "no-subreaper", 0, OPTION_FLAG, AT(how.no_subreaper), NULL,
	  "leave orphans of the workload to init" },
	{ 0 },
};

static int run_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct run_values values = { .create.request = RUNTIME_CREATE_REQUEST_INIT };
	int status, r;

	r = verb_read(verb, &values, argc, argv, 1, 1, e);
	if (r >= 0)
		r = create_read(oci, &values.create, argv[0], e);
	if (r >= 0)
		r = runtime_run(&oci->rt, &values.create.request, &values.how, &status, e);
	return r < 0 ? r : status;
}

const struct verb verb_run = {
	.name = "run",
	.words = "ID",
	.summary = "create and start a container, delete it when it ends",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = run_run,
};
