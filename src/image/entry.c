#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "image/entry.h"

#define MARK        ".wh."
#define MARK_OPAQUE ".wh..wh..opq"
#define MARK_AUFS   ".wh..wh."

static bool has_prefix(const char *text, size_t length, const char *prefix)
{
	size_t wanted = strlen(prefix);

	return length >= wanted && memcmp(text, prefix, wanted) == 0;
}

/* One component, neither empty nor ".". Only the last one may be a mark. */
static int component_check(const char *name, const char *part, size_t length, bool is_last,
			   struct err *e)
{
	if (length == 2 && part[0] == '.' && part[1] == '.')
		return err_set(e, EINVAL, "entry '%.300s' has '..' in its name", name);
	if (length > NAME_MAX)
		return err_set(e, ENAMETOOLONG, "entry '%.300s' has a name that is too long", name);
	if (!is_last && has_prefix(part, length, MARK))
		return err_set(e, EINVAL, "entry '%.300s' lies below a whiteout", name);
	return 0;
}

/* Join the components that count into @out. Return: 0 with the last one's offset; -errno. */
static int path_clean(const char *name, char *out, size_t *ret_leaf, struct err *e)
{
	const char *part = name;
	size_t used = 0;

	*ret_leaf = 0;
	while (*(part += strspn(part, "/"))) {
		size_t length = strcspn(part, "/");
		const char *rest = part + length + strspn(part + length, "/");
		int r;

		if (length == 1 && *part == '.') {
			part += length;
			continue;
		}
		r = component_check(name, part, length, !*rest, e);
		if (r < 0)
			return r;
		if (used + length + 2 > PATH_MAX)
			return err_set(e, ENAMETOOLONG, "entry '%.300s...' has a path that is too long",
				       name);
		if (used)
			out[used++] = '/';
		*ret_leaf = used;
		memcpy(out + used, part, length);
		used += length;
		part += length;
	}
	out[used] = '\0';
	return 0;
}

static int mark_parse(const char *name, char *path, size_t leaf, enum entry_kind *ret_kind,
		      struct err *e)
{
	char *mark = path + leaf, *hidden = mark + sizeof(MARK) - 1;

	if (strcmp(mark, MARK_OPAQUE) == 0) {
		path[leaf ? leaf - 1 : 0] = '\0';
		*ret_kind = ENTRY_OPAQUE;
		return 0;
	}
	if (strncmp(mark, MARK_AUFS, sizeof(MARK_AUFS) - 1) == 0) {
		*ret_kind = ENTRY_NOTHING;
		return 0;
	}
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return err_set(e, EINVAL, "entry '%.300s' is a whiteout of nothing", name);
	memmove(mark, hidden, strlen(hidden) + 1);
	*ret_kind = ENTRY_WHITEOUT;
	return 0;
}

int entry_parse(const char *name, struct entry_path *ret_entry, struct err *e)
{
	size_t leaf;
	int r;

	if (!*name)
		return err_set(e, EINVAL, "entry without a name");
	r = path_clean(name, ret_entry->path, &leaf, e);
	if (r < 0)
		return r;
	ret_entry->kind = ret_entry->path[0] ? ENTRY_PLAIN : ENTRY_ROOT;
	if (strncmp(ret_entry->path + leaf, MARK, sizeof(MARK) - 1) != 0)
		return 0;
	return mark_parse(name, ret_entry->path, leaf, &ret_entry->kind, e);
}

bool entry_xattr_wanted(const char *name)
{
	/* overlayfs takes orders from user.overlay.* (redirect to another path, for one) */
	if (strncmp(name, "user.overlay.", 13) == 0)
		return false;
	return strcmp(name, "security.capability") == 0 || strncmp(name, "user.", 5) == 0;
}
