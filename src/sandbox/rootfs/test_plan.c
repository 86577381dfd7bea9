#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/plan.h"
#include "spec/spec.h"

/* Stand-in for the cgroup room: two hierarchies. */
int cgroup_plan_mounts(const struct cgroup_plan *plan, struct arena *arena,
		       struct cgroup_mount **ret_mounts, uint32_t *ret_count, struct err *e)
{
	static struct cgroup_mount mounts[] = {
		{ .name = "cpu,cpuacct", .data = "cpu,cpuacct", .source = "/sys/fs/cgroup/cpu/x" },
		{ .name = "systemd", .data = "none,name=systemd", .source = "/sys/fs/cgroup/systemd/x" },
	};

	(void)plan;
	(void)arena;
	(void)e;
	*ret_mounts = mounts;
	*ret_count = 2;
	return 0;
}

#define LABEL "system_u:object_r:container_file_t:s0:c1,c2"

enum situation {
	USERNS = 1 << 0,
	ROOTLESS = 1 << 1,
	NESTED = 1 << 2,
	NO_MOUNT_NS = 1 << 3,
	HOST_NET = 1 << 4,
	LABELLED = 1 << 5,
	JOINED_USERNS = 1 << 6,
};

static int make(const char *mounts, const char *os, unsigned in, struct arena *arena,
		struct text *out, struct plan *plan, struct err *e)
{
	static struct host host;
	static struct spec spec;
	struct json_object *document = NULL;
	struct text config = { 0 };
	int r;

	host = (struct host){
		.euid = in & ROOTLESS ? 1000 : 0,
		.is_rootless = in & ROOTLESS,
		.in_userns = in & NESTED,
		.cgroup_layout = CGROUP_V1,
	};
	text_printf(&config,
		    "{\"ociVersion\": \"1.3.0\", \"root\": {\"path\": \"rootfs\"}, \"mounts\": [%s], "
		    "\"linux\": {%s}}", mounts, os);
	r = json_parse(text_str(&config), config.length, "config.json", &document, e);
	text_release(&config);
	if (r < 0)
		return r;
	r = spec_read(document, arena, &spec, e);
	if (r < 0)
		return r;

	*plan = (struct plan){
		.arena = arena,
		.spec = &spec,
		.host = &host,
		.request = { .bundle = "/b" },
		.labels = { .mount = in & LABELLED ? LABEL : NULL },
		.ns = { .new_flags = CLONE_NEWPID | CLONE_NEWIPC },
		.cgroup = (struct cgroup_plan *)plan,
	};
	if (!(in & NO_MOUNT_NS))
		plan->ns.new_flags |= CLONE_NEWNS;
	if (!(in & HOST_NET))
		plan->ns.new_flags |= CLONE_NEWNET;
	if (in & USERNS)
		plan->ns.new_flags |= CLONE_NEWUSER;
	if (in & JOINED_USERNS)
		plan->ns.join[SPEC_NS_USER] = "/proc/7/ns/user";
	r = rootfs_plan_make(plan, e);
	if (r == 0)
		rootfs_plan_explain(plan->rootfs, out);
	spec_release(&spec);
	return r;
}

#define TMPFS(at, options) "{\"destination\":\"" at "\",\"type\":\"tmpfs\",\"options\":[" options "]}"
#define FS(at, type, options)                                                                      \
	"{\"destination\":\"" at "\",\"type\":\"" type "\",\"options\":[" options "]}"
#define BIND(at, from, options)                                                                    \
	"{\"destination\":\"" at "\",\"source\":\"" from "\",\"options\":[" options "]}"
#define DEV TMPFS("/dev", "\"mode=755\"")

static void plans(void **state)
{
	static const struct {
		const char *mounts;
		const char *os;
		unsigned in;
		const char *want; /* a line of the plan, or of the error */
		int result;
		const char *reason;
	} cases[] = {
		/* binds */
		{ BIND("/m", "src", "\"bind\""), "", 0, "bind /b/src at /m\n", 0,
		  "a source is relative to the bundle" },
		{ BIND("/m", "/s", "\"rbind\",\"rprivate\""), "", 0,
		  "bind /s at /m, with all below; all: private\n", 0, "one call" },
		{ BIND("/m", "/s", "\"rbind\",\"ro\",\"rprivate\""), "", 0,
		  "bind /s at /m, with all below; all: private; ro\n", 0, "ro is for the top alone" },
		{ BIND("/m", "/s", "\"rbind\",\"rro\",\"nosuid\""), "", 0,
		  "bind /s at /m, with all below; all: ro; nosuid\n", 0, "rro is for all" },
		{ BIND("/m", "/s", "\"bind\",\"rro\",\"nosuid\",\"slave\""), "", 0,
		  "bind /s at /m; ro nosuid slave\n", 0, "without mounts below all is one" },
		{ BIND("/m", "/s", "\"rbind\",\"exec\""), "", 0,
		  "bind /s at /m, with all below; not noexec\n", 0, "a flag taken away" },
		{ BIND("/m", "/s", "\"rbind\""), "", USERNS,
		  "bind /s at /m, with all below, opened by the parent; all: slave\n", 0,
		  "the parent's clone is cut off from the host" },
		{ BIND("/m", "/s", "\"rbind\""), "\"rootfsPropagation\":\"shared\"", USERNS,
		  "bind /s at /m, with all below, opened by the parent\n", 0, "unless it shall not be" },
		{ BIND("/m", "/s", "\"rbind\""), "", USERNS | ROOTLESS,
		  "bind /s at /m, with all below\n", 0, "no privilege: the child opens" },
		{ FS("/m", "bind", "\"bind\""), "", 0, "a bind mount needs a source", -EINVAL, "no source" },
		{ BIND("/", "/s", "\"bind\""), "", 0, "nothing can be mounted on '/'", -EINVAL, "root" },
		{ BIND("/m", "/s", "\"bind\",\"remount\",\"ro\""), "", 0, "change mount at /m:; ro\n", 0,
		  "remount of a bind" },
		{ FS("/m", "tmpfs", "\"remount\",\"size=1k\""), "", 0, "change file system at /m:", 0,
		  "remount of a file system" },
		/* file systems */
		{ TMPFS("/m", "\"ro\",\"nosuid\",\"size=1k\""), "", 0, "mount tmpfs at /m: ro nosuid size=1k\n",
		  0, "flags and data" },
		{ TMPFS("/m", "\"rprivate\""), "", 0, "mount tmpfs at /m:\n", 0,
		  "a fresh mount is private: no call" },
		{ TMPFS("/m", "\"tmpcopyup\",\"ro\""), "", 0, "mount tmpfs at /m:; filled from the image; ro\n",
		  0, "read-only when it is full" },
		{ FS("/sys", "sysfs", "\"ro\""), "", USERNS, "mount sysfs at /sys: ro\n", 0,
		  "of a network of its own" },
		{ FS("/sys", "sysfs", "\"ro\""), "", USERNS | HOST_NET,
		  "bind /sys at /sys, with all below, opened by the parent; all: ro slave\n", 0,
		  "of the host's network: the host's, read-only all the way down" },
		{ FS("/sys", "sysfs", "\"ro\""), "", HOST_NET, "mount sysfs at /sys: ro\n", 0,
		  "root mounts it whosever network it is" },
		{ FS("/sys", "sysfs", "\"ro\""), "", NESTED | HOST_NET, "bind /sys at /sys", 0,
		  "root of a user namespace does not" },
		{ FS("/sys/fs/cgroup", "cgroup", "\"ro\",\"nosuid\""), "", 0,
		  "mount cgroup at /sys/fs/cgroup: cpu,cpuacct systemd; ro\n", 0, "v1" },
		/* labels */
		{ TMPFS("/m", "\"size=1k\""), "", LABELLED, "size=1k,context=\"" LABEL "\"", 0, "tmpfs" },
		{ TMPFS("/m", ""), "", LABELLED | USERNS, "context=\"" LABEL "\"", 0, "in a user namespace" },
		{ TMPFS("/m", "\"context=x\""), "", LABELLED, ": context=x\n", 0, "the spec's own wins" },
		{ FS("/m", "mqueue", ""), "", LABELLED, "label of its root " LABEL, 0,
		  "a superblock that exists already" },
		{ FS("/m", "proc", ""), "", LABELLED, "mount proc at /m:\n", 0, "the policy knows better" },
		{ FS("/m", "ext4", ""), "", LABELLED, "context=", 0, "any other" },
		{ FS("/m", "fuse", ""), "", LABELLED | USERNS, "mount fuse at /m:\n", 0,
		  "SELinux refuses it there" },
		/* idmaps */
		{ BIND("/m", "/s", "\"bind\",\"idmap\""), "", 0, "needs a user namespace", -EINVAL,
		  "no maps to take" },
		{ BIND("/m", "/s", "\"bind\",\"idmap\""), "", JOINED_USERNS, "idmap 0; slave\n", 0, "joined" },
		{ BIND("/m", "/s", "\"rbind\",\"ridmap\""), "", JOINED_USERNS, "idmap 0 for all below", 0,
		  "recursive" },
		{ "{\"destination\":\"/m\",\"source\":\"/s\",\"options\":[\"bind\"],"
		  "\"uidMappings\":[{\"containerID\":0,\"hostID\":7,\"size\":1}],"
		  "\"gidMappings\":[{\"containerID\":0,\"hostID\":7,\"size\":1}]}", "", 0,
		  "bind /s at /m, opened by the parent, idmap 0; slave\n", 0,
		  "maps of its own: cut off from the host as well" },
		{ TMPFS("/m", "\"idmap\""), "", JOINED_USERNS, "only a bind mount", -EINVAL, "fresh" },
		/* /dev */
		{ DEV, "", 0, "device /dev/null: c 1:3 0666 0:0\n", 0, "made" },
		{ DEV, "", USERNS, "bind device /dev/null: c 1:3", 0, "cannot be made" },
		{ DEV, "\"devices\":[{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3,"
		  "\"fileMode\":384}]", 0, "device /dev/null: c 1:3 0600", 0, "the spec changes a default" },
		{ DEV, "\"devices\":[{\"path\":\"/dev/p\",\"type\":\"p\"}]", USERNS,
		  "\ndevice /dev/p: fifo", 0, "a FIFO can always be made" },
		/* the whole */
		{ "", "", 0, "root /b/rootfs; host's mounts slave, the root slave\n", 0, "default" },
		{ "", "\"rootfsPropagation\":\"rshared\"", 0,
		  "host's mounts shared, the root private\n", 0, "the root is never the host's peer" },
		{ "", "\"rootfsPropagation\":\"rshared\"", 0, "/ and all below shared\n", 0, "in the end" },
		{ "", "\"rootfsPropagation\":\"unbindable\"", 0, "/ unbindable\n", 0, "in the end" },
		{ "", "\"sysctl\":{\"net.ipv4.conf.eth0/1.mtu\":\"5\"}", 0, "sysctl net.ipv4.conf.eth0/1.mtu = 5",
		  0, "as sysctl(8) reads it" },
		{ DEV, "", NO_MOUNT_NS, "need a mount namespace", -EINVAL, "mounts in the host's" },
		{ "", "", NO_MOUNT_NS, "enter: chroot, in the mounts of the host\n", 0, "said aloud" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct text out = { 0 };
		struct err e = { 0 };
		struct plan plan;
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		r = make(cases[i].mounts, cases[i].os, cases[i].in, &arena, &out, &plan, &e);
		if (r != cases[i].result || !strstr(r < 0 ? e.text : text_str(&out), cases[i].want))
			fail_msg("%s: got %d %s\n%s", cases[i].reason, r, e.text, text_str(&out));
		text_release(&out);
		arena_release(&arena);
	}
}

/* What the plan cannot say in words. */
static void details(void **state)
{
	const char *mounts = TMPFS("/dev", "\"size=1k\"") "," FS("/dev/pts", "devpts", "") ","
			     FS("/dev/shm", "tmpfs", "") "," BIND("/dev/net", "/n", "\"bind\"") ","
			     FS("/sys/fs/cgroup", "cgroup", "") "," TMPFS("/sys/fs/cgroup/x", "") ","
			     TMPFS("/sys/fs/cgroupx", "") "," TMPFS("/t", "\"a=\\\"b,c\\\",d\"");
	const char *os = "\"sysctl\":{\"net.ipv4.conf.eth0/1.mtu\":\"5\",\"net/a.b/c\":\"6\"},"
			 "\"devices\":[{\"path\":\"/dev/net/tun\",\"type\":\"c\",\"major\":1,\"minor\":1}]";
	const struct rootfs_plan *rootfs;
	struct arena arena;
	struct text out = { 0 };
	struct err e = { 0 };
	struct plan plan;

	(void)state;
	assert_int_equal(arena_init(&arena, &e), 0);
	if (make(mounts, os, 0, &arena, &out, &plan, &e) < 0)
		fail_msg("%s", e.text);
	rootfs = plan.rootfs;

	assert_true(rootfs->mounts[0].is_dev && rootfs->mounts[0].by_descriptor);
	assert_string_equal(rootfs->mounts[0].fs.data, "mode=755,size=1k");
	assert_int_equal(rootfs->dev_dir_count, 2);
	assert_string_equal(rootfs->dev_dirs[1], "shm");
	assert_false(rootfs->mounts[2].inherits_mode); /* the directory is ours, not the image's */
	/* what a later mount covers is made in that mount */
	assert_null(rootfs->devices[rootfs->device_count - 1].name);
	assert_string_equal(rootfs->devices[0].name, "null");

	assert_true(rootfs->mounts[4].is_late && rootfs->mounts[5].is_late);
	assert_false(rootfs->mounts[6].is_late);
	assert_string_equal(rootfs->mounts[4].cgroup_fs[1].options[1].key, "name");

	/* a comma in quotes separates nothing, and the quotes are mount(2)'s alone */
	assert_int_equal(rootfs->mounts[7].fs.option_count, 2);
	assert_string_equal(rootfs->mounts[7].fs.options[0].value, "b,c");
	assert_null(rootfs->mounts[7].fs.options[1].value);

	assert_string_equal(rootfs->sysctls[0].path, "sys/net/ipv4/conf/eth0.1/mtu");
	assert_string_equal(rootfs->sysctls[1].path, "sys/net/a.b/c");
	text_release(&out);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
