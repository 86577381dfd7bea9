#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "cmd/gabion/run_options.h"

#define AT(member) offsetof(struct run_options, member)
#define FLAG(n, c, m, h) { (n), (c), OPTION_FLAG, AT(m), NULL, (h) }
#define TEXT(n, c, m, v, h) { (n), (c), OPTION_TEXT, AT(m), (v), (h) }
#define LIST(n, c, m, v, h) { (n), (c), OPTION_LIST, AT(m), (v), (h) }
#define BYTES(n, c, m, h) { (n), (c), OPTION_BYTES, AT(m), "BYTES", (h) }
#define NUMBER(n, c, m, v, h) { (n), (c), OPTION_NUMBER, AT(m), (v), (h) }

const struct option run_option_table[] = {
	LIST("add-host", 0, add_hosts, "NAME:IP", "a line for /etc/hosts"),
	LIST("annotation", 0, annotations, "KEY=VALUE", "an OCI annotation"),
	LIST("attach", 'a', attach, "STREAM", "stdin, stdout or stderr"),
	NUMBER("blkio-weight", 0, blkio_weight, "N", "share of block I/O, 10 to 1000"),
	LIST("cap-add", 0, cap_add, "CAP", "give a capability, or ALL"),
	LIST("cap-drop", 0, cap_drop, "CAP", "take a capability away, or ALL"),
	TEXT("cgroup-parent", 0, cgroup_parent, "PATH", "cgroup to make the container's in"),
	TEXT("cgroupns", 0, cgroupns, "host|private", "cgroup namespace"),
	TEXT("cidfile", 0, cidfile, "FILE", "write the container's id there"),
	NUMBER("cpu-period", 0, cpu_period, "USEC", "period of the processor quota"),
	NUMBER("cpu-quota", 0, cpu_quota, "USEC", "processor time in each period"),
	NUMBER("cpu-shares", 'c', cpu_shares, "N", "relative share of processor time"),
	TEXT("cpus", 0, cpus, "N", "how many processors, such as 1.5"),
	TEXT("cpuset-cpus", 0, cpuset_cpus, "LIST", "processors to run on"),
	TEXT("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes to use"),
	FLAG("detach", 'd', detach, "run in the background, print the id"),
	TEXT("detach-keys", 0, detach_keys, "KEYS", "how to leave a terminal: ctrl-p,ctrl-q"),
	LIST("device", 0, devices, "HOST[:PATH[:rwm]]", "give access to a device"),
	LIST("device-cgroup-rule", 0, device_rules, "RULE", "such as 'c 1:3 rwm'"),
	LIST("dns", 0, dns, "ADDRESS", "name server"),
	LIST("dns-option", 0, dns_options, "OPTION", "option for resolv.conf"),
	LIST("dns-search", 0, dns_search, "DOMAIN", "search domain"),
	TEXT("domainname", 0, domainname, "NAME", "NIS domain name"),
	TEXT("entrypoint", 0, entrypoint, "PROGRAM", "run this in place of the image's"),
	LIST("env", 'e', env, "NAME[=VALUE]", "set a variable, or pass ours on"),
	LIST("env-file", 0, env_file, "FILE", "variables, one a line"),
	LIST("group-add", 0, groups, "GROUP", "a further group for the user"),
	TEXT("hostname", 'h', hostname, "NAME", "host name in the container"),
	FLAG("init", 0, init, "a small init reaps orphans and passes signals on"),
	FLAG("interactive", 'i', interactive, "keep standard input open"),
	TEXT("ipc", 0, ipc, "MODE", "private, shareable, host, none or container:NAME"),
	LIST("label", 'l', labels, "KEY=VALUE", "a label for people"),
	TEXT("log-driver", 0, log_driver, "json-file|none", "where output is kept"),
	BYTES("memory", 'm', memory, "limit of memory"),
	BYTES("memory-reservation", 0, memory_reservation, "soft limit of memory"),
	BYTES("memory-swap", 0, memory_swap, "limit of memory and swap together, -1 for none"),
	NUMBER("memory-swappiness", 0, memory_swappiness, "N", "0 to 100"),
	LIST("mount", 0, mounts, "type=...,src=...,dst=...", "a bind, tmpfs or volume mount"),
	TEXT("name", 0, name, "NAME", "name of the container"),
	TEXT("network", 0, network, "MODE", "private, none, host or container:NAME"),
	TEXT("net", 0, network, "MODE", NULL),
	{ "no-healthcheck", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	FLAG("oom-kill-disable", 0, oom_kill_disable, "do not kill when memory runs out"),
	NUMBER("oom-score-adj", 0, oom_score_adj, "N", "-1000 to 1000"),
	TEXT("pid", 0, pid, "MODE", "private, host or container:NAME"),
	NUMBER("pids-limit", 0, pids_limit, "N", "how many processes, -1 for no limit"),
	TEXT("platform", 0, platform, "OS/ARCH", NULL),
	FLAG("privileged", 0, privileged, "no walls: all capabilities, devices, no filters"),
	LIST("publish", 'p', publish, "[IP:][PORT:]PORT[/udp]", "open a port of the container"),
	{ "pull", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	FLAG("quiet", 'q', quiet, "say nothing of walls that are down"),
	FLAG("read-only", 0, read_only, "the root cannot be written to"),
	TEXT("restart", 0, restart, "no", NULL),
	FLAG("rm", 0, rm, "remove the container when it has ended"),
	LIST("security-opt", 0, security, "KEY[=VALUE]", "see gabion(1), SECURITY OPTIONS"),
	BYTES("shm-size", 0, shm_size, "size of /dev/shm"),
	FLAG("sig-proxy", 0, sig_proxy, "pass signals on"),
	TEXT("stop-signal", 0, stop_signal, "SIGNAL", "what `stop` sends first"),
	NUMBER("stop-timeout", 0, stop_timeout, "SECONDS", "and how long it then waits"),
	LIST("sysctl", 0, sysctls, "NAME=VALUE", "a kernel setting of the container's namespaces"),
	LIST("tmpfs", 0, tmpfs, "PATH[:OPTIONS]", "an empty file system in memory"),
	FLAG("tty", 't', tty, "give it a terminal"),
	LIST("ulimit", 0, ulimits, "NAME=SOFT[:HARD]", "a resource limit"),
	TEXT("user", 'u', user, "USER[:GROUP]", "who it runs as, names or numbers"),
	TEXT("userns", 0, userns, "host", "user namespace"),
	TEXT("uts", 0, uts, "MODE", "private, host or container:NAME"),
	LIST("volume", 'v', volumes, "SRC:DST[:OPTIONS]", "show a directory of the host"),
	TEXT("workdir", 'w', workdir, "PATH", "where the program starts"),
	{ 0 },
};

static int conflicts(const struct run_options *options, int words, struct err *e)
{
	if (!words)
		return err_set(e, EINVAL, "an image or a root directory must be named");
	if (options->rm && options->restart && strcmp(options->restart, "no") != 0)
		return err_set(e, EINVAL, "conflicting options: --restart and --rm");
	if (options->restart && strcmp(options->restart, "no") != 0)
		return err_set(e, EINVAL, "--restart=%s: there is no daemon that would; let systemd "
					  "run the command",
			       options->restart);
	if (options->log_driver && strcmp(options->log_driver, "json-file") != 0 &&
	    strcmp(options->log_driver, "none") != 0)
		return err_set(e, EINVAL, "unknown log driver '%s'; there are json-file and none",
			       options->log_driver);
	if (options->detach && options->attach.count)
		return err_set(e, EINVAL, "conflicting options: -a and -d");
	if (options->platform && strcmp(options->platform, "linux/amd64") != 0)
		return err_set(e, EINVAL, "--platform %s: only this machine's can be run",
			       options->platform);
	if (options->workdir && options->workdir[0] != '/')
		return err_set(e, EINVAL, "the working directory '%s' is invalid, it needs to be an "
					  "absolute path",
			       options->workdir);
	return 0;
}

int run_options_read(int argc, char **argv, struct run_options *ret_options, int *ret_words,
		     struct err *e)
{
	int r;

	*ret_options = (struct run_options){ .sig_proxy = true };
	r = options_read(run_option_table, OPTIONS_FIRST, ret_options, argc, argv, ret_words, e);
	if (r < 0)
		return r;
	return conflicts(ret_options, *ret_words, e);
}

void run_options_release(struct run_options *options)
{
	for (const struct option *option = run_option_table; option->name; option++)
		if (option->kind == OPTION_LIST)
			option_list_release((void *)((char *)options + option->offset));
}
