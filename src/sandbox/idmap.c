#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/idmap.h"
#include "sys/guard.h"

extern char **environ;

static int idmap_put(int proc_fd, const char *name, const char *text, struct err *e)
{
	own_fd int fd = openat(proc_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t length = strlen(text);

	if (fd < 0)
		return err_sys(e, "open %s of the container", name);
	if (write(fd, text, length) != (ssize_t)length)
		return err_sys(e, "write %s of the container", name);
	return 0;
}

static void idmap_lines(struct text *out, const struct spec_id_maps *maps)
{
	for (uint32_t i = 0; i < maps->count; i++)
		text_printf(out, "%u %u %u\n", maps->items[i].container_id, maps->items[i].host_id,
			    maps->items[i].size);
}

/* One's own id, alone, can be mapped without privilege. */
static bool idmap_is_own(const struct spec_id_maps *maps, uint32_t own)
{
	return maps->count == 1 && maps->items[0].host_id == own && maps->items[0].size == 1;
}

static int idmap_run_helper(const char *helper, pid_t pid, const struct spec_id_maps *maps,
			    struct err *e)
{
	enum { LINE_COUNT_MAX = 340 }; /* the kernel's own limit */
	char numbers[LINE_COUNT_MAX * 3 + 1][12];
	char *argv[LINE_COUNT_MAX * 3 + 3];
	size_t n = 0;
	pid_t child;
	int status, r;

	if (maps->count > LINE_COUNT_MAX)
		return err_set(e, E2BIG, "%u lines in an id map, the kernel takes %d", maps->count,
			       LINE_COUNT_MAX);
	argv[0] = (char *)(uintptr_t)helper;
	(void)snprintf(numbers[n], sizeof(numbers[n]), "%d", pid);
	argv[1 + n] = numbers[n];
	n++;
	for (uint32_t i = 0; i < maps->count; i++) {
		const uint32_t line[3] = { maps->items[i].container_id, maps->items[i].host_id,
					   maps->items[i].size };

		for (unsigned k = 0; k < 3; k++, n++) {
			(void)snprintf(numbers[n], sizeof(numbers[n]), "%u", line[k]);
			argv[1 + n] = numbers[n];
		}
	}
	argv[1 + n] = NULL;

	r = posix_spawnp(&child, helper, NULL, NULL, argv, environ);
	if (r)
		return err_set(e, r, "run '%s' (package uidmap): %s", helper, strerror(r));
	if (waitpid(child, &status, 0) < 0)
		return err_sys(e, "wait for '%s'", helper);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, EPERM, "'%s' refused the map: does /etc/%s give these ids to the user?",
			       helper, !strcmp(helper, "newuidmap") ? "subuid" : "subgid");
	return 0;
}

int idmap_write(const struct plan *plan, pid_t pid, struct err *e)
{
	const struct spec_linux *os = &plan->spec->os;
	own_text struct text uid_lines = { 0 }, gid_lines = { 0 };
	own_fd int proc_fd = -EBADF;
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return err_sys(e, "open '%s'", path);

	idmap_lines(&uid_lines, &os->uid_maps);
	idmap_lines(&gid_lines, &os->gid_maps);
	if (!text_ok(&uid_lines) || !text_ok(&gid_lines))
		return err_oom(e);

	/* Before the gid map, or a process could drop a group that is used to deny (CVE-2014-8989). */
	if (GUARD(E12) && plan->creds.deny_setgroups) {
		r = idmap_put(proc_fd, "setgroups", "deny", e);
		if (r < 0)
			return r;
	}
	if (plan->host->is_rootless && !idmap_is_own(&os->gid_maps, plan->host->egid))
		r = idmap_run_helper("newgidmap", pid, &os->gid_maps, e);
	else
		r = idmap_put(proc_fd, "gid_map", text_str(&gid_lines), e);
	if (r < 0)
		return r;
	if (plan->host->is_rootless && !idmap_is_own(&os->uid_maps, plan->host->euid))
		return idmap_run_helper("newuidmap", pid, &os->uid_maps, e);
	return idmap_put(proc_fd, "uid_map", text_str(&uid_lines), e);
}
