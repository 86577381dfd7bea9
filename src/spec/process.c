#include <linux/ioprio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/shapes.h"

/* --- user ---------------------------------------------------------------------------------- */

static const struct field user_fields[] = {
	FIELD_INT("uid", struct spec_user, uid, 0, UINT32_MAX),
	FIELD_INT("gid", struct spec_user, gid, 0, UINT32_MAX),
	FIELD_INT("umask", struct spec_user, umask, 0, 07777,
		  FIELD_FLAG(struct spec_user, has_umask)),
	FIELD_U32_LIST("additionalGids", struct spec_user, additional_gids, additional_gid_count),
	FIELD_STRING("username", struct spec_user, username),
	{ 0 },
};

static const struct shape user_shape = { user_fields, sizeof(struct spec_user), NULL };

/* --- capabilities -------------------------------------------------------------------------- */

static int caps_note_unknown(struct reader *reader, const struct place *place,
			     struct spec_caps *caps, const char *name)
{
	struct spec_strings *unknown = &caps->unknown;
	const char **items;

	for (uint32_t i = 0; i < unknown->count; i++)
		if (strcmp(unknown->items[i], name) == 0)
			return 0;
	items = arena_new_array(reader->arena, const char *, (size_t)unknown->count + 2);
	if (!items)
		return err_oom(reader->e);
	if (unknown->count)
		memcpy(items, unknown->items, unknown->count * sizeof(*items));
	items[unknown->count] = name;
	*unknown = (struct spec_strings){ .items = items, .count = unknown->count + 1 };
	return reader_warn(reader, place, "unknown capability '%.64s' ignored", name);
}

/* Names that we do not know are no error: the spec wants them passed over with a warning, so that a
 * config made for a newer kernel starts on an older one. */
static int read_caps(struct reader *reader, const struct place *place, struct json_object *value,
		     const struct field *field, void *base)
{
	uint64_t *set = (void *)((char *)base + field->offset);
	size_t count = json_object_array_length(value);

	if (count > 1024)
		return reader_fail(reader, place, "%zu capabilities are more than there can be",
				   count);
	for (size_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };
		const char *name;
		int number, r;

		r = value_string(reader, &at, json_object_array_get_idx(value, i), &name);
		if (r < 0)
			return r;
		number = spec_cap_number(name);
		if (number >= 0)
			*set |= UINT64_C(1) << number;
		else
			r = caps_note_unknown(reader, &at, base, name);
		if (r < 0)
			return r;
	}
	return 0;
}

#define FIELD_CAPS(k, m) FIELD_OWN(k, array, struct spec_caps, m, read_caps)
static const struct field caps_fields[] = {
	FIELD_CAPS("bounding", bounding),
	FIELD_CAPS("effective", effective),
	FIELD_CAPS("inheritable", inheritable),
	FIELD_CAPS("permitted", permitted),
	FIELD_CAPS("ambient", ambient),
	{ 0 },
};

static const struct shape caps_shape = { caps_fields, sizeof(struct spec_caps), NULL };

/* --- limits and scheduling ----------------------------------------------------------------- */

static int rlimit_check(struct reader *reader, const struct place *place, void *thing)
{
	struct spec_rlimit *limit = thing;
	struct place at = { .up = place, .key = "type" };
	uint64_t resource;

	if (!names_find(&rlimit_names, limit->name, &resource))
		return reader_fail(reader, &at, "unknown rlimit '%.64s'", limit->name);
	if (limit->soft > limit->hard)
		return reader_fail(reader, place, "soft limit of %s is above its hard limit",
				   limit->name);
	limit->resource = (int)resource;
	return 0;
}

static const struct field rlimit_fields[] = {
	FIELD_STRING("type", struct spec_rlimit, name, FIELD_MUST),
	FIELD_INT("soft", struct spec_rlimit, soft, 0, UINT64_MAX, FIELD_MUST),
	FIELD_INT("hard", struct spec_rlimit, hard, 0, UINT64_MAX, FIELD_MUST),
	{ 0 },
};

static const struct shape rlimit_shape = { rlimit_fields, sizeof(struct spec_rlimit),
					   rlimit_check };

static const struct field scheduler_fields[] = {
	FIELD_NAME("policy", struct spec_scheduler, policy, &sched_names, FIELD_MUST),
	FIELD_INT("nice", struct spec_scheduler, nice, -20, 19),
	FIELD_INT("priority", struct spec_scheduler, priority, 0, 99),
	FIELD_FLAGS("flags", struct spec_scheduler, flags, &sched_flag_names),
	FIELD_INT("runtime", struct spec_scheduler, runtime_ns, 0, UINT64_MAX),
	FIELD_INT("deadline", struct spec_scheduler, deadline_ns, 0, UINT64_MAX),
	FIELD_INT("period", struct spec_scheduler, period_ns, 0, UINT64_MAX),
	{ 0 },
};

static const struct shape scheduler_shape = { scheduler_fields, sizeof(struct spec_scheduler),
					      NULL };

static const struct field io_priority_fields[] = {
	FIELD_NAME("class", struct spec_process, io_priority_class, &io_class_names, FIELD_MUST),
	FIELD_INT("priority", struct spec_process, io_priority, 0, 7),
	{ 0 },
};

static const struct shape io_priority_shape = { io_priority_fields, 0, NULL };

static const struct field affinity_fields[] = {
	FIELD_STRING("initial", struct spec_process, cpu_affinity_initial),
	FIELD_STRING("final", struct spec_process, cpu_affinity_final),
	{ 0 },
};

static const struct shape affinity_shape = { affinity_fields, 0, NULL };

/* --- process ------------------------------------------------------------------------------- */

static const struct field console_fields[] = {
	FIELD_INT("height", struct spec_process, console_height, 0, UINT16_MAX, FIELD_MUST),
	FIELD_INT("width", struct spec_process, console_width, 0, UINT16_MAX, FIELD_MUST),
	{ 0 },
};

static const struct shape console_shape = { console_fields, 0, NULL };

/* An object whose members lie flat in struct spec_process. */
static int read_flat(struct reader *reader, const struct place *place, struct json_object *value,
		     const struct field *field, void *base)
{
	return object_read(reader, place, value, field->shape, base);
}

static int process_check(struct reader *reader, const struct place *place, void *thing)
{
	struct spec_process *process = thing;
	int r;

	r = path_is_absolute(reader, place, "cwd", process->cwd);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < process->env.count; i++) {
		struct place list = { .up = place, .key = "env" };
		struct place at = { .up = &list, .index = i };

		if (process->env.items[i][0] == '=')
			return reader_fail(reader, &at, "a variable without a name: '%.64s'",
					   process->env.items[i]);
		if (strchr(process->env.items[i], '='))
			continue;
		r = reader_warn(reader, &at, "'%.64s' has no '='", process->env.items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct field process_fields[] = {
	FIELD_BOOL("terminal", struct spec_process, terminal),
	FIELD_OWN("consoleSize", object, struct spec_process, console_height, read_flat,
		  .shape = &console_shape, FIELD_FLAG(struct spec_process, has_console_size)),
	FIELD_OBJECT("user", struct spec_process, user, &user_shape),
	FIELD_STRINGS("args", struct spec_process, args),
	FIELD_STRINGS("env", struct spec_process, env),
	FIELD_STRING("cwd", struct spec_process, cwd, FIELD_MUST),
	FIELD_OBJECT("capabilities", struct spec_process, caps, &caps_shape,
		     FIELD_FLAG(struct spec_process, has_caps)),
	FIELD_LIST("rlimits", struct spec_process, rlimits, rlimit_count, &rlimit_shape),
	FIELD_BOOL("noNewPrivileges", struct spec_process, no_new_privs),
	FIELD_STRING("apparmorProfile", struct spec_process, apparmor_profile),
	FIELD_STRING("selinuxLabel", struct spec_process, selinux_label),
	FIELD_INT("oomScoreAdj", struct spec_process, oom_score_adj, -1000, 1000,
		  FIELD_FLAG(struct spec_process, has_oom_score_adj)),
	FIELD_NEW_OBJECT("scheduler", struct spec_process, scheduler, &scheduler_shape),
	FIELD_OWN("ioPriority", object, struct spec_process, io_priority_class, read_flat,
		  .shape = &io_priority_shape, FIELD_FLAG(struct spec_process, has_io_priority)),
	FIELD_OWN("execCPUAffinity", object, struct spec_process, cpu_affinity_initial, read_flat,
		  .shape = &affinity_shape),
	{ 0 },
};

const struct shape process_shape = { process_fields, sizeof(struct spec_process), process_check };
