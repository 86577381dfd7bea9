#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/oci/verb.h"

struct events_values {
	const char *interval;
	bool stats;
};

#define AT(field) offsetof(struct events_values, field)

static const struct option options[] = {
	{ "stats", 0, OPTION_FLAG, AT(stats), NULL, "print the figures of now and end" },
	{ "interval", 0, OPTION_TEXT, AT(interval), "TIME", "between figures: 5s, 500ms, 1m" },
	{ 0 },
};

/* A time as Go writes it: numbers with units, "1m30s". Return: 0; -EINVAL with @e filled. */
static int interval_read(const char *text, int *ret_ms, struct err *e)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "ms", 1 },	{ "us", 1e-3 }, { "ns", 1e-6 },
		      { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };
	const char *at = text;
	double total = 0;

	while (*at) {
		char *unit;
		double number = strtod(at, &unit);
		size_t i = 0;

		while (i < sizeof(units) / sizeof(*units) &&
		       strncmp(unit, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (unit == at || i == sizeof(units) / sizeof(*units))
			break;
		total += number * units[i].ms;
		at = unit + strlen(units[i].name);
	}
	if (*at || at == text || !(total > 0) || total > 1e9)
		return err_set(e, EINVAL, "option '--interval': '%s' is not a time above 0", text);
	*ret_ms = total < 1 ? 1 : (int)total;
	return 0;
}

static int print_stats(struct oci *oci, const char *id, struct err *e)
{
	own_text struct text out = { 0 };
	int r = runtime_stats_json(&oci->rt, id, &out, e);

	return r < 0 ? r : verb_print(&out, e);
}

static int print_oom(const char *id, struct err *e)
{
	own_text struct text out = { 0 };

	text_append(&out, "{\"type\":\"oom\",\"id\":");
	text_json(&out, id);
	text_append(&out, "}\n");
	return verb_print(&out, e);
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the container has ended: that is no error, but the end of the story. */
static int follow(struct oci *oci, const char *id, struct runtime_oom *watch, int interval_ms,
		  struct err *e)
{
	int64_t due_ms = now_ms() + interval_ms;

	for (;;) {
		struct pollfd oom = { .fd = watch->oom.fd, .events = POLLIN };
		int64_t left_ms = due_ms - now_ms();
		int r = poll(&oom, 1, left_ms > 0 ? (int)left_ms : 0);

		if (r < 0 && errno != EINTR)
			return err_sys(e, "wait for events");
		if (r > 0) {
			r = runtime_oom_read(watch, e);
			if (r == -ENOENT)
				return 0;
			if (r == 1)
				r = print_oom(id, e);
			if (r < 0)
				return r;
			continue;
		}
		due_ms += interval_ms;
		r = print_stats(oci, id, e);
		if (r == -ESRCH || r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
	}
}

static int events_run(struct oci *oci, const struct verb *verb, int argc, char **argv,
		      struct err *e)
{
	struct events_values values = { .interval = "5s" };
	struct runtime_oom watch;
	int interval_ms, r;

	r = verb_read(verb, &values, argc, argv, 1, 1, e);
	if (r >= 0)
		r = interval_read(values.interval, &interval_ms, e);
	if (r < 0)
		return r;
	if (values.stats)
		return print_stats(oci, argv[0], e);
	r = runtime_oom_open(&oci->rt, argv[0], &watch, e);
	if (r < 0)
		return r;
	r = follow(oci, argv[0], &watch, interval_ms, e);
	runtime_oom_close(&watch);
	return r;
}

const struct verb verb_events = {
	.name = "events",
	.words = "ID",
	.summary = "print resource figures and out-of-memory events",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.run = events_run,
};
