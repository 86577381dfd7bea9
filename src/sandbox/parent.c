/*
 * The parent: opens what the child may not, makes the child, makes its cgroup while the child mounts,
 * runs the hooks that belong out here, looks at the result, and lets go. What it does not say it
 * undoes: each function leaves the outside world as it found it when it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/child.h"
#include "sandbox/namespace.h"
#include "sandbox/netdevice.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sandbox/sandbox.h"
#include "sandbox/sync.h"
#include "sandbox/witness.h"
#include "sys/guard.h"
#include "sys/proc.h"
#include "wall/record.h"
#include "wall/wall.h"

#define START_SOCKET "start.sock"

/* All that the parent holds while it works; given back by workshop_close(), in one place. */
struct workshop {
	int proc_fd;
	int join_fds[SPEC_NS_COUNT];
	struct cgroup_entry cgroup;
	int target_pidfd;
	int root_fd;
	int parent_sync_fd;
	int child_sync_fd;
	int start_fd;
	int page_fd;
	struct wall_page *page;
	struct netdevices devices;
	struct rootfs rootfs;
	bool has_rootfs;
};

static void workshop_close(struct workshop *shop)
{
	if (shop->has_rootfs)
		rootfs_release(&shop->rootfs);
	namespace_close_joins(shop->join_fds);
	cgroup_entry_close(&shop->cgroup);
	if (shop->page)
		(void)munmap(shop->page, sizeof(*shop->page));
	(void)fd_close(shop->proc_fd);
	(void)fd_close(shop->target_pidfd);
	(void)fd_close(shop->root_fd);
	(void)fd_close(shop->parent_sync_fd);
	(void)fd_close(shop->child_sync_fd);
	(void)fd_close(shop->start_fd);
	(void)fd_close(shop->page_fd);
}

static void own_workshop_drop(struct workshop *shop)
{
	int saved = errno;

	workshop_close(shop);
	errno = saved;
}
#define own_workshop __attribute__((cleanup(own_workshop_drop)))

static int workshop_map_page(struct workshop *shop, const struct plan *plan, struct err *e)
{
	if (!walls_want_attend(plan, STAGE_PRIVILEGED) && !walls_want_attend(plan, STAGE_DROPPED) &&
	    !walls_want_attend(plan, STAGE_LAST))
		return 0;
	shop->page_fd = memfd_create("gabion-walls", MFD_CLOEXEC);
	if (shop->page_fd < 0 || ftruncate(shop->page_fd, sizeof(*shop->page)) < 0)
		return err_sys(e, "make the page that walls share");
	shop->page = mmap(NULL, sizeof(*shop->page), PROT_READ | PROT_WRITE, MAP_SHARED,
			  shop->page_fd, 0);
	if (shop->page == MAP_FAILED) {
		shop->page = NULL;
		return err_sys(e, "map the page that walls share");
	}
	return 0;
}

static int workshop_open(struct workshop *shop, const struct plan *plan, struct err *e)
{
	int r;

	*shop = (struct workshop){ .proc_fd = -EBADF,
				   .cgroup = CGROUP_ENTRY_NONE,
				   .target_pidfd = -EBADF,
				   .root_fd = -EBADF,
				   .parent_sync_fd = -EBADF,
				   .child_sync_fd = -EBADF,
				   .start_fd = -EBADF,
				   .page_fd = -EBADF };
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		shop->join_fds[ns] = -EBADF;

	/* What an engine left open must reach neither hooks nor the workload (CVE-2016-9962); the
	 * child opens again what is to be preserved. Fails before Linux 5.11: then the child's loop
	 * does it. */
	if (GUARD(E4))
		(void)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);

	shop->proc_fd = proc_open_root(e);
	if (shop->proc_fd < 0)
		return shop->proc_fd;
	r = namespace_open_joins(plan, shop->join_fds, e);
	if (r == 0)
		r = workshop_map_page(shop, plan, e);
	if (r == 0)
		r = sync_pair(&shop->parent_sync_fd, &shop->child_sync_fd, e);
	return r;
}

/* AF_UNIX paths are short and state directories are not: go through the descriptor. */
static int start_address(int state_fd, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
		       "/proc/self/fd/%d/" START_SOCKET, state_fd);
	return 0;
}

static int start_listen(int state_fd, struct err *e)
{
	own_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	(void)start_address(state_fd, &address);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4) < 0)
		return err_sys(e, "make '" START_SOCKET "' in the state directory");
	return take_fd(&fd);
}

static int start_connect(int state_fd, struct err *e)
{
	own_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	(void)start_address(state_fd, &address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(e, "reach the container at '" START_SOCKET "'");
	return take_fd(&fd);
}

/* Kill and reap; for failures only, so nothing of it is reported. */
static void sandbox_kill(pid_t pid, int pidfd)
{
	if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/* The child's next word; its silent end is an error too. */
static int sandbox_hear(int sync_fd, struct sync_message *ret_message, struct err *e)
{
	int r = sync_receive(sync_fd, ret_message, e);

	return r == -EPIPE ? err_set(e, EPIPE, "the container's process died during its set-up") : r;
}

static int sandbox_attend(const struct plan *plan, const struct sandbox *sandbox, int proc_fd,
			  struct wall_page *page, enum stage stage, struct err *e)
{
	const struct witness seen = { .pid = sandbox->pid, .pidfd = sandbox->pidfd, .proc_fd = proc_fd };

	return walls_attend(plan, stage, &seen, page, e);
}

static int sandbox_run_hooks(const struct plan *plan, const struct sandbox_request *request,
			     pid_t pid, struct err *e)
{
	static const enum spec_hook_point points[] = { SPEC_HOOK_PRESTART, SPEC_HOOK_CREATE_RUNTIME };

	for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		int r;

		if (!request->run_hooks || !plan->spec->hooks[points[i]].count)
			continue;
		r = request->run_hooks(request->hook_context, (int)points[i], pid, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Answer the child until it says READY; then see for ourselves. */
static int sandbox_converse(const struct plan *plan, const struct sandbox_request *request,
			    struct workshop *shop, const struct sandbox *sandbox, struct err *e)
{
	for (;;) {
		struct sync_message message;
		int r = sandbox_hear(sandbox->sync_fd, &message, e);

		if (r < 0)
			return r;
		switch (message.type) {
		case SYNC_ROOTFS:
			r = netdevice_move(&shop->devices, sandbox->pid, e);
			if (r == 0)
				r = sandbox_run_hooks(plan, request, sandbox->pid, e);
			if (r == 0)
				r = sync_send(sandbox->sync_fd, SYNC_HOOKS, 0, e);
			break;
		case SYNC_ATTEND:
			r = sandbox_attend(plan, sandbox, shop->proc_fd, shop->page,
					   (enum stage)message.value, e);
			break;
		case SYNC_READY:
			return witness_verify(plan, shop->proc_fd, sandbox->pid, sandbox->pidfd,
					      false, e);
		default:
			r = err_set(e, EPROTO, "unexpected message %d from the container's set-up",
				    message.type);
		}
		if (r < 0)
			return r;
	}
}

/*
 * On version 1 the cgroup is made while the child mounts, and the child lets itself in: of all ways
 * the only one without a lock on the whole machine. On version 2, and with systemd, the child is born
 * inside, so the cgroup comes first.
 */
static bool sandbox_cgroup_is_first(const struct plan *plan)
{
	return plan->host->cgroup_layout == CGROUP_V2 ||
	       plan->request.cgroup_manager == CGROUP_MANAGER_SYSTEMD;
}

static int sandbox_admit(const struct plan *plan, struct workshop *shop, struct record *rec,
			 int sync_fd, struct err *e)
{
	struct err gone = { 0 };
	int r;

	if (!sandbox_cgroup_is_first(plan)) {
		r = cgroup_make(plan->cgroup, rec, &shop->cgroup, e);
		if (r < 0)
			return r;
	}
	r = sync_send_fds(sync_fd, SYNC_CGROUP, shop->cgroup.tasks_fds, shop->cgroup.tasks_count,
			  &gone);
	if (r == -EPIPE)
		return 0; /* the child has failed already: what it said of that is heard next */
	return r < 0 ? err_set(e, -r, "%s", gone.text) : 0;
}

/* Make the process and see it through to READY. What stands outside is the caller's to undo. */
static int sandbox_spawn(struct plan *plan, const struct sandbox_request *request,
			 struct workshop *shop, struct record *rec, struct sandbox *ret_sandbox,
			 struct err *e)
{
	bool is_born_inside = plan->request.is_exec || sandbox_cgroup_is_first(plan);
	struct spawn_request spawn = { .plan = plan,
				       .parent_sync_fd = shop->parent_sync_fd,
				       .child_sync_fd = shop->child_sync_fd,
				       .cgroup = is_born_inside ? &shop->cgroup : NULL,
				       .target_pidfd = shop->target_pidfd,
				       .join_fds = shop->join_fds };
	struct child_world world = { .plan = plan,
				     .request = request,
				     .spawn = &spawn,
				     .rootfs = shop->has_rootfs ? &shop->rootfs : NULL,
				     .devices = &shop->devices,
				     .self = { .proc_fd = shop->proc_fd,
					       .sync_fd = shop->child_sync_fd,
					       .page = shop->page },
				     .start_fd = shop->start_fd,
				     .page_fd = shop->page_fd,
				     .root_fd = shop->root_fd };
	struct sandbox sandbox = { .pidfd = -EBADF, .page_fd = -EBADF };
	int r;

	spawn.self = &world.self;
	sandbox.pid = namespace_spawn(&spawn, child_main, &world, &sandbox.pidfd, e);
	if (sandbox.pid < 0)
		return sandbox.pid;
	sandbox.sync_fd = shop->parent_sync_fd;
	shop->child_sync_fd = fd_close(shop->child_sync_fd);

	r = request->note_pid ? request->note_pid(request->note_context, sandbox.pid, e) : 0;
	if (r == 0 && !plan->request.is_exec)
		r = sandbox_admit(plan, shop, rec, sandbox.sync_fd, e);
	if (r == 0)
		r = sandbox_converse(plan, request, shop, &sandbox, e);
	if (r < 0) {
		sandbox_kill(sandbox.pid, sandbox.pidfd);
		(void)fd_close(sandbox.pidfd);
		return r;
	}
	sandbox.sync_fd = take_fd(&shop->parent_sync_fd);
	sandbox.page_fd = take_fd(&shop->page_fd);
	*ret_sandbox = sandbox;
	return 0;
}

int sandbox_create(struct plan *plan, const struct sandbox_request *request, struct record *rec,
		   struct sandbox *ret_sandbox, struct err *e)
{
	own_workshop struct workshop shop;
	int r;

	r = workshop_open(&shop, plan, e);
	if (r < 0)
		return r;
	r = netdevice_look(plan, &shop.devices, e);
	if (r == 0)
		r = cgroup_plan_record(plan->cgroup, rec, e);
	if (r == 0)
		r = walls_prepare(plan, rec, e);
	if (r < 0)
		return r;

	r = rootfs_prepare(plan->rootfs, shop.proc_fd, &shop.rootfs, e);
	if (r < 0)
		goto undo_walls;
	shop.has_rootfs = true;
	if (request->state_fd >= 0) {
		r = shop.start_fd = start_listen(request->state_fd, e);
		if (r < 0)
			goto undo_walls;
	}
	if (sandbox_cgroup_is_first(plan)) {
		r = cgroup_make(plan->cgroup, rec, &shop.cgroup, e);
		if (r < 0)
			goto undo_walls;
	}
	r = sandbox_spawn(plan, request, &shop, rec, ret_sandbox, e);
	if (r < 0)
		goto undo_cgroup;
	return 0;

undo_cgroup:
	cgroup_entry_close(&shop.cgroup);
	(void)cgroup_delete(rec, NULL);
undo_walls:
	(void)walls_release(rec, NULL);
	return r;
}

int sandbox_exec(struct plan *plan, const struct sandbox_request *request,
		 const struct record *rec, struct sandbox *ret_sandbox, struct err *e)
{
	own_workshop struct workshop shop;
	int r;

	r = workshop_open(&shop, plan, e);
	if (r < 0)
		return r;
	shop.target_pidfd = (int)syscall(SYS_pidfd_open, request->target_pid, 0);
	if (shop.target_pidfd < 0)
		return err_sys(e, "open the container's init, process %d", request->target_pid);
	if (!plan->spec->os.namespaces[SPEC_NS_MOUNT].is_wanted) {
		char path[32];

		(void)snprintf(path, sizeof(path), "%d/root", request->target_pid);
		shop.root_fd = openat(shop.proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (shop.root_fd < 0)
			return err_sys(e, "open the root of the container");
	}
	r = cgroup_join(rec, request->sub_cgroup, request->target_pid, &shop.cgroup, e);
	if (r < 0)
		return r;
	return sandbox_spawn(plan, request, &shop, NULL, ret_sandbox, e);
}

/* Map the page that the walls share with their child, if there is one. */
static int page_map(int page_fd, struct wall_page **ret_page, struct err *e)
{
	struct wall_page *page;

	*ret_page = NULL;
	if (page_fd < 0)
		return 0;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	if (page == MAP_FAILED)
		return err_sys(e, "map the page that walls share");
	*ret_page = page;
	return 0;
}

/* Until end of file: the child attends to its last walls, fails, or executes its workload. */
static int go_hear(const struct plan *plan, const struct sandbox *sandbox, int proc_fd,
		   struct wall_page *page, struct err *e)
{
	for (;;) {
		struct sync_message message;
		int r = sync_receive(sandbox->sync_fd, &message, e);

		if (r == -EPIPE && !e->code)
			return 0;
		if (r == 0)
			r = message.type == SYNC_ATTEND ?
				    sandbox_attend(plan, sandbox, proc_fd, page,
						   (enum stage)message.value, e) :
				    err_set(e, EPROTO, "unexpected message %d", message.type);
		if (r < 0)
			return r;
	}
}

static int go_wait_exec(const struct plan *plan, const struct sandbox *sandbox, int proc_fd,
			struct err *e)
{
	int status = 0;
	int r = witness_wait_exec(sandbox->pid, &status, e);

	if (r == -ECHILD && !e->code) {
		struct sync_message message;

		r = sync_receive(sandbox->sync_fd, &message, e);
		if (e->code)
			return r;
		return err_set(e, EIO, "the container's process ended before execve, status %d",
			       WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	}
	if (r == 0)
		r = witness_verify(plan, proc_fd, sandbox->pid, sandbox->pidfd, true, e);
	if (r == 0)
		r = witness_let_go(sandbox->pid, e);
	return r;
}

/*
 * Let it go, see it over execve. Where walls are final only there, the kernel stops it before the
 * workload's first instruction; where tracing is refused, the look comes right after.
 */
static int sandbox_release_child(const struct plan *plan, const struct sandbox *sandbox, int proc_fd,
				 struct err *e)
{
	bool wants_look = walls_want_exec_stop(plan), is_seized = false;
	struct wall_page *page;
	struct err local = { 0 };
	int r = page_map(sandbox->page_fd, &page, &local);

	if (r == 0 && wants_look && !walls_want_attend(plan, STAGE_LAST))
		is_seized = witness_seize(sandbox->pid) == 0;
	if (r == 0)
		r = sync_send(sandbox->sync_fd, SYNC_GO, 0, &local);
	if (r == 0 && is_seized) {
		r = go_wait_exec(plan, sandbox, proc_fd, &local);
	} else if (r == 0) {
		r = go_hear(plan, sandbox, proc_fd, page, &local);
		if (r == 0 && wants_look)
			r = witness_verify(plan, proc_fd, sandbox->pid, sandbox->pidfd, true, &local);
	}
	if (page)
		(void)munmap(page, sizeof(*page));
	if (r < 0) {
		if (sandbox->pidfd >= 0)
			(void)syscall(SYS_pidfd_send_signal, sandbox->pidfd, SIGKILL, NULL, 0);
		else
			(void)kill(sandbox->pid, SIGKILL);
		return err_set(e, local.code ? local.code : -r, "%s", local.text);
	}
	return 0;
}

int sandbox_go(const struct plan *plan, struct sandbox *sandbox, struct err *e)
{
	own_fd int proc_fd = proc_open_root(e);
	int r;

	if (proc_fd < 0)
		return proc_fd;
	r = sandbox_release_child(plan, sandbox, proc_fd, e);
	if (r < 0)
		while (waitpid(sandbox->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	sandbox->sync_fd = fd_close(sandbox->sync_fd);
	return r;
}

int sandbox_detach(struct sandbox *sandbox, struct err *e)
{
	int r = sync_send(sandbox->sync_fd, SYNC_DETACH, 0, e);

	sandbox->sync_fd = fd_close(sandbox->sync_fd);
	return r;
}

int sandbox_start(const struct plan *plan, int state_fd, pid_t pid, int pidfd, struct err *e)
{
	own_fd int proc_fd = proc_open_root(e), sync_fd = -EBADF, page_fd = -EBADF;
	struct sandbox sandbox = { .pid = pid, .pidfd = pidfd, .page_fd = -EBADF };
	struct sync_message message;
	int r;

	if (proc_fd < 0)
		return proc_fd;
	sync_fd = start_connect(state_fd, e);
	if (sync_fd < 0)
		return sync_fd;
	r = sandbox_hear(sync_fd, &message, e);
	if (r < 0)
		return r;
	if (message.type != SYNC_PAGE || message.fd_count > 1)
		return err_set(e, EPROTO, "unexpected message %d", message.type);
	if (message.fd_count)
		page_fd = message.fds[0];
	sandbox.sync_fd = sync_fd;
	sandbox.page_fd = page_fd;
	return sandbox_release_child(plan, &sandbox, proc_fd, e);
}

void sandbox_release(struct sandbox *sandbox)
{
	sandbox->pidfd = fd_close(sandbox->pidfd);
	sandbox->sync_fd = fd_close(sandbox->sync_fd);
	sandbox->page_fd = fd_close(sandbox->page_fd);
}
