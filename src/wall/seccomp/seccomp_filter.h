/*
 * The compiler: a resolved profile becomes a program of classic BPF that the kernel runs at each
 * system call. Pure and deterministic: equal profiles give equal bytes. tests/seccomp proves its
 * output equal to an evaluator that shares no code with it.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct err;
struct seccomp_profile;

struct seccomp_options {
	bool compare_wide; /* compare all 64 bits of arguments of which the kernel reads 32 */
	bool no_enosys;    /* calls newer than the profile get its default, not ENOSYS */
	bool only_chains;  /* rules one after the other, nothing shared: for tests */
};

struct seccomp_filter {
	const struct sock_filter *insns;
	unsigned count;
};

/**
 * seccomp_compile() - make the filter of @profile
 * @profile: lists at least one architecture
 * @options: NULL for none
 * @arena:   zeroed as it came; holds the result and the scratch memory
 *
 * Return: 0; -E2BIG when the filter would exceed the kernel's 4096 instructions; -EINVAL; -ENOMEM.
 */
int seccomp_compile(const struct seccomp_profile *profile, const struct seccomp_options *options,
		    struct arena *arena, struct seccomp_filter *ret_filter, struct err *e);
