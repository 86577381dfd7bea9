#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"
#include "sandbox/cgroup/plan.h"
#include "wall/record.h"

static const struct host v1_host = {
	.cgroup_layout = CGROUP_V1,
	.cgroups = { { "memory", "/sys/fs/cgroup/memory", "/me/here", false },
		     { "devices", "/sys/fs/cgroup/devices", "/", false },
		     { "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/", false },
		     { "name=systemd", "/sys/fs/cgroup/systemd", "/", false } },
	.cgroup_count = 4,
};
static const struct host v2_host = {
	.cgroup_layout = CGROUP_V2,
	.cgroups = { { "", "/sys/fs/cgroup", "/user.slice/me.scope", true } },
	.cgroup_count = 1,
	.cgroup2_controllers = "cpuset cpu io memory pids",
};
static const struct host hybrid_host = {
	.cgroup_layout = CGROUP_HYBRID,
	.cgroups = { { "devices", "/sys/fs/cgroup/devices", "/", false },
		     { "", "/sys/fs/cgroup/unified", "/", true } },
	.cgroup_count = 2,
	.cgroup2_controllers = "hugetlb",
};

static struct host rootless(struct host host)
{
	host.is_rootless = true;
	host.euid = 1000;
	return host;
}

struct path_case {
	const char *why;
	const struct host *host;
	enum cgroup_manager manager;
	const char *given;
	const char *want; /* path of the first place, or '!' and a part of the error */
};

static const struct path_case paths[] = {
	{ "the default", &v1_host, CGROUP_MANAGER_CGROUPFS, NULL, "/gabion/web" },
	{ "empty is not given", &v2_host, CGROUP_MANAGER_CGROUPFS, "", "/gabion/web" },
	{ "absolute", &v1_host, CGROUP_MANAGER_CGROUPFS, "/docker/1", "/docker/1" },
	{ "cleaned", &v1_host, CGROUP_MANAGER_CGROUPFS, "//docker/./1/", "/docker/1" },
	{ "relative on v1: below our own", &v1_host, CGROUP_MANAGER_CGROUPFS, "a/b", "/me/here/a/b" },
	{ "relative on v2: beside our own", &v2_host, CGROUP_MANAGER_CGROUPFS, "a/b",
	  "/user.slice/a/b" },
	{ "E30: out of the root", &v1_host, CGROUP_MANAGER_CGROUPFS, "/../../etc", "!'..'" },
	{ "E30: in between", &v1_host, CGROUP_MANAGER_CGROUPFS, "/a/../b", "!'..'" },
	{ "two dots in a name", &v1_host, CGROUP_MANAGER_CGROUPFS, "/a..b/..c", "/a..b/..c" },
	{ "the root itself", &v1_host, CGROUP_MANAGER_CGROUPFS, "/./", "!root" },
	{ "a newline would break the record", &v1_host, CGROUP_MANAGER_CGROUPFS, "/a\nb", "!control" },
	{ "systemd", &v2_host, CGROUP_MANAGER_SYSTEMD, "system.slice:docker:1",
	  "/system.slice/docker-1.scope" },
	{ "systemd, nested slices", &v2_host, CGROUP_MANAGER_SYSTEMD, "a-b.slice:p:1",
	  "/a.slice/a-b.slice/p-1.scope" },
	{ "systemd, default slice", &v2_host, CGROUP_MANAGER_SYSTEMD, ":p:1",
	  "/system.slice/p-1.scope" },
	{ "systemd, the root slice", &v2_host, CGROUP_MANAGER_SYSTEMD, "-.slice:p:1", "/p-1.scope" },
	{ "systemd, no prefix", &v2_host, CGROUP_MANAGER_SYSTEMD, "s.slice::1", "/s.slice/1.scope" },
	{ "systemd, a slice for the container", &v2_host, CGROUP_MANAGER_SYSTEMD, "s.slice:x:1.slice",
	  "/s.slice/1.slice" },
	{ "systemd, not given", &v2_host, CGROUP_MANAGER_SYSTEMD, NULL,
	  "/system.slice/gabion-web.scope" },
	{ "systemd, a path", &v2_host, CGROUP_MANAGER_SYSTEMD, "/docker/1", "!slice:prefix:name" },
	{ "systemd, too many parts", &v2_host, CGROUP_MANAGER_SYSTEMD, "a:b:c:d",
	  "!slice:prefix:name" },
	{ "systemd, not a slice", &v2_host, CGROUP_MANAGER_SYSTEMD, "a:b:c", "!name of a slice" },
	{ "systemd, an empty part", &v2_host, CGROUP_MANAGER_SYSTEMD, "a--b.slice:b:c",
	  "!name of a slice" },
	{ "systemd, a slash in the name", &v2_host, CGROUP_MANAGER_SYSTEMD, "a.slice:b:../c",
	  "!name for a unit" },
};

static void test_paths(void **state)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct path_case *c = &paths[i];
		const struct plan_request request = { .id = "web", .cgroup_manager = c->manager };
		const struct spec spec = { .os.cgroups_path = c->given };
		own_arena struct arena arena = { 0 };
		struct cgroup_plan *plan = NULL;
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, &e), 0);
		if (cgroup_plan_make(&spec, c->host, &request, &arena, &plan, &e) < 0) {
			if (c->want[0] != '!' || !strstr(e.text, c->want + 1))
				fail_msg("%s: error '%s'", c->why, e.text);
			continue;
		}
		if (strcmp(plan->places.items[0].path, c->want))
			fail_msg("%s: got '%s'", c->why, plan->places.items[0].path);
	}
}

static struct cgroup_plan *make(const struct spec *spec, const struct host *host,
				enum cgroup_manager manager, struct arena *arena)
{
	const struct plan_request request = { .id = "web", .cgroup_manager = manager };
	struct cgroup_plan *plan = NULL;
	struct err e = { 0 };

	assert_int_equal(arena_init(arena, &e), 0);
	if (cgroup_plan_make(spec, host, &request, arena, &plan, &e) < 0)
		fail_msg("plan: %s", e.text);
	return plan;
}

static void test_owner(void **state)
{
	struct spec_mount mount = { .type = "cgroup" };
	struct spec_id_map map = { 0, 100000, 65536 };
	struct spec spec = { .mounts = &mount, .mount_count = 1, .has_process = true };
	own_arena struct arena arena = { 0 };
	struct cgroup_plan *plan;

	/* without a cgroup namespace of its own nothing is given away */
	plan = make(&spec, &v2_host, CGROUP_MANAGER_CGROUPFS, &arena);
	assert_false(plan->has_owner);
	spec.os.namespaces[SPEC_NS_CGROUP].is_wanted = true;
	spec.os.namespaces[SPEC_NS_USER].is_wanted = true;
	spec.os.uid_maps = (struct spec_id_maps){ &map, 1 };
	spec.process.user.uid = 33;
	arena_release(&arena);
	plan = make(&spec, &v2_host, CGROUP_MANAGER_CGROUPFS, &arena);
	assert_true(plan->has_owner);
	assert_int_equal(plan->owner, 100033);
	/* v1 cannot be delegated safely */
	arena_release(&arena);
	assert_false(make(&spec, &v1_host, CGROUP_MANAGER_CGROUPFS, &arena)->has_owner);
	/* what cannot be written need not be owned */
	mount.attr_set = 1; /* MOUNT_ATTR_RDONLY */
	arena_release(&arena);
	assert_false(make(&spec, &v2_host, CGROUP_MANAGER_CGROUPFS, &arena)->has_owner);
}

static void test_rootless(void **state)
{
	struct host user_v1 = rootless(v1_host), user_v2 = rootless(v2_host);
	struct spec spec = { 0 };
	own_arena struct arena arena = { 0 };
	struct cgroup_plan *plan = make(&spec, &user_v2, CGROUP_MANAGER_CGROUPFS, &arena);

	/* where a user can have cgroups is beside his own; no limit asked, none is no fault */
	assert_string_equal(plan->places.items[0].path, "/user.slice/gabion-web");
	assert_true(plan->may_be_absent);
	assert_false(plan->has_rules);
	spec.os.resources.pids = (struct spec_i64){ true, 5 };
	arena_release(&arena);
	assert_false(make(&spec, &user_v2, CGROUP_MANAGER_CGROUPFS, &arena)->may_be_absent);
	spec.os.resources.pids.is_given = false;
	arena_release(&arena);
	plan = make(&spec, &user_v1, CGROUP_MANAGER_CGROUPFS, &arena);
	assert_int_equal(plan->device_writes.count, 0);
	/* only systemd knows where a user's scope is */
	arena_release(&arena);
	plan = make(&spec, &user_v2, CGROUP_MANAGER_SYSTEMD, &arena);
	assert_null(plan->places.items[0].path);
	assert_string_equal(plan->slice, "user.slice");
}

static void test_hybrid(void **state)
{
	struct spec_hugepage_limit limit = { "2MB", 0 };
	struct host with_systemd = hybrid_host;
	struct spec spec = { 0 };
	own_arena struct arena arena = { 0 };

	assert_null(make(&spec, &hybrid_host, CGROUP_MANAGER_CGROUPFS, &arena)->places.items[1].path);
	spec.os.resources.hugepages = &limit;
	spec.os.resources.hugepage_count = 1;
	arena_release(&arena);
	assert_non_null(
		make(&spec, &hybrid_host, CGROUP_MANAGER_CGROUPFS, &arena)->places.items[1].path);
	spec.os.resources.hugepage_count = 0;
	with_systemd.has_systemd = true;
	arena_release(&arena);
	assert_non_null(
		make(&spec, &with_systemd, CGROUP_MANAGER_CGROUPFS, &arena)->places.items[1].path);
}

static void test_mounts(void **state)
{
	own_arena struct arena arena = { 0 };
	const struct spec spec = { 0 };
	struct cgroup_plan *plan = make(&spec, &v1_host, CGROUP_MANAGER_CGROUPFS, &arena);
	struct cgroup_mount *mounts;
	struct err e = { 0 };
	uint32_t count;

	assert_int_equal(cgroup_plan_mounts(plan, &arena, &mounts, &count, &e), 0);
	assert_int_equal(count, 4);
	assert_string_equal(mounts[0].source, "/sys/fs/cgroup/memory/gabion/web");
	assert_int_equal(mounts[0].aliases.count, 0);
	assert_string_equal(mounts[2].name, "cpu,cpuacct");
	assert_int_equal(mounts[2].aliases.count, 2);
	assert_string_equal(mounts[2].aliases.items[1], "cpuacct");
	assert_string_equal(mounts[3].name, "systemd");
	assert_string_equal(mounts[3].data, "none,name=systemd");
	arena_release(&arena);
	plan = make(&spec, &hybrid_host, CGROUP_MANAGER_CGROUPFS, &arena);
	assert_int_equal(cgroup_plan_mounts(plan, &arena, &mounts, &count, &e), 0);
	assert_int_equal(count, 1);
	arena_release(&arena);
	plan = make(&spec, &v2_host, CGROUP_MANAGER_CGROUPFS, &arena);
	assert_int_equal(cgroup_plan_mounts(plan, &arena, &mounts, &count, &e), 0);
	assert_int_equal(count, 1);
	assert_true(mounts[0].is_v2);
	assert_string_equal(mounts[0].name, "");
}

static void test_properties(void **state)
{
	struct spec_pair unified[] = { { "memory.high", "1000" }, { "cpuset.cpus", "0-1" } };
	struct spec_pair annotations[] = {
		{ "org.systemd.property.CollectMode", "'inactive-or-failed'" },
		{ "org.systemd.property.TimeoutStopUSec", "uint64 5000" },
		{ "other", "thing" },
	};
	struct spec spec = {
		.annotations = { annotations, 3 },
		.os.cgroups_path = "s.slice:p:1",
		.os.resources = { .has_memory = true,
				  .memory = { .limit = { true, 4096 }, .swap = { true, 8192 } },
				  .has_cpu = true,
				  .cpu = { .quota_us = { true, 50000 }, .period_us = { true, 100000 },
					   .shares = { true, 1024 } },
				  .pids = { true, 20 },
				  .unified = { unified, 2 } },
	};
	static const char *const wanted[] = {
		"Slice s s.slice",	"Delegate b 1",		  "DefaultDependencies b 0",
		"MemoryMax t 4096",	"MemorySwapMax t 4096",	  "CPUQuotaPerSecUSec t 500000",
		"CPUWeight t 100",	"TasksMax t 20",	  "MemoryHigh t 1000",
		"AllowedCPUs c 0-1",	"DevicePolicy s strict",  "DeviceAllow D c 1:3 rwm",
		"TimeoutStopUSec t 5000", "CollectMode s inactive-or-failed",
	};
	const struct plan_request request = { .id = "web", .cgroup_manager = CGROUP_MANAGER_SYSTEMD };
	own_arena struct arena arena = { 0 };
	struct cgroup_plan *plan = make(&spec, &v2_host, CGROUP_MANAGER_SYSTEMD, &arena);
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		bool found = false;

		for (uint32_t k = 0; k < plan->properties.count; k++)
			found |= !strcmp(plan->properties.items[k], wanted[i]);
		if (!found)
			fail_msg("no property '%s'", wanted[i]);
	}
	/* E29: what an annotation must not reach */
	annotations[2] = (struct spec_pair){ "org.systemd.property.ExecStopPost", "'/bin/sh'" };
	assert_true(cgroup_plan_make(&spec, &v2_host, &request, &arena, &plan, &e) < 0);
	annotations[2] = (struct spec_pair){ "org.systemd.property.TimeoutStopUSec", "'x'" };
	err_clear(&e);
	assert_true(cgroup_plan_make(&spec, &v2_host, &request, &arena, &plan, &e) < 0);
}

/* What is written into the record is what comes out of it. */
static void test_record(void **state)
{
	own_arena struct arena arena = { 0 };
	const struct spec spec = { 0 };
	struct cgroup_plan *plan = make(&spec, &v1_host, CGROUP_MANAGER_CGROUPFS, &arena);
	struct record rec = { .arena = &arena };
	own_text struct text json = { 0 };
	struct cgroup_known known;
	struct err e = { 0 };

	assert_int_equal(cgroup_plan_record(plan, &rec, &e), 0);
	assert_int_equal(cgroup_known_read(&rec, &known, &e), 0);
	assert_int_equal(known.places.count, 4);
	assert_string_equal(known.places.items[3].mount_point, "/sys/fs/cgroup/systemd");
	assert_string_equal(known.places.items[3].path, "/gabion/web");
	cgroup_known_release(&known);
	assert_int_equal(cgroup_paths(&rec, &json, &e), 0);
	assert_non_null(strstr(text_str(&json), "\"cpuacct\":\"/sys/fs/cgroup/cpu,cpuacct/gabion/web\""));
	/* E30: whoever wrote the state file */
	assert_int_equal(record_set(&rec, "cgroup.trees", "cpu\n/sys/fs/cgroup/cpu\n/../x\n", &e), 0);
	assert_true(cgroup_known_read(&rec, &known, &e) < 0);
	assert_int_equal(record_set(&rec, "cgroup.trees", "cpu\n/sys/fs/cgroup/cpu\n/\n", &e), 0);
	assert_true(cgroup_known_read(&rec, &known, &e) < 0);
	assert_int_equal(record_set(&rec, "cgroup.trees", "cpu\n/sys", &e), 0);
	assert_true(cgroup_known_read(&rec, &known, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_owner),
		cmocka_unit_test(test_rootless),   cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_mounts),	   cmocka_unit_test(test_properties),
		cmocka_unit_test(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
