/*
 * What a cgroup plan is made of: known to the files of this folder only.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/host.h"
#include "plan/plan.h"
#include "spec/spec.h"

struct arena;
struct err;

/* The container's cgroup in one hierarchy. */
struct cgroup_place {
	const char *controllers; /* "cpu,cpuacct", "name=systemd"; "" for cgroup2 */
	const char *mount_point;
	const char *path; /* below the mount point, "/gabion/web"; NULL: systemd will tell */
	bool is_v2;
};

struct cgroup_places {
	struct cgroup_place items[CGROUP_HIERARCHY_COUNT_MAX];
	uint32_t count;
	const char *cgroup2_controllers; /* NULL: no cgroup2 tree */
};

/** cgroup_place_find() - where @controller (v1's or v2's name) is. Return: its index, or -1. */
int cgroup_place_find(const struct cgroup_places *places, const char *controller);

/** cgroup_place_v2() - index of the cgroup2 tree, or -1. */
int cgroup_place_v2(const struct cgroup_places *places);

/** cgroup_path_clean() - @path without "//", "/./" and a '/' at its end; -EINVAL for "..". */
int cgroup_path_clean(const char *path, struct arena *arena, const char **ret_path, struct err *e);

/* --- limits ------------------------------------------------------------------------------- */

enum cgroup_write_how {
	CGROUP_WRITE_OPTIONAL = 1 << 0,    /* a file that is missing is as good */
	CGROUP_WRITE_RETRY = 1 << 1,       /* EINVAL: again after the others of this controller */
	CGROUP_WRITE_KEEP_FIRST = 1 << 2,  /* the file's present first word goes before the value */
	CGROUP_WRITE_CHECK_USAGE = 1 << 3, /* refuse when more is in use than the value allows */
};

/* One value for one file. */
struct cgroup_write {
	uint32_t place;
	unsigned how;
	const char *file;
	const char *value;
	const char *other_file; /* taken when @file is missing; or NULL */
	const char *other_value;
};

struct cgroup_writes {
	struct cgroup_write *items;
	uint32_t count;
};

#define CGROUP_NOTE_COUNT_MAX 16

/* Sentences for the user. */
struct cgroup_notes {
	const char *items[CGROUP_NOTE_COUNT_MAX + 1];
	uint32_t count;
};

/**
 * cgroup_limits_make() - turn resources into writes, in the order in which they must happen
 *
 * All but devices. Values that engines send as zero for "not given" are left out.
 *
 * Context: pure.
 * Return: 0; -EINVAL, -EOPNOTSUPP with @e filled.
 */
int cgroup_limits_make(const struct spec_resources *resources, const struct cgroup_places *places,
		       struct arena *arena, struct cgroup_writes *ret_writes,
		       struct cgroup_notes *notes, struct err *e);

/** cgroup_weight_from_shares() - cpu.weight (1..10000) for cpu.shares (2..262144). */
uint64_t cgroup_weight_from_shares(uint64_t shares);

/** cgroup_io_weight() - io.weight (1..10000) for a blkio weight (10..1000). */
uint64_t cgroup_io_weight(uint64_t weight);

/* --- devices ------------------------------------------------------------------------------ */

/* Ordered rules; for each kind of access the last one that fits decides, none means no. */
struct cgroup_rules {
	struct spec_device_rule *items;
	uint32_t count;
};

/** cgroup_rules_make() - the spec's rules, then those that every container is promised. */
int cgroup_rules_make(const struct spec_device_rule *given, uint32_t given_count,
		      struct arena *arena, struct cgroup_rules *ret_rules, struct err *e);

/** cgroup_rules_allow_all() - is there nothing that these rules deny? */
bool cgroup_rules_allow_all(const struct cgroup_rules *rules);

/**
 * cgroup_rules_allow() - may a device be used? What programs and lists are held against.
 * @type: 'b' or 'c'
 * @access: SPEC_ACCESS_*, all of which must be allowed
 */
bool cgroup_rules_allow(const struct cgroup_rules *rules, char type, int64_t major, int64_t minor,
			unsigned access);

/** cgroup_rule_print() - "c 1:3 rwm", as devices.allow wants it. */
#define CGROUP_RULE_BYTES 64
void cgroup_rule_print(const struct spec_device_rule *rule, char *buffer);

/*
 * The rules as the v1 controller holds them: all is denied but for a list, or allowed but for one.
 * Items' @allow says what the list does.
 */
struct cgroup_device_list {
	bool allows_by_default;
	struct spec_device_rule *items;
	uint32_t count;
};

/**
 * cgroup_device_list_make() - order taken out of the rules
 *
 * Return: 0; -EOPNOTSUPP with @e filled for what v1 cannot hold: an exception to an exception.
 */
int cgroup_device_list_make(const struct cgroup_rules *rules, struct arena *arena,
			    struct cgroup_device_list *ret_list, struct err *e);

/** cgroup_device_list_read() - from the text of devices.list. */
int cgroup_device_list_read(const char *text, struct arena *arena,
			    struct cgroup_device_list *ret_list, struct err *e);

/** cgroup_device_writes_make() - writes that set @list in a cgroup which nobody is in yet. */
int cgroup_device_writes_make(const struct cgroup_device_list *list, uint32_t place,
			      struct arena *arena, struct cgroup_writes *ret_writes, struct err *e);

/**
 * cgroup_device_writes_change() - writes from one list to another
 *
 * At no time more is allowed than by @from and @to together, nor less than by both, but where the
 * default changes: then the caller freezes the processes meanwhile.
 */
int cgroup_device_writes_change(const struct cgroup_device_list *from,
				const struct cgroup_device_list *to, uint32_t place,
				struct arena *arena, struct cgroup_writes *ret_writes,
				struct err *e);

struct cgroup_program {
	struct bpf_insn *items;
	uint32_t count;
};

/** cgroup_program_make() - the rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE. */
int cgroup_program_make(const struct cgroup_rules *rules, struct arena *arena,
			struct cgroup_program *ret_program, struct err *e);

/* --- systemd ------------------------------------------------------------------------------ */

/* A property of the scope, as a line for gabion-systemd: "MemoryMax t 1048576". */
struct cgroup_properties {
	const char **items;
	uint32_t count;
};

int cgroup_properties_make(const struct spec *spec, const struct spec_resources *resources,
			   const struct cgroup_rules *rules, const char *slice, bool is_v2,
			   struct arena *arena, struct cgroup_properties *ret_properties,
			   struct err *e);

/* --- the plan ----------------------------------------------------------------------------- */

struct cgroup_plan {
	enum cgroup_manager manager;
	bool is_rootless;
	bool may_be_absent; /* rootless, no path and no limit asked: without permission, none */
	struct cgroup_places places;
	struct cgroup_writes limits;
	bool has_rules;
	struct cgroup_rules rules;
	struct cgroup_writes device_writes; /* v1 */
	struct cgroup_program program;      /* v2; none when all is allowed */
	bool has_owner;                     /* v2: give the directory to this user */
	uid_t owner;
	bool enters_by_file; /* v2: a write moves the child in, it is not born there */
	bool fills_cpuset; /* v1: cpuset.cpus or .mems are not given, so the parent's are copied */
	const char *unit;  /* systemd */
	const char *slice;
	struct cgroup_properties properties;
	struct cgroup_notes notes;
	struct spec_strings note_strings;
};
