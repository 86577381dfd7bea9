#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "plan/host.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define USER_NS_INIT_INO 0xEFFFFFFDu /* PROC_USER_INIT_INO of the kernel */
#define CAP_COUNT_MAX 64u

/* --- cgroup hierarchies ------------------------------------------------------------------- */

/* A stretch of somebody else's text. */
struct slice {
	const char *start;
	size_t length;
};

static bool slice_is(struct slice slice, const char *text)
{
	return slice.length == strlen(text) && !memcmp(slice.start, text, slice.length);
}

/* Cut what stands before the first @separator off @rest. */
static struct slice slice_cut(struct slice *rest, char separator)
{
	const char *end = memchr(rest->start, separator, rest->length);
	struct slice head = { rest->start, end ? (size_t)(end - rest->start) : rest->length };
	size_t skip = head.length + (end ? 1 : 0);

	rest->start += skip;
	rest->length -= skip;
	return head;
}

static bool slice_lists(struct slice list, struct slice word)
{
	while (list.length) {
		struct slice item = slice_cut(&list, ',');

		if (item.length == word.length && !memcmp(item.start, word.start, word.length))
			return true;
	}
	return false;
}

/* Is every item of the comma-separated @some in @list? */
static bool slice_lists_all(struct slice list, struct slice some)
{
	while (some.length)
		if (!slice_lists(list, slice_cut(&some, ',')))
			return false;
	return true;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static char *unescape(struct arena *arena, struct slice text)
{
	char *copy = arena_strndup(arena, text.start, text.length);
	char *to = copy;

	if (!copy)
		return NULL;
	for (const char *from = copy; *from; from++) {
		if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) &&
		    is_octal(from[3])) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return copy;
}

/* What one line of mountinfo says of a cgroup mount; all but @is_v2 still escaped. */
struct cgroup_line {
	struct slice root;
	struct slice mount_point;
	struct slice super_options;
	bool is_v2;
};

/* "30 22 0:27 / /sys/fs/cgroup rw,relatime shared:9 - cgroup cgroup rw,cpu" */
static bool parse_mount_line(struct slice line, struct cgroup_line *ret_line)
{
	const char *dash = memmem(line.start, line.length, " - cgroup", strlen(" - cgroup"));
	struct slice tail, type;

	if (!dash)
		return false;
	tail.start = dash + strlen(" - ");
	tail.length = line.length - (size_t)(tail.start - line.start);
	type = slice_cut(&tail, ' ');
	ret_line->is_v2 = slice_is(type, "cgroup2");
	if (!ret_line->is_v2 && !slice_is(type, "cgroup"))
		return false;
	(void)slice_cut(&tail, ' '); /* source */
	ret_line->super_options = tail;

	(void)slice_cut(&line, ' '); /* mount id */
	(void)slice_cut(&line, ' '); /* parent id */
	(void)slice_cut(&line, ' '); /* device */
	ret_line->root = slice_cut(&line, ' ');
	ret_line->mount_point = slice_cut(&line, ' ');
	return ret_line->root.length && ret_line->root.start[0] == '/' &&
	       ret_line->mount_point.length && ret_line->mount_point.start[0] == '/';
}

static bool is_usual_place(struct slice mount_point)
{
	size_t length = strlen(CGROUP_MOUNT);

	return mount_point.length >= length && !memcmp(mount_point.start, CGROUP_MOUNT, length) &&
	       (mount_point.length == length || mount_point.start[length] == '/');
}

/*
 * Find the mount of one hierarchy. At the usual place the last one counts, for it covers those
 * before it; else the first anywhere. A cgroup2 tree elsewhere is somebody's private business.
 */
static bool find_mount(const char *mountinfo, struct slice controllers,
		       struct cgroup_line *ret_line)
{
	struct slice rest = { mountinfo, strlen(mountinfo) };
	bool wants_v2 = !controllers.length;
	bool found = false, is_usual = false;

	while (rest.length) {
		struct cgroup_line line;

		if (!parse_mount_line(slice_cut(&rest, '\n'), &line) || line.is_v2 != wants_v2)
			continue;
		if (!line.is_v2 && !slice_lists_all(line.super_options, controllers))
			continue;
		if (is_usual_place(line.mount_point)) {
			is_usual = true;
		} else if (found || is_usual || wants_v2) {
			continue;
		}
		*ret_line = line;
		found = true;
	}
	return found;
}

/*
 * Our cgroup as a path below the mount. A mount whose root is itself a cgroup (we are in a container
 * that has no cgroup namespace) shows only what is below that; of a cgroup outside of our namespace
 * ("/../x") nothing can be said, the root is what we have.
 */
static char *own_path_make(struct arena *arena, struct slice own, const char *root)
{
	size_t root_length = strlen(root);

	if (root_length > 1) {
		if (own.length < root_length || memcmp(own.start, root, root_length) ||
		    (own.length > root_length && own.start[root_length] != '/'))
			return arena_strdup(arena, "/");
		own.start += root_length;
		own.length -= root_length;
	}
	if (!own.length || (own.length >= 3 && !memcmp(own.start, "/..", 3) &&
			    (own.length == 3 || own.start[3] == '/')))
		return arena_strdup(arena, "/");
	return arena_strndup(arena, own.start, own.length);
}

static int add_hierarchy(struct host *host, struct arena *arena, struct slice controllers,
			 struct slice own, const struct cgroup_line *line, struct err *e)
{
	struct cgroup_hierarchy *hierarchy = &host->cgroups[host->cgroup_count];
	const char *root = unescape(arena, line->root);

	hierarchy->is_v2 = line->is_v2;
	hierarchy->controllers = arena_strndup(arena, controllers.start, controllers.length);
	hierarchy->mount_point = unescape(arena, line->mount_point);
	hierarchy->own_path = root ? own_path_make(arena, own, root) : NULL;
	if (!hierarchy->controllers || !hierarchy->mount_point || !hierarchy->own_path)
		return err_oom(e);
	host->cgroup_count++;
	return 0;
}

int host_parse_cgroups(const char *mountinfo, const char *own, struct arena *arena,
		       struct host *ret_host, struct err *e)
{
	struct slice rest = { own, strlen(own) };
	bool has_v1 = false, has_v2 = false;

	ret_host->cgroup_count = 0;
	while (rest.length && ret_host->cgroup_count < CGROUP_HIERARCHY_COUNT_MAX) {
		/* "4:cpu,cpuacct:/path"; the path may hold anything but a newline */
		struct slice line = slice_cut(&rest, '\n');
		struct slice number = slice_cut(&line, ':');
		struct slice controllers = slice_cut(&line, ':');
		struct cgroup_line mount;
		int r;

		if (!number.length || !line.length || line.start[0] != '/')
			continue;
		if (!find_mount(mountinfo, controllers, &mount))
			continue;
		r = add_hierarchy(ret_host, arena, controllers, line, &mount, e);
		if (r < 0)
			return r;
		has_v1 |= !mount.is_v2;
		has_v2 |= mount.is_v2;
	}
	ret_host->cgroup_layout = has_v1 && has_v2 ? CGROUP_HYBRID :
				  has_v1	   ? CGROUP_V1 :
				  has_v2	   ? CGROUP_V2 :
						     CGROUP_NONE;
	return 0;
}

/* --- asking the kernel -------------------------------------------------------------------- */

static int read_file(const char *path, struct text *out)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buffer[8192];
	ssize_t got;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		text_append_bytes(out, buffer, (size_t)got);
	if (got < 0)
		return -errno;
	return text_ok(out) ? 0 : -ENOMEM;
}

static int read_proc(const char *path, struct text *out, struct err *e)
{
	int r = read_file(path, out);

	return r < 0 ? err_set(e, -r, "read '%s': %s", path, strerror(-r)) : 0;
}

/* The controllers that cgroups of ours can be given. */
static void probe_cgroup2_controllers(struct host *host, struct arena *arena)
{
	const struct cgroup_hierarchy *tree = NULL;
	own_text struct text text = { 0 };
	char path[4096];

	for (uint32_t i = 0; i < host->cgroup_count; i++)
		if (host->cgroups[i].is_v2)
			tree = &host->cgroups[i];
	if (!tree)
		return;
	if ((size_t)snprintf(path, sizeof(path), "%s%s/cgroup.controllers", tree->mount_point,
			     host->is_rootless ? tree->own_path : "") >= sizeof(path) ||
	    read_file(path, &text) < 0)
		text_append(&text, "");
	host->cgroup2_controllers =
		arena_strndup(arena, text_str(&text), strcspn(text_str(&text), "\n"));
}

static int probe_cgroups(struct host *host, struct arena *arena, struct err *e)
{
	static const char unified[] = "1 1 0:1 / " CGROUP_MOUNT " rw - cgroup2 cgroup2 rw\n";
	own_text struct text mountinfo = { 0 };
	own_text struct text own = { 0 };
	struct statfs fs;
	int r;

	r = read_proc("/proc/self/cgroup", &own, e);
	if (r < 0)
		return r;
	/*
	 * Where cgroup2 is all there is, one call tells it: mountinfo is long on a host that runs
	 * containers, and each line costs the kernel a walk.
	 */
	if (!statfs(CGROUP_MOUNT, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC) {
		r = host_parse_cgroups(unified, text_str(&own), arena, host, e);
	} else {
		r = read_proc("/proc/self/mountinfo", &mountinfo, e);
		if (r == 0)
			r = host_parse_cgroups(text_str(&mountinfo), text_str(&own), arena, host, e);
	}
	if (r < 0)
		return r;
	probe_cgroup2_controllers(host, arena);
	return 0;
}

/* The number after "\nNAME:\t" and @skip further fields in /proc/self/status. */
static bool status_number(const char *status, const char *name, unsigned skip, int base,
			  uint64_t *ret_number)
{
	const char *field = strstr(status, name);
	char *end;

	if (!field)
		return false;
	field += strlen(name);
	for (; skip; skip--) {
		(void)strtoull(field, &end, base);
		field = end;
	}
	*ret_number = strtoull(field, &end, base);
	return end != field;
}

/* Ids and capability sets come in one file; its lines of interest fit well into one read. */
static int probe_self(struct host *host, struct err *e)
{
	own_text struct text status = { 0 };
	uint64_t euid, egid;
	int r;

	r = read_proc("/proc/self/status", &status, e);
	if (r < 0)
		return r;
	if (!status_number(text_str(&status), "\nUid:", 1, 10, &euid) ||
	    !status_number(text_str(&status), "\nGid:", 1, 10, &egid) ||
	    !status_number(text_str(&status), "\nCapEff:", 0, 16, &host->own_caps) ||
	    !status_number(text_str(&status), "\nCapBnd:", 0, 16, &host->bounding_caps))
		return err_set(e, EINVAL, "read '/proc/self/status': no ids or capabilities in it");
	host->euid = (uid_t)euid;
	host->egid = (gid_t)egid;

	/* The kernel's last capability: usually the highest bit of the bounding set is it. */
	host->last_cap = host->bounding_caps ?
				 CAP_COUNT_MAX - 1u - (unsigned)__builtin_clzll(host->bounding_caps) :
				 0;
	while (host->last_cap + 1 < CAP_COUNT_MAX &&
	       prctl(PR_CAPBSET_READ, host->last_cap + 1, 0, 0, 0) >= 0)
		host->last_cap++;
	return 0;
}

int host_probe(struct arena *arena, struct host *ret_host, struct err *e)
{
	struct host host = { 0 };
	struct utsname kernel;
	struct stat ns;
	int r;

	if (uname(&kernel) < 0)
		return err_sys(e, "uname");
	if (sscanf(kernel.release, "%u.%u", &host.kernel_major, &host.kernel_minor) != 2)
		return err_set(e, EINVAL, "kernel release '%s' is not a version", kernel.release);
	r = probe_self(&host, e);
	if (r < 0)
		return r;
	host.in_userns = !stat("/proc/self/ns/user", &ns) && ns.st_ino != USER_NS_INIT_INO;
	host.is_rootless = host.euid != 0 || host.in_userns;
	host.has_time_ns = !access("/proc/self/ns/time", F_OK);
	host.has_systemd = !lstat("/run/systemd/system", &ns) && S_ISDIR(ns.st_mode);
	r = probe_cgroups(&host, arena, e);
	if (r < 0)
		return r;
	if (host.cgroup_count && host.cgroup_layout != CGROUP_V1 && !host.cgroup2_controllers)
		return err_oom(e);
	*ret_host = host;
	return 0;
}
