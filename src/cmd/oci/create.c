#include "base/err.h"
#include "cmd/oci/create.h"

static const struct option options[] = {
	CREATE_OPTIONS,
	{ "no-subreaper", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ 0 },
};

int create_read(struct oci *oci, struct create_values *values, char *id, struct err *e)
{
	int r;

	values->request.id = id;
	values->request.config_name = values->config;
	r = verb_count_fds(&values->preserve_fds, &values->request.preserve_fd_count, e);
	return r < 0 ? r : verb_protect(oci, e);
}

static int create_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
		      struct err *e)
{
	struct create_values values = { .request = RUNTIME_CREATE_REQUEST_INIT };
	int r;

	r = verb_read(verb, &values, argc, argv, 1, 1, e);
	if (r >= 0)
		r = create_read(oci, &values, argv[0], e);
	return r < 0 ? r : runtime_create(&oci->rt, &values.request, e);
}

const struct verb verb_create = {
	.name = "create",
	.words = "ID",
	.summary = "make a container that waits to be started",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = create_run,
};
