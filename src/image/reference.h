/*
 * Image references as Docker writes them, "[DOMAIN/]PATH[:TAG][@DIGEST]". The store keeps full
 * ones, "docker.io/library/busybox:latest"; people see and type short ones, "busybox".
 */
#pragma once

#include <stdbool.h>

#include "image/client.h"
#include "image/digest.h"

struct err;

struct reference {
	char name[IMAGE_NAME_BYTES_MAX]; /* full, with tag: the key in the store */
	bool has_tag;                    /* a tag was written; else name ends in ":latest" */
	bool has_digest;
	struct digest digest;
};

/**
 * reference_parse() - check and complete a reference
 *
 * Return: 0; -EINVAL or -ENAMETOOLONG with @e filled.
 */
int reference_parse(const char *text, struct reference *ret_reference, struct err *e);

/** reference_short() - what people call a full name: without docker.io and library. Borrowed. */
const char *reference_short(const char *name);

/** reference_is_bare() - was @text a name without a registry, such as "busybox:1"? */
bool reference_is_bare(const char *text);
