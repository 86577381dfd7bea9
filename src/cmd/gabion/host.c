/*
 * gabion host: what this kernel offers for separating containers, where that was read, and what to
 * do about what is missing. Each fact is looked up in the running kernel first; its build
 * configuration only tells whether a missing one can be had without another kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/network.h"
#include "cmd/gabion/security.h"
#include "cmd/gabion/table.h"

struct kernel_config {
	struct text text; /* all of it; empty when there is none to read */
	const char *from;
};

/* /proc/config.gz is unpacked by gzip, which every distribution has. */
static void config_unpack(struct text *out)
{
	char data[8192];
	int pair[2], status;
	ssize_t got;
	pid_t pid;

	if (access("/proc/config.gz", R_OK) < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)dup2(pair[1], STDOUT_FILENO);
		(void)execlp("gzip", "gzip", "-dc", "/proc/config.gz", (char *)NULL);
		_exit(127);
	}
	(void)fd_close(pair[1]);
	while ((got = read(pair[0], data, sizeof(data))) > 0)
		text_append_bytes(out, data, (size_t)got);
	(void)fd_close(pair[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
}

static void config_read(struct kernel_config *config, const char *release)
{
	char path[256], data[8192];
	own_file FILE *file = NULL;
	size_t got;

	config_unpack(&config->text);
	if (config->text.length) {
		config->from = "/proc/config.gz";
		return;
	}
	(void)snprintf(path, sizeof(path), "/boot/config-%s", release);
	file = fopen(path, "re");
	while (file && (got = fread(data, 1, sizeof(data), file)) > 0)
		text_append_bytes(&config->text, data, got);
	if (config->text.length)
		config->from = "/boot/config-RELEASE";
}

/* Return: 1 built in or module; 0 not; -1 nobody knows */
static int config_has(const struct kernel_config *config, const char *name)
{
	char line[96];

	if (!config->text.length)
		return -1;
	(void)snprintf(line, sizeof(line), "\n%s=y", name);
	if (strstr(text_str(&config->text), line))
		return 1;
	(void)snprintf(line, sizeof(line), "\n%s=m", name);
	return strstr(text_str(&config->text), line) != NULL;
}

/* One line of the answer. */
struct fact {
	const char *name;
	bool is_there;
	char detail[160];
	char cure[256]; /* "" when nothing is missing */
};

static void cure_lsm(struct fact *fact, const struct kernel_config *config, const char *option,
		     const char *word, const char *package)
{
	int built = config_has(config, option);

	if (built == 0)
		(void)snprintf(fact->cure, sizeof(fact->cure),
			       "needs a kernel built with %s=y, such as Debian's", option);
	else
		(void)snprintf(fact->cure, sizeof(fact->cure),
			       "add '%s' to lsm= on the kernel command line (%s)%s%s", word,
			       built < 0 ? "if the kernel has it: no build configuration was found" :
					   "the kernel has it built in",
			       package ? "; apt-get install " : "", package ? package : "");
}

static void fact_seccomp(struct fact *fact, const struct kernel_config *config)
{
	fact->name = "seccomp filter";
	/* a filter that cannot be read tells that there are filters */
	fact->is_there = prctl(PR_SET_SECCOMP, 2, NULL, 0, 0) < 0 && errno == EFAULT;
	(void)snprintf(fact->detail, sizeof(fact->detail), "%s",
		       fact->is_there ? "from the running kernel" : "");
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure), "needs a kernel built with "
							       "CONFIG_SECCOMP_FILTER=y");
}

static void fact_apparmor(struct fact *fact, const struct kernel_config *config)
{
	struct kernel_walls kernel;
	bool has_parser = access("/sbin/apparmor_parser", X_OK) == 0 ||
			  access("/usr/sbin/apparmor_parser", X_OK) == 0;

	kernel_walls_read(&kernel);
	fact->name = "AppArmor";
	fact->is_there = kernel.has_apparmor;
	(void)snprintf(fact->detail, sizeof(fact->detail), "%s",
		       has_parser ? "apparmor_parser is installed" : "apparmor_parser is not installed");
	if (!fact->is_there)
		cure_lsm(fact, config, "CONFIG_SECURITY_APPARMOR", "apparmor",
			 has_parser ? NULL : "apparmor");
	else if (!has_parser)
		(void)snprintf(fact->cure, sizeof(fact->cure), "apt-get install apparmor");
}

static void fact_selinux(struct fact *fact, const struct kernel_config *config)
{
	struct kernel_walls kernel;
	char enforcing = '0';
	own_fd int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);

	kernel_walls_read(&kernel);
	fact->name = "SELinux";
	fact->is_there = kernel.has_selinux;
	if (fd >= 0 && read(fd, &enforcing, 1) == 1)
		(void)snprintf(fact->detail, sizeof(fact->detail), "%s",
			       enforcing == '1' ? "enforcing" : "permissive");
	if (!fact->is_there)
		cure_lsm(fact, config, "CONFIG_SECURITY_SELINUX", "selinux",
			 "selinux-basics selinux-policy-default, then selinux-activate");
	else if (enforcing != '1')
		(void)snprintf(fact->cure, sizeof(fact->cure),
			       "setenforce 1, and SELINUX=enforcing in /etc/selinux/config");
}

static void fact_bpf(struct fact *fact, const struct kernel_config *config)
{
	struct kernel_walls kernel;

	kernel_walls_read(&kernel);
	fact->name = "BPF LSM";
	fact->is_there = kernel.has_bpf;
	if (fact->is_there)
		(void)snprintf(fact->detail, sizeof(fact->detail), "listed in lsm=; whether programs may "
								   "be loaded is seen when one is");
	else
		cure_lsm(fact, config, "CONFIG_BPF_LSM", "bpf", NULL);
}

static void fact_landlock(struct fact *fact, const struct kernel_config *config)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	fact->name = "Landlock";
	fact->is_there = abi > 0;
	if (abi > 0)
		(void)snprintf(fact->detail, sizeof(fact->detail), "ABI %ld", abi);
	else
		cure_lsm(fact, config, "CONFIG_SECURITY_LANDLOCK", "landlock", NULL);
}

static void fact_cgroup(struct fact *fact, const struct kernel_config *config)
{
	bool is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	bool is_v1 = access("/sys/fs/cgroup/memory", F_OK) == 0 ||
		     access("/sys/fs/cgroup/pids", F_OK) == 0;

	fact->name = "cgroup";
	fact->is_there = is_v2 || is_v1;
	(void)snprintf(fact->detail, sizeof(fact->detail), "%s",
		       is_v2 ? "version 2" : is_v1 ? "version 1" : "");
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure),
			       "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	else if (!is_v2)
		(void)snprintf(fact->cure, sizeof(fact->cure),
			       "works; version 2 has more: systemd.unified_cgroup_hierarchy=1");
}

static void fact_userns(struct fact *fact, const struct kernel_config *config)
{
	own_fd int fd = open("/proc/sys/user/max_user_namespaces", O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd >= 0)
		(void)!read(fd, text, sizeof(text) - 1);
	fact->name = "user namespaces";
	fact->is_there = access("/proc/self/ns/user", F_OK) == 0 && atol(text) > 0;
	(void)snprintf(fact->detail, sizeof(fact->detail), "at most %ld", atol(text));
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure), "sysctl user.max_user_namespaces=65536");
}

static void fact_timens(struct fact *fact, const struct kernel_config *config)
{
	fact->name = "time namespaces";
	fact->is_there = access("/proc/self/ns/time", F_OK) == 0;
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure), "needs Linux 5.6 with CONFIG_TIME_NS=y");
}

static void fact_overlay(struct fact *fact, const struct kernel_config *config)
{
	own_file FILE *file = fopen("/proc/filesystems", "re");
	char line[128];

	fact->name = "overlay file system";
	while (file && fgets(line, sizeof(line), file))
		fact->is_there |= strstr(line, "\toverlay\n") != NULL;
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure), "modprobe overlay");
}

static void fact_network(struct fact *fact, const struct kernel_config *config)
{
	fact->name = "pasta";
	fact->is_there = network_has_pasta();
	(void)snprintf(fact->detail, sizeof(fact->detail), "private networks");
	if (!fact->is_there)
		(void)snprintf(fact->cure, sizeof(fact->cure), "apt-get install passt");
}

typedef void fact_fn(struct fact *fact, const struct kernel_config *config);

static fact_fn *const facts[] = { fact_seccomp, fact_apparmor, fact_selinux, fact_bpf,
				  fact_landlock, fact_cgroup,  fact_userns,  fact_timens,
				  fact_overlay,	 fact_network };
#define FACT_COUNT (sizeof(facts) / sizeof(facts[0]))

static void print_json(const struct fact *all, const char *release)
{
	own_json struct json_object *document = doc_new();
	struct json_object *list;

	doc_text(document, "kernel", release);
	list = doc_array(document, "facts");
	for (size_t i = 0; i < FACT_COUNT; i++) {
		struct json_object *one = doc_object(list, NULL);

		doc_text(one, "name", all[i].name);
		doc_flag(one, "there", all[i].is_there);
		doc_text(one, "detail", all[i].detail);
		doc_text(one, "cure", all[i].cure);
	}
	(void)puts(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY |
								    JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct host_options {
	bool json;
};

int host_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const struct option table_options[] = {
		{ "json", 0, OPTION_FLAG, offsetof(struct host_options, json), NULL, "for programs" },
		{ 0 },
	};
	struct host_options options = { 0 };
	struct kernel_config config = { 0 };
	struct table table = { .columns = 3 };
	struct fact all[FACT_COUNT] = { 0 };
	struct utsname name;
	int words, r;

	r = options_read(table_options, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r < 0)
		return err_wrap(e, r, "host");
	(void)uname(&name);
	config_read(&config, name.release);
	for (size_t i = 0; i < FACT_COUNT; i++)
		facts[i](&all[i], &config);
	if (options.json) {
		print_json(all, name.release);
		text_release(&config.text);
		return 0;
	}
	(void)printf("kernel %s, build configuration from %s\n\n", name.release,
		     config.from ? config.from : "nowhere: none was found");
	for (size_t i = 0; i < FACT_COUNT; i++) {
		table_cell(&table, "%s", all[i].name);
		table_cell(&table, "%s", all[i].is_there ? "yes" : "no");
		table_cell(&table, "%s", all[i].detail);
	}
	table_print(&table);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (all[i].cure[0])
			(void)printf("\n%s: %s\n", all[i].name, all[i].cure);
	text_release(&config.text);
	return 0;
}
