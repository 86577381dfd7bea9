/*
 * gabion-systemd [--user]: asks systemd for a cgroup on behalf of a runtime that is linked statically
 * and so cannot load libsystemd. Standard input is a socket. A request is a line with a verb and,
 * up to an empty line, properties; the answer is one line, "ok [PATH]" or "error TEXT".
 *
 *     start UNIT   make the transient scope (or slice) with ourselves inside, say where it is
 *     attach PID   move a process into the scope just made
 *     set UNIT     change properties of a unit
 *     stop UNIT    stop it; one that is not there is stopped
 *
 * We stay in the scope until the socket ends: an empty scope would vanish before the container's
 * first process is in.
 *
 * A property is "NAME TYPE VALUE". TYPE is D-Bus's letter (s, b, t, i), or c for a list of numbers
 * that travels as a bit mask, or D for a device rule as devices.allow has it.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define SERVICE   "org.freedesktop.systemd1"
#define OBJECT    "/org/freedesktop/systemd1"
#define MANAGER   "org.freedesktop.systemd1.Manager"
#define WAIT_US   (30ull * 1000 * 1000)
#define LINE_BYTES 4096
#define PROPERTY_COUNT_MAX 512
#define MASK_BYTES_MAX 1024

struct request {
	char verb[LINE_BYTES];
	char *argument; /* inside of verb */
	char *properties[PROPERTY_COUNT_MAX];
	size_t property_count;
};

struct job {
	const char *path;
	char result[64];
	bool is_done;
};

static char unit_started[LINE_BYTES];

/* --- the socket --------------------------------------------------------------------------- */

static void answer(const char *word, const char *text)
{
	char line[LINE_BYTES + 16];
	int length = snprintf(line, sizeof(line), "%s%s%.*s\n", word, *text ? " " : "", LINE_BYTES,
			      text);

	(void)send(STDIN_FILENO, line, (size_t)length, MSG_NOSIGNAL);
}

static void answer_error(int r, const sd_bus_error *error, const char *what)
{
	char text[LINE_BYTES];

	(void)snprintf(text, sizeof(text), "%s: %s", what,
		       error && error->message ? error->message : strerror(-r));
	text[strcspn(text, "\n")] = '\0';
	answer("error", text);
}

static bool read_line(char *line)
{
	if (!fgets(line, LINE_BYTES, stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* Return: false at the end of the socket. */
static bool read_request(struct request *request)
{
	char line[LINE_BYTES];

	while (request->property_count)
		free(request->properties[--request->property_count]);
	if (!read_line(request->verb))
		return false;
	request->argument = strchr(request->verb, ' ');
	if (request->argument)
		*request->argument++ = '\0';
	while (read_line(line)) {
		if (!*line)
			return request->argument != NULL;
		if (request->property_count == PROPERTY_COUNT_MAX)
			return false;
		request->properties[request->property_count] = strdup(line);
		if (!request->properties[request->property_count++])
			return false;
	}
	return false;
}

/* --- properties --------------------------------------------------------------------------- */

/* "0-2,7" as a bit mask: how D-Bus carries AllowedCPUs. */
static int append_mask(sd_bus_message *message, const char *list)
{
	uint8_t mask[MASK_BYTES_MAX] = { 0 };
	size_t used = 0;

	while (*list) {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (end == list)
			return -EINVAL;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= 8ul * MASK_BYTES_MAX || (*end && *end != ','))
			return -EINVAL;
		for (unsigned long n = first; n <= last; n++) {
			mask[n / 8] |= (uint8_t)(1u << (n % 8));
			used = n / 8 + 1 > used ? n / 8 + 1 : used;
		}
		list = *end ? end + 1 : end;
	}
	return sd_bus_message_append_array(message, 'y', mask, used);
}

/* The name that /proc/devices gives to a major number: systemd's way to say "all of them". */
static bool group_name(char type, unsigned major, char *name, size_t bytes)
{
	const char *heading = type == 'c' ? "Character devices:" : "Block devices:";
	FILE *file = fopen("/proc/devices", "re");
	char line[256], word[200];
	bool inside = false, found = false;
	unsigned number;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strstr(line, "devices:"))
			inside = !strncmp(line, heading, strlen(heading));
		else if (inside && sscanf(line, "%u %199s", &number, word) == 2 && number == major)
			found = true;
	}
	if (file)
		(void)fclose(file);
	if (found)
		(void)snprintf(name, bytes, "%s-%s", type == 'c' ? "char" : "block", word);
	return found;
}

/* "c 136:* rwm". A group that this kernel has no name for cannot be told, and has no devices. */
static int append_device(sd_bus_message *message, const char *rule)
{
	char type, major[16], minor[16], access[8], name[256];
	int r;

	if (sscanf(rule, "%c %15[0-9*]:%15[0-9*] %7[rwm]", &type, major, minor, access) != 4)
		return -EINVAL;
	if (!strcmp(major, "*"))
		(void)snprintf(name, sizeof(name), "%s-*", type == 'c' ? "char" : "block");
	else if (strcmp(minor, "*"))
		(void)snprintf(name, sizeof(name), "/dev/%s/%s:%s", type == 'c' ? "char" : "block",
			       major, minor);
	else if (!group_name(type, (unsigned)strtoul(major, NULL, 10), name, sizeof(name)))
		return 0;
	r = sd_bus_message_open_container(message, 'r', "ss");
	if (r >= 0)
		r = sd_bus_message_append(message, "ss", name, access);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_scalar(sd_bus_message *message, char type, const char *value)
{
	switch (type) {
	case 's':
		return sd_bus_message_append(message, "s", value);
	case 'b':
		return sd_bus_message_append(message, "b", atoi(value));
	case 'i':
		return sd_bus_message_append(message, "i", atoi(value));
	case 't':
		return sd_bus_message_append(message, "t", (uint64_t)strtoull(value, NULL, 10));
	default:
		return -EINVAL;
	}
}

static int append_property(sd_bus_message *message, const char *name, char type, const char *value)
{
	const char letter[] = { type, '\0' };
	int r;

	r = sd_bus_message_open_container(message, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(message, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', type == 'c' ? "ay" : letter);
	if (r >= 0)
		r = type == 'c' ? append_mask(message, value) : append_scalar(message, type, value);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

/* All device rules together are one property. */
static int append_devices(sd_bus_message *message, const struct request *request)
{
	int r = sd_bus_message_open_container(message, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(message, "s", "DeviceAllow");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "a(ss)");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(ss)");
	for (size_t i = 0; r >= 0 && i < request->property_count; i++)
		if (!strncmp(request->properties[i], "DeviceAllow D ", 14))
			r = append_device(message, request->properties[i] + 14);
	for (int level = 0; r >= 0 && level < 3; level++)
		r = sd_bus_message_close_container(message);
	return r;
}

static int append_all(sd_bus_message *message, const struct request *request)
{
	bool has_devices = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < request->property_count; i++) {
		char name[64], type;
		int value = 0;

		if (sscanf(request->properties[i], "%63s %c %n", name, &type, &value) < 2 || !value)
			return -EINVAL;
		if (type == 'D')
			has_devices = true;
		else
			r = append_property(message, name, type, request->properties[i] + value);
	}
	return r >= 0 && has_devices ? append_devices(message, request) : r;
}

/* --- calls -------------------------------------------------------------------------------- */

static bool is_slice(const char *unit)
{
	size_t length = strlen(unit);

	return length > 6 && !strcmp(unit + length - 6, ".slice");
}

static int open_bus(bool is_user, sd_bus **ret_bus)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	sd_bus *bus = NULL;
	char address[PATH_MAX];
	int r;

	if (!is_user)
		return sd_bus_default_system(ret_bus);
	r = sd_bus_default_user(ret_bus);
	if (r >= 0 || !runtime_dir || strpbrk(runtime_dir, ",;%"))
		return r;
	/* Inside a user namespace the bus takes us for root and turns us away; the manager does not. */
	(void)snprintf(address, sizeof(address), "unix:path=%s/systemd/private", runtime_dir);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

static int job_removed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct job *job = context;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (job->path && !strcmp(path, job->path)) {
		(void)snprintf(job->result, sizeof(job->result), "%s", result);
		job->is_done = true;
	}
	return 0;
}

/* Signals that come before we know the job's path stay in the queue: nothing is processed yet. */
static int wait_job(sd_bus *bus, struct job *job)
{
	while (!job->is_done) {
		int r = sd_bus_process(bus, NULL);

		if (r == 0)
			r = sd_bus_wait(bus, WAIT_US);
		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
	return strcmp(job->result, "done") ? -EIO : 0;
}

/* Send @call, whose answer is a job, and wait for the job's end. */
static int call_job(sd_bus *bus, sd_bus_message *call, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	sd_bus_slot *slot = NULL;
	struct job job = { 0 };
	int r;

	r = sd_bus_match_signal(bus, &slot, NULL, OBJECT, MANAGER, "JobRemoved", job_removed, &job);
	if (r >= 0)
		r = sd_bus_call(bus, call, 0, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job.path);
	if (r >= 0)
		r = wait_job(bus, &job);
	sd_bus_slot_unref(slot);
	sd_bus_message_unref(reply);
	return r;
}

static int start_once(sd_bus *bus, const struct request *request, sd_bus_error *error)
{
	const char *unit = request->argument;
	sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, SERVICE, OBJECT, MANAGER,
					   "StartTransientUnit");
	if (r >= 0)
		r = sd_bus_message_append(call, "ss", unit, "replace");
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(sv)");
	if (r >= 0)
		r = append_all(call, request);
	if (r >= 0)
		r = sd_bus_message_append(call, "(sv)", "Description", "s", "gabion container");
	if (r >= 0 && !is_slice(unit))
		r = sd_bus_message_append(call, "(sv)", "PIDs", "au", 1, (uint32_t)getpid());
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = sd_bus_message_append(call, "a(sa(sv))", 0);
	if (r >= 0)
		r = call_job(bus, call, error);
	sd_bus_message_unref(call);
	return r;
}

static int control_group(sd_bus *bus, const char *unit, char **ret_path, sd_bus_error *error)
{
	char *object = NULL;
	int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &object);

	if (r >= 0)
		r = sd_bus_get_property_string(bus, SERVICE, object,
					       is_slice(unit) ? SERVICE ".Slice" : SERVICE ".Scope",
					       "ControlGroup", error, ret_path);
	free(object);
	return r;
}

static void do_start(sd_bus *bus, const struct request *request)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *path = NULL;
	int r = start_once(bus, request, &error);

	/* What an earlier container left as "failed" still has the name. */
	if (r == -EEXIST || sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists")) {
		sd_bus_error_free(&error);
		(void)sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "ResetFailedUnit", NULL, NULL,
					 "s", request->argument);
		r = start_once(bus, request, &error);
	}
	if (r >= 0)
		r = control_group(bus, request->argument, &path, &error);
	if (r < 0) {
		answer_error(r, &error, request->argument);
	} else {
		(void)snprintf(unit_started, sizeof(unit_started), "%s", request->argument);
		answer("ok", path);
	}
	free(path);
	sd_bus_error_free(&error);
}

static void do_attach(sd_bus *bus, const struct request *request)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "AttachProcessesToUnit", &error, NULL,
				   "ssau", unit_started, "", 1,
				   (uint32_t)strtoul(request->argument, NULL, 10));

	if (r < 0)
		answer_error(r, &error, "attach");
	else
		answer("ok", "");
	sd_bus_error_free(&error);
}

static void do_set(sd_bus *bus, const struct request *request)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, SERVICE, OBJECT, MANAGER,
					   "SetUnitProperties");
	if (r >= 0)
		r = sd_bus_message_append(call, "sb", request->argument, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(sv)");
	if (r >= 0)
		r = append_all(call, request);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = sd_bus_call(bus, call, 0, &error, NULL);
	if (r < 0)
		answer_error(r, &error, request->argument);
	else
		answer("ok", "");
	sd_bus_message_unref(call);
	sd_bus_error_free(&error);
}

static void do_stop(sd_bus *bus, const struct request *request)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, SERVICE, OBJECT, MANAGER, "StopUnit");
	if (r >= 0)
		r = sd_bus_message_append(call, "ss", request->argument, "replace");
	if (r >= 0)
		r = call_job(bus, call, &error);
	if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
		r = 0;
	/* A process that was killed leaves the unit "failed", and its name taken. */
	(void)sd_bus_call_method(bus, SERVICE, OBJECT, MANAGER, "ResetFailedUnit", NULL, NULL, "s",
				 request->argument);
	if (r < 0)
		answer_error(r, &error, request->argument);
	else
		answer("ok", "");
	sd_bus_message_unref(call);
	sd_bus_error_free(&error);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(sd_bus *bus, const struct request *request);
	} verbs[] = {
		{ "start", do_start },
		{ "attach", do_attach },
		{ "set", do_set },
		{ "stop", do_stop },
	};
	static struct request request;
	sd_bus *bus = NULL;
	int r = open_bus(argc > 1 && !strcmp(argv[1], "--user"), &bus);

	while (read_request(&request)) {
		bool is_known = false;

		for (size_t i = 0; r >= 0 && i < sizeof(verbs) / sizeof(*verbs); i++) {
			if (strcmp(request.verb, verbs[i].name))
				continue;
			is_known = true;
			verbs[i].run(bus, &request);
		}
		if (r < 0)
			answer_error(r, NULL, "connect to systemd");
		else if (!is_known)
			answer("error", "unknown request");
	}
	sd_bus_flush_close_unref(bus);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
