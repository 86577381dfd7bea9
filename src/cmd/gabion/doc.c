#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "cmd/gabion/doc.h"

#define PRETTY                                                                                     \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB | JSON_C_TO_STRING_SPACED |         \
	 JSON_C_TO_STRING_NOSLASHESCAPE)

static void *or_die(void *pointer)
{
	if (pointer)
		return pointer;
	log_error("out of memory");
	exit(125);
}

static void done(int r)
{
	if (r)
		(void)or_die(NULL);
}

struct json_object *doc_new(void)
{
	return or_die(json_object_new_object());
}

void doc_value(struct json_object *in, const char *key, struct json_object *taken)
{
	done(key ? json_object_object_add(in, key, taken) : json_object_array_add(in, taken));
}

struct json_object *doc_object(struct json_object *in, const char *key)
{
	struct json_object *made = doc_new();

	doc_value(in, key, made);
	return made;
}

struct json_object *doc_array(struct json_object *in, const char *key)
{
	struct json_object *made = or_die(json_object_new_array());

	doc_value(in, key, made);
	return made;
}

void doc_text(struct json_object *in, const char *key, const char *value)
{
	doc_value(in, key, value ? or_die(json_object_new_string(value)) : NULL);
}

void doc_number(struct json_object *in, const char *key, int64_t value)
{
	doc_value(in, key, or_die(json_object_new_int64(value)));
}

void doc_flag(struct json_object *in, const char *key, bool value)
{
	doc_value(in, key, or_die(json_object_new_boolean(value)));
}

struct json_object *doc_texts(struct json_object *in, const char *key, const char *const *list)
{
	struct json_object *array = doc_array(in, key);

	for (; list && *list; list++)
		doc_text(array, NULL, *list);
	return array;
}

struct json_object *doc_parse(const char *text)
{
	return or_die(json_tokener_parse(text));
}

struct json_object *doc_copy(struct json_object *document)
{
	struct json_object *copy = NULL;

	done(json_object_deep_copy(document, &copy, NULL));
	return copy;
}

struct json_object *doc_at(struct json_object *document, const char *path)
{
	char key[64];

	while (document && *path) {
		size_t length = strcspn(path, ".");

		if (length >= sizeof(key) || !json_object_is_type(document, json_type_object))
			return NULL;
		memcpy(key, path, length);
		key[length] = '\0';
		document = json_object_object_get(document, key);
		path += length + (path[length] == '.');
	}
	return document;
}

const char *doc_text_at(struct json_object *document, const char *path, const char *missing)
{
	struct json_object *value = doc_at(document, path);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) :
							      missing;
}

int64_t doc_number_at(struct json_object *document, const char *path, int64_t missing)
{
	struct json_object *value = doc_at(document, path);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : missing;
}

bool doc_flag_at(struct json_object *document, const char *path)
{
	return json_object_get_boolean(doc_at(document, path));
}

size_t doc_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

int doc_save(int dir_fd, const char *name, struct json_object *document, struct err *e)
{
	const char *text = or_die((void *)(uintptr_t)json_object_to_json_string_ext(document, PRETTY));
	size_t length = strlen(text);
	char temporary[128];
	own_fd int fd = -EBADF;

	(void)snprintf(temporary, sizeof(temporary), ".%s.%d", name, getpid());
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "create '%s'", temporary);
	while (length) {
		ssize_t put = write(fd, text, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			(void)err_sys(e, "write '%s'", name);
			(void)unlinkat(dir_fd, temporary, 0);
			return -e->code;
		}
		text += put;
		length -= (size_t)put;
	}
	if (renameat(dir_fd, temporary, dir_fd, name) < 0)
		return err_sys(e, "replace '%s'", name);
	return 0;
}
