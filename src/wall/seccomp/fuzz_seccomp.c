/*
 * Bytes as a profile, in OCI's form and in those of files: whatever is taken must compile to a
 * filter that the kernel would take, and the profile written out must give the same filter again.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const caps[] = { "CAP_SYS_ADMIN", "CAP_SYS_CHROOT" };

static bool is_same(struct seccomp_filter a, struct seccomp_filter b)
{
	return a.count == b.count && !memcmp(a.insns, b.insns, a.count * sizeof(*a.insns));
}

static void check_written(const struct seccomp_profile *profile, struct seccomp_filter filter)
{
	own_json struct json_object *json = NULL;
	own_arena struct arena arena = { 0 };
	own_text struct text text = { 0 };
	struct seccomp_profile again;
	struct seccomp_filter same;

	seccomp_write(profile, &text);
	assert(arena_init(&arena, NULL) == 0);
	assert(json_parse(text_str(&text), text.length, "written", &json, NULL) == 0);
	assert(seccomp_read_oci(json, SECCOMP_ARCH_X86_64, &arena, &again, NULL) == 0);
	assert(seccomp_compile(&again, NULL, &arena, &same, NULL) == 0);
	/* Names that the table does not know are not written, but count for nothing either. */
	assert(is_same(filter, same));
}

static void check(struct json_object *json, bool as_file)
{
	struct seccomp_facts facts = { .arch = SECCOMP_ARCH_X86_64,
				       .kernel_major = 6,
				       .kernel_minor = 1,
				       .caps = caps,
				       .cap_count = 2 };
	own_arena struct arena arena = { 0 };
	struct seccomp_profile profile;
	struct seccomp_filter filter;
	int r;

	assert(arena_init(&arena, NULL) == 0);
	r = as_file ? seccomp_read_file(json, &facts, &arena, &profile, NULL) :
		      seccomp_read_oci(json, SECCOMP_ARCH_X86_64, &arena, &profile, NULL);
	if (r < 0 || seccomp_profile_is_empty(&profile) ||
	    seccomp_compile(&profile, NULL, &arena, &filter, NULL) < 0)
		return;
	assert(filter_check(filter));
	check_written(&profile, filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_json struct json_object *json = NULL;

	if (json_parse((const char *)data, size, "profile", &json, NULL) < 0)
		return 0;
	check(json, false);
	check(json, true);
	return 0;
}
