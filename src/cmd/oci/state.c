#include "base/text.h"
#include "cmd/oci/verb.h"

static const struct option options[] = { { 0 } };

static int state_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	own_arena struct arena arena = { 0 };
	own_text struct text out = { 0 };
	struct runtime_state state;
	int r;

	r = verb_read(verb, NULL, argc, argv, 1, 1, e);
	if (r >= 0)
		r = arena_init(&arena, e);
	if (r >= 0)
		r = runtime_state(&oci->rt, argv[0], &arena, &state, e);
	if (r < 0)
		return r;
	runtime_state_json(&state, &out);
	return verb_print(&out, e);
}

const struct verb verb_state = {
	.name = "state",
	.words = "ID",
	.summary = "print the state of a container as JSON",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = state_run,
};
