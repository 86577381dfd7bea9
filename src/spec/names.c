/*
 * Words of config.json and the kernel's numbers for them.
 */
#include <assert.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "spec/shapes.h"

#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif
#define MPOL_WEIGHTED_INTERLEAVE_ 6 /* kernel 6.9 */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

#define NAMES(variable, said, ...)                                                                 \
	static const struct name variable##_items[] = { __VA_ARGS__ };                             \
	const struct names variable = {                                                            \
		.what = (said),                                                                    \
		.items = variable##_items,                                                         \
		.count = sizeof(variable##_items) / sizeof(variable##_items[0]),                   \
	}

static const struct {
	const char *name;
	int flag;
} namespaces[SPEC_NS_COUNT] = {
	[SPEC_NS_USER] = { "user", CLONE_NEWUSER },
	[SPEC_NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
	[SPEC_NS_IPC] = { "ipc", CLONE_NEWIPC },
	[SPEC_NS_UTS] = { "uts", CLONE_NEWUTS },
	[SPEC_NS_NETWORK] = { "network", CLONE_NEWNET },
	[SPEC_NS_PID] = { "pid", CLONE_NEWPID },
	[SPEC_NS_MOUNT] = { "mount", CLONE_NEWNS },
	[SPEC_NS_TIME] = { "time", CLONE_NEWTIME },
};

const char *spec_ns_name(enum spec_ns ns)
{
	return namespaces[ns].name;
}

int spec_ns_flag(enum spec_ns ns)
{
	return namespaces[ns].flag;
}

NAMES(ns_names, "namespace",
      { "user", SPEC_NS_USER }, { "cgroup", SPEC_NS_CGROUP }, { "ipc", SPEC_NS_IPC },
      { "uts", SPEC_NS_UTS }, { "network", SPEC_NS_NETWORK }, { "pid", SPEC_NS_PID },
      { "mount", SPEC_NS_MOUNT }, { "time", SPEC_NS_TIME });

NAMES(propagation_names, "propagation",
      { "shared", MS_SHARED }, { "rshared", MS_SHARED | MS_REC },
      { "slave", MS_SLAVE }, { "rslave", MS_SLAVE | MS_REC },
      { "private", MS_PRIVATE }, { "rprivate", MS_PRIVATE | MS_REC },
      { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC });

NAMES(rlimit_names, "rlimit",
      { "RLIMIT_AS", RLIMIT_AS }, { "RLIMIT_CORE", RLIMIT_CORE }, { "RLIMIT_CPU", RLIMIT_CPU },
      { "RLIMIT_DATA", RLIMIT_DATA }, { "RLIMIT_FSIZE", RLIMIT_FSIZE },
      { "RLIMIT_LOCKS", RLIMIT_LOCKS }, { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
      { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE },
      { "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_NPROC", RLIMIT_NPROC },
      { "RLIMIT_RSS", RLIMIT_RSS }, { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
      { "RLIMIT_RTTIME", RLIMIT_RTTIME }, { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
      { "RLIMIT_STACK", RLIMIT_STACK });

NAMES(sched_names, "scheduling policy",
      { "SCHED_OTHER", SCHED_NORMAL }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
      { "SCHED_BATCH", SCHED_BATCH }, { "SCHED_ISO", 4 }, { "SCHED_IDLE", SCHED_IDLE },
      { "SCHED_DEADLINE", SCHED_DEADLINE });

NAMES(sched_flag_names, "scheduling flag",
      { "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
      { "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
      { "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
      { "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
      { "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
      { "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
      { "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX });

NAMES(io_class_names, "I/O priority class",
      { "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT }, { "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
      { "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE });

NAMES(mpol_names, "memory policy",
      { "MPOL_DEFAULT", MPOL_DEFAULT }, { "MPOL_PREFERRED", MPOL_PREFERRED },
      { "MPOL_BIND", MPOL_BIND }, { "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
      { "MPOL_LOCAL", MPOL_LOCAL }, { "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
      { "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_ });

NAMES(mpol_flag_names, "memory policy flag",
      { "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
      { "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
      { "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING });

NAMES(personality_names, "personality", { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 });

static const char *const caps[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[CAP_PERFMON] = "CAP_PERFMON",
	[CAP_BPF] = "CAP_BPF",
	[CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

#define CAP_COUNT (sizeof(caps) / sizeof(caps[0]))
static_assert(CAP_COUNT <= 64, "struct spec_caps has 64 bits");

int spec_cap_number(const char *name)
{
	for (size_t i = 0; i < CAP_COUNT; i++)
		if (strcmp(caps[i], name) == 0)
			return (int)i;
	return -1;
}

const char *spec_cap_name(unsigned number)
{
	return number < CAP_COUNT ? caps[number] : NULL;
}
