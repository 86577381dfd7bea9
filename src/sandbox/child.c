/*
 * Read from the bottom: child_main() tells the story, with three places where walls rise.
 *
 * The order is what keeps the host safe, so each oddity says why. Nothing here allocates (hooks
 * apart), logs, or trusts a name below the container's root that it can avoid.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/plan.h"
#include "run/native.h"
#include "sandbox/attributes.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/child.h"
#include "sandbox/creds.h"
#include "sandbox/namespace.h"
#include "sandbox/netdevice.h"
#include "sandbox/network.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sandbox/sandbox.h"
#include "sandbox/sync.h"
#include "sandbox/terminal.h"
#include "sys/guard.h"

static int child_run_hooks(const struct child_world *world, enum spec_hook_point point,
			   struct err *e)
{
	char self[16] = "";
	ssize_t length;

	if (!world->request->run_hooks || !world->plan->spec->hooks[point].count)
		return 0;
	/* Our pid as the runtime counts: its procfs knows. */
	length = readlinkat(world->self.proc_fd, "self", self, sizeof(self) - 1);
	if (length < 0)
		return err_sys(e, "read '/proc/self'");
	return world->request->run_hooks(world->request->hook_context, (int)point, atoi(self), e);
}

/* Wait for the parent to have made the cgroup, enter it; then its namespace has the right root. */
static int child_enter_cgroup(const struct child_world *world, struct err *e)
{
	struct sync_message message;
	int r = sync_receive(world->self.sync_fd, &message, e);

	if (r < 0)
		return r;
	if (message.type != SYNC_CGROUP)
		return err_set(e, EPROTO, "unexpected message %d", message.type);
	r = cgroup_enter_self(message.fds, message.fd_count, e);
	for (uint32_t i = 0; i < message.fd_count; i++)
		(void)fd_close(message.fds[i]);
	return r < 0 ? r : namespace_make_cgroup(world->plan, e);
}

static int child_open_terminal(const struct child_world *world, int *ret_slave_fd, struct err *e)
{
	const struct plan *plan = world->plan;
	own_fd int ptmx_fd = -EBADF, slave_fd = -EBADF;
	int r = 0;

	if (!plan->spec->process.terminal)
		return 0;
	ptmx_fd = world->rootfs ? rootfs_open_ptmx(plan->rootfs, world->rootfs, e) :
				  terminal_open_ptmx(e);
	if (ptmx_fd < 0)
		return ptmx_fd;
	slave_fd = terminal_open_peer(ptmx_fd, e);
	if (slave_fd < 0)
		return slave_fd;
	if (world->rootfs)
		r = rootfs_bind_console(plan->rootfs, world->rootfs, slave_fd, e);
	if (r == 0)
		r = terminal_hand_over(plan, ptmx_fd, slave_fd, world->request->console_fd, e);
	if (r == 0)
		*ret_slave_fd = take_fd(&slave_fd);
	return r;
}

static int child_set_names(const struct plan *plan, struct err *e)
{
	const char *host = plan->spec->hostname, *domain = plan->spec->domainname;

	if (host && *host && sethostname(host, strlen(host)) < 0)
		return err_sys(e, "set the hostname '%s'", host);
	if (domain && *domain && setdomainname(domain, strlen(domain)) < 0)
		return err_sys(e, "set the domainname '%s'", domain);
	return 0;
}

/* Engines expect a working directory that is missing to be made, as runc does. */
static int child_make_cwd(const char *cwd, struct err *e)
{
	own_fd int dir_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];

	if (access(cwd, F_OK) == 0)
		return 0;
	if (dir_fd < 0)
		return err_sys(e, "open '/' of the container");
	while (*(cwd += strspn(cwd, "/"))) {
		size_t length = strcspn(cwd, "/");
		int next_fd;

		if (length >= sizeof(name))
			return err_set(e, ENAMETOOLONG, "process.cwd: a name is too long");
		memcpy(name, cwd, length);
		name[length] = '\0';
		if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
			return errno == EROFS || errno == EACCES ? 0 : err_sys(e, "make process.cwd");
		next_fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next_fd < 0)
			return err_sys(e, "open process.cwd");
		(void)fd_close(dir_fd);
		dir_fd = next_fd;
		cwd += length;
	}
	return 0;
}

/* All rooms of a new container. What follows is the same for init and exec. */
static int child_build_rooms(const struct child_world *world, int *ret_terminal_fd, struct err *e)
{
	const struct plan *plan = world->plan;
	int r;

	(void)umask(0);
	if (plan->ns.new_flags & CLONE_NEWNET) {
		r = network_raise_loopback(e);
		if (r < 0)
			return r;
	}
	r = rootfs_build(plan->rootfs, world->rootfs, e);
	if (r == 0)
		r = child_enter_cgroup(world, e);
	if (r == 0)
		r = rootfs_mount_cgroups(plan->rootfs, world->rootfs, e);
	if (r == 0)
		r = child_open_terminal(world, ret_terminal_fd, e);
	if (r == 0)
		r = sync_send(world->self.sync_fd, SYNC_ROOTFS, 0, e);
	if (r == 0)
		r = sync_expect(world->self.sync_fd, SYNC_HOOKS, e);
	if (r == 0)
		r = netdevice_settle(world->devices, e);
	if (r == 0)
		r = child_run_hooks(world, SPEC_HOOK_CREATE_CONTAINER, e);
	if (r == 0)
		r = rootfs_pivot(plan->rootfs, world->rootfs, e);
	if (r == 0)
		r = child_make_cwd(plan->spec->process.cwd, e);
	if (r == 0)
		r = child_set_names(plan, e);
	if (r == 0)
		r = rootfs_finish(plan->rootfs, world->rootfs, e);
	return r;
}

/* The rooms of a container that runs: all that is left is the root, and a terminal from it. */
static int child_enter_rooms(const struct child_world *world, int *ret_terminal_fd, struct err *e)
{
	if (world->root_fd >= 0 && (fchdir(world->root_fd) < 0 || chroot(".") < 0))
		return err_sys(e, "enter the root of the container");
	return child_open_terminal(world, ret_terminal_fd, e);
}

static int child_set_streams(const struct child_world *world, int terminal_fd, struct err *e)
{
	const int *from = world->request->stdio_fds;

	if (terminal_fd >= 0)
		return terminal_attach(world->plan, terminal_fd, e);
	for (int fd = 0; fd < 3; fd++)
		if (from[fd] != fd && from[fd] >= 0 && dup2(from[fd], fd) < 0)
			return err_sys(e, "make descriptor %d", fd);
	return 0;
}

/*
 * Go to the working directory. A magic link such as /proc/self/fd/7 may lead out of the root
 * (CVE-2024-21626): then the kernel names no absolute path, and we do not go on.
 */
static int child_change_dir(const char *cwd, struct err *e)
{
	char where[PATH_MAX];

	if (chdir(cwd) < 0)
		return err_sys(e, "chdir to cwd (\"%s\") set in config.json failed", cwd);
	if (GUARD(E2) && (syscall(SYS_getcwd, where, sizeof(where)) < 0 || where[0] != '/'))
		return err_set(e, EPERM, "process.cwd '%s' is outside of the container's root", cwd);
	return 0;
}

/* First as root, who may enter what the user may not; if even root may not, then as the user. */
static int child_drop(const struct child_world *world, struct err *e)
{
	const char *cwd = world->plan->spec->process.cwd;
	struct err refused = { 0 };
	int r = child_change_dir(cwd, &refused);
	bool is_there = r == 0;

	if (r < 0 && r != -EACCES)
		return err_set(e, -r, "%s", refused.text);
	r = creds_drop(world->plan, e);
	if (r == 0 && !is_there)
		r = child_change_dir(cwd, e);
	return r;
}

static int child_raise(const struct child_world *world, enum stage stage, struct err *e)
{
	if (walls_want_attend(world->plan, stage)) {
		int r = sync_send(world->self.sync_fd, SYNC_ATTEND, (int32_t)stage, e);

		if (r < 0)
			return r;
	}
	return GUARD(M20) ? walls_apply(world->plan, stage, &world->self, e) : 0;
}

/*
 * Wait at start.sock until somebody says go. Only who may enter the state directory can connect; a
 * peer that leaves without a word is forgotten.
 */
static int child_wait_start(struct child_world *world, struct err *e)
{
	world->self.sync_fd = fd_close(world->self.sync_fd);
	for (;;) {
		struct err lost = { 0 };
		int fd = accept4(world->start_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return err_sys(e, "wait to be started");
		if (sync_send_fds(fd, SYNC_PAGE, &world->page_fd, world->page_fd >= 0 ? 1 : 0,
				  &lost) == 0 &&
		    sync_expect(fd, SYNC_GO, &lost) == 0) {
			world->self.sync_fd = fd;
			world->start_fd = fd_close(world->start_fd);
			return 0;
		}
		(void)fd_close(fd);
	}
}

static int child_wait_go(struct child_world *world, struct err *e)
{
	struct sync_message message;
	int r = sync_send(world->self.sync_fd, SYNC_READY, 0, e);

	if (r == 0)
		r = sync_receive(world->self.sync_fd, &message, e);
	if (r < 0)
		return r;
	if (message.type == SYNC_DETACH)
		return child_wait_start(world, e);
	return message.type == SYNC_GO ? 0 : err_set(e, EPROTO, "unexpected message %d", message.type);
}

/* Nothing but 0, 1, 2 and what was asked for survives execve (CVE-2024-21626, CVE-2016-9962). */
static int child_close_rest(unsigned preserve_count, struct err *e)
{
	if (GUARD(E4) && syscall(SYS_close_range, 3 + preserve_count, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		/* before Linux 5.11; the limit bounds what can be open */
		long count = sysconf(_SC_OPEN_MAX);

		for (long fd = 3 + (long)preserve_count; fd < count; fd++)
			(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	}
	for (unsigned fd = 3; fd < 3 + preserve_count; fd++)
		if (fcntl((int)fd, F_SETFD, 0) < 0)
			return err_sys(e, "pass on descriptor %u (--preserve-fds)", fd);
	return 0;
}

/*
 * Until execve no process of the container may look into us or our descriptors (CVE-2016-9962). The
 * files of such a process under /proc are root's: where we are not root, the parent must have written
 * the id maps, and we our own oom_score_adj, before. No other process is in the new namespaces then;
 * for exec, where there are, the relay has done this before it joined.
 */
static int child_hide_and_enter(const struct child_world *world, struct err *e)
{
	const struct plan *plan = world->plan;
	bool is_late = plan->host->is_rootless && !plan->request.is_exec;
	int r = 0;

	if (!is_late)
		r = attributes_hide(e);
	if (r == 0)
		r = namespace_enter_rest(world->spawn, e);
	if (r == 0 && is_late)
		r = attributes_set_oom(plan, &world->self, e);
	if (r == 0 && is_late)
		r = attributes_hide(e);
	return r;
}

static int child_become(struct child_world *world, struct err *e)
{
	const struct plan *plan = world->plan;
	own_fd int terminal_fd = -EBADF;
	struct native native;
	int r;

	r = child_hide_and_enter(world, e);
	if (r < 0)
		return r;
	attributes_reset_signals();
	if (setsid() < 0)
		return err_sys(e, "make a session");
	r = attributes_join_keyring(plan, &world->self, e);
	if (r == 0)
		r = world->rootfs ? child_build_rooms(world, &terminal_fd, e) :
				    child_enter_rooms(world, &terminal_fd, e);
	if (r == 0)
		r = child_set_streams(world, terminal_fd, e);
	if (r == 0)
		r = attributes_set(plan, &world->self, e);
	if (r == 0)
		r = child_raise(world, STAGE_PRIVILEGED, e);
	if (r == 0)
		r = child_drop(world, e);
	if (r == 0)
		r = native_find(&plan->spec->process, &native, e);
	if (r == 0)
		r = child_raise(world, STAGE_DROPPED, e);
	if (r == 0)
		r = child_wait_go(world, e);
	if (r == 0 && !plan->request.is_exec)
		r = child_run_hooks(world, SPEC_HOOK_START_CONTAINER, e);
	if (r == 0)
		r = child_close_rest(world->request->preserve_fd_count, e);
	if (r == 0)
		r = child_raise(world, STAGE_LAST, e);
	if (r == 0)
		r = native_exec(&native, &plan->spec->process, e);
	return r;
}

void child_main(void *context)
{
	struct child_world *world = context;
	struct err e = { 0 };

	if (child_become(world, &e) == -EPIPE && !e.code)
		_exit(1); /* the parent is gone: so are we */
	sync_fail(world->self.sync_fd, &e);
	_exit(1);
}
