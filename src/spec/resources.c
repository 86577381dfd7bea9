#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/shapes.h"

/* --- devices ------------------------------------------------------------------------------- */

/* The document's words before they become a rule. */
struct rule_entry {
	bool allow;
	const char *type;
	struct spec_i64 major;
	struct spec_i64 minor;
	const char *access;
};

static const struct field rule_fields[] = {
	FIELD_BOOL("allow", struct rule_entry, allow, FIELD_MUST),
	FIELD_STRING("type", struct rule_entry, type),
	FIELD_GIVEN("major", struct rule_entry, major, -1, UINT32_MAX),
	FIELD_GIVEN("minor", struct rule_entry, minor, -1, UINT32_MAX),
	FIELD_STRING("access", struct rule_entry, access),
	{ 0 },
};

static const struct shape rule_shape = { rule_fields, sizeof(struct rule_entry), NULL };

static int access_parse(struct reader *reader, const struct place *up, const char *text,
			unsigned *ret_access)
{
	struct place place = { .up = up, .key = "access" };
	unsigned access = 0;

	if (!text)
		text = "rwm";
	for (const char *c = text; *c; c++) {
		if (!strchr("rwm", *c))
			return reader_fail(reader, &place, "expected letters out of 'rwm', got '%.16s'",
					   text);
		access |= *c == 'r' ? SPEC_ACCESS_READ :
			  *c == 'w' ? SPEC_ACCESS_WRITE :
				      SPEC_ACCESS_MKNOD;
	}
	if (!access)
		return reader_fail(reader, &place, "is empty");
	*ret_access = access;
	return 0;
}

static int rule_make(struct reader *reader, const struct place *place,
		     const struct rule_entry *entry, struct spec_device_rule *rule)
{
	const char *type = entry->type && entry->type[0] ? entry->type : "a";
	struct place at = { .up = place, .key = "type" };

	if (strlen(type) != 1 || !strchr("acb", type[0]))
		return reader_fail(reader, &at, "unknown device type '%.16s'; there are a, b, c",
				   type);
	rule->allow = entry->allow;
	rule->type = type[0];
	rule->major = entry->major.is_given ? entry->major.value : -1;
	rule->minor = entry->minor.is_given ? entry->minor.value : -1;
	return access_parse(reader, place, entry->access, &rule->access);
}

static int read_rules(struct reader *reader, const struct place *place, struct json_object *value,
		      const struct field *field, void *base)
{
	struct spec_resources *resources = base;
	size_t count = json_object_array_length(value);

	if (count > FIELD_LIST_COUNT_MAX)
		return reader_fail(reader, place, "%zu rules are more than the most possible, %zu",
				   count, FIELD_LIST_COUNT_MAX);
	resources->devices = arena_new_array(reader->arena, struct spec_device_rule, count);
	if (!resources->devices)
		return err_oom(reader->e);
	for (size_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };
		struct json_object *item = json_object_array_get_idx(value, i);
		struct rule_entry entry = { 0 };
		int r;

		r = value_expect(reader, &at, item, json_type_object);
		if (r == 0)
			r = object_read(reader, &at, item, &rule_shape, &entry);
		if (r == 0)
			r = rule_make(reader, &at, &entry, &resources->devices[i]);
		if (r < 0)
			return r;
	}
	resources->device_count = (uint32_t)count;
	return 0;
}

/* --- memory, cpu, pids --------------------------------------------------------------------- */

static const struct field memory_fields[] = {
	FIELD_GIVEN("limit", struct spec_memory, limit, -1, INT64_MAX),
	FIELD_GIVEN("reservation", struct spec_memory, reservation, -1, INT64_MAX),
	FIELD_GIVEN("swap", struct spec_memory, swap, -1, INT64_MAX),
	FIELD_GIVEN("kernel", struct spec_memory, kernel, -1, INT64_MAX),
	FIELD_GIVEN("kernelTCP", struct spec_memory, kernel_tcp, -1, INT64_MAX),
	FIELD_GIVEN("swappiness", struct spec_memory, swappiness, 0, UINT64_MAX),
	FIELD_BOOL("disableOOMKiller", struct spec_memory, disable_oom_killer,
		   FIELD_FLAG(struct spec_memory, has_disable_oom_killer)),
	FIELD_BOOL("useHierarchy", struct spec_memory, use_hierarchy,
		   FIELD_FLAG(struct spec_memory, has_use_hierarchy)),
	FIELD_BOOL("checkBeforeUpdate", struct spec_memory, check_before_update),
	{ 0 },
};

static const struct shape memory_shape = { memory_fields, sizeof(struct spec_memory), NULL };

static const struct field cpu_fields[] = {
	FIELD_GIVEN("shares", struct spec_cpu, shares, 0, UINT64_MAX),
	FIELD_GIVEN("quota", struct spec_cpu, quota_us, INT64_MIN, INT64_MAX),
	FIELD_GIVEN("burst", struct spec_cpu, burst_us, 0, UINT64_MAX),
	FIELD_GIVEN("period", struct spec_cpu, period_us, 0, UINT64_MAX),
	FIELD_GIVEN("realtimeRuntime", struct spec_cpu, realtime_runtime_us, INT64_MIN, INT64_MAX),
	FIELD_GIVEN("realtimePeriod", struct spec_cpu, realtime_period_us, 0, UINT64_MAX),
	FIELD_STRING("cpus", struct spec_cpu, cpus),
	FIELD_STRING("mems", struct spec_cpu, mems),
	FIELD_GIVEN("idle", struct spec_cpu, idle, 0, 1),
	{ 0 },
};

static const struct shape cpu_shape = { cpu_fields, sizeof(struct spec_cpu), NULL };

static const struct field pids_fields[] = {
	FIELD_INT("limit", struct spec_i64, value, INT64_MIN, INT64_MAX,
		  FIELD_FLAG(struct spec_i64, is_given)),
	{ 0 },
};

static const struct shape pids_shape = { pids_fields, sizeof(struct spec_i64), NULL };

/* --- block devices ------------------------------------------------------------------------- */

static const struct field weight_fields[] = {
	FIELD_INT("major", struct spec_weight_device, major, 0, 0xfffff, FIELD_MUST),
	FIELD_INT("minor", struct spec_weight_device, minor, 0, 0xfffff, FIELD_MUST),
	FIELD_GIVEN("weight", struct spec_weight_device, weight, 0, 1000),
	FIELD_GIVEN("leafWeight", struct spec_weight_device, leaf_weight, 0, 1000),
	{ 0 },
};

static int weight_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec_weight_device *device = thing;

	if (!device->weight.is_given && !device->leaf_weight.is_given)
		return reader_fail(reader, place, "neither weight nor leafWeight is given");
	return 0;
}

static const struct shape weight_shape = { weight_fields, sizeof(struct spec_weight_device),
					   weight_check };

static const struct field throttle_fields[] = {
	FIELD_INT("major", struct spec_throttle_device, major, 0, 0xfffff, FIELD_MUST),
	FIELD_INT("minor", struct spec_throttle_device, minor, 0, 0xfffff, FIELD_MUST),
	FIELD_INT("rate", struct spec_throttle_device, rate, 0, UINT64_MAX, FIELD_MUST),
	{ 0 },
};

static const struct shape throttle_shape = { throttle_fields, sizeof(struct spec_throttle_device),
					     NULL };

#define FIELD_THROTTLE(k, which)                                                                   \
	FIELD_LIST(k, struct spec_block_io, throttle[which].items, throttle[which].count,          \
		   &throttle_shape)
static const struct field block_io_fields[] = {
	FIELD_GIVEN("weight", struct spec_block_io, weight, 0, 10000),
	FIELD_GIVEN("leafWeight", struct spec_block_io, leaf_weight, 0, 10000),
	FIELD_LIST("weightDevice", struct spec_block_io, weight_devices, weight_device_count,
		   &weight_shape),
	FIELD_THROTTLE("throttleReadBpsDevice", SPEC_THROTTLE_READ_BPS),
	FIELD_THROTTLE("throttleWriteBpsDevice", SPEC_THROTTLE_WRITE_BPS),
	FIELD_THROTTLE("throttleReadIOPSDevice", SPEC_THROTTLE_READ_IOPS),
	FIELD_THROTTLE("throttleWriteIOPSDevice", SPEC_THROTTLE_WRITE_IOPS),
	{ 0 },
};

static const struct shape block_io_shape = { block_io_fields, sizeof(struct spec_block_io), NULL };

/* --- huge pages, network, rdma ------------------------------------------------------------- */

/* The size becomes part of a file name in the cgroup: hugetlb.2MB.max. */
static int hugepage_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec_hugepage_limit *limit = thing;
	struct place at = { .up = place, .key = "pageSize" };
	size_t digits = strspn(limit->page_size, "0123456789");
	const char *unit = limit->page_size + digits;

	if (!digits || digits > 10 || limit->page_size[0] == '0' ||
	    (strcmp(unit, "KB") != 0 && strcmp(unit, "MB") != 0 && strcmp(unit, "GB") != 0))
		return reader_fail(reader, &at,
				   "expected a size such as 64KB, 2MB or 1GB, got '%.32s'",
				   limit->page_size);
	return 0;
}

static const struct field hugepage_fields[] = {
	FIELD_STRING("pageSize", struct spec_hugepage_limit, page_size, FIELD_MUST),
	FIELD_INT("limit", struct spec_hugepage_limit, limit_bytes, 0, UINT64_MAX, FIELD_MUST),
	{ 0 },
};

static const struct shape hugepage_shape = { hugepage_fields, sizeof(struct spec_hugepage_limit),
					     hugepage_check };

static const struct field priority_fields[] = {
	FIELD_STRING("name", struct spec_network_priority, interface, FIELD_MUST),
	FIELD_INT("priority", struct spec_network_priority, priority, 0, UINT32_MAX, FIELD_MUST),
	{ 0 },
};

static const struct shape priority_shape = { priority_fields, sizeof(struct spec_network_priority),
					     NULL };

static const struct field network_fields[] = {
	FIELD_GIVEN("classID", struct spec_resources, network_class_id, 0, UINT32_MAX),
	FIELD_LIST("priorities", struct spec_resources, network_priorities, network_priority_count,
		   &priority_shape),
	{ 0 },
};

static const struct shape network_shape = { network_fields, 0, NULL };

static int read_network(struct reader *reader, const struct place *place,
			struct json_object *value, const struct field *field, void *base)
{
	return object_read(reader, place, value, &network_shape, base);
}

static const struct field rdma_fields[] = {
	FIELD_GIVEN("hcaHandles", struct spec_rdma, hca_handles, 0, UINT32_MAX),
	FIELD_GIVEN("hcaObjects", struct spec_rdma, hca_objects, 0, UINT32_MAX),
	{ 0 },
};

static const struct shape rdma_shape = { rdma_fields, sizeof(struct spec_rdma), NULL };

static int read_rdma(struct reader *reader, const struct place *place, struct json_object *value,
		     const struct field *field, void *base)
{
	struct spec_resources *resources = base;
	size_t count = (size_t)json_object_object_length(value);

	if (count > FIELD_LIST_COUNT_MAX)
		return reader_fail(reader, place, "%zu devices are more than the most possible, %zu",
				   count, FIELD_LIST_COUNT_MAX);
	resources->rdma = arena_new_array(reader->arena, struct spec_rdma, count);
	if (!resources->rdma)
		return err_oom(reader->e);
	json_object_object_foreach(value, key, item) {
		struct spec_rdma *rdma = &resources->rdma[resources->rdma_count];
		struct place at = { .up = place, .key = key };
		int r;

		r = value_expect(reader, &at, item, json_type_object);
		if (r == 0)
			r = object_read(reader, &at, item, &rdma_shape, rdma);
		if (r < 0)
			return r;
		rdma->device = arena_strdup(reader->arena, key);
		if (!rdma->device)
			return err_oom(reader->e);
		resources->rdma_count++;
	}
	return 0;
}

/* --- all ----------------------------------------------------------------------------------- */

/* The keys of unified are names of files in the cgroup, whatever they are. */
static int resources_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec_resources *resources = thing;

	for (uint32_t i = 0; i < resources->unified.count; i++) {
		struct place list = { .up = place, .key = "unified" };
		const char *key = resources->unified.items[i].key;

		if (!key[0] || key[0] == '.' || strchr(key, '/'))
			return reader_fail(reader, &list, "'%.64s' is not the name of a cgroup file",
					   key);
	}
	return 0;
}

static const struct field resources_fields[] = {
	FIELD_OWN("devices", array, struct spec_resources, devices, read_rules),
	FIELD_OBJECT("memory", struct spec_resources, memory, &memory_shape,
		     FIELD_FLAG(struct spec_resources, has_memory)),
	FIELD_OBJECT("cpu", struct spec_resources, cpu, &cpu_shape,
		     FIELD_FLAG(struct spec_resources, has_cpu)),
	FIELD_OBJECT("pids", struct spec_resources, pids, &pids_shape),
	FIELD_OBJECT("blockIO", struct spec_resources, block_io, &block_io_shape,
		     FIELD_FLAG(struct spec_resources, has_block_io)),
	FIELD_LIST("hugepageLimits", struct spec_resources, hugepages, hugepage_count,
		   &hugepage_shape),
	FIELD_OWN("network", object, struct spec_resources, network_class_id, read_network),
	FIELD_OWN("rdma", object, struct spec_resources, rdma, read_rdma),
	FIELD_PAIRS("unified", struct spec_resources, unified),
	{ 0 },
};

const struct shape resources_shape = { resources_fields, sizeof(struct spec_resources),
				       resources_check };
