/*
 * Members of JSON objects that an image brought along, type-checked and copied into an arena. A
 * member that is absent or null is "not set"; one of the wrong type is an error that names it.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct err;

/** member_object() - Return: 0 with a borrowed object or NULL; -EINVAL with @e filled. */
int member_object(struct json_object *object, const char *key, struct json_object **ret_member,
		  struct err *e);

/** member_array() - Return: 0 with a borrowed array or NULL; -EINVAL, -E2BIG with @e filled. */
int member_array(struct json_object *object, const char *key, size_t count_max,
		 struct json_object **ret_member, struct err *e);

/** member_text() - a string without NULs inside, or NULL when not set. */
int member_text(struct json_object *object, const char *key, struct arena *arena,
		const char **ret_text, struct err *e);

/** member_texts() - a list of strings that ends with NULL, or NULL when not set. */
int member_texts(struct json_object *object, const char *key, size_t count_max,
		 struct arena *arena, const char *const **ret_texts, struct err *e);

/** member_keys() - the keys of an object as such a list: how Docker writes sets. */
int member_keys(struct json_object *object, const char *key, size_t count_max, struct arena *arena,
		const char *const **ret_keys, struct err *e);

/** member_pairs() - an object of strings as a list of "key=value". */
int member_pairs(struct json_object *object, const char *key, size_t count_max,
		 struct arena *arena, const char *const **ret_pairs, struct err *e);

/** member_count() - a whole number from 0 to INT64_MAX; @ret_count is kept when not set. */
int member_count(struct json_object *object, const char *key, uint64_t *ret_count, struct err *e);

/** element_text() - one string of an array, as member_text(); null is an error. */
int element_text(struct json_object *array, size_t index, const char *key, struct arena *arena,
		 const char **ret_text, struct err *e);
