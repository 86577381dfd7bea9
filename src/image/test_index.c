#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "image/index.h"

#define HEX_A "aaa0000000000000000000000000000000000000000000000000000000000001"
#define HEX_B "aaa1000000000000000000000000000000000000000000000000000000000002"
#define HEX_M "bbb0000000000000000000000000000000000000000000000000000000000003"

static struct index_image image_of(const char *id_hex)
{
	struct index_image image = { .platform = "linux/amd64", .loaded_s = 5 };

	assert_true(digest_from_hex(id_hex, &image.id));
	assert_true(digest_from_hex(HEX_M, &image.manifest));
	return image;
}

/* Two images; a has two names. */
static void index_fill(struct index *index, struct arena *arena)
{
	struct index_image a = image_of(HEX_A), b = image_of(HEX_B), *entry;
	struct err e = { 0 };

	index_init(index, arena, true);
	assert_int_equal(index_add(index, &a, &entry, &e), 0);
	assert_int_equal(index_name(index, entry, "docker.io/library/a:latest", &e), 0);
	assert_int_equal(index_name(index, entry, "localhost/c:latest", &e), 0);
	assert_int_equal(index_add(index, &b, &entry, &e), 0);
	assert_int_equal(index_name(index, entry, "docker.io/me/b:2", &e), 0);
}

static const struct {
	const char *why;
	const char *text;
	int error;
	const char *id_hex;
	const char *name;
} finds[] = {
	{ "by its short name", "a", 0, HEX_A, "docker.io/library/a:latest" },
	{ "as Podman names local ones", "c", 0, HEX_A, "localhost/c:latest" },
	{ "another tag", "me/b", ENOENT, NULL, NULL },
	{ "the right tag", "me/b:2", 0, HEX_B, "docker.io/me/b:2" },
	{ "whole id", HEX_A, 0, HEX_A, NULL },
	{ "id as a digest", "sha256:" HEX_B, 0, HEX_B, NULL },
	{ "manifest", "sha256:" HEX_M, 0, HEX_A, NULL },
	{ "beginning of an id", "aaa1", 0, HEX_B, NULL },
	{ "beginning of both", "aaa", ENOTUNIQ, NULL, NULL },
	{ "too short to be an id", "aa", ENOENT, NULL, NULL },
	{ "nothing", "", ENOENT, NULL, NULL },
	{ "path", "../a", ENOENT, NULL, NULL },
};

static void test_index_find(void **state)
{
	own_arena struct arena arena;
	struct index index;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	index_fill(&index, &arena);
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		struct index_image *image = NULL;
		const char *name = NULL;
		int r = index_find(&index, finds[i].text, &image, &name, NULL);

		if (r != -finds[i].error ||
		    (r == 0 && strcmp(digest_hex(&image->id), finds[i].id_hex)) ||
		    (r == 0 && (name ? !finds[i].name || strcmp(name, finds[i].name) :
				       finds[i].name != NULL)))
			fail_msg("%s: '%s' gave %d, %s", finds[i].why, finds[i].text, r,
				 name ? name : "no name");
	}
}

static void test_index_names_move(void **state)
{
	own_arena struct arena arena;
	struct index_image *a, *b;
	const char *name;
	struct index index;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	index_fill(&index, &arena);
	assert_int_equal(index_find(&index, HEX_A, &a, &name, &e), 0);
	assert_int_equal(index_find(&index, HEX_B, &b, &name, &e), 0);
	assert_int_equal(index_name(&index, b, "docker.io/library/a:latest", &e), 0);
	assert_int_equal(a->name_count, 1);
	assert_int_equal(b->name_count, 2);
	index_unname(&index, "localhost/c:latest");
	index_unname(&index, "localhost/never:latest");
	assert_int_equal(a->name_count, 0);
	index_remove(&index, a);
	assert_int_equal(index.count, 1);
	assert_int_equal(index_find(&index, "a", &b, &name, &e), 0);
	assert_string_equal(digest_hex(&b->id), HEX_B);
}

static void test_index_survives_disk(void **state)
{
	char path[] = "/tmp/gabion-test-index.XXXXXX";
	own_arena struct arena arena;
	struct index index, again;
	struct err e = { 0 };
	own_fd int fd = -EBADF;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(index_read(fd, &arena, &again, NULL), -ENOENT);
	index_fill(&index, &arena);
	assert_int_equal(index_write(fd, &index, &e), 0);
	assert_int_equal(index_read(fd, &arena, &again, &e), 0);
	assert_true(again.wants_userxattr);
	assert_int_equal(again.count, 2);
	assert_int_equal(again.images[0].name_count, 2);
	assert_int_equal(again.images[0].loaded_s, 5);
	assert_string_equal(again.images[1].names[0], "docker.io/me/b:2");
	assert_int_equal(unlinkat(fd, "index.json", 0), 0);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_find),
		cmocka_unit_test(test_index_names_move),
		cmocka_unit_test(test_index_survives_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
