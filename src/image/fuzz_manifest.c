/* Whatever JSON an image brings: manifest, list, manifest.json, configuration; the first byte says. */
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/config.h"
#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	own_arena struct arena arena = { 0 };
	struct docker_list docker;
	struct manifest manifest;
	struct manifest_list list;
	struct config config;
	struct err e = { 0 };

	if (!size || arena_init(&arena, &e) < 0)
		return 0;
	switch (data[0] & 3) {
	case 0:
		(void)manifest_parse(bytes, size - 1, &arena, &manifest, &e);
		break;
	case 1:
		(void)manifest_list_parse(bytes, size - 1, &arena, &list, &e);
		break;
	case 2:
		(void)docker_list_parse(bytes, size - 1, &arena, &docker, &e);
		break;
	case 3:
		(void)config_parse(bytes, size - 1, &arena, &config, &e);
		break;
	}
	return 0;
}
