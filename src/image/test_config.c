#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "image/config.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"

static const struct {
	const char *why;
	const char *json;
	const char *error; /* part of the sentence, or NULL when it is fine */
} cases[] = {
	{ "smallest", "{" ROOTFS "}", NULL },
	{ "nulls are not set", "{\"config\":{\"Env\":null,\"Cmd\":null,\"User\":null}," ROOTFS "}",
	  NULL },
	{ "unknown members", "{\"x\":1,\"config\":{\"Healthcheck\":{}}," ROOTFS "}", NULL },
	{ "no layers at all", "{\"rootfs\":{\"diff_ids\":[]}}", NULL },
	{ "a manifest instead", "{\"layers\":[]}", "'rootfs' is missing" },
	{ "not an object", "[]", "should be an object" },
	{ "config of the wrong type", "{\"config\":[]," ROOTFS "}", "'config' should be an object" },
	{ "Env with a number", "{\"config\":{\"Env\":[1]}," ROOTFS "}", "'Env' should be a list of" },
	{ "Env without a value", "{\"config\":{\"Env\":[\"A\"]}," ROOTFS "}", "not NAME=value" },
	{ "Env without a name", "{\"config\":{\"Env\":[\"=x\"]}," ROOTFS "}", "not NAME=value" },
	{ "NUL in Env", "{\"config\":{\"Env\":[\"A=b\\u0000c\"]}," ROOTFS "}", "NUL" },
	{ "NUL in User", "{\"config\":{\"User\":\"0\\u00001\"}," ROOTFS "}", "NUL" },
	{ "relative WorkingDir", "{\"config\":{\"WorkingDir\":\"../x\"}," ROOTFS "}",
	  "not absolute" },
	{ "relative volume", "{\"config\":{\"Volumes\":{\"x\":{}}}," ROOTFS "}", "not absolute" },
	{ "port with a name", "{\"config\":{\"ExposedPorts\":{\"http\":{}}}," ROOTFS "}", "no port" },
	{ "port with an odd protocol", "{\"config\":{\"ExposedPorts\":{\"1/x\":{}}}," ROOTFS "}",
	  "no port" },
	{ "port range", "{\"config\":{\"ExposedPorts\":{\"1-9/udp\":{},\"80\":{}}}," ROOTFS "}",
	  NULL },
	{ "label with a number", "{\"config\":{\"Labels\":{\"a\":1}}," ROOTFS "}", "only strings" },
	{ "label without a name", "{\"config\":{\"Labels\":{\"\":\"1\"}}," ROOTFS "}",
	  "without a name" },
	{ "diff id of another kind", "{\"rootfs\":{\"diff_ids\":[\"md5:00\"]}}", "not a sha256" },
	{ "diff id as a path", "{\"rootfs\":{\"diff_ids\":[\"sha256:../../etc\"]}}",
	  "not a sha256" },
};

static void test_config_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own_arena struct arena arena;
		struct config config;
		struct err e = { 0 };
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		r = config_parse(cases[i].json, strlen(cases[i].json), &arena, &config, &e);
		if (cases[i].error ? r == 0 || !strstr(e.text, cases[i].error) : r < 0)
			fail_msg("%s: %d %s", cases[i].why, r, e.text);
	}
}

static void test_config_values(void **state)
{
	static const char json[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":[\"A=b\"],"
		"\"Entrypoint\":[\"/x\"],\"Cmd\":[],\"User\":\"\",\"WorkingDir\":\"/w\","
		"\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"k\":\"v=1\"},"
		"\"StopSignal\":\"SIGINT\",\"Volumes\":{\"/v\":{}}}," ROOTFS "}";
	own_arena struct arena arena;
	struct config config;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(config_parse(json, sizeof(json) - 1, &arena, &config, &e), 0);
	assert_string_equal(config.os, "linux");
	assert_string_equal(config.run.env[0], "A=b");
	assert_null(config.run.env[1]);
	assert_string_equal(config.run.entrypoint[0], "/x");
	assert_null(config.run.cmd);
	assert_null(config.run.user);
	assert_string_equal(config.run.working_dir, "/w");
	assert_string_equal(config.run.ports[0], "80/tcp");
	assert_string_equal(config.run.labels[0], "k=v=1");
	assert_string_equal(config.run.stop_signal, "SIGINT");
	assert_string_equal(config.run.volumes[0], "/v");
	assert_int_equal(config.diff_id_count, 1);
	assert_string_equal(digest_hex(&config.diff_ids[0]), HEX);
}

/* Each list is bounded, so that no image costs more than a little memory. */
static void test_config_too_many(void **state)
{
	static const char *const shapes[][3] = {
		{ "{\"config\":{\"Env\":[\"A=\"", ",\"A=\"", "]}," ROOTFS "}" },
		{ "{\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\"", ",\"sha256:" HEX "\"", "]}}" },
	};

	for (size_t i = 0; i < 2; i++) {
		own_text struct text json = { 0 };
		own_arena struct arena arena;
		struct config config;
		struct err e = { 0 };

		text_append(&json, shapes[i][0]);
		for (size_t k = 0; k < CONFIG_LIST_MAX; k++)
			text_append(&json, shapes[i][1]);
		text_append(&json, shapes[i][2]);
		assert_int_equal(arena_init(&arena, &e), 0);
		assert_true(config_parse(json.data, json.length, &arena, &config, &e) < 0);
		assert_non_null(strstr(e.text, "more than"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_table),
		cmocka_unit_test(test_config_values),
		cmocka_unit_test(test_config_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
