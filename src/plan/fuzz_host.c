/* Bytes before the first NUL stand for /proc/self/mountinfo, those after it for /proc/self/cgroup. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "plan/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	own_mem char *text = calloc(1, length + 2);
	own_arena struct arena arena = { 0 };
	struct host host = { 0 };
	struct err e = { 0 };

	if (!text || arena_init(&arena, &e) < 0)
		return 0;
	if (length)
		memcpy(text, bytes, length);
	if (host_parse_cgroups(text, text + strlen(text) + 1, &arena, &host, &e) < 0)
		abort();
	for (uint32_t i = 0; i < host.cgroup_count; i++)
		if (host.cgroups[i].own_path[0] != '/' || host.cgroups[i].mount_point[0] != '/' ||
		    !strncmp(host.cgroups[i].own_path, "/../", 4))
			abort();
	return 0;
}
