/*
 * JSON, over json-c: bounded reading of bytes that somebody else wrote. Limits are checked before
 * json-c sees the bytes; duplicate keys keep the last value, as Go's decoder does.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

struct err;

#define JSON_BYTES_MAX ((size_t)16 << 20)
#define JSON_DEPTH_MAX 64

/**
 * json_parse() - read one JSON document
 * @name: what to call it in an error, such as 'config.json'
 *
 * Trailing white space is allowed, anything else after the document is an error that tells the
 * offset, as do malformed, too deep and too long input.
 *
 * Return: 0 and a reference in @ret_root for json_object_put(), or -errno with @e filled.
 */
int json_parse(const char *bytes, size_t length, const char *name, struct json_object **ret_root,
	       struct err *e);

/** json_read_fd() - read @fd to its end, at most JSON_BYTES_MAX, and parse it. @fd is borrowed. */
int json_read_fd(int fd, const char *name, struct json_object **ret_root, struct err *e);

/**
 * json_bytes_at() - what json_read_at() parses, for a caller that wants to keep it as well
 * @ret_bytes: NUL-terminated; to be freed by the caller
 */
int json_bytes_at(int dir_fd, const char *path, char **ret_bytes, size_t *ret_length,
		  struct err *e);

/**
 * json_read_at() - open @path beneath @dir_fd (AT_FDCWD allowed) and parse it
 *
 * Only a regular file is read, so a FIFO cannot make us hang.
 */
int json_read_at(int dir_fd, const char *path, struct json_object **ret_root, struct err *e);

static inline void own_json_drop(struct json_object **root)
{
	if (*root)
		(void)json_object_put(*root);
	*root = NULL;
}
#define own_json __attribute__((cleanup(own_json_drop)))
