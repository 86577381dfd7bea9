#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/stat.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/plan.h"
#include "spec/spec.h"

#define PROPAGATION (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)

/* --- what is known about file systems and paths ------------------------------------------- */

/* How a file system takes a security label. */
enum label_way {
	LABEL_OPTION,        /* context= at mount time, also in a user namespace */
	LABEL_OPTION_OF_ROOT, /* context=, refused by SELinux in a user namespace */
	LABEL_FILE,          /* its superblock exists before it is mounted: label its root instead */
	LABEL_NONE,          /* the policy labels what is in it */
};

static const struct fs_fact {
	const char *type;
	enum label_way label;
	const char *host_path; /* what to bind where a user namespace may not mount one of its own */
	enum spec_ns ns;       /* the namespace that it shows, which must be of the container's */
} fs_facts[] = {
	{ "proc", LABEL_NONE, "/proc", SPEC_NS_PID },
	{ "sysfs", LABEL_NONE, "/sys", SPEC_NS_NETWORK },
	{ "mqueue", LABEL_FILE, "/dev/mqueue", SPEC_NS_IPC },
	{ "tmpfs", LABEL_OPTION, NULL, SPEC_NS_COUNT },
	{ "ramfs", LABEL_OPTION, NULL, SPEC_NS_COUNT },
	{ "devpts", LABEL_OPTION, NULL, SPEC_NS_COUNT },
	{ "overlay", LABEL_OPTION, NULL, SPEC_NS_COUNT },
	{ "cgroup", LABEL_NONE, NULL, SPEC_NS_COUNT },
	{ "cgroup2", LABEL_NONE, NULL, SPEC_NS_COUNT },
	{ "bpf", LABEL_NONE, NULL, SPEC_NS_COUNT },
	{ "securityfs", LABEL_NONE, NULL, SPEC_NS_COUNT },
	{ "debugfs", LABEL_NONE, NULL, SPEC_NS_COUNT },
	{ "tracefs", LABEL_NONE, NULL, SPEC_NS_COUNT },
};
static const struct fs_fact fs_other = { "", LABEL_OPTION_OF_ROOT, NULL, SPEC_NS_COUNT };

static const struct fs_fact *fs_fact(const char *type)
{
	for (size_t i = 0; i < sizeof(fs_facts) / sizeof(fs_facts[0]); i++)
		if (strcmp(fs_facts[i].type, type) == 0)
			return &fs_facts[i];
	return &fs_other;
}

static bool is_type(const struct spec_mount *mount, const char *type)
{
	return mount->type && strcmp(mount->type, type) == 0;
}

/* Is @path below @dir, by its text? Return: what follows @dir and its slash, or NULL. */
static const char *path_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	if (strncmp(path, dir, length) != 0 || path[length] != '/' || !path[length + 1])
		return NULL;
	return path + length + 1;
}

static bool has_own_ns(const struct plan *plan, enum spec_ns ns)
{
	return (plan->ns.new_flags & spec_ns_flag(ns)) || plan->ns.join[ns];
}

static uint64_t one_propagation(uint64_t propagation, uint64_t fallback)
{
	propagation &= PROPAGATION;
	return propagation ? propagation : fallback;
}

/* --- options ------------------------------------------------------------------------------ */

/* The end of the option that starts at @start: a comma outside of quotes. */
static size_t option_length(const char *start)
{
	bool is_quoted = false;
	size_t length = 0;

	while (start[length] && (is_quoted || start[length] != ',')) {
		if (start[length] == '"')
			is_quoted = !is_quoted;
		length++;
	}
	return length;
}

static uint32_t option_count(const char *data)
{
	uint32_t count = 0;

	while (data && *data) {
		size_t length = option_length(data);

		count += length > 0;
		data += length + (data[length] == ',');
	}
	return count;
}

/* One option of mount(2)'s string as fsconfig() takes it: a value without its quotes. */
static bool option_read(struct arena *arena, const char *start, size_t length,
			struct mount_option *ret_option)
{
	const char *equals = memchr(start, '=', length);
	const char *value = equals ? equals + 1 : NULL;
	size_t value_length = equals ? length - (size_t)(value - start) : 0;

	if (value_length >= 2 && value[0] == '"' && value[value_length - 1] == '"') {
		value++;
		value_length -= 2;
	}
	ret_option->key = arena_strndup(arena, start, equals ? (size_t)(equals - start) : length);
	ret_option->value = value ? arena_strndup(arena, value, value_length) : NULL;
	return ret_option->key && (!value || ret_option->value);
}

/* fs->options out of fs->data: the same in the two alphabets. */
static int options_read(struct arena *arena, struct mount_fs *fs, struct err *e)
{
	const char *at = fs->data;
	struct mount_option *options;
	uint32_t count = 0;

	options = arena_new_array(arena, struct mount_option, option_count(at) + 1);
	if (!options)
		return err_oom(e);
	while (at && *at) {
		size_t length = option_length(at);

		if (length > 0 && !option_read(arena, at, length, &options[count++]))
			return err_oom(e);
		at += length + (at[length] == ',');
	}
	fs->options = options;
	fs->option_count = count;
	return 0;
}

static bool has_option(const char *data, const char *key)
{
	size_t key_length = strlen(key);

	while (data && *data) {
		size_t length = option_length(data);

		if (length > key_length && strncmp(data, key, key_length) == 0 &&
		    data[key_length] == '=')
			return true;
		data += length + (data[length] == ',');
	}
	return false;
}

/* Add context="label": quoted, because a label has commas. */
static int data_label(struct arena *arena, const char **data, const char *label, struct err *e)
{
	if (strpbrk(label, "\"\\\n"))
		return err_set(e, EINVAL, "linux.mountLabel: '%s' is no label", label);
	*data = arena_printf(arena, "%s%scontext=\"%s\"", *data ? *data : "",
			     *data && **data ? "," : "", label);
	return *data ? 0 : err_oom(e);
}

/* --- one mount ---------------------------------------------------------------------------- */

static void change_add(struct rootfs_mount *mount, struct mount_change change)
{
	assert(mount->change_count < ROOTFS_CHANGE_COUNT_MAX);
	if (change.set || change.clear || change.propagation)
		mount->changes[mount->change_count++] = change;
}

/*
 * What becomes of a clone, in as few calls as the kernel's interface allows: one takes a set of
 * attributes, one kind of propagation, and either all mounts or the top one.
 */
static void plan_changes(const struct spec_mount *spec, uint64_t propagation,
			 struct rootfs_mount *mount)
{
	bool is_tree = mount->clone_how & MOUNT_RECURSIVE;
	struct mount_change all = {
		.set = spec->rec_attr_set,
		.clear = spec->rec_attr_clear,
		.is_recursive = is_tree,
	};
	struct mount_change top = { .set = spec->attr_set, .clear = spec->attr_clear };
	struct mount_change *carrier = propagation & MS_REC ? &all : &top;

	if (!is_tree) {
		top.set |= all.set;
		top.clear = (top.clear | all.clear) & ~top.set;
		if ((top.set | all.clear | spec->attr_clear) & MOUNT_ATTR__ATIME)
			top.clear |= MOUNT_ATTR__ATIME;
		all = (struct mount_change){ 0 };
		carrier = &top;
	}

	/* unbindable before shared: of each pair, the one that cuts off comes first */
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t order[] = { MS_PRIVATE, MS_UNBINDABLE, MS_SLAVE, MS_SHARED };

		if (!(propagation & order[i]))
			continue;
		if (carrier->propagation)
			change_add(mount, (struct mount_change){ .propagation = carrier->propagation,
				   .is_recursive = carrier->is_recursive });
		carrier->propagation = order[i];
	}
	change_add(mount, all);
	change_add(mount, top);
}

static bool wants_idmap(const struct spec_mount *spec)
{
	return spec->uid_maps.count || spec->gid_maps.count ||
	       (spec->ext & (SPEC_MOUNT_IDMAP | SPEC_MOUNT_RIDMAP));
}

/* A source as an absolute path. */
static const char *source_path(const struct plan *plan, const char *source)
{
	if (source[0] == '/')
		return source;
	return arena_printf(plan->arena, "%s/%s", plan->request.bundle, source);
}

static int plan_bind(const struct plan *plan, const struct rootfs_plan *rootfs,
		     struct rootfs_mount *mount, struct err *e)
{
	const struct spec_mount *spec = mount->spec;
	uint64_t propagation = spec->propagation;

	mount->kind = ROOTFS_BIND;
	if (!mount->source) {
		if (!spec->source)
			return err_set(e, EINVAL, "mounts[%u]: a bind mount needs a source",
				       spec->index);
		mount->source = source_path(plan, spec->source);
		if (!mount->source)
			return err_oom(e);
	}
	if (spec->is_recursive)
		mount->clone_how |= MOUNT_RECURSIVE;
	if (spec->ext & SPEC_MOUNT_SRC_NOFOLLOW)
		mount->clone_how |= MOUNT_NO_FOLLOW;
	mount->copies_symlink = spec->ext & SPEC_MOUNT_COPY_SYMLINK;
	mount->parent_opens = rootfs->parent_opens || wants_idmap(spec);

	/*
	 * The child's clones follow the host's tree, which the child has cut off; the parent's are
	 * peers of the host's mounts until they are told otherwise.
	 */
	if (!propagation && mount->parent_opens && rootfs->host_propagation != MS_SHARED)
		propagation = rootfs->host_propagation | MS_REC;
	plan_changes(spec, propagation, mount);
	return 0;
}

/*
 * A user namespace may mount what shows a namespace that it owns; of the others it gets the host's.
 * Read-only then has to hold for all that is mounted below, or it holds for nothing.
 */
static int plan_host_fs(const struct plan *plan, const struct rootfs_plan *rootfs,
			const struct fs_fact *fact, struct rootfs_mount *mount, struct err *e)
{
	struct spec_mount *spec = arena_new(plan->arena, struct spec_mount);

	if (!spec)
		return err_oom(e);
	*spec = *mount->spec;
	spec->is_recursive = true;
	spec->rec_attr_set |= spec->attr_set & ~(uint64_t)MOUNT_ATTR__ATIME;
	spec->attr_set = 0;
	spec->attr_clear = 0;
	spec->propagation = 0;
	mount->spec = spec;
	mount->source = fact->host_path;
	return plan_bind(plan, rootfs, mount, e);
}

static int plan_fresh(const struct plan *plan, const struct rootfs_plan *rootfs,
		      struct rootfs_mount *mount, struct err *e)
{
	const struct spec_mount *spec = mount->spec;
	const struct fs_fact *fact = fs_fact(spec->type);
	bool has_userns = has_own_ns(plan, SPEC_NS_USER);
	uint64_t propagation = spec->propagation & ~(uint64_t)(MS_PRIVATE | MS_REC);
	int r;

	mount->needs_real_dir = strcmp(spec->type, "proc") == 0 || strcmp(spec->type, "sysfs") == 0;
	if (fact->host_path && (has_userns || plan->host->in_userns) && !has_own_ns(plan, fact->ns))
		return plan_host_fs(plan, rootfs, fact, mount, e);

	mount->kind = ROOTFS_FRESH;
	mount->fs = (struct mount_fs){
		.type = spec->type,
		.source = spec->source ? spec->source : spec->type,
		.attrs = spec->attr_set | spec->rec_attr_set,
		.sb_flags = spec->sb_flags_set,
		.data = spec->data,
	};
	if (plan->labels.mount && !has_option(spec->data, "context")) {
		if (fact->label == LABEL_FILE)
			mount->file_label = plan->labels.mount;
		if (fact->label == LABEL_OPTION ||
		    (fact->label == LABEL_OPTION_OF_ROOT && !has_userns)) {
			r = data_label(plan->arena, &mount->fs.data, plan->labels.mount, e);
			if (r < 0)
				return r;
		}
	}
	if (strcmp(spec->type, "tmpfs") == 0) {
		mount->inherits_mode = !has_option(spec->data, "mode");
		mount->copies_up = spec->ext & SPEC_MOUNT_TMPCOPYUP;
	}
	if (mount->copies_up && (spec->attr_set & MOUNT_ATTR_RDONLY)) {
		/* to be written before it is read-only */
		mount->fs.attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		mount->fs.sb_flags &= ~(uint64_t)MS_RDONLY;
		change_add(mount, (struct mount_change){ .set = MOUNT_ATTR_RDONLY });
	}

	/* a fresh mount is private: it is attached where nothing is shared */
	change_add(mount, (struct mount_change){ .propagation = propagation & MS_SLAVE });
	change_add(mount, (struct mount_change){
		.propagation = propagation & (MS_SHARED | MS_UNBINDABLE) });
	mount->by_descriptor = mount->copies_up || mount->file_label || mount->change_count > 0;
	return options_read(plan->arena, &mount->fs, e);
}

static void plan_remount(struct rootfs_mount *mount)
{
	const struct spec_mount *spec = mount->spec;

	mount->kind = ROOTFS_REMOUNT;
	if (spec->is_bind || !(spec->data || spec->sb_flags_set || spec->sb_flags_clear)) {
		plan_changes(spec, spec->propagation, mount);
		return;
	}
	mount->remounts_fs = true;
	mount->fs = (struct mount_fs){
		.type = spec->type,
		.attrs = spec->attr_set,
		.sb_flags = spec->sb_flags_set,
		.data = spec->data,
	};
	plan_changes(&(struct spec_mount){ .rec_attr_set = spec->rec_attr_set,
					   .rec_attr_clear = spec->rec_attr_clear },
		     spec->propagation, mount);
}

/* Each hierarchy as a file system, for mounts whose root is a cgroup namespace's. */
static int plan_cgroup_fs(const struct plan *plan, struct rootfs_mount *mount, struct err *e)
{
	int r = 0;

	mount->cgroup_fs = arena_new_array(plan->arena, struct mount_fs, mount->cgroup_count + 1);
	if (!mount->cgroup_fs)
		return err_oom(e);
	for (uint32_t i = 0; r == 0 && i < mount->cgroup_count; i++) {
		const struct cgroup_mount *cgroup = &mount->cgroups[i];

		mount->cgroup_fs[i] = (struct mount_fs){
			.type = cgroup->is_v2 ? "cgroup2" : "cgroup",
			.source = "cgroup",
			.attrs = mount->spec->attr_set | mount->spec->rec_attr_set,
			.data = cgroup->data && cgroup->data[0] ? cgroup->data : NULL,
		};
		r = options_read(plan->arena, &mount->cgroup_fs[i], e);
	}
	return r;
}

static int plan_cgroup(const struct plan *plan, struct rootfs_mount *mount, struct err *e)
{
	const struct spec_mount *spec = mount->spec;
	int r;

	mount->kind = ROOTFS_CGROUP;
	mount->is_late = true;
	mount->fs = (struct mount_fs){
		.type = "tmpfs",
		.source = "cgroup",
		.attrs = (spec->attr_set | spec->rec_attr_set) & ~(uint64_t)MOUNT_ATTR_RDONLY,
		.data = "mode=755",
	};
	if (plan->labels.mount) {
		r = data_label(plan->arena, &mount->fs.data, plan->labels.mount, e);
		if (r < 0)
			return r;
	}
	r = options_read(plan->arena, &mount->fs, e);
	if (r < 0)
		return r;
	change_add(mount, (struct mount_change){
		.set = (spec->attr_set | spec->rec_attr_set) & MOUNT_ATTR_RDONLY });
	if (!plan->cgroup)
		return 0;
	r = cgroup_plan_mounts(plan->cgroup, plan->arena, &mount->cgroups, &mount->cgroup_count, e);
	return r < 0 ? r : plan_cgroup_fs(plan, mount, e);
}

static int plan_mount(const struct plan *plan, const struct rootfs_plan *rootfs,
		      struct rootfs_mount *mount, struct err *e)
{
	const struct spec_mount *spec = mount->spec;
	bool is_v2 = plan->host->cgroup_layout == CGROUP_V2;

	mount->destination = spec->destination;
	mount->idmap = -1;
	mount->target_no_follow = spec->ext & SPEC_MOUNT_DEST_NOFOLLOW;
	mount->is_optional = spec->ext & SPEC_MOUNT_OPTIONAL;
	mount->may_be_in_proc = path_below(spec->destination, "/proc");

	if (strcmp(spec->destination, "/") == 0 && !spec->is_remount)
		return err_set(e, EINVAL, "mounts[%u].destination: nothing can be mounted on '/'",
			       spec->index);
	if (spec->is_remount) {
		plan_remount(mount);
		return 0;
	}
	if (spec->is_bind || !spec->type)
		return plan_bind(plan, rootfs, mount, e);
	if (is_type(spec, "cgroup") || (is_type(spec, "cgroup2") && is_v2))
		return plan_cgroup(plan, mount, e);
	mount->is_late = is_type(spec, "cgroup2");
	return plan_fresh(plan, rootfs, mount, e);
}

/* --- idmaps ------------------------------------------------------------------------------- */

static const char *map_text(struct arena *arena, const struct spec_id_maps *maps)
{
	const char *text = "";

	for (uint32_t i = 0; text && i < maps->count; i++)
		text = arena_printf(arena, "%s%u %u %u\n", text, maps->items[i].container_id,
				    maps->items[i].host_id, maps->items[i].size);
	return text;
}

static bool same_idmap(const struct rootfs_idmap *a, const struct rootfs_idmap *b)
{
	if (a->userns_path || b->userns_path)
		return a->userns_path && b->userns_path;
	return strcmp(a->uid_map, b->uid_map) == 0 && strcmp(a->gid_map, b->gid_map) == 0;
}

/* The user namespace whose ids the mount shall show: of the mount's own maps, or the container's. */
static int plan_idmap(const struct plan *plan, struct rootfs_plan *rootfs,
		      struct rootfs_mount *mount, struct err *e)
{
	const struct spec_mount *spec = mount->spec;
	bool has_own_maps = spec->uid_maps.count || spec->gid_maps.count;
	struct rootfs_idmap idmap = { 0 };
	uint32_t i;

	if (!wants_idmap(spec))
		return 0;
	if (mount->kind != ROOTFS_BIND)
		return err_set(e, EINVAL, "mounts[%u]: only a bind mount can be idmapped",
			       spec->index);
	if (!has_own_maps && !has_own_ns(plan, SPEC_NS_USER))
		return err_set(e, EINVAL, "mounts[%u]: idmap without mappings needs a user namespace",
			       spec->index);

	if (has_own_maps) {
		idmap.uid_map = map_text(plan->arena, &spec->uid_maps);
		idmap.gid_map = map_text(plan->arena, &spec->gid_maps);
	} else if (plan->ns.join[SPEC_NS_USER]) {
		idmap.userns_path = plan->ns.join[SPEC_NS_USER];
	} else {
		idmap.uid_map = map_text(plan->arena, &plan->spec->os.uid_maps);
		idmap.gid_map = map_text(plan->arena, &plan->spec->os.gid_maps);
	}
	if (!idmap.userns_path && (!idmap.uid_map || !idmap.gid_map))
		return err_oom(e);

	for (i = 0; i < rootfs->idmap_count; i++)
		if (same_idmap(&rootfs->idmaps[i], &idmap))
			break;
	if (i == rootfs->idmap_count)
		rootfs->idmaps[rootfs->idmap_count++] = idmap;
	mount->idmap = (int)i;
	mount->idmap_is_recursive = spec->ext & SPEC_MOUNT_RIDMAP;
	return 0;
}

/* --- /dev --------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	unsigned major;
	unsigned minor;
} default_devices[] = {
	{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};
#define DEFAULT_DEVICE_COUNT (sizeof(default_devices) / sizeof(default_devices[0]))

static const struct rootfs_link default_links[] = {
	{ "/dev/fd", NULL, "/proc/self/fd" },       { "/dev/stdin", NULL, "/proc/self/fd/0" },
	{ "/dev/stdout", NULL, "/proc/self/fd/1" }, { "/dev/stderr", NULL, "/proc/self/fd/2" },
	{ "/dev/core", NULL, "/proc/kcore" },       { "/dev/ptmx", NULL, "pts/ptmx" },
};
#define DEFAULT_LINK_COUNT (sizeof(default_links) / sizeof(default_links[0]))

/* The mount that /dev shows in the end; NULL when it is the image's own directory. */
static struct rootfs_mount *dev_mount(const struct rootfs_plan *rootfs)
{
	for (uint32_t i = rootfs->mount_count; i-- > 0;)
		if (strcmp(rootfs->mounts[i].destination, "/dev") == 0 &&
		    rootfs->mounts[i].kind != ROOTFS_REMOUNT)
			return &rootfs->mounts[i];
	return NULL;
}

/*
 * Can @path be made in /dev before anything else is mounted? Not when a later mount covers a
 * directory that it lies in. Return: its name relative to /dev, or NULL.
 */
static const char *dev_name(const struct rootfs_plan *rootfs, const struct rootfs_mount *dev,
			    const char *path)
{
	const char *name = path_below(path, "/dev");

	if (!dev || !dev->is_dev || !name || strstr(name, ".."))
		return NULL;
	for (const struct rootfs_mount *mount = dev + 1;
	     mount < rootfs->mounts + rootfs->mount_count; mount++)
		if (path_below(path, mount->destination))
			return NULL;
	return name;
}

static int plan_device(const struct spec_device *spec, struct rootfs_device *device, struct err *e)
{
	device->path = spec->path;
	device->mode = spec->has_file_mode ? spec->file_mode & 07777 : 0666;
	device->uid = spec->has_uid ? spec->uid : 0;
	device->gid = spec->has_gid ? spec->gid : 0;
	switch (spec->type) {
	case 'b':
		device->mode |= S_IFBLK;
		break;
	case 'p':
		device->mode |= S_IFIFO;
		return 0;
	case 'c':
	case 'u':
		device->mode |= S_IFCHR;
		break;
	default:
		return err_set(e, EINVAL, "linux.devices: '%s' has unknown type '%c'", spec->path,
			       spec->type);
	}
	device->dev = makedev((unsigned)spec->major, (unsigned)spec->minor);
	return 0;
}

static int plan_devices(const struct plan *plan, struct rootfs_plan *rootfs,
			const struct rootfs_mount *dev, struct err *e)
{
	const struct spec_linux *os = &plan->spec->os;
	struct rootfs_device *devices;
	uint32_t count = DEFAULT_DEVICE_COUNT;

	devices = arena_new_array(plan->arena, struct rootfs_device,
				  DEFAULT_DEVICE_COUNT + os->device_count);
	if (!devices)
		return err_oom(e);
	for (uint32_t i = 0; i < DEFAULT_DEVICE_COUNT; i++)
		devices[i] = (struct rootfs_device){
			.path = default_devices[i].path,
			.mode = S_IFCHR | 0666,
			.dev = makedev(default_devices[i].major, default_devices[i].minor),
		};
	for (uint32_t i = 0; i < os->device_count; i++) {
		uint32_t at = 0;
		int r;

		/* one that the spec names again replaces what was there */
		while (at < count && strcmp(devices[at].path, os->devices[i].path) != 0)
			at++;
		count += at == count;
		r = plan_device(&os->devices[i], &devices[at], e);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < count; i++)
		devices[i].name = dev_name(rootfs, dev, devices[i].path);

	rootfs->devices = devices;
	rootfs->device_count = count;
	/* only privilege over the initial user namespace makes nodes that can be opened */
	rootfs->binds_devices = has_own_ns(plan, SPEC_NS_USER) || plan->host->in_userns ||
				plan->host->is_rootless;
	return 0;
}

static int plan_links(const struct plan *plan, struct rootfs_plan *rootfs,
		      const struct rootfs_mount *dev, struct err *e)
{
	struct rootfs_link *links = arena_new_array(plan->arena, struct rootfs_link,
						    DEFAULT_LINK_COUNT);

	if (!links)
		return err_oom(e);
	for (uint32_t i = 0; i < DEFAULT_LINK_COUNT; i++) {
		bool is_device = false;

		for (uint32_t k = 0; k < rootfs->device_count; k++)
			is_device |= strcmp(rootfs->devices[k].path, default_links[i].path) == 0;
		if (is_device)
			continue;
		links[rootfs->link_count] = default_links[i];
		links[rootfs->link_count++].name = dev_name(rootfs, dev, default_links[i].path);
	}
	rootfs->links = links;
	return 0;
}

/* Mount points directly in /dev, to be made while it is not attached yet. */
static int plan_dev_dirs(const struct plan *plan, struct rootfs_plan *rootfs,
			 const struct rootfs_mount *dev, struct err *e)
{
	rootfs->dev_dirs = arena_new_array(plan->arena, const char *, rootfs->mount_count + 1);
	if (!rootfs->dev_dirs)
		return err_oom(e);
	for (struct rootfs_mount *mount = rootfs->mounts;
	     mount < rootfs->mounts + rootfs->mount_count; mount++) {
		const char *name = dev_name(rootfs, dev, mount->destination);
		bool is_known = false;

		if (!name || mount <= dev || mount->kind != ROOTFS_FRESH || strchr(name, '/'))
			continue;
		for (uint32_t i = 0; i < rootfs->dev_dir_count; i++)
			is_known |= strcmp(rootfs->dev_dirs[i], name) == 0;
		if (!is_known)
			rootfs->dev_dirs[rootfs->dev_dir_count++] = name;
		mount->inherits_mode = false; /* it is our own, not the image's */
	}
	return 0;
}

static int plan_dev(const struct plan *plan, struct rootfs_plan *rootfs, struct err *e)
{
	struct rootfs_mount *dev = dev_mount(rootfs);
	int r;

	/* somebody else's /dev is taken as it is */
	if (dev && dev->kind == ROOTFS_BIND)
		return 0;
	if (dev && dev->kind == ROOTFS_FRESH && strcmp(dev->fs.type, "tmpfs") == 0) {
		dev->is_dev = true;
		dev->by_descriptor = true;
		dev->inherits_mode = false;
		if (dev->fs.attrs & MOUNT_ATTR_RDONLY || dev->fs.sb_flags & MS_RDONLY) {
			dev->fs.attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
			dev->fs.sb_flags &= ~(uint64_t)MS_RDONLY;
			rootfs->dev_is_readonly = true;
		}
		if (!has_option(dev->fs.data, "mode")) {
			dev->fs.data = arena_printf(plan->arena, "mode=755%s%s",
						    dev->fs.data ? "," : "",
						    dev->fs.data ? dev->fs.data : "");
			if (!dev->fs.data)
				return err_oom(e);
			r = options_read(plan->arena, &dev->fs, e);
			if (r < 0)
				return r;
		}
	}
	r = plan_devices(plan, rootfs, dev, e);
	if (r == 0)
		r = plan_links(plan, rootfs, dev, e);
	if (r == 0)
		r = plan_dev_dirs(plan, rootfs, dev, e);
	return r;
}

/* --- paths and sysctls -------------------------------------------------------------------- */

/*
 * As sysctl(8) reads a key: the first separator tells which of "." and "/" separates, the other one
 * is a character ("net/ipv4/conf/eth0.1/forwarding").
 */
static char *sysctl_path(struct arena *arena, const char *key)
{
	char *path = arena_printf(arena, "sys/%s", key);
	char separator = key[strcspn(key, "./")];

	if (path && separator == '.')
		for (char *c = path + 4; *c; c++)
			*c = *c == '.' ? '/' : (*c == '/' ? '.' : *c);
	return path;
}

static int plan_sysctls(const struct plan *plan, struct rootfs_plan *rootfs, struct err *e)
{
	const struct spec_pairs *pairs = &plan->spec->os.sysctl;

	rootfs->sysctls = arena_new_array(plan->arena, struct rootfs_sysctl, pairs->count + 1);
	if (!rootfs->sysctls)
		return err_oom(e);
	for (uint32_t i = 0; i < pairs->count; i++) {
		rootfs->sysctls[i] = (struct rootfs_sysctl){
			.key = pairs->items[i].key,
			.path = sysctl_path(plan->arena, pairs->items[i].key),
			.value = pairs->items[i].value,
		};
		if (!rootfs->sysctls[i].path)
			return err_oom(e);
	}
	rootfs->sysctl_count = pairs->count;
	return 0;
}

/* --- the whole ---------------------------------------------------------------------------- */

/*
 * Propagation. The host's tree in our namespace becomes a slave of the host, so that unmounting
 * there is not held up by us, unless the spec wants less or, for mounts that shall show up on the
 * host, more. The root itself never is a peer of the host's: a container mounts in its own root.
 */
static void plan_propagation(const struct plan *plan, struct rootfs_plan *rootfs)
{
	uint64_t wish = plan->spec->os.rootfs_propagation;
	uint64_t kind = one_propagation(wish, MS_SLAVE);

	rootfs->host_propagation = kind == MS_UNBINDABLE ? MS_PRIVATE : kind;
	rootfs->root_propagation = kind == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
	if (kind == MS_SHARED || kind == MS_UNBINDABLE)
		rootfs->last_propagation = wish & (PROPAGATION | MS_REC);
}

static int plan_mounts(const struct plan *plan, struct rootfs_plan *rootfs, struct err *e)
{
	const struct spec *spec = plan->spec;
	const char *cgroup_destination = NULL;

	rootfs->mounts = arena_new_array(plan->arena, struct rootfs_mount, spec->mount_count + 1);
	rootfs->idmaps = arena_new_array(plan->arena, struct rootfs_idmap, spec->mount_count + 1);
	if (!rootfs->mounts || !rootfs->idmaps)
		return err_oom(e);

	for (uint32_t i = 0; i < spec->mount_count; i++) {
		struct rootfs_mount *mount = &rootfs->mounts[i];
		int r;

		mount->spec = &spec->mounts[i];
		r = plan_mount(plan, rootfs, mount, e);
		if (r == 0)
			r = plan_idmap(plan, rootfs, mount, e);
		if (r < 0)
			return r;

		if (mount->is_late)
			cgroup_destination = mount->destination;
		else if (cgroup_destination && path_below(mount->destination, cgroup_destination))
			mount->is_late = true;
		rootfs->has_late_mounts |= mount->is_late;
	}
	rootfs->mount_count = spec->mount_count;
	return 0;
}

int rootfs_plan_make(struct plan *plan, struct err *e)
{
	const struct spec *spec = plan->spec;
	struct rootfs_plan *rootfs = arena_new(plan->arena, struct rootfs_plan);
	int r;

	if (!rootfs)
		return err_oom(e);
	if (!spec->root_path)
		return err_set(e, EINVAL, "root.path: required");
	rootfs->root_path = source_path(plan, spec->root_path);
	if (!rootfs->root_path)
		return err_oom(e);
	rootfs->is_readonly = spec->root_is_readonly;
	rootfs->has_cgroupns = has_own_ns(plan, SPEC_NS_CGROUP);
	rootfs->parent_opens = has_own_ns(plan, SPEC_NS_USER) && !plan->host->is_rootless &&
			       plan->host->euid == 0;
	plan->rootfs = rootfs;

	rootfs->move = plan->request.no_pivot ? ROOTFS_MOVE : ROOTFS_PIVOT;
	if (!has_own_ns(plan, SPEC_NS_MOUNT)) {
		rootfs->move = ROOTFS_CHROOT;
		if (spec->mount_count || spec->os.masked_paths.count ||
		    spec->os.readonly_paths.count || spec->root_is_readonly)
			return err_set(e, EINVAL,
				       "mounts, masked, read-only paths and a read-only root need a "
				       "mount namespace");
		return plan_sysctls(plan, rootfs, e);
	}

	plan_propagation(plan, rootfs);
	r = plan_mounts(plan, rootfs, e);
	if (r == 0)
		r = plan_dev(plan, rootfs, e);
	if (r == 0)
		r = plan_sysctls(plan, rootfs, e);
	if (r < 0)
		return r;

	rootfs->has_console = spec->has_process && spec->process.terminal;
	rootfs->masked = spec->os.masked_paths.items;
	rootfs->masked_count = spec->os.masked_paths.count;
	rootfs->readonly = spec->os.readonly_paths.items;
	rootfs->readonly_count = spec->os.readonly_paths.count;

	rootfs->mask = (struct mount_fs){
		.type = "tmpfs",
		.source = "mask",
		.attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.sb_flags = MS_RDONLY,
		.data = "size=4k,mode=555",
	};
	if (plan->labels.mount) {
		r = data_label(plan->arena, &rootfs->mask.data, plan->labels.mount, e);
		if (r < 0)
			return r;
	}
	return options_read(plan->arena, &rootfs->mask, e);
}
