#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/attributes.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/idmap.h"
#include "sandbox/namespace.h"
#include "sandbox/sync.h"

/*
 * Left out of clone3(): the cgroup namespace's root is the cgroup one is in when making it, so the
 * cgroup is entered first; making a network namespace takes the kernel most of a millisecond, in
 * which the parent can already make the cgroup.
 */
#define LATE_FLAGS (CLONE_NEWCGROUP | CLONE_NEWNET)

int namespace_open_joins(const struct plan *plan, int *ret_fds, struct err *e)
{
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		ret_fds[ns] = -EBADF;

	for (int ns = 0; ns < SPEC_NS_COUNT; ns++) {
		const char *path = plan->ns.join[ns];
		int type;

		if (!path)
			continue;
		ret_fds[ns] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (ret_fds[ns] < 0) {
			int r = err_sys(e, "open %s namespace '%s'", spec_ns_name(ns), path);

			namespace_close_joins(ret_fds);
			return r;
		}
		type = ioctl(ret_fds[ns], NS_GET_NSTYPE);
		if (type != spec_ns_flag(ns)) {
			namespace_close_joins(ret_fds);
			return err_set(e, EINVAL, "'%s' is not a %s namespace", path,
				       spec_ns_name(ns));
		}
	}
	return 0;
}

void namespace_close_joins(int *fds)
{
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		fds[ns] = fd_close(fds[ns]);
}

static int namespace_join(const struct spawn_request *request, int ns, struct err *e)
{
	if (setns(request->join_fds[ns], spec_ns_flag(ns)) == 0)
		return 0;
	/* The kernel refuses to enter the user namespace one is in; being there is all we want. */
	if (ns == SPEC_NS_USER && errno == EINVAL)
		return 0;
	return err_sys(e, "join %s namespace '%s'", spec_ns_name(ns), request->plan->ns.join[ns]);
}

/*
 * Join what the plan names. A namespace that belongs to the initial user namespace must be joined
 * before the user namespace, one that belongs to the container's after it; so try, then retry.
 */
static int namespace_join_paths(const struct spawn_request *request, struct err *e)
{
	bool is_joined[SPEC_NS_COUNT] = { false };
	int r;

	if (request->join_fds[SPEC_NS_USER] >= 0)
		for (int ns = SPEC_NS_USER + 1; ns < SPEC_NS_COUNT; ns++)
			is_joined[ns] = ns != SPEC_NS_MOUNT && request->join_fds[ns] >= 0 &&
					setns(request->join_fds[ns], spec_ns_flag(ns)) == 0;

	for (int ns = 0; ns < SPEC_NS_COUNT; ns++) {
		if (request->join_fds[ns] < 0 || is_joined[ns])
			continue;
		r = namespace_join(request, ns, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int namespace_join_target(const struct spawn_request *request, struct err *e)
{
	const struct spec_namespace *wanted = request->plan->spec->os.namespaces;
	int flags = 0;

	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		if (wanted[ns].is_wanted)
			flags |= spec_ns_flag(ns);
	if (!flags || setns(request->target_pidfd, flags) == 0)
		return 0;
	if (flags & CLONE_NEWUSER && errno == EINVAL &&
	    setns(request->target_pidfd, flags & ~CLONE_NEWUSER) == 0)
		return 0; /* the container joined the user namespace that we are in */
	return err_sys(e, "join the namespaces of the container");
}

/*
 * Full credentials of the user namespace just entered. In a container of one id, or whose gid map
 * was written without privilege, setgroups() is refused; no supplementary group gives anything there.
 */
static int namespace_become_root(struct err *e)
{
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return err_sys(e, "drop supplementary groups");
	if (setresgid(0, 0, 0) < 0)
		return err_sys(e, "become gid 0 of the user namespace (is 0 in linux.gidMappings?)");
	if (setresuid(0, 0, 0) < 0)
		return err_sys(e, "become uid 0 of the user namespace (is 0 in linux.uidMappings?)");
	return 0;
}

static int namespace_get_mapped(int sync_fd, struct err *e)
{
	int r = sync_expect(sync_fd, SYNC_MAPPED, e);

	return r < 0 ? r : namespace_become_root(e);
}

static int namespace_write_offset(int fd, const char *clock, const struct spec_time_offset *offset,
				  struct err *e)
{
	char line[80];
	int length;

	if (!offset->is_given)
		return 0;
	length = snprintf(line, sizeof(line), "%s %lld %u", clock, (long long)offset->seconds,
			  offset->nanoseconds);
	if (write(fd, line, (size_t)length) != length)
		return err_sys(e, "set the %s offset of the time namespace", clock);
	return 0;
}

/* A time namespace takes offsets only before its first process: so it is made for children. */
static int namespace_make_time(const struct spec_linux *os, struct err *e)
{
	own_fd int fd = -EBADF;
	int r;

	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, "make the time namespace");
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open '/proc/self/timens_offsets'");
	r = namespace_write_offset(fd, "monotonic", &os->monotonic, e);
	if (r < 0)
		return r;
	return namespace_write_offset(fd, "boottime", &os->boottime, e);
}

static bool namespace_has_offsets(const struct plan *plan)
{
	return plan->ns.new_flags & CLONE_NEWTIME &&
	       (plan->spec->os.monotonic.is_given || plan->spec->os.boottime.is_given);
}

/* fork() in its newest form. @flags beyond 32 bits, and cgroup_fd, need kernel 5.7. */
static pid_t namespace_clone(uint64_t flags, int cgroup_fd, int exit_signal, int *ret_pidfd)
{
	int pidfd = -EBADF;
	struct clone_args args = { .flags = flags, .exit_signal = (uint64_t)exit_signal };
	long pid;

	if (ret_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0 && errno == ENOSYS && cgroup_fd < 0 && args.flags <= INT32_MAX)
		/* before Linux 5.3, or behind a filter that knows only clone() */
		pid = syscall(SYS_clone, args.flags | args.exit_signal, NULL, &pidfd, NULL, 0);
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

static void namespace_fail(int sync_fd, const struct err *e)
{
	sync_fail(sync_fd, e);
	_exit(1);
}

/*
 * The first clone: born inside the cgroup2 directory where that can be had, else moved into it before
 * it is told to go on (kernels before 5.7; a pids limit that is reached; a cgroup of systemd's).
 */
static pid_t namespace_clone_first(const struct spawn_request *request, uint64_t flags,
				   int *ret_pidfd, bool *ret_must_attach)
{
	int cgroup_fd = request->cgroup ? request->cgroup->dir_fd : -EBADF;
	pid_t pid = namespace_clone(flags, cgroup_fd, SIGCHLD, ret_pidfd);

	*ret_must_attach = pid < 0 && cgroup_fd >= 0;
	return *ret_must_attach ? namespace_clone(flags, -EBADF, SIGCHLD, ret_pidfd) : pid;
}

static int namespace_relay_prepare(const struct spawn_request *request, int relay_fd,
				   uint64_t *flags, struct err *e)
{
	const struct plan *plan = request->plan;
	int r = sync_expect(relay_fd, SYNC_CGROUP, e);

	if (r == 0)
		r = attributes_bind_first(plan, e);
	/* Processes of the container that is joined will see us, see child.c. */
	if (r == 0 && plan->request.is_exec)
		r = attributes_set_oom(plan, request->self, e);
	if (r == 0 && plan->request.is_exec)
		r = attributes_hide(e);
	if (r == 0 && request->cgroup)
		r = cgroup_enter_self(request->cgroup->tasks_fds, request->cgroup->tasks_count, e);
	if (r < 0)
		return r;
	if (request->target_pidfd >= 0)
		return namespace_join_target(request, e);
	r = namespace_join_paths(request, e);
	if (r < 0)
		return r;
	if (*flags & CLONE_NEWUSER && namespace_has_offsets(plan)) {
		if (unshare(CLONE_NEWUSER) < 0)
			return err_sys(e, "make the user namespace");
		*flags &= ~(uint64_t)CLONE_NEWUSER;
		r = sync_send(relay_fd, SYNC_MAP_ME, 0, e);
		if (r == 0)
			r = namespace_get_mapped(relay_fd, e);
		if (r < 0)
			return r;
	}
	if (namespace_has_offsets(plan)) {
		*flags &= ~(uint64_t)CLONE_NEWTIME;
		return namespace_make_time(&plan->spec->os, e);
	}
	return 0;
}

/*
 * The relay: joins, makes the container's process as its sibling, tells its pid and is gone. It has a
 * socket of its own: the new process may well speak before we have told of it.
 */
static void namespace_relay(const struct spawn_request *request, int relay_fd, uint64_t flags,
			    void (*child_main)(void *context), void *context)
{
	struct err e = { 0 };
	pid_t pid;

	if (namespace_relay_prepare(request, relay_fd, &flags, &e) < 0)
		namespace_fail(relay_fd, &e);
	pid = namespace_clone(flags | CLONE_PARENT, -EBADF, 0, NULL);
	if (pid < 0) {
		(void)err_sys(&e, "make the container's process");
		namespace_fail(relay_fd, &e);
	}
	if (pid == 0) {
		(void)fd_close(relay_fd);
		child_main(context);
		_exit(1);
	}
	_exit(sync_send(relay_fd, SYNC_PID, pid, &e) < 0);
}

/* Parent: hear from the relay until it names the process; map its ids when it asks. */
static pid_t namespace_hear_relay(const struct spawn_request *request, int relay_fd, pid_t relay,
				  struct err *e)
{
	for (;;) {
		struct sync_message message;
		int r = sync_receive(relay_fd, &message, e);

		if (r == -EPIPE)
			return err_set(e, EPIPE, "the process that joins the namespaces died");
		if (r < 0)
			return r;
		if (message.type == SYNC_PID)
			return (pid_t)message.value;
		if (message.type != SYNC_MAP_ME)
			return err_set(e, EPROTO, "unexpected message %d", message.type);
		r = idmap_write(request->plan, relay, e);
		if (r == 0)
			r = sync_send(relay_fd, SYNC_MAPPED, 0, e);
		if (r < 0)
			return r;
	}
}

static pid_t namespace_lead_relay(const struct spawn_request *request, int relay_fd, pid_t relay,
				  bool must_attach, struct err *e)
{
	pid_t pid;
	int r = must_attach ? cgroup_attach_pid(request->cgroup, relay, e) : 0;

	if (r == 0)
		r = sync_send(relay_fd, SYNC_CGROUP, 0, e);
	pid = r < 0 ? r : namespace_hear_relay(request, relay_fd, relay, e);
	if (pid < 0)
		(void)kill(relay, SIGKILL);
	while (waitpid(relay, NULL, 0) < 0 && errno == EINTR)
		;
	return pid;
}

static pid_t namespace_spawn_relayed(const struct spawn_request *request, uint64_t flags,
				     void (*child_main)(void *context), void *context,
				     int *ret_pidfd, struct err *e)
{
	own_fd int lead_fd = -EBADF, relay_fd = -EBADF;
	bool must_attach;
	pid_t relay, pid;
	int r = sync_pair(&lead_fd, &relay_fd, e);

	if (r < 0)
		return r;
	relay = namespace_clone_first(request, 0, NULL, &must_attach);
	if (relay < 0)
		return err_sys(e, "make the process that joins the namespaces");
	if (relay == 0) {
		(void)fd_close(lead_fd);
		(void)fd_close(request->parent_sync_fd);
		namespace_relay(request, relay_fd, flags, child_main, context);
	}
	relay_fd = fd_close(relay_fd);
	pid = namespace_lead_relay(request, lead_fd, relay, must_attach, e);
	if (pid < 0)
		return pid;
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*ret_pidfd < 0 && errno != ENOSYS)
		return err_sys(e, "open a pidfd of the container");
	return pid;
}

static void namespace_kill(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

pid_t namespace_spawn(const struct spawn_request *request, void (*child_main)(void *context),
		      void *context, int *ret_pidfd, struct err *e)
{
	uint64_t flags = (unsigned)(request->plan->ns.new_flags & ~LATE_FLAGS);
	bool must_attach = false;
	pid_t pid;
	int r = 0;

	*ret_pidfd = -EBADF;
	if (request->plan->ns.needs_relay) {
		pid = namespace_spawn_relayed(request, flags, child_main, context, ret_pidfd, e);
		if (pid < 0)
			return pid;
	} else {
		pid = namespace_clone_first(request, flags, ret_pidfd, &must_attach);
		if (pid < 0)
			return err_sys(e, "make the container's process");
		if (pid == 0) {
			(void)fd_close(request->parent_sync_fd);
			child_main(context);
			_exit(1);
		}
	}
	if (must_attach)
		r = cgroup_attach_pid(request->cgroup, pid, e);
	if (r == 0 && flags & CLONE_NEWUSER &&
	    !(request->plan->ns.needs_relay && namespace_has_offsets(request->plan))) {
		r = idmap_write(request->plan, pid, e);
		if (r == 0)
			r = sync_send(request->parent_sync_fd, SYNC_MAPPED, 0, e);
	}
	if (r < 0) {
		namespace_kill(pid);
		*ret_pidfd = fd_close(*ret_pidfd);
		return r;
	}
	return pid;
}

int namespace_enter_rest(const struct spawn_request *request, struct err *e)
{
	const struct plan *plan = request->plan;
	bool was_relayed = plan->ns.needs_relay;
	int r = 0;

	if (!was_relayed)
		r = namespace_join_paths(request, e);
	if (r < 0)
		return r;
	if (plan->ns.new_flags & CLONE_NEWNET && unshare(CLONE_NEWNET) < 0)
		return err_sys(e, "make the network namespace");
	if (plan->ns.new_flags & CLONE_NEWUSER &&
	    !(was_relayed && namespace_has_offsets(plan)))
		return namespace_get_mapped(request->child_sync_fd, e);
	if (plan->spec->os.namespaces[SPEC_NS_USER].is_wanted)
		return namespace_become_root(e);
	return 0;
}

int namespace_make_cgroup(const struct plan *plan, struct err *e)
{
	if (plan->ns.new_flags & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, "make the cgroup namespace");
	return 0;
}
