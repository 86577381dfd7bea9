/*
 * What the checking programs share: reading a profile as on a given machine, printing results in the
 * form that `run` numbers, and looking at a disagreement.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>

#include "base/arena.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/seccomp_filter.h"

struct json_object;

/* A container as far as a profile cares. */
struct check_caps {
	const char *name; /* for the line that is printed */
	const char *const *caps;
	size_t count;
};

extern const struct check_caps check_caps_docker; /* Docker's fourteen */
extern const struct check_caps check_caps_admin;  /* and CAP_SYS_ADMIN */
extern const struct check_caps check_caps_none;

/** check_ok() - print "ok - ..." or "not ok - ...". Return: @is_ok. */
bool check_ok(bool is_ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** check_note() - print a "# ..." line. */
void check_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** check_result() - exit status: 0 when every check_ok() was. */
int check_result(void);

/** check_read() - the profile in the file at @path, or exit. */
void check_read(const char *path, enum seccomp_arch arch, const struct check_caps *caps,
		struct arena *arena, struct seccomp_profile *ret_profile);

/** check_compile() - its filter, checked as the kernel would, or exit. */
struct seccomp_filter check_compile(const struct seccomp_profile *profile,
				 const struct seccomp_options *options, struct arena *arena);

/**
 * check_laid_out() - @data as the kernel of its architecture lays it out
 *
 * Filters read words by offset: where the high half of an argument comes first, halves are swapped.
 */
struct seccomp_data check_laid_out(const struct seccomp_data *data);

/** check_show() - note an input and what both sides say. */
void check_show(const struct seccomp_data *data, uint32_t ours, uint32_t theirs);
