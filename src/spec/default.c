#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "spec/default.h"

#define CAPS "[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]"

/* clang-format off */
static const char template[] =
"{\"ociVersion\":\"1.3.0\","
"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],"
	"\"cwd\":\"/\","
	"\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS ",\"permitted\":" CAPS "},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},"
"\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
"\"hostname\":\"\","
"\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
		"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
		"{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
		"\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

/* What somebody without privilege cannot mount fresh. */
static const char sys_bind[] =
"{\"destination\":\"/sys\",\"type\":\"none\",\"source\":\"/sys\","
	"\"options\":[\"rbind\",\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}";
/* clang-format on */

static struct json_object *member(struct json_object *object, const char *key)
{
	return json_object_object_get(object, key);
}

static bool has_member(struct json_object *object, const char *key, const char *value)
{
	const char *text = json_object_get_string(member(object, key));

	return text && strcmp(text, value) == 0;
}

static int add_id_map(struct json_object *os, const char *key, unsigned host_id, struct err *e)
{
	struct json_object *list = json_object_new_array_ext(1), *line = json_object_new_object();

	if (!list || !line || json_object_object_add(line, "containerID", json_object_new_int(0)) ||
	    json_object_object_add(line, "hostID", json_object_new_int64(host_id)) ||
	    json_object_object_add(line, "size", json_object_new_int(1)) ||
	    json_object_array_add(list, line) || json_object_object_add(os, key, list)) {
		return err_oom(e);
	}
	return 0;
}

/* An owner that is not mapped cannot be given to a mount. */
static void drop_owner_options(struct json_object *mount)
{
	struct json_object *list = member(mount, "options");

	for (size_t i = list ? json_object_array_length(list) : 0; i-- > 0;) {
		const char *word = json_object_get_string(json_object_array_get_idx(list, i));

		if (strncmp(word, "uid=", 4) == 0 || strncmp(word, "gid=", 4) == 0)
			(void)json_object_array_del_idx(list, i, 1);
	}
}

static int make_rootless(struct json_object *document, const struct spec_default *want,
			 struct err *e)
{
	struct json_object *os = member(document, "linux"), *mounts = member(document, "mounts");
	struct json_object *namespaces = member(os, "namespaces"), *sys;
	int r;

	for (size_t i = 0; i < json_object_array_length(namespaces); i++) {
		struct json_object *ns = json_object_array_get_idx(namespaces, i);

		if (has_member(ns, "type", "network") &&
		    json_object_object_add(ns, "type", json_object_new_string("user")))
			return err_oom(e);
	}
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);

		drop_owner_options(mount);
		if (!has_member(mount, "destination", "/sys"))
			continue;
		r = json_parse(sys_bind, strlen(sys_bind), "built-in mount", &sys, e);
		if (r < 0)
			return r;
		if (json_object_array_put_idx(mounts, i, sys))
			return err_oom(e);
	}
	json_object_object_del(os, "resources");
	r = add_id_map(os, "uidMappings", want->uid, e);
	if (r < 0)
		return r;
	return add_id_map(os, "gidMappings", want->gid, e);
}

int spec_default(const struct spec_default *want, struct json_object **ret_document, struct err *e)
{
	own_json struct json_object *document = NULL;
	int r;

	r = json_parse(template, strlen(template), "built-in config.json", &document, e);
	if (r < 0)
		return r;
	if (json_object_object_add(document, "hostname", json_object_new_string(want->hostname)))
		return err_oom(e);
	if (want->is_rootless) {
		r = make_rootless(document, want, e);
		if (r < 0)
			return r;
	}
	*ret_document = take_ptr(document);
	return 0;
}
