/*
 * Manifests, lists of them, and the manifest.json of `docker save`: bytes to struct, pure. What a
 * descriptor says of the bytes it names is checked by whoever fetches them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/digest.h"
#include "image/stream.h"

struct arena;
struct err;

#define MANIFEST_BYTES_MAX   ((size_t)4 << 20)
#define MANIFEST_LIST_MAX    256 /* entries of an index */
#define MANIFEST_NAME_OCI    "org.opencontainers.image.ref.name"
#define MANIFEST_NAME_CTRD   "io.containerd.image.name"
#define MEDIA_TYPE_MANIFEST  "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_CONFIG    "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_LAYER     "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_INDEX     "application/vnd.oci.image.index.v1+json"

enum media {
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER,
	MEDIA_OTHER, /* an attestation, a signature, something of the future */
};

struct descriptor {
	enum media media;
	enum compression compression; /* of a layer */
	const char *media_type;       /* as written */
	struct digest digest;
	uint64_t size_bytes;
	const char *os; /* platform, for entries of an index; NULL when not said */
	const char *architecture;
	const char *variant;
	const char *name;     /* io.containerd.image.name, or NULL */
	const char *ref_name; /* org.opencontainers.image.ref.name, or NULL */
	bool is_attestation;  /* belongs to another entry: no image of its own */
};

struct manifest {
	struct descriptor config;
	struct descriptor *layers; /* bottom first */
	size_t layer_count;
};

struct manifest_list {
	struct descriptor *entries;
	size_t count;
};

struct platform {
	const char *os;
	const char *architecture;
	const char *variant; /* or NULL */
};

/** manifest_parse() - an OCI or Docker schema 2 manifest. Return: 0; -errno with @e filled. */
int manifest_parse(const char *bytes, size_t length, struct arena *arena,
		   struct manifest *ret_manifest, struct err *e);

/** manifest_list_parse() - an OCI index or a Docker manifest list. */
int manifest_list_parse(const char *bytes, size_t length, struct arena *arena,
			struct manifest_list *ret_list, struct err *e);

/** platform_host() - what this machine runs. */
struct platform platform_host(void);

/** platform_parse() - "linux/arm64/v8". Return: 0; -EINVAL with @e filled. */
int platform_parse(const char *text, struct arena *arena, struct platform *ret_platform,
		   struct err *e);

/** platform_fits() - can @wanted run what is for (@os, @architecture, @variant)? NULL fits all. */
bool platform_fits(const struct platform *wanted, const char *os, const char *architecture,
		   const char *variant);

/* One image of manifest.json; names are paths inside the archive. */
struct docker_image {
	const char *config;
	const char *const *layers;
	const char *const *tags; /* or NULL */
};

struct docker_list {
	struct docker_image *images;
	size_t count;
};

/** docker_list_parse() - manifest.json of `docker save`. Return: 0; -errno with @e filled. */
int docker_list_parse(const char *bytes, size_t length, struct arena *arena,
		      struct docker_list *ret_list, struct err *e);
