/*
 * The reader of JSON objects that config.json, process.json and resources are read with: a struct
 * field for each property says its key, its JSON type, who reads it and where the value goes. What
 * the tables cannot say, the check() of a shape does. Only files in spec/ include this.
 *
 * The document comes from whoever made the bundle and is not trusted: each number is checked
 * against the range of its place, each list has a limit, and a string with a NUL in it is refused,
 * so that nothing means one thing to a checker and another to the kernel.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

struct arena;
struct err;
struct field;

#define FIELD_LIST_COUNT_MAX    ((size_t)16 << 10) /* objects, each some hundred bytes here */
#define FIELD_STRINGS_COUNT_MAX ((size_t)256 << 10)

/* Where we are in the document; a chain on the stack that becomes text only in an error. */
struct place {
	const struct place *up;
	const char *key; /* NULL: an element of a list */
	size_t index;
};

struct reader {
	struct arena *arena;
	struct err *e;
	const struct spec *spec; /* what is read so far, for what depends on it; or NULL */
	const struct reader_warning *warnings; /* newest first */
	uint32_t warning_count;
};

/* All properties of one JSON object and what it becomes. */
struct shape {
	const struct field *fields; /* ends with a key that is NULL */
	size_t size;                /* of the struct it becomes */
	/* rules of this object alone, when its fields are in; NULL: none */
	int (*check)(struct reader *reader, const struct place *place, void *thing);
};

/* A word that stands for a number. */
struct name {
	const char *text;
	uint64_t value;
};

struct names {
	const char *what; /* "namespace": for "unknown namespace 'nett'" */
	const struct name *items;
	size_t count;
};

/* Reads @value, which has the JSON type that @field asks for, into the struct at @base. */
typedef int field_read(struct reader *reader, const struct place *place, struct json_object *value,
		       const struct field *field, void *base);

struct field {
	const char *key;
	enum json_type type;
	field_read *read;
	size_t offset;       /* of the member that takes the value */
	size_t size;         /* of that member */
	bool has_flag;
	bool is_mandatory;
	size_t flag_offset;  /* of a bool that tells "given" */
	size_t count_offset; /* of the uint32_t that goes with a list */
	int64_t min;         /* numbers */
	uint64_t max;
	const struct shape *shape; /* objects, and lists of them */
	const struct names *names; /* words */
};

/**
 * object_read() - read @object into @thing, a zeroed struct of @shape
 *
 * A property that is null is one that is absent; one that the shape does not know is ignored.
 */
int object_read(struct reader *reader, const struct place *place, struct json_object *object,
		const struct shape *shape, void *thing);

/** reader_fail() - "path.to.place: text". Return: -EINVAL. */
int reader_fail(struct reader *reader, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** reader_warn() - remember "path.to.place: text". Return: 0, or -ENOMEM. */
int reader_warn(struct reader *reader, const struct place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** reader_warnings() - all warnings, oldest first. */
int reader_warnings(struct reader *reader, struct spec_strings *ret_warnings);

/** names_find() - @ret_value of word @text. Return: is there one? */
bool names_find(const struct names *names, const char *text, uint64_t *ret_value);

/** value_string() - copy a JSON string into the arena; refuses another type and a NUL inside. */
int value_string(struct reader *reader, const struct place *place, struct json_object *value,
		 const char **ret_text);
/** value_expect() - fail unless @value is of @type. */
int value_expect(struct reader *reader, const struct place *place, struct json_object *value,
		 enum json_type type);

/* Readers for the tables below. */
field_read read_bool, read_string, read_int, read_name, read_flags, read_object, read_new_object,
	read_list, read_strings, read_u32_list, read_pairs;

/*
 * How a table is written: key, struct, member, then what else there is to say. Each macro checks at
 * compile time that the member has the type that its reader writes.
 */
#define FIELD_MEMBER_(T, m) (((T *)NULL)->m)
#define FIELD_CHECK_(T, m, type)                                                                   \
	(0 * sizeof(char[__builtin_types_compatible_p(__typeof__(FIELD_MEMBER_(T, m)), type) ? 1 : \
											       -1]))
#define FIELD_BASE_(k, json, fn, T, m, member_type)                                                \
	.key = (k), .type = json_type_##json, .read = (fn), .size = sizeof(FIELD_MEMBER_(T, m)),   \
	.offset = offsetof(T, m) + FIELD_CHECK_(T, m, member_type)

#define FIELD_MUST            .is_mandatory = true
#define FIELD_FLAG(T, has_m)  .has_flag = true, .flag_offset = offsetof(T, has_m)
#define FIELD_COUNT_(T, m)    .count_offset = offsetof(T, m) + FIELD_CHECK_(T, m, uint32_t)

#define FIELD_BOOL(k, T, m, ...)                                                                   \
	{ FIELD_BASE_(k, boolean, read_bool, T, m, bool), ##__VA_ARGS__ }
#define FIELD_STRING(k, T, m, ...)                                                                 \
	{ FIELD_BASE_(k, string, read_string, T, m, const char *), ##__VA_ARGS__ }
/* any integer member; @lo and @hi are part of the contract, not of the type */
#define FIELD_INT(k, T, m, lo, hi, ...)                                                            \
	{ FIELD_BASE_(k, int, read_int, T, m, __typeof__(FIELD_MEMBER_(T, m))), .min = (lo),       \
	  .max = (uint64_t)(hi), ##__VA_ARGS__ }
/* struct spec_i64 or struct spec_u64 */
#define FIELD_GIVEN(k, T, m, lo, hi)                                                               \
	FIELD_INT(k, T, m.value, lo, hi, FIELD_FLAG(T, m.is_given))
/* a word that becomes an int, and words that are or-ed together into any unsigned member */
#define FIELD_NAME(k, T, m, n, ...)                                                                \
	{ FIELD_BASE_(k, string, read_name, T, m, int), .names = (n), ##__VA_ARGS__ }
#define FIELD_FLAGS(k, T, m, n)                                                                    \
	{ FIELD_BASE_(k, array, read_flags, T, m, __typeof__(FIELD_MEMBER_(T, m))), .names = (n) }
#define FIELD_OBJECT(k, T, m, s, ...)                                                              \
	{ FIELD_BASE_(k, object, read_object, T, m, __typeof__(FIELD_MEMBER_(T, m))),              \
	  .shape = (s), ##__VA_ARGS__ }
/* a pointer to a struct that is allocated when the property is there */
#define FIELD_NEW_OBJECT(k, T, m, s)                                                               \
	{ FIELD_BASE_(k, object, read_new_object, T, m, __typeof__(FIELD_MEMBER_(T, m))),          \
	  .shape = (s) }
#define FIELD_LIST(k, T, m, count, s)                                                              \
	{ FIELD_BASE_(k, array, read_list, T, m, __typeof__(FIELD_MEMBER_(T, m))),                 \
	  FIELD_COUNT_(T, count), .shape = (s) }
#define FIELD_STRINGS(k, T, m, ...)                                                                \
	{ FIELD_BASE_(k, array, read_strings, T, m, struct spec_strings), ##__VA_ARGS__ }
#define FIELD_U32_LIST(k, T, m, count)                                                             \
	{ FIELD_BASE_(k, array, read_u32_list, T, m, uint32_t *), FIELD_COUNT_(T, count) }
#define FIELD_PAIRS(k, T, m)                                                                       \
	{ FIELD_BASE_(k, object, read_pairs, T, m, struct spec_pairs) }
/* whatever needs a function of its own; it is given the member as in @base + field->offset */
#define FIELD_OWN(k, json, T, m, fn, ...)                                                          \
	{ FIELD_BASE_(k, json, fn, T, m, __typeof__(FIELD_MEMBER_(T, m))), ##__VA_ARGS__ }
