#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/sandbox.h"
#include "wall/wall.h"

static int plan_warn_all(struct plan *plan, const struct spec_strings *notes, struct err *e)
{
	for (uint32_t i = 0; notes && i < notes->count; i++) {
		int r = plan_warn(plan, e, "%s", notes->items[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int sandbox_plan(const struct spec *spec, struct host *host, const struct plan_request *request,
		 struct arena *arena, struct plan *ret_plan, struct err *e)
{
	int r;

	r = walls_probe(spec, host, e);
	if (r == 0)
		r = plan_make(spec, host, request, arena, ret_plan, e);
	if (r == 0)
		r = walls_plan(ret_plan, e); /* before the rooms: walls say what labels they carry */
	if (r < 0 || request->is_exec)
		return r;
	r = cgroup_plan_make(spec, host, request, arena, &ret_plan->cgroup, e);
	if (r == 0)
		r = plan_warn_all(ret_plan, cgroup_plan_notes(ret_plan->cgroup), e);
	if (r == 0)
		r = rootfs_plan_make(ret_plan, e);
	return r;
}

void sandbox_explain(const struct plan *plan, struct text *out)
{
	plan_explain(plan, out);
	if (plan->cgroup)
		cgroup_plan_explain(plan->cgroup, out);
	if (plan->rootfs)
		rootfs_plan_explain(plan->rootfs, out);
	walls_explain(plan, out);
	for (uint32_t i = 0; i < plan->warnings.count; i++)
		text_printf(out, "warning: %s\n", plan->warnings.items[i]);
}
