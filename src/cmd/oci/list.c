#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "cmd/oci/verb.h"

struct list_values {
	const char *format;
	bool quiet;
};

#define AT(field) offsetof(struct list_values, field)

static const struct option options[] = {
	{ "format", 'f', OPTION_TEXT, AT(format), "table|json", "form of the list" },
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "ids only" },
	{ 0 },
};

static void list_json_field(struct text *out, const char *name, const char *value)
{
	text_printf(out, ",\"%s\":", name);
	text_json(out, value);
}

static void list_json(const struct runtime_state *states, uint32_t count, struct text *out)
{
	text_append(out, "[");
	for (uint32_t i = 0; i < count; i++) {
		const struct runtime_state *state = &states[i];

		text_append(out, i ? ",{" : "{");
		text_append(out, "\"ociVersion\":\"" RUNTIME_SPEC_VERSION "\"");
		list_json_field(out, "id", state->id);
		text_printf(out, ",\"pid\":%d", state->pid);
		list_json_field(out, "status", runtime_status_name(state->status));
		list_json_field(out, "bundle", state->bundle);
		list_json_field(out, "rootfs", state->rootfs);
		list_json_field(out, "created", state->created);
		if (state->annotations.count) {
			text_append(out, ",\"annotations\":{");
			for (uint32_t k = 0; k < state->annotations.count; k++) {
				text_append(out, k ? "," : "");
				text_json(out, state->annotations.items[k].key);
				text_append(out, ":");
				text_json(out, state->annotations.items[k].value);
			}
			text_append(out, "}");
		}
		list_json_field(out, "owner", runtime_owner_name(state->owner));
		text_append(out, "}");
	}
	text_append(out, "]\n");
}

/* Columns as wide as their widest word, three blanks between, as runc's users cut them. */
static void list_table(const struct runtime_state *states, uint32_t count, struct text *out)
{
	int id = 2, bundle = 6, created = 7;

	for (uint32_t i = 0; i < count; i++) {
		int length = (int)strlen(states[i].id);

		id = length > id ? length : id;
		length = (int)strlen(states[i].bundle);
		bundle = length > bundle ? length : bundle;
		length = (int)strlen(states[i].created);
		created = length > created ? length : created;
	}
	text_printf(out, "%-*s   %-10s  %-8s   %-*s   %-*s   OWNER\n", id, "ID", "PID", "STATUS",
		    bundle, "BUNDLE", created, "CREATED");
	for (uint32_t i = 0; i < count; i++)
		text_printf(out, "%-*s   %-10d  %-8s   %-*s   %-*s   %s\n", id, states[i].id,
			    states[i].pid, runtime_status_name(states[i].status), bundle,
			    states[i].bundle, created, states[i].created,
			    runtime_owner_name(states[i].owner));
}

static int list_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct list_values values = { .format = "table" };
	own_arena struct arena arena = { 0 };
	own_text struct text out = { 0 };
	struct runtime_state *states;
	uint32_t count;
	int r;

	r = verb_read(verb, &values, argc, argv, 0, 0, e);
	if (r == 0 && strcmp(values.format, "table") != 0 && strcmp(values.format, "json") != 0)
		r = err_set(e, EINVAL, "list: unknown format '%s': want table or json",
			    values.format);
	if (r == 0)
		r = arena_init(&arena, e);
	if (r == 0)
		r = runtime_list(&oci->rt, &arena, &states, &count, e);
	if (r < 0)
		return r;
	if (values.quiet)
		for (uint32_t i = 0; i < count; i++)
			text_printf(&out, "%s\n", states[i].id);
	else if (!strcmp(values.format, "json"))
		list_json(states, count, &out);
	else
		list_table(states, count, &out);
	return verb_print(&out, e);
}

const struct verb verb_list = {
	.name = "list",
	.words = "",
	.summary = "list containers",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = list_run,
};
