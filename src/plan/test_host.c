#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "plan/host.h"

struct parse_case {
	const char *why;
	const char *mountinfo;
	const char *own;
	enum cgroup_layout layout;
	const char *found; /* "controllers|mount point|own path" of each, ';' after each */
};

static const struct parse_case parse_cases[] = {
	{ "nothing is mounted", "22 1 8:1 / / rw - ext4 /dev/vda rw\n", "0::/\n", CGROUP_NONE, "" },
	{ "nothing at all", "", "", CGROUP_NONE, "" },
	{ "one cgroup2 tree",
	  "30 22 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
	  "0::/user.slice/user-0.slice\n", CGROUP_V2, "|/sys/fs/cgroup|/user.slice/user-0.slice;" },
	{ "controllers that share a hierarchy, and a named one",
	  "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	  "32 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
	  "3:cpu,cpuacct:/a\n1:name=systemd:/b/c\n", CGROUP_V1,
	  "cpu,cpuacct|/sys/fs/cgroup/cpu,cpuacct|/a;name=systemd|/sys/fs/cgroup/systemd|/b/c;" },
	{ "cpuacct is not cpu",
	  "31 30 0:28 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
	  "32 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
	  "3:cpu:/\n", CGROUP_V1, "cpu|/sys/fs/cgroup/cpu|/;" },
	{ "a cgroup2 tree beside v1 controllers",
	  "31 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	  "40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
	  "8:pids:/x\n0::/y\n", CGROUP_HYBRID,
	  "pids|/sys/fs/cgroup/pids|/x;|/sys/fs/cgroup/unified|/y;" },
	{ "a cgroup2 tree mounted for private use counts only at the usual place",
	  "31 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	  "40 30 0:37 / /tmp/tree rw - cgroup2 cgroup2 rw\n",
	  "8:pids:/x\n0::/y\n", CGROUP_V1, "pids|/sys/fs/cgroup/pids|/x;" },
	{ "not 'unified' by prefix alone",
	  "40 30 0:37 / /sys/fs/cgroupother rw - cgroup2 cgroup2 rw\n", "0::/y\n", CGROUP_NONE, "" },
	{ "v1 mounted elsewhere, taken where it is when nothing is at the usual place",
	  "31 30 0:28 / /dev/cg/pids rw - cgroup none rw,pids\n"
	  "32 30 0:28 / /dev/cg/other rw - cgroup none rw,pids\n",
	  "8:pids:/x\n", CGROUP_V1, "pids|/dev/cg/pids|/x;" },
	{ "the usual place wins over a bind mount, whichever comes first",
	  "31 30 0:28 /docker/a /var/jail/cg rw - cgroup cgroup rw,pids\n"
	  "32 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	  "33 30 0:28 /docker/b /var/jail/cg2 rw - cgroup cgroup rw,pids\n",
	  "8:pids:/x\n", CGROUP_V1, "pids|/sys/fs/cgroup/pids|/x;" },
	{ "inside a container without a cgroup namespace: paths count from the mount's root",
	  "31 30 0:28 /docker/a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
	  "8:pids:/docker/a/b\n", CGROUP_V1, "pids|/sys/fs/cgroup/pids|/b;" },
	{ "the same, in the mount's root itself",
	  "31 30 0:28 /docker/a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
	  "8:pids:/docker/a\n", CGROUP_V1, "pids|/sys/fs/cgroup/pids|/;" },
	{ "a sibling with the same beginning is not below the mount's root",
	  "31 30 0:28 /docker/a /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
	  "8:pids:/docker/ab\n", CGROUP_V1, "pids|/sys/fs/cgroup/pids|/;" },
	{ "outside of our cgroup namespace there is no path",
	  "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/../other\n", CGROUP_V2,
	  "|/sys/fs/cgroup|/;" },
	{ "a mount point with a space, a cgroup with a colon",
	  "31 30 0:28 / /sys/fs/cgroup/a\\040b rw - cgroup cgroup rw,pids\n", "8:pids:/x:y z\n",
	  CGROUP_V1, "pids|/sys/fs/cgroup/a b|/x:y z;" },
	{ "broken lines are passed over",
	  "31 30 - cgroup cgroup rw,pids\n - cgroup\n31 30 0:28 x y rw - cgroup c rw,pids\n"
	  "31 30 0:28 / /sys/fs/cgroup/pids rw - cgroupish cgroup rw,pids\n",
	  "8:pids:/\n8:pids\n:\n\n8\n", CGROUP_NONE, "" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];
		own_arena struct arena arena = { 0 };
		own_text struct text found = { 0 };
		struct host host = { 0 };
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, &e), 0);
		assert_int_equal(host_parse_cgroups(c->mountinfo, c->own, &arena, &host, &e), 0);
		for (uint32_t k = 0; k < host.cgroup_count; k++)
			text_printf(&found, "%s|%s|%s;", host.cgroups[k].controllers,
				    host.cgroups[k].mount_point, host.cgroups[k].own_path);
		if (strcmp(text_str(&found), c->found) || host.cgroup_layout != c->layout)
			fail_msg("%s: found '%s' layout %d", c->why, text_str(&found),
				 host.cgroup_layout);
	}
}

static void test_too_many(void **state)
{
	own_arena struct arena arena = { 0 };
	own_text struct text mounts = { 0 };
	own_text struct text own = { 0 };
	struct host host = { 0 };
	struct err e = { 0 };

	for (unsigned i = 0; i < 100; i++) {
		text_printf(&mounts, "1 1 0:1 / /c/%u rw - cgroup c rw,name=n%u\n", i, i);
		text_printf(&own, "%u:name=n%u:/\n", i, i);
	}
	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(host_parse_cgroups(text_str(&mounts), text_str(&own), &arena, &host, &e), 0);
	assert_int_equal(host.cgroup_count, CGROUP_HIERARCHY_COUNT_MAX);
}

/* What every machine that runs this has. */
static void test_probe(void **state)
{
	own_arena struct arena arena = { 0 };
	struct host host = { 0 };
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(host_probe(&arena, &host, &e), 0);
	assert_true(host.kernel_major >= 4);
	assert_true(host.last_cap >= 36 && host.last_cap < 64);
	assert_int_equal(host.own_caps >> host.last_cap >> 1, 0);
	assert_int_equal(host.bounding_caps >> host.last_cap >> 1, 0);
	assert_int_equal(host.euid, geteuid());
	assert_int_equal(host.egid, getegid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
