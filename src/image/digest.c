#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "image/digest.h"

static bool is_hex(const char *text)
{
	return strspn(text, "0123456789abcdef") == DIGEST_HEX_LENGTH && !text[DIGEST_HEX_LENGTH];
}

bool digest_from_hex(const char *hex, struct digest *ret_digest)
{
	if (!is_hex(hex))
		return false;
	memcpy(ret_digest->text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
	memcpy(ret_digest->text + sizeof(DIGEST_PREFIX) - 1, hex, DIGEST_HEX_LENGTH + 1);
	return true;
}

int digest_parse(const char *text, const char *what, struct digest *ret_digest, struct err *e)
{
	size_t prefix = sizeof(DIGEST_PREFIX) - 1;

	if (strncmp(text, "sha512:", 7) == 0)
		return err_set(e, ENOTSUP, "%s: digest algorithm sha512 is not supported", what);
	if (strncmp(text, DIGEST_PREFIX, prefix) != 0 ||
	    !digest_from_hex(text + prefix, ret_digest))
		return err_set(e, EINVAL, "%s: '%.80s' is not a sha256 digest", what, text);
	return 0;
}

const char *digest_hex(const struct digest *digest)
{
	return digest->text + sizeof(DIGEST_PREFIX) - 1;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->text, b->text, sizeof(a->text)) == 0;
}
