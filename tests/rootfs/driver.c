/*
 * Builds the root of a bundle and runs a program in it: what the runtime does, without cgroups,
 * ids, walls and a life cycle. For tests/rootfs/run, and for the escape tests that need nothing
 * else.
 *
 *     rootfs-driver [-m MAPS] [-t] [-c] [-p] [-L LABEL] [-w CALLS] [-n N] [-espr] BUNDLE PROGRAM [ARG...]
 *
 *     -m "0 100000 65536"  a user namespace with this map for uids and gids
 *     -r      as a user without privilege would: the parent opens nothing
 *     -t      with a terminal; its output is copied to ours
 *     -c      show the host's cgroups as the container's
 *     -p      no pivot_root
 *     -L L    mount label
 *     -w W    without these system calls: "mount" (the calls of Linux 5.2 and later), "openat2"
 *     -e      explain the plan and leave
 *     -s      stop before pivoting until standard input ends
 *     -n N    N times, or for 20 seconds, whichever ends first; failures are silent, and the last
 *             line printed is the number of rounds and how many of them failed
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sys/proc.h"
#include "sys/selfexe.h"

struct options {
	const char *map;
	const char *label;
	const char *without;
	bool is_rootless;
	bool wants_terminal;
	bool shows_cgroups;
	bool no_pivot;
	bool explains;
	bool stops;
	unsigned rounds;
};

/* The stand-in for the cgroup room: every hierarchy of the host, whole. */
int cgroup_plan_mounts(const struct cgroup_plan *plan, struct arena *arena,
		       struct cgroup_mount **ret_mounts, uint32_t *ret_count, struct err *e)
{
	static const char *aliases[] = { "first", "second" };
	static struct cgroup_mount mounts[] = {
		{ .name = "cpu,cpuacct", .data = "cpu,cpuacct", .source = "/sys/fs/cgroup/cpu",
		  .aliases = { aliases, 2 } },
		{ .name = "pids", .data = "pids", .source = "/sys/fs/cgroup/pids" },
		{ .name = "systemd", .data = "none,name=systemd", .source = "/sys/fs/cgroup/systemd" },
	};

	(void)plan;
	(void)arena;
	(void)e;
	*ret_mounts = mounts;
	*ret_count = sizeof(mounts) / sizeof(mounts[0]);
	return 0;
}

static void die(const struct err *e, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, e->text);
	_exit(1); /* no more to be given back */
}

static void block_calls(const int *calls, size_t count)
{
	struct sock_filter code[64];
	struct sock_fprog program = { .filter = code };

	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++) {
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   (unsigned)calls[i], 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
								   SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("seccomp");
		exit(1);
	}
}

static void block(const char *without)
{
	static const int mount_calls[] = { SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig,
					   SYS_fsmount, SYS_fspick, SYS_mount_setattr };
	static const int openat2_calls[] = { SYS_openat2 };

	if (strstr(without, "openat2"))
		block_calls(openat2_calls, 1);
	if (strstr(without, "mount"))
		block_calls(mount_calls, sizeof(mount_calls) / sizeof(mount_calls[0]));
}

static void write_map(int proc_fd, pid_t pid, const char *map)
{
	struct err e = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/uid_map", (int)pid);
	if (proc_write(proc_fd, path, map, &e) < 0)
		die(&e, "map");
	(void)snprintf(path, sizeof(path), "%d/gid_map", (int)pid);
	if (proc_write(proc_fd, path, map, &e) < 0)
		die(&e, "map");
}

/* Copy what comes out of the terminal until nobody has it open any more. */
static void drain(int master_fd)
{
	char bytes[4096];
	ssize_t got;

	while ((got = read(master_fd, bytes, sizeof(bytes))) > 0)
		(void)!write(STDOUT_FILENO, bytes, (size_t)got);
}

static void child_terminal(const struct rootfs_plan *plan, struct rootfs *rootfs)
{
	struct err e = { 0 };
	int zero = 0;
	int ptmx_fd, slave_fd;
	int status;
	pid_t pid;

	ptmx_fd = rootfs_open_ptmx(plan, rootfs, &e);
	if (ptmx_fd < 0)
		die(&e, "terminal");
	if (ioctl(ptmx_fd, TIOCSPTLCK, &zero) < 0)
		die(&(struct err){ .text = "unlock" }, "terminal");
	slave_fd = ioctl(ptmx_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		die(&(struct err){ .text = "TIOCGPTPEER" }, "terminal");
	if (rootfs_bind_console(plan, rootfs, slave_fd, &e) < 0)
		die(&e, "console");
	/* we are process 1, whose end is the end of all: the workload is another */
	pid = fork();
	if (pid > 0) {
		(void)close(slave_fd);
		drain(ptmx_fd);
		_exit(waitpid(pid, &status, 0) < 0 || status ? 1 : 0);
	}
	(void)close(ptmx_fd);
	for (int i = 0; i < 3; i++)
		(void)dup2(slave_fd, i);
}

static int child_run(const struct plan *plan, struct rootfs *rootfs, const struct options *options,
		     int go_fd, char **argv)
{
	const struct rootfs_plan *room = plan->rootfs;
	struct err e = { 0 };
	char byte;

	if (options->map) {
		if (read(go_fd, &byte, 1) != 1)
			return 1;
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return 1;
	}
	(void)close(go_fd);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)umask(0);
	if (rootfs_build(room, rootfs, &e) < 0)
		die(&e, "build");
	if (rootfs_mount_cgroups(room, rootfs, &e) < 0)
		die(&e, "cgroups");
	if (options->wants_terminal)
		child_terminal(room, rootfs);
	if (options->stops) {
		(void)!write(STDOUT_FILENO, "stopped\n", 8);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	if (rootfs_pivot(room, rootfs, &e) < 0)
		die(&e, "pivot");
	if (rootfs_finish(room, rootfs, &e) < 0)
		die(&e, "finish");
	rootfs_release(rootfs);
	(void)execv(argv[0], argv);
	perror(argv[0]);
	return 127;
}

static void plan_fill(struct plan *plan, struct host *host, const struct spec *spec,
		      const struct options *options)
{
	host->euid = geteuid();
	host->is_rootless = options->is_rootless;
	host->cgroup_layout = CGROUP_HYBRID;
	plan->spec = spec;
	plan->host = host;
	plan->labels.mount = options->label ? options->label : spec->os.mount_label;
	plan->request.no_pivot = options->no_pivot;
	plan->cgroup = options->shows_cgroups ? (struct cgroup_plan *)plan : NULL;
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		if (spec->os.namespaces[ns].is_wanted)
			plan->ns.new_flags |= spec_ns_flag((enum spec_ns)ns);
	if (options->map)
		plan->ns.new_flags |= CLONE_NEWUSER;
	plan->ns.new_flags &= ~CLONE_NEWTIME;
}

static int once(const struct plan *plan, int proc_fd, const struct options *options, char **argv)
{
	struct rootfs rootfs;
	struct err e = { 0 };
	int status = 1;
	int go[2];
	pid_t pid;

	if (rootfs_prepare(plan->rootfs, proc_fd, &rootfs, &e) < 0)
		die(&e, "prepare");
	if (pipe2(go, O_CLOEXEC) < 0)
		exit(1);
	pid = (pid_t)syscall(SYS_clone, plan->ns.new_flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0) {
		perror("clone");
		exit(1);
	}
	if (pid == 0)
		_exit(child_run(plan, &rootfs, options, go[0], argv));
	rootfs_release(&rootfs);
	if (options->map) {
		write_map(proc_fd, pid, options->map);
		(void)!write(go[1], "g", 1);
	}
	(void)close(go[0]);
	(void)close(go[1]);
	if (waitpid(pid, &status, 0) < 0)
		exit(1);
	return status;
}

static int repeat(const struct plan *plan, int proc_fd, const struct options *options, char **argv)
{
	time_t end = time(NULL) + 20;
	unsigned round, failed = 0;

	(void)!freopen("/dev/null", "w", stderr);
	for (round = 0; round < options->rounds && time(NULL) < end; round++)
		failed += once(plan, proc_fd, options, argv) != 0;
	printf("%u rounds, %u failed\n", round, failed);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct arena arena = { 0 };
	struct host host = { 0 };
	struct spec spec = { 0 };
	struct plan plan = { .arena = &arena };
	struct json_object *document = NULL;
	struct err e = { 0 };
	char path[4096];
	int proc_fd;
	int status;
	int opt;

	if (selfexe_protect(argv, "rootfs-driver", &e) < 0)
		die(&e, "own program file");
	while ((opt = getopt(argc, argv, "+m:L:w:n:rtcpes")) != -1) {
		switch (opt) {
		case 'm':
			options.map = optarg;
			break;
		case 'L':
			options.label = optarg;
			break;
		case 'w':
			options.without = optarg;
			break;
		case 'n':
			options.rounds = (unsigned)atoi(optarg);
			break;
		case 'r':
			options.is_rootless = true;
			break;
		case 't':
			options.wants_terminal = true;
			break;
		case 'c':
			options.shows_cgroups = true;
			break;
		case 'p':
			options.no_pivot = true;
			break;
		case 'e':
			options.explains = true;
			break;
		case 's':
			options.stops = true;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind < 1)
		return 2;
	plan.request.bundle = argv[optind];
	(void)snprintf(path, sizeof(path), "%s/config.json", argv[optind]);
	if (arena_init(&arena, &e) < 0 || json_read_at(AT_FDCWD, path, &document, &e) < 0 ||
	    spec_read(document, &arena, &spec, &e) < 0)
		die(&e, "config.json");
	plan_fill(&plan, &host, &spec, &options);
	if (rootfs_plan_make(&plan, &e) < 0)
		die(&e, "plan");
	if (options.explains) {
		struct text out = { 0 };

		rootfs_plan_explain(plan.rootfs, &out);
		(void)fputs(text_str(&out), stdout);
		return 0;
	}
	if (options.without)
		block(options.without);

	proc_fd = proc_open_root(&e);
	if (proc_fd < 0)
		die(&e, "procfs");
	if (options.rounds)
		return repeat(&plan, proc_fd, &options, argv + optind + 1);
	status = once(&plan, proc_fd, &options, argv + optind + 1);
	spec_release(&spec);
	arena_release(&arena);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
