#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "image/member.h"

static int member_get(struct json_object *object, const char *key, enum json_type type,
		      const char *expected, struct json_object **ret_member, struct err *e)
{
	struct json_object *member = NULL;

	if (!json_object_object_get_ex(object, key, &member))
		member = NULL;
	if (member && json_object_get_type(member) != type)
		return err_set(e, EINVAL, "'%s' should be %s", key, expected);
	*ret_member = member;
	return 0;
}

int member_object(struct json_object *object, const char *key, struct json_object **ret_member,
		  struct err *e)
{
	return member_get(object, key, json_type_object, "an object", ret_member, e);
}

int member_array(struct json_object *object, const char *key, size_t count_max,
		 struct json_object **ret_member, struct err *e)
{
	struct json_object *array;
	int r = member_get(object, key, json_type_array, "a list", &array, e);

	if (r < 0)
		return r;
	if (array && json_object_array_length(array) > count_max)
		return err_set(e, E2BIG, "'%s' has more than %zu elements", key, count_max);
	*ret_member = array;
	return 0;
}

static int text_copy(struct json_object *value, const char *key, struct arena *arena,
		     const char **ret_text, struct err *e)
{
	const char *text = json_object_get_string(value);
	size_t length = (size_t)json_object_get_string_len(value);

	/* What follows a NUL would be seen by those who read the JSON and by nobody else. */
	if (strlen(text) != length)
		return err_set(e, EINVAL, "'%s' has a NUL in its text", key);
	*ret_text = arena_strndup(arena, text, length);
	return *ret_text ? 0 : err_oom(e);
}

int member_text(struct json_object *object, const char *key, struct arena *arena,
		const char **ret_text, struct err *e)
{
	struct json_object *value;
	int r = member_get(object, key, json_type_string, "a string", &value, e);

	if (r < 0)
		return r;
	if (!value) {
		*ret_text = NULL;
		return 0;
	}
	return text_copy(value, key, arena, ret_text, e);
}

int element_text(struct json_object *array, size_t index, const char *key, struct arena *arena,
		 const char **ret_text, struct err *e)
{
	struct json_object *value = json_object_array_get_idx(array, index);

	if (json_object_get_type(value) != json_type_string)
		return err_set(e, EINVAL, "'%s' should be a list of strings", key);
	return text_copy(value, key, arena, ret_text, e);
}

int member_texts(struct json_object *object, const char *key, size_t count_max,
		 struct arena *arena, const char *const **ret_texts, struct err *e)
{
	struct json_object *array;
	const char **texts;
	size_t count;
	int r = member_array(object, key, count_max, &array, e);

	if (r < 0)
		return r;
	if (!array) {
		*ret_texts = NULL;
		return 0;
	}
	count = json_object_array_length(array);
	texts = arena_new_array(arena, const char *, count + 1);
	if (!texts)
		return err_oom(e);
	for (size_t i = 0; i < count; i++) {
		r = element_text(array, i, key, arena, &texts[i], e);
		if (r < 0)
			return r;
	}
	*ret_texts = texts;
	return 0;
}

/* An object as a list; @with_values: "key=value", else only the keys. */
static int member_list(struct json_object *object, const char *key, size_t count_max,
		       bool with_values, struct arena *arena, const char *const **ret_list,
		       struct err *e)
{
	struct json_object *member;
	const char **list;
	size_t count = 0;
	int r = member_object(object, key, &member, e);

	if (r < 0)
		return r;
	if (!member) {
		*ret_list = NULL;
		return 0;
	}
	if ((size_t)json_object_object_length(member) > count_max)
		return err_set(e, E2BIG, "'%s' has more than %zu members", key, count_max);
	list = arena_new_array(arena, const char *, (size_t)json_object_object_length(member) + 1);
	if (!list)
		return err_oom(e);
	json_object_object_foreach(member, name, value) {
		const char *text = "";

		if (with_values && json_object_get_type(value) != json_type_string)
			return err_set(e, EINVAL, "'%s' should have only strings", key);
		if (with_values)
			r = text_copy(value, key, arena, &text, e);
		if (r < 0)
			return r;
		list[count] = with_values ? arena_printf(arena, "%s=%s", name, text) :
					    arena_strdup(arena, name);
		if (!list[count++])
			return err_oom(e);
	}
	*ret_list = list;
	return 0;
}

int member_keys(struct json_object *object, const char *key, size_t count_max, struct arena *arena,
		const char *const **ret_keys, struct err *e)
{
	return member_list(object, key, count_max, false, arena, ret_keys, e);
}

int member_pairs(struct json_object *object, const char *key, size_t count_max,
		 struct arena *arena, const char *const **ret_pairs, struct err *e)
{
	return member_list(object, key, count_max, true, arena, ret_pairs, e);
}

int member_count(struct json_object *object, const char *key, uint64_t *ret_count, struct err *e)
{
	struct json_object *value;
	int64_t count;
	int r = member_get(object, key, json_type_int, "a whole number", &value, e);

	if (r < 0 || !value)
		return r;
	count = json_object_get_int64(value);
	if (count < 0)
		return err_set(e, ERANGE, "'%s' is negative", key);
	*ret_count = (uint64_t)count;
	return 0;
}
