/*
 * Building and reading JSON documents of our own making: short verbs over json-c for the programs in
 * cmd/. Running out of memory ends the program here, with a sentence: there is nothing to undo yet
 * when a document is built.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct err;

/** doc_new() - an empty object, for json_object_put(). */
struct json_object *doc_new(void);
/** doc_object(), doc_array() - a new member of @in, borrowed from it; @key NULL: @in is an array. */
struct json_object *doc_object(struct json_object *in, const char *key);
struct json_object *doc_array(struct json_object *in, const char *key);
/** doc_text() and its like - set a member, or append to the array when @key is NULL. */
void doc_text(struct json_object *in, const char *key, const char *value); /* NULL becomes null */
void doc_number(struct json_object *in, const char *key, int64_t value);
void doc_flag(struct json_object *in, const char *key, bool value);
void doc_value(struct json_object *in, const char *key, struct json_object *taken);
/** doc_texts() - an array of the strings of a NULL-terminated list; @list may be NULL */
struct json_object *doc_texts(struct json_object *in, const char *key, const char *const *list);
/** doc_parse() - JSON that is part of this program. */
struct json_object *doc_parse(const char *text);
/** doc_copy() - a deep copy, for json_object_put() */
struct json_object *doc_copy(struct json_object *document);

/** doc_at() - the value at "A.B.C"; NULL when anything on the way is missing. */
struct json_object *doc_at(struct json_object *document, const char *path);
/** doc_text_at(), ... - the same as a type, with what to say when it is missing. */
const char *doc_text_at(struct json_object *document, const char *path, const char *missing);
int64_t doc_number_at(struct json_object *document, const char *path, int64_t missing);
bool doc_flag_at(struct json_object *document, const char *path);
size_t doc_count(struct json_object *array); /* NULL: 0 */

/** doc_save() - replace file @name of @dir_fd by @document, as a whole. */
int doc_save(int dir_fd, const char *name, struct json_object *document, struct err *e);
