#include <errno.h>
#include <regex.h>

#include "base/err.h"
#include "cmd/oci/regex.h"

int regex_each(struct oci *oci, const char *pattern,
	       int (*act)(struct oci *oci, const char *id, const void *context, struct err *e),
	       const void *context, struct err *e)
{
	own_arena struct arena arena = { 0 };
	struct runtime_state *states;
	int first = 0, r;
	uint32_t count;
	regex_t regex;

	r = arena_init(&arena, e);
	if (r == 0)
		r = runtime_list(&oci->rt, &arena, &states, &count, e);
	if (r < 0)
		return r;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(e, EINVAL, "'%s' is not a regular expression", pattern);
	for (uint32_t i = 0; i < count; i++) {
		if (regexec(&regex, states[i].id, 0, NULL, 0) != 0)
			continue;
		r = act(oci, states[i].id, context, e);
		first = first < 0 ? first : r;
	}
	regfree(&regex);
	return first;
}
