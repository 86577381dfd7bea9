/*
 * Names of contents: "sha256:" and 64 lower-case hex digits. The text is the value; nothing here
 * computes one (that is hash.h, which only the helper links).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define DIGEST_PREFIX     "sha256:"
#define DIGEST_HEX_LENGTH 64
#define DIGEST_LENGTH     (sizeof(DIGEST_PREFIX) - 1 + DIGEST_HEX_LENGTH)

struct digest {
	char text[DIGEST_LENGTH + 1];
};

/**
 * digest_parse() - take a digest that came from outside
 * @what: whose it is, for the error
 *
 * Return: 0; -ENOTSUP for another algorithm; -EINVAL for anything else; both with @e filled.
 */
int digest_parse(const char *text, const char *what, struct digest *ret_digest, struct err *e);

/** digest_from_hex() - as digest_parse(), for a name that has only the digits. Return: is it one? */
bool digest_from_hex(const char *hex, struct digest *ret_digest);

/** digest_hex() - the digits: safe as a file name. Borrowed. */
const char *digest_hex(const struct digest *digest);

bool digest_equal(const struct digest *a, const struct digest *b);
