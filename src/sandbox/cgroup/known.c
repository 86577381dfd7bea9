#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "sandbox/cgroup/known.h"
#include "wall/record.h"

#define CGROUP_MOUNT "/sys/fs/cgroup/"

static const char *const manager_names[] = {
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
	[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_DISABLED] = "disabled",
};

/* --- the record --------------------------------------------------------------------------- */

/* Next line of @text, cut off in place. Return: NULL at its end. */
static char *line_cut(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* cgroup.trees: three lines for each hierarchy: controllers, mount point, path */
static int places_read(struct cgroup_known *known, const char *trees, struct err *e)
{
	char *rest = arena_strdup(&known->arena, trees);

	if (!rest)
		return err_oom(e);
	while (*rest) {
		struct cgroup_place *place = &known->places.items[known->places.count];
		const char *path;
		int r;

		if (known->places.count == CGROUP_HIERARCHY_COUNT_MAX)
			return err_set(e, EINVAL, "state: too many cgroup hierarchies");
		place->controllers = line_cut(&rest);
		place->mount_point = place->controllers ? line_cut(&rest) : NULL;
		path = place->mount_point ? line_cut(&rest) : NULL;
		if (!path || place->mount_point[0] != '/')
			return err_set(e, EINVAL, "state: 'cgroup.trees' is damaged");
		r = cgroup_path_clean(path, &known->arena, &place->path, e);
		if (r < 0)
			return err_wrap(e, r, "state");
		if (!*place->path)
			return err_set(e, EINVAL, "state: 'cgroup.trees' names a root");
		place->is_v2 = !*place->controllers;
		known->places.count++;
	}
	return 0;
}

static void known_init(struct cgroup_known *known)
{
	*known = (struct cgroup_known){ .sys_fd = -EBADF, .root_fd = -EBADF };
}

int cgroup_known_read(const struct record *rec, struct cgroup_known *ret_known, struct err *e)
{
	const char *manager = record_get(rec, "cgroup.manager");
	const char *trees = record_get(rec, "cgroup.trees");
	int r;

	known_init(ret_known);
	ret_known->manager = CGROUP_MANAGER_DISABLED;
	r = arena_init(&ret_known->arena, e);
	if (r < 0)
		return r;
	for (int i = 0; manager && i <= CGROUP_MANAGER_DISABLED; i++)
		if (!strcmp(manager, manager_names[i]))
			ret_known->manager = (enum cgroup_manager)i;
	ret_known->unit = record_get(rec, "cgroup.unit");
	ret_known->is_user = record_get(rec, "cgroup.user") != NULL;
	r = trees ? places_read(ret_known, trees, e) : 0;
	if (r < 0)
		cgroup_known_release(ret_known);
	return r;
}

int cgroup_known_write(const struct cgroup_known *known, struct record *rec, struct err *e)
{
	own_text struct text trees = { 0 };
	int r;

	for (uint32_t i = 0; i < known->places.count; i++)
		if (known->places.items[i].path)
			text_printf(&trees, "%s\n%s\n%s\n", known->places.items[i].controllers,
				    known->places.items[i].mount_point, known->places.items[i].path);
	if (!text_ok(&trees))
		return err_oom(e);
	r = record_set(rec, "cgroup.manager", manager_names[known->manager], e);
	if (r == 0)
		r = record_set(rec, "cgroup.trees", text_str(&trees), e);
	if (r == 0 && known->unit)
		r = record_set(rec, "cgroup.unit", known->unit, e);
	if (r == 0 && known->unit && known->is_user)
		r = record_set(rec, "cgroup.user", "1", e);
	return r;
}

void cgroup_known_release(struct cgroup_known *known)
{
	known->sys_fd = fd_close(known->sys_fd);
	known->root_fd = fd_close(known->root_fd);
	arena_release(&known->arena);
}

int cgroup_main_place(const struct cgroup_known *known)
{
	int first = -1;

	for (uint32_t i = 0; i < known->places.count; i++) {
		if (!known->places.items[i].path)
			continue;
		if (!strcmp(known->places.items[i].controllers, "freezer"))
			return (int)i;
		if (first < 0)
			first = (int)i;
	}
	return first;
}

/* --- files -------------------------------------------------------------------------------- */

static int dir_open(int *fd, const char *path, struct err *e)
{
	if (*fd < 0)
		*fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "open '%s'", path) : *fd;
}

int cgroup_at(struct cgroup_known *known, const struct cgroup_place *place, const char *below,
	      char *ret_name, struct err *e)
{
	const char *mount_point = place->mount_point;
	int length, fd;

	/* All hierarchies usually lie in one directory: one descriptor serves them all. */
	if (!strncmp(mount_point, CGROUP_MOUNT, strlen(CGROUP_MOUNT))) {
		fd = dir_open(&known->sys_fd, CGROUP_MOUNT, e);
		mount_point += strlen(CGROUP_MOUNT);
	} else if (!strcmp(mount_point, "/sys/fs/cgroup")) {
		fd = dir_open(&known->sys_fd, CGROUP_MOUNT, e);
		mount_point = ".";
	} else {
		fd = dir_open(&known->root_fd, "/", e);
		mount_point++;
	}
	if (fd < 0)
		return fd;
	length = snprintf(ret_name, CGROUP_NAME_BYTES, "%s%s%s%s", mount_point,
			  place->path ? place->path : "", *below ? "/" : "", below);
	if (length < 0 || length >= CGROUP_NAME_BYTES)
		return err_set(e, ENAMETOOLONG, "cgroup path '%s'", place->path);
	return fd;
}

int cgroup_open_file(struct cgroup_known *known, const struct cgroup_place *place,
		     const char *below, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char name[CGROUP_NAME_BYTES];
	int dir_fd, fd;

	dir_fd = cgroup_at(known, place, below, name, NULL);
	if (dir_fd < 0)
		return dir_fd;
	fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	/* Before Linux 5.6: there is no ".." in the name, and a cgroup file system has no links. */
	if (fd < 0 && errno == ENOSYS)
		fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int cgroup_file_error(const struct cgroup_place *place, const char *verb, const char *below, int r,
		      struct err *e)
{
	return err_set(e, -r, "%s '%s%s%s%s': %s", verb, place->mount_point,
		       place->path ? place->path : "", *below ? "/" : "", below, strerror(-r));
}

ssize_t cgroup_read_file(struct cgroup_known *known, const struct cgroup_place *place,
			 const char *below, char *buffer, size_t bytes)
{
	own_fd int fd = cgroup_open_file(known, place, below, O_RDONLY);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	while (used + 1 < bytes && (got = read(fd, buffer + used, bytes - 1 - used)) != 0) {
		if (got < 0)
			return -errno;
		used += (size_t)got;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}

static int write_text(int fd, const char *value)
{
	size_t length = strlen(value);
	ssize_t done = write(fd, value, length);

	if (done < 0)
		return -errno;
	return (size_t)done == length ? 0 : -EIO;
}

int cgroup_write_file(struct cgroup_known *known, const struct cgroup_place *place,
		      const char *below, const char *value)
{
	own_fd int fd = cgroup_open_file(known, place, below, O_WRONLY);

	return fd < 0 ? fd : write_text(fd, value);
}

/* --- limits ------------------------------------------------------------------------------- */

static int keep_first_word(struct cgroup_known *known, const struct cgroup_place *place,
			   const struct cgroup_write *write, char *buffer, size_t bytes)
{
	char now[256];
	ssize_t got = cgroup_read_file(known, place, write->file, now, sizeof(now));

	if (got < 0)
		return (int)got;
	now[strcspn(now, " \n")] = '\0';
	(void)snprintf(buffer, bytes, "%s %s", now, write->value);
	return 0;
}

static int check_usage(struct cgroup_known *known, const struct cgroup_place *place,
		       const struct cgroup_write *write, struct err *e)
{
	unsigned long long limit = strtoull(write->value, NULL, 10);
	char now[64];

	if (!strcmp(write->value, "max") ||
	    cgroup_read_file(known, place, "memory.current", now, sizeof(now)) < 0)
		return 0;
	if (strtoull(now, NULL, 10) <= limit)
		return 0;
	now[strcspn(now, "\n")] = '\0';
	return err_set(e, EBUSY, "memory limit %llu: %s bytes are in use", limit, now);
}

static int limit_error(struct cgroup_known *known, const struct cgroup_place *place,
		       const struct cgroup_write *write, int r, struct err *e)
{
	size_t length = strcspn(write->file, ".");
	char usage[64];

	if (r == -ENOENT && place->is_v2 && strncmp(write->file, "cgroup.", 7))
		return err_set(e, ENOENT,
			       "write '%s%s/%s': no such file: controller '%.*s' is not available there",
			       place->mount_point, place->path, write->file, (int)length, write->file);
	if (r == -EBUSY && !strcmp(write->file, "memory.limit_in_bytes") &&
	    cgroup_read_file(known, place, "memory.usage_in_bytes", usage, sizeof(usage)) > 0) {
		usage[strcspn(usage, "\n")] = '\0';
		return err_set(e, EBUSY, "memory limit %s: %s bytes are in use", write->value, usage);
	}
	return err_set(e, -r, "write '%s' to '%s%s/%s': %s", write->value, place->mount_point,
		       place->path, write->file, strerror(-r));
}

static int write_limit(struct cgroup_known *known, const struct cgroup_write *write, bool is_last,
		       bool *ret_again, struct err *e)
{
	const struct cgroup_place *place = &known->places.items[write->place];
	const char *value = write->value;
	char buffer[320];
	int r;

	if (!place->path)
		return err_set(e, EACCES,
			       "write '%s' to '%s': no permission to make a cgroup in '%s'", value,
			       write->file, place->mount_point);
	if (write->how & CGROUP_WRITE_CHECK_USAGE) {
		r = check_usage(known, place, write, e);
		if (r < 0)
			return r;
	}
	if (write->how & CGROUP_WRITE_KEEP_FIRST) {
		r = keep_first_word(known, place, write, buffer, sizeof(buffer));
		if (r < 0)
			return limit_error(known, place, write, r, e);
		value = buffer;
	}
	r = cgroup_write_file(known, place, write->file, value);
	if (r == -ENOENT && write->other_file)
		r = cgroup_write_file(known, place, write->other_file, write->other_value);
	if (r == -EINVAL && (write->how & CGROUP_WRITE_RETRY) && !is_last) {
		*ret_again = true;
		return 0;
	}
	/* The kernel shows files of what it was built without, and then has nothing to write to. */
	if ((r == -ENOENT || r == -EOPNOTSUPP) && (write->how & CGROUP_WRITE_OPTIONAL))
		return 0;
	return r < 0 ? limit_error(known, place, write, r, e) : 0;
}

int cgroup_write_limits(struct cgroup_known *known, const struct cgroup_writes *writes,
			struct err *e)
{
	bool again[256] = { false };

	if (writes->count > sizeof(again))
		return err_set(e, E2BIG, "linux.resources: more than %zu limits", sizeof(again));
	for (uint32_t i = 0; i < writes->count; i++) {
		int r = write_limit(known, &writes->items[i], false, &again[i], e);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < writes->count; i++) {
		int r = again[i] ? write_limit(known, &writes->items[i], true, &again[i], e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_write_devices(struct cgroup_known *known, const struct cgroup_writes *writes,
			 struct err *e)
{
	const struct cgroup_write *last = NULL;
	own_fd int fd = -EBADF;

	for (uint32_t i = 0; i < writes->count; i++) {
		const struct cgroup_write *write = &writes->items[i];
		const struct cgroup_place *place = &known->places.items[write->place];
		int r = 0;

		if (!last || strcmp(last->file, write->file)) {
			fd = fd_close(fd);
			fd = cgroup_open_file(known, place, write->file, O_WRONLY);
			r = fd < 0 ? fd : 0;
		}
		if (r == 0)
			r = write_text(fd, write->value);
		if (r < 0)
			return limit_error(known, place, write, r, e);
		last = write;
	}
	return 0;
}
