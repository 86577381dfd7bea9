#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/cgroup/plan.h"

#define CPU_PERIOD_US_DEFAULT 100000

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define BLKIO_WEIGHT_MIN 10
#define BLKIO_WEIGHT_MAX 1000
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000

/* What each conversion below works on. */
struct conversion {
	const struct spec_resources *resources;
	const struct cgroup_places *places;
	struct arena *arena;
	struct cgroup_writes *writes;
	uint32_t capacity;
	struct cgroup_notes *notes;
	struct err *e;
};

static bool i64_counts(struct spec_i64 number)
{
	return number.is_given && number.value != 0;
}

static bool u64_counts(struct spec_u64 number)
{
	return number.is_given && number.value != 0;
}

/* Some of v1's controllers have another name in v2. */
static const char *name_in_v2(const char *controller)
{
	return !strcmp(controller, "blkio") ? "io" : controller;
}

static int find_place(const struct conversion *c, const char *controller, bool *ret_is_v2)
{
	int place = cgroup_place_find(c->places, controller);

	if (place < 0)
		place = cgroup_place_find(c->places, name_in_v2(controller));
	if (place < 0)
		return err_set(c->e, EOPNOTSUPP,
			       "linux.resources: no cgroup hierarchy of this host has controller '%s'",
			       controller);
	*ret_is_v2 = c->places->items[place].is_v2;
	return place;
}

static int note(const struct conversion *c, const char *text)
{
	if (c->notes->count == CGROUP_NOTE_COUNT_MAX)
		return 0;
	c->notes->items[c->notes->count++] = text;
	return 0;
}

static struct cgroup_write *add_write(struct conversion *c, int place, unsigned how)
{
	struct cgroup_write *write;

	if (c->writes->count == c->capacity) {
		uint32_t capacity = c->capacity ? 2 * c->capacity : 32;
		struct cgroup_write *items = arena_new_array(c->arena, struct cgroup_write, capacity);

		if (!items)
			return NULL;
		if (c->writes->count)
			memcpy(items, c->writes->items, c->writes->count * sizeof(*items));
		c->writes->items = items;
		c->capacity = capacity;
	}
	write = &c->writes->items[c->writes->count++];
	write->place = (uint32_t)place;
	write->how = how;
	return write;
}

static int add(struct conversion *c, int place, unsigned how, const char *file, const char *format,
	       ...) __attribute__((format(printf, 5, 6)));

static int add(struct conversion *c, int place, unsigned how, const char *file, const char *format,
	       ...)
{
	struct cgroup_write *write = add_write(c, place, how);
	char value[512];
	va_list args;
	int length;

	if (!write)
		return err_oom(c->e);
	va_start(args, format);
	length = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(value))
		return err_set(c->e, EINVAL, "linux.resources: value for '%s' is too long", file);
	write->file = arena_strdup(c->arena, file);
	write->value = arena_strdup(c->arena, value);
	return write->file && write->value ? 0 : err_oom(c->e);
}

/* The write just added may go to another file, where the kernel lacks the first. */
static int add_other(struct conversion *c, const char *file, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int add_other(struct conversion *c, const char *file, const char *format, ...)
{
	struct cgroup_write *write = &c->writes->items[c->writes->count - 1];
	char value[128];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	write->other_file = file;
	write->other_value = arena_strdup(c->arena, value);
	return write->other_value ? 0 : err_oom(c->e);
}

static int add_i64(struct conversion *c, int place, unsigned how, const char *file,
		   struct spec_i64 number)
{
	return i64_counts(number) ? add(c, place, how, file, "%lld", (long long)number.value) : 0;
}

static int add_u64(struct conversion *c, int place, unsigned how, const char *file,
		   struct spec_u64 number)
{
	return u64_counts(number) ?
		       add(c, place, how, file, "%llu", (unsigned long long)number.value) :
		       0;
}

/* v2 writes "max" for what v1 and the spec call -1. */
static int add_max(struct conversion *c, int place, unsigned how, const char *file, int64_t number)
{
	return number < 0 ? add(c, place, how, file, "max") :
			    add(c, place, how, file, "%lld", (long long)number);
}

/* --- memory ------------------------------------------------------------------------------- */

static bool memory_is_given(const struct spec_memory *memory)
{
	return i64_counts(memory->limit) || i64_counts(memory->reservation) ||
	       i64_counts(memory->swap) || i64_counts(memory->kernel) ||
	       i64_counts(memory->kernel_tcp) || memory->swappiness.is_given ||
	       (memory->has_disable_oom_killer && memory->disable_oom_killer) ||
	       (memory->has_use_hierarchy && memory->use_hierarchy);
}

static int memory_v1(struct conversion *c, int place)
{
	const struct spec_memory *memory = &c->resources->memory;
	int r;

	/*
	 * The kernel holds limit <= swap at every moment. Raising wants swap first, lowering the
	 * limit first: try the limit, and when it does not fit try once more after swap.
	 */
	r = add_i64(c, place, CGROUP_WRITE_RETRY, "memory.limit_in_bytes", memory->limit);
	if (r == 0 && i64_counts(memory->swap))
		r = add_i64(c, place, CGROUP_WRITE_RETRY, "memory.memsw.limit_in_bytes",
			    memory->swap);
	else if (r == 0 && memory->limit.is_given && memory->limit.value < 0)
		r = add(c, place, CGROUP_WRITE_OPTIONAL, "memory.memsw.limit_in_bytes", "-1");
	if (r == 0)
		r = add_i64(c, place, 0, "memory.soft_limit_in_bytes", memory->reservation);
	if (r == 0 && i64_counts(memory->kernel))
		r = note(c, "linux.resources.memory.kernel has no effect: kernels count that memory "
			    "within the limit");
	if (r == 0)
		r = add_i64(c, place, 0, "memory.kmem.tcp.limit_in_bytes", memory->kernel_tcp);
	/* Docker's client sends -1 as the unsigned number for "as it is". */
	if (r == 0 && memory->swappiness.is_given && memory->swappiness.value != UINT64_MAX) {
		if (memory->swappiness.value > 100)
			return err_set(c->e, EINVAL,
				       "linux.resources.memory.swappiness: %llu is not in 0..100",
				       (unsigned long long)memory->swappiness.value);
		r = add(c, place, 0, "memory.swappiness", "%llu",
			(unsigned long long)memory->swappiness.value);
	}
	if (r == 0 && memory->has_disable_oom_killer && memory->disable_oom_killer)
		r = add(c, place, 0, "memory.oom_control", "1");
	if (r == 0 && memory->has_use_hierarchy && memory->use_hierarchy)
		r = add(c, place, CGROUP_WRITE_OPTIONAL, "memory.use_hierarchy", "1");
	return r;
}

/* v1 limits memory and swap together, v2 swap alone. */
static int swap_v2(struct conversion *c, int place)
{
	const struct spec_memory *memory = &c->resources->memory;
	int64_t limit = memory->limit.is_given ? memory->limit.value : 0;
	int64_t both = memory->swap.is_given ? memory->swap.value : 0;

	if (limit < 0 && both == 0)
		both = -1; /* as v1: no limit of memory, none of swap */
	if (both == 0)
		return 0;
	if (both < 0)
		return add(c, place, CGROUP_WRITE_OPTIONAL, "memory.swap.max", "max");
	if (limit <= 0)
		return err_set(c->e, EINVAL,
			       "linux.resources.memory.swap: needs a memory limit, which it includes");
	if (both < limit)
		return err_set(c->e, EINVAL,
			       "linux.resources.memory.swap: %lld is less than the memory limit %lld, "
			       "which it includes",
			       (long long)both, (long long)limit);
	return add(c, place, both == limit ? CGROUP_WRITE_OPTIONAL : 0, "memory.swap.max", "%lld",
		   (long long)(both - limit));
}

static int memory_v2(struct conversion *c, int place)
{
	const struct spec_memory *memory = &c->resources->memory;
	unsigned how = memory->check_before_update ? CGROUP_WRITE_CHECK_USAGE : 0;
	int r;

	r = swap_v2(c, place);
	if (r == 0 && i64_counts(memory->limit))
		r = add_max(c, place, how, "memory.max", memory->limit.value);
	if (r == 0 && i64_counts(memory->reservation))
		r = add_max(c, place, 0, "memory.low", memory->reservation.value);
	if (r == 0 && i64_counts(memory->kernel))
		r = note(c, "linux.resources.memory.kernel has no effect with cgroup v2");
	if (r == 0 && i64_counts(memory->kernel_tcp))
		r = note(c, "linux.resources.memory.kernelTCP has no effect with cgroup v2");
	if (r == 0 && memory->swappiness.is_given && memory->swappiness.value != UINT64_MAX)
		r = note(c, "linux.resources.memory.swappiness has no effect with cgroup v2");
	if (r == 0 && memory->has_disable_oom_killer && memory->disable_oom_killer)
		r = note(c, "linux.resources.memory.disableOOMKiller has no effect with cgroup v2");
	return r;
}

static int convert_memory(struct conversion *c)
{
	bool is_v2;
	int place;

	if (!c->resources->has_memory || !memory_is_given(&c->resources->memory))
		return 0;
	place = find_place(c, "memory", &is_v2);
	if (place < 0)
		return place;
	return is_v2 ? memory_v2(c, place) : memory_v1(c, place);
}

/* --- cpu ---------------------------------------------------------------------------------- */

uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	double log_shares, exponent;

	if (shares <= SHARES_MIN)
		return WEIGHT_MIN;
	if (shares >= SHARES_MAX)
		return WEIGHT_MAX;
	/*
	 * A parabola in the logarithms through the points that must fit: 2 -> 1, 1024 -> 100,
	 * 262144 -> 10000. It keeps the default of one version the default of the other, which
	 * the older straight line did not (1024 -> 39).
	 */
	log_shares = log2((double)shares);
	exponent = (log_shares * log_shares + 125 * log_shares) / 612.0 - 7.0 / 34.0;
	return (uint64_t)ceil(pow(10, exponent));
}

static int cpu_v1(struct conversion *c, int place)
{
	const struct spec_cpu *cpu = &c->resources->cpu;
	int r;

	/* Realtime before all: the group must have a budget before a realtime task comes in. */
	r = add_u64(c, place, CGROUP_WRITE_RETRY, "cpu.rt_period_us", cpu->realtime_period_us);
	if (r == 0)
		r = add_i64(c, place, 0, "cpu.rt_runtime_us", cpu->realtime_runtime_us);
	/* "idle" takes the place of shares, which it makes unwritable. */
	if (r == 0 && cpu->idle.is_given)
		r = add(c, place, cpu->idle.value ? 0 : CGROUP_WRITE_OPTIONAL, "cpu.idle", "%lld",
			(long long)cpu->idle.value);
	if (r == 0 && !i64_counts(cpu->idle))
		r = add_u64(c, place, 0, "cpu.shares", cpu->shares);
	/* Each of the three may be refused until another is there. */
	if (r == 0 && cpu->burst_us.is_given)
		r = add(c, place, CGROUP_WRITE_RETRY, "cpu.cfs_burst_us", "%llu",
			(unsigned long long)cpu->burst_us.value);
	if (r == 0)
		r = add_u64(c, place, CGROUP_WRITE_RETRY, "cpu.cfs_period_us", cpu->period_us);
	if (r == 0)
		r = add_i64(c, place, CGROUP_WRITE_RETRY, "cpu.cfs_quota_us", cpu->quota_us);
	return r;
}

static int cpu_max_v2(struct conversion *c, int place)
{
	const struct spec_cpu *cpu = &c->resources->cpu;
	bool has_period = u64_counts(cpu->period_us);
	unsigned long long period = has_period ? cpu->period_us.value : CPU_PERIOD_US_DEFAULT;

	if (!i64_counts(cpu->quota_us))
		return has_period ? add(c, place, CGROUP_WRITE_KEEP_FIRST, "cpu.max", "%llu", period) :
				    0;
	/* Without a second word the kernel keeps the period that is. */
	if (!has_period)
		return add_max(c, place, 0, "cpu.max", cpu->quota_us.value);
	return cpu->quota_us.value < 0 ? add(c, place, 0, "cpu.max", "max %llu", period) :
					 add(c, place, 0, "cpu.max", "%lld %llu",
					     (long long)cpu->quota_us.value, period);
}

static int cpu_v2(struct conversion *c, int place)
{
	const struct spec_cpu *cpu = &c->resources->cpu;
	int r = 0;

	if (u64_counts(cpu->realtime_period_us) || i64_counts(cpu->realtime_runtime_us))
		return err_set(c->e, EOPNOTSUPP,
			       "linux.resources.cpu: cgroup v2 has no realtime period and runtime");
	if (cpu->idle.is_given)
		r = add(c, place, cpu->idle.value ? 0 : CGROUP_WRITE_OPTIONAL, "cpu.idle", "%lld",
			(long long)cpu->idle.value);
	if (r == 0 && u64_counts(cpu->shares) && !i64_counts(cpu->idle))
		r = add(c, place, 0, "cpu.weight", "%llu",
			(unsigned long long)cgroup_weight_from_shares(cpu->shares.value));
	if (r == 0 && cpu->burst_us.is_given)
		r = add(c, place, CGROUP_WRITE_RETRY, "cpu.max.burst", "%llu",
			(unsigned long long)cpu->burst_us.value);
	if (r == 0)
		r = cpu_max_v2(c, place);
	return r;
}

static bool cpu_is_given(const struct spec_cpu *cpu)
{
	return u64_counts(cpu->shares) || i64_counts(cpu->quota_us) || cpu->burst_us.is_given ||
	       u64_counts(cpu->period_us) || i64_counts(cpu->realtime_runtime_us) ||
	       u64_counts(cpu->realtime_period_us) || cpu->idle.is_given;
}

static int convert_cpu(struct conversion *c)
{
	bool is_v2;
	int place;

	if (!c->resources->has_cpu || !cpu_is_given(&c->resources->cpu))
		return 0;
	place = find_place(c, "cpu", &is_v2);
	if (place < 0)
		return place;
	return is_v2 ? cpu_v2(c, place) : cpu_v1(c, place);
}

static int convert_cpuset(struct conversion *c)
{
	const struct spec_cpu *cpu = &c->resources->cpu;
	bool has_cpus = c->resources->has_cpu && cpu->cpus && *cpu->cpus;
	bool has_mems = c->resources->has_cpu && cpu->mems && *cpu->mems;
	int place, r = 0;
	bool is_v2;

	if (!has_cpus && !has_mems)
		return 0;
	place = find_place(c, "cpuset", &is_v2);
	if (place < 0)
		return place;
	if (has_cpus)
		r = add(c, place, 0, "cpuset.cpus", "%s", cpu->cpus);
	if (r == 0 && has_mems)
		r = add(c, place, 0, "cpuset.mems", "%s", cpu->mems);
	return r;
}

/* --- block devices ------------------------------------------------------------------------ */

uint64_t cgroup_io_weight(uint64_t weight)
{
	if (weight <= BLKIO_WEIGHT_MIN)
		return WEIGHT_MIN;
	if (weight >= BLKIO_WEIGHT_MAX)
		return WEIGHT_MAX;
	return WEIGHT_MIN + (weight - BLKIO_WEIGHT_MIN) * (WEIGHT_MAX - WEIGHT_MIN) /
				    (BLKIO_WEIGHT_MAX - BLKIO_WEIGHT_MIN);
}

/* The BFQ scheduler has files of its own, and they are the ones with effect where it is loaded. */
static int convert_weight(struct conversion *c, int place, bool is_v2)
{
	unsigned long long weight = c->resources->block_io.weight.value;
	int r;

	if (!u64_counts(c->resources->block_io.weight))
		return 0;
	if (is_v2) {
		r = add(c, place, 0, "io.bfq.weight", "%llu", weight);
		return r < 0 ? r :
			       add_other(c, "io.weight", "default %llu",
					 (unsigned long long)cgroup_io_weight(weight));
	}
	r = add(c, place, 0, "blkio.bfq.weight", "%llu", weight);
	return r < 0 ? r : add_other(c, "blkio.weight", "%llu", weight);
}

static int convert_weight_device(struct conversion *c, int place, bool is_v2,
				 const struct spec_weight_device *device)
{
	long long major = device->major, minor = device->minor;
	unsigned long long weight = device->weight.value;
	int r = 0;

	if (u64_counts(device->weight)) {
		r = add(c, place, 0, is_v2 ? "io.bfq.weight" : "blkio.bfq.weight_device",
			"%lld:%lld %llu", major, minor, weight);
		if (r < 0)
			return r;
		r = is_v2 ? add_other(c, "io.weight", "%lld:%lld %llu", major, minor,
				      (unsigned long long)cgroup_io_weight(weight)) :
			    add_other(c, "blkio.weight_device", "%lld:%lld %llu", major, minor,
				      weight);
	}
	if (r == 0 && u64_counts(device->leaf_weight))
		r = is_v2 ? note(c, "linux.resources.blockIO.weightDevice[].leafWeight has no effect "
				    "with cgroup v2") :
			    add(c, place, 0, "blkio.leaf_weight_device", "%lld:%lld %llu", major,
				minor, (unsigned long long)device->leaf_weight.value);
	return r;
}

static int convert_throttle(struct conversion *c, int place, bool is_v2)
{
	static const struct {
		const char *v1;
		const char *v2;
	} names[SPEC_THROTTLE_COUNT] = {
		[SPEC_THROTTLE_READ_BPS] = { "blkio.throttle.read_bps_device", "rbps" },
		[SPEC_THROTTLE_WRITE_BPS] = { "blkio.throttle.write_bps_device", "wbps" },
		[SPEC_THROTTLE_READ_IOPS] = { "blkio.throttle.read_iops_device", "riops" },
		[SPEC_THROTTLE_WRITE_IOPS] = { "blkio.throttle.write_iops_device", "wiops" },
	};
	int r = 0;

	for (int kind = 0; kind < SPEC_THROTTLE_COUNT; kind++) {
		for (uint32_t i = 0; r == 0 && i < c->resources->block_io.throttle[kind].count; i++) {
			const struct spec_throttle_device *device =
				&c->resources->block_io.throttle[kind].items[i];
			long long major = device->major, minor = device->minor;
			unsigned long long rate = device->rate;

			if (is_v2 && !rate)
				r = add(c, place, 0, "io.max", "%lld:%lld %s=max", major, minor,
					names[kind].v2);
			else if (is_v2)
				r = add(c, place, 0, "io.max", "%lld:%lld %s=%llu", major, minor,
					names[kind].v2, rate);
			else
				r = add(c, place, 0, names[kind].v1, "%lld:%lld %llu", major, minor,
					rate);
		}
	}
	return r;
}

static bool block_io_is_given(const struct spec_block_io *block_io)
{
	bool given = u64_counts(block_io->weight) || u64_counts(block_io->leaf_weight) ||
		     block_io->weight_device_count;

	for (int kind = 0; kind < SPEC_THROTTLE_COUNT; kind++)
		given |= block_io->throttle[kind].count > 0;
	return given;
}

static int convert_block_io(struct conversion *c)
{
	const struct spec_block_io *block_io = &c->resources->block_io;
	bool is_v2;
	int place, r;

	if (!c->resources->has_block_io || !block_io_is_given(block_io))
		return 0;
	place = find_place(c, "blkio", &is_v2);
	if (place < 0)
		return place;
	r = convert_weight(c, place, is_v2);
	if (r == 0 && u64_counts(block_io->leaf_weight))
		r = is_v2 ? note(c, "linux.resources.blockIO.leafWeight has no effect with cgroup v2") :
			    add_u64(c, place, 0, "blkio.leaf_weight", block_io->leaf_weight);
	for (uint32_t i = 0; r == 0 && i < block_io->weight_device_count; i++)
		r = convert_weight_device(c, place, is_v2, &block_io->weight_devices[i]);
	return r == 0 ? convert_throttle(c, place, is_v2) : r;
}

/* --- the rest ----------------------------------------------------------------------------- */

static int convert_pids(struct conversion *c)
{
	bool is_v2;
	int place;

	if (!c->resources->pids.is_given)
		return 0;
	place = find_place(c, "pids", &is_v2);
	return place < 0 ? place : add_max(c, place, 0, "pids.max", c->resources->pids.value);
}

/* "2MB", "1GB": the size becomes part of a file name. */
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;

	return digits && digits <= 8 && *unit && strchr("KMG", *unit) && !strcmp(unit + 1, "B");
}

static int convert_hugepages(struct conversion *c)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->resources->hugepage_count; i++) {
		const struct spec_hugepage_limit *limit = &c->resources->hugepages[i];
		unsigned long long bytes = limit->limit_bytes;
		char file[64];
		bool is_v2;
		int place;

		if (!limit->page_size || !is_page_size(limit->page_size))
			return err_set(c->e, EINVAL,
				       "linux.resources.hugepageLimits[%u].pageSize: '%s' is not a size "
				       "such as 2MB",
				       i, limit->page_size ? limit->page_size : "");
		place = find_place(c, "hugetlb", &is_v2);
		if (place < 0)
			return place;
		/* What is reserved counts first, so that a fault never meets the limit (SIGBUS). */
		(void)snprintf(file, sizeof(file), "hugetlb.%s.rsvd.%s", limit->page_size,
			       is_v2 ? "max" : "limit_in_bytes");
		r = add(c, place, CGROUP_WRITE_OPTIONAL, file, "%llu", bytes);
		if (r < 0)
			return r;
		(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", limit->page_size,
			       is_v2 ? "max" : "limit_in_bytes");
		r = add(c, place, 0, file, "%llu", bytes);
	}
	return r;
}

static int convert_network(struct conversion *c)
{
	bool is_v2;
	int place, r = 0;

	if (u64_counts(c->resources->network_class_id)) {
		place = find_place(c, "net_cls", &is_v2);
		if (place < 0)
			return place;
		r = is_v2 ? err_set(c->e, EOPNOTSUPP,
				    "linux.resources.network: cgroup v2 has no class of packets") :
			    add_u64(c, place, 0, "net_cls.classid", c->resources->network_class_id);
	}
	for (uint32_t i = 0; r == 0 && i < c->resources->network_priority_count; i++) {
		place = find_place(c, "net_prio", &is_v2);
		if (place < 0)
			return place;
		r = is_v2 ? err_set(c->e, EOPNOTSUPP,
				    "linux.resources.network: cgroup v2 has no priority of packets") :
			    add(c, place, 0, "net_prio.ifpriomap", "%s %u",
				c->resources->network_priorities[i].interface,
				c->resources->network_priorities[i].priority);
	}
	return r;
}

static int convert_rdma(struct conversion *c)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->resources->rdma_count; i++) {
		const struct spec_rdma *rdma = &c->resources->rdma[i];
		char handles[40] = "", objects[40] = "";
		bool is_v2;
		int place = find_place(c, "rdma", &is_v2);

		if (place < 0)
			return place;
		if (rdma->hca_handles.is_given)
			(void)snprintf(handles, sizeof(handles), " hca_handle=%llu",
				       (unsigned long long)rdma->hca_handles.value);
		if (rdma->hca_objects.is_given)
			(void)snprintf(objects, sizeof(objects), " hca_object=%llu",
				       (unsigned long long)rdma->hca_objects.value);
		r = add(c, place, 0, "rdma.max", "%s%s%s", rdma->device, handles, objects);
	}
	return r;
}

/* A file of the container's cgroup, by its name: it must stay one. */
static bool is_file_name(const char *key)
{
	return *key && *key != '.' && !strchr(key, '/') && strlen(key) < 128;
}

static int convert_unified(struct conversion *c)
{
	int place = cgroup_place_v2(c->places);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < c->resources->unified.count; i++) {
		const struct spec_pair *pair = &c->resources->unified.items[i];
		struct cgroup_write *write;
		char controller[128];
		int found;

		if (!is_file_name(pair->key))
			return err_set(c->e, EINVAL,
				       "linux.resources.unified: '%s' is not the name of a file",
				       pair->key);
		if (place < 0)
			return err_set(c->e, EOPNOTSUPP,
				       "linux.resources.unified '%s': needs cgroup v2", pair->key);
		(void)snprintf(controller, sizeof(controller), "%.*s",
			       (int)strcspn(pair->key, "."), pair->key);
		found = strcmp(controller, "cgroup") ? cgroup_place_find(c->places, controller) :
						       place;
		if (found != place)
			return err_set(c->e, EOPNOTSUPP,
				       "linux.resources.unified '%s': controller '%s' is not available",
				       pair->key, controller);
		write = add_write(c, place, 0);
		if (!write)
			return err_oom(c->e);
		write->file = pair->key;
		write->value = pair->value;
	}
	return r;
}

int cgroup_limits_make(const struct spec_resources *resources, const struct cgroup_places *places,
		       struct arena *arena, struct cgroup_writes *ret_writes,
		       struct cgroup_notes *notes, struct err *e)
{
	static int (*const steps[])(struct conversion *) = {
		convert_cpuset, convert_cpu,	   convert_memory,  convert_pids, convert_block_io,
		convert_hugepages, convert_network, convert_rdma, convert_unified,
	};
	struct cgroup_writes writes = { 0 };
	struct conversion c = {
		.resources = resources,
		.places = places,
		.arena = arena,
		.writes = &writes,
		.notes = notes,
		.e = e,
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int r = steps[i](&c);

		if (r < 0)
			return r;
	}
	*ret_writes = writes;
	return 0;
}
