/*
 * The part of classic BPF that seccomp filters are made of, as the kernel runs and checks it.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct bpf_program {
	const struct sock_filter *insns;
	unsigned count;
};

/**
 * bpf_run() - what the program returns for @data
 * @steps: instructions executed; may be NULL
 *
 * The program must have passed bpf_check().
 */
uint32_t bpf_run(struct bpf_program program, const struct seccomp_data *data, unsigned *steps);

/** bpf_check() - would the kernel take it? Known instructions, loads inside, jumps forward. */
bool bpf_check(struct bpf_program program);
