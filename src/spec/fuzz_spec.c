#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	own_arena struct arena arena = { 0 };
	struct json_object *document;
	struct err e = { 0 };
	struct spec spec;

	if (arena_init(&arena, &e) < 0 ||
	    json_parse((const char *)bytes, length, "config.json", &document, &e) < 0 ||
	    spec_read(document, &arena, &spec, &e) < 0)
		return 0;
	(void)spec_validate(&spec, &e);
	spec_release(&spec);
	return 0;
}
