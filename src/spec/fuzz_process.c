#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	own_arena struct arena arena = { 0 };
	own_json struct json_object *document = NULL;
	struct spec_process process;
	struct err e = { 0 };

	if (arena_init(&arena, &e) < 0 ||
	    json_parse((const char *)bytes, length, "process.json", &document, &e) < 0)
		return 0;
	if (spec_process_read(document, &arena, &process, &e) == 0)
		(void)spec_process_validate(&process, &e);
	return 0;
}
