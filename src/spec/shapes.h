/*
 * The shapes and name tables that files of spec/ lend each other; see field.h.
 */
#pragma once

#include "spec/field.h"

extern const struct shape process_shape;   /* struct spec_process */
extern const struct shape mount_shape;     /* struct spec_mount */
extern const struct shape hooks_shape;     /* struct spec_hook_lists */
extern const struct shape linux_shape;     /* struct spec_linux */
extern const struct shape resources_shape; /* struct spec_resources */
extern const struct shape id_map_shape;    /* struct spec_id_map */

extern const struct names ns_names;          /* enum spec_ns */
extern const struct names propagation_names; /* MS_* */
extern const struct names rlimit_names;      /* RLIMIT_* */
extern const struct names sched_names;       /* SCHED_* */
extern const struct names sched_flag_names;  /* SCHED_FLAG_* */
extern const struct names io_class_names;    /* IOPRIO_CLASS_* */
extern const struct names mpol_names;        /* MPOL_* */
extern const struct names mpol_flag_names;   /* MPOL_F_* */
extern const struct names personality_names; /* PER_* */

/**
 * mount_option_apply() - take one option of mounts[].options apart
 *
 * Context: pure.
 * Return: true when it is a word that mount(8) and the spec give a meaning; false when it is for
 * the filesystem.
 */
bool mount_option_apply(const char *option, struct spec_mount *mount);

/** mount_option_word() - all words that mount_option_apply() knows, by index; NULL ends them. */
const char *mount_option_word(size_t index);

/**
 * path_is_absolute() - fail unless member @key of @place is a path from the root
 */
int path_is_absolute(struct reader *reader, const struct place *place, const char *key,
		     const char *path);
