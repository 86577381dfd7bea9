#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "image/reference.h"

#define DOMAIN_DEFAULT "docker.io"
#define TAG_LENGTH_MAX 128

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A separator inside a path component: one '.', one or two '_', any number of '-'. */
static size_t separator_length(const char *text, size_t length)
{
	size_t run;

	if (!length)
		return 0;
	if (*text == '.')
		return 1;
	if (*text == '_')
		return length > 1 && text[1] == '_' ? 2 : 1;
	for (run = 0; run < length && text[run] == '-'; run++)
		;
	return run;
}

static size_t alnum_length(const char *text, size_t length)
{
	size_t run = strspn(text, LOWER DIGITS);

	return run < length ? run : length;
}

static bool is_component(const char *text, size_t length)
{
	size_t step = alnum_length(text, length);

	if (!step)
		return false;
	while (length -= step, text += step, length) {
		step = separator_length(text, length);
		if (!step)
			return false;
		text += step;
		length -= step;
		step = alnum_length(text, length);
		if (!step)
			return false;
	}
	return true;
}

static bool is_path(const char *text, size_t length)
{
	const char *end = text + length;

	for (;;) {
		const char *slash = memchr(text, '/', (size_t)(end - text));
		const char *stop = slash ? slash : end;

		if (!is_component(text, (size_t)(stop - text)))
			return false;
		if (!slash)
			return true;
		text = slash + 1;
	}
}

/* "host", "host:port" or "[ipv6]:port"; enough to keep it a harmless string. */
static bool is_domain(const char *text, size_t length)
{
	size_t host = *text == '[' ? strspn(text, "[]:.abcdefABCDEF" DIGITS) :
				     strspn(text, LOWER UPPER DIGITS ".-");

	if (!host || *text == '.' || *text == '-')
		return false;
	if (host >= length)
		return host == length || *text == '[';
	return text[host] == ':' && host + 1 < length &&
	       host + 1 + strspn(text + host + 1, DIGITS) == length;
}

static bool is_tag(const char *text, size_t length)
{
	return length > 0 && length <= TAG_LENGTH_MAX && *text != '.' && *text != '-' &&
	       strspn(text, LOWER UPPER DIGITS "_.-") >= length;
}

/* Docker's rule: the first part is a registry if it cannot be a part of a path. */
static size_t domain_length(const char *text, size_t length)
{
	const char *slash = memchr(text, '/', length);
	size_t first = slash ? (size_t)(slash - text) : 0;

	if (!first)
		return 0;
	if (memchr(text, '.', first) || memchr(text, ':', first) || *text == '[' ||
	    (first == 9 && memcmp(text, "localhost", 9) == 0))
		return first;
	return strcspn(text, UPPER) < first ? first : 0;
}

bool reference_is_bare(const char *text)
{
	return domain_length(text, strcspn(text, "@")) == 0;
}

static int reference_invalid(const char *text, const char *why, struct err *e)
{
	return err_set(e, EINVAL, "invalid reference format: '%.200s' %s", text, why);
}

int reference_parse(const char *text, struct reference *ret_reference, struct err *e)
{
	struct reference out = { 0 };
	size_t length = strcspn(text, "@"), domain = domain_length(text, length), path_length;
	const char *path = text + (domain ? domain + 1 : 0);
	const char *colon = memchr(path, ':', length - (size_t)(path - text));
	const char *library = "";
	int r, written;

	if (text[length] == '@') {
		r = digest_parse(text + length + 1, text, &out.digest, e);
		if (r < 0)
			return r;
		out.has_digest = true;
	}
	path_length = colon ? (size_t)(colon - path) : length - (size_t)(path - text);
	if (domain && !is_domain(text, domain))
		return reference_invalid(text, "has no valid registry", e);
	if (!is_path(path, path_length))
		return reference_invalid(text, "has no valid name (lower case, digits and single "
					       "separators)", e);
	if (colon && !is_tag(colon + 1, length - (size_t)(colon + 1 - text)))
		return reference_invalid(text, "has no valid tag", e);
	out.has_tag = colon != NULL;

	if (!domain || (domain == 15 && memcmp(text, "index.docker.io", 15) == 0)) {
		text = DOMAIN_DEFAULT;
		domain = sizeof(DOMAIN_DEFAULT) - 1;
	}
	if (domain == sizeof(DOMAIN_DEFAULT) - 1 && memcmp(text, DOMAIN_DEFAULT, domain) == 0 &&
	    !memchr(path, '/', path_length))
		library = "library/";
	if (path_length > IMAGE_NAME_BYTES_MAX || domain > IMAGE_NAME_BYTES_MAX)
		return err_set(e, ENAMETOOLONG, "image name is too long");
	written = snprintf(out.name, sizeof(out.name), "%.*s/%s%.*s:%.*s", (int)domain, text,
			   library, (int)path_length, path,
			   colon ? (int)strcspn(colon + 1, "@") : 6, colon ? colon + 1 : "latest");
	if (written < 0 || (size_t)written >= sizeof(out.name))
		return err_set(e, ENAMETOOLONG, "image name is too long");
	*ret_reference = out;
	return 0;
}

const char *reference_short(const char *name)
{
	static const char domain[] = DOMAIN_DEFAULT "/", library[] = "library/";

	if (strncmp(name, domain, sizeof(domain) - 1) != 0)
		return name;
	name += sizeof(domain) - 1;
	if (strncmp(name, library, sizeof(library) - 1) == 0 &&
	    !strchr(name + sizeof(library) - 1, '/'))
		name += sizeof(library) - 1;
	return name;
}
