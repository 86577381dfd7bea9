#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "spec/shapes.h"

int path_is_absolute(struct reader *reader, const struct place *place, const char *key,
		     const char *path)
{
	struct place at = { .up = place, .key = key };

	if (!path[0])
		return reader_fail(reader, &at, "is empty");
	if (path[0] != '/')
		return reader_fail(reader, &at, "'%.128s' is not an absolute path", path);
	return 0;
}

/* --- the document -------------------------------------------------------------------------- */

static const struct field root_fields[] = {
	FIELD_STRING("path", struct spec, root_path, FIELD_MUST),
	FIELD_BOOL("readonly", struct spec, root_is_readonly),
	{ 0 },
};

static const struct shape root_shape = { root_fields, 0, NULL };

/* Objects whose members lie flat in struct spec. */
static int read_flat(struct reader *reader, const struct place *place, struct json_object *value,
		     const struct field *field, void *base)
{
	return object_read(reader, place, value, field->shape, base);
}

/* A minor version that is newer than we are only adds properties, which we pass over. */
static int spec_check(struct reader *reader, const struct place *place, void *thing)
{
	const struct spec *spec = thing;
	struct place version = { .key = "ociVersion" }, root = { .key = "root" };
	struct place path = { .up = &root, .key = "path" };

	if (strncmp(spec->oci_version, "1.", 2) != 0 || spec->oci_version[2] < '0' ||
	    spec->oci_version[2] > '9')
		return reader_fail(reader, &version, "'%.32s' is not a version 1 of the runtime spec",
				   spec->oci_version);
	if (!spec->root_path[0])
		return reader_fail(reader, &path, "is empty");
	return 0;
}

/* "linux" stands before "mounts": an idmap option may refer to the container's own mappings. */
static const struct field spec_fields[] = {
	FIELD_STRING("ociVersion", struct spec, oci_version, FIELD_MUST),
	FIELD_OWN("root", object, struct spec, root_path, read_flat, .shape = &root_shape,
		  FIELD_MUST),
	FIELD_OBJECT("process", struct spec, process, &process_shape,
		     FIELD_FLAG(struct spec, has_process)),
	FIELD_STRING("hostname", struct spec, hostname),
	FIELD_STRING("domainname", struct spec, domainname),
	FIELD_OBJECT("linux", struct spec, os, &linux_shape),
	FIELD_LIST("mounts", struct spec, mounts, mount_count, &mount_shape),
	FIELD_OWN("hooks", object, struct spec, hooks, read_flat, .shape = &hooks_shape),
	FIELD_PAIRS("annotations", struct spec, annotations),
	{ 0 },
};

static const struct shape spec_shape = { spec_fields, sizeof(struct spec), spec_check };

static int read_document(struct reader *reader, struct json_object *document,
			 const struct shape *shape, void *thing)
{
	int r = value_expect(reader, NULL, document, json_type_object);

	return r < 0 ? r : object_read(reader, NULL, document, shape, thing);
}

int spec_read(struct json_object *document, struct arena *arena, struct spec *ret_spec,
	      struct err *e)
{
	own_json struct json_object *owned = document;
	struct spec spec = { 0 };
	struct reader reader = { .arena = arena, .e = e, .spec = &spec };
	int r;

	r = read_document(&reader, document, &spec_shape, &spec);
	if (r == 0)
		r = reader_warnings(&reader, &spec.warnings);
	if (r < 0)
		return r;
	spec.document = take_ptr(owned);
	*ret_spec = spec;
	return 0;
}

int spec_process_read(struct json_object *document, struct arena *arena,
		      struct spec_process *ret_process, struct err *e)
{
	struct spec_process process = { 0 };
	struct reader reader = { .arena = arena, .e = e };
	int r;

	r = read_document(&reader, document, &process_shape, &process);
	if (r < 0)
		return r;
	*ret_process = process;
	return 0;
}

int spec_resources_read(struct json_object *document, struct arena *arena,
			struct spec_resources *ret_resources, struct err *e)
{
	struct spec_resources resources = { 0 };
	struct reader reader = { .arena = arena, .e = e };
	int r;

	r = read_document(&reader, document, &resources_shape, &resources);
	if (r < 0)
		return r;
	*ret_resources = resources;
	return 0;
}

void spec_release(struct spec *spec)
{
	own_json_drop(&spec->document);
	spec->os.seccomp = NULL;
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
	for (uint32_t i = 0; i < spec->annotations.count; i++)
		if (strcmp(spec->annotations.items[i].key, key) == 0)
			return spec->annotations.items[i].value;
	return NULL;
}
