#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "image/client.h"
#include "image/manifest.h"
#include "image/member.h"

static const struct {
	const char *type;
	enum media media;
	enum compression compression;
} media_types[] = {
	{ MEDIA_TYPE_INDEX, MEDIA_INDEX, COMPRESSION_ANY },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX,
	  COMPRESSION_ANY },
	{ MEDIA_TYPE_MANIFEST, MEDIA_MANIFEST, COMPRESSION_ANY },
	{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST,
	  COMPRESSION_ANY },
	{ MEDIA_TYPE_CONFIG, MEDIA_CONFIG, COMPRESSION_ANY },
	{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG, COMPRESSION_ANY },
	{ MEDIA_TYPE_LAYER, MEDIA_LAYER, COMPRESSION_NONE },
	{ MEDIA_TYPE_LAYER "+gzip", MEDIA_LAYER, COMPRESSION_GZIP },
	{ MEDIA_TYPE_LAYER "+zstd", MEDIA_LAYER, COMPRESSION_ZSTD },
	{ MEDIA_TYPE_LAYER "+xz", MEDIA_LAYER, COMPRESSION_XZ },
	{ MEDIA_TYPE_LAYER "+bzip2", MEDIA_LAYER, COMPRESSION_BZIP2 },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER,
	  COMPRESSION_NONE },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER,
	  COMPRESSION_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER,
	  COMPRESSION_ZSTD },
	{ "application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER, COMPRESSION_NONE },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER, COMPRESSION_GZIP },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER, COMPRESSION_ZSTD },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER,
	  COMPRESSION_GZIP },
};

static void media_classify(struct descriptor *descriptor)
{
	descriptor->media = MEDIA_OTHER;
	for (size_t i = 0; i < sizeof(media_types) / sizeof(*media_types); i++)
		if (strcmp(descriptor->media_type, media_types[i].type) == 0) {
			descriptor->media = media_types[i].media;
			descriptor->compression = media_types[i].compression;
		}
}

static int platform_read(struct json_object *from, struct arena *arena,
			 struct descriptor *descriptor, struct err *e)
{
	struct json_object *platform;
	int r = member_object(from, "platform", &platform, e);

	if (r < 0 || !platform)
		return r;
	r = member_text(platform, "os", arena, &descriptor->os, e);
	if (r == 0)
		r = member_text(platform, "architecture", arena, &descriptor->architecture, e);
	if (r == 0)
		r = member_text(platform, "variant", arena, &descriptor->variant, e);
	if (r == 0 && descriptor->variant && !*descriptor->variant)
		descriptor->variant = NULL;
	return r;
}

static int annotations_read(struct json_object *from, struct arena *arena,
			    struct descriptor *descriptor, struct err *e)
{
	struct json_object *annotations;
	const char *kind = NULL;
	int r = member_object(from, "annotations", &annotations, e);

	if (r < 0 || !annotations)
		return r;
	r = member_text(annotations, MANIFEST_NAME_CTRD, arena, &descriptor->name, e);
	if (r == 0)
		r = member_text(annotations, MANIFEST_NAME_OCI, arena, &descriptor->ref_name, e);
	if (r == 0)
		r = member_text(annotations, "vnd.docker.reference.type", arena, &kind, e);
	descriptor->is_attestation = r == 0 && kind;
	return r;
}

static int descriptor_read(struct json_object *from, struct arena *arena,
			   struct descriptor *ret_descriptor, struct err *e)
{
	struct descriptor descriptor = { .size_bytes = UINT64_MAX };
	const char *digest = NULL;
	int r;

	if (json_object_get_type(from) != json_type_object)
		return err_set(e, EINVAL, "a descriptor should be an object");
	r = member_text(from, "mediaType", arena, &descriptor.media_type, e);
	if (r == 0)
		r = member_text(from, "digest", arena, &digest, e);
	if (r == 0)
		r = member_count(from, "size", &descriptor.size_bytes, e);
	if (r < 0)
		return r;
	if (!descriptor.media_type || !digest || descriptor.size_bytes == UINT64_MAX)
		return err_set(e, EINVAL, "a descriptor needs 'mediaType', 'digest' and 'size'");
	r = digest_parse(digest, "descriptor", &descriptor.digest, e);
	if (r == 0)
		r = platform_read(from, arena, &descriptor, e);
	if (r == 0)
		r = annotations_read(from, arena, &descriptor, e);
	if (r < 0)
		return r;
	media_classify(&descriptor);
	*ret_descriptor = descriptor;
	return 0;
}

static int descriptors_read(struct json_object *from, const char *key, size_t count_max,
			    struct arena *arena, struct descriptor **ret_list, size_t *ret_count,
			    struct err *e)
{
	struct json_object *array;
	struct descriptor *list;
	size_t count;
	int r = member_array(from, key, count_max, &array, e);

	if (r == 0 && !array)
		return err_set(e, EINVAL, "'%s' is missing", key);
	if (r < 0)
		return r;
	count = json_object_array_length(array);
	list = arena_new_array(arena, struct descriptor, count + 1);
	if (!list)
		return err_oom(e);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = descriptor_read(json_object_array_get_idx(array, i), arena, &list[i], e);
	*ret_list = list;
	*ret_count = count;
	return r < 0 ? err_wrap(e, r, "'%s'", key) : 0;
}

/* Parse, and check what is common to manifests and lists. */
static int document_open(const char *bytes, size_t length, const char *name, const char *absent,
			 struct json_object **ret_root, struct err *e)
{
	own_json struct json_object *root = NULL;
	uint64_t version = 2;
	int r;

	if (length > MANIFEST_BYTES_MAX)
		return err_set(e, E2BIG, "%s is longer than %zu bytes", name, MANIFEST_BYTES_MAX);
	r = json_parse(bytes, length, name, &root, e);
	if (r < 0)
		return r;
	if (json_object_get_type(root) != json_type_object)
		return err_set(e, EINVAL, "%s should be an object", name);
	r = member_count(root, "schemaVersion", &version, e);
	if (r == 0 && version != 2)
		r = err_set(e, ENOTSUP, "schema version %llu is not supported",
			    (unsigned long long)version);
	/* One document that two readers take for two different things (CVE-2021-41190). */
	if (r == 0 && json_object_object_get_ex(root, absent, NULL))
		r = err_set(e, EINVAL, "has '%s', which does not belong here", absent);
	if (r < 0)
		return err_wrap(e, r, "%s", name);
	*ret_root = json_object_get(root);
	return 0;
}

static int manifest_read(struct json_object *root, struct arena *arena, struct manifest *manifest,
			 struct err *e)
{
	struct json_object *config;
	int r = member_object(root, "config", &config, e);

	if (r == 0 && !config)
		return err_set(e, EINVAL, "'config' is missing");
	if (r == 0)
		r = descriptor_read(config, arena, &manifest->config, e);
	if (r == 0)
		r = descriptors_read(root, "layers", IMAGE_LAYERS_MAX, arena, &manifest->layers,
				     &manifest->layer_count, e);
	if (r < 0)
		return r;
	if (manifest->config.media != MEDIA_CONFIG)
		return err_set(e, ENOTSUP, "configuration is a '%.100s': not a container image",
			       manifest->config.media_type);
	for (size_t i = 0; i < manifest->layer_count; i++)
		if (manifest->layers[i].media != MEDIA_LAYER)
			return err_set(e, ENOTSUP, "layer is a '%.100s': not supported",
				       manifest->layers[i].media_type);
	return 0;
}

int manifest_parse(const char *bytes, size_t length, struct arena *arena,
		   struct manifest *ret_manifest, struct err *e)
{
	own_json struct json_object *root = NULL;
	struct manifest manifest = { 0 };
	int r = document_open(bytes, length, "manifest", "manifests", &root, e);

	if (r < 0)
		return r;
	r = manifest_read(root, arena, &manifest, e);
	if (r < 0)
		return err_wrap(e, r, "manifest");
	*ret_manifest = manifest;
	return 0;
}

int manifest_list_parse(const char *bytes, size_t length, struct arena *arena,
			struct manifest_list *ret_list, struct err *e)
{
	own_json struct json_object *root = NULL;
	struct manifest_list list = { 0 };
	int r = document_open(bytes, length, "image index", "layers", &root, e);

	if (r < 0)
		return r;
	r = descriptors_read(root, "manifests", MANIFEST_LIST_MAX, arena, &list.entries,
			     &list.count, e);
	if (r < 0)
		return err_wrap(e, r, "image index");
	*ret_list = list;
	return 0;
}

struct platform platform_host(void)
{
	static const struct {
		const char *machine, *architecture, *variant;
	} names[] = {
		{ "x86_64", "amd64", NULL },	{ "aarch64", "arm64", NULL },
		{ "armv7l", "arm", "v7" },	{ "armv6l", "arm", "v6" },
		{ "i686", "386", NULL },	{ "riscv64", "riscv64", NULL },
		{ "ppc64le", "ppc64le", NULL }, { "s390x", "s390x", NULL },
		{ "loongarch64", "loong64", NULL },
	};
	static struct utsname host;
	struct platform platform = { .os = "linux", .architecture = "unknown" };

	if (uname(&host) < 0)
		return platform;
	platform.architecture = host.machine;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(host.machine, names[i].machine) == 0) {
			platform.architecture = names[i].architecture;
			platform.variant = names[i].variant;
		}
	return platform;
}

int platform_parse(const char *text, struct arena *arena, struct platform *ret_platform,
		   struct err *e)
{
	struct platform platform = { 0 };
	char *rest = arena_strdup(arena, text);

	if (!rest)
		return err_oom(e);
	platform.os = strsep(&rest, "/");
	platform.architecture = strsep(&rest, "/");
	platform.variant = rest;
	if (!*platform.os || !platform.architecture || !*platform.architecture ||
	    (rest && (!*rest || strchr(rest, '/'))))
		return err_set(e, EINVAL, "platform '%.80s' is not OS/ARCHITECTURE[/VARIANT]", text);
	*ret_platform = platform;
	return 0;
}

bool platform_fits(const struct platform *wanted, const char *os, const char *architecture,
		   const char *variant)
{
	if (os && strcmp(os, wanted->os) != 0)
		return false;
	if (architecture && strcmp(architecture, wanted->architecture) != 0)
		return false;
	return !variant || !wanted->variant || strcmp(variant, wanted->variant) == 0;
}

static int docker_image_read(struct json_object *from, struct arena *arena,
			     struct docker_image *image, struct err *e)
{
	int r;

	if (json_object_get_type(from) != json_type_object)
		return err_set(e, EINVAL, "should have only objects");
	r = member_text(from, "Config", arena, &image->config, e);
	if (r == 0)
		r = member_texts(from, "Layers", IMAGE_LAYERS_MAX, arena, &image->layers, e);
	if (r == 0)
		r = member_texts(from, "RepoTags", MANIFEST_LIST_MAX, arena, &image->tags, e);
	if (r == 0 && (!image->config || !image->layers))
		r = err_set(e, EINVAL, "an image needs 'Config' and 'Layers'");
	return r;
}

static int docker_list_read(struct json_object *root, struct arena *arena,
			    struct docker_list *list, struct err *e)
{
	int r = 0;

	if (json_object_get_type(root) != json_type_array)
		return err_set(e, EINVAL, "should be a list");
	list->count = json_object_array_length(root);
	if (list->count > MANIFEST_LIST_MAX)
		return err_set(e, E2BIG, "has more than %d images", MANIFEST_LIST_MAX);
	list->images = arena_new_array(arena, struct docker_image, list->count + 1);
	if (!list->images)
		return err_oom(e);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = docker_image_read(json_object_array_get_idx(root, i), arena, &list->images[i],
				      e);
	return r;
}

int docker_list_parse(const char *bytes, size_t length, struct arena *arena,
		      struct docker_list *ret_list, struct err *e)
{
	own_json struct json_object *root = NULL;
	struct docker_list list = { 0 };
	int r;

	if (length > MANIFEST_BYTES_MAX)
		return err_set(e, E2BIG, "'manifest.json' is longer than %zu bytes",
			       MANIFEST_BYTES_MAX);
	r = json_parse(bytes, length, "manifest.json", &root, e);
	if (r < 0)
		return r;
	r = docker_list_read(root, arena, &list, e);
	if (r < 0)
		return err_wrap(e, r, "'manifest.json'");
	*ret_list = list;
	return 0;
}
