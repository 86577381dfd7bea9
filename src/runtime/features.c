/*
 * The features document of the spec: what this build can do on whatever host. Lists come from the
 * tables that do the work, so that they cannot drift.
 */
#include "base/text.h"
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "spec/shapes.h"
#include "wall/seccomp/arch.h"
#include "wall/seccomp/words.h"

/* JSON under construction: indentation and commas are kept here. */
struct doc {
	struct text *out;
	unsigned depth;
	bool needs_comma;
};

static void doc_key(struct doc *doc, const char *key)
{
	text_append(doc->out, doc->needs_comma ? ",\n" : doc->depth ? "\n" : "");
	for (unsigned i = 0; i < doc->depth; i++)
		text_append(doc->out, "  ");
	if (key) {
		text_json(doc->out, key);
		text_append(doc->out, ": ");
	}
	doc->needs_comma = true;
}

static void doc_open(struct doc *doc, const char *key, const char *bracket)
{
	doc_key(doc, key);
	text_append(doc->out, bracket);
	doc->depth++;
	doc->needs_comma = false;
}

static void doc_close(struct doc *doc, const char *bracket)
{
	doc->depth--;
	text_append(doc->out, "\n");
	for (unsigned i = 0; i < doc->depth; i++)
		text_append(doc->out, "  ");
	text_append(doc->out, bracket);
	doc->needs_comma = true;
}

static void doc_string(struct doc *doc, const char *key, const char *value)
{
	doc_key(doc, key);
	text_json(doc->out, value);
}

static void doc_flag(struct doc *doc, const char *key, bool value)
{
	doc_key(doc, key);
	text_append(doc->out, value ? "true" : "false");
}

static void doc_enabled(struct doc *doc, const char *key, bool value)
{
	doc_open(doc, key, "{");
	doc_flag(doc, "enabled", value);
	doc_close(doc, "}");
}

static void features_hooks(struct doc *doc)
{
	doc_open(doc, "hooks", "[");
	for (int point = 0; point < SPEC_HOOK_POINT_COUNT; point++)
		doc_string(doc, NULL, hooks_name(point));
	doc_close(doc, "]");
}

static void features_mount_options(struct doc *doc)
{
	const char *word;

	doc_open(doc, "mountOptions", "[");
	for (size_t i = 0; (word = mount_option_word(i)); i++)
		doc_string(doc, NULL, word);
	doc_close(doc, "]");
}

static void features_rooms(struct doc *doc)
{
	const char *name;

	doc_open(doc, "namespaces", "[");
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		doc_string(doc, NULL, spec_ns_name((enum spec_ns)ns));
	doc_close(doc, "]");
	doc_open(doc, "capabilities", "[");
	for (unsigned cap = 0; (name = spec_cap_name(cap)); cap++)
		doc_string(doc, NULL, name);
	doc_close(doc, "]");
	doc_open(doc, "cgroup", "{");
	doc_flag(doc, "v1", true);
	doc_flag(doc, "v2", true);
	doc_flag(doc, "systemd", true);
	doc_flag(doc, "systemdUser", true);
	doc_flag(doc, "rdma", true);
	doc_close(doc, "}");
}

static void features_seccomp(struct doc *doc)
{
	const struct seccomp_action *action;
	const char *name;
	unsigned flag;

	doc_open(doc, "seccomp", "{");
	doc_flag(doc, "enabled", true);
	doc_open(doc, "actions", "[");
	for (size_t i = 0; (action = seccomp_action_at(i)); i++)
		doc_string(doc, NULL, action->name);
	doc_close(doc, "]");
	doc_open(doc, "operators", "[");
	for (unsigned op = 0; (name = seccomp_op_name(op)); op++)
		doc_string(doc, NULL, name);
	doc_close(doc, "]");
	doc_open(doc, "archs", "[");
	for (int arch = 0; arch < SECCOMP_ARCH_COUNT; arch++)
		doc_string(doc, NULL, seccomp_archs[arch].oci_name);
	doc_close(doc, "]");
	doc_open(doc, "knownFlags", "[");
	for (size_t i = 0; (name = seccomp_flag_at(i, &flag)); i++)
		doc_string(doc, NULL, name);
	doc_close(doc, "]");
	doc_open(doc, "supportedFlags", "[");
	for (size_t i = 0; (name = seccomp_flag_at(i, &flag)); i++)
		doc_string(doc, NULL, name);
	doc_close(doc, "]");
	doc_close(doc, "}");
}

static void features_memory_policy(struct doc *doc)
{
	static const char *const modes[] = { "MPOL_DEFAULT",	"MPOL_BIND",
					     "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
					     "MPOL_PREFERRED",	"MPOL_PREFERRED_MANY",
					     "MPOL_LOCAL" };
	static const char *const flags[] = { "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					     "MPOL_F_STATIC_NODES" };

	doc_open(doc, "memoryPolicy", "{");
	doc_open(doc, "modes", "[");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		doc_string(doc, NULL, modes[i]);
	doc_close(doc, "]");
	doc_open(doc, "flags", "[");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		doc_string(doc, NULL, flags[i]);
	doc_close(doc, "]");
	doc_close(doc, "}");
}

static void features_linux(struct doc *doc)
{
	doc_open(doc, "linux", "{");
	features_rooms(doc);
	features_seccomp(doc);
	doc_enabled(doc, "apparmor", false);
	doc_enabled(doc, "selinux", false);
	doc_open(doc, "intelRdt", "{");
	doc_flag(doc, "enabled", false);
	doc_flag(doc, "schemata", false);
	doc_flag(doc, "monitoring", false);
	doc_close(doc, "}");
	features_memory_policy(doc);
	doc_open(doc, "mountExtensions", "{");
	doc_enabled(doc, "idmap", true);
	doc_close(doc, "}");
	doc_enabled(doc, "netDevices", true);
	doc_close(doc, "}");
}

/* Annotations that change what the runtime does to the host: none may come from an image. */
static void features_annotations(struct doc *doc)
{
	static const char *const unsafe[] = { "org.systemd.property.", "run.oci.", "gabion." };

	doc_open(doc, "annotations", "{");
	doc_string(doc, "gabion.version", GABION_VERSION);
	doc_string(doc, "gabion.checkpoint.enabled", "false");
	doc_close(doc, "}");
	doc_open(doc, "potentiallyUnsafeConfigAnnotations", "[");
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(*unsafe); i++)
		doc_string(doc, NULL, unsafe[i]);
	doc_close(doc, "]");
}

void runtime_features(struct text *out)
{
	struct doc doc = { .out = out };

	doc_open(&doc, NULL, "{");
	doc_string(&doc, "ociVersionMin", "1.0.0");
	doc_string(&doc, "ociVersionMax", RUNTIME_SPEC_VERSION);
	features_hooks(&doc);
	features_mount_options(&doc);
	features_linux(&doc);
	features_annotations(&doc);
	doc_close(&doc, "}");
	text_append(out, "\n");
}
