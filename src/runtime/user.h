/*
 * Users as numbers: what `exec --user` takes. Names are looked up by who knows the image.
 */
#pragma once

#include <stdint.h>

struct err;

/**
 * user_parse() - read "UID" or "UID:GID"
 *
 * Decimal digits only, no sign, no blanks, below 4294967295 (which the kernel takes for "leave it as
 * it is"): a user that reads as somebody else, such as root, is worse than an error
 * (CVE-2026-30892). @ret_gid stays as it was when there is no GID.
 *
 * Return: 0; -EINVAL, -ERANGE with @e filled.
 */
int user_parse(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e);

/** user_parse_id() - one number, by the same rules. */
int user_parse_id(const char *text, uint32_t *ret_id, struct err *e);
