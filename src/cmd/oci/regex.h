/* Doing a thing to all containers whose id fits an extended regular expression, as crun offers. */
#pragma once

#include "cmd/oci/verb.h"

/**
 * regex_each() - call @act for each container whose whole id, or part of it, fits @pattern
 *
 * Goes on after an error; the first one is returned.
 */
int regex_each(struct oci *oci, const char *pattern,
	       int (*act)(struct oci *oci, const char *id, const void *context, struct err *e),
	       const void *context, struct err *e);
