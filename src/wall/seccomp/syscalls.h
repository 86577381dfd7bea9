/*
 * The table of system calls: name, number on each architecture, the release each first appeared in,
 * and how wide its arguments are. Made from the kernel's own tables (tools/syscall_table.py), so
 * that no library on the host decides what a profile means. A call is known by its index here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wall/seccomp/arch.h"

/* Release of a kernel, comparable as a number. */
#define SYSCALL_KERNEL(major, minor) ((uint16_t)((major) << 8 | (minor)))

/** syscall_find() - index of the call named @name, or -1. */
int syscall_find(const char *name);

/** syscall_name() - name of the call at @index, which must be valid. Never NULL. */
const char *syscall_name(unsigned index);

/** syscall_count() - how many there are; valid indexes are below. */
unsigned syscall_count(void);

/** syscall_number() - number on @arch, without x32's bit; -1 where the call does not exist. */
int syscall_number(unsigned index, enum seccomp_arch arch);

/** syscall_kernel() - SYSCALL_KERNEL() of the first release with it; 0 when older than 3.0. */
uint16_t syscall_kernel(unsigned index);

/** syscall_table_release() - the release whose tables these are, such as "7.2". */
const char *syscall_table_release(void);

/** syscall_arg_is_narrow() - does the kernel read only the low 32 bits of argument @arg? */
bool syscall_arg_is_narrow(unsigned index, enum seccomp_arch arch, unsigned arg);

/** syscall_order() - indexes of the calls of @arch by rising number. Return: how many. */
unsigned syscall_order(enum seccomp_arch arch, const uint16_t **ret_order);

/** syscall_at() - index of the call with @number on @arch, without x32's bit; -1 if none. */
int syscall_at(enum seccomp_arch arch, uint32_t number);
