/*
 * Multiplexers: socketcall and ipc, through which 32-bit x86 and others reach a whole family of calls
 * by the value of the first argument. A rule on `socket` must hold for socketcall(1, ...) too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wall/seccomp/syscalls.h"

enum mux {
	MUX_SOCKETCALL,
	MUX_IPC,
	MUX_COUNT,
};

/* Calls behind one multiplexer, at the most. */
#define MUX_CALL_COUNT_MAX 26

/* For each index of the system call table, how a multiplexer reaches that call. */
struct mux_table {
	int16_t self[MUX_COUNT];   /* index of socketcall and of ipc */
	uint8_t *calls[MUX_COUNT]; /* by index: value of its first argument, 0 if not reached */
};

struct arena;

/** mux_table_make() - look the names up. Return: false when @arena is full. */
bool mux_table_make(struct mux_table *table, struct arena *arena);
