#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"

static void own_tokener_drop(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

static bool json_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int json_parse(const char *bytes, size_t length, const char *name, struct json_object **ret_root,
	       struct err *e)
{
	struct json_tokener *tokener __attribute__((cleanup(own_tokener_drop))) =
		json_tokener_new_ex(JSON_DEPTH_MAX);
	own_json struct json_object *root = NULL;
	enum json_tokener_error fault;
	size_t end;

	if (!tokener)
		return err_oom(e);
	if (length > JSON_BYTES_MAX)
		return err_set(e, E2BIG, "'%s' is longer than %zu bytes", name, JSON_BYTES_MAX);

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = json_tokener_parse_ex(tokener, bytes, (int)length);
	fault = json_tokener_get_error(tokener);
	if (fault == json_tokener_continue) /* a bare number ends only where the input does */
		root = json_tokener_parse_ex(tokener, "", -1), fault = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	if (fault == json_tokener_continue)
		return err_set(e, EINVAL, "'%s' ends in the middle of a JSON value", name);
	if (fault != json_tokener_success)
		return err_set(e, EINVAL, "'%s' is not valid JSON at byte %zu: %s", name, end,
			       json_tokener_error_desc(fault));
	while (end < length && json_is_space(bytes[end]))
		end++;
	if (end < length)
		return err_set(e, EINVAL, "'%s' has more text after the JSON value, at byte %zu",
			       name, end);
	*ret_root = take_ptr(root);
	return 0;
}

/* Read to the end into a buffer that the caller frees. */
static int json_slurp(int fd, const char *name, char **ret_bytes, size_t *ret_length, struct err *e)
{
	size_t capacity = 32 << 10, length = 0;
	own_mem char *bytes = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0) {
		if ((size_t)st.st_size > JSON_BYTES_MAX)
			return err_set(e, E2BIG, "'%s' is longer than %zu bytes", name,
				       JSON_BYTES_MAX);
		capacity = (size_t)st.st_size + 1;
	}
	for (;;) {
		char *grown = length < capacity && bytes ? bytes : realloc(bytes, capacity + 1);
		ssize_t got;

		if (!grown)
			return err_oom(e);
		bytes = grown;
		got = read(fd, bytes + length, capacity - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "read '%s'", name);
		if (got == 0)
			break;
		length += (size_t)got;
		if (length > JSON_BYTES_MAX)
			return err_set(e, E2BIG, "'%s' is longer than %zu bytes", name,
				       JSON_BYTES_MAX);
		if (length == capacity)
			capacity *= 2;
	}
	bytes[length] = '\0';
	*ret_bytes = take_ptr(bytes);
	*ret_length = length;
	return 0;
}

int json_read_fd(int fd, const char *name, struct json_object **ret_root, struct err *e)
{
	own_mem char *bytes = NULL;
	size_t length;
	int r;

	r = json_slurp(fd, name, &bytes, &length, e);
	if (r < 0)
		return r;
	return json_parse(bytes, length, name, ret_root, e);
}

int json_bytes_at(int dir_fd, const char *path, char **ret_bytes, size_t *ret_length, struct err *e)
{
	own_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is not a regular file", path);
	return json_slurp(fd, path, ret_bytes, ret_length, e);
}

int json_read_at(int dir_fd, const char *path, struct json_object **ret_root, struct err *e)
{
	own_mem char *bytes = NULL;
	size_t length;
	int r;

	r = json_bytes_at(dir_fd, path, &bytes, &length, e);
	if (r < 0)
		return r;
	return json_parse(bytes, length, path, ret_root, e);
}
