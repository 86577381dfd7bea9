#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "plan/plan.h"
#include "wall/seccomp/wall.h"
#include "wall/wall.h"

/* The order here is the order inside a stage. */
const struct wall *const walls[] = {
	&seccomp_wall,
	NULL,
};

int walls_probe(const struct spec *spec, struct host *host, struct err *e)
{
	for (unsigned i = 0; walls[i]; i++) {
		int r = walls[i]->probe ? walls[i]->probe(spec, host, e) : 0;

		if (r < 0)
			return err_wrap(e, r, "%s", walls[i]->name);
	}
	return 0;
}

int walls_plan(struct plan *plan, struct err *e)
{
	for (unsigned i = 0; walls[i]; i++) {
		struct part *part = arena_alloc(plan->arena, walls[i]->part_size);
		int r;

		if (!part)
			return err_oom(e);
		part->wall = walls[i];
		plan->parts[i] = part;
		r = walls[i]->plan(part, plan->spec, plan->host, plan, e);
		if (r < 0)
			return err_wrap(e, r, "%s", walls[i]->name);
	}
	return 0;
}

int walls_prepare(struct plan *plan, struct record *rec, struct err *e)
{
	for (unsigned i = 0; plan->parts[i]; i++) {
		struct part *part = plan->parts[i];
		int r;

		if (part->stage == STAGE_NONE || !part->wall->prepare)
			continue;
		r = part->wall->prepare(part, rec, e);
		if (r < 0) {
			(void)walls_release(rec, NULL);
			return err_wrap(e, r, "%s", part->wall->name);
		}
	}
	return 0;
}

int walls_apply(const struct plan *plan, enum stage stage, const struct child *self, struct err *e)
{
	for (unsigned i = 0; plan->parts[i]; i++) {
		const struct part *part = plan->parts[i];
		int r;

		if (part->stage != stage || !part->wall->apply)
			continue;
		r = part->wall->apply(part, self, e);
		if (r < 0)
			return err_wrap(e, r, "%s", part->wall->name);
	}
	return 0;
}

bool walls_want_attend(const struct plan *plan, enum stage stage)
{
	for (unsigned i = 0; plan->parts[i]; i++)
		if (plan->parts[i]->stage == stage && plan->parts[i]->wants_attend)
			return true;
	return false;
}

int walls_attend(const struct plan *plan, enum stage stage, const struct witness *seen,
		 struct wall_page *page, struct err *e)
{
	for (unsigned i = 0; plan->parts[i]; i++) {
		const struct part *part = plan->parts[i];
		int r;

		if (part->stage != stage || !part->wants_attend)
			continue;
		r = part->wall->attend(part, seen, page, e);
		if (r < 0)
			return err_wrap(e, r, "%s", part->wall->name);
	}
	return 0;
}

int walls_verify(const struct plan *plan, const struct witness *seen, struct err *e)
{
	for (unsigned i = 0; plan->parts[i]; i++) {
		const struct part *part = plan->parts[i];
		int r;

		if (part->stage == STAGE_NONE || !part->wall->verify ||
		    part->is_final_at_exec != seen->at_exec)
			continue;
		r = part->wall->verify(part, seen, e);
		if (r < 0)
			return err_wrap(e, r, "%s", part->wall->name);
	}
	return 0;
}

bool walls_want_exec_stop(const struct plan *plan)
{
	for (unsigned i = 0; plan->parts[i]; i++)
		if (plan->parts[i]->stage != STAGE_NONE && plan->parts[i]->is_final_at_exec)
			return true;
	return false;
}

int walls_release(const struct record *rec, struct err *e)
{
	int first = 0;

	for (unsigned i = 0; walls[i]; i++) {
		int r = walls[i]->release ? walls[i]->release(rec, e) : 0;

		if (r < 0 && !first)
			first = err_wrap(e, r, "%s", walls[i]->name);
	}
	return first;
}

void walls_explain(const struct plan *plan, struct text *out)
{
	static const char *const stage_names[] = {
		[STAGE_NONE] = "not asked for",
		[STAGE_OUTSIDE] = "around the process",
		[STAGE_PRIVILEGED] = "while privileged",
		[STAGE_DROPPED] = "after privileges are dropped",
		[STAGE_LAST] = "last, before execve",
	};

	for (unsigned i = 0; plan->parts[i]; i++) {
		const struct part *part = plan->parts[i];

		text_printf(out, "wall %s, %s", part->wall->name, stage_names[part->stage]);
		if (part->stage != STAGE_NONE && part->wall->explain) {
			text_append(out, ": ");
			part->wall->explain(part, out);
		}
		text_append(out, "\n");
	}
}
