/*
 * From diagram to instructions, in one pass backwards: all jumps of classic BPF go forward, so a
 * position counted from the end is final as soon as its instruction is there.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct diagram;

#define SECCOMP_INSN_COUNT_MAX BPF_MAXINSNS /* 4096, the kernel's own bound */

struct emitter {
	struct diagram *diagram;
	struct sock_filter *insns; /* room for SECCOMP_INSN_COUNT_MAX, filled from the end */
	unsigned count;
	bool is_full;
};

/** emit_node() - lay out @index and everything below that is not laid out yet. */
void emit_node(struct emitter *emitter, uint16_t index);

/** emit_start() - first of the emitter->count instructions. */
struct sock_filter *emit_start(const struct emitter *emitter);
