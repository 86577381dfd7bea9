#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "image/client.h"
#include "image/config.h"
#include "image/index.h"
#include "image/keeper.h"
#include "image/load.h"
#include "image/reference.h"
#include "image/show.h"

static void names_show(const char *const *names, size_t count, struct text *out)
{
	text_append(out, "[");
	for (size_t i = 0; i < count; i++) {
		text_append(out, i ? "," : "");
		text_json(out, reference_short(names[i]));
	}
	text_append(out, "]");
}

static void list_show(const char *const *list, struct text *out)
{
	text_append(out, list ? "[" : "null");
	for (size_t i = 0; list && list[i]; i++) {
		text_append(out, i ? "," : "");
		text_json(out, list[i]);
	}
	text_append(out, list ? "]" : "");
}

/* A list as Docker writes a set: {"80/tcp":{}} */
static void set_show(const char *const *list, struct text *out)
{
	text_append(out, list ? "{" : "null");
	for (size_t i = 0; list && list[i]; i++) {
		text_append(out, i ? "," : "");
		text_json(out, list[i]);
		text_append(out, ":{}");
	}
	text_append(out, list ? "}" : "");
}

/* "key=value" as a member */
static void pair_show(const char *pair, struct text *out)
{
	size_t length = strcspn(pair, "=");
	char key[1024];

	if (length >= sizeof(key))
		length = sizeof(key) - 1;
	memcpy(key, pair, length);
	key[length] = '\0';
	text_json(out, key);
	text_append(out, ":");
	text_json(out, pair + strcspn(pair, "=") + 1);
}

static void pairs_show(const char *const *list, struct text *out)
{
	text_append(out, list ? "{" : "null");
	for (size_t i = 0; list && list[i]; i++) {
		text_append(out, i ? "," : "");
		pair_show(list[i], out);
	}
	text_append(out, list ? "}" : "");
}

static void config_show(const struct image_config *config, struct text *out)
{
	text_append(out, "{\"Env\":");
	list_show(config->env, out);
	text_append(out, ",\"Entrypoint\":");
	list_show(config->entrypoint, out);
	text_append(out, ",\"Cmd\":");
	list_show(config->cmd, out);
	text_append(out, ",\"User\":");
	text_json(out, config->user ? config->user : "");
	text_append(out, ",\"WorkingDir\":");
	text_json(out, config->working_dir ? config->working_dir : "");
	text_append(out, ",\"ExposedPorts\":");
	set_show(config->ports, out);
	text_append(out, ",\"Volumes\":");
	set_show(config->volumes, out);
	text_append(out, ",\"Labels\":");
	pairs_show(config->labels, out);
	text_append(out, ",\"StopSignal\":");
	text_json(out, config->stop_signal ? config->stop_signal : "");
	text_append(out, "}");
}

static void holder_show(const char *owner, void *data)
{
	struct text *out = data;

	text_append(out, out->data[out->length - 1] == '[' ? "" : ",");
	text_json(out, owner);
}

int show_list(const struct keeper *keeper, const struct index *index, struct text *out,
	      struct err *e)
{
	int r = 0;

	text_append(out, "[");
	for (size_t i = 0; r >= 0 && i < index->count; i++) {
		const struct index_image *image = &index->images[i];

		text_printf(out, "%s{\"id\":\"%s\",\"names\":", i ? "," : "", image->id.text);
		names_show(image->names, image->name_count, out);
		text_append(out, ",\"created\":");
		text_json(out, image->created);
		text_printf(out, ",\"loaded\":%llu,\"bytes\":%llu,\"platform\":",
			    (unsigned long long)image->loaded_s,
			    (unsigned long long)index_bytes(image));
		text_json(out, image->platform);
		text_append(out, ",\"holds\":[");
		r = keeper_holders(keeper, &image->id, holder_show, out, e);
		text_append(out, "]}");
	}
	text_append(out, "]\n");
	return r < 0 ? r : 0;
}

void show_resolved(const struct image *image, struct text *out)
{
	text_append(out, "{\"id\":");
	text_json(out, image->id);
	text_append(out, ",\"name\":");
	text_json(out, image->name);
	text_append(out, ",\"manifest\":");
	text_json(out, image->manifest);
	text_append(out, ",\"platform\":");
	text_json(out, image->platform);
	text_append(out, ",\"created\":");
	text_json(out, image->created);
	text_printf(out, ",\"overlayXattr\":\"%s\",\"layers\":",
		    image->wants_userxattr ? "user" : "trusted");
	list_show(image->layers, out);
	text_append(out, ",\"config\":");
	config_show(&image->config, out);
	text_append(out, "}\n");
}

/* "docker.io/library/x:tag" and a digest: "x@sha256:..." */
static void repo_digests_show(const struct index_image *image, struct text *out)
{
	text_append(out, "[");
	for (size_t i = 0; i < image->name_count; i++) {
		const char *name = reference_short(image->names[i]), *colon = strrchr(name, ':');

		text_printf(out, "%s\"%.*s@%s\"", i ? "," : "",
			    (int)(colon ? colon - name : (ptrdiff_t)strlen(name)), name,
			    image->manifest.text);
	}
	text_append(out, "]");
}

void show_inspected(const struct index_image *image, const struct config *config,
		    struct text *out)
{
	text_printf(out, "{\"Id\":\"%s\",\"RepoTags\":", image->id.text);
	names_show(image->names, image->name_count, out);
	text_append(out, ",\"RepoDigests\":");
	repo_digests_show(image, out);
	text_append(out, ",\"Created\":");
	text_json(out, config->created);
	text_append(out, ",\"Author\":");
	text_json(out, config->author ? config->author : "");
	text_append(out, ",\"Architecture\":");
	text_json(out, config->architecture);
	text_append(out, ",\"Variant\":");
	text_json(out, config->variant ? config->variant : "");
	text_append(out, ",\"Os\":");
	text_json(out, config->os);
	text_printf(out, ",\"Size\":%llu,\"Config\":", (unsigned long long)index_bytes(image));
	config_show(&config->run, out);
	text_append(out, ",\"RootFS\":{\"Type\":\"layers\",\"Layers\":[");
	for (size_t i = 0; i < image->layer_count; i++)
		text_printf(out, "%s\"%s\"", i ? "," : "", image->layers[i].diff_id.text);
	text_append(out, "]}}");
}

void show_loaded(const struct load_result *result, struct text *out)
{
	text_append(out, "[");
	for (size_t i = 0; i < result->count; i++) {
		text_printf(out, "%s{\"id\":\"%s\",\"names\":", i ? "," : "",
			    result->images[i].id.text);
		names_show(result->images[i].names, result->images[i].name_count, out);
		text_append(out, "}");
	}
	text_append(out, "]\n");
}
