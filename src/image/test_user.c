#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "image/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment, and a line that is too short\n"
			     "short:x\n"
			     "web:x:33:33::/var/www:\n"
			     "1000:x:7:8::/digits:\n"
			     "big:x:4294967295:1::/:\n"
			     "neg:x:-1:1::/:\n"
			     "nohome:x:40:41\n"
			     "relative:x:42:42::var/www:\n"
			     "web:x:99:99::/second:\n"
			     "last:x:50:51::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "wheel:x:10:root,web\n"
			    "web:x:33:\n"
			    "logs:x:34:web,webby\n"
			    "2000:x:9:\n"
			    "none:x:60";

struct root {
	char path[64];
	int fd;
};

static void file_write(struct root *root, const char *path, const char *bytes)
{
	int fd = openat(root->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	close(fd);
}

static void root_make(struct root *root)
{
	strcpy(root->path, "/tmp/gabion-test-user.XXXXXX");
	assert_non_null(mkdtemp(root->path));
	root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root->fd, "etc", 0755), 0);
}

static void root_drop(struct root *root)
{
	(void)unlinkat(root->fd, "etc/passwd", 0);
	(void)unlinkat(root->fd, "etc/group", 0);
	(void)unlinkat(root->fd, "passwd", 0);
	(void)unlinkat(root->fd, "etc", AT_REMOVEDIR);
	(void)rmdir(root->path);
	close(root->fd);
}

static const struct {
	const char *why;
	const char *text;
	int error;
	uid_t uid;
	gid_t gid;
	const char *home;
	size_t group_count;
} cases[] = {
	{ "nobody said who: root", "", 0, 0, 0, "/root", 1 },
	{ "number", "33", 0, 33, 33, "/var/www", 2 },
	{ "name, the first line counts", "web", 0, 33, 33, "/var/www", 2 },
	{ "number without an entry", "1", 0, 1, 0, "/", 0 },
	{ "two numbers", "1:2", 0, 1, 2, "/", 0 },
	{ "a group ends supplementary ones", "web:10", 0, 33, 10, "/var/www", 0 },
	{ "group by name", "1:logs", 0, 1, 34, "/", 0 },
	{ "only a group", ":logs", 0, 0, 34, "/root", 0 },
	{ "leading zeros are decimal", "033", 0, 33, 33, "/var/www", 2 },
	{ "zeros only", "000", 0, 0, 0, "/root", 1 },
	{ "digits that are a name", "1000", 0, 7, 8, "/digits", 0 },
	{ "digits that are a group's name", "1:2000", 0, 1, 9, "/", 0 },
	{ "largest id", "4294967294", 0, 4294967294, 0, "/", 0 },
	{ "entry without a home", "nohome", 0, 40, 41, "/", 0 },
	{ "home that is not absolute", "relative", 0, 42, 42, "/", 0 },
	{ "last line without a newline", "last", 0, 50, 51, "/last", 0 },
	{ "-1 is the id that means nobody", "4294967295", ERANGE, 0, 0, NULL, 0 },
	{ "2^32 must not become 0", "4294967296", ERANGE, 0, 0, NULL, 0 },
	{ "2^64 must not become 0", "18446744073709551616", ERANGE, 0, 0, NULL, 0 },
	{ "group 2^32", "1:4294967296", ERANGE, 0, 0, NULL, 0 },
	{ "plus sign", "+1", EINVAL, 0, 0, NULL, 0 },
	{ "minus sign", "-1", EINVAL, 0, 0, NULL, 0 },
	{ "minus sign of a group", "1:-1", EINVAL, 0, 0, NULL, 0 },
	{ "only a colon", ":", EINVAL, 0, 0, NULL, 0 },
	{ "empty group", "1:", EINVAL, 0, 0, NULL, 0 },
	{ "unknown name", "nosuch", ENOENT, 0, 0, NULL, 0 },
	{ "unknown group", "web:nosuch", ENOENT, 0, 0, NULL, 0 },
	{ "half a number", "1x", ENOENT, 0, 0, NULL, 0 },
	{ "hexadecimal", "0x1", ENOENT, 0, 0, NULL, 0 },
	{ "blank before", " 1", ENOENT, 0, 0, NULL, 0 },
	{ "two colons", "1:2:3", ENOENT, 0, 0, NULL, 0 },
	{ "entry with the id that means nobody", "big", ENOENT, 0, 0, NULL, 0 },
	{ "entry with a negative id", "neg", ENOENT, 0, 0, NULL, 0 },
	{ "line with too few fields", "short", ENOENT, 0, 0, NULL, 0 },
};

static void test_user_table(void **state)
{
	struct root root;

	root_make(&root);
	file_write(&root, "etc/passwd", passwd);
	file_write(&root, "etc/group", group);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own_arena struct arena arena;
		struct user user = { 0 };
		struct err e = { 0 };
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		r = user_resolve(root.fd, cases[i].text, &arena, &user, &e);
		if (r != -cases[i].error || user.uid != cases[i].uid || user.gid != cases[i].gid ||
		    user.group_count != cases[i].group_count ||
		    (cases[i].home && strcmp(user.home, cases[i].home)))
			fail_msg("%s: '%s' gave %d, %u:%u, %zu groups: %s", cases[i].why,
				 cases[i].text, r, user.uid, user.gid, user.group_count, e.text);
	}
	root_drop(&root);
}

/* What stands in place of /etc/passwd. Each returns the errno that "1" must fail with, or 0. */
static int make_fifo(struct root *root)
{
	assert_int_equal(mkfifoat(root->fd, "etc/passwd", 0666), 0);
	return EINVAL;
}

static int make_link_out(struct root *root)
{
	/* Inside the root this is the root's own etc/passwd, which is the link itself. */
	assert_int_equal(symlinkat("../../../../etc/passwd", root->fd, "etc/passwd"), 0);
	return ELOOP;
}

static int make_link_in(struct root *root)
{
	file_write(root, "passwd", "one:x:1:77::/:\n");
	assert_int_equal(symlinkat("/passwd", root->fd, "etc/passwd"), 0);
	return 0;
}

static int make_magic_link(struct root *root)
{
	assert_int_equal(symlinkat("/proc/self/fd/0", root->fd, "etc/passwd"), 0);
	return 0; /* there is no /proc in the root: a dangling link is a file that is not there */
}

static int make_huge(struct root *root)
{
	int fd = openat(root->fd, "etc/passwd", O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, USER_FILE_BYTES_MAX + 1), 0);
	close(fd);
	return E2BIG;
}

static int make_long_line(struct root *root)
{
	char *line = malloc(USER_LINE_BYTES_MAX + 3);

	memset(line, 'a', USER_LINE_BYTES_MAX + 2);
	line[USER_LINE_BYTES_MAX + 2] = '\0';
	file_write(root, "etc/passwd", line);
	free(line);
	return E2BIG;
}

static int make_directory(struct root *root)
{
	assert_int_equal(mkdirat(root->fd, "etc/passwd", 0755), 0);
	return EINVAL;
}

static int make_nothing(struct root *root)
{
	(void)root;
	return 0;
}

static void test_user_hostile_files(void **state)
{
	int (*const makers[])(struct root *) = { make_fifo,	  make_link_out, make_link_in,
						 make_magic_link, make_huge,	 make_long_line,
						 make_directory,  make_nothing };

	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++) {
		own_arena struct arena arena;
		struct user user = { 0 };
		struct err e = { 0 };
		struct root root;
		int r, want;

		assert_int_equal(arena_init(&arena, &e), 0);
		root_make(&root);
		want = makers[i](&root);
		r = user_resolve(root.fd, "1", &arena, &user, &e);
		if (r != -want)
			fail_msg("maker %zu: %d instead of %d: %s", i, r, -want, e.text);
		if (makers[i] == make_link_in)
			assert_int_equal(user.gid, 77);
		(void)unlinkat(root.fd, "etc/passwd", AT_REMOVEDIR);
		root_drop(&root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_table),
		cmocka_unit_test(test_user_hostile_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
