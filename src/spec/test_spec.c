#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "spec/default.h"
#include "spec/spec.h"

#define HEAD "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"}"
#define PROC(more) HEAD ",\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]," more "}}"
#define LINUX(more) HEAD ",\"linux\":{" more "}}"
#define NS(type) "\"namespaces\":[{\"type\":\"" type "\"}]"
#define MOUNT(more) HEAD ",\"mounts\":[{\"destination\":\"/m\"," more "}]}"

/* Read and validate; the arena and the spec are the caller's to release when 0 is returned. */
static int read_text(const char *text, struct arena *arena, struct spec *spec, struct err *e)
{
	struct json_object *document = NULL;
	int r;

	r = json_parse(text, strlen(text), "config.json", &document, e);
	if (r == 0)
		r = spec_read(document, arena, spec, e);
	if (r < 0)
		return r;
	r = spec_validate(spec, e);
	if (r < 0)
		spec_release(spec);
	return r;
}

/* --- documents that are refused, and what is said of them ---------------------------------- */

static const struct {
	const char *why;
	const char *text;
	const char *error; /* NULL: must be accepted */
} cases[] = {
	{ "not an object", "[]", "expected an object, got a list" },
	{ "no version", "{}", "ociVersion: is missing" },
	{ "null is absent", "{\"ociVersion\":null}", "ociVersion: is missing" },
	{ "another major", "{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"r\"}}",
	  "ociVersion: '2.0.0' is not a version 1 of the runtime spec" },
	{ "before the first", "{\"ociVersion\":\"0.9.0\",\"root\":{\"path\":\"r\"}}",
	  "ociVersion: '0.9.0' is not a version 1 of the runtime spec" },
	{ "a minor version of the future", "{\"ociVersion\":\"1.99.0-dev\",\"root\":{\"path\":\"r\"}}",
	  NULL },
	{ "no root", "{\"ociVersion\":\"1.0.0\"}", "root: is missing" },
	{ "empty root", "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}",
	  "root.path: is empty" },
	{ "root of wrong type", "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":7}}",
	  "root.path: expected a string, got an integer" },
	{ "unknown properties are passed over", HEAD ",\"vm\":{\"x\":1},\"zzz\":[]}", NULL },
	{ "a string with a NUL", HEAD ",\"hostname\":\"a\\u0000b\"}",
	  "hostname: the string has a NUL byte in it" },

	{ "cwd missing", HEAD ",\"process\":{\"args\":[\"x\"]}}", "process.cwd: is missing" },
	{ "cwd relative", HEAD ",\"process\":{\"args\":[\"x\"],\"cwd\":\"x/y\"}}",
	  "process.cwd: 'x/y' is not an absolute path" },
	{ "no args", HEAD ",\"process\":{\"args\":[],\"cwd\":\"/\"}}",
	  "process.args: must not be empty" },
	{ "args hold a number", HEAD ",\"process\":{\"args\":[\"a\",1],\"cwd\":\"/\"}}",
	  "process.args[1]: expected a string, got an integer" },
	{ "env holds null", PROC("\"env\":[null]"),
	  "process.env[0]: expected a string, got null" },
	{ "env without a name", PROC("\"env\":[\"=x\"]"),
	  "process.env[0]: a variable without a name: '=x'" },
	{ "uid above 32 bits", PROC("\"user\":{\"uid\":4294967296}"),
	  "process.user.uid: 4294967296 is more than the most possible, 4294967295" },
	{ "uid below zero", PROC("\"user\":{\"uid\":-1}"),
	  "process.user.uid: -1 is less than the least possible, 0" },
	{ "uid not whole", PROC("\"user\":{\"uid\":1.5}"),
	  "process.user.uid: expected an integer, got a number that is not an integer" },
	{ "group of wrong type", PROC("\"user\":{\"additionalGids\":[1,\"2\"]}"),
	  "process.user.additionalGids[1]: expected an integer, got a string" },
	{ "the largest rlimit",
	  PROC("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":18446744073709551615,"
	       "\"hard\":18446744073709551615}]"),
	  NULL },
	{ "unknown rlimit", PROC("\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"),
	  "process.rlimits[0].type: unknown rlimit 'RLIMIT_X'" },
	{ "rlimit without hard", PROC("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1}]"),
	  "process.rlimits[0].hard: is missing" },
	{ "rlimit soft above hard",
	  PROC("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]"),
	  "process.rlimits[0]: soft limit of RLIMIT_CORE is above its hard limit" },
	{ "rlimit twice",
	  PROC("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},"
	       "{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1}]"),
	  "process.rlimits[1]: RLIMIT_CORE is given twice" },
	{ "oom score out of range", PROC("\"oomScoreAdj\":1001"),
	  "process.oomScoreAdj: 1001 is more than the most possible, 1000" },
	{ "unknown capability is a warning", PROC("\"capabilities\":{\"bounding\":[\"CAP_X\"]}"),
	  NULL },
	{ "capability of wrong type", PROC("\"capabilities\":{\"bounding\":[7]}"),
	  "process.capabilities.bounding[0]: expected a string, got an integer" },
	{ "unknown scheduling policy", PROC("\"scheduler\":{\"policy\":\"SCHED_X\"}"),
	  "process.scheduler.policy: unknown scheduling policy 'SCHED_X'" },
	{ "nice for real time", PROC("\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"nice\":1}"),
	  "process.scheduler.nice: only SCHED_OTHER and SCHED_BATCH have it" },
	{ "deadline for others", PROC("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"deadline\":1}"),
	  "process.scheduler: runtime, deadline and period go with SCHED_DEADLINE" },
	{ "I/O priority out of range",
	  PROC("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
	  "process.ioPriority.priority: 8 is more than the most possible, 7" },

	{ "hostname without uts", HEAD ",\"hostname\":\"a\"}",
	  "hostname: cannot be set without a uts namespace" },
	{ "domainname without uts", HEAD ",\"domainname\":\"a\"}",
	  "domainname: cannot be set without a uts namespace" },

	{ "unknown namespace", LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"nett\"}]"),
	  "linux.namespaces[1].type: unknown namespace 'nett'" },
	{ "namespace without type", LINUX("\"namespaces\":[{}]"),
	  "linux.namespaces[0].type: is missing" },
	{ "namespace twice", LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
	  "linux.namespaces[1]: namespace 'pid' is given twice" },
	{ "namespace path relative", LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]"),
	  "linux.namespaces[0].path: 'x' is not an absolute path" },
	{ "namespace is no object", LINUX("\"namespaces\":[\"pid\"]"),
	  "linux.namespaces[0]: expected an object, got a string" },
	{ "maps without user namespace",
	  LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
	  "linux.uidMappings: mappings need a user namespace, none is asked for" },
	{ "one map without the other",
	  LINUX(NS("user") ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
	  "linux.gidMappings: is missing; uidMappings and gidMappings go together" },
	{ "map of no ids",
	  LINUX(NS("user") ",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]"),
	  "linux.uidMappings[0].size: 0 is less than the least possible, 1" },
	{ "map beyond the last id",
	  LINUX(NS("user") ",\"uidMappings\":[{\"containerID\":2,\"hostID\":0,"
			   "\"size\":4294967295}]"),
	  "linux.uidMappings[0]: ids beyond 4294967295 do not exist" },
	{ "offsets without time namespace",
	  LINUX("\"timeOffsets\":{\"boottime\":{\"secs\":1}}"),
	  "linux.timeOffsets: cannot be set without a time namespace" },
	{ "unknown clock", LINUX("\"timeOffsets\":{\"realtime\":{\"secs\":1}}"),
	  "linux.timeOffsets.realtime: unknown clock; there are 'monotonic' and 'boottime'" },
	{ "masked paths without mount namespace", LINUX("\"maskedPaths\":[\"/proc/kcore\"]"),
	  "linux.maskedPaths: cannot be had without a mount namespace" },
	{ "relative masked path", LINUX(NS("mount") ",\"maskedPaths\":[\"kcore\"]"),
	  "linux.maskedPaths[0]: 'kcore' is not an absolute path" },
	{ "unknown propagation", LINUX("\"rootfsPropagation\":\"public\""),
	  "linux.rootfsPropagation: unknown propagation 'public'" },
	{ "unknown personality", LINUX("\"personality\":{\"domain\":\"SVR4\"}"),
	  "linux.personality.domain: unknown personality 'SVR4'" },
	{ "unknown memory policy", LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_X\"}"),
	  "linux.memoryPolicy.mode: unknown memory policy 'MPOL_X'" },
	{ "nodes that are no list", LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"a\"}"),
	  "linux.memoryPolicy: nodes 'a' is not a list such as '0-3,7'" },
	{ "closID out of its folder", LINUX("\"intelRdt\":{\"closID\":\"../x\"}"),
	  "linux.intelRdt: closID '../x' is not the name of a directory" },
	{ "net device without namespace", LINUX("\"netDevices\":{\"eth0\":{}}"),
	  "linux.netDevices: cannot be moved without a network namespace" },
	{ "net device with a slash", LINUX(NS("network") ",\"netDevices\":{\"a/b\":{}}"),
	  "linux.netDevices.a/b: not a name for a network device" },
	{ "net device from a template",
	  LINUX(NS("network") ",\"netDevices\":{\"eth0\":{\"name\":\"c%d\"}}"), NULL },
	{ "seccomp is no object", LINUX("\"seccomp\":[]"),
	  "linux.seccomp: expected an object, got a list" },

	{ "device without numbers", LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"/dev/x\"}]"),
	  "linux.devices[0]: a device of type 'c' needs major and minor" },
	{ "a FIFO needs none", LINUX("\"devices\":[{\"type\":\"p\",\"path\":\"/dev/x\"}]"), NULL },
	{ "unknown device type",
	  LINUX("\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\",\"major\":1,\"minor\":1}]"),
	  "linux.devices[0].type: unknown device type 'x'; there are c, b, u, p" },
	{ "device path relative",
	  LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"x\",\"major\":1,\"minor\":1}]"),
	  "linux.devices[0].path: 'x' is not an absolute path" },

	{ "memory limit not a number", LINUX("\"resources\":{\"memory\":{\"limit\":\"1g\"}}"),
	  "linux.resources.memory.limit: expected an integer, got a string" },
	{ "memory limit beyond 63 bits",
	  LINUX("\"resources\":{\"memory\":{\"limit\":9223372036854775808}}"),
	  "linux.resources.memory.limit: 9223372036854775808 is more than the most possible, "
	  "9223372036854775807" },
	{ "device rule with wrong access",
	  LINUX("\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}"),
	  "linux.resources.devices[0].access: expected letters out of 'rwm', got 'rx'" },
	{ "device rule without allow", LINUX("\"resources\":{\"devices\":[{\"access\":\"r\"}]}"),
	  "linux.resources.devices[0].allow: is missing" },
	{ "page size that is a path",
	  LINUX("\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"../x\",\"limit\":1}]}"),
	  "linux.resources.hugepageLimits[0].pageSize: expected a size such as 64KB, 2MB or 1GB, "
	  "got '../x'" },
	{ "unified key that is a path",
	  LINUX("\"resources\":{\"unified\":{\"../cgroup.procs\":\"1\"}}"),
	  "linux.resources.unified: '../cgroup.procs' is not the name of a cgroup file" },
	{ "unified value of wrong type", LINUX("\"resources\":{\"unified\":{\"a.b\":1}}"),
	  "linux.resources.unified.a.b: expected a string, got an integer" },
	{ "pids limit of zero", LINUX("\"resources\":{\"pids\":{\"limit\":0}}"), NULL },

	{ "mount without destination", HEAD ",\"mounts\":[{}]}",
	  "mounts[0].destination: is missing" },
	{ "mount without type", MOUNT("\"source\":\"x\""),
	  "mounts[0].type: is missing for '/m', which is no bind mount" },
	{ "bind without source", MOUNT("\"options\":[\"bind\"]"),
	  "mounts[0]: a bind mount needs a source" },
	{ "one mapping of two",
	  MOUNT("\"type\":\"bind\",\"source\":\"x\","
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"),
	  "mounts[0]: uidMappings and gidMappings go together" },
	{ "over a file of /proc",
	  HEAD ",\"mounts\":[{\"destination\":\"/proc/self/attr\",\"type\":\"tmpfs\"}]}",
	  "mounts[0]: '/proc/self/attr' cannot be mounted because it is inside /proc" },
	{ "over a file of /proc, in disguise",
	  HEAD ",\"mounts\":[{\"destination\":\"proc//./self/attr/\",\"type\":\"tmpfs\"}]}",
	  "mounts[0]: '/proc/self/attr' cannot be mounted because it is inside /proc" },
	{ "what lxcfs stands in for",
	  HEAD ",\"mounts\":[{\"destination\":\"/proc/cpuinfo\",\"type\":\"bind\",\"source\":\"x\"}]}",
	  NULL },
	{ "tmpfs on /proc", HEAD ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"tmpfs\"}]}",
	  "mounts[0]: 'tmpfs' may only be mounted on '/proc' when it is of type proc" },
	{ "idmap by ranges", MOUNT("\"source\":\"x\",\"options\":[\"bind\",\"idmap=uids=0-1-10;gids=x\"]"),
	  "mounts[0].options[1]: expected mappings as [@]FS_ID-HOST_ID-COUNT, got 'x'" },

	{ "hook path relative", HEAD ",\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}}",
	  "hooks.poststop[0].path: 'x' is not an absolute path" },
	{ "hook timeout of zero", HEAD ",\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}}",
	  "hooks.prestart[0].timeout: 0 is less than the least possible, 1" },

	{ "sysctl of the host", LINUX("\"sysctl\":{\"kernel.core_pattern\":\"|/x\"}"),
	  "linux.sysctl: 'kernel.core_pattern' is not in a separate kernel namespace" },
	{ "sysctl around the corner",
	  LINUX(NS("network") ",\"sysctl\":{\"net/../kernel/core_pattern\":\"|/x\"}"),
	  "linux.sysctl: 'net/../kernel/core_pattern' is not the name of a setting" },
	{ "sysctl around the corner, with dots",
	  LINUX(NS("network") ",\"sysctl\":{\"net.//.kernel.core_pattern\":\"|/x\"}"),
	  "linux.sysctl: 'net.//.kernel.core_pattern' is not the name of a setting" },
	{ "sysctl without its namespace", LINUX("\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
	  "linux.sysctl: 'net.ipv4.ip_forward' cannot be set without a network namespace" },
	{ "sysctl with it", LINUX(NS("network") ",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"), NULL },
	{ "prefix of a name is not the name", LINUX(NS("ipc") ",\"sysctl\":{\"kernel.shmmax2\":\"1\"}"),
	  "linux.sysctl: 'kernel.shmmax2' is not in a separate kernel namespace" },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		own_arena struct arena arena = { 0 };
		struct err e = { 0 };
		struct spec spec;
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		r = read_text(cases[i].text, &arena, &spec, &e);
		if (cases[i].error ? r != -22 || strcmp(e.text, cases[i].error) != 0 : r != 0)
			fail_msg("%s: got %d '%s', expected '%s'", cases[i].why, r, e.text,
				 cases[i].error ? cases[i].error : "success");
		if (r == 0)
			spec_release(&spec);
	}
}

/* --- values that arrive -------------------------------------------------------------------- */

static const char full[] =
	"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
	"\"hostname\":\"h\",\"annotations\":{\"a\":\"1\",\"b\":\"2\"},"
	"\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
	"\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[3,4]},"
	"\"args\":[\"sh\",\"-c\"],\"env\":[\"A=1\",\"B\"],\"cwd\":\"/w\","
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NEW\"],\"ambient\":[\"CAP_NEW\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,\"hard\":6}],"
	"\"noNewPrivileges\":true,\"oomScoreAdj\":-5,"
	"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":-3,\"flags\":[\"SCHED_FLAG_RECLAIM\"]},"
	"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":4},"
	"\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"0-1\"}},"
	"\"hooks\":{\"poststop\":[{\"path\":\"/h\",\"args\":[\"h\"],\"timeout\":3}]},"
	"\"linux\":{\"namespaces\":[{\"type\":\"uts\"},{\"type\":\"time\"},"
	"{\"type\":\"user\",\"path\":\"\"},{\"type\":\"network\",\"path\":\"/n\"}],"
	"\"uidMappings\":[{\"containerID\":0,\"hostID\":100,\"size\":10}],"
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":100,\"size\":10}],"
	"\"timeOffsets\":{\"boottime\":{\"secs\":-7,\"nanosecs\":8}},"
	"\"devices\":[{\"type\":\"u\",\"path\":\"/dev/x\",\"major\":1,\"minor\":2,"
	"\"fileMode\":8630,\"gid\":9}],\"netDevices\":{\"e0\":{\"name\":\"\"}},"
	"\"personality\":{\"domain\":\"LINUX32\"},\"rootfsPropagation\":\"rslave\","
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"},"
	"\"resources\":{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":1,"
	"\"minor\":3,\"access\":\"rw\"}],\"memory\":{\"limit\":-1,\"disableOOMKiller\":false},"
	"\"cpu\":{\"shares\":2,\"quota\":-1},\"pids\":{\"limit\":0},"
	"\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":100}]},"
	"\"network\":{\"classID\":5},\"rdma\":{\"mlx\":{\"hcaHandles\":3}},"
	"\"unified\":{\"memory.high\":\"1\"}}}}";

static void test_values(void **state)
{
	own_arena struct arena arena = { 0 };
	struct err e = { 0 };
	struct spec spec;
	const struct spec_process *p = &spec.process;
	const struct spec_resources *res = &spec.os.resources;

	assert_int_equal(arena_init(&arena, &e), 0);
	if (read_text(full, &arena, &spec, &e) < 0)
		fail_msg("%s", e.text);

	assert_string_equal(spec.root_path, "rootfs");
	assert_true(spec.root_is_readonly && spec.has_process && p->terminal);
	assert_true(p->has_console_size && p->console_height == 24 && p->console_width == 80);
	assert_true(p->user.uid == 1 && p->user.gid == 2 && p->user.has_umask);
	assert_int_equal(p->user.umask, 022);
	assert_true(p->user.additional_gid_count == 2 && p->user.additional_gids[1] == 4);
	assert_true(p->args.count == 2 && !p->args.items[2]);
	assert_int_equal(p->caps.bounding, 1u << CAP_CHOWN);
	assert_int_equal(p->caps.ambient, 0);
	assert_int_equal(p->caps.unknown.count, 1);
	assert_string_equal(p->caps.unknown.items[0], "CAP_NEW");
	assert_int_equal(spec.warnings.count, 2);
	assert_string_equal(spec.warnings.items[0], "process.capabilities.bounding[1]: unknown "
						    "capability 'CAP_NEW' ignored");
	assert_string_equal(spec.warnings.items[1], "process.env[1]: 'B' has no '='");
	assert_int_equal(p->rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(p->rlimits[0].soft == 5 && p->rlimits[0].hard == 6);
	assert_true(p->has_oom_score_adj && p->oom_score_adj == -5);
	assert_true(p->scheduler->policy == SCHED_BATCH && p->scheduler->nice == -3);
	assert_int_equal(p->scheduler->flags, 2);
	assert_true(p->has_io_priority && p->io_priority_class == 2 && p->io_priority == 4);
	assert_string_equal(p->cpu_affinity_final, "0-1");
	assert_true(spec.hooks[SPEC_HOOK_POSTSTOP].count == 1);
	assert_true(spec.hooks[SPEC_HOOK_POSTSTOP].items[0].timeout_s == 3);
	assert_true(spec.os.namespaces[SPEC_NS_USER].is_wanted);
	assert_null(spec.os.namespaces[SPEC_NS_USER].path);
	assert_string_equal(spec.os.namespaces[SPEC_NS_NETWORK].path, "/n");
	assert_true(spec.os.boottime.is_given && spec.os.boottime.seconds == -7);
	assert_false(spec.os.monotonic.is_given);
	assert_true(spec.os.devices[0].type == 'c' && spec.os.devices[0].file_mode == 0666);
	assert_true(spec.os.devices[0].has_gid && !spec.os.devices[0].has_uid);
	assert_string_equal(spec.os.net_devices[0].name, "e0");
	assert_true(spec.os.has_personality && spec.os.personality == PER_LINUX32);
	assert_int_equal(spec.os.rootfs_propagation, MS_SLAVE | MS_REC);
	assert_non_null(spec.os.seccomp);
	assert_true(res->device_count == 2 && res->devices[0].type == 'a');
	assert_true(res->devices[0].major == -1 && res->devices[0].access == 7);
	assert_true(res->devices[1].minor == 3 && res->devices[1].access == 3);
	assert_true(res->memory.limit.is_given && res->memory.limit.value == -1);
	assert_true(res->memory.has_disable_oom_killer && !res->memory.swap.is_given);
	assert_true(res->pids.is_given && res->pids.value == 0);
	assert_true(res->block_io.throttle[SPEC_THROTTLE_WRITE_IOPS].items[0].rate == 100);
	assert_true(res->network_class_id.value == 5 && res->rdma[0].hca_handles.value == 3);
	assert_string_equal(spec_annotation(&spec, "b"), "2");
	assert_null(spec_annotation(&spec, "c"));
	spec_release(&spec);
}

/* --- mount options ------------------------------------------------------------------------- */

static const struct {
	const char *why;
	const char *options; /* JSON, of a bind mount */
	uint64_t set, clear, rec_set, rec_clear;
	const char *data;
} option_cases[] = {
	{ "none", "", 0, 0, 0, 0, NULL },
	{ "the usual", "\"nosuid\",\"nodev\",\"ro\"",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY, 0, 0, 0, NULL },
	{ "the last word wins", "\"ro\",\"rw\"", 0, MOUNT_ATTR_RDONLY, 0, 0, NULL },
	{ "the last word wins, the other way", "\"exec\",\"noexec\"", MOUNT_ATTR_NOEXEC, 0, 0, 0,
	  NULL },
	{ "access time is one number", "\"noatime\"", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0,
	  NULL },
	{ "and the last of it wins", "\"noatime\",\"strictatime\"", MOUNT_ATTR_STRICTATIME,
	  MOUNT_ATTR__ATIME, 0, 0, NULL },
	{ "recursive ones are apart", "\"rro\",\"rnoatime\",\"rdev\"", 0, 0,
	  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME | MOUNT_ATTR_NODEV, NULL },
	{ "unknown words are data", "\"size=1k\",\"ro\",\"mode=755\"", MOUNT_ATTR_RDONLY, 0, 0, 0,
	  "size=1k,mode=755" },
	{ "empty words are nothing", "\"\",\"defaults\"", 0, 0, 0, 0, NULL },
};

static void test_options(void **state)
{
	for (size_t i = 0; i < sizeof(option_cases) / sizeof(option_cases[0]); i++) {
		own_arena struct arena arena = { 0 };
		own_text struct text text = { 0 };
		const struct spec_mount *mount;
		struct err e = { 0 };
		struct spec spec;

		assert_int_equal(arena_init(&arena, &e), 0);
		text_printf(&text, MOUNT("\"type\":\"bind\",\"source\":\"s\",\"options\":[%s]"),
			    option_cases[i].options);
		if (read_text(text_str(&text), &arena, &spec, &e) < 0)
			fail_msg("%s: %s", option_cases[i].why, e.text);
		mount = &spec.mounts[0];
		if (mount->attr_set != option_cases[i].set ||
		    mount->attr_clear != option_cases[i].clear ||
		    mount->rec_attr_set != option_cases[i].rec_set ||
		    mount->rec_attr_clear != option_cases[i].rec_clear ||
		    !mount->data != !option_cases[i].data ||
		    (mount->data && strcmp(mount->data, option_cases[i].data) != 0))
			fail_msg("%s: set %lx clear %lx rec %lx %lx data %s", option_cases[i].why,
				 mount->attr_set, mount->attr_clear, mount->rec_attr_set,
				 mount->rec_attr_clear, mount->data ? mount->data : "none");
		spec_release(&spec);
	}
}

/* The list of config.md, both the MUST and the SHOULD. */
static const char *const spec_words[] = {
	"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap",
	"iversion", "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec",
	"noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
	"nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount",
	"rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime",
	"rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw",
	"rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
	"silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
};

static void test_option_table(void **state)
{
	size_t count = 0;

	for (size_t i = 1; spec_mount_option(i); i++)
		if (strcmp(spec_mount_option(i - 1), spec_mount_option(i)) >= 0)
			fail_msg("'%s' is out of order", spec_mount_option(i));
	for (size_t i = 0; spec_mount_option(i); i++)
		for (size_t k = 0; k < sizeof(spec_words) / sizeof(spec_words[0]); k++)
			count += strcmp(spec_mount_option(i), spec_words[k]) == 0;
	assert_int_equal(count, sizeof(spec_words) / sizeof(spec_words[0]));
}

static void test_idmap_option(void **state)
{
	static const char text[] =
		HEAD ",\"linux\":{" NS("user") ",\"uidMappings\":["
		"{\"containerID\":0,\"hostID\":0,\"size\":1},"
		"{\"containerID\":1,\"hostID\":2,\"size\":1000}],"
		"\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]},"
		"\"mounts\":[{\"destination\":\"m/../x\",\"source\":\"s\",\"options\":[\"bind\","
		"\"idmap=uids=@1-3-10#20-30-1;gids=0-100-10\"]}]}";
	own_arena struct arena arena = { 0 };
	const struct spec_mount *mount;
	struct err e = { 0 };
	struct spec spec;

	assert_int_equal(arena_init(&arena, &e), 0);
	if (read_text(text, &arena, &spec, &e) < 0)
		fail_msg("%s", e.text);
	mount = &spec.mounts[0];
	assert_string_equal(mount->destination, "/m/../x");
	assert_true(mount->ext & SPEC_MOUNT_IDMAP);
	assert_true(mount->uid_maps.count == 2 && mount->gid_maps.count == 1);
	assert_true(mount->uid_maps.items[0].host_id == 4 && mount->uid_maps.items[0].size == 10);
	assert_true(mount->uid_maps.items[1].host_id == 30);
	spec_release(&spec);
}

/* --- sizes --------------------------------------------------------------------------------- */

static void test_too_many(void **state)
{
	own_arena struct arena arena = { 0 };
	own_text struct text text = { 0 };
	struct err e = { 0 };
	struct spec spec;

	assert_int_equal(arena_init(&arena, &e), 0);
	text_append(&text, HEAD ",\"mounts\":[{}");
	for (int i = 0; i < 20000; i++)
		text_append(&text, ",{}");
	text_append(&text, "]}");
	assert_int_equal(read_text(text_str(&text), &arena, &spec, &e), -22);
	assert_string_equal(e.text, "mounts: 20001 entries are more than the most possible, 16384");
}

static void test_too_deep(void **state)
{
	own_arena struct arena arena = { 0 };
	own_text struct text text = { 0 };
	struct err e = { 0 };
	struct spec spec;

	assert_int_equal(arena_init(&arena, &e), 0);
	text_append(&text, HEAD ",\"x\":");
	for (int i = 0; i < 100000; i++)
		text_append(&text, "[");
	assert_int_equal(read_text(text_str(&text), &arena, &spec, &e), -22);
	assert_non_null(strstr(e.text, "'config.json' is not valid JSON at byte"));
}

/* A key of any length must not push the message out of the error. */
static void test_long_key(void **state)
{
	own_arena struct arena arena = { 0 };
	own_text struct text text = { 0 };
	struct err e = { 0 };
	struct spec spec;

	assert_int_equal(arena_init(&arena, &e), 0);
	text_append(&text, HEAD ",\"annotations\":{\"");
	for (int i = 0; i < 5000; i++)
		text_append(&text, "k");
	text_append(&text, "\":7}}");
	assert_int_equal(read_text(text_str(&text), &arena, &spec, &e), -22);
	assert_non_null(strstr(e.text, ": expected a string, got an integer"));
}

/* --- the default document ------------------------------------------------------------------ */

static void test_default(void **state)
{
	for (int rootless = 0; rootless < 2; rootless++) {
		const struct spec_default want = { .hostname = "gabion-oci", .is_rootless = rootless,
						   .uid = 1000, .gid = 100 };
		own_arena struct arena arena = { 0 };
		struct json_object *document = NULL;
		struct err e = { 0 };
		struct spec spec;

		assert_int_equal(arena_init(&arena, &e), 0);
		if (spec_default(&want, &document, &e) < 0 ||
		    spec_read(document, &arena, &spec, &e) < 0 || spec_validate(&spec, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(spec.os.namespaces[SPEC_NS_USER].is_wanted, rootless);
		assert_int_equal(spec.os.namespaces[SPEC_NS_NETWORK].is_wanted, !rootless);
		assert_int_equal(spec.os.has_resources, !rootless);
		assert_int_equal(spec.os.uid_maps.count, rootless);
		if (rootless)
			assert_int_equal(spec.os.uid_maps.items[0].host_id, 1000);
		for (uint32_t i = 0; rootless && i < spec.mount_count; i++)
			assert_true(!spec.mounts[i].data || !strstr(spec.mounts[i].data, "gid="));
		spec_release(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	     cmocka_unit_test(test_values),
		cmocka_unit_test(test_options),	     cmocka_unit_test(test_option_table),
		cmocka_unit_test(test_idmap_option), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_deep),     cmocka_unit_test(test_long_key),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
