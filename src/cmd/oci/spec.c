#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/oci/verb.h"
#include "spec/default.h"

struct spec_values {
	const char *bundle;
	const char *file;
	bool rootless;
};

#define AT(field) offsetof(struct spec_values, field)

static const struct option options[] = {
	{ "bundle", 'b', OPTION_TEXT, AT(bundle), "DIR", "write it there; default: here" },
	{ "file", 'f', OPTION_TEXT, AT(file), "FILE", "write FILE instead of config.json" },
	{ "rootless", 0, OPTION_FLAG, AT(rootless), NULL, "for a container run without privilege" },
	{ 0 },
};

static int spec_write(const struct spec_values *values, const char *text, struct err *e)
{
	own_fd int bundle_fd = open(values->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	own_fd int fd = -EBADF;
	size_t length = strlen(text);

	if (bundle_fd < 0)
		return err_sys(e, "open bundle '%s'", values->bundle);
	fd = openat(bundle_fd, values->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST, "File %s exists. Remove it first", values->file);
	if (fd < 0)
		return err_sys(e, "make '%s'", values->file);
	if (write(fd, text, length) != (ssize_t)length || write(fd, "\n", 1) != 1)
		return err_sys(e, "write '%s'", values->file);
	return 0;
}

static int spec_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct spec_values values = { .bundle = ".", .file = "config.json" };
	struct spec_default want = { .hostname = "gabion", .uid = geteuid(), .gid = getegid() };
	own_json struct json_object *document = NULL;
	const char *text;
	int r;

	r = verb_read(verb, &values, argc, argv, 0, 0, e);
	if (r < 0)
		return r;
	want.is_rootless = values.rootless;
	r = spec_default(&want, &document, e);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(document,
					      JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? spec_write(&values, text, e) : err_oom(e);
}

const struct verb verb_spec = {
	.name = "spec",
	.words = "",
	.summary = "write a config.json to start from",
	.options = options,
	.order = OPTIONS_ANYWHERE,
	.needs_no_root = true,
	.run = spec_run,
};
