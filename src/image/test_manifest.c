#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/manifest.h"

#define DIGEST "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define CONFIG "\"config\":{\"mediaType\":\"" MEDIA_TYPE_CONFIG "\",\"digest\":" DIGEST ",\"size\":2}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":" DIGEST ",\"size\":3}"

static const struct {
	const char *why;
	const char *json;
	const char *error; /* part of the sentence; NULL: fine */
} manifests[] = {
	{ "smallest", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", NULL },
	{ "one layer", "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(MEDIA_TYPE_LAYER) "]}",
	  NULL },
	{ "schema 1", "{\"schemaVersion\":1," CONFIG ",\"layers\":[]}", "schema version 1" },
	{ "both a manifest and a list", "{" CONFIG ",\"layers\":[],\"manifests\":[]}",
	  "does not belong" },
	{ "no config", "{\"layers\":[]}", "'config' is missing" },
	{ "no layers", "{" CONFIG "}", "'layers' is missing" },
	{ "config of something else",
	  "{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\",\"digest\":" DIGEST
	  ",\"size\":2},\"layers\":[]}",
	  "not a container image" },
	{ "layer of something else", "{" CONFIG ",\"layers\":[" LAYER("application/x-evil") "]}",
	  "not supported" },
	{ "encrypted layer",
	  "{" CONFIG ",\"layers\":[" LAYER(MEDIA_TYPE_LAYER "+gzip+encrypted") "]}",
	  "not supported" },
	{ "digest as a path",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:../../x\",\"size\":2},\"layers\":[]}",
	  "not a sha256" },
	{ "negative size",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":" DIGEST ",\"size\":-1},\"layers\":[]}",
	  "negative" },
	{ "no size", "{\"config\":{\"mediaType\":\"x\",\"digest\":" DIGEST "},\"layers\":[]}",
	  "needs 'mediaType', 'digest' and 'size'" },
	{ "fraction as a size",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":" DIGEST ",\"size\":1.5},\"layers\":[]}",
	  "whole number" },
	{ "list", "[]", "should be an object" },
	{ "cut off", "{\"layers\":[", "not valid JSON" },
};

static void test_manifest_table(void **state)
{
	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		own_arena struct arena arena;
		struct manifest manifest;
		struct err e = { 0 };
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		r = manifest_parse(manifests[i].json, strlen(manifests[i].json), &arena, &manifest,
				   &e);
		if (manifests[i].error ? r == 0 || !strstr(e.text, manifests[i].error) : r < 0)
			fail_msg("%s: %d %s", manifests[i].why, r, e.text);
	}
}

static void test_manifest_list_reads_platforms(void **state)
{
	static const char json[] =
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"digest\":" DIGEST ",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"},"
		"\"annotations\":{\"" MANIFEST_NAME_OCI "\":\"x:1\"}},"
		"{\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"digest\":" DIGEST ",\"size\":1,"
		"\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}]}";
	own_arena struct arena arena;
	struct manifest_list list;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(manifest_list_parse(json, sizeof(json) - 1, &arena, &list, &e), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.entries[0].architecture, "arm64");
	assert_string_equal(list.entries[0].variant, "v8");
	assert_string_equal(list.entries[0].ref_name, "x:1");
	assert_false(list.entries[0].is_attestation);
	assert_true(list.entries[1].is_attestation);
}

static void test_platform(void **state)
{
	own_arena struct arena arena;
	struct platform arm7, amd64;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(platform_parse("linux/arm/v7", &arena, &arm7, &e), 0);
	assert_int_equal(platform_parse("linux/amd64", &arena, &amd64, &e), 0);
	assert_true(platform_fits(&arm7, "linux", "arm", "v7"));
	assert_true(platform_fits(&arm7, "linux", "arm", NULL));
	assert_false(platform_fits(&arm7, "linux", "arm", "v6"));
	assert_false(platform_fits(&arm7, "linux", "arm64", NULL));
	assert_true(platform_fits(&amd64, NULL, NULL, NULL));
	assert_false(platform_fits(&amd64, "windows", "amd64", NULL));
	assert_false(platform_fits(&amd64, "unknown", "unknown", NULL));
	assert_true(platform_parse("linux", &arena, &amd64, NULL) < 0);
	assert_true(platform_parse("linux/", &arena, &amd64, NULL) < 0);
	assert_true(platform_parse("linux/arm/", &arena, &amd64, NULL) < 0);
	assert_true(platform_parse("a/b/c/d", &arena, &amd64, NULL) < 0);
}

static void test_docker_list(void **state)
{
	static const char good[] = "[{\"Config\":\"a.json\",\"RepoTags\":null,\"Layers\":[\"l.tar\"]}]";
	static const char *const bads[] = { "{}", "[1]", "[{}]", "[{\"Config\":\"a\"}]",
					    "[{\"Config\":\"a\",\"Layers\":[1]}]",
					    "[{\"Config\":\"a\\u0000b\",\"Layers\":[]}]" };
	own_arena struct arena arena;
	struct docker_list list;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(docker_list_parse(good, sizeof(good) - 1, &arena, &list, &e), 0);
	assert_int_equal(list.count, 1);
	assert_null(list.images[0].tags);
	assert_string_equal(list.images[0].layers[0], "l.tar");
	for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++)
		assert_true(docker_list_parse(bads[i], strlen(bads[i]), &arena, &list, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_table),
		cmocka_unit_test(test_manifest_list_reads_platforms),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_docker_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
