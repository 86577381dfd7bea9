#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "sys/path.h"

/* The walk is tested through the C file: openat2() would answer for it. */
#include "path.c"

/* A root with an outside beside it, made anew for each test. */
struct tree {
	char base[64];
	int root_fd;
	int outside_fd;
};

static int tree_make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int base_fd;

	strcpy(tree->base, "/tmp/test_path.XXXXXX");
	assert_non_null(mkdtemp(tree->base));
	base_fd = open(tree->base, O_PATH | O_DIRECTORY);
	assert_int_equal(mkdirat(base_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(base_fd, "outside", 0755), 0);
	tree->root_fd = openat(base_fd, "root", O_PATH | O_DIRECTORY);
	tree->outside_fd = openat(base_fd, "outside", O_PATH | O_DIRECTORY);
	(void)close(base_fd);

	assert_int_equal(mkdirat(tree->root_fd, "run", 0755), 0);
	assert_int_equal(mkdirat(tree->root_fd, "var", 0755), 0);
	assert_int_equal(symlinkat("/run", tree->root_fd, "var/run"), 0);
	assert_int_equal(symlinkat("../run", tree->root_fd, "var/relative"), 0);
	assert_int_equal(symlinkat("../../../../../outside", tree->root_fd, "up"), 0);
	assert_int_equal(symlinkat("/var/nowhere/deep", tree->root_fd, "dangling"), 0);
	assert_int_equal(symlinkat("loop", tree->root_fd, "loop"), 0);
	assert_int_equal(mknodat(tree->root_fd, "run/file", S_IFREG | 0600, 0), 0);
	*state = tree;
	return 0;
}

static int tree_remove(void **state)
{
	struct tree *tree = *state;
	char command[128];

	(void)close(tree->root_fd);
	(void)close(tree->outside_fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", tree->base);
	assert_int_equal(system(command), 0);
	free(tree);
	return 0;
}

static bool same_file(int fd, int dir_fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir_fd, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void opens_inside(void **state)
{
	static const struct {
		const char *path;
		unsigned how;
		int flags;
		int want;
		const char *same; /* as this, below the root */
		const char *reason;
	} cases[] = {
		{ "/run/file", 0, O_PATH, 0, "run/file", "a plain path" },
		{ "run//./file", 0, O_RDONLY, 0, "run/file", "empty and dot components" },
		{ "/", 0, O_PATH, 0, ".", "the root itself" },
		{ "/..", 0, O_PATH, 0, ".", "there is nothing above the root" },
		{ "/var/run/file", 0, O_PATH, 0, "run/file", "absolute link" },
		{ "/var/relative/file", 0, O_PATH, 0, "run/file", "relative link" },
		{ "/var/../run/file", 0, O_PATH, 0, "run/file", "dots back" },
		{ "/up", 0, O_PATH, -ENOENT, NULL, "a link that climbs out finds the root's own" },
		{ "/up", PATH_NO_FOLLOW, O_PATH, 0, "up", "the link itself" },
		{ "/var/run/file", PATH_NO_SYMLINKS, O_PATH, -ELOOP, NULL, "links refused" },
		{ "/run/file", PATH_NO_SYMLINKS, O_PATH, 0, "run/file", "no link there" },
		{ "/dangling", 0, O_PATH, -ENOENT, NULL, "dangling link" },
		{ "/loop", 0, O_PATH, -ELOOP, NULL, "loop" },
		{ "/run/file/x", 0, O_PATH, -ENOTDIR, NULL, "a file on the way" },
		{ "/run/file", 0, O_PATH | O_DIRECTORY, -ENOTDIR, NULL, "directory wanted" },
		{ "/missing/x", 0, O_PATH, -ENOENT, NULL, "missing on the way" },
	};
	const struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int walks = 0; walks < 2; walks++) {
			struct err e = { 0 };
			int fd = walks ? open_by_walk(tree->root_fd, cases[i].path, cases[i].flags,
						      cases[i].how, &e) :
					 path_open(tree->root_fd, cases[i].path, cases[i].flags,
						   cases[i].how, &e);

			if (walks && fd < 0)
				fd = -errno;
			if (cases[i].want == 0) {
				if (fd < 0 || !same_file(fd, tree->root_fd, cases[i].same))
					fail_msg("%s: %s: %s", cases[i].path, cases[i].reason, e.text);
				(void)close(fd);
			} else if (fd != cases[i].want) {
				fail_msg("%s: %s: got %d", cases[i].path, cases[i].reason, fd);
			}
		}
	}
}

static void makes_inside(void **state)
{
	static const struct {
		const char *path;
		bool is_dir;
		int want;
		const char *same;
		bool made;
		const char *reason;
	} cases[] = {
		{ "/a/b/c", true, 0, "a/b/c", true, "parents are made" },
		{ "/a/b/c", true, 0, "a/b/c", false, "what is there stays" },
		{ "/var/run/x/y", true, 0, "run/x/y", true, "through a link" },
		{ "/up/x", true, 0, "outside/x", true, "climbing out makes inside" },
		{ "/dangling", true, 0, "var/nowhere/deep", true, "what a dangling link names" },
		{ "/f/g", false, 0, "f/g", true, "a file" },
		{ "/f/g", false, 0, "f/g", false, "a file that is there" },
		{ "/var/run/file", false, 0, "run/file", false, "through a link" },
		{ "/run", false, -EISDIR, NULL, false, "a directory where a file goes" },
		{ "/run/file", true, -ENOTDIR, NULL, false, "a file where a directory goes" },
		{ "/loop/x", true, -ELOOP, NULL, false, "loop" },
		{ "/", true, 0, ".", false, "the root" },
	};
	const struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };
		bool made;
		int fd = cases[i].is_dir ?
				 path_make_dir(tree->root_fd, cases[i].path, 0755, &made, &e) :
				 path_make_file(tree->root_fd, cases[i].path, 0644, &made, &e);

		if (cases[i].want == 0) {
			if (fd < 0 || !same_file(fd, tree->root_fd, cases[i].same) ||
			    made != cases[i].made)
				fail_msg("%s: %s: %s", cases[i].path, cases[i].reason, e.text);
			(void)close(fd);
		} else if (fd != cases[i].want) {
			fail_msg("%s: %s: got %d", cases[i].path, cases[i].reason, fd);
		}
	}
	assert_true(faccessat(tree->outside_fd, "x", F_OK, 0) < 0);
}

static void links_and_nodes(void **state)
{
	const struct tree *tree = *state;
	struct err e = { 0 };
	int fd;

	assert_int_equal(path_make_symlink(tree->root_fd, "/new/fd", "/proc/self/fd", &e), 0);
	assert_int_equal(path_make_symlink(tree->root_fd, "/new/fd", "/proc/self/fd", &e), 0);
	assert_int_equal(path_make_symlink(tree->root_fd, "/new/fd", "/else", NULL), -EEXIST);
	assert_int_equal(path_make_symlink(tree->root_fd, "/", "x", NULL), -EINVAL);

	fd = path_make_node(tree->root_fd, "/var/run/pipe", S_IFIFO | 0600, 0, &e);
	assert_true(fd >= 0 && same_file(fd, tree->root_fd, "run/pipe"));
	(void)close(fd);
	assert_int_equal(path_make_node(tree->root_fd, "/run/file", S_IFIFO | 0600, 0, NULL),
			 -EEXIST);
	/* a link as last component is not followed: it is something else that is there */
	assert_int_equal(path_make_node(tree->root_fd, "/up", S_IFIFO | 0600, 0, NULL), -EEXIST);
}

static void limits(void **state)
{
	const struct tree *tree = *state;
	char path[5000];
	int length = 0;

	for (int i = 0; i < 40; i++) {
		char name[16], target[16];

		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(target, sizeof(target), i < 39 ? "l%d" : "run", i + 1);
		assert_int_equal(symlinkat(target, tree->root_fd, name), 0);
	}
	/* 40 links are followed, 41 are not */
	assert_true(open_by_walk(tree->root_fd, "l0", O_PATH, 0, NULL) >= 0);
	assert_int_equal(symlinkat("l0", tree->root_fd, "l41"), 0);
	assert_int_equal(open_by_walk(tree->root_fd, "l41", O_PATH, 0, NULL), -1);
	assert_int_equal(errno, ELOOP);

	for (int i = 0; i < 200; i++)
		length += snprintf(path + length, sizeof(path) - (size_t)length, "d/");
	assert_int_equal(path_make_dir(tree->root_fd, path, 0755, NULL, NULL), -ENAMETOOLONG);
	memset(path, 'x', 4096);
	path[4096] = '\0';
	assert_int_equal(path_make_dir(tree->root_fd, path, 0755, NULL, NULL), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_inside, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(makes_inside, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(links_and_nodes, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(limits, tree_make, tree_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
