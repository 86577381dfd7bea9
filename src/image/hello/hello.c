/*
 * hello-world: a greeting from inside a container, and what the process that prints it can tell of
 * the walls around it. All it says it reads from its own /proc; nothing is taken on trust from
 * whoever started it, and what cannot be seen from inside is said to be so.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LINE_BYTES 4096

static void row(const char *name, const char *value)
{
	printf("  %-18s %s\n", name, value);
}

/* The first line of a file, without its newline. */
static bool line_read(const char *path, char line[LINE_BYTES])
{
	FILE *file = fopen(path, "r");
	bool got = file && fgets(line, LINE_BYTES, file);

	if (file)
		(void)fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

/* A field of /proc/self/status. */
static bool status_read(const char *field, char value[LINE_BYTES])
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t length = strlen(field);
	char line[LINE_BYTES];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, length) != 0 || line[length] != ':')
			continue;
		memcpy(value, line, sizeof(line));
		memmove(value, line + length + 1 + strspn(line + length + 1, " \t"),
			strlen(line + length + 1 + strspn(line + length + 1, " \t")) + 1);
		value[strcspn(value, "\n")] = '\0';
		found = true;
	}
	if (file)
		(void)fclose(file);
	return found;
}

static void seccomp_show(void)
{
	char mode[LINE_BYTES], filters[LINE_BYTES], text[LINE_BYTES];

	if (!status_read("Seccomp", mode)) {
		row("seccomp", "this kernel has none");
		return;
	}
	if (strcmp(mode, "2") != 0) {
		row("seccomp", strcmp(mode, "1") == 0 ? "strict" : "OFF: every system call is open");
		return;
	}
	if (!status_read("Seccomp_filters", filters))
		strcpy(filters, "?");
	(void)snprintf(text, sizeof(text), "on, %.16s filter%s", filters,
		       strcmp(filters, "1") == 0 ? "" : "s");
	row("seccomp", text);
}

static void privileges_show(void)
{
	char value[LINE_BYTES];

	if (status_read("NoNewPrivs", value))
		row("no new privileges",
		    strcmp(value, "1") == 0 ? "on: set-id programs give nothing" : "off");
}

static const char *const capability_names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};
#define CAPABILITY_COUNT (sizeof(capability_names) / sizeof(*capability_names))

static unsigned bit_count(unsigned long long bits)
{
	unsigned count = 0;

	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

static void capability_set_show(const char *field, const char *name)
{
	char value[LINE_BYTES], text[LINE_BYTES];
	unsigned long long bits;

	if (!status_read(field, value))
		return;
	bits = strtoull(value, NULL, 16);
	(void)snprintf(text, sizeof(text), "%u of %zu%s", bit_count(bits), CAPABILITY_COUNT,
		       bit_count(bits) >= CAPABILITY_COUNT ? ": ALL of them" : "");
	row(name, text);
}

/* The names of the bounding set, four to a line. */
static void capability_names_show(void)
{
	char value[LINE_BYTES], text[LINE_BYTES] = "";
	unsigned long long bits;
	unsigned shown = 0;

	if (!status_read("CapBnd", value))
		return;
	bits = strtoull(value, NULL, 16);
	if (bit_count(bits) >= CAPABILITY_COUNT)
		return;
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		if (!(bits >> i & 1))
			continue;
		strcat(strcat(text, *text ? " " : ""), capability_names[i]);
		if (++shown % 5 == 0) {
			row("", text);
			*text = '\0';
		}
	}
	if (*text)
		row("", text);
}

static void ids_show(void)
{
	unsigned long inside, outside, count;
	char line[LINE_BYTES], text[LINE_BYTES];

	if (!line_read("/proc/self/uid_map", line) ||
	    sscanf(line, "%lu %lu %lu", &inside, &outside, &count) != 3)
		return;
	if (outside == inside && count == 4294967295UL)
		(void)snprintf(text, sizeof(text), "%u, the same outside: no user namespace",
			       getuid());
	else
		(void)snprintf(text, sizeof(text), "%u, which is %lu outside (%lu ids mapped)",
			       getuid(), outside + (getuid() - inside), count);
	row("user id", text);
}

/*
 * The namespaces that the kernel made when it started have numbers fixed in its source; those of
 * mounts and network only since Linux 6.18.
 */
static const struct {
	const char *name;
	unsigned long first;
	bool is_newer;
} namespaces[] = {
	{ "mnt", 0xEFFFFFF8UL, true },	   { "pid", 0xEFFFFFFCUL, false },
	{ "net", 0xEFFFFFF9UL, true },	   { "ipc", 0xEFFFFFFFUL, false },
	{ "uts", 0xEFFFFFFEUL, false },	   { "user", 0xEFFFFFFDUL, false },
	{ "cgroup", 0xEFFFFFFBUL, false }, { "time", 0xEFFFFFFAUL, false },
};

static bool is_kernel_newer(void)
{
	unsigned major = 0, minor = 0;
	struct utsname kernel;

	return uname(&kernel) == 0 && sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 18));
}

static unsigned long namespace_number(const char *name)
{
	char path[64], link[64] = "";
	const char *bracket;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		return 0;
	bracket = strchr(link, '[');
	return bracket ? strtoul(bracket + 1, NULL, 10) : 0;
}

static void namespaces_show(void)
{
	char own[LINE_BYTES] = "", host[LINE_BYTES] = "", open[LINE_BYTES] = "";
	bool is_newer = is_kernel_newer();

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++) {
		unsigned long number = namespace_number(namespaces[i].name);
		char *where = own;

		if (!number)
			continue;
		if (number == namespaces[i].first)
			where = host;
		else if (namespaces[i].is_newer && !is_newer)
			where = open;
		strcat(strcat(where, *where ? " " : ""), namespaces[i].name);
	}
	row("own namespaces", *own ? own : "none");
	if (*host)
		row("the host's", host);
	if (*open)
		row("this kernel hides", open);
}

static void interfaces_show(void)
{
	DIR *dir = opendir("/sys/class/net");
	char text[LINE_BYTES] = "";
	struct dirent *item;

	while (dir && (item = readdir(dir)))
		if (*item->d_name != '.' && strlen(text) + strlen(item->d_name) + 2 < sizeof(text))
			strcat(strcat(text, *text ? " " : ""), item->d_name);
	if (dir)
		(void)closedir(dir);
	if (*text)
		row("network", text);
}

static void label_show(void)
{
	static const char *const files[] = { "/proc/self/attr/apparmor/current",
					     "/proc/self/attr/current" };
	char label[LINE_BYTES];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (line_read(files[i], label) && *label) {
			row(strchr(label, ':') ? "SELinux" : "AppArmor", label);
			return;
		}
	row("SELinux, AppArmor", "no label: this kernel runs neither");
}

static void root_show(void)
{
	struct statvfs root;

	if (statvfs("/", &root) == 0)
		row("root directory",
		    root.f_flag & ST_RDONLY ? "read-only" : "writable, and gone with the container");
}

/* Masked: an empty read-only directory, or a file that is really /dev/null. */
static bool is_masked(const char *path)
{
	struct dirent *item;
	struct stat st;
	bool empty = true;
	DIR *dir;

	if (stat(path, &st) < 0)
		return true;
	if (S_ISCHR(st.st_mode))
		return st.st_rdev == makedev(1, 3);
	if (!S_ISDIR(st.st_mode))
		return access(path, R_OK) < 0;
	dir = opendir(path);
	while (dir && (item = readdir(dir)))
		if (strcmp(item->d_name, ".") && strcmp(item->d_name, ".."))
			empty = false;
	if (dir)
		(void)closedir(dir);
	return empty;
}

static bool is_read_only(const char *path)
{
	struct statvfs at;

	return statvfs(path, &at) < 0 || (at.f_flag & ST_RDONLY);
}

static void paths_show(const char *name, const char *const *paths, bool (*holds)(const char *),
		       const char *verb)
{
	char text[LINE_BYTES] = "";
	unsigned good = 0, all = 0;

	for (; *paths; paths++) {
		if (access(*paths, F_OK) < 0)
			continue;
		all++;
		if (holds(*paths))
			good++;
		else
			strcat(strcat(text, *text ? " " : ", but not "), *paths);
	}
	printf("  %-18s %u of %u %s%s\n", name, good, all, verb, text);
}

static void kernel_files_show(void)
{
	static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/interrupts",
					      "/proc/kcore", "/proc/keys", "/proc/latency_stats",
					      "/proc/sched_debug", "/proc/scsi",
					      "/proc/timer_list", "/proc/timer_stats",
					      "/sys/firmware", "/sys/devices/virtual/powercap",
					      NULL };
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						 "/proc/sysrq-trigger", "/sys", NULL };

	paths_show("kernel's secrets", masked, is_masked, "masked");
	paths_show("kernel's switches", read_only, is_read_only, "read-only");
}

static void cgroup_show(void)
{
	FILE *file = fopen("/proc/self/cgroup", "r");
	char line[LINE_BYTES], *path;
	bool is_root = true;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (path && strcmp(path + 1, "/\n") != 0)
			is_root = false;
	}
	(void)fclose(file);
	row("cgroup", is_root ? "its own is the root it sees" : "sees where it is in the host's tree");
}

int main(void)
{
	puts("\nHello from gabion!\n\n"
	     "This is a process in a container. Here is what it finds around itself:\n");
	ids_show();
	seccomp_show();
	privileges_show();
	capability_set_show("CapEff", "capabilities");
	capability_set_show("CapBnd", "at most, ever");
	capability_names_show();
	namespaces_show();
	interfaces_show();
	label_show();
	row("Landlock, BPF LSM", "cannot be seen from inside; ask 'gabion walls'");
	root_show();
	kernel_files_show();
	cgroup_show();
	puts("\nTo look around yourself:  gabion run --rm -it IMAGE sh\n"
	     "What each wall is for:    gabion walls\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
