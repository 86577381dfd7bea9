#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/err.h"
#include "image/hash.h"

int hash_init(struct hash *hash, struct err *e)
{
	*hash = (struct hash){ .context = EVP_MD_CTX_new() };
	if (!hash->context)
		return err_oom(e);
	if (EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1)
		return err_set(e, EIO, "libcrypto has no SHA-256");
	return 0;
}

void hash_release(struct hash *hash)
{
	EVP_MD_CTX_free(hash->context);
	hash->context = NULL;
}

int hash_add(struct hash *hash, const void *bytes, size_t length, struct err *e)
{
	hash->bytes += length;
	if (EVP_DigestUpdate(hash->context, bytes, length) != 1)
		return err_set(e, EIO, "libcrypto cannot hash");
	return 0;
}

int hash_end(struct hash *hash, struct digest *ret_digest, struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char *hex = ret_digest->text + sizeof(DIGEST_PREFIX) - 1;

	if (EVP_DigestFinal_ex(hash->context, value, &length) != 1 ||
	    length != DIGEST_HEX_LENGTH / 2)
		return err_set(e, EIO, "libcrypto cannot hash");
	memcpy(ret_digest->text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
	for (unsigned i = 0; i < length; i++) {
		*hex++ = digits[value[i] >> 4];
		*hex++ = digits[value[i] & 15];
	}
	*hex = '\0';
	return 0;
}

int hash_bytes(const void *bytes, size_t length, struct digest *ret_digest, struct err *e)
{
	own_hash struct hash hash = { 0 };
	int r = hash_init(&hash, e);

	if (r == 0)
		r = hash_add(&hash, bytes, length, e);
	return r < 0 ? r : hash_end(&hash, ret_digest, e);
}
