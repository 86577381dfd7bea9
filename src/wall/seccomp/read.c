#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/syscalls.h"
#include "wall/seccomp/words.h"

#define COND_COUNT_MAX 64 /* of one rule; six arguments leave no use for more */

struct reader {
	const char *root; /* what the path of a field starts with */
	int rule;         /* index of the rule being read, or -1 */
	int arg;          /* index of its condition, or -1 */
	const struct seccomp_facts *facts; /* NULL: OCI's form, nothing depends on anything */
	struct seccomp_profile *profile;
	struct err *e;
};

/* --- fields -------------------------------------------------------------------------------- */

/* Say what is wrong with @field of what is being read. Return: -@code. */
__attribute__((format(printf, 4, 5))) static int fail(const struct reader *reader, int code,
						      const char *field, const char *format, ...)
{
	char place[64] = "", text[192];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (reader->rule >= 0 && reader->arg >= 0)
		(void)snprintf(place, sizeof(place), "syscalls[%d].args[%d].", reader->rule,
			       reader->arg);
	else if (reader->rule >= 0)
		(void)snprintf(place, sizeof(place), "syscalls[%d].", reader->rule);
	return err_set(reader->e, code, "%s%s%s: %s", reader->root, place, field, text);
}

static const char *type_word(enum json_type type)
{
	switch (type) {
	case json_type_string:
		return "a string";
	case json_type_array:
		return "an array";
	case json_type_object:
		return "an object";
	case json_type_int:
		return "an integer";
	case json_type_null:
	case json_type_boolean:
	case json_type_double:
		break;
	}
	return "something else";
}

/* Field @key of @json, NULL when absent or null. */
static int get(const struct reader *reader, struct json_object *json, const char *key,
	       enum json_type type, struct json_object **ret_field)
{
	struct json_object *field = NULL;

	*ret_field = NULL;
	if (!json_object_object_get_ex(json, key, &field) || !field)
		return 0;
	if (!json_object_is_type(field, type))
		return fail(reader, EINVAL, key, "must be %s", type_word(type));
	*ret_field = field;
	return 0;
}

static int get_string(const struct reader *reader, struct json_object *json, const char *key,
		      const char **ret_string)
{
	struct json_object *field;
	int r = get(reader, json, key, json_type_string, &field);

	*ret_string = field ? json_object_get_string(field) : NULL;
	if (*ret_string && strlen(*ret_string) != (size_t)json_object_get_string_len(field))
		return fail(reader, EINVAL, key, "has a NUL inside");
	return r;
}

/* String @i of an array. */
static int get_item(const struct reader *reader, struct json_object *array, size_t i,
		    const char *key, const char **ret_string)
{
	struct json_object *item = json_object_array_get_idx(array, i);

	if (!json_object_is_type(item, json_type_string))
		return fail(reader, EINVAL, key, "entry %zu must be a string", i);
	*ret_string = json_object_get_string(item);
	if (strlen(*ret_string) != (size_t)json_object_get_string_len(item))
		return fail(reader, EINVAL, key, "entry %zu has a NUL inside", i);
	return 0;
}

/* An integer from 0 to @max. @ret_is_given may be NULL for one that must be there. */
static int get_number(const struct reader *reader, struct json_object *json, const char *key,
		      uint64_t max, bool *ret_is_given, uint64_t *ret_number)
{
	struct json_object *field;
	int r = get(reader, json, key, json_type_int, &field);

	*ret_number = 0;
	if (r < 0)
		return r;
	if (ret_is_given)
		*ret_is_given = field;
	else if (!field)
		return fail(reader, EINVAL, key, "is missing");
	if (!field)
		return 0;
	*ret_number = json_object_get_uint64(field);
	if (json_object_get_int64(field) < 0 || *ret_number > max)
		return fail(reader, EINVAL, key, "must be from 0 to %" PRIu64, max);
	return 0;
}

/* --- verdicts ------------------------------------------------------------------------------ */

/* The error number that goes with an action: a number, or in Podman's form a name. */
static int read_errno(const struct reader *reader, struct json_object *json, const char *number_key,
		      const char *name_key, bool *ret_is_given, uint64_t *ret_number)
{
	const char *name = NULL;
	int r, found;

	r = get_number(reader, json, number_key, SECCOMP_RET_DATA, ret_is_given, ret_number);
	if (r == 0 && reader->facts)
		r = get_string(reader, json, name_key, &name);
	if (r < 0 || !name || !*name)
		return r;
	found = seccomp_errno_find(name);
	if (found < 0)
		return fail(reader, EINVAL, name_key, "unknown error '%s'", name);
	if (*ret_is_given && *ret_number != (uint64_t)found)
		return fail(reader, EINVAL, name_key, "is '%s', but %s is %" PRIu64, name,
			    number_key, *ret_number);
	*ret_is_given = true;
	*ret_number = (uint64_t)found;
	return 0;
}

static int read_verdict(const struct reader *reader, struct json_object *json, const char *key,
			const char *name, const char *errno_key, const char *errno_name_key,
			uint32_t *ret_verdict)
{
	const struct seccomp_action *action = seccomp_action_find(name);
	uint64_t number;
	bool is_given;
	int r;

	if (!action)
		return fail(reader, EINVAL, key, "unknown action '%s'", name);
	r = read_errno(reader, json, errno_key, errno_name_key, &is_given, &number);
	if (r < 0)
		return r;
	if (is_given && !action->has_errno)
		return fail(reader, EINVAL, errno_key, "%s takes no error number", name);
	if (!action->has_errno)
		number = 0;
	else if (!is_given)
		number = EPERM;
	*ret_verdict = action->verdict | (uint32_t)number;
	return 0;
}

/* --- includes and excludes ----------------------------------------------------------------- */

static bool has_cap(const struct seccomp_facts *facts, const char *cap)
{
	for (size_t i = 0; i < facts->cap_count; i++) {
		if (!strcmp(facts->caps[i], cap))
			return true;
	}
	return false;
}

/* How many of a list of conditions there are, and how many hold. */
struct tally {
	unsigned given;
	unsigned held;
};

static void count_one(struct tally *tally, bool holds)
{
	tally->given++;
	tally->held += holds;
}

/* Any of the architectures named counts as one condition. */
static int tally_arches(const struct reader *reader, struct json_object *filter,
			struct tally *tally)
{
	struct json_object *arches;
	bool is_ours = false;
	const char *name;
	int r = get(reader, filter, "arches", json_type_array, &arches);

	if (r < 0 || !arches || !json_object_array_length(arches))
		return r;
	for (size_t i = 0; i < json_object_array_length(arches); i++) {
		r = get_item(reader, arches, i, "arches", &name);
		if (r < 0)
			return r;
		is_ours |= !strcmp(name, seccomp_archs[reader->facts->arch].docker_name);
	}
	count_one(tally, is_ours);
	return 0;
}

static int tally_caps(const struct reader *reader, struct json_object *filter, struct tally *tally)
{
	struct json_object *caps;
	const char *name;
	int r = get(reader, filter, "caps", json_type_array, &caps);

	if (r < 0 || !caps)
		return r;
	for (size_t i = 0; i < json_object_array_length(caps); i++) {
		r = get_item(reader, caps, i, "caps", &name);
		if (r < 0)
			return r;
		count_one(tally, has_cap(reader->facts, name));
	}
	return 0;
}

static int tally_kernel(const struct reader *reader, struct json_object *filter,
			struct tally *tally)
{
	const struct seccomp_facts *facts = reader->facts;
	unsigned major, minor;
	const char *release;
	char rest;
	int r = get_string(reader, filter, "minKernel", &release);

	if (r < 0 || !release || !*release)
		return r;
	if (sscanf(release, "%5u.%5u%c", &major, &minor, &rest) != 2)
		return fail(reader, EINVAL, "minKernel", "'%s' is not MAJOR.MINOR", release);
	count_one(tally, facts->kernel_major > major ||
				 (facts->kernel_major == major && facts->kernel_minor >= minor));
	return 0;
}

static int tally_filter(const struct reader *reader, struct json_object *rule, const char *key,
			struct tally *ret_tally)
{
	struct json_object *filter;
	int r = get(reader, rule, key, json_type_object, &filter);

	*ret_tally = (struct tally){ 0 };
	if (r < 0 || !filter)
		return r;
	r = tally_arches(reader, filter, ret_tally);
	if (r == 0)
		r = tally_caps(reader, filter, ret_tally);
	if (r == 0)
		r = tally_kernel(reader, filter, ret_tally);
	return r;
}

/* All of includes must hold, none of excludes may. */
static int applies(const struct reader *reader, struct json_object *rule, bool *ret_applies)
{
	struct tally includes, excludes;
	int r;

	*ret_applies = true;
	if (!reader->facts)
		return 0;
	r = tally_filter(reader, rule, "includes", &includes);
	if (r == 0)
		r = tally_filter(reader, rule, "excludes", &excludes);
	if (r == 0)
		*ret_applies = includes.held == includes.given && !excludes.held;
	return r;
}

/* --- rules --------------------------------------------------------------------------------- */

static int read_cond(const struct reader *reader, struct json_object *json,
		     struct seccomp_cond *ret_cond)
{
	uint64_t index, value, value_two;
	const char *name;
	int r, op;

	if (!json_object_is_type(json, json_type_object))
		return fail(reader, EINVAL, "index", "the condition must be an object");
	r = get_number(reader, json, "index", SECCOMP_ARG_COUNT - 1, NULL, &index);
	if (r == 0)
		r = get_number(reader, json, "value", UINT64_MAX, NULL, &value);
	if (r == 0)
		r = get_number(reader, json, "valueTwo", UINT64_MAX, &(bool){ false }, &value_two);
	if (r == 0)
		r = get_string(reader, json, "op", &name);
	if (r < 0)
		return r;
	if (!name)
		return fail(reader, EINVAL, "op", "is missing");
	op = seccomp_op_find(name);
	if (op < 0)
		return fail(reader, EINVAL, "op", "unknown operator '%s'", name);
	*ret_cond = (struct seccomp_cond){ .arg = (uint8_t)index, .op = (uint8_t)op };
	if (op == SECCOMP_OP_MASKED) { /* the document has the mask first */
		ret_cond->mask = value;
		ret_cond->value = value_two;
	} else {
		ret_cond->value = value;
	}
	return 0;
}

static int read_conds(struct reader *reader, struct json_object *rule, uint32_t *ret_first,
		      unsigned *ret_count)
{
	struct seccomp_cond conds[COND_COUNT_MAX];
	struct json_object *args;
	size_t count = 0;
	int r = get(reader, rule, "args", json_type_array, &args);

	if (r < 0)
		return r;
	if (args)
		count = json_object_array_length(args);
	if (count > COND_COUNT_MAX)
		return fail(reader, E2BIG, "args", "more than %d conditions", COND_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		reader->arg = (int)i;
		r = read_cond(reader, json_object_array_get_idx(args, i), &conds[i]);
		if (r < 0)
			return r;
	}
	reader->arg = -1;
	*ret_count = (unsigned)count;
	return seccomp_profile_add_conds(reader->profile, conds, *ret_count, ret_first, reader->e);
}

static int add_names(const struct reader *reader, struct json_object *names, uint32_t verdict,
		     uint32_t first, unsigned count)
{
	const char *name;
	int r;

	for (size_t i = 0; i < json_object_array_length(names); i++) {
		r = get_item(reader, names, i, "names", &name);
		if (r == 0)
			r = seccomp_profile_add(reader->profile, name, verdict, first, count,
						reader->e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Names of calls: an array, or in Docker's older form a single one; not both. */
static int read_names(const struct reader *reader, struct json_object *rule,
		      struct json_object **ret_names, const char **ret_name)
{
	int r = get(reader, rule, "names", json_type_array, ret_names);

	*ret_name = NULL;
	if (r == 0 && reader->facts)
		r = get_string(reader, rule, "name", ret_name);
	if (r < 0)
		return r;
	if (*ret_name && !**ret_name)
		*ret_name = NULL;
	if (*ret_name && *ret_names && json_object_array_length(*ret_names))
		return fail(reader, EINVAL, "name", "both name and names are given");
	if (!*ret_name && (!*ret_names || !json_object_array_length(*ret_names)))
		return fail(reader, EINVAL, "names", "at least one name is needed");
	return 0;
}

static int read_rule(struct reader *reader, struct json_object *rule)
{
	struct json_object *names;
	const char *name, *action;
	uint32_t verdict, first;
	unsigned count;
	bool is_wanted = false;
	int r;

	if (!json_object_is_type(rule, json_type_object))
		return fail(reader, EINVAL, "names", "the rule must be an object");
	r = read_names(reader, rule, &names, &name);
	if (r == 0)
		r = get_string(reader, rule, "action", &action);
	if (r < 0)
		return r;
	if (!action)
		return fail(reader, EINVAL, "action", "is missing");
	r = read_verdict(reader, rule, "action", action, "errnoRet", "errno", &verdict);
	if (r == 0)
		r = applies(reader, rule, &is_wanted);
	if (r < 0 || !is_wanted)
		return r;
	r = read_conds(reader, rule, &first, &count);
	if (r < 0)
		return r;
	if (name)
		return seccomp_profile_add(reader->profile, name, verdict, first, count, reader->e);
	return add_names(reader, names, verdict, first, count);
}

static int read_rules(struct reader *reader, struct json_object *rules)
{
	int r;

	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		reader->rule = (int)i;
		r = read_rule(reader, json_object_array_get_idx(rules, i));
		if (r < 0)
			return r;
	}
	reader->rule = -1;
	return 0;
}

/* --- the rest of the document --------------------------------------------------------------- */

static int add_arch(const struct reader *reader, const char *key, const char *name)
{
	int arch = seccomp_arch_find(name);

	if (arch == -EINVAL)
		return fail(reader, EINVAL, key, "unknown architecture '%s'", name);
	/* Without a table its calls cannot be told apart: not listed means killed. */
	if (arch >= 0)
		seccomp_profile_add_arch(reader->profile, (enum seccomp_arch)arch);
	return 0;
}

static int add_archs(const struct reader *reader, struct json_object *names, const char *key)
{
	const char *name;
	int r;

	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		r = get_item(reader, names, i, key, &name);
		if (r == 0)
			r = add_arch(reader, key, name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Docker's archMap: the entry of the native architecture brings its companions. */
static int read_arch_map(const struct reader *reader, struct json_object *map)
{
	for (size_t i = 0; i < json_object_array_length(map); i++) {
		struct json_object *entry = json_object_array_get_idx(map, i), *more;
		const char *name;
		int r;

		if (!json_object_is_type(entry, json_type_object))
			return fail(reader, EINVAL, "archMap", "entry %zu must be an object", i);
		r = get_string(reader, entry, "architecture", &name);
		if (r == 0)
			r = get(reader, entry, "subArchitectures", json_type_array, &more);
		if (r < 0)
			return r;
		if (!name || seccomp_arch_find(name) != (int)reader->facts->arch)
			continue;
		r = add_arch(reader, "architecture", name);
		return r < 0 ? r : add_archs(reader, more, "subArchitectures");
	}
	return 0;
}

static int read_archs(const struct reader *reader, struct json_object *json,
		      enum seccomp_arch native)
{
	struct json_object *list, *map = NULL;
	bool is_listed;
	int r = get(reader, json, "architectures", json_type_array, &list);

	if (r == 0 && reader->facts)
		r = get(reader, json, "archMap", json_type_array, &map);
	if (r < 0)
		return r;
	is_listed = list && json_object_array_length(list);
	if (is_listed && map && json_object_array_length(map))
		return fail(reader, EINVAL, "archMap", "architectures are given as well");
	r = add_archs(reader, list, "architectures");
	if (r == 0 && !is_listed && map)
		r = read_arch_map(reader, map);
	if (r == 0 && !reader->profile->arch_count && !is_listed)
		seccomp_profile_add_arch(reader->profile, native);
	if (r == 0 && !reader->profile->arch_count)
		return fail(reader, EINVAL, "architectures", "none that this build has a table of");
	return r;
}

static int read_flags(const struct reader *reader, struct json_object *json)
{
	struct json_object *list;
	const char *name;
	int r = get(reader, json, "flags", json_type_array, &list);

	reader->profile->has_flags = list;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		unsigned flag;

		r = get_item(reader, list, i, "flags", &name);
		if (r < 0)
			return r;
		flag = seccomp_flag_find(name);
		if (!flag)
			return fail(reader, EINVAL, "flags", "unknown flag '%s'", name);
		reader->profile->flags |= flag;
	}
	return r;
}

static int copy_string(const struct reader *reader, struct json_object *json, const char *key,
		       const char **ret_copy)
{
	const char *string;
	int r = get_string(reader, json, key, &string);

	*ret_copy = NULL;
	if (r < 0 || !string || !*string)
		return r;
	*ret_copy = arena_strdup(reader->profile->arena, string);
	return *ret_copy ? 0 : err_oom(reader->e);
}

static int read_listener(const struct reader *reader, struct json_object *json)
{
	struct seccomp_profile *profile = reader->profile;
	int r = copy_string(reader, json, "listenerPath", &profile->listener_path);

	if (r == 0)
		r = copy_string(reader, json, "listenerMetadata", &profile->listener_metadata);
	if (r == 0 && profile->listener_metadata && !profile->listener_path)
		return fail(reader, EINVAL, "listenerMetadata", "needs a listenerPath");
	if (r == 0 && seccomp_profile_notifies(profile) && !profile->listener_path)
		return fail(reader, EINVAL, "listenerPath", "is needed for SCMP_ACT_NOTIFY");
	return r;
}

static int read_document(struct reader *reader, struct json_object *json, enum seccomp_arch native)
{
	struct json_object *rules;
	const char *action;
	int r;

	if (!json_object_is_type(json, json_type_object))
		return fail(reader, EINVAL, "defaultAction", "the profile must be an object");
	r = get(reader, json, "syscalls", json_type_array, &rules);
	if (r == 0)
		r = get_string(reader, json, "defaultAction", &action);
	if (r < 0)
		return r;
	if (action && !*action && (!rules || !json_object_array_length(rules)))
		return 0;
	if (!action)
		return fail(reader, EINVAL, "defaultAction", "is missing");
	r = read_verdict(reader, json, "defaultAction", action, "defaultErrnoRet", "defaultErrno",
			 &reader->profile->default_verdict);
	if (r == 0)
		r = read_archs(reader, json, native);
	if (r == 0)
		r = read_flags(reader, json);
	if (r == 0)
		r = read_rules(reader, rules);
	if (r == 0)
		r = read_listener(reader, json);
	return r;
}

int seccomp_read_oci(struct json_object *json, enum seccomp_arch native, struct arena *arena,
		     struct seccomp_profile *ret_profile, struct err *e)
{
	struct reader reader = {
		.root = "linux.seccomp.",
		.rule = -1,
		.arg = -1,
		.profile = ret_profile,
		.e = e,
	};

	seccomp_profile_init(ret_profile, arena);
	return read_document(&reader, json, native);
}

int seccomp_read_file(struct json_object *json, const struct seccomp_facts *facts,
		      struct arena *arena, struct seccomp_profile *ret_profile, struct err *e)
{
	struct reader reader = {
		.root = "",
		.rule = -1,
		.arg = -1,
		.facts = facts,
		.profile = ret_profile,
		.e = e,
	};

	seccomp_profile_init(ret_profile, arena);
	return read_document(&reader, json, facts->arch);
}
