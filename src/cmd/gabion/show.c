/*
 * gabion ps, inspect, logs, top, stats: what is there and what it does.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/table.h"

struct show_options {
	bool all, quiet, no_trunc, follow, timestamps, no_stream;
	struct option_number last;
	const char *format, *tail, *type, *since;
	struct option_list filters;
};

#define AT(member) offsetof(struct show_options, member)
#define PRETTY                                                                                     \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

/* --- words --------------------------------------------------------------------------------- */

static void ago(int64_t then, char *out, size_t size)
{
	int64_t seconds = (int64_t)time(NULL) - then;
	static const struct {
		int64_t least, unit;
		const char *name;
	} steps[] = { { 2 * 365 * 86400, 365 * 86400, "years" }, { 60 * 86400, 30 * 86400, "months" },
		      { 14 * 86400, 7 * 86400, "weeks" },	  { 48 * 3600, 86400, "days" },
		      { 7200, 3600, "hours" },			  { 60, 60, "minutes" } };

	if (seconds >= 60 && seconds < 120) {
		(void)snprintf(out, size, "About a minute");
		return;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (seconds < steps[i].least)
			continue;
		(void)snprintf(out, size, "%lld %s", (long long)(seconds / steps[i].unit), steps[i].name);
		return;
	}
	(void)snprintf(out, size, "%lld second%s", (long long)(seconds < 0 ? 0 : seconds),
		       seconds == 1 ? "" : "s");
}

static void status_words(const char *status, const struct box *box, char *out, size_t size)
{
	char since[32];

	if (strcmp(status, "running") == 0 || strcmp(status, "paused") == 0) {
		ago(time_parse(doc_text_at(box->state, "StartedAt", "")), since, sizeof(since));
		(void)snprintf(out, size, "Up %s%s", since, status[0] == 'p' ? " (Paused)" : "");
	} else if (strcmp(status, "exited") == 0) {
		ago(time_parse(doc_text_at(box->state, "FinishedAt", "")), since, sizeof(since));
		(void)snprintf(out, size, "Exited (%lld) %s ago",
			       (long long)doc_number_at(box->state, "ExitCode", 0), since);
	} else {
		(void)snprintf(out, size, "%s", status[0] == 'c' ? "Created" : "Dead");
	}
}

static void command_words(struct json_object *meta, bool no_trunc, char *out, size_t size)
{
	struct json_object *args = doc_at(meta, "Args");
	size_t used = (size_t)snprintf(out, size, "\"%s", doc_text_at(meta, "Path", ""));

	for (size_t i = 0; i < doc_count(args) && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, " %s",
					 json_object_get_string(json_object_array_get_idx(args, i)));
	if (!no_trunc && used > 20)
		(void)snprintf(out + 18, size - 18, "…\"");
	else if (used < size - 1)
		(void)snprintf(out + used, size - used, "\"");
}

static void port_words(struct json_object *meta, char *out, size_t size)
{
	struct json_object *ports = doc_at(meta, "NetworkSettings.Ports");
	size_t used = 0;

	out[0] = '\0';
	if (!ports)
		return;
	json_object_object_foreach(ports, key, bindings) {
		for (size_t i = 0; i < doc_count(bindings) && used < size; i++) {
			struct json_object *one = json_object_array_get_idx(bindings, i);

			used += (size_t)snprintf(out + used, size - used, "%s%s:%s->%s",
						 used ? ", " : "", doc_text_at(one, "HostIp", ""),
						 doc_text_at(one, "HostPort", ""), key);
		}
	}
}

/* --- ps ------------------------------------------------------------------------------------ */

static const struct option ps_table[] = {
	{ "all", 'a', OPTION_FLAG, AT(all), NULL, "also those that do not run" },
	{ "filter", 'f', OPTION_LIST, AT(filters), "KEY=VALUE", "name, id, status, ancestor, label" },
	{ "format", 0, OPTION_TEXT, AT(format), "FORMAT", "json, or a template such as '{{.Names}}'" },
	{ "last", 'n', OPTION_NUMBER, AT(last), "N", "the last N, whatever their state" },
	{ "no-trunc", 0, OPTION_FLAG, AT(no_trunc), NULL, "whole ids and commands" },
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "ids only" },
	{ 0 },
};

static bool label_matches(struct json_object *meta, const char *word)
{
	char key[256];
	size_t length = strcspn(word, "=");
	const char *value;

	(void)snprintf(key, sizeof(key), "%.*s", (int)length, word);
	value = json_object_get_string(json_object_object_get(doc_at(meta, "Config.Labels"), key));
	return value && (!word[length] || strcmp(value, word + length + 1) == 0);
}

static int filters_match(const struct box *box, const char *status, const struct option_list *list,
			 bool *ret_match, struct err *e)
{
	*ret_match = true;
	for (uint32_t i = 0; i < list->count; i++) {
		const char *word = list->items[i], *value = strchr(word, '=');
		size_t length = value ? (size_t)(value - word) : 0;

		if (length == 4 && strncmp(word, "name", 4) == 0)
			*ret_match &= strstr(doc_text_at(box->meta, "Name", ""), value + 1) != NULL;
		else if (length == 2 && strncmp(word, "id", 2) == 0)
			*ret_match &= strncmp(box->id, value + 1, strlen(value + 1)) == 0;
		else if (length == 6 && strncmp(word, "status", 6) == 0)
			*ret_match &= strcmp(status, value + 1) == 0;
		else if (length == 8 && strncmp(word, "ancestor", 8) == 0)
			*ret_match &= strcmp(doc_text_at(box->meta, "Config.Image", ""), value + 1) == 0;
		else if (length == 5 && strncmp(word, "label", 5) == 0)
			*ret_match &= label_matches(box->meta, value + 1);
		else
			return err_set(e, EINVAL, "invalid filter '%s'", word);
	}
	return 0;
}

static bool has_status_filter(const struct option_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], "status=", 7) == 0)
			return true;
	return false;
}

/* {{.Name}} out of a document; {{json .}} and {{json .Name}} too. What is missing is "<no value>". */
static void template_print(const char *format, struct json_object *document)
{
	const char *at = format;

	while (*at) {
		const char *end = strncmp(at, "{{", 2) == 0 ? strstr(at, "}}") : NULL;
		struct json_object *value;
		char path[256];
		bool as_json;

		if (!end) {
			if (strncmp(at, "\\n", 2) == 0 || strncmp(at, "\\t", 2) == 0) {
				(void)putchar(at[1] == 'n' ? '\n' : '\t');
				at += 2;
				continue;
			}
			(void)putchar(*at++);
			continue;
		}
		(void)snprintf(path, sizeof(path), "%.*s", (int)(end - at - 2), at + 2);
		at = end + 2;
		as_json = strstr(path, "json ") != NULL;
		for (char *c = path + strlen(path); c > path && isspace((unsigned char)c[-1]);)
			*--c = '\0';
		value = strchr(path, '.') ? doc_at(document, strchr(path, '.') + 1) : NULL;
		if (as_json)
			(void)fputs(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
									  JSON_C_TO_STRING_NOSLASHESCAPE),
				    stdout);
		else if (value && json_object_is_type(value, json_type_array)) {
			(void)putchar('[');
			for (size_t i = 0; i < doc_count(value); i++)
				(void)printf("%s%s", i ? " " : "",
					     json_object_get_string(json_object_array_get_idx(value, i)));
			(void)putchar(']');
		} else {
			(void)fputs(value ? json_object_get_string(value) : "<no value>", stdout);
		}
	}
	(void)putchar('\n');
}

static void ps_row(const struct box *box, const char *status, const struct show_options *options,
		   struct table *table)
{
	char created[32], words[64], command[512], ports[256];
	const char *name = doc_text_at(box->meta, "Name", "/");
	own_json struct json_object *row = NULL;
	char id[BOX_ID_BYTES + 1];

	(void)snprintf(id, sizeof(id), "%.*s", options->no_trunc ? BOX_ID_BYTES : BOX_SHORT_BYTES,
		       box->id);
	if (options->quiet) {
		(void)puts(id);
		return;
	}
	ago(time_parse(doc_text_at(box->meta, "Created", "")), created, sizeof(created));
	status_words(status, box, words, sizeof(words));
	command_words(box->meta, options->no_trunc, command, sizeof(command));
	port_words(box->meta, ports, sizeof(ports));
	if (!options->format) {
		table_cell(table, "%s", id);
		table_cell(table, "%s", doc_text_at(box->meta, "Config.Image", ""));
		table_cell(table, "%s", command);
		table_cell(table, "%s ago", created);
		table_cell(table, "%s", words);
		table_cell(table, "%s", ports);
		table_cell(table, "%s", name + 1);
		return;
	}
	row = doc_new();
	doc_text(row, "ID", id);
	doc_text(row, "Image", doc_text_at(box->meta, "Config.Image", ""));
	doc_text(row, "Command", command);
	doc_text(row, "CreatedAt", doc_text_at(box->meta, "Created", ""));
	doc_text(row, "Status", words);
	doc_text(row, "State", status);
	doc_text(row, "Ports", ports);
	doc_text(row, "Names", name + 1);
	if (strcmp(options->format, "json") == 0)
		(void)puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN |
								       JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		template_print(options->format, row);
}

static int ps(struct app *app, const struct show_options *options, struct err *e)
{
	static const char *const heads[] = { "CONTAINER ID", "IMAGE", "COMMAND", "CREATED",
					     "STATUS",	     "PORTS", "NAMES" };
	struct table table = { .columns = 7 };
	bool all = options->all || options->last.is_given || has_status_filter(&options->filters);
	const char **ids;
	size_t count;
	int64_t shown = 0;
	int r;

	r = box_list(app, &ids, &count, e);
	if (r < 0)
		return r;
	for (size_t i = 0; !options->quiet && !options->format && i < 7; i++)
		table_cell(&table, "%s", heads[i]);
	for (size_t i = 0; i < count; i++) {
		own_box struct box box = BOX_NONE;
		struct err ignored = { 0 };
		const char *status;
		bool matches;

		if (box_find(app, ids[i], &box, &ignored) < 0)
			continue; /* it is being removed */
		status = box_status(app, &box);
		r = filters_match(&box, status, &options->filters, &matches, e);
		if (r < 0)
			return r;
		if (!matches || (!all && status[0] != 'r' && status[0] != 'p') ||
		    (options->last.is_given && shown >= options->last.value))
			continue;
		shown++;
		ps_row(&box, status, options, &table);
	}
	table_print(&table);
	return 0;
}

int ps_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct show_options options = { 0 };
	int words, r;

	r = options_read(ps_table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r == 0 && words)
		r = err_set(e, EINVAL, "takes no arguments");
	if (r == 0)
		r = ps(app, &options, e);
	option_list_release(&options.filters);
	return r < 0 ? err_wrap(e, r, "ps") : r;
}

/* --- inspect ------------------------------------------------------------------------------- */

static struct json_object *inspect_document(struct app *app, const struct box *box)
{
	struct json_object *document = doc_copy(box->meta), *state = doc_object(document, "State");
	const char *status = box_status(app, box);

	doc_text(state, "Status", status);
	doc_flag(state, "Running", status[0] == 'r' || status[0] == 'p');
	doc_flag(state, "Paused", status[0] == 'p');
	doc_flag(state, "Restarting", false);
	doc_flag(state, "Dead", status[0] == 'd');
	doc_number(state, "Pid", box_pid(app, box));
	doc_number(state, "ExitCode", doc_number_at(box->state, "ExitCode", 0));
	doc_text(state, "Error", doc_text_at(box->state, "Error", ""));
	doc_text(state, "StartedAt", doc_text_at(box->state, "StartedAt", "0001-01-01T00:00:00Z"));
	doc_text(state, "FinishedAt", doc_text_at(box->state, "FinishedAt", "0001-01-01T00:00:00Z"));
	return document;
}

static const struct option inspect_table[] = {
	{ "format", 'f', OPTION_TEXT, AT(format), "TEMPLATE", "such as '{{.State.Pid}}'" },
	{ "type", 0, OPTION_TEXT, AT(type), "container", NULL },
	{ 0 },
};

int inspect_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct show_options options = { 0 };
	own_json struct json_object *all = json_object_new_array();
	int words, r;

	r = options_read(inspect_table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r == 0 && !words)
		r = err_set(e, EINVAL, "a container must be named");
	if (r < 0)
		return err_wrap(e, r, "inspect");
	for (int i = 0; i < words; i++) {
		own_box struct box box = BOX_NONE;

		r = box_find(app, argv[i], &box, e);
		if (r < 0)
			return r;
		doc_value(all, NULL, inspect_document(app, &box));
		if (options.format && strcmp(options.format, "json") != 0)
			template_print(options.format, json_object_array_get_idx(all, (size_t)i));
	}
	if (!options.format || strcmp(options.format, "json") == 0)
		(void)puts(json_object_to_json_string_ext(all, PRETTY));
	return 0;
}

/* --- logs ---------------------------------------------------------------------------------- */

static const struct option logs_table[] = {
	{ "follow", 'f', OPTION_FLAG, AT(follow), NULL, "go on as more is written" },
	{ "tail", 'n', OPTION_TEXT, AT(tail), "N|all", "the last N lines" },
	{ "timestamps", 't', OPTION_FLAG, AT(timestamps), NULL, "with the time of each line" },
	{ 0 },
};

static void log_line_print(const char *line, bool timestamps)
{
	own_json struct json_object *entry = json_tokener_parse(line);
	struct json_object *text = doc_at(entry, "log");
	FILE *out = strcmp(doc_text_at(entry, "stream", ""), "stderr") == 0 ? stderr : stdout;

	if (!text)
		return;
	if (timestamps)
		(void)fprintf(out, "%s ", doc_text_at(entry, "time", ""));
	(void)fwrite(json_object_get_string(text), 1, (size_t)json_object_get_string_len(text), out);
}

/* Where the last @count lines begin. */
static void tail_seek(FILE *file, long count)
{
	long lines = 0, at;
	char block[4096];

	(void)fseek(file, 0, SEEK_END);
	at = ftell(file);
	while (at > 0) {
		long size = at < (long)sizeof(block) ? at : (long)sizeof(block);

		at -= size;
		(void)fseek(file, at, SEEK_SET);
		if (fread(block, 1, (size_t)size, file) != (size_t)size)
			break;
		for (long i = size; i-- > 0;) {
			if (block[i] != '\n' || ++lines <= count)
				continue;
			(void)fseek(file, at + i + 1, SEEK_SET);
			return;
		}
	}
	(void)fseek(file, 0, SEEK_SET);
}

static int logs_print(const struct box *box, const struct show_options *options, struct err *e)
{
	int fd = openat(box->dir_fd, "container.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	own_file FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	const struct timespec pause = { .tv_nsec = 50000000 };
	own_mem char *line = NULL;
	size_t capacity = 0;
	int64_t count;

	if (!file)
		return errno == ENOENT ? 0 : err_sys(e, "open the log");
	if (options->tail && strcmp(options->tail, "all") != 0) {
		if (option_number_read(options->tail, &count) < 0)
			return err_set(e, EINVAL, "--tail %s: expected a number or all", options->tail);
		tail_seek(file, count < 0 ? 0 : (long)count);
	}
	for (;;) {
		bool is_alive = box_is_alive(box); /* asked first: what it wrote last is read then */
		long before;

		while (before = ftell(file), getline(&line, &capacity, file) > 0) {
			if (!strchr(line, '\n')) { /* half a line: again when it is whole */
				(void)fseek(file, before, SEEK_SET);
				break;
			}
			log_line_print(line, options->timestamps);
		}
		(void)fflush(stdout);
		if (!options->follow || !is_alive)
			return 0;
		clearerr(file);
		(void)nanosleep(&pause, NULL);
	}
}

int logs_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct show_options options = { 0 };
	own_box struct box box = BOX_NONE;
	int words, r;

	r = options_read(logs_table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r == 0 && words != 1)
		r = err_set(e, EINVAL, "one container must be named");
	if (r < 0)
		return err_wrap(e, r, "logs");
	r = box_find(app, argv[0], &box, e);
	return r < 0 ? r : logs_print(&box, &options, e);
}

/* --- top, stats ---------------------------------------------------------------------------- */

static void top_row(pid_t pid, struct table *table)
{
	char path[64], name[64] = "", line[512] = "";
	own_file FILE *status = NULL;
	own_fd int fd = -EBADF;
	unsigned uid = 0;
	char state = '?';
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		(void)sscanf(line, "Name: %63[^\n]", name);
		(void)sscanf(line, "State: %c", &state);
		(void)sscanf(line, "Uid: %u", &uid);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;
	for (ssize_t i = 0; i < length; i++)
		if (!line[i])
			line[i] = ' ';
	line[length > 0 ? length : 0] = '\0';
	table_cell(table, "%u", uid);
	table_cell(table, "%d", pid);
	table_cell(table, "%c", state);
	table_cell(table, "%s", line[0] ? line : name);
}

int top_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct table table = { .columns = 4 };
	own_box struct box box = BOX_NONE;
	uint32_t count;
	pid_t *pids;
	int r;

	if (argc != 1)
		return err_set(e, EINVAL, "top: one container must be named");
	r = box_find(app, argv[0], &box, e);
	if (r < 0)
		return r;
	if (!box_is_alive(&box))
		return err_set(e, ESRCH, "container '%s' is not running", argv[0]);
	r = runtime_pids(&app->runtime, box.id, &app->arena, &pids, &count, e);
	if (r < 0)
		return r;
	table_cell(&table, "UID");
	table_cell(&table, "PID");
	table_cell(&table, "STATE");
	table_cell(&table, "COMMAND");
	for (uint32_t i = 0; i < count; i++)
		top_row(pids[i], &table);
	table_print(&table);
	return 0;
}

static void bytes_words(int64_t bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(out, size, "%.4g%s", value, units[unit]);
}

static int stats_row(struct app *app, struct box *box, struct table *table, struct err *e)
{
	own_text struct text text = { 0 };
	own_json struct json_object *document = NULL;
	char used[32], limit[32];
	int64_t most;
	int r;

	r = runtime_stats_json(&app->runtime, box->id, &text, e);
	if (r == 0)
		r = json_parse(text_str(&text), text.length, "statistics", &document, e);
	if (r < 0)
		return r;
	bytes_words(doc_number_at(document, "data.memory.usage.usage", 0), used, sizeof(used));
	most = doc_number_at(document, "data.memory.usage.limit", 0);
	bytes_words(most, limit, sizeof(limit));
	table_cell(table, "%.12s", box->id);
	table_cell(table, "%s", doc_text_at(box->meta, "Name", "/") + 1);
	table_cell(table, "%.2fs",
		   (double)doc_number_at(document, "data.cpu.usage.total", 0) / 1e9);
	table_cell(table, "%s / %s", used, most <= 0 || most > INT64_C(1) << 60 ? "no limit" : limit);
	table_cell(table, "%lld", (long long)doc_number_at(document, "data.pids.current", 0));
	return 0;
}

int stats_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const char *const heads[] = { "CONTAINER ID", "NAME", "CPU TIME", "MEM USAGE / LIMIT",
					     "PIDS" };
	static const struct option table_options[] = {
		{ "no-stream", 0, OPTION_FLAG, AT(no_stream), NULL, "once; this is always so" },
		{ 0 },
	};
	struct show_options options = { 0 };
	struct table table = { .columns = 5 };
	const char **ids = NULL;
	size_t count = 0;
	int words, r;

	r = options_read(table_options, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r == 0 && !words)
		r = box_list(app, &ids, &count, e);
	if (r < 0)
		return err_wrap(e, r, "stats");
	for (size_t i = 0; i < 5; i++)
		table_cell(&table, "%s", heads[i]);
	for (size_t i = 0; i < (words ? (size_t)words : count); i++) {
		own_box struct box box = BOX_NONE;

		r = box_find(app, words ? argv[i] : ids[i], &box, e);
		if (r == 0 && (words || box_is_alive(&box)))
			r = stats_row(app, &box, &table, e);
		if (r < 0)
			return r;
	}
	table_print(&table);
	return 0;
}
