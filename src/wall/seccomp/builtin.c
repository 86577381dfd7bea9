#include <string.h>

#include "base/json.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/read.h"

#include "builtin_data.h"

int seccomp_read_builtin(const struct seccomp_facts *facts, struct arena *arena,
			 struct seccomp_profile *ret_profile, struct err *e)
{
	own_json struct json_object *json = NULL;
	int r = json_parse(builtin_json, sizeof(builtin_json) - 1, "built-in profile", &json, e);

	return r < 0 ? r : seccomp_read_file(json, facts, arena, ret_profile, e);
}

const struct seccomp_group *seccomp_group_at(size_t i)
{
	return i < sizeof(groups) / sizeof(*groups) ? &groups[i] : NULL;
}

const struct seccomp_group *seccomp_group_find(const char *name)
{
	const struct seccomp_group *group;

	for (size_t i = 0; (group = seccomp_group_at(i)); i++) {
		if (!strcmp(group->name, name))
			return group;
	}
	return NULL;
}
