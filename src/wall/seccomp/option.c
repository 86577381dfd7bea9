#include <fcntl.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/modify.h"
#include "wall/seccomp/option.h"
#include "wall/seccomp/read.h"

static int read_path(const char *path, const struct seccomp_facts *facts, struct arena *arena,
		     struct seccomp_profile *ret_profile, struct err *e)
{
	own_json struct json_object *json = NULL;
	int r = json_read_at(AT_FDCWD, path, &json, e);

	if (r == 0)
		r = seccomp_read_file(json, facts, arena, ret_profile, e);
	return r < 0 ? err_wrap(e, r, "seccomp profile '%s'", path) : 0;
}

int seccomp_option_read(const char *value, const struct seccomp_facts *facts, struct arena *arena,
			struct seccomp_profile *ret_profile, bool *ret_is_confined, struct err *e)
{
	int r;

	*ret_is_confined = !value || strcmp(value, "unconfined");
	if (!*ret_is_confined)
		return 0;
	if (value && strcmp(value, "builtin") && !seccomp_is_change(value)) {
		r = read_path(value, facts, arena, ret_profile, e);
		*ret_is_confined = r == 0 && !seccomp_profile_is_empty(ret_profile);
		return r;
	}
	r = seccomp_read_builtin(facts, arena, ret_profile, e);
	if (r == 0 && value && seccomp_is_change(value))
		r = seccomp_modify(ret_profile, value, e);
	return r < 0 ? err_wrap(e, r, "seccomp=%s", value ? value : "builtin") : 0;
}
