/* cgroup.trees of a state file, and devices.list: whatever is in them, no path leaves its root. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "sandbox/cgroup/known.h"
#include "wall/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	own_mem char *text = calloc(1, length + 1);
	own_arena struct arena arena = { 0 };
	struct record rec = { .arena = &arena };
	struct cgroup_device_list list;
	struct cgroup_known known;
	struct err e = { 0 };

	if (!text || arena_init(&arena, &e) < 0)
		return 0;
	if (length)
		memcpy(text, bytes, length);
	(void)cgroup_device_list_read(text, &arena, &list, &e);
	if (record_set(&rec, "cgroup.trees", text, &e) < 0 || cgroup_known_read(&rec, &known, &e) < 0)
		return 0;
	for (uint32_t i = 0; i < known.places.count; i++)
		if (known.places.items[i].path[0] != '/' || strstr(known.places.items[i].path, "/../"))
			abort();
	cgroup_known_release(&known);
	return 0;
}
