#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "image/entry.h"

static const struct {
	const char *why;
	const char *name;
	int error;
	enum entry_kind kind;
	const char *path;
} cases[] = {
	{ "plain", "usr/bin/x", 0, ENTRY_PLAIN, "usr/bin/x" },
	{ "as tar writes it", "./usr/", 0, ENTRY_PLAIN, "usr" },
	{ "absolute: below the root all the same", "/etc/passwd", 0, ENTRY_PLAIN, "etc/passwd" },
	{ "slashes and dots", "//a/.//b/./", 0, ENTRY_PLAIN, "a/b" },
	{ "root", "./", 0, ENTRY_ROOT, "" },
	{ "root, absolute", "/", 0, ENTRY_ROOT, "" },
	{ "dots that are a name", "...", 0, ENTRY_PLAIN, "..." },
	{ "name that begins with dots", "..a/b..", 0, ENTRY_PLAIN, "..a/b.." },
	{ "odd bytes", "\xff\n\t", 0, ENTRY_PLAIN, "\xff\n\t" },
	{ "whiteout", "a/.wh.b", 0, ENTRY_WHITEOUT, "a/b" },
	{ "whiteout at the top", ".wh.b", 0, ENTRY_WHITEOUT, "b" },
	{ "whiteout of a whiteout's name", ".wh.b.wh.c", 0, ENTRY_WHITEOUT, "b.wh.c" },
	{ "opaque", "a/b/.wh..wh..opq", 0, ENTRY_OPAQUE, "a/b" },
	{ "opaque root", ".wh..wh..opq", 0, ENTRY_OPAQUE, "" },
	{ "of aufs", ".wh..wh.plnk", 0, ENTRY_NOTHING, NULL },
	{ "of aufs, below", "a/.wh..wh.orph", 0, ENTRY_NOTHING, NULL },
	{ "no name", "", EINVAL, 0, NULL },
	{ "up", "..", EINVAL, 0, NULL },
	{ "up from below", "a/../../b", EINVAL, 0, NULL },
	{ "up at the end", "a/..", EINVAL, 0, NULL },
	{ "up that would cancel out", "a/../b", EINVAL, 0, NULL },
	{ "whiteout of nothing", ".wh.", EINVAL, 0, NULL },
	{ "whiteout of this directory", "a/.wh..", EINVAL, 0, NULL },
	{ "whiteout of the parent", "a/.wh...", EINVAL, 0, NULL },
	{ "file below a whiteout", ".wh.a/b", EINVAL, 0, NULL },
	{ "file below an opaque mark", ".wh..wh..opq/b", EINVAL, 0, NULL },
};

static void test_entry_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct entry_path entry;
		int r = entry_parse(cases[i].name, &entry, NULL);

		if (r != -cases[i].error || (r == 0 && entry.kind != cases[i].kind) ||
		    (r == 0 && cases[i].path && strcmp(entry.path, cases[i].path)))
			fail_msg("%s: '%s' gave %d, kind %d, '%s'", cases[i].why, cases[i].name, r,
				 r ? -1 : (int)entry.kind, r ? "" : entry.path);
	}
}

static void test_entry_too_long(void **state)
{
	char name[3 * PATH_MAX];
	struct entry_path entry;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(entry_parse(name, &entry, NULL), -ENAMETOOLONG);
	name[NAME_MAX] = '\0';
	assert_int_equal(entry_parse(name, &entry, NULL), 0);
	for (size_t i = 1; i < sizeof(name) - 1; i += 2)
		name[i] = '/';
	name[NAME_MAX] = '/';
	assert_int_equal(entry_parse(name, &entry, NULL), -ENAMETOOLONG);
}

static void test_entry_xattrs(void **state)
{
	assert_true(entry_xattr_wanted("security.capability"));
	assert_true(entry_xattr_wanted("user.mime_type"));
	assert_false(entry_xattr_wanted("user.overlay.redirect"));
	assert_false(entry_xattr_wanted("trusted.overlay.opaque"));
	assert_false(entry_xattr_wanted("security.selinux"));
	assert_false(entry_xattr_wanted("security.ima"));
	assert_false(entry_xattr_wanted("system.posix_acl_access"));
	assert_false(entry_xattr_wanted(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry_table),
		cmocka_unit_test(test_entry_too_long),
		cmocka_unit_test(test_entry_xattrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
