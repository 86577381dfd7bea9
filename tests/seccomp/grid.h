/*
 * All inputs that can make a difference, one of each kind: every number of a call that the filter
 * compares with or the table knows, its neighbours, and for the words of arguments every constant,
 * its neighbours, and the sums of the bits of masks. Between these points nothing changes: a filter
 * that agrees with the evaluator on all of them agrees everywhere.
 *
 * Complete where a word is either compared with constants or tested under one mask, as in the
 * profiles that people use; the prover does without that condition.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>

#include "wall/seccomp/seccomp_filter.h"

struct seccomp_profile;

/**
 * grid_agrees() - does @filter say what the evaluator says, at every point?
 * @ret_point_count: points tried
 * @ret_example:     where it does not
 */
bool grid_agrees(const struct seccomp_profile *profile, const struct seccomp_options *options,
		 struct seccomp_filter filter, unsigned long *ret_point_count,
		 struct seccomp_data *ret_example);
