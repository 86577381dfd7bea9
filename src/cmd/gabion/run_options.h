/*
 * What `gabion run` and `gabion create` are told on the command line, in Docker's words.
 */
#pragma once

#include "base/options.h"

struct err;

struct run_options {
	bool rm, interactive, tty, detach, read_only, privileged, init, quiet;
	bool oom_kill_disable;
	bool sig_proxy;
	const char *name, *hostname, *domainname, *workdir, *user, *entrypoint, *cidfile;
	const char *pid, *ipc, *uts, *cgroupns, *userns, *network, *cgroup_parent;
	const char *stop_signal, *cpus, *cpuset_cpus, *cpuset_mems, *detach_keys, *pull, *platform;
	const char *restart, *log_driver;
	struct option_list env, env_file, volumes, mounts, tmpfs, cap_add, cap_drop, security;
	struct option_list publish, ulimits, devices, device_rules, sysctls, labels, annotations;
	struct option_list groups, add_hosts, dns, dns_search, dns_options, attach;
	struct option_number memory, memory_swap, memory_reservation, shm_size;
	struct option_number pids_limit, cpu_shares, cpu_quota, cpu_period, blkio_weight;
	struct option_number oom_score_adj, stop_timeout, memory_swappiness;
};

/** The table that the above is read with. */
extern const struct option run_option_table[];

/**
 * run_options_read() - read and cross-check
 * @ret_words: how many of @argv are the image and its command
 */
int run_options_read(int argc, char **argv, struct run_options *ret_options, int *ret_words,
		     struct err *e);
void run_options_release(struct run_options *options);
