#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "cmd/oci/verb.h"
#include "spec/spec.h"

struct update_values {
	const char *resources;
	const char *cpus;
	const char *mems;
	const char *l3_cache_schema;
	const char *mem_bw_schema;
	struct option_number blkio_weight;
	struct option_number cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_idle;
	struct option_number cpu_rt_period, cpu_rt_runtime;
	struct option_number memory, reservation, swap, kernel, kernel_tcp;
	struct option_number pids;
};

#define AT(field) offsetof(struct update_values, field)

static const struct option options[] = {
	{ "resources", 'r', OPTION_TEXT, AT(resources), "FILE|-",
	  "read linux.resources as JSON; then no other option counts" },
	{ "blkio-weight", 0, OPTION_NUMBER, AT(blkio_weight), "N", "weight of I/O, 10 to 1000" },
	{ "cpu-period", 0, OPTION_NUMBER, AT(cpu_period), "US", "length of a CPU period" },
	{ "cpu-quota", 0, OPTION_NUMBER, AT(cpu_quota), "US", "CPU time in a period" },
	{ "cpu-burst", 0, OPTION_NUMBER, AT(cpu_burst), "US", "CPU time that may be saved up" },
	{ "cpu-share", 0, OPTION_NUMBER, AT(cpu_share), "N", "weight of CPU time" },
	{ "cpu-idle", 0, OPTION_NUMBER, AT(cpu_idle), "0|1", "run only when the CPU is idle" },
	{ "cpu-rt-period", 0, OPTION_NUMBER, AT(cpu_rt_period), "US", "real-time period" },
	{ "cpu-rt-runtime", 0, OPTION_NUMBER, AT(cpu_rt_runtime), "US", "real-time CPU time" },
	{ "cpuset-cpus", 0, OPTION_TEXT, AT(cpus), "LIST", "CPUs to run on" },
	{ "cpuset-mems", 0, OPTION_TEXT, AT(mems), "LIST", "memory nodes to use" },
	{ "memory", 0, OPTION_BYTES, AT(memory), "BYTES", "memory limit; -1: none" },
	{ "memory-reservation", 0, OPTION_BYTES, AT(reservation), "BYTES", "soft limit" },
	{ "memory-swap", 0, OPTION_BYTES, AT(swap), "BYTES", "memory and swap; -1: no limit" },
	{ "kernel-memory", 0, OPTION_BYTES, AT(kernel), "BYTES", "kernel memory (v1)" },
	{ "kernel-memory-tcp", 0, OPTION_BYTES, AT(kernel_tcp), "BYTES", "TCP buffers (v1)" },
	{ "pids-limit", 0, OPTION_NUMBER, AT(pids), "N", "number of processes; -1: no limit" },
	{ "l3-cache-schema", 0, OPTION_TEXT, AT(l3_cache_schema), "TEXT", NULL },
	{ "mem-bw-schema", 0, OPTION_TEXT, AT(mem_bw_schema), "TEXT", NULL },
	{ 0 },
};

static struct spec_i64 signed_of(const struct option_number *number)
{
	return (struct spec_i64){ .is_given = number->is_given, .value = number->value };
}

static struct spec_u64 unsigned_of(const struct option_number *number)
{
	return (struct spec_u64){ .is_given = number->is_given, .value = (uint64_t)number->value };
}

static int check_unsigned(const struct update_values *values, struct err *e)
{
	const struct {
		const char *name;
		const struct option_number *number;
	} list[] = {
		{ "blkio-weight", &values->blkio_weight }, { "cpu-period", &values->cpu_period },
		{ "cpu-burst", &values->cpu_burst },	   { "cpu-share", &values->cpu_share },
		{ "cpu-rt-period", &values->cpu_rt_period },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i].number->value < 0)
			return err_set(e, EINVAL, "option '--%s': must not be negative",
				       list[i].name);
	return 0;
}

static int resources_from_options(const struct update_values *values,
				  struct spec_resources *resources, struct err *e)
{
	int r = check_unsigned(values, e);

	if (r < 0)
		return r;
	resources->has_memory = true;
	resources->memory.limit = signed_of(&values->memory);
	resources->memory.reservation = signed_of(&values->reservation);
	resources->memory.swap = signed_of(&values->swap);
	resources->memory.kernel = signed_of(&values->kernel);
	resources->memory.kernel_tcp = signed_of(&values->kernel_tcp);
	resources->has_cpu = true;
	resources->cpu.shares = unsigned_of(&values->cpu_share);
	resources->cpu.quota_us = signed_of(&values->cpu_quota);
	resources->cpu.burst_us = unsigned_of(&values->cpu_burst);
	resources->cpu.period_us = unsigned_of(&values->cpu_period);
	resources->cpu.realtime_runtime_us = signed_of(&values->cpu_rt_runtime);
	resources->cpu.realtime_period_us = unsigned_of(&values->cpu_rt_period);
	resources->cpu.idle = signed_of(&values->cpu_idle);
	resources->cpu.cpus = values->cpus;
	resources->cpu.mems = values->mems;
	resources->pids = signed_of(&values->pids);
	resources->has_block_io = values->blkio_weight.is_given;
	resources->block_io.weight = unsigned_of(&values->blkio_weight);
	return 0;
}

static int resources_from_file(const char *path, struct arena *arena,
			       struct spec_resources *resources, struct err *e)
{
	own_json struct json_object *document = NULL;
	bool is_stdin = !strcmp(path, "-");
	int r;

	r = is_stdin ? json_read_fd(STDIN_FILENO, "standard input", &document, e) :
		       json_read_at(AT_FDCWD, path, &document, e);
	if (r == 0)
		r = spec_resources_read(document, arena, resources, e);
	return r < 0 ? err_wrap(e, r, "update: resources") : 0;
}

static int update_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
		      struct err *e)
{
	struct update_values values = { 0 };
	struct spec_resources resources = { 0 };
	own_arena struct arena arena = { 0 };
	int r;

	r = verb_read(verb, &values, argc, argv, 1, 1, e);
	if (r >= 0)
		r = arena_init(&arena, e);
	if (r >= 0 && (values.l3_cache_schema || values.mem_bw_schema))
		r = err_set(e, ENOTSUP, "update: Intel RDT cannot be changed by this runtime");
	if (r >= 0)
		r = values.resources ?
			    resources_from_file(values.resources, &arena, &resources, e) :
			    resources_from_options(&values, &resources, e);
	return r < 0 ? r : runtime_update(&oci->rt, argv[0], &resources, e);
}

const struct verb verb_update = {
	.name = "update",
	.words = "ID",
	.summary = "change the limits of a container",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = update_run,
};
