/*
 * What a profile gives each call that `probe all` tries: lines "ABI NUMBER VERDICT". Runs outside.
 *
 * Usage: expect PROFILE.json [FIRST], in OCI's form; FIRST is argument 0, else all are -1
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/read.h"

#define NUMBER_COUNT 600

int main(int argc, char **argv)
{
	static const enum seccomp_arch archs[] = { SECCOMP_ARCH_X86_64, SECCOMP_ARCH_I386,
						   SECCOMP_ARCH_X32 };
	own_json struct json_object *json = NULL;
	own_arena struct arena arena = { 0 };
	struct seccomp_profile profile;
	struct seccomp_filter filter;
	struct err e = { 0 };

	if (argc < 2 || argc > 3 || arena_init(&arena, &e) < 0 || json_read_at(AT_FDCWD, argv[1], &json, &e) < 0 ||
	    seccomp_read_oci(json, SECCOMP_ARCH_X86_64, &arena, &profile, &e) < 0 ||
	    seccomp_compile(&profile, NULL, &arena, &filter, &e) < 0) {
		(void)fprintf(stderr, "expect: %s\n", e.text);
		return 1;
	}
	for (unsigned i = 0; i < sizeof(archs) / sizeof(*archs); i++) {
		const struct seccomp_arch_facts *arch = &seccomp_archs[archs[i]];
		uint64_t ones = arch->is_32bit && !arch->number_base ? UINT32_MAX : UINT64_MAX;

		for (uint32_t number = 0; number < NUMBER_COUNT; number++) {
			struct seccomp_data data = { .nr = (int)(number + arch->number_base),
						     .arch = arch->audit,
						     .args = { ones, ones, ones, ones, ones, ones } };

			if (argc == 3)
				data.args[0] = strtoull(argv[2], NULL, 0);
			(void)printf("%s %u %#x\n", arch->short_name, number,
				     filter_run(filter, &data, NULL));
		}
	}
	return 0;
}
