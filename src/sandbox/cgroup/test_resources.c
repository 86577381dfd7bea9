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
#include "sandbox/cgroup/plan.h"

/* Hosts as the plan sees them. */
static const struct cgroup_places v1 = {
	.items = { { .controllers = "cpu,cpuacct" }, { .controllers = "cpuset" },
		   { .controllers = "memory" },	     { .controllers = "blkio" },
		   { .controllers = "pids" },	     { .controllers = "net_cls,net_prio" },
		   { .controllers = "hugetlb" },     { .controllers = "rdma" } },
	.count = 8,
};
static const struct cgroup_places v2 = {
	.items = { { .controllers = "", .is_v2 = true } },
	.count = 1,
	.cgroup2_controllers = "cpuset cpu io memory hugetlb pids rdma misc",
};
static const struct cgroup_places hybrid = {
	.items = { { .controllers = "memory" }, { .controllers = "", .is_v2 = true } },
	.count = 2,
	.cgroup2_controllers = "hugetlb",
};
static const struct cgroup_places poor = {
	.items = { { .controllers = "", .is_v2 = true } },
	.count = 1,
	.cgroup2_controllers = "cpu pids",
};

struct conversion_case {
	const char *why;
	const struct cgroup_places *places;
	const char *resources;
	const char *writes; /* "FILE=VALUE" each followed by ';', or '!' and a part of the error */
};

static const struct conversion_case cases[] = {
	{ "nothing asked, nothing written", &v1, "{}", "" },
	{ "zeros as Docker's update sends them mean 'not given'", &v1,
	  "{'memory':{'limit':0,'reservation':0,'swap':0,'kernel':0},'cpu':{'shares':0,'quota':0,"
	  "'period':0,'realtimeRuntime':0,'realtimePeriod':0,'cpus':'','mems':''},"
	  "'blockIO':{'weight':0}}",
	  "" },
	{ "the same on v2", &v2,
	  "{'memory':{'limit':0,'reservation':0,'swap':0},'cpu':{'shares':0,'quota':0,'period':0},"
	  "'blockIO':{'weight':0}}",
	  "" },
	{ "v1 memory: limit before swap, both tried again", &v1,
	  "{'memory':{'limit':1000,'swap':2000,'reservation':500}}",
	  "memory.limit_in_bytes=1000;memory.memsw.limit_in_bytes=2000;"
	  "memory.soft_limit_in_bytes=500;" },
	{ "v1: no limit of memory includes none of swap", &v1, "{'memory':{'limit':-1}}",
	  "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1;" },
	{ "v1 swappiness 0 is a value", &v1, "{'memory':{'swappiness':0}}", "memory.swappiness=0;" },
	{ "v1 swappiness beyond 100", &v1, "{'memory':{'swappiness':101}}", "!not in 0..100" },
	{ "v1 OOM killer off", &v1, "{'memory':{'disableOOMKiller':true}}", "memory.oom_control=1;" },
	{ "v1 OOM killer on is the default", &v1, "{'memory':{'disableOOMKiller':false}}", "" },
	{ "v2 swap is what exceeds memory", &v2, "{'memory':{'limit':1000,'swap':3000}}",
	  "memory.swap.max=2000;memory.max=1000;" },
	{ "v2 swap equal to memory is none", &v2, "{'memory':{'limit':1000,'swap':1000}}",
	  "memory.swap.max=0;memory.max=1000;" },
	{ "v2 swap without limit", &v2, "{'memory':{'limit':1000,'swap':-1}}",
	  "memory.swap.max=max;memory.max=1000;" },
	{ "v2 no limit includes swap", &v2, "{'memory':{'limit':-1}}",
	  "memory.swap.max=max;memory.max=max;" },
	{ "v2 less swap than memory", &v2, "{'memory':{'limit':1000,'swap':500}}", "!less than" },
	{ "v2 swap alone", &v2, "{'memory':{'swap':500}}", "!needs a memory limit" },
	{ "v2 reservation", &v2, "{'memory':{'reservation':500}}", "memory.low=500;" },
	{ "v1 cpu", &v1, "{'cpu':{'shares':1024,'quota':50000,'period':100000}}",
	  "cpu.shares=1024;cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000;" },
	{ "v1 realtime first, period before runtime", &v1,
	  "{'cpu':{'shares':2,'realtimeRuntime':950,'realtimePeriod':1000}}",
	  "cpu.rt_period_us=1000;cpu.rt_runtime_us=950;cpu.shares=2;" },
	{ "v2 has no realtime", &v2, "{'cpu':{'realtimePeriod':1000}}", "!no realtime" },
	{ "v1 idle makes shares unwritable", &v1, "{'cpu':{'idle':1,'shares':512}}", "cpu.idle=1;" },
	{ "v1 burst before quota, tried again after", &v1,
	  "{'cpu':{'burst':1000,'quota':2000,'period':10000}}",
	  "cpu.cfs_burst_us=1000;cpu.cfs_period_us=10000;cpu.cfs_quota_us=2000;" },
	{ "v2 the default of shares is the default of weight", &v2, "{'cpu':{'shares':1024}}",
	  "cpu.weight=100;" },
	{ "v2 quota and period", &v2, "{'cpu':{'quota':50000,'period':100000}}",
	  "cpu.max=50000 100000;" },
	{ "v2 quota alone keeps the period", &v2, "{'cpu':{'quota':50000}}", "cpu.max=50000;" },
	{ "v2 period alone keeps the quota", &v2, "{'cpu':{'period':50000}}", "cpu.max=50000;" },
	{ "v2 quota -1", &v2, "{'cpu':{'quota':-1,'period':1000}}", "cpu.max=max 1000;" },
	{ "v2 burst", &v2, "{'cpu':{'burst':10,'quota':20}}", "cpu.max.burst=10;cpu.max=20;" },
	{ "cpuset first: nobody may enter one that is empty", &v1,
	  "{'cpu':{'cpus':'0-1','mems':'0','shares':2}}",
	  "cpuset.cpus=0-1;cpuset.mems=0;cpu.shares=2;" },
	{ "pids", &v1, "{'pids':{'limit':5}}", "pids.max=5;" },
	{ "pids -1", &v2, "{'pids':{'limit':-1}}", "pids.max=max;" },
	{ "pids 0 is a limit (runtime-spec 1.3)", &v2, "{'pids':{'limit':0}}", "pids.max=0;" },
	{ "v1 block io", &v1,
	  "{'blockIO':{'weight':500,'leafWeight':300,"
	  "'weightDevice':[{'major':8,'minor':0,'weight':100,'leafWeight':50}],"
	  "'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}],"
	  "'throttleWriteIOPSDevice':[{'major':8,'minor':16,'rate':300}]}}",
	  "blkio.bfq.weight=500|blkio.weight=500;blkio.leaf_weight=300;"
	  "blkio.bfq.weight_device=8:0 100|blkio.weight_device=8:0 100;"
	  "blkio.leaf_weight_device=8:0 50;blkio.throttle.read_bps_device=8:0 600;"
	  "blkio.throttle.write_iops_device=8:16 300;" },
	{ "v2 block io", &v2,
	  "{'blockIO':{'weight':1000,'weightDevice':[{'major':8,'minor':0,'weight':10}],"
	  "'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}],"
	  "'throttleWriteBpsDevice':[{'major':8,'minor':0,'rate':0}]}}",
	  "io.bfq.weight=1000|io.weight=default 10000;io.bfq.weight=8:0 10|io.weight=8:0 1;"
	  "io.max=8:0 rbps=600;io.max=8:0 wbps=max;" },
	{ "huge pages: what is reserved, then what is used", &v1,
	  "{'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]}",
	  "hugetlb.2MB.rsvd.limit_in_bytes=4194304;hugetlb.2MB.limit_in_bytes=4194304;" },
	{ "huge pages v2", &v2, "{'hugepageLimits':[{'pageSize':'1GB','limit':0}]}",
	  "hugetlb.1GB.rsvd.max=0;hugetlb.1GB.max=0;" },
	{ "hybrid: each controller where it is", &hybrid,
	  "{'memory':{'limit':5},'hugepageLimits':[{'pageSize':'2MB','limit':0}]}",
	  "memory.limit_in_bytes=5;hugetlb.2MB.rsvd.max=0;hugetlb.2MB.max=0;" },
	{ "hybrid without pids", &hybrid, "{'pids':{'limit':5}}", "!controller 'pids'" },
	{ "network v1", &v1,
	  "{'network':{'classID':1048577,'priorities':[{'name':'eth0','priority':5}]}}",
	  "net_cls.classid=1048577;net_prio.ifpriomap=eth0 5;" },
	{ "network v2", &v2, "{'network':{'classID':1048577}}", "!controller 'net_cls'" },
	{ "rdma", &v2, "{'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':100}}}",
	  "rdma.max=mlx5_1 hca_handle=3 hca_object=100;" },
	{ "unified comes last and as it is", &v2,
	  "{'unified':{'memory.high':'1000','cgroup.max.depth':'3'},'pids':{'limit':5}}",
	  "pids.max=5;memory.high=1000;cgroup.max.depth=3;" },
	{ "unified keys nobody knows are written", &v2, "{'unified':{'misc.newthing':'x'}}",
	  "misc.newthing=x;" },
	{ "unified without its controller", &poor, "{'unified':{'memory.high':'1'}}",
	  "!controller 'memory' is not available" },
	{ "unified on v1", &v1, "{'unified':{'memory.high':'1'}}", "!needs cgroup v2" },
	{ "a missing controller is named", &poor, "{'memory':{'limit':5}}", "!controller 'memory'" },
};

/* Cases are written with ' for ", to be read. */
static void read_resources(const char *text, struct arena *arena, struct json_object **ret_document,
			   struct spec_resources *ret_resources)
{
	char *copy = arena_strdup(arena, text);
	struct err e = { 0 };

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(copy, strlen(copy), "case", ret_document, &e) < 0 ||
	    spec_resources_read(*ret_document, arena, ret_resources, &e) < 0)
		fail_msg("%s: %s", text, e.text);
}

static void test_conversions(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct conversion_case *c = &cases[i];
		struct spec_resources resources = { 0 };
		struct cgroup_writes writes = { 0 };
		struct cgroup_notes notes = { 0 };
		own_json struct json_object *document = NULL;
		own_arena struct arena arena = { 0 };
		own_text struct text got = { 0 };
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, &e), 0);
		read_resources(c->resources, &arena, &document, &resources);
		if (cgroup_limits_make(&resources, c->places, &arena, &writes, &notes, &e) < 0) {
			if (c->writes[0] != '!' || !strstr(e.text, c->writes + 1))
				fail_msg("%s: error '%s'", c->why, e.text);
			continue;
		}
		for (uint32_t k = 0; k < writes.count; k++) {
			const struct cgroup_write *write = &writes.items[k];

			text_printf(&got, "%s=%s", write->file, write->value);
			if (write->other_file)
				text_printf(&got, "|%s=%s", write->other_file, write->other_value);
			text_append(&got, ";");
		}
		if (strcmp(text_str(&got), c->writes))
			fail_msg("%s: got '%s'", c->why, text_str(&got));
	}
}

static void test_weights(void **state)
{
	assert_int_equal(cgroup_weight_from_shares(0), 1);
	assert_int_equal(cgroup_weight_from_shares(2), 1);
	assert_int_equal(cgroup_weight_from_shares(1024), 100);
	assert_int_equal(cgroup_weight_from_shares(262144), 10000);
	assert_int_equal(cgroup_weight_from_shares(UINT64_MAX), 10000);
	for (uint64_t shares = 2; shares < 262144; shares++)
		if (cgroup_weight_from_shares(shares) > cgroup_weight_from_shares(shares + 1))
			fail_msg("more shares, less weight: %u", (unsigned)shares);
	assert_int_equal(cgroup_io_weight(10), 1);
	assert_int_equal(cgroup_io_weight(1000), 10000);
}

static void test_notes(void **state)
{
	struct spec_resources resources = { 0 };
	struct cgroup_writes writes = { 0 };
	struct cgroup_notes notes = { 0 };
	own_json struct json_object *document = NULL;
	own_arena struct arena arena = { 0 };
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	read_resources("{'memory':{'swappiness':10,'disableOOMKiller':true}}", &arena, &document,
		       &resources);
	assert_int_equal(cgroup_limits_make(&resources, &v2, &arena, &writes, &notes, &e), 0);
	assert_int_equal(notes.count, 2);
	assert_int_equal(writes.count, 0);
}

/* The reader of the spec refuses these too; a name from elsewhere must not get further either. */
static void test_unified_names(void **state)
{
	static const char *const names[] = { "", ".", "..", "../memory.max", "a/memory.max", ".x" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct spec_pair pair = { names[i], "1" };
		struct spec_resources resources = { .unified = { &pair, 1 } };
		struct cgroup_writes writes = { 0 };
		struct cgroup_notes notes = { 0 };
		own_arena struct arena arena = { 0 };
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, &e), 0);
		assert_true(cgroup_limits_make(&resources, &v2, &arena, &writes, &notes, &e) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_unified_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
