#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/field.h"

#define PLACE_BYTES_MAX 384 /* of a path in an error; what is longer is cut */

struct reader_warning {
	const struct reader_warning *older;
	const char *text;
};

/* --- places and what is said of them ------------------------------------------------------- */

static size_t place_print(const struct place *place, char *out, size_t size)
{
	size_t used;
	int n;

	if (!place)
		return 0;
	used = place_print(place->up, out, size);
	if (used >= size - 1)
		return used;
	if (!place->key)
		n = snprintf(out + used, size - used, "[%zu]", place->index);
	else
		n = snprintf(out + used, size - used, "%s%.128s", used ? "." : "", place->key);
	return n > 0 && (size_t)n < size - used ? used + (size_t)n : size - 1;
}

int reader_fail(struct reader *reader, const struct place *place, const char *format, ...)
{
	char where[PLACE_BYTES_MAX] = "", what[ERR_TEXT_BYTES - PLACE_BYTES_MAX - 2];
	va_list args;

	(void)place_print(place, where, sizeof(where));
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (!where[0])
		return err_set(reader->e, EINVAL, "%s", what);
	return err_set(reader->e, EINVAL, "%s: %s", where, what);
}

int reader_warn(struct reader *reader, const struct place *place, const char *format, ...)
{
	struct reader_warning *warning = arena_new(reader->arena, struct reader_warning);
	char where[PLACE_BYTES_MAX] = "", what[ERR_TEXT_BYTES - PLACE_BYTES_MAX - 2];
	va_list args;

	if (!warning)
		return err_oom(reader->e);
	(void)place_print(place, where, sizeof(where));
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	warning->text = arena_printf(reader->arena, "%s: %s", where, what);
	if (!warning->text)
		return err_oom(reader->e);
	warning->older = reader->warnings;
	reader->warnings = warning;
	reader->warning_count++;
	return 0;
}

int reader_warnings(struct reader *reader, struct spec_strings *ret_warnings)
{
	const struct reader_warning *warning = reader->warnings;
	uint32_t i = reader->warning_count;
	const char **items = arena_new_array(reader->arena, const char *, (size_t)i + 1);

	if (!items)
		return err_oom(reader->e);
	for (; warning; warning = warning->older)
		items[--i] = warning->text;
	*ret_warnings = (struct spec_strings){ .items = items, .count = reader->warning_count };
	return 0;
}

/* --- values -------------------------------------------------------------------------------- */

static const char *type_name(enum json_type type)
{
	switch (type) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "true or false";
	case json_type_double:
		return "a number that is not an integer";
	case json_type_int:
		return "an integer";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "a list";
	case json_type_string:
		return "a string";
	}
	return "something else";
}

int value_expect(struct reader *reader, const struct place *place, struct json_object *value,
		 enum json_type type)
{
	enum json_type got = json_object_get_type(value);

	if (got == type)
		return 0;
	return reader_fail(reader, place, "expected %s, got %s", type_name(type), type_name(got));
}

int value_string(struct reader *reader, const struct place *place, struct json_object *value,
		 const char **ret_text)
{
	const char *text;
	size_t length;
	int r;

	r = value_expect(reader, place, value, json_type_string);
	if (r < 0)
		return r;
	text = json_object_get_string(value);
	length = (size_t)json_object_get_string_len(value);
	if (memchr(text, '\0', length))
		return reader_fail(reader, place, "the string has a NUL byte in it");
	text = arena_strndup(reader->arena, text, length);
	if (!text)
		return err_oom(reader->e);
	*ret_text = text;
	return 0;
}

/* json-c keeps what does not fit an int64_t as uint64_t, and clamps in both directions. */
static int value_int(struct reader *reader, const struct place *place, struct json_object *value,
		     int64_t min, uint64_t max, uint64_t *ret_bits)
{
	int64_t number = json_object_get_int64(value);

	if (number < 0 && number < min)
		return reader_fail(reader, place,
				   "%" PRId64 " is less than the least possible, %" PRId64, number,
				   min);
	if (number < 0) {
		*ret_bits = (uint64_t)number;
		return 0;
	}
	*ret_bits = json_object_get_uint64(value);
	if (min > 0 && *ret_bits < (uint64_t)min)
		return reader_fail(reader, place,
				   "%" PRIu64 " is less than the least possible, %" PRId64,
				   *ret_bits, min);
	if (*ret_bits > max)
		return reader_fail(reader, place,
				   "%" PRIu64 " is more than the most possible, %" PRIu64,
				   *ret_bits, max);
	return 0;
}

static int value_count(struct reader *reader, const struct place *place, struct json_object *list,
		       size_t count_max, uint32_t *ret_count)
{
	size_t count = json_object_array_length(list);

	if (count > count_max)
		return reader_fail(reader, place, "%zu entries are more than the most possible, %zu",
				   count, count_max);
	*ret_count = (uint32_t)count;
	return 0;
}

/* Where @field's value goes. */
static void *slot(const struct field *field, void *base)
{
	return (char *)base + field->offset;
}

static void set_count(const struct field *field, void *base, uint32_t count)
{
	*(uint32_t *)(void *)((char *)base + field->count_offset) = count;
}

static void store(const struct field *field, void *base, uint64_t bits)
{
	void *at = slot(field, base);

	switch (field->size) {
	case sizeof(uint8_t):
		*(uint8_t *)at = (uint8_t)bits;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)at = (uint16_t)bits;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)at = (uint32_t)bits;
		break;
	case sizeof(uint64_t):
		*(uint64_t *)at = bits;
		break;
	}
}

/* --- readers ------------------------------------------------------------------------------- */

int read_bool(struct reader *reader, const struct place *place, struct json_object *value,
	      const struct field *field, void *base)
{
	*(bool *)slot(field, base) = json_object_get_boolean(value);
	return 0;
}

int read_string(struct reader *reader, const struct place *place, struct json_object *value,
		const struct field *field, void *base)
{
	return value_string(reader, place, value, slot(field, base));
}

int read_int(struct reader *reader, const struct place *place, struct json_object *value,
	     const struct field *field, void *base)
{
	uint64_t bits;
	int r;

	r = value_int(reader, place, value, field->min, field->max, &bits);
	if (r < 0)
		return r;
	store(field, base, bits);
	return 0;
}

bool names_find(const struct names *names, const char *text, uint64_t *ret_value)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i].text, text) != 0)
			continue;
		*ret_value = names->items[i].value;
		return true;
	}
	return false;
}

static int value_name(struct reader *reader, const struct place *place, struct json_object *value,
		      const struct names *names, uint64_t *ret_value)
{
	int r = value_expect(reader, place, value, json_type_string);

	if (r < 0)
		return r;
	if (!names_find(names, json_object_get_string(value), ret_value))
		return reader_fail(reader, place, "unknown %s '%.64s'", names->what,
				   json_object_get_string(value));
	return 0;
}

int read_name(struct reader *reader, const struct place *place, struct json_object *value,
	      const struct field *field, void *base)
{
	uint64_t number;
	int r;

	r = value_name(reader, place, value, field->names, &number);
	if (r < 0)
		return r;
	store(field, base, number);
	return 0;
}

int read_flags(struct reader *reader, const struct place *place, struct json_object *value,
	       const struct field *field, void *base)
{
	uint64_t all = 0;

	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct place at = { .up = place, .index = i };
		uint64_t flag;
		int r;

		r = value_name(reader, &at, json_object_array_get_idx(value, i), field->names, &flag);
		if (r < 0)
			return r;
		all |= flag;
	}
	store(field, base, all);
	return 0;
}

int read_object(struct reader *reader, const struct place *place, struct json_object *value,
		const struct field *field, void *base)
{
	return object_read(reader, place, value, field->shape, slot(field, base));
}

int read_new_object(struct reader *reader, const struct place *place, struct json_object *value,
		    const struct field *field, void *base)
{
	void *thing = arena_alloc(reader->arena, field->shape->size);
	int r;

	if (!thing)
		return err_oom(reader->e);
	r = object_read(reader, place, value, field->shape, thing);
	if (r < 0)
		return r;
	*(void **)slot(field, base) = thing;
	return 0;
}

int read_list(struct reader *reader, const struct place *place, struct json_object *value,
	      const struct field *field, void *base)
{
	uint32_t count;
	char *things;
	int r;

	r = value_count(reader, place, value, FIELD_LIST_COUNT_MAX, &count);
	if (r < 0)
		return r;
	things = arena_array(reader->arena, count, field->shape->size);
	if (!things)
		return err_oom(reader->e);
	for (uint32_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };
		struct json_object *item = json_object_array_get_idx(value, i);

		r = value_expect(reader, &at, item, json_type_object);
		if (r < 0)
			return r;
		r = object_read(reader, &at, item, field->shape, things + i * field->shape->size);
		if (r < 0)
			return r;
	}
	*(void **)slot(field, base) = things;
	set_count(field, base, count);
	return 0;
}

int read_strings(struct reader *reader, const struct place *place, struct json_object *value,
		 const struct field *field, void *base)
{
	struct spec_strings *strings = slot(field, base);
	const char **items;
	uint32_t count;
	int r;

	r = value_count(reader, place, value, FIELD_STRINGS_COUNT_MAX, &count);
	if (r < 0)
		return r;
	items = arena_new_array(reader->arena, const char *, (size_t)count + 1);
	if (!items)
		return err_oom(reader->e);
	for (uint32_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };

		r = value_string(reader, &at, json_object_array_get_idx(value, i), &items[i]);
		if (r < 0)
			return r;
	}
	*strings = (struct spec_strings){ .items = items, .count = count };
	return 0;
}

int read_u32_list(struct reader *reader, const struct place *place, struct json_object *value,
		  const struct field *field, void *base)
{
	uint32_t count, *items;
	int r;

	r = value_count(reader, place, value, FIELD_STRINGS_COUNT_MAX, &count);
	if (r < 0)
		return r;
	items = arena_new_array(reader->arena, uint32_t, count);
	if (!items)
		return err_oom(reader->e);
	for (uint32_t i = 0; i < count; i++) {
		struct place at = { .up = place, .index = i };
		struct json_object *item = json_object_array_get_idx(value, i);
		uint64_t bits;

		r = value_expect(reader, &at, item, json_type_int);
		if (r == 0)
			r = value_int(reader, &at, item, 0, UINT32_MAX, &bits);
		if (r < 0)
			return r;
		items[i] = (uint32_t)bits;
	}
	*(uint32_t **)slot(field, base) = items;
	set_count(field, base, count);
	return 0;
}

int read_pairs(struct reader *reader, const struct place *place, struct json_object *value,
	       const struct field *field, void *base)
{
	struct spec_pairs *pairs = slot(field, base);
	size_t count = (size_t)json_object_object_length(value);
	struct spec_pair *pair;

	if (count > FIELD_LIST_COUNT_MAX)
		return reader_fail(reader, place, "%zu entries are more than the most possible, %zu",
				   count, FIELD_LIST_COUNT_MAX);
	pair = arena_new_array(reader->arena, struct spec_pair, count);
	if (!pair)
		return err_oom(reader->e);
	pairs->items = pair;
	json_object_object_foreach(value, key, item) {
		struct place at = { .up = place, .key = key };
		int r;

		if (!item)
			continue;
		pair->key = arena_strdup(reader->arena, key);
		if (!pair->key)
			return err_oom(reader->e);
		r = value_string(reader, &at, item, &pair->value);
		if (r < 0)
			return r;
		pair++;
	}
	pairs->count = (uint32_t)(pair - pairs->items);
	return 0;
}

/* --- objects ------------------------------------------------------------------------------- */

static int field_take(struct reader *reader, const struct place *up, struct json_object *object,
		      const struct field *field, void *thing)
{
	struct place place = { .up = up, .key = field->key };
	struct json_object *value = NULL;
	int r;

	(void)json_object_object_get_ex(object, field->key, &value);
	if (!value && field->is_mandatory)
		return reader_fail(reader, &place, "is missing");
	if (!value)
		return 0;
	r = value_expect(reader, &place, value, field->type);
	if (r < 0)
		return r;
	r = field->read(reader, &place, value, field, thing);
	if (r < 0)
		return r;
	if (field->has_flag)
		*(bool *)((char *)thing + field->flag_offset) = true;
	return 0;
}

int object_read(struct reader *reader, const struct place *place, struct json_object *object,
		const struct shape *shape, void *thing)
{
	for (const struct field *field = shape->fields; field->key; field++) {
		int r = field_take(reader, place, object, field, thing);

		if (r < 0)
			return r;
	}
	return shape->check ? shape->check(reader, place, thing) : 0;
}
