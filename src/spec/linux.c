#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/shapes.h"

/* --- namespaces, ids and clocks ------------------------------------------------------------ */

static int read_namespaces(struct reader *reader, const struct place *place,
			   struct json_object *value, const struct field *field, void *base)
{
	struct spec_linux *os = base;

	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct place item = { .up = place, .index = i };
		struct place at = { .up = &item, .key = "type" };
		struct json_object *entry = json_object_array_get_idx(value, i), *path, *type;
		struct spec_namespace *ns;
		const char *word;
		uint64_t which;
		int r;

		r = value_expect(reader, &item, entry, json_type_object);
		if (r < 0)
			return r;
		type = json_object_object_get(entry, "type");
		if (!type)
			return reader_fail(reader, &at, "is missing");
		r = value_string(reader, &at, type, &word);
		if (r < 0)
			return r;
		if (!names_find(&ns_names, word, &which))
			return reader_fail(reader, &at, "unknown namespace '%.64s'", word);
		ns = &os->namespaces[which];
		if (ns->is_wanted)
			return reader_fail(reader, &item, "namespace '%s' is given twice", word);
		ns->is_wanted = true;

		path = json_object_object_get(entry, "path");
		if (!path)
			continue;
		at.key = "path";
		r = value_string(reader, &at, path, &ns->path);
		if (r < 0)
			return r;
		if (!ns->path[0])
			ns->path = NULL; /* how Go writes a field that is not set */
		if (ns->path && ns->path[0] != '/')
			return reader_fail(reader, &at, "'%.128s' is not an absolute path", ns->path);
	}
	return 0;
}

static int id_map_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec_id_map *map = thing;

	if (map->size > UINT32_MAX - map->container_id || map->size > UINT32_MAX - map->host_id)
		return reader_fail(reader, place, "ids beyond 4294967295 do not exist");
	return 0;
}

static const struct field id_map_fields[] = {
	FIELD_INT("containerID", struct spec_id_map, container_id, 0, UINT32_MAX, FIELD_MUST),
	FIELD_INT("hostID", struct spec_id_map, host_id, 0, UINT32_MAX, FIELD_MUST),
	FIELD_INT("size", struct spec_id_map, size, 1, UINT32_MAX, FIELD_MUST),
	{ 0 },
};

const struct shape id_map_shape = { id_map_fields, sizeof(struct spec_id_map), id_map_check };

static const struct field offset_fields[] = {
	FIELD_INT("secs", struct spec_time_offset, seconds, INT64_MIN, INT64_MAX),
	FIELD_INT("nanosecs", struct spec_time_offset, nanoseconds, 0, 999999999),
	{ 0 },
};

static const struct shape offset_shape = { offset_fields, sizeof(struct spec_time_offset), NULL };

static const struct field clock_fields[] = {
	FIELD_OBJECT("monotonic", struct spec_linux, monotonic, &offset_shape,
		     FIELD_FLAG(struct spec_linux, monotonic.is_given)),
	FIELD_OBJECT("boottime", struct spec_linux, boottime, &offset_shape,
		     FIELD_FLAG(struct spec_linux, boottime.is_given)),
	{ 0 },
};

static const struct shape clock_shape = { clock_fields, 0, NULL };

static int read_clocks(struct reader *reader, const struct place *place, struct json_object *value,
		       const struct field *field, void *base)
{
	json_object_object_foreach(value, key, item) {
		struct place at = { .up = place, .key = key };

		(void)item;
		if (strcmp(key, "monotonic") != 0 && strcmp(key, "boottime") != 0)
			return reader_fail(reader, &at,
					   "unknown clock; there are 'monotonic' and 'boottime'");
	}
	return object_read(reader, place, value, &clock_shape, base);
}

/* --- devices ------------------------------------------------------------------------------- */

/* The document's words before they become a device. */
struct device_entry {
	struct spec_device device;
	const char *type;
	bool has_major;
	bool has_minor;
	uint32_t mode;
};

static const struct field device_fields[] = {
	FIELD_STRING("type", struct device_entry, type, FIELD_MUST),
	FIELD_STRING("path", struct device_entry, device.path, FIELD_MUST),
	FIELD_INT("major", struct device_entry, device.major, 0, 0xfffff,
		  FIELD_FLAG(struct device_entry, has_major)),
	FIELD_INT("minor", struct device_entry, device.minor, 0, 0xfffff,
		  FIELD_FLAG(struct device_entry, has_minor)),
	FIELD_INT("fileMode", struct device_entry, mode, 0, UINT32_MAX,
		  FIELD_FLAG(struct device_entry, device.has_file_mode)),
	FIELD_INT("uid", struct device_entry, device.uid, 0, UINT32_MAX,
		  FIELD_FLAG(struct device_entry, device.has_uid)),
	FIELD_INT("gid", struct device_entry, device.gid, 0, UINT32_MAX,
		  FIELD_FLAG(struct device_entry, device.has_gid)),
	{ 0 },
};

static int device_check(struct reader *reader, const struct place *place, void *thing)
{
	struct device_entry *entry = thing;
	struct place at = { .up = place, .key = "type" };
	int r;

	r = path_is_absolute(reader, place, "path", entry->device.path);
	if (r < 0)
		return r;
	if (strlen(entry->type) != 1 || !strchr("cbup", entry->type[0]))
		return reader_fail(reader, &at, "unknown device type '%.16s'; there are c, b, u, p",
				   entry->type);
	entry->device.type = entry->type[0] == 'u' ? 'c' : entry->type[0];
	if (entry->device.type != 'p' && (!entry->has_major || !entry->has_minor))
		return reader_fail(reader, place, "a device of type '%s' needs major and minor",
				   entry->type);
	entry->device.file_mode = entry->mode & 07777; /* engines send the type bits along */
	return 0;
}

static const struct shape device_shape = { device_fields, sizeof(struct device_entry),
					   device_check };

static int read_devices(struct reader *reader, const struct place *place,
			struct json_object *value, const struct field *field, void *base)
{
	struct spec_linux *os = base;
	size_t count = json_object_array_length(value);

	if (count > FIELD_LIST_COUNT_MAX)
		return reader_fail(reader, place, "%zu devices are more than the most possible, %zu",
				   count, FIELD_LIST_COUNT_MAX);
	os->devices = arena_new_array(reader->arena, struct spec_device, count);
	if (!os->devices)
		return err_oom(reader->e);
	for (size_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };
		struct json_object *item = json_object_array_get_idx(value, i);
		struct device_entry entry = { 0 };
		int r;

		r = value_expect(reader, &at, item, json_type_object);
		if (r == 0)
			r = object_read(reader, &at, item, &device_shape, &entry);
		if (r < 0)
			return r;
		os->devices[i] = entry.device;
	}
	os->device_count = (uint32_t)count;
	return 0;
}

/* What the kernel takes as the name of an interface, with room for the one "%d" that it replaces. */
static bool is_interface_name(const char *name, bool is_template)
{
	const char *percent = strchr(name, '%');

	if (!name[0] || strlen(name) > 15 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (strpbrk(name, "/: \t\n\v\f\r"))
		return false;
	return !percent || (is_template && percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static const struct field net_device_fields[] = {
	FIELD_STRING("name", struct spec_net_device, name),
	{ 0 },
};

static const struct shape net_device_shape = { net_device_fields, sizeof(struct spec_net_device),
					       NULL };

static int read_net_devices(struct reader *reader, const struct place *place,
			    struct json_object *value, const struct field *field, void *base)
{
	struct spec_linux *os = base;
	size_t count = (size_t)json_object_object_length(value);

	if (count > FIELD_LIST_COUNT_MAX)
		return reader_fail(reader, place, "%zu devices are more than the most possible, %zu",
				   count, FIELD_LIST_COUNT_MAX);
	os->net_devices = arena_new_array(reader->arena, struct spec_net_device, count);
	if (!os->net_devices)
		return err_oom(reader->e);
	json_object_object_foreach(value, key, item) {
		struct spec_net_device *device = &os->net_devices[os->net_device_count];
		struct place at = { .up = place, .key = key };
		int r;

		r = value_expect(reader, &at, item, json_type_object);
		if (r == 0)
			r = object_read(reader, &at, item, &net_device_shape, device);
		if (r < 0)
			return r;
		device->host_name = arena_strdup(reader->arena, key);
		if (!device->host_name)
			return err_oom(reader->e);
		if (!device->name || !device->name[0])
			device->name = device->host_name;
		if (!is_interface_name(device->host_name, false) ||
		    !is_interface_name(device->name, true))
			return reader_fail(reader, &at, "not a name for a network device");
		os->net_device_count++;
	}
	return 0;
}

/* --- the rest ------------------------------------------------------------------------------ */

static int read_seccomp(struct reader *reader, const struct place *place,
			struct json_object *value, const struct field *field, void *base)
{
	((struct spec_linux *)base)->seccomp = value;
	return 0;
}

static int read_propagation(struct reader *reader, const struct place *place,
			    struct json_object *value, const struct field *field, void *base)
{
	struct spec_linux *os = base;
	const char *word;
	int r;

	r = value_string(reader, place, value, &word);
	if (r < 0)
		return r;
	if (word[0] && !names_find(&propagation_names, word, &os->rootfs_propagation))
		return reader_fail(reader, place, "unknown propagation '%.64s'", word);
	return 0;
}

/* What the personality object becomes; flags are in the spec and none exists. */
struct personality_entry {
	int domain;
	struct spec_strings flags;
};

static const struct field personality_fields[] = {
	FIELD_NAME("domain", struct personality_entry, domain, &personality_names, FIELD_MUST),
	FIELD_STRINGS("flags", struct personality_entry, flags),
	{ 0 },
};

static const struct shape personality_shape = { personality_fields,
						sizeof(struct personality_entry), NULL };

static int read_personality(struct reader *reader, const struct place *place,
			    struct json_object *value, const struct field *field, void *base)
{
	struct spec_linux *os = base;
	struct personality_entry entry = { 0 };
	int r;

	r = object_read(reader, place, value, &personality_shape, &entry);
	if (r < 0)
		return r;
	if (entry.flags.count)
		return reader_fail(reader, place, "no personality flags exist, '%.64s' is given",
				   entry.flags.items[0]);
	os->personality = (unsigned long)entry.domain;
	return 0;
}

static int memory_policy_check(struct reader *reader, const struct place *place, void *thing)
{
	struct spec_memory_policy *policy = thing;

	if (policy->nodes && !policy->nodes[0])
		policy->nodes = NULL;
	if (policy->nodes && strspn(policy->nodes, "0123456789,- ") != strlen(policy->nodes))
		return reader_fail(reader, place, "nodes '%.64s' is not a list such as '0-3,7'",
				   policy->nodes);
	return 0;
}

static const struct field memory_policy_fields[] = {
	FIELD_NAME("mode", struct spec_memory_policy, mode, &mpol_names, FIELD_MUST),
	FIELD_STRING("nodes", struct spec_memory_policy, nodes),
	FIELD_FLAGS("flags", struct spec_memory_policy, flags, &mpol_flag_names),
	{ 0 },
};

static const struct shape memory_policy_shape = { memory_policy_fields,
						  sizeof(struct spec_memory_policy),
						  memory_policy_check };

static const struct field intel_rdt_fields[] = {
	FIELD_STRING("closID", struct spec_intel_rdt, clos_id),
	FIELD_STRING("l3CacheSchema", struct spec_intel_rdt, l3_cache_schema),
	FIELD_STRING("memBwSchema", struct spec_intel_rdt, mem_bw_schema),
	FIELD_STRINGS("schemata", struct spec_intel_rdt, schemata),
	FIELD_BOOL("enableMonitoring", struct spec_intel_rdt, enable_monitoring),
	{ 0 },
};

/* The id becomes the name of a directory in resctrl. "/" is the root class. */
static int intel_rdt_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec_intel_rdt *rdt = thing;
	const char *id = rdt->clos_id;

	if (!id || strcmp(id, "/") == 0)
		return 0;
	if (!id[0] || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || strpbrk(id, "/\n"))
		return reader_fail(reader, place, "closID '%.64s' is not the name of a directory",
				   id);
	return 0;
}

static const struct shape intel_rdt_shape = { intel_rdt_fields, sizeof(struct spec_intel_rdt),
					      intel_rdt_check };

static const struct field linux_fields[] = {
	FIELD_OWN("namespaces", array, struct spec_linux, namespaces, read_namespaces),
	FIELD_LIST("uidMappings", struct spec_linux, uid_maps.items, uid_maps.count, &id_map_shape),
	FIELD_LIST("gidMappings", struct spec_linux, gid_maps.items, gid_maps.count, &id_map_shape),
	FIELD_OWN("timeOffsets", object, struct spec_linux, monotonic, read_clocks),
	FIELD_OWN("devices", array, struct spec_linux, devices, read_devices),
	FIELD_OWN("netDevices", object, struct spec_linux, net_devices, read_net_devices),
	FIELD_STRING("cgroupsPath", struct spec_linux, cgroups_path),
	FIELD_OBJECT("resources", struct spec_linux, resources, &resources_shape,
		     FIELD_FLAG(struct spec_linux, has_resources)),
	FIELD_NEW_OBJECT("intelRdt", struct spec_linux, intel_rdt, &intel_rdt_shape),
	FIELD_NEW_OBJECT("memoryPolicy", struct spec_linux, memory_policy, &memory_policy_shape),
	FIELD_PAIRS("sysctl", struct spec_linux, sysctl),
	FIELD_OWN("seccomp", object, struct spec_linux, seccomp, read_seccomp),
	FIELD_OWN("rootfsPropagation", string, struct spec_linux, rootfs_propagation,
		  read_propagation),
	FIELD_STRINGS("maskedPaths", struct spec_linux, masked_paths),
	FIELD_STRINGS("readonlyPaths", struct spec_linux, readonly_paths),
	FIELD_STRING("mountLabel", struct spec_linux, mount_label),
	FIELD_OWN("personality", object, struct spec_linux, personality, read_personality,
		  FIELD_FLAG(struct spec_linux, has_personality)),
	{ 0 },
};

const struct shape linux_shape = { linux_fields, sizeof(struct spec_linux), NULL };
