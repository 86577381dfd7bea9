#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *why;
	const char *text;
	const char *full; /* NULL: refused */
	const char *brief;
} cases[] = {
	{ "one word", "busybox", "docker.io/library/busybox:latest", "busybox:latest" },
	{ "with a tag", "busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36" },
	{ "a user's", "me/tool", "docker.io/me/tool:latest", "me/tool:latest" },
	{ "Docker's old name", "index.docker.io/busybox", "docker.io/library/busybox:latest",
	  "busybox:latest" },
	{ "registry", "reg.example/a/b:x", "reg.example/a/b:x", "reg.example/a/b:x" },
	{ "registry with a port", "host:5000/a", "host:5000/a:latest", "host:5000/a:latest" },
	{ "localhost", "localhost/a", "localhost/a:latest", "localhost/a:latest" },
	{ "IPv6", "[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest" },
	{ "upper case makes it a registry", "Host/a", "Host/a:latest", "Host/a:latest" },
	{ "separators", "a.b_c__d---e", "docker.io/library/a.b_c__d---e:latest",
	  "a.b_c__d---e:latest" },
	{ "digest", "a@sha256:" HEX, "docker.io/library/a:latest", "a:latest" },
	{ "tag and digest", "a:b@sha256:" HEX, "docker.io/library/a:b", "a:b" },
	{ "nothing", "", NULL, NULL },
	{ "only a tag", ":x", NULL, NULL },
	{ "empty tag", "a:", NULL, NULL },
	{ "upper case", "Busybox", NULL, NULL },
	{ "path going up", "a/../b", NULL, NULL },
	{ "absolute", "/a", NULL, NULL },
	{ "two slashes", "a//b", NULL, NULL },
	{ "slash at the end", "a/", NULL, NULL },
	{ "dot first", ".a", NULL, NULL },
	{ "two dots", "a..b", NULL, NULL },
	{ "three underscores", "a___b", NULL, NULL },
	{ "option", "-a", NULL, NULL },
	{ "blank", "a b", NULL, NULL },
	{ "newline in the tag", "a:b\nc", NULL, NULL },
	{ "tag with a dash first", "a:-b", NULL, NULL },
	{ "short digest", "a@sha256:0123", NULL, NULL },
	{ "upper case digest", "a@sha256:" "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	  NULL, NULL },
	{ "sha512", "a@sha512:" HEX HEX, NULL, NULL },
	{ "port without digits", "host:x/a", NULL, NULL },
	{ "quotes", "a\"b", NULL, NULL },
};

static void test_reference_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct reference reference;
		struct err e = { 0 };
		int r = reference_parse(cases[i].text, &reference, &e);

		if (!cases[i].full ? r == 0 :
				     r < 0 || strcmp(reference.name, cases[i].full) ||
					     strcmp(reference_short(reference.name), cases[i].brief))
			fail_msg("%s: '%s' gave %d, '%s': %s", cases[i].why, cases[i].text, r,
				 r == 0 ? reference.name : "", e.text);
	}
}

static void test_reference_too_long(void **state)
{
	char text[2 * IMAGE_NAME_BYTES_MAX];
	struct reference reference;

	for (size_t length = IMAGE_NAME_BYTES_MAX - 40; length < sizeof(text); length++) {
		memset(text, 'a', length);
		text[length] = '\0';
		if (reference_parse(text, &reference, NULL) == 0)
			assert_true(strlen(reference.name) < IMAGE_NAME_BYTES_MAX);
	}
}

static void test_reference_bare(void **state)
{
	assert_true(reference_is_bare("a"));
	assert_true(reference_is_bare("a/b:1"));
	assert_false(reference_is_bare("localhost/a"));
	assert_false(reference_is_bare("a.b/c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_table),
		cmocka_unit_test(test_reference_too_long),
		cmocka_unit_test(test_reference_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
