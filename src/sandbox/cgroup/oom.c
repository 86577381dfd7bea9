#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/cgroup/known.h"

static const struct cgroup_oom oom_none = { .fd = -EBADF, .control_fd = -EBADF, .dir_fd = -EBADF };

/* v1: the kernel writes to an eventfd that is registered for memory.oom_control. */
static int open_v1(struct cgroup_known *known, const struct cgroup_place *place,
		   struct cgroup_oom *oom, struct err *e)
{
	own_fd int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	own_fd int control_fd = cgroup_open_file(known, place, "memory.oom_control", O_RDONLY);
	char line[32];
	int r;

	if (event_fd < 0)
		return err_sys(e, "eventfd");
	if (control_fd < 0)
		return cgroup_file_error(place, "open", "memory.oom_control", control_fd, e);
	(void)snprintf(line, sizeof(line), "%d %d", event_fd, control_fd);
	r = cgroup_write_file(known, place, "cgroup.event_control", line);
	if (r < 0)
		return cgroup_file_error(place, "write", "cgroup.event_control", r, e);
	oom->fd = take_fd(&event_fd);
	oom->control_fd = take_fd(&control_fd);
	return 0;
}

/* The number after @key in a file of "key number" lines below @dir_fd. */
static int read_counter(int dir_fd, const char *file, const char *key, uint64_t *ret_number)
{
	own_fd int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	char text[512];
	const char *found;
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, text, sizeof(text) - 1);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	found = strstr(text, key);
	*ret_number = found ? strtoull(found + strlen(key), NULL, 10) : 0;
	return 0;
}

/* v2: memory.events and cgroup.events are modified, as inotify sees it, when a number changes. */
static int open_v2(const struct cgroup_place *place, struct cgroup_oom *oom, struct err *e)
{
	static const char *const files[] = { "memory.events", "cgroup.events" };
	own_fd int notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (notify_fd < 0)
		return err_sys(e, "inotify_init1");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char path[64];

		/* inotify wants a path; the directory is held, so it is named by its descriptor */
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", oom->dir_fd, files[i]);
		if (inotify_add_watch(notify_fd, path, IN_MODIFY) < 0)
			return cgroup_file_error(place, "watch", files[i], -errno, e);
	}
	(void)read_counter(oom->dir_fd, "memory.events", "oom_kill ", &oom->seen);
	oom->fd = take_fd(&notify_fd);
	return 0;
}

int cgroup_oom_open(const struct record *rec, struct cgroup_oom *ret_oom, struct err *e)
{
	own_known struct cgroup_known known;
	struct cgroup_oom oom = oom_none;
	const struct cgroup_place *place;
	int i, r;

	r = cgroup_known_read(rec, &known, e);
	if (r < 0)
		return r;
	i = cgroup_place_find(&known.places, "memory");
	if (i < 0)
		i = cgroup_place_v2(&known.places);
	if (i < 0)
		return err_set(e, EOPNOTSUPP, "the container has no memory cgroup");
	place = &known.places.items[i];
	oom.is_v2 = place->is_v2;
	oom.dir_fd = cgroup_open_file(&known, place, "", O_RDONLY | O_DIRECTORY);
	if (oom.dir_fd < 0)
		return cgroup_file_error(place, "open", "", oom.dir_fd, e);
	r = oom.is_v2 ? open_v2(place, &oom, e) : open_v1(&known, place, &oom, e);
	if (r < 0) {
		cgroup_oom_close(&oom);
		return r;
	}
	*ret_oom = oom;
	return 0;
}

static int read_v1(struct cgroup_oom *oom)
{
	uint64_t count = 0;

	if (read(oom->fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	/* The end of the cgroup is an event as well. */
	return faccessat(oom->dir_fd, "cgroup.procs", F_OK, 0) < 0 ? -ENOENT : 1;
}

static int read_v2(struct cgroup_oom *oom)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	uint64_t kills = 0, populated = 0;

	while (read(oom->fd, events, sizeof(events)) > 0)
		;
	if (read_counter(oom->dir_fd, "memory.events", "oom_kill ", &kills) < 0)
		return -ENOENT;
	if (kills > oom->seen) {
		oom->seen = kills;
		return 1;
	}
	if (read_counter(oom->dir_fd, "cgroup.events", "populated ", &populated) < 0 || !populated)
		return -ENOENT;
	return 0;
}

int cgroup_oom_read(struct cgroup_oom *oom, struct err *e)
{
	int r = oom->is_v2 ? read_v2(oom) : read_v1(oom);

	return r < 0 ? err_set(e, -r, "the cgroup is gone") : r;
}

void cgroup_oom_close(struct cgroup_oom *oom)
{
	(void)fd_close(oom->fd);
	(void)fd_close(oom->control_fd);
	(void)fd_close(oom->dir_fd);
	*oom = oom_none;
}
