#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "image/beneath.h"
#include "image/user.h"

#define USER_TEXT_BYTES_MAX 256
#define ID_MAX              UINT32_C(4294967294) /* -1 means "leave alone" to setuid() and chown() */

/* passwd or group in memory, walked line by line; an absent file is an empty one. */
struct table {
	const char *name;
	char *bytes;
	char *next;
};

static void own_table_drop(struct table *table)
{
	own_mem_drop(&table->bytes);
}
#define own_table __attribute__((cleanup(own_table_drop)))

static int table_open(int root_fd, const char *path, struct table *ret_table, struct err *e)
{
	struct err fault = { 0 };
	size_t length;
	int r;

	*ret_table = (struct table){ .name = path };
	r = beneath_read(root_fd, path, BENEATH_ROOT, USER_FILE_BYTES_MAX, &ret_table->bytes,
			 &length, &fault);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0; /* an image from scratch has neither file */
	if (r < 0)
		return err_set(e, -r, "container's %s", fault.text);
	ret_table->next = ret_table->bytes;
	return 0;
}

/* Return: 1 with the next line in @ret_line, 0 at the end, or -errno. A NUL ends the file early. */
static int table_line(struct table *table, char **ret_line, struct err *e)
{
	char *end;

	if (!table->next || !*table->next)
		return 0;
	*ret_line = table->next;
	end = strchrnul(table->next, '\n');
	if (end - table->next > USER_LINE_BYTES_MAX)
		return err_set(e, E2BIG, "container's '%s' has a line longer than %d bytes",
			       table->name, USER_LINE_BYTES_MAX);
	table->next = *end ? end + 1 : end;
	*end = '\0';
	return 1;
}

/* Split "a:b:c" in place. Return: how many fields there are, at most @max. */
static size_t line_split(char *line, char **fields, size_t max)
{
	size_t count = 0;

	while (line && count < max)
		fields[count++] = strsep(&line, ":");
	return count;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Digits only, always decimal. Return: 0, or -ERANGE. */
static int id_parse(const char *text, uint32_t *ret_id)
{
	uint64_t id = 0;

	for (; *text; text++) {
		id = id * 10 + (uint64_t)(*text - '0');
		if (id > ID_MAX)
			return -ERANGE;
	}
	*ret_id = (uint32_t)id;
	return 0;
}

/* Does the field of a file hold an id that we can use? */
static bool field_id(const char *field, uint32_t *ret_id)
{
	return is_number(field) && id_parse(field, ret_id) == 0;
}

static int text_check(const char *what, const char *text, struct err *e)
{
	if (!*text)
		return err_set(e, EINVAL, "%s is empty", what);
	if (strlen(text) > USER_TEXT_BYTES_MAX)
		return err_set(e, EINVAL, "%s is longer than %d bytes", what, USER_TEXT_BYTES_MAX);
	/* No name starts with a sign, and strtol() would take "-1" for the overflow id. */
	if (*text == '-' || *text == '+')
		return err_set(e, EINVAL, "%s '%s' starts with a sign", what, text);
	return 0;
}

/*
 * Find @text in passwd or group, whose first three fields are alike: name, password, id. A name
 * wins over a number, the first line wins over later ones. Return: 1 with the line's fields, 0 when
 * no line fits, or -errno.
 */
static int table_find(struct table *table, const char *text, char **fields, size_t field_max,
		      size_t *ret_count, struct err *e)
{
	char *by_id[7] = { 0 };
	size_t by_id_count = 0;
	uint32_t wanted = 0, id;
	bool numeric = is_number(text) && id_parse(text, &wanted) == 0;
	char *line = NULL;
	int r;

	while ((r = table_line(table, &line, e)) > 0) {
		size_t count = line_split(line, fields, field_max);

		if (count < 3 || !field_id(fields[2], &id))
			continue;
		if (strcmp(fields[0], text) == 0) {
			*ret_count = count;
			return 1;
		}
		if (numeric && id == wanted && !by_id_count) {
			memcpy(by_id, fields, count * sizeof(*fields));
			by_id_count = count;
		}
	}
	if (r < 0 || !by_id_count)
		return r;
	memcpy(fields, by_id, by_id_count * sizeof(*fields));
	*ret_count = by_id_count;
	return 1;
}

static int user_find(int root_fd, const char *text, struct arena *arena, struct user *user,
		     struct err *e)
{
	own_table struct table passwd = { 0 };
	char *fields[7];
	size_t count = 0;
	int r;

	r = table_open(root_fd, "etc/passwd", &passwd, e);
	if (r < 0)
		return r;
	r = table_find(&passwd, text, fields, 7, &count, e);
	if (r < 0)
		return r;
	if (r == 0) {
		if (!is_number(text))
			return err_set(e, ENOENT,
				       "unable to find user %s: no matching entries in passwd file",
				       text);
		return id_parse(text, &user->uid) < 0 ?
			       err_set(e, ERANGE, "user '%s' is above %u", text, ID_MAX) :
			       0;
	}
	(void)field_id(fields[2], &user->uid);
	if (count > 3)
		(void)field_id(fields[3], &user->gid);
	user->name = arena_strdup(arena, fields[0]);
	if (count > 5 && fields[5][0] == '/')
		user->home = arena_strdup(arena, fields[5]);
	return user->name && user->home ? 0 : err_oom(e);
}

int user_group_resolve(int root_fd, const char *text, gid_t *ret_gid, struct err *e)
{
	own_table struct table group = { 0 };
	char *fields[4];
	size_t count = 0;
	int r;

	r = text_check("group", text, e);
	if (r < 0)
		return r;
	r = table_open(root_fd, "etc/group", &group, e);
	if (r < 0)
		return r;
	r = table_find(&group, text, fields, 4, &count, e);
	if (r < 0)
		return r;
	if (r > 0) {
		(void)field_id(fields[2], ret_gid);
		return 0;
	}
	if (!is_number(text))
		return err_set(e, ENOENT,
			       "unable to find group %s: no matching entries in group file", text);
	return id_parse(text, ret_gid) < 0 ?
		       err_set(e, ERANGE, "group '%s' is above %u", text, ID_MAX) :
		       0;
}

static bool members_have(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/* All groups that list the user by name. */
static int groups_collect(int root_fd, struct arena *arena, struct user *user, struct err *e)
{
	own_table struct table group = { 0 };
	gid_t *gids;
	char *line = NULL;
	int r;

	if (!user->name)
		return 0;
	r = table_open(root_fd, "etc/group", &group, e);
	if (r < 0)
		return r;
	gids = arena_new_array(arena, gid_t, USER_GROUPS_MAX);
	if (!gids)
		return err_oom(e);
	user->groups = gids;
	while ((r = table_line(&group, &line, e)) > 0) {
		char *fields[4];
		uint32_t gid;

		if (line_split(line, fields, 4) < 4 || !field_id(fields[2], &gid) ||
		    !members_have(fields[3], user->name))
			continue;
		if (user->group_count == USER_GROUPS_MAX)
			return err_set(e, E2BIG, "user '%s' is in more than %d groups", user->name,
				       USER_GROUPS_MAX);
		gids[user->group_count++] = gid;
	}
	return r;
}

int user_resolve(int root_fd, const char *text, struct arena *arena, struct user *ret_user,
		 struct err *e)
{
	struct user user = { .home = "/" };
	const char *colon = strchr(text, ':'), *who = text;
	int r;

	if (!*text || (*text == ':' && text[1]))
		who = "0";
	else if (colon)
		who = arena_strndup(arena, text, (size_t)(colon - text));
	if (!who)
		return err_oom(e);
	r = text_check("user", who, e);
	if (r < 0)
		return r;
	r = user_find(root_fd, who, arena, &user, e);
	if (r < 0)
		return r;
	if (colon)
		r = user_group_resolve(root_fd, colon + 1, &user.gid, e);
	else
		r = groups_collect(root_fd, arena, &user, e);
	if (r < 0)
		return r;
	*ret_user = user;
	return 0;
}
