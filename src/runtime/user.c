#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "runtime/user.h"

static int id_parse(const char *text, size_t length, uint32_t *ret_id)
{
	uint64_t value = 0;

	if (!length)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value >= UINT32_MAX)
			return -ERANGE;
	}
	*ret_id = (uint32_t)value;
	return 0;
}

static int id_refuse(int r, const char *text, struct err *e)
{
	return err_set(e, -r, "user '%s': %s", text,
		       r == -ERANGE ? "a number is too large" : "want UID or UID:GID in digits");
}

int user_parse(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e)
{
	size_t uid_length = strcspn(text, ":");
	uint32_t uid, gid = *ret_gid;
	int r;

	r = id_parse(text, uid_length, &uid);
	if (r == 0 && text[uid_length])
		r = id_parse(text + uid_length + 1, strlen(text + uid_length + 1), &gid);
	if (r < 0)
		return id_refuse(r, text, e);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int user_parse_id(const char *text, uint32_t *ret_id, struct err *e)
{
	int r = id_parse(text, strlen(text), ret_id);

	return r < 0 ? id_refuse(r, text, e) : 0;
}
