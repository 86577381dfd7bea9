#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/cgroup/plan.h"

#define ANNOTATION "org.systemd.property."
#define CPU_PERIOD_US_DEFAULT 100000
#define QUOTA_STEP_US 10000 /* systemd rounds to 10 ms: up, so that no limit is lower than asked */

struct properties {
	struct arena *arena;
	struct cgroup_properties *list;
	uint32_t capacity;
	struct err *e;
};

static int add(struct properties *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add(struct properties *p, const char *format, ...)
{
	char line[1024];
	va_list args;
	int length;

	if (p->list->count == p->capacity) {
		uint32_t capacity = p->capacity ? 2 * p->capacity : 32;
		const char **items = arena_new_array(p->arena, const char *, capacity);

		if (!items)
			return err_oom(p->e);
		if (p->list->count)
			memcpy(items, p->list->items, p->list->count * sizeof(*items));
		p->list->items = items;
		p->capacity = capacity;
	}
	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(line) || strchr(line, '\n'))
		return err_set(p->e, EINVAL, "systemd property '%.40s': too long, or not one line", line);
	p->list->items[p->list->count] = arena_strdup(p->arena, line);
	return p->list->items[p->list->count++] ? 0 : err_oom(p->e);
}

/* systemd's word for no limit is the largest number. */
static int add_limit(struct properties *p, const char *name, int64_t number)
{
	return add(p, "%s t %llu", name,
		   number < 0 ? (unsigned long long)UINT64_MAX : (unsigned long long)number);
}

static int add_memory(struct properties *p, const struct spec_memory *memory, bool is_v2)
{
	int64_t limit = memory->limit.is_given ? memory->limit.value : 0;
	int64_t both = memory->swap.is_given ? memory->swap.value : 0;
	int r = 0;

	if (limit)
		r = add_limit(p, is_v2 ? "MemoryMax" : "MemoryLimit", limit);
	if (r == 0 && is_v2 && memory->reservation.is_given && memory->reservation.value)
		r = add_limit(p, "MemoryLow", memory->reservation.value);
	if (r == 0 && is_v2 && both)
		r = add_limit(p, "MemorySwapMax", both < 0 || limit <= 0 ? -1 : both - limit);
	return r;
}

static int add_quota(struct properties *p, const struct spec_cpu *cpu)
{
	uint64_t period = cpu->period_us.is_given && cpu->period_us.value ? cpu->period_us.value :
									    CPU_PERIOD_US_DEFAULT;
	uint64_t quota = UINT64_MAX;
	int r = 0;

	if (!cpu->quota_us.is_given || !cpu->quota_us.value)
		return 0;
	if (cpu->period_us.is_given && cpu->period_us.value)
		r = add(p, "CPUQuotaPeriodUSec t %llu", (unsigned long long)period);
	if (cpu->quota_us.value > 0) {
		if (__builtin_mul_overflow((uint64_t)cpu->quota_us.value, 1000000u, &quota))
			return err_set(p->e, EINVAL, "linux.resources.cpu.quota: too large");
		quota /= period;
		quota = (quota + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
	}
	return r < 0 ? r : add(p, "CPUQuotaPerSecUSec t %llu", (unsigned long long)quota);
}

static int add_cpu(struct properties *p, const struct spec_cpu *cpu, bool is_v2)
{
	unsigned long long shares = cpu->shares.is_given ? cpu->shares.value : 0;
	int r = add_quota(p, cpu);

	if (r == 0 && shares)
		r = is_v2 ? add(p, "CPUWeight t %llu",
				(unsigned long long)cgroup_weight_from_shares(shares)) :
			    add(p, "CPUShares t %llu", shares);
	/* "c": a list of numbers that the helper makes a bit mask of */
	if (r == 0 && is_v2 && cpu->cpus && *cpu->cpus)
		r = add(p, "AllowedCPUs c %s", cpu->cpus);
	if (r == 0 && is_v2 && cpu->mems && *cpu->mems)
		r = add(p, "AllowedMemoryNodes c %s", cpu->mems);
	return r;
}

/*
 * systemd has a device filter of its own beside ours, and on v1 writes to the same files whenever it
 * reloads. It is told the same, as far as it has words for it; else it is kept out.
 */
static int add_devices(struct properties *p, const struct cgroup_rules *rules)
{
	struct cgroup_device_list list;
	int r;

	if (cgroup_device_list_make(rules, p->arena, &list, NULL) < 0 || list.allows_by_default)
		return add(p, "DevicePolicy s auto");
	r = add(p, "DevicePolicy s strict");
	for (uint32_t i = 0; r == 0 && i < list.count; i++) {
		char text[CGROUP_RULE_BYTES];

		cgroup_rule_print(&list.items[i], text);
		r = add(p, "DeviceAllow D %s", text);
	}
	return r;
}

/*
 * Keys of "unified" that systemd has a property for; told so, it does not undo them. Those it has no
 * word for are written to their files alone.
 */
static const struct {
	const char *key;
	const char *name;
	char type; /* t a number or "max", c a list, q cpu.max */
} unified[] = {
	{ "cpu.max", "CPUQuotaPerSecUSec", 'q' },
	{ "cpu.weight", "CPUWeight", 't' },
	{ "cpuset.cpus", "AllowedCPUs", 'c' },
	{ "cpuset.mems", "AllowedMemoryNodes", 'c' },
	{ "memory.high", "MemoryHigh", 't' },
	{ "memory.low", "MemoryLow", 't' },
	{ "memory.max", "MemoryMax", 't' },
	{ "memory.min", "MemoryMin", 't' },
	{ "memory.swap.max", "MemorySwapMax", 't' },
	{ "pids.max", "TasksMax", 't' },
};

static int add_unified_cpu_max(struct properties *p, const char *value)
{
	struct spec_cpu cpu = { .quota_us = { .is_given = true, .value = -1 } };
	const char *period = strchr(value, ' ');

	if (strncmp(value, "max", 3))
		cpu.quota_us.value = strtoll(value, NULL, 10);
	cpu.period_us.is_given = period != NULL;
	cpu.period_us.value = period ? strtoull(period, NULL, 10) : 0;
	return add_quota(p, &cpu);
}

static int add_unified(struct properties *p, const struct spec_pair *pair)
{
	for (size_t i = 0; i < sizeof(unified) / sizeof(*unified); i++) {
		if (strcmp(pair->key, unified[i].key))
			continue;
		if (unified[i].type == 'q')
			return add_unified_cpu_max(p, pair->value);
		if (unified[i].type == 'c')
			return add(p, "%s c %s", unified[i].name, pair->value);
		return add_limit(p, unified[i].name,
				 strncmp(pair->value, "max", 3) ? strtoll(pair->value, NULL, 10) :
								  -1);
	}
	return 0;
}

/*
 * What an annotation may set. An annotation may come from whoever wrote a pod (CVE-2024-3154), so
 * nothing here starts a program, touches another unit or widens a limit.
 */
static const struct {
	const char *name;
	char type;
} allowed[] = {
	{ "CollectMode", 's' },	      { "DefaultDependencies", 'b' }, { "Description", 's' },
	{ "KillSignal", 'i' },	      { "RuntimeMaxUSec", 't' },      { "SendSIGHUP", 'b' },
	{ "SendSIGKILL", 'b' },	      { "TimeoutStopUSec", 't' },
};

/* The value is in GVariant's text form: 'text', true, uint64 1000. */
static int add_annotation(struct properties *p, const char *name, char type, const char *value)
{
	size_t length = strlen(value);
	const char *number = strchr(value, ' ');
	char *end;

	switch (type) {
	case 's':
		if (length < 2 || (*value != '\'' && *value != '"') || value[length - 1] != *value)
			break;
		return add(p, "%s s %.*s", name, (int)length - 2, value + 1);
	case 'b':
		if (strcmp(value, "true") && strcmp(value, "false"))
			break;
		return add(p, "%s b %d", name, *value == 't');
	default:
		number = number ? number + 1 : value;
		(void)strtoull(number, &end, 10);
		if (end == number || *end || *number == '-')
			break;
		return add(p, "%s %c %s", name, type, number);
	}
	return err_set(p->e, EINVAL, "annotation '" ANNOTATION "%s': '%s' is not a value for it", name,
		       value);
}

static int add_annotations(struct properties *p, const struct spec_pairs *annotations)
{
	for (uint32_t i = 0; i < annotations->count; i++) {
		const struct spec_pair *pair = &annotations->items[i];
		const char *name = pair->key + strlen(ANNOTATION);
		bool is_known = false;

		if (strncmp(pair->key, ANNOTATION, strlen(ANNOTATION)))
			continue;
		for (size_t k = 0; k < sizeof(allowed) / sizeof(*allowed) && !is_known; k++) {
			if (strcmp(name, allowed[k].name))
				continue;
			is_known = true;
			int r = add_annotation(p, name, allowed[k].type, pair->value);

			if (r < 0)
				return r;
		}
		if (!is_known)
			return err_set(p->e, EINVAL,
				       "annotation '%s': not a property that annotations may set",
				       pair->key);
	}
	return 0;
}

int cgroup_properties_make(const struct spec *spec, const struct spec_resources *resources,
			   const struct cgroup_rules *rules, const char *slice, bool is_v2,
			   struct arena *arena, struct cgroup_properties *ret_properties,
			   struct err *e)
{
	struct properties p = { .arena = arena, .list = ret_properties, .e = e };
	int r = 0;

	*ret_properties = (struct cgroup_properties){ 0 };
	if (spec) {
		r = add(&p, "Slice s %s", slice);
		if (r == 0)
			r = add(&p, "Delegate b 1");
		if (r == 0)
			r = add(&p, "DefaultDependencies b 0");
		for (const char *const *name = (const char *const[]){ "MemoryAccounting",
								      "CPUAccounting", "IOAccounting",
								      "TasksAccounting", NULL };
		     r == 0 && *name; name++)
			r = add(&p, "%s b 1", *name);
	}
	if (r == 0 && resources->has_memory)
		r = add_memory(&p, &resources->memory, is_v2);
	if (r == 0 && resources->has_cpu)
		r = add_cpu(&p, &resources->cpu, is_v2);
	/* systemd takes 0 for none: one process is the least it can hold */
	if (r == 0 && resources->pids.is_given)
		r = add_limit(&p, "TasksMax", resources->pids.value ? resources->pids.value : 1);
	if (r == 0 && resources->has_block_io && resources->block_io.weight.is_given &&
	    resources->block_io.weight.value)
		r = is_v2 ? add(&p, "IOWeight t %llu",
				(unsigned long long)cgroup_io_weight(
					resources->block_io.weight.value)) :
			    add(&p, "BlockIOWeight t %llu",
				(unsigned long long)resources->block_io.weight.value);
	for (uint32_t i = 0; r == 0 && is_v2 && i < resources->unified.count; i++)
		r = add_unified(&p, &resources->unified.items[i]);
	if (r == 0 && rules)
		r = add_devices(&p, rules);
	if (r == 0 && spec)
		r = add_annotations(&p, &spec->annotations);
	return r;
}
