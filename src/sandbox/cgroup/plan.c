#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/plan.h"
#include "sys/guard.h"

#define PARENT "gabion"

/* --- places and paths --------------------------------------------------------------------- */

/* Is @word among the words of @list, which @separator stands between? */
static bool lists(const char *list, char separator, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = list; p && *p; p = strchr(p, separator), p = p ? p + 1 : NULL)
		if (!strncmp(p, word, length) && (!p[length] || p[length] == separator))
			return true;
	return false;
}

int cgroup_place_v2(const struct cgroup_places *places)
{
	for (uint32_t i = 0; i < places->count; i++)
		if (places->items[i].is_v2)
			return (int)i;
	return -1;
}

int cgroup_place_find(const struct cgroup_places *places, const char *controller)
{
	for (uint32_t i = 0; i < places->count; i++)
		if (!places->items[i].is_v2 && lists(places->items[i].controllers, ',', controller))
			return (int)i;
	if (places->cgroup2_controllers && lists(places->cgroup2_controllers, ' ', controller))
		return cgroup_place_v2(places);
	return -1;
}

int cgroup_path_clean(const char *path, struct arena *arena, const char **ret_path, struct err *e)
{
	char *clean = arena_alloc(arena, strlen(path) + 2);
	size_t used = 0;

	if (!clean)
		return err_oom(e);
	for (const char *p = path; *p;) {
		size_t length = strcspn(p, "/");

		for (size_t i = 0; i < length; i++)
			if ((unsigned char)p[i] < ' ')
				return err_set(e, EINVAL, "cgroup path: a control character");
		if (GUARD(E30) && length == 2 && !memcmp(p, "..", 2))
			return err_set(e, EINVAL, "cgroup path '%s': '..' is refused", path);
		if (length && !(length == 1 && *p == '.')) {
			clean[used++] = '/';
			memcpy(clean + used, p, length);
			used += length;
		}
		p += length;
		p += strspn(p, "/");
	}
	clean[used] = '\0';
	*ret_path = clean;
	return 0;
}

static void parent_cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/*
 * Where a path that is not absolute begins. In v2 that is the parent of our own cgroup: ours has
 * processes in it, so none below it could be given a controller.
 */
static const char *base_path(const struct cgroup_hierarchy *tree, const struct host *host,
			     struct arena *arena)
{
	char *base = arena_strdup(arena, strcmp(tree->own_path, "/") ? tree->own_path : "");

	if (base && host->cgroup_layout == CGROUP_V2)
		parent_cut(base);
	return base;
}

static int place_paths(struct cgroup_plan *plan, const struct spec *spec, const struct host *host,
		       const char *id, struct arena *arena, struct err *e)
{
	const char *given = spec->os.cgroups_path && *spec->os.cgroups_path ?
				    spec->os.cgroups_path :
				    NULL;
	bool is_relative = given ? given[0] != '/' : host->is_rootless;
	const char *path;
	int r;

	if (!given)
		given = arena_printf(arena, host->is_rootless ? PARENT "-%s" : "/" PARENT "/%s", id);
	if (!given)
		return err_oom(e);
	r = cgroup_path_clean(given, arena, &path, e);
	if (r < 0)
		return r;
	if (!*path)
		return err_set(e, EINVAL, "linux.cgroupsPath '%s': the root cannot be a container's",
			       given);
	for (uint32_t i = 0; i < host->cgroup_count; i++) {
		const char *base = is_relative ? base_path(&host->cgroups[i], host, arena) : "";

		plan->places.items[i].path = base ? arena_printf(arena, "%s%s", base, path) : NULL;
		if (!plan->places.items[i].path)
			return err_oom(e);
	}
	return 0;
}

/* --- systemd ------------------------------------------------------------------------------ */

/* "a-b.slice" lies in "a.slice": its path is /a.slice/a-b.slice, that of "-.slice" empty. */
static int slice_expand(const char *slice, struct arena *arena, const char **ret_path, struct err *e)
{
	size_t length = strlen(slice), stem = length - strlen(".slice");
	struct text path = { 0 };
	const char *copy;

	if (length <= strlen(".slice") || strcmp(slice + stem, ".slice") || strchr(slice, '/'))
		return err_set(e, EINVAL, "linux.cgroupsPath: '%s' is not the name of a slice", slice);
	if (!strcmp(slice, "-.slice")) {
		*ret_path = "";
		return 0;
	}
	if (slice[0] == '-' || slice[stem - 1] == '-' || strstr(slice, "--"))
		return err_set(e, EINVAL, "linux.cgroupsPath: '%s' is not the name of a slice", slice);
	for (size_t i = 1; i <= stem; i++)
		if (i == stem || slice[i] == '-')
			text_printf(&path, "/%.*s.slice", (int)i, slice);
	copy = text_ok(&path) ? arena_strdup(arena, text_str(&path)) : NULL;
	text_release(&path);
	if (!copy)
		return err_oom(e);
	*ret_path = copy;
	return 0;
}

static bool is_unit_text(const char *text)
{
	for (; *text; text++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@", *text))
			return false;
	return true;
}

/* slice:prefix:name */
static int systemd_paths(struct cgroup_plan *plan, const struct spec *spec, const struct host *host,
			 const char *id, struct arena *arena, struct err *e)
{
	const char *given = spec->os.cgroups_path && *spec->os.cgroups_path ?
				    spec->os.cgroups_path :
				    arena_printf(arena, ":" PARENT ":%s", id);
	const char *first = given ? strchr(given, ':') : NULL;
	const char *second = first ? strchr(first + 1, ':') : NULL;
	const char *prefix, *name, *slice_path = "";
	int r;

	if (!given)
		return err_oom(e);
	if (!second || strchr(second + 1, ':') || !second[1])
		return err_set(e, EINVAL,
			       "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd "
			       "cgroups, got \"%s\" instead",
			       given);
	plan->slice = first == given ? (host->is_rootless ? "user.slice" : "system.slice") :
				       arena_strndup(arena, given, (size_t)(first - given));
	prefix = arena_strndup(arena, first + 1, (size_t)(second - first - 1));
	name = second + 1;
	if (!plan->slice || !prefix)
		return err_oom(e);
	if (!is_unit_text(name) || !is_unit_text(prefix))
		return err_set(e, EINVAL, "linux.cgroupsPath '%s': not a name for a unit", given);
	plan->unit = strlen(name) > strlen(".slice") &&
				     !strcmp(name + strlen(name) - strlen(".slice"), ".slice") ?
			     name :
			     arena_printf(arena, *prefix ? "%s-%s.scope" : "%s%s.scope", prefix, name);
	if (!plan->unit)
		return err_oom(e);
	r = slice_expand(plan->slice, arena, &slice_path, e);
	if (r < 0)
		return r;
	/* Where a user's manager has its own root only it can say. */
	for (uint32_t i = 0; i < host->cgroup_count && !host->is_rootless; i++) {
		plan->places.items[i].path = arena_printf(arena, "%s/%s", slice_path, plan->unit);
		if (!plan->places.items[i].path)
			return err_oom(e);
	}
	return 0;
}

/* --- devices and ownership ---------------------------------------------------------------- */

static int plan_devices(struct cgroup_plan *plan, const struct spec_resources *resources,
			const struct host *host, struct arena *arena, struct err *e)
{
	struct cgroup_device_list list;
	int place, r;

	/* Whoever is root in a user namespace alone can make no device, and set no filter. */
	if (host->is_rootless || !plan->places.count)
		return 0;
	r = cgroup_rules_make(resources->devices, resources->device_count, arena, &plan->rules, e);
	if (r < 0)
		return r;
	plan->has_rules = true;
	place = cgroup_place_find(&plan->places, "devices");
	if (place >= 0) {
		r = cgroup_device_list_make(&plan->rules, arena, &list, e);
		return r < 0 ? r :
			       cgroup_device_writes_make(&list, (uint32_t)place, arena,
							 &plan->device_writes, e);
	}
	if (cgroup_rules_allow_all(&plan->rules))
		return 0;
	if (cgroup_place_v2(&plan->places) < 0)
		return err_set(e, EOPNOTSUPP,
			       "linux.resources.devices: no cgroup hierarchy of this host has controller "
			       "'devices'");
	return cgroup_program_make(&plan->rules, arena, &plan->program, e);
}

static bool has_writable_cgroup_mount(const struct spec *spec)
{
	for (uint32_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];

		if (mount->type &&
		    (!strcmp(mount->type, "cgroup") || !strcmp(mount->type, "cgroup2")))
			return !(mount->attr_set & MOUNT_ATTR_RDONLY) &&
			       !(mount->rec_attr_set & MOUNT_ATTR_RDONLY) &&
			       !(mount->sb_flags_set & MS_RDONLY);
	}
	return false;
}

/*
 * runtime-spec, "Cgroup ownership": the container may manage what is below its cgroup when that is
 * v2, it sees nothing above it (its own cgroup namespace), and may write.
 */
static void plan_owner(struct cgroup_plan *plan, const struct spec *spec, const struct host *host)
{
	const struct spec_namespace *ns = &spec->os.namespaces[SPEC_NS_CGROUP];
	uint32_t uid = spec->has_process ? spec->process.user.uid : 0;

	if (host->cgroup_layout != CGROUP_V2 || !ns->is_wanted || ns->path ||
	    !has_writable_cgroup_mount(spec))
		return;
	if (spec->os.namespaces[SPEC_NS_USER].is_wanted) {
		const struct spec_id_maps *maps = &spec->os.uid_maps;

		for (uint32_t i = 0; i < maps->count; i++) {
			const struct spec_id_map *map = &maps->items[i];

			if (uid < map->container_id || uid - map->container_id >= map->size)
				continue;
			plan->owner = map->host_id + (uid - map->container_id);
			plan->has_owner = plan->owner != host->euid;
			return;
		}
		return;
	}
	plan->owner = uid;
	plan->has_owner = uid != host->euid;
}

/* --- the plan ----------------------------------------------------------------------------- */

static bool uses_place(const struct cgroup_plan *plan, int place)
{
	for (uint32_t i = 0; i < plan->limits.count; i++)
		if (plan->limits.items[i].place == (uint32_t)place)
			return true;
	return plan->program.count > 0;
}

/*
 * A cgroup2 tree beside v1 controllers. Where systemd runs it keeps count of its services there, and
 * a container must not be taken for a part of the service that started it. Without systemd the tree
 * is entered only for a limit that it alone can hold: the way in takes a lock against all forks
 * and exits of the machine, that of the v1 hierarchies takes none.
 */
static void plan_hybrid(struct cgroup_plan *plan, const struct spec_resources *resources,
			const struct host *host)
{
	int place = cgroup_place_v2(&plan->places);

	if (host->cgroup_layout == CGROUP_HYBRID && !host->has_systemd && !uses_place(plan, place))
		plan->places.items[place].path = NULL;
	/* With a pids limit of 0 nobody can be born inside. */
	plan->enters_by_file = plan->unit == NULL && (host->cgroup_layout != CGROUP_V2 ||
						      (resources->pids.is_given &&
						       resources->pids.value == 0));
}

static void plan_cpuset(struct cgroup_plan *plan, const struct spec_resources *resources)
{
	int place = cgroup_place_find(&plan->places, "cpuset");
	const struct spec_cpu *cpu = &resources->cpu;

	plan->fills_cpuset = place >= 0 && !plan->places.items[place].is_v2 &&
			     !(resources->has_cpu && cpu->cpus && *cpu->cpus && cpu->mems &&
			       *cpu->mems);
}

static void plan_places(struct cgroup_plan *plan, const struct host *host)
{
	for (uint32_t i = 0; i < host->cgroup_count; i++)
		plan->places.items[i] = (struct cgroup_place){
			.controllers = host->cgroups[i].controllers,
			.mount_point = host->cgroups[i].mount_point,
			.is_v2 = host->cgroups[i].is_v2,
		};
	plan->places.count = host->cgroup_count;
	plan->places.cgroup2_controllers = host->cgroup2_controllers;
}

static int plan_all(struct cgroup_plan *plan, const struct spec *spec, const struct host *host,
		    const struct plan_request *request, struct arena *arena, struct err *e)
{
	const struct spec_resources *resources = &spec->os.resources;
	int r;

	plan_places(plan, host);
	if (request->cgroup_manager == CGROUP_MANAGER_SYSTEMD)
		r = systemd_paths(plan, spec, host, request->id, arena, e);
	else
		r = place_paths(plan, spec, host, request->id, arena, e);
	if (r < 0)
		return r;
	r = cgroup_limits_make(resources, &plan->places, arena, &plan->limits, &plan->notes, e);
	if (r < 0)
		return r;
	r = plan_devices(plan, resources, host, arena, e);
	if (r < 0)
		return r;
	plan_owner(plan, spec, host);
	plan_cpuset(plan, resources);
	plan_hybrid(plan, resources, host);
	plan->may_be_absent = host->is_rootless && !plan->limits.count &&
			      !(spec->os.cgroups_path && *spec->os.cgroups_path);
	if (plan->manager != CGROUP_MANAGER_SYSTEMD)
		return 0;
	return cgroup_properties_make(spec, resources, plan->has_rules ? &plan->rules : NULL,
				      plan->slice, host->cgroup_layout == CGROUP_V2, arena,
				      &plan->properties, e);
}

int cgroup_plan_make(const struct spec *spec, const struct host *host,
		     const struct plan_request *request, struct arena *arena,
		     struct cgroup_plan **ret_plan, struct err *e)
{
	struct cgroup_plan *plan = arena_new(arena, struct cgroup_plan);
	int r;

	if (!plan)
		return err_oom(e);
	plan->manager = request->cgroup_manager;
	plan->is_rootless = host->is_rootless;
	if (plan->manager != CGROUP_MANAGER_DISABLED) {
		r = plan_all(plan, spec, host, request, arena, e);
		if (r < 0)
			return r;
	}
	plan->note_strings = (struct spec_strings){ plan->notes.items, plan->notes.count };
	*ret_plan = plan;
	return 0;
}

const struct spec_strings *cgroup_plan_notes(const struct cgroup_plan *plan)
{
	return &plan->note_strings;
}

static void explain_writes(const struct cgroup_plan *plan, const struct cgroup_writes *writes,
			   struct text *out)
{
	for (uint32_t i = 0; i < writes->count; i++)
		text_printf(out, "cgroup: %s%s: %s = %s\n",
			    plan->places.items[writes->items[i].place].mount_point,
			    plan->places.items[writes->items[i].place].path ?: "",
			    writes->items[i].file, writes->items[i].value);
}

void cgroup_plan_explain(const struct cgroup_plan *plan, struct text *out)
{
	if (plan->manager == CGROUP_MANAGER_DISABLED || !plan->places.count) {
		text_printf(out, "cgroup: none: %s\n",
			    plan->places.count ? "not wanted" : "no cgroup file system is mounted");
		return;
	}
	if (plan->unit)
		text_printf(out, "cgroup: systemd unit '%s' in '%s'\n", plan->unit, plan->slice);
	for (uint32_t i = 0; i < plan->properties.count; i++)
		text_printf(out, "cgroup: systemd property %s\n", plan->properties.items[i]);
	for (uint32_t i = 0; i < plan->places.count; i++)
		if (plan->places.items[i].path)
			text_printf(out, "cgroup: make %s%s\n", plan->places.items[i].mount_point,
				    plan->places.items[i].path);
	explain_writes(plan, &plan->limits, out);
	explain_writes(plan, &plan->device_writes, out);
	if (!plan->has_rules)
		text_append(out, "cgroup: no device filter: in a user namespace no device can be made\n");
	else if (plan->program.count)
		text_printf(out, "cgroup: device filter: a program of %u instructions\n",
			    plan->program.count);
	else if (!plan->device_writes.count)
		text_append(out, "cgroup: no device filter: all devices are allowed\n");
	if (plan->has_owner)
		text_printf(out, "cgroup: given to user %u\n", (unsigned)plan->owner);
}

/* --- what rootfs/ mounts ------------------------------------------------------------------ */

static int mount_names(const char *controllers, struct arena *arena, struct cgroup_mount *mount,
		       struct err *e)
{
	uint32_t count = 1;

	for (const char *p = controllers; (p = strchr(p, ',')); p++)
		count++;
	if (count == 1)
		return 0;
	mount->aliases.items = arena_new_array(arena, const char *, count);
	if (!mount->aliases.items)
		return err_oom(e);
	for (const char *p = controllers; *p;) {
		size_t length = strcspn(p, ",");
		const char *name = arena_strndup(arena, p, length);

		if (!name)
			return err_oom(e);
		/* A mount point may be named for one of its controllers: that is no alias then. */
		if (strcmp(name, mount->name))
			mount->aliases.items[mount->aliases.count++] = name;
		p += length + (p[length] == ',');
	}
	return 0;
}

int cgroup_plan_mounts(const struct cgroup_plan *plan, struct arena *arena,
		       struct cgroup_mount **ret_mounts, uint32_t *ret_count, struct err *e)
{
	struct cgroup_mount *mounts = arena_new_array(arena, struct cgroup_mount,
						      (size_t)plan->places.count + 1);
	bool has_v1 = false;
	uint32_t count = 0;

	if (!mounts)
		return err_oom(e);
	for (uint32_t i = 0; i < plan->places.count; i++)
		has_v1 |= !plan->places.items[i].is_v2;
	for (uint32_t i = 0; i < plan->places.count; i++) {
		const struct cgroup_place *place = &plan->places.items[i];
		struct cgroup_mount *mount = &mounts[count];
		int r;

		if (place->is_v2 && has_v1)
			continue;
		mount->is_v2 = place->is_v2;
		mount->name = place->is_v2 ? "" : strrchr(place->mount_point, '/') + 1;
		mount->data = !strncmp(place->controllers, "name=", 5) ?
				      arena_printf(arena, "none,%s", place->controllers) :
				      place->controllers;
		mount->source = place->path ? arena_printf(arena, "%s%s", place->mount_point,
							   place->path) :
					      NULL;
		if (!mount->data || (place->path && !mount->source))
			return err_oom(e);
		r = mount_names(place->controllers, arena, mount, e);
		if (r < 0)
			return r;
		count++;
	}
	*ret_mounts = mounts;
	*ret_count = count;
	return 0;
}
