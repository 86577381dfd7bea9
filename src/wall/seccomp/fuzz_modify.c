/* Bytes as changes to the built-in profile: what is taken must compile. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/own.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/modify.h"
#include "wall/seccomp/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_facts facts = { .arch = SECCOMP_ARCH_X86_64, .kernel_major = 6 };
	own_arena struct arena arena = { 0 };
	own_mem char *changes = strndup((const char *)data, size);
	struct seccomp_profile profile;
	struct seccomp_filter filter;

	assert(changes && arena_init(&arena, NULL) == 0);
	assert(seccomp_read_builtin(&facts, &arena, &profile, NULL) == 0);
	if (seccomp_modify(&profile, changes, NULL) < 0)
		return 0;
	assert(seccomp_compile(&profile, NULL, &arena, &filter, NULL) == 0);
	assert(filter_check(filter));
	return 0;
}
