/*
 * The floor: the kernel calls that Docker's default spec asks for, one after another, and nothing
 * else. No file is parsed, nothing is checked twice, no state is kept, and the filter is ready made.
 * What a runtime takes beyond this is its own doing; what this takes is the kernel's.
 *
 *     floor [--no-cgroups] [--no-seccomp] [--cgroup.procs] BUNDLE
 *     floor --parents
 *
 * runs /bin/true in BUNDLE/rootfs and ends with its status. The steps are those of bundle.json, in
 * the order a runtime has to take them. Control groups are version 1 and made beneath one that stays,
 * as Docker's do: --parents makes it. --cgroup.procs joins them through that file in place of `tasks`.
 * docs/BENCHMARKS.md says why both matter.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CGROUPS "/sys/fs/cgroup"
#define PARENT "bench-floor"
#define GROUP_BYTES 96
#define TRUSTED (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const char *const trees[] = { "cpu",     "cpuacct", "cpuset", "memory", "devices",
				     "freezer", "blkio",   "pids",   "systemd" };

/* Docker's four, then what every container gets: its consoles and the nodes made below. */
static const char *const devices_allow[] = {
	"c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm",   "c 1:7 rwm",
	"c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 136:* rwm", "c 5:2 rwm",
};

static const struct {
	const char *path;
	int major;
	int minor;
} nodes[] = {
	{ "dev/null", 1, 3 }, { "dev/zero", 1, 5 },   { "dev/full", 1, 7 },
	{ "dev/tty", 5, 0 },  { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
	{ "/proc/kcore", "dev/core" },       { "pts/ptmx", "dev/ptmx" },
};

static const char *const files[] = { "etc/resolv.conf", "etc/hostname", "etc/hosts" };

static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
					 "/proc/sysrq-trigger" };

static const struct {
	const char *path;
	int is_directory;
} masked[] = {
	{ "/proc/asound", 1 },      { "/proc/acpi", 1 },          { "/proc/kcore", 0 },
	{ "/proc/keys", 0 },        { "/proc/latency_stats", 0 }, { "/proc/timer_list", 0 },
	{ "/proc/timer_stats", 0 }, { "/proc/sched_debug", 0 },   { "/proc/scsi", 1 },
	{ "/sys/firmware", 1 },
};

static const uint8_t kept_caps[] = {
	CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,
	CAP_MKNOD,   CAP_NET_RAW,      CAP_SETGID,           CAP_SETUID,
	CAP_SETFCAP, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
	CAP_KILL,    CAP_AUDIT_WRITE,
};

static int want_cgroups = 1;
static int want_seccomp = 1;
static const char *join_file = "tasks";

static void die(const char *what)
{
	dprintf(STDERR_FILENO, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	(void)close(fd);
}

static void copy_file(const char *from, const char *to)
{
	char text[256] = "";
	int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die(from);
	(void)close(fd);
	write_file(to, text);
}

static void must_mount(const char *source, const char *target, const char *type,
		       unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data) < 0)
		die(target);
}

static void bind(const char *source, const char *target, unsigned long flags)
{
	must_mount(source, target, NULL, MS_BIND | MS_REC, NULL);
	if (flags)
		must_mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | flags, NULL);
}

static void group_path(char path[GROUP_BYTES], size_t tree, const char *file)
{
	(void)snprintf(path, GROUP_BYTES, CGROUPS "/%s/" PARENT "/%d%s", trees[tree], (int)getpid(),
		       file);
}

static void parents_make(void)
{
	char path[GROUP_BYTES];

	for (size_t i = 0; i < COUNT(trees); i++) {
		(void)snprintf(path, sizeof(path), CGROUPS "/%s/" PARENT, trees[i]);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			die(path);
	}
	copy_file(CGROUPS "/cpuset/cpuset.cpus", CGROUPS "/cpuset/" PARENT "/cpuset.cpus");
	copy_file(CGROUPS "/cpuset/cpuset.mems", CGROUPS "/cpuset/" PARENT "/cpuset.mems");
}

/* The join files are opened here because the child's pid means nothing to itself. */
static void cgroups_make(int join_fds[COUNT(trees)])
{
	char path[GROUP_BYTES];

	for (size_t i = 0; i < COUNT(trees); i++) {
		group_path(path, i, "");
		if (mkdir(path, 0755) < 0)
			die(path);
		if (strcmp(trees[i], "cpuset") == 0) {
			group_path(path, i, "/cpuset.cpus");
			copy_file(CGROUPS "/cpuset/" PARENT "/cpuset.cpus", path);
			group_path(path, i, "/cpuset.mems");
			copy_file(CGROUPS "/cpuset/" PARENT "/cpuset.mems", path);
		}
		if (strcmp(trees[i], "devices") == 0) {
			group_path(path, i, "/devices.deny");
			write_file(path, "a");
			group_path(path, i, "/devices.allow");
			for (size_t k = 0; k < COUNT(devices_allow); k++)
				write_file(path, devices_allow[k]);
		}
		group_path(path, i, "/");
		(void)strncat(path, join_file, sizeof(path) - strlen(path) - 1);
		join_fds[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (join_fds[i] < 0)
			die(path);
	}
}

static void cgroups_remove(void)
{
	char path[GROUP_BYTES];

	for (size_t i = 0; i < COUNT(trees); i++) {
		group_path(path, i, "");
		if (rmdir(path) < 0)
			die(path);
	}
}

static void rootfs_cgroups(const char *groups)
{
	char source[GROUP_BYTES], target[GROUP_BYTES];

	must_mount("tmpfs", "sys/fs/cgroup", "tmpfs", TRUSTED, "mode=755");
	for (size_t i = 0; want_cgroups && i < COUNT(trees); i++) {
		(void)snprintf(source, sizeof(source), CGROUPS "/%s/%s", trees[i], groups);
		(void)snprintf(target, sizeof(target), "sys/fs/cgroup/%s", trees[i]);
		if (mkdir(target, 0755) < 0)
			die(target);
		bind(source, target, MS_RDONLY | TRUSTED);
	}
	must_mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_RDONLY | TRUSTED, NULL);
}

static void rootfs_devices(void)
{
	(void)umask(0);
	for (size_t i = 0; i < COUNT(nodes); i++) {
		if (mknod(nodes[i].path, S_IFCHR | 0666,
			  makedev((unsigned int)nodes[i].major, (unsigned int)nodes[i].minor)) < 0)
			die(nodes[i].path);
	}
	(void)umask(022);
	for (size_t i = 0; i < COUNT(links); i++) {
		if (symlink(links[i][0], links[i][1]) < 0)
			die(links[i][1]);
	}
}

static void rootfs_build(const char *rootfs, const char *groups)
{
	static const char *const made[] = { "dev/pts", "dev/mqueue", "dev/shm" };
	char source[64];

	must_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	must_mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
	if (chdir(rootfs) < 0)
		die(rootfs);
	must_mount("proc", "proc", "proc", TRUSTED, NULL);
	must_mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	for (size_t i = 0; i < COUNT(made); i++) {
		if (mkdir(made[i], 0755) < 0)
			die(made[i]);
	}
	must_mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		   "newinstance,ptmxmode=0666,mode=0620,gid=5");
	must_mount("sysfs", "sys", "sysfs", MS_RDONLY | TRUSTED, NULL);
	rootfs_cgroups(groups);
	must_mount("mqueue", "dev/mqueue", "mqueue", TRUSTED, NULL);
	must_mount("shm", "dev/shm", "tmpfs", TRUSTED, "mode=1777,size=67108864");
	for (size_t i = 0; i < COUNT(files); i++) {
		(void)snprintf(source, sizeof(source), "/%s", files[i]);
		bind(source, files[i], 0);
		must_mount(NULL, files[i], NULL, MS_PRIVATE | MS_REC, NULL);
	}
	rootfs_devices();
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
}

static void paths_protect(void)
{
	for (size_t i = 0; i < COUNT(read_only); i++) {
		if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			must_mount(NULL, read_only[i], NULL,
				   MS_BIND | MS_REMOUNT | MS_RDONLY | TRUSTED, NULL);
		else if (errno != ENOENT)
			die(read_only[i]);
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		int r = masked[i].is_directory
				? mount("tmpfs", masked[i].path, "tmpfs", MS_RDONLY, NULL)
				: mount("/dev/null", masked[i].path, NULL, MS_BIND, NULL);

		if (r < 0 && errno != ENOENT)
			die(masked[i].path);
	}
}

/* A search tree over call numbers, every leaf of which allows: 2 * leaves - 1 instructions. */
static size_t filter_tree(struct sock_filter *at, unsigned int first, unsigned int leaves)
{
	unsigned int low = leaves / 2;
	size_t used;

	if (leaves == 1) {
		*at = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		return 1;
	}
	used = 1 + filter_tree(at + 1, first, low);
	*at = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (first + low) * 4,
					   (unsigned char)(used - 1), 0);
	return used + filter_tree(at + used, first + low, leaves - low);
}

/* As long as the best known translation of Docker's profile: 223 instructions. */
static void filter_raise(void)
{
	struct sock_filter code[223] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { COUNT(code), code };

	(void)filter_tree(code + 4, 0, (COUNT(code) - 3) / 2);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("seccomp");
}

static void creds_drop(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };
	gid_t groups[1] = { 0 };

	for (size_t i = 0; i < COUNT(kept_caps); i++)
		data[kept_caps[i] / 32].permitted |= 1U << (kept_caps[i] % 32);
	data[0].effective = data[0].permitted;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(data[cap / 32].permitted & 1U << (cap % 32)) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			die("capbset");
	}
	if (syscall(SYS_setgroups, 1, groups) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
	    syscall(SYS_setresuid, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		die("credentials");
}

static void child_run(const char *rootfs, const char *groups, const int join_fds[COUNT(trees)])
{
	static char program[] = "/bin/true", host[] = "HOSTNAME=bench";
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *const args[] = { program, NULL };
	static char *const env[] = { path, host, NULL };

	for (size_t i = 0; want_cgroups && i < COUNT(trees); i++) {
		if (write(join_fds[i], "0", 1) < 0)
			die("join a control group");
	}
	rootfs_build(rootfs, groups);
	if (sethostname("bench", 5) < 0)
		die("sethostname");
	write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	paths_protect();
	(void)setsid();
	if (want_seccomp)
		filter_raise();
	creds_drop();
	(void)execve(args[0], args, env);
	die(args[0]);
}

int main(int argc, char **argv)
{
	struct clone_args clone = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	int join_fds[COUNT(trees)], status = 0;
	char rootfs[512], groups[64];
	long pid;

	if (argc == 2 && strcmp(argv[1], "--parents") == 0) {
		parents_make();
		return 0;
	}
	for (; argc > 2; argc--, argv++) {
		if (strcmp(argv[1], "--no-cgroups") == 0)
			want_cgroups = 0;
		else if (strcmp(argv[1], "--no-seccomp") == 0)
			want_seccomp = 0;
		else if (strcmp(argv[1], "--cgroup.procs") == 0)
			join_file = "cgroup.procs";
		else
			break;
	}
	if (argc != 2) {
		fputs("usage: floor [--no-cgroups] [--no-seccomp] [--cgroup.procs] BUNDLE\n",
		      stderr);
		return 2;
	}
	(void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", argv[1]);
	(void)snprintf(groups, sizeof(groups), PARENT "/%d", (int)getpid());

	if (want_cgroups)
		cgroups_make(join_fds);
	pid = syscall(SYS_clone3, &clone, sizeof(clone));
	if (pid < 0)
		die("clone3");
	if (pid == 0)
		child_run(rootfs, groups, join_fds);
	if (waitpid((pid_t)pid, &status, 0) < 0)
		die("wait");
	if (want_cgroups)
		cgroups_remove();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
