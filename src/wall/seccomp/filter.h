/*
 * Filters as the kernel runs and checks them: the part of classic BPF that they are made of.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "wall/seccomp/seccomp_filter.h"

/**
 * filter_run() - what the filter returns for @data
 * @steps: instructions executed; may be NULL
 *
 * The filter must have passed filter_check(), or come from the compiler.
 */
uint32_t filter_run(struct seccomp_filter filter, const struct seccomp_data *data, unsigned *steps);

/** filter_check() - would the kernel take it? Known instructions, loads inside, jumps forward. */
bool filter_check(struct seccomp_filter filter);
