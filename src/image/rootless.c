#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "image/rootless.h"

#define RANGE_MAX   16
#define LINE_BYTES  512
#define WORD_BYTES  16

struct id_map {
	const char *program; /* "newuidmap" */
	const char *ranges;  /* "/etc/subuid" */
	const char *file;    /* "/proc/self/uid_map" */
	unsigned self;
	struct {
		unsigned long first, count;
	} range[RANGE_MAX];
	size_t range_count;
};

/* Lines "NAME-OR-ID:FIRST:COUNT". A file that is not there gives nothing. */
static void ranges_read(struct id_map *map, const char *name, uid_t uid)
{
	own_file FILE *file = fopen(map->ranges, "re");
	char line[LINE_BYTES], number[WORD_BYTES];

	(void)snprintf(number, sizeof(number), "%u", uid);
	while (file && map->range_count < RANGE_MAX && fgets(line, sizeof(line), file)) {
		char *rest = line, *owner = strsep(&rest, ":"), *first = strsep(&rest, ":");
		unsigned long from, count;

		if (!rest || (strcmp(owner, number) != 0 && (!name || strcmp(owner, name) != 0)))
			continue;
		from = strtoul(first, NULL, 10);
		count = strtoul(rest, NULL, 10);
		if (!from || !count)
			continue;
		map->range[map->range_count].first = from;
		map->range[map->range_count++].count = count;
	}
}

/* "newuidmap PID 0 SELF 1 1 FIRST COUNT ..." */
static int map_run(const struct id_map *map, pid_t target)
{
	char words[3 * (RANGE_MAX + 1) + 1][WORD_BYTES];
	char *argv[3 * (RANGE_MAX + 1) + 3];
	unsigned long inside = 1;
	size_t count = 0;

	(void)snprintf(words[count++], WORD_BYTES, "%d", target);
	(void)snprintf(words[count++], WORD_BYTES, "0");
	(void)snprintf(words[count++], WORD_BYTES, "%u", map->self);
	(void)snprintf(words[count++], WORD_BYTES, "1");
	for (size_t i = 0; i < map->range_count; i++) {
		(void)snprintf(words[count++], WORD_BYTES, "%lu", inside);
		(void)snprintf(words[count++], WORD_BYTES, "%lu", map->range[i].first);
		(void)snprintf(words[count++], WORD_BYTES, "%lu", map->range[i].count);
		inside += map->range[i].count;
	}
	argv[0] = strdup(map->program);
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = words[i];
	argv[count + 1] = NULL;
	if (!argv[0])
		return -ENOMEM;
	(void)execvp(map->program, argv);
	return -errno;
}

/* In a child that is still in the old namespace: the programs that may write the maps run there. */
static int maps_write_outside(const struct id_map *maps, pid_t target)
{
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0)
			_exit(map_run(&maps[i], target) < 0 ? 127 : 0);
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			return -EPERM;
	}
	return 0;
}

static int file_write(const char *path, const char *text)
{
	own_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);

	return fd >= 0 && write(fd, text, length) == (ssize_t)length ? 0 : -EPERM;
}

static int maps_write_single(const struct id_map *maps, struct err *e)
{
	/* Without this a group could be dropped that denies something (CVE-2014-8989). */
	if (file_write("/proc/self/setgroups", "deny") < 0)
		return err_sys(e, "rootless: deny setgroups");
	for (size_t i = 0; i < 2; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "0 %u 1\n", maps[i].self);
		if (file_write(maps[i].file, line) < 0)
			return err_sys(e, "rootless: write '%s'", maps[i].file);
	}
	return 0;
}

/* The helper waits for a byte until we are in the new namespace; its exit says how it went. */
static pid_t helper_start(const struct id_map *maps, int *ret_go_fd)
{
	pid_t self = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		char byte;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fds[1]);
		if (read(fds[0], &byte, 1) != 1)
			_exit(1);
		_exit(maps_write_outside(maps, self) < 0 ? 1 : 0);
	}
	(void)close(fds[0]);
	*ret_go_fd = fds[1];
	return pid < 0 ? -errno : pid;
}

static int maps_write(const struct id_map *maps, bool has_ranges, bool *ret_squashed,
		      struct err *e)
{
	own_fd int go_fd = -EBADF;
	pid_t pid = has_ranges ? helper_start(maps, &go_fd) : 0;
	int status = 1;

	if (pid < 0)
		return err_set(e, -pid, "rootless: start of newuidmap");
	if (unshare(CLONE_NEWUSER) < 0)
		return err_sys(e, "rootless: user namespace (see the sysctls "
				  "kernel.unprivileged_userns_clone, user.max_user_namespaces)");
	if (has_ranges && write(go_fd, "x", 1) == 1)
		(void)waitpid(pid, &status, 0);
	*ret_squashed = status != 0;
	if (!status)
		return 0;
	log_warning("no ids of /etc/subuid and /etc/subgid could be used: all files of images will "
		    "belong to one user");
	return maps_write_single(maps, e);
}

int rootless_enter(bool *ret_squashed, struct err *e)
{
	struct id_map maps[2] = {
		{ "newuidmap", "/etc/subuid", "/proc/self/uid_map", geteuid(), { { 0, 0 } }, 0 },
		{ "newgidmap", "/etc/subgid", "/proc/self/gid_map", getegid(), { { 0, 0 } }, 0 },
	};
	const struct passwd *passwd;
	int r;

	*ret_squashed = false;
	if (geteuid() == 0)
		return 0;
	passwd = getpwuid(geteuid());
	for (size_t i = 0; i < 2; i++)
		ranges_read(&maps[i], passwd ? passwd->pw_name : NULL, geteuid());
	r = maps_write(maps, maps[0].range_count && maps[1].range_count, ret_squashed, e);
	if (r < 0)
		return r;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(e, "rootless: become root of the user namespace");
	return 0;
}
