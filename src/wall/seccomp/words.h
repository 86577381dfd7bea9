/*
 * The words that profiles use: actions, operators, flags, names of errors. Both ways, so that what
 * is read can be written again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

struct seccomp_action {
	const char *name; /* "SCMP_ACT_ERRNO" */
	uint32_t verdict; /* SECCOMP_RET_* */
	bool has_errno;   /* takes errnoRet */
};

/** seccomp_action_find() - the action called @name, or NULL. */
const struct seccomp_action *seccomp_action_find(const char *name);

/** seccomp_action_of() - the action of a verdict, never NULL for one that a reader made. */
const struct seccomp_action *seccomp_action_of(uint32_t verdict);

/** seccomp_action_at() - the action at @i as `features` lists them, or NULL past the last. */
const struct seccomp_action *seccomp_action_at(size_t i);

/** seccomp_op_find() - enum seccomp_op for "SCMP_CMP_EQ", or -1. */
int seccomp_op_find(const char *name);

/** seccomp_op_name() - "SCMP_CMP_EQ"; NULL past the last operator. */
const char *seccomp_op_name(unsigned op);

/** seccomp_flag_find() - SECCOMP_FILTER_FLAG_* for its own name, or 0. */
unsigned seccomp_flag_find(const char *name);

/** seccomp_flag_at() - name and value of the flag at @i, or NULL past the last. */
const char *seccomp_flag_at(size_t i, unsigned *ret_flag);

/** seccomp_errno_find() - number of "EPERM", or -1. */
int seccomp_errno_find(const char *name);

/** seccomp_errno_name() - name of error @number, or NULL. */
const char *seccomp_errno_name(int number);

/** seccomp_verdict_say() - append a verdict in few words: "allowed", "EPERM", "killed". */
void seccomp_verdict_say(uint32_t verdict, struct text *out);
