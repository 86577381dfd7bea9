/*
 * Rules that span several fields of a spec. What one object must keep to on its own, its reader has
 * checked; what depends on the host, the plan decides.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/err.h"
#include "spec/spec.h"

#define UTS_NAME_BYTES_MAX 64
#define ID_MAP_LINES_MAX   340

static bool has_ns(const struct spec *spec, enum spec_ns ns)
{
	return spec->os.namespaces[ns].is_wanted;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* --- process ------------------------------------------------------------------------------- */

static int check_rlimits(const struct spec_process *process, struct err *e)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < process->rlimit_count; i++) {
		uint64_t bit = UINT64_C(1) << process->rlimits[i].resource;

		if (seen & bit)
			return err_set(e, EINVAL, "process.rlimits[%u]: %s is given twice", i,
				       process->rlimits[i].name);
		seen |= bit;
	}
	return 0;
}

static int check_scheduler(const struct spec_scheduler *scheduler, struct err *e)
{
	bool is_realtime, is_deadline, is_fair;

	if (!scheduler)
		return 0;
	is_realtime = scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR;
	is_deadline = scheduler->policy == 6; /* SCHED_DEADLINE */
	is_fair = scheduler->policy == SCHED_OTHER || scheduler->policy == SCHED_BATCH;

	if (scheduler->nice && !is_fair)
		return err_set(e, EINVAL,
			       "process.scheduler.nice: only SCHED_OTHER and SCHED_BATCH have it");
	if (scheduler->priority && !is_realtime)
		return err_set(e, EINVAL,
			       "process.scheduler.priority: only SCHED_FIFO and SCHED_RR have it");
	if (is_deadline != (scheduler->runtime_ns || scheduler->deadline_ns || scheduler->period_ns))
		return err_set(e, EINVAL, "process.scheduler: runtime, deadline and period go with "
					  "SCHED_DEADLINE");
	return 0;
}

static int check_process(const struct spec_process *process, struct err *e)
{
	int r;

	if (!process->args.count)
		return err_set(e, EINVAL, "process.args: must not be empty");
	r = check_rlimits(process, e);
	if (r < 0)
		return r;
	return check_scheduler(process->scheduler, e);
}

int spec_process_validate(const struct spec_process *process, struct err *e)
{
	return check_process(process, e);
}

/* --- names, ids and clocks ----------------------------------------------------------------- */

static int check_uts_name(const struct spec *spec, const char *key, const char *name,
			  struct err *e)
{
	if (!name || !name[0])
		return 0;
	if (!has_ns(spec, SPEC_NS_UTS))
		return err_set(e, EINVAL, "%s: cannot be set without a uts namespace", key);
	if (strlen(name) > UTS_NAME_BYTES_MAX)
		return err_set(e, EINVAL, "%s: is longer than %d bytes", key, UTS_NAME_BYTES_MAX);
	return 0;
}

static int check_ids(const struct spec *spec, struct err *e)
{
	const struct spec_linux *os = &spec->os;

	if (!has_ns(spec, SPEC_NS_USER) && (os->uid_maps.count || os->gid_maps.count))
		return err_set(e, EINVAL,
			       "linux.uidMappings: mappings need a user namespace, none is asked for");
	if (os->uid_maps.count > ID_MAP_LINES_MAX || os->gid_maps.count > ID_MAP_LINES_MAX)
		return err_set(e, EINVAL, "linux.uidMappings: the kernel takes at most %d lines",
			       ID_MAP_LINES_MAX);
	if (!os->uid_maps.count != !os->gid_maps.count)
		return err_set(e, EINVAL, "linux.%s: is missing; uidMappings and gidMappings go "
					  "together",
			       os->uid_maps.count ? "gidMappings" : "uidMappings");
	return 0;
}

static int check_clocks(const struct spec *spec, struct err *e)
{
	const struct spec_linux *os = &spec->os;

	if (!os->monotonic.is_given && !os->boottime.is_given)
		return 0;
	if (!has_ns(spec, SPEC_NS_TIME))
		return err_set(e, EINVAL, "linux.timeOffsets: cannot be set without a time namespace");
	if (os->namespaces[SPEC_NS_TIME].path)
		return err_set(e, EINVAL, "linux.timeOffsets: cannot be set in a time namespace that "
					  "is joined by path");
	return 0;
}

static int check_rooms(const struct spec *spec, struct err *e)
{
	const struct spec_linux *os = &spec->os;

	if (!has_ns(spec, SPEC_NS_MOUNT) && (os->masked_paths.count || os->readonly_paths.count))
		return err_set(e, EINVAL, "linux.%s: cannot be had without a mount namespace",
			       os->masked_paths.count ? "maskedPaths" : "readonlyPaths");
	if (!has_ns(spec, SPEC_NS_NETWORK) && os->net_device_count)
		return err_set(e, EINVAL,
			       "linux.netDevices: cannot be moved without a network namespace");
	return 0;
}

static int check_paths(const struct spec_strings *paths, const char *key, struct err *e)
{
	for (uint32_t i = 0; i < paths->count; i++)
		if (paths->items[i][0] != '/')
			return err_set(e, EINVAL, "linux.%s[%u]: '%.128s' is not an absolute path",
				       key, i, paths->items[i]);
	return 0;
}

/* --- mounts -------------------------------------------------------------------------------- */

/* What may lie over a file of /proc: the files that lxcfs and its like stand in for, which grant
 * nothing. Anything else could hide what the walls are set with (CVE-2019-16884). */
static const char *const proc_allowed[] = {
	"/proc/cpuinfo",  "/proc/diskstats", "/proc/meminfo",
	"/proc/stat",     "/proc/swaps",     "/proc/uptime",
	"/proc/loadavg",  "/proc/slabinfo",  "/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

static bool has_dot_dot(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (!at[3] || at[3] == '/')
			return true;
	return false;
}

/* This sees the path as it is written. Symbolic links are seen when it is mounted. */
static int check_proc_mount(const struct spec_mount *mount, struct err *e)
{
	const char *to = mount->destination;

	if (strcmp(to, "/proc") == 0) {
		/* a bind may be of another procfs: seen when its source is open */
		if (mount->is_bind || mount->is_remount || mount->propagation ||
		    (mount->type && strcmp(mount->type, "proc") == 0))
			return 0;
		return err_set(e, EINVAL, "mounts[%u]: '%s' may only be mounted on '/proc' when it "
					  "is of type proc",
			       mount->index, mount->type ? mount->type : "");
	}
	if (!has_prefix(to, "/proc/"))
		return 0;
	for (size_t i = 0; i < sizeof(proc_allowed) / sizeof(proc_allowed[0]); i++)
		if (strcmp(to, proc_allowed[i]) == 0)
			return 0;
	return err_set(e, EINVAL, "mounts[%u]: '%.256s' cannot be mounted because it is inside /proc",
		       mount->index, to);
}

static int check_mounts(const struct spec *spec, struct err *e)
{
	for (uint32_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		int r;

		if (!mount->type && !mount->is_bind && !mount->is_remount && !mount->propagation &&
		    !(mount->ext & SPEC_MOUNT_COPY_SYMLINK))
			return err_set(e, EINVAL, "mounts[%u].type: is missing for '%.256s', which "
						  "is no bind mount",
				       i, mount->destination);
		if (has_dot_dot(mount->destination))
			continue; /* where it leads is seen when it is mounted */
		r = check_proc_mount(mount, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- sysctl -------------------------------------------------------------------------------- */

/*
 * The settings that belong to a namespace. Any other is the host's, and some run programs as root
 * on the host: kernel.core_pattern, CVE-2022-0811.
 */
static const struct {
	const char *name; /* with '/' as separator; a prefix when it ends in one */
	enum spec_ns ns;
} sysctls[] = {
	{ "fs/mqueue/", SPEC_NS_IPC },
	{ "kernel/domainname", SPEC_NS_UTS },
	{ "kernel/hostname", SPEC_NS_UTS },
	{ "kernel/msgmax", SPEC_NS_IPC },
	{ "kernel/msgmnb", SPEC_NS_IPC },
	{ "kernel/msgmni", SPEC_NS_IPC },
	{ "kernel/sem", SPEC_NS_IPC },
	{ "kernel/shm_rmid_forced", SPEC_NS_IPC },
	{ "kernel/shmall", SPEC_NS_IPC },
	{ "kernel/shmmax", SPEC_NS_IPC },
	{ "kernel/shmmni", SPEC_NS_IPC },
	{ "net/", SPEC_NS_NETWORK },
	{ "user/", SPEC_NS_USER },
};

static bool sysctl_find(const char *path, enum spec_ns *ret_ns)
{
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		size_t length = strlen(sysctls[i].name);
		bool is_prefix = sysctls[i].name[length - 1] == '/';

		if (is_prefix ? strncmp(path, sysctls[i].name, length) != 0 :
				strcmp(path, sysctls[i].name) != 0)
			continue;
		*ret_ns = sysctls[i].ns;
		return true;
	}
	return false;
}

int spec_sysctl_path(const char *name, char *ret_path, size_t size, struct err *e)
{
	/* As sysctl(8): whichever separator comes first is the separator, the other one is part of
	 * a name: net.ipv4.conf.eth0/1.forwarding is net/ipv4/conf/eth0.1/forwarding. */
	size_t first = strcspn(name, "./"), length = strlen(name);
	bool is_dotted = name[first] == '.';

	if (!length || length >= size)
		return err_set(e, EINVAL, "linux.sysctl: '%.64s' is not the name of a setting", name);
	for (size_t i = 0; i <= length; i++)
		ret_path[i] = !is_dotted || (name[i] != '.' && name[i] != '/') ? name[i] :
			      name[i] == '.'					? '/' :
										  '.';
	if (ret_path[0] == '/' || ret_path[length - 1] == '/' || strstr(ret_path, "//") ||
	    has_prefix(ret_path, "../") || has_prefix(ret_path, "./") || has_dot_dot(ret_path) ||
	    strstr(ret_path, "/./"))
		return err_set(e, EINVAL, "linux.sysctl: '%.64s' is not the name of a setting", name);
	return 0;
}

static int check_sysctls(const struct spec *spec, struct err *e)
{
	for (uint32_t i = 0; i < spec->os.sysctl.count; i++) {
		const char *name = spec->os.sysctl.items[i].key;
		char path[SPEC_SYSCTL_BYTES_MAX];
		enum spec_ns ns;
		int r;

		r = spec_sysctl_path(name, path, sizeof(path), e);
		if (r < 0)
			return r;
		if (!sysctl_find(path, &ns))
			return err_set(e, EINVAL, "linux.sysctl: '%.64s' is not in a separate kernel "
						  "namespace",
				       name);
		if (!has_ns(spec, ns))
			return err_set(e, EINVAL, "linux.sysctl: '%.64s' cannot be set without a %s "
						  "namespace",
				       name, spec_ns_name(ns));
	}
	return 0;
}

/* --- all ----------------------------------------------------------------------------------- */

int spec_validate(const struct spec *spec, struct err *e)
{
	const struct spec_linux *os = &spec->os;
	int r;

	if ((spec->has_process && (r = check_process(&spec->process, e)) < 0) ||
	    (r = check_uts_name(spec, "hostname", spec->hostname, e)) < 0 ||
	    (r = check_uts_name(spec, "domainname", spec->domainname, e)) < 0 ||
	    (r = check_ids(spec, e)) < 0 || (r = check_clocks(spec, e)) < 0 ||
	    (r = check_rooms(spec, e)) < 0 ||
	    (r = check_paths(&os->masked_paths, "maskedPaths", e)) < 0 ||
	    (r = check_paths(&os->readonly_paths, "readonlyPaths", e)) < 0 ||
	    (r = check_mounts(spec, e)) < 0 || (r = check_sysctls(spec, e)) < 0)
		return r;
	return 0;
}
