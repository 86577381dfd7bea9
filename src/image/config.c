#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "image/config.h"
#include "image/member.h"

static int env_check(const char *const *env, struct err *e)
{
	for (; env && *env; env++)
		if (**env == '=' || !strchr(*env, '='))
			return err_set(e, EINVAL, "'Env' has '%.200s', which is not NAME=value", *env);
	return 0;
}

static int absolute_check(const char *key, const char *path, struct err *e)
{
	if (*path != '/')
		return err_set(e, EINVAL, "'%s' has '%.200s', which is not absolute", key, path);
	return 0;
}

static int volumes_check(const char *const *volumes, struct err *e)
{
	int r = 0;

	for (; r == 0 && volumes && *volumes; volumes++)
		r = absolute_check("Volumes", *volumes, e);
	return r;
}

/* "80", "80/tcp", "8000-8010/udp" */
static int ports_check(const char *const *ports, struct err *e)
{
	static const char digits[] = "0123456789";

	for (; ports && *ports; ports++) {
		const char *rest = *ports + strspn(*ports, digits);

		if (*rest == '-')
			rest += 1 + strspn(rest + 1, digits);
		if (rest == *ports || (*rest && strcmp(rest, "/tcp") && strcmp(rest, "/udp") &&
				       strcmp(rest, "/sctp")))
			return err_set(e, EINVAL, "'ExposedPorts' has '%.80s', which is no port",
				       *ports);
	}
	return 0;
}

static int labels_check(const char *const *labels, struct err *e)
{
	for (; labels && *labels; labels++)
		if (**labels == '=')
			return err_set(e, EINVAL, "'Labels' has a label without a name");
	return 0;
}

/* Docker writes an empty string or list for what is not set. */
static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

static const char *const *list_or_null(const char *const *list)
{
	return list && *list ? list : NULL;
}

static int run_parse(struct json_object *from, struct arena *arena, struct image_config *run,
		     struct err *e)
{
	const struct {
		const char *key;
		const char **slot;
	} texts[] = {
		{ "User", &run->user },
		{ "WorkingDir", &run->working_dir },
		{ "StopSignal", &run->stop_signal },
	};
	const struct {
		const char *key;
		const char *const **slot;
		int (*get)(struct json_object *, const char *, size_t, struct arena *,
			   const char *const **, struct err *);
	} lists[] = {
		{ "Env", &run->env, member_texts },
		{ "Entrypoint", &run->entrypoint, member_texts },
		{ "Cmd", &run->cmd, member_texts },
		{ "ExposedPorts", &run->ports, member_keys },
		{ "Volumes", &run->volumes, member_keys },
		{ "Labels", &run->labels, member_pairs },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(*texts); i++) {
		r = member_text(from, texts[i].key, arena, texts[i].slot, e);
		*texts[i].slot = r == 0 ? text_or_null(*texts[i].slot) : NULL;
	}
	for (size_t i = 0; r == 0 && i < sizeof(lists) / sizeof(*lists); i++) {
		r = lists[i].get(from, lists[i].key, CONFIG_LIST_MAX, arena, lists[i].slot, e);
		*lists[i].slot = r == 0 ? list_or_null(*lists[i].slot) : NULL;
	}
	if (r == 0)
		r = env_check(run->env, e);
	if (r == 0)
		r = ports_check(run->ports, e);
	if (r == 0)
		r = volumes_check(run->volumes, e);
	if (r == 0)
		r = labels_check(run->labels, e);
	if (r == 0 && run->working_dir)
		r = absolute_check("WorkingDir", run->working_dir, e);
	return r;
}

static int diff_ids_parse(struct json_object *root, struct arena *arena, struct config *config,
			  struct err *e)
{
	struct json_object *rootfs, *ids = NULL;
	int r = member_object(root, "rootfs", &rootfs, e);

	if (r == 0 && !rootfs)
		return err_set(e, EINVAL, "'rootfs' is missing: not the configuration of an image");
	if (r == 0)
		r = member_array(rootfs, "diff_ids", IMAGE_LAYERS_MAX, &ids, e);
	if (r < 0)
		return r;
	config->diff_id_count = ids ? json_object_array_length(ids) : 0;
	config->diff_ids = arena_new_array(arena, struct digest, config->diff_id_count + 1);
	if (!config->diff_ids)
		return err_oom(e);
	for (size_t i = 0; r == 0 && i < config->diff_id_count; i++) {
		const char *text;

		r = element_text(ids, i, "diff_ids", arena, &text, e);
		if (r == 0)
			r = digest_parse(text, "diff_ids", &config->diff_ids[i], e);
	}
	return r;
}

static int root_parse(struct json_object *root, struct arena *arena, struct config *config,
		      struct err *e)
{
	const struct {
		const char *key;
		const char **slot;
	} texts[] = {
		{ "os", &config->os },
		{ "architecture", &config->architecture },
		{ "variant", &config->variant },
		{ "created", &config->created },
		{ "author", &config->author },
	};
	struct json_object *run;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(*texts); i++)
		r = member_text(root, texts[i].key, arena, texts[i].slot, e);
	if (r == 0)
		r = diff_ids_parse(root, arena, config, e);
	if (r == 0)
		r = member_object(root, "config", &run, e);
	if (r == 0 && run)
		r = run_parse(run, arena, &config->run, e);
	return r;
}

int config_parse(const char *bytes, size_t length, struct arena *arena, struct config *ret_config,
		 struct err *e)
{
	own_json struct json_object *root = NULL;
	struct config config = { 0 };
	int r;

	if (length > CONFIG_BYTES_MAX)
		return err_set(e, E2BIG, "image configuration is longer than %zu bytes",
			       CONFIG_BYTES_MAX);
	r = json_parse(bytes, length, "image configuration", &root, e);
	if (r < 0)
		return r;
	if (json_object_get_type(root) != json_type_object)
		return err_set(e, EINVAL, "image configuration should be an object");
	r = root_parse(root, arena, &config, e);
	if (r < 0)
		return err_wrap(e, r, "image configuration");
	config.variant = text_or_null(config.variant);
	*ret_config = config;
	return 0;
}
