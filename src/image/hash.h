/* SHA-256 over a stream, by OpenSSL's libcrypto. Only the helper links it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "image/digest.h"

struct err;

struct hash {
	void *context;
	uint64_t bytes; /* hashed so far */
};

/** hash_init() - Return: 0; hash_release() gives it back; or -ENOMEM with @e filled. */
int hash_init(struct hash *hash, struct err *e);
void hash_release(struct hash *hash);
int hash_add(struct hash *hash, const void *bytes, size_t length, struct err *e);
int hash_end(struct hash *hash, struct digest *ret_digest, struct err *e);

/** hash_bytes() - all of it in one call. */
int hash_bytes(const void *bytes, size_t length, struct digest *ret_digest, struct err *e);

#define own_hash __attribute__((cleanup(hash_release)))
