/*
 * config.json as types: what OCI runtime-spec 1.3.0 says, checked and bounded, nothing decided yet.
 * A spec is read-only once read; everything in it lives in the arena it was read into. A pointer
 * that is NULL, or a has_ flag that is false, means that the document does not say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct err;
struct json_object;

/* A counted list of strings. */
struct spec_strings {
	const char **items; /* NULL-terminated, so that it can be given to execve() */
	uint32_t count;
};

/* One line of a uid_map or gid_map. */
struct spec_id_map {
	uint32_t container_id;
	uint32_t host_id;
	uint32_t size;
};

struct spec_id_maps {
	struct spec_id_map *items;
	uint32_t count;
};

/* annotations and sysctl: key and value, in the order of the document */
struct spec_pair {
	const char *key;
	const char *value;
};

struct spec_pairs {
	struct spec_pair *items;
	uint32_t count;
};

/* --- process ------------------------------------------------------------------------------ */

/* Sets of capabilities as bit masks: bit N is capability number N of <linux/capability.h>. */
struct spec_caps {
	uint64_t bounding;
	uint64_t effective;
	uint64_t inheritable;
	uint64_t permitted;
	uint64_t ambient;
	struct spec_strings unknown; /* names that this build does not know: a warning each */
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	const char *name;
	uint64_t soft;
	uint64_t hard;
};

struct spec_user {
	uint32_t uid;
	uint32_t gid;
	bool has_umask;
	uint32_t umask;
	uint32_t *additional_gids;
	uint32_t additional_gid_count;
	const char *username; /* Windows only in the spec; kept for inspect */
};

struct spec_scheduler {
	int policy; /* SCHED_* */
	int32_t nice;
	int32_t priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime_ns;
	uint64_t deadline_ns;
	uint64_t period_ns;
};

struct spec_process {
	bool terminal;
	bool has_console_size;
	uint16_t console_height;
	uint16_t console_width;
	struct spec_user user;
	struct spec_strings args; /* at least one for a process that starts */
	struct spec_strings env;
	const char *cwd; /* absolute */
	bool has_caps;
	struct spec_caps caps;
	struct spec_rlimit *rlimits;
	uint32_t rlimit_count;
	bool no_new_privs;
	const char *apparmor_profile;
	const char *selinux_label;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	struct spec_scheduler *scheduler;
	bool has_io_priority;
	int io_priority_class; /* IOPRIO_CLASS_* */
	int32_t io_priority;
	const char *cpu_affinity_initial; /* cpu lists such as "0-3,7" */
	const char *cpu_affinity_final;
};

/* --- mounts ------------------------------------------------------------------------------- */

enum spec_mount_ext {
	SPEC_MOUNT_TMPCOPYUP = 1 << 0,
	SPEC_MOUNT_IDMAP = 1 << 1,
	SPEC_MOUNT_RIDMAP = 1 << 2,
	SPEC_MOUNT_COPY_SYMLINK = 1 << 3, /* crun's copy-symlink: make the source's link, not a mount */
	SPEC_MOUNT_SRC_NOFOLLOW = 1 << 4, /* crun's src-nofollow */
	SPEC_MOUNT_DEST_NOFOLLOW = 1 << 5, /* crun's dest-nofollow */
	SPEC_MOUNT_OPTIONAL = 1 << 6, /* crun's optional: a missing source is no error */
};

/*
 * A mount with its options taken apart. For each attribute the document can switch on or off,
 * attr_set/attr_clear hold MOUNT_ATTR_* bits to set and to clear on the mount, rec_attr_* the ones
 * of the recursive options ("rro"). Superblock flags and options stay text for fsconfig().
 */
struct spec_mount {
	const char *destination; /* absolute, cleaned of "//" and "/./"; ".." is kept for RESOLVE_IN_ROOT */
	const char *source;      /* NULL when not given; relative to the bundle for a bind */
	const char *type;        /* NULL when not given (then a bind option decides) */
	struct spec_strings options; /* as written, for state, inspect and errors */

	bool is_bind;      /* "bind" or "rbind" among the options, or type "bind" */
	bool is_recursive; /* rbind */
	bool is_remount;
	uint64_t attr_set;
	uint64_t attr_clear;
	uint64_t rec_attr_set;
	uint64_t rec_attr_clear;
	uint64_t sb_flags_set;   /* MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK, MS_LAZYTIME, MS_SILENT, MS_I_VERSION, MS_RDONLY */
	uint64_t sb_flags_clear;
	uint64_t propagation;    /* MS_SHARED|MS_SLAVE|MS_PRIVATE|MS_UNBINDABLE with MS_REC, or 0 */
	unsigned ext;            /* enum spec_mount_ext */
	const char *data;        /* what is left, for the filesystem: comma separated, or NULL */
	struct spec_id_maps uid_maps;
	struct spec_id_maps gid_maps;
	uint32_t index; /* place in the document, for errors: mounts[INDEX] */
};

/* --- hooks -------------------------------------------------------------------------------- */

enum spec_hook_point {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_POINT_COUNT,
};

struct spec_hook {
	const char *path; /* absolute */
	struct spec_strings args;
	struct spec_strings env;
	bool has_timeout;
	uint32_t timeout_s; /* greater than zero */
};

struct spec_hooks {
	struct spec_hook *items;
	uint32_t count;
};

/* --- linux -------------------------------------------------------------------------------- */

enum spec_ns {
	SPEC_NS_USER, /* in the order in which they are joined */
	SPEC_NS_CGROUP,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_NETWORK,
	SPEC_NS_PID,
	SPEC_NS_MOUNT,
	SPEC_NS_TIME,
	SPEC_NS_COUNT,
};

struct spec_namespace {
	bool is_wanted;   /* listed in the document */
	const char *path; /* join this one; NULL to make a new one */
};

struct spec_time_offset {
	bool is_given;
	int64_t seconds;
	uint32_t nanoseconds;
};

struct spec_device {
	const char *path;
	char type; /* 'c', 'b', 'p' ('u' is read as 'c') */
	int64_t major;
	int64_t minor;
	bool has_file_mode;
	mode_t file_mode; /* permission bits */
	bool has_uid;
	uint32_t uid;
	bool has_gid;
	uint32_t gid;
};

struct spec_net_device {
	const char *host_name;
	const char *name; /* in the container; host_name when not given; may hold one "%d" */
};

struct spec_device_rule {
	bool allow;
	char type; /* 'a', 'c', 'b' */
	int64_t major; /* -1: any */
	int64_t minor; /* -1: any */
	unsigned access; /* SPEC_ACCESS_* */
};
#define SPEC_ACCESS_READ  1u
#define SPEC_ACCESS_WRITE 2u
#define SPEC_ACCESS_MKNOD 4u

/* An optional number: resources tell "not given" from zero. */
struct spec_i64 {
	bool is_given;
	int64_t value;
};

struct spec_u64 {
	bool is_given;
	uint64_t value;
};

struct spec_memory {
	struct spec_i64 limit; /* bytes; -1 unlimited, as in the next four */
	struct spec_i64 reservation;
	struct spec_i64 swap; /* memory + swap, as cgroup v1 counts */
	struct spec_i64 kernel;
	struct spec_i64 kernel_tcp;
	struct spec_u64 swappiness;
	bool has_disable_oom_killer;
	bool disable_oom_killer;
	bool has_use_hierarchy;
	bool use_hierarchy;
	bool check_before_update;
};

struct spec_cpu {
	struct spec_u64 shares;
	struct spec_i64 quota_us;
	struct spec_u64 burst_us;
	struct spec_u64 period_us;
	struct spec_i64 realtime_runtime_us;
	struct spec_u64 realtime_period_us;
	const char *cpus;
	const char *mems;
	struct spec_i64 idle;
};

struct spec_weight_device {
	int64_t major;
	int64_t minor;
	struct spec_u64 weight;
	struct spec_u64 leaf_weight;
};

struct spec_throttle_device {
	int64_t major;
	int64_t minor;
	uint64_t rate;
};

enum spec_throttle {
	SPEC_THROTTLE_READ_BPS,
	SPEC_THROTTLE_WRITE_BPS,
	SPEC_THROTTLE_READ_IOPS,
	SPEC_THROTTLE_WRITE_IOPS,
	SPEC_THROTTLE_COUNT,
};

struct spec_block_io {
	struct spec_u64 weight;
	struct spec_u64 leaf_weight;
	struct spec_weight_device *weight_devices;
	uint32_t weight_device_count;
	struct {
		struct spec_throttle_device *items;
		uint32_t count;
	} throttle[SPEC_THROTTLE_COUNT];
};

struct spec_hugepage_limit {
	const char *page_size; /* "2MB", "1GB", ... */
	uint64_t limit_bytes;
};

struct spec_network_priority {
	const char *interface;
	uint32_t priority;
};

struct spec_rdma {
	const char *device;
	struct spec_u64 hca_handles;
	struct spec_u64 hca_objects;
};

/* linux.resources; also what `update --resources` brings */
struct spec_resources {
	struct spec_device_rule *devices; /* in order */
	uint32_t device_count;
	bool has_memory;
	struct spec_memory memory;
	bool has_cpu;
	struct spec_cpu cpu;
	struct spec_i64 pids; /* -1 unlimited, 0 a real limit */
	bool has_block_io;
	struct spec_block_io block_io;
	struct spec_hugepage_limit *hugepages;
	uint32_t hugepage_count;
	struct spec_u64 network_class_id;
	struct spec_network_priority *network_priorities;
	uint32_t network_priority_count;
	struct spec_rdma *rdma;
	uint32_t rdma_count;
	struct spec_pairs unified; /* file name -> value */
};

struct spec_intel_rdt {
	const char *clos_id;
	const char *l3_cache_schema;
	const char *mem_bw_schema;
	struct spec_strings schemata;
	bool enable_monitoring;
};

struct spec_memory_policy {
	int mode;       /* MPOL_* */
	unsigned flags; /* MPOL_F_* */
	const char *nodes;
};

struct spec_linux {
	struct spec_namespace namespaces[SPEC_NS_COUNT];
	struct spec_id_maps uid_maps;
	struct spec_id_maps gid_maps;
	struct spec_time_offset monotonic;
	struct spec_time_offset boottime;
	struct spec_device *devices;
	uint32_t device_count;
	struct spec_net_device *net_devices;
	uint32_t net_device_count;
	const char *cgroups_path;
	bool has_resources;
	struct spec_resources resources;
	struct spec_intel_rdt *intel_rdt;
	struct spec_memory_policy *memory_policy;
	struct spec_pairs sysctl;
	struct json_object *seccomp; /* linux.seccomp as parsed, borrowed from spec.document; the
					seccomp wall reads it; NULL when absent or null */
	uint64_t rootfs_propagation; /* MS_* as in spec_mount.propagation, or 0 */
	struct spec_strings masked_paths;
	struct spec_strings readonly_paths;
	const char *mount_label;
	bool has_personality;
	unsigned long personality; /* PER_LINUX, PER_LINUX32 */
};

struct spec {
	const char *oci_version;
	const char *root_path; /* as written: absolute or relative to the bundle */
	bool root_is_readonly;
	bool has_process;
	struct spec_process process;
	const char *hostname;
	const char *domainname;
	struct spec_mount *mounts;
	uint32_t mount_count;
	struct spec_hooks hooks[SPEC_HOOK_POINT_COUNT];
	struct spec_pairs annotations;
	struct spec_linux os; /* config.json's "linux" (a macro in GNU C) */
	struct json_object *document; /* the whole document; owned, see spec_release() */
	struct spec_strings warnings; /* what was accepted but ignored, in sentences */
};

/**
 * spec_read() - turn a parsed config.json into a spec
 * @document: reference is taken over, on success and on failure alike
 * @arena:    where everything goes; must outlive the spec
 *
 * Unknown properties are ignored, as the spec wants; known ones with a wrong type or an impossible
 * value are errors that name the path: `linux.namespaces[2].type: unknown namespace 'nett'`.
 *
 * Context: any; pure but for memory.
 * Return: 0; -EINVAL for what the document got wrong, -ENOMEM.
 */
int spec_read(struct json_object *document, struct arena *arena, struct spec *ret_spec,
	      struct err *e);

/**
 * spec_validate() - rules that span fields
 *
 * Such as: hostname needs a uts namespace; a namespace given twice; uid mappings without a user
 * namespace; mounts beneath /proc (CVE-2019-16884); sysctls that are not of a namespace of the
 * container (CVE-2022-0811).
 */
int spec_validate(const struct spec *spec, struct err *e);

/** spec_process_validate() - spec_validate() for the process of exec */
int spec_process_validate(const struct spec_process *process, struct err *e);

#define SPEC_SYSCTL_BYTES_MAX 256

/**
 * spec_sysctl_path() - where setting @name lies beneath /proc/sys
 *
 * Both spellings are understood, "net.ipv4.ip_forward" and "net/ipv4/ip_forward". A name with an
 * empty, "." or ".." part is an error.
 *
 * Return: 0 and "net/ipv4/ip_forward" in @ret_path; -EINVAL with @e filled.
 */
int spec_sysctl_path(const char *name, char *ret_path, size_t size, struct err *e);

/** spec_process_read() - as spec_read(), for the process.json of exec. @document is borrowed. */
int spec_process_read(struct json_object *document, struct arena *arena,
		      struct spec_process *ret_process, struct err *e);

/** spec_resources_read() - as spec_read(), for `update --resources`. @document is borrowed. */
int spec_resources_read(struct json_object *document, struct arena *arena,
			struct spec_resources *ret_resources, struct err *e);

/** spec_release() - give back the reference to the document. The arena is the caller's. */
void spec_release(struct spec *spec);

/** spec_annotation() - value of annotation @key, or NULL. */
const char *spec_annotation(const struct spec *spec, const char *key);

/** spec_ns_name() - "user", "cgroup", ... as config.json writes it. */
const char *spec_ns_name(enum spec_ns ns);

/** spec_ns_flag() - the CLONE_NEW* flag. */
int spec_ns_flag(enum spec_ns ns);

/** spec_cap_number() - number of capability @name ("CAP_CHOWN"). Return: -1 when unknown. */
int spec_cap_number(const char *name);
/** spec_cap_name() - name of capability @number, or NULL. */
const char *spec_cap_name(unsigned number);

/** spec_mount_option() - the words that mounts[].options understands, one by one. Return: NULL
 *  when @index is past the last. */
const char *spec_mount_option(size_t index);
