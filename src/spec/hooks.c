#include "spec/shapes.h"

static int hook_check(struct reader *reader, const struct place *place, void *thing)
{
	struct spec_hook *hook = thing;

	return path_is_absolute(reader, place, "path", hook->path);
}

static const struct field hook_fields[] = {
	FIELD_STRING("path", struct spec_hook, path, FIELD_MUST),
	FIELD_STRINGS("args", struct spec_hook, args),
	FIELD_STRINGS("env", struct spec_hook, env),
	FIELD_INT("timeout", struct spec_hook, timeout_s, 1, INT32_MAX,
		  FIELD_FLAG(struct spec_hook, has_timeout)),
	{ 0 },
};

static const struct shape hook_shape = { hook_fields, sizeof(struct spec_hook), hook_check };

#define FIELD_HOOKS(k, point)                                                                      \
	FIELD_LIST(k, struct spec, hooks[point].items, hooks[point].count, &hook_shape)
static const struct field hooks_fields[] = {
	FIELD_HOOKS("prestart", SPEC_HOOK_PRESTART),
	FIELD_HOOKS("createRuntime", SPEC_HOOK_CREATE_RUNTIME),
	FIELD_HOOKS("createContainer", SPEC_HOOK_CREATE_CONTAINER),
	FIELD_HOOKS("startContainer", SPEC_HOOK_START_CONTAINER),
	FIELD_HOOKS("poststart", SPEC_HOOK_POSTSTART),
	FIELD_HOOKS("poststop", SPEC_HOOK_POSTSTOP),
	{ 0 },
};

const struct shape hooks_shape = { hooks_fields, 0, NULL };
