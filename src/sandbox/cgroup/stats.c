/*
 * Counters in the shape that runc's `events --stats` gave to the world: the names are fixed, times
 * are nanoseconds, and v2 is told in v1's terms.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"

#define NS_IN_S 1000000000ull
#define FILE_BYTES 16384

/* One controller's directory; what is missing reads as nothing. */
struct source {
	struct cgroup_known *known;
	const struct cgroup_place *place; /* NULL: the container has not got the controller */
};

static struct source source_of(struct cgroup_known *known, const char *v1, const char *v2)
{
	int i = cgroup_place_find(&known->places, v1);

	if (i < 0 && strcmp(v1, v2))
		i = cgroup_place_find(&known->places, v2);
	return (struct source){ known, cgroup_place_at(known, i) };
}

static bool is_v2(const struct source *source)
{
	return source->place && source->place->is_v2;
}

static bool read_text(const struct source *source, const char *file, char *buffer, size_t bytes)
{
	buffer[0] = '\0';
	return source->place &&
	       cgroup_read_file(source->known, source->place, file, buffer, bytes) >= 0;
}

/* "max" is v2's word for the largest number there is. */
static uint64_t read_number(const struct source *source, const char *file)
{
	char text[64];

	if (!read_text(source, file, text, sizeof(text)))
		return 0;
	return strncmp(text, "max", 3) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Of a text of "key number" lines. */
static uint64_t number_at(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (!strncmp(line, key, length) && line[length] == ' ')
			return strtoull(line + length, NULL, 10);
	return 0;
}

static void put(struct text *out, const char *before, const char *key, uint64_t number)
{
	text_printf(out, "%s\"%s\":%llu", before, key, (unsigned long long)number);
}

/* --- cpu ---------------------------------------------------------------------------------- */

/* Three columns of "cpu user system"; @column 0 is the sum of both others. */
static void put_percpu(const char *text, unsigned column, const char *key, struct text *out)
{
	const char *line = strchr(text, '\n');
	const char *before = "";

	text_printf(out, ",\"%s\":[", key);
	while (line && line[1]) {
		unsigned long long user = 0, system = 0;

		if (sscanf(line + 1, "%*u %llu %llu", &user, &system) != 2)
			break;
		text_printf(out, "%s%llu", before,
			    column == 1 ? user :
			    column == 2 ? system :
					  user + system);
		before = ",";
		line = strchr(line + 1, '\n');
	}
	text_append(out, "]");
}

static void put_cpu_v1(struct cgroup_known *known, char *buffer, struct text *out)
{
	struct source acct = source_of(known, "cpuacct", "cpuacct");
	struct source cpu = source_of(known, "cpu", "cpu");
	uint64_t tick_ns = NS_IN_S / (uint64_t)sysconf(_SC_CLK_TCK);

	put(out, "{\"usage\":{", "total", read_number(&acct, "cpuacct.usage"));
	if (read_text(&acct, "cpuacct.usage_all", buffer, FILE_BYTES)) {
		put_percpu(buffer, 0, "percpu", out);
		put_percpu(buffer, 2, "percpu_kernel", out);
		put_percpu(buffer, 1, "percpu_user", out);
	}
	(void)read_text(&acct, "cpuacct.stat", buffer, FILE_BYTES);
	put(out, ",", "kernel", number_at(buffer, "system") * tick_ns);
	put(out, ",", "user", number_at(buffer, "user") * tick_ns);
	(void)read_text(&cpu, "cpu.stat", buffer, FILE_BYTES);
	put(out, "},\"throttling\":{", "periods", number_at(buffer, "nr_periods"));
	put(out, ",", "throttledPeriods", number_at(buffer, "nr_throttled"));
	put(out, ",", "throttledTime", number_at(buffer, "throttled_time"));
	text_append(out, "}}");
}

static void put_cpu_v2(struct cgroup_known *known, char *buffer, struct text *out)
{
	struct source tree = { known, cgroup_place_at(known, cgroup_place_v2(&known->places)) };

	/* cpu.stat has its first lines whether the controller is enabled or not */
	(void)read_text(&tree, "cpu.stat", buffer, FILE_BYTES);
	put(out, "{\"usage\":{", "total", number_at(buffer, "usage_usec") * 1000);
	put(out, ",", "kernel", number_at(buffer, "system_usec") * 1000);
	put(out, ",", "user", number_at(buffer, "user_usec") * 1000);
	put(out, "},\"throttling\":{", "periods", number_at(buffer, "nr_periods"));
	put(out, ",", "throttledPeriods", number_at(buffer, "nr_throttled"));
	put(out, ",", "throttledTime", number_at(buffer, "throttled_usec") * 1000);
	text_append(out, "}}");
}

/* "0-2,7" as a list of numbers */
static void put_list(const char *list, const char *before, const char *key, struct text *out)
{
	const char *comma = "";

	text_printf(out, "%s\"%s\":[", before, key);
	while (*list >= '0' && *list <= '9') {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long n = first; n <= last && n - first < 8192; n++, comma = ",")
			text_printf(out, "%s%lu", comma, n);
		list = *end == ',' ? end + 1 : "";
	}
	text_append(out, "]");
}

static void put_cpuset(struct cgroup_known *known, char *buffer, struct text *out)
{
	static const char *const flags[] = {
		"cpu_exclusive",   "mem_hardwall",    "mem_exclusive",	   "memory_migrate",
		"memory_spread_page", "memory_spread_slab", "memory_pressure",  "sched_load_balance",
	};
	struct source source = source_of(known, "cpuset", "cpuset");
	char file[64];

	(void)read_text(&source, is_v2(&source) ? "cpuset.cpus.effective" : "cpuset.cpus", buffer,
			FILE_BYTES);
	put_list(buffer, "{", "cpus", out);
	(void)read_text(&source, is_v2(&source) ? "cpuset.mems.effective" : "cpuset.mems", buffer,
			FILE_BYTES);
	put_list(buffer, ",", "mems", out);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		(void)snprintf(file, sizeof(file), "cpuset.%s", flags[i]);
		put(out, ",", flags[i], is_v2(&source) ? 0 : read_number(&source, file));
	}
	(void)read_text(&source, "cpuset.sched_relax_domain_level", buffer, FILE_BYTES);
	text_printf(out, ",\"sched_relax_domain_level\":%ld}", strtol(buffer, NULL, 10));
}

/* --- memory ------------------------------------------------------------------------------- */

struct memory_entry {
	uint64_t limit;
	uint64_t usage;
	uint64_t max;
	uint64_t failures;
};

static void put_entry(const char *key, const struct memory_entry *entry, struct text *out)
{
	text_printf(out, ",\"%s\":", key);
	put(out, "{", "limit", entry->limit);
	put(out, ",", "usage", entry->usage);
	put(out, ",", "max", entry->max);
	put(out, ",", "failcnt", entry->failures);
	text_append(out, "}");
}

static void put_entry_v1(const struct source *source, const char *part, const char *key,
			 struct text *out)
{
	struct memory_entry entry;
	char file[64];

	(void)snprintf(file, sizeof(file), "memory%s.limit_in_bytes", part);
	entry.limit = read_number(source, file);
	(void)snprintf(file, sizeof(file), "memory%s.usage_in_bytes", part);
	entry.usage = read_number(source, file);
	(void)snprintf(file, sizeof(file), "memory%s.max_usage_in_bytes", part);
	entry.max = read_number(source, file);
	(void)snprintf(file, sizeof(file), "memory%s.failcnt", part);
	entry.failures = read_number(source, file);
	put_entry(key, &entry, out);
}

/* memory.stat as it is */
static void put_raw(const char *stat, struct text *out)
{
	const char *before = "";

	text_append(out, ",\"raw\":{");
	for (const char *line = stat; *line;) {
		size_t length = strcspn(line, "\n"), name = strcspn(line, " ");

		if (name < length) {
			text_printf(out, "%s\"%.*s\":%llu", before, (int)name, line,
				    strtoull(line + name, NULL, 10));
			before = ",";
		}
		line += length + (line[length] == '\n');
	}
	text_append(out, "}}");
}

static void put_memory_v1(const struct source *source, char *buffer, struct text *out)
{
	(void)read_text(source, "memory.stat", buffer, FILE_BYTES);
	put(out, "{", "cache",
	    number_at(buffer, read_number(source, "memory.use_hierarchy") ? "total_cache" :
									    "cache"));
	put_entry_v1(source, "", "usage", out);
	put_entry_v1(source, ".memsw", "swap", out);
	put_entry_v1(source, ".kmem", "kernel", out);
	put_entry_v1(source, ".kmem.tcp", "kernelTCP", out);
	put_raw(buffer, out);
}

static uint64_t add_limits(uint64_t a, uint64_t b)
{
	return a == UINT64_MAX || b == UINT64_MAX ? UINT64_MAX : a + b;
}

static void put_memory_v2(const struct source *source, char *buffer, struct text *out)
{
	struct memory_entry memory = { .limit = read_number(source, "memory.max"),
				       .usage = read_number(source, "memory.current"),
				       .max = read_number(source, "memory.peak") };
	struct memory_entry swap = { .limit = read_number(source, "memory.swap.max"),
				     .usage = read_number(source, "memory.swap.current") };
	const struct memory_entry none = { 0 };

	(void)read_text(source, "memory.events", buffer, FILE_BYTES);
	memory.failures = number_at(buffer, "max");
	/* v1 counts memory and swap together */
	swap.limit = add_limits(swap.limit, memory.limit);
	swap.usage += memory.usage;
	(void)read_text(source, "memory.stat", buffer, FILE_BYTES);
	put(out, "{", "cache", number_at(buffer, "file"));
	put_entry("usage", &memory, out);
	put_entry("swap", &swap, out);
	put_entry("kernel", &none, out);
	put_entry("kernelTCP", &none, out);
	put_raw(buffer, out);
}

/* --- block devices ------------------------------------------------------------------------ */

static void put_io(const char **before, unsigned major, unsigned minor, const char *op,
		   unsigned long long value, struct text *out)
{
	text_printf(out, "%s{\"major\":%u,\"minor\":%u,\"op\":\"%s\",\"value\":%llu}", *before, major,
		    minor, op, value);
	*before = ",";
}

/* Lines "8:0 Read 4096"; the line "Total N" at the end is of no device. */
static void put_io_v1(const struct source *source, const char *bfq, const char *throttle,
		      const char *key, char *buffer, struct text *out)
{
	const char *before = "";

	if (!read_text(source, bfq, buffer, FILE_BYTES) || !strchr(buffer, ':'))
		(void)read_text(source, throttle, buffer, FILE_BYTES);
	text_printf(out, "\"%s\":[", key);
	for (const char *line = buffer; *line;) {
		size_t length = strcspn(line, "\n");
		unsigned long long value;
		unsigned major, minor;
		char op[16];

		if (sscanf(line, "%u:%u %15[A-Za-z] %llu", &major, &minor, op, &value) == 4)
			put_io(&before, major, minor, op, value, out);
		line += length + (line[length] == '\n');
	}
	text_append(out, "]");
}

/* Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void put_io_v2(const char *stat, const char *unit, const char *key, struct text *out)
{
	static const struct {
		char letter;
		const char *op;
	} ops[] = { { 'r', "Read" }, { 'w', "Write" }, { 'd', "Discard" } };
	const char *before = "";

	text_printf(out, "\"%s\":[", key);
	for (const char *line = stat; *line;) {
		size_t length = strcspn(line, "\n");
		unsigned major, minor;

		for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
			char name[16];
			const char *found;

			(void)snprintf(name, sizeof(name), " %c%s=", ops[i].letter, unit);
			found = memmem(line, length, name, strlen(name));
			if (found && sscanf(line, "%u:%u", &major, &minor) == 2)
				put_io(&before, major, minor, ops[i].op,
				       strtoull(found + strlen(name), NULL, 10), out);
		}
		line += length + (line[length] == '\n');
	}
	text_append(out, "]");
}

static void put_block_io(struct cgroup_known *known, char *buffer, struct text *out)
{
	struct source source = source_of(known, "blkio", "io");

	text_append(out, "{");
	if (is_v2(&source)) {
		(void)read_text(&source, "io.stat", buffer, FILE_BYTES);
		put_io_v2(buffer, "bytes", "ioServiceBytesRecursive", out);
		text_append(out, ",");
		put_io_v2(buffer, "ios", "ioServicedRecursive", out);
	} else {
		put_io_v1(&source, "blkio.bfq.io_service_bytes_recursive",
			  "blkio.throttle.io_service_bytes_recursive", "ioServiceBytesRecursive",
			  buffer, out);
		text_append(out, ",");
		put_io_v1(&source, "blkio.bfq.io_serviced_recursive",
			  "blkio.throttle.io_serviced_recursive", "ioServicedRecursive", buffer, out);
	}
	text_append(out, "}");
}

/* --- the rest ----------------------------------------------------------------------------- */

static void put_pids(struct cgroup_known *known, struct text *out)
{
	struct source source = source_of(known, "pids", "pids");
	uint64_t limit = read_number(&source, "pids.max");

	put(out, "{", "current", read_number(&source, "pids.current"));
	if (limit != UINT64_MAX)
		put(out, ",", "limit", limit);
	text_append(out, "}");
}

static void put_hugetlb(struct cgroup_known *known, struct text *out)
{
	static const char *const sizes[] = { "64KB", "1MB", "2MB", "16MB", "32MB",
					     "512MB", "1GB", "2GB", "16GB" };
	struct source source = source_of(known, "hugetlb", "hugetlb");
	const char *before = "";
	char file[64], text[256];

	text_append(out, "{");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		(void)snprintf(file, sizeof(file), "hugetlb.%s.%s", sizes[i],
			       is_v2(&source) ? "current" : "usage_in_bytes");
		if (!read_text(&source, file, text, sizeof(text)))
			continue;
		text_printf(out, "%s\"%s\":", before, sizes[i]);
		put(out, "{", "usage", strtoull(text, NULL, 10));
		if (is_v2(&source)) {
			(void)snprintf(file, sizeof(file), "hugetlb.%s.events", sizes[i]);
			(void)read_text(&source, file, text, sizeof(text));
			put(out, ",", "failcnt", number_at(text, "max"));
		} else {
			(void)snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", sizes[i]);
			put(out, ",", "max", read_number(&source, file));
			(void)snprintf(file, sizeof(file), "hugetlb.%s.failcnt", sizes[i]);
			put(out, ",", "failcnt", read_number(&source, file));
		}
		text_append(out, "}");
		before = ",";
	}
	text_append(out, "}");
}

int cgroup_stats(const struct record *rec, struct text *out, struct err *e)
{
	own_known struct cgroup_known known;
	own_mem char *buffer = malloc(FILE_BYTES);
	struct source memory, controllers;
	char names[512];
	int r;

	r = cgroup_known_read(rec, &known, e);
	if (r < 0)
		return r;
	if (!buffer)
		return err_oom(e);
	controllers = (struct source){ &known,
				       cgroup_place_at(&known, cgroup_place_v2(&known.places)) };
	if (read_text(&controllers, "cgroup.controllers", names, sizeof(names))) {
		names[strcspn(names, "\n")] = '\0';
		known.places.cgroup2_controllers = names;
	}
	text_append(out, "{\"cpu\":");
	if (cgroup_place_find(&known.places, "cpuacct") >= 0)
		put_cpu_v1(&known, buffer, out);
	else
		put_cpu_v2(&known, buffer, out);
	text_append(out, ",\"cpuset\":");
	put_cpuset(&known, buffer, out);
	text_append(out, ",\"memory\":");
	memory = source_of(&known, "memory", "memory");
	if (is_v2(&memory))
		put_memory_v2(&memory, buffer, out);
	else
		put_memory_v1(&memory, buffer, out);
	text_append(out, ",\"pids\":");
	put_pids(&known, out);
	text_append(out, ",\"blkio\":");
	put_block_io(&known, buffer, out);
	text_append(out, ",\"hugetlb\":");
	put_hugetlb(&known, out);
	text_append(out, ",\"intel_rdt\":{},\"network_interfaces\":null}");
	return text_ok(out) ? 0 : err_oom(e);
}
