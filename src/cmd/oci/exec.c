#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "cmd/oci/verb.h"
#include "runtime/user.h"

struct exec_values {
	struct runtime_exec_request request;
	struct option_list env;
	struct option_list caps;
	struct option_list additional_gids;
	struct option_number preserve_fds;
};

#define AT(field) offsetof(struct exec_values, field)

static const struct option options[] = {
	{ "process", 'p', OPTION_TEXT, AT(request.process_path), "FILE",
	  "run what this process.json says" },
	{ "console-socket", 0, OPTION_TEXT, AT(request.console_socket), "SOCKET",
	  "send the terminal's master there" },
	{ "pid-file", 0, OPTION_TEXT, AT(request.pid_file), "FILE", "write the pid there" },
	{ "pidfd-socket", 0, OPTION_TEXT, AT(request.pidfd_socket), "SOCKET",
	  "send a pidfd there" },
	{ "detach", 'd', OPTION_FLAG, AT(request.detach), NULL, "do not wait for the process" },
	{ "tty", 't', OPTION_FLAG, AT(request.tty), NULL, "give it a terminal" },
	{ "user", 'u', OPTION_TEXT, AT(request.user), "UID[:GID]", "run as this user" },
	{ "additional-gids", 'g', OPTION_LIST, AT(additional_gids), "GID", "further groups" },
	{ "cwd", 0, OPTION_TEXT, AT(request.cwd), "DIR", "working directory" },
	{ "env", 'e', OPTION_LIST, AT(env), "NAME=VALUE", "add to the environment" },
	{ "cap", 'c', OPTION_LIST, AT(caps), "CAP_NAME", "add a capability" },
	{ "process-label", 0, OPTION_TEXT, AT(request.process_label), "LABEL", "SELinux label" },
	{ "apparmor", 0, OPTION_TEXT, AT(request.apparmor), "NAME", "AppArmor profile" },
	{ "no-new-privs", 0, OPTION_FLAG, AT(request.no_new_privs), NULL,
	  "execve gives no new privileges" },
	{ "preserve-fds", 0, OPTION_NUMBER, AT(preserve_fds), "N",
	  "pass descriptors 3 to 3+N-1 to the process" },
	{ "cgroup", 0, OPTION_TEXT, AT(request.sub_cgroup), "PATH",
	  "run in this cgroup below the container's" },
	{ "ignore-paused", 0, OPTION_FLAG, AT(request.ignore_paused), NULL,
	  "also in a paused container, to run when that is resumed" },
	{ 0 },
};

static struct spec_strings strings_of(const struct option_list *list)
{
	return (struct spec_strings){ .items = list->items, .count = list->count };
}

/* "-g 1,2 -g 3": numbers into @ret_gids, which the caller frees. */
static int gids_read(const struct option_list *list, uint32_t **ret_gids, uint32_t *ret_count,
		     struct err *e)
{
	uint32_t *gids = calloc((size_t)list->count + 1, sizeof(*gids));

	if (!gids)
		return err_oom(e);
	for (uint32_t i = 0; i < list->count; i++) {
		int r = user_parse_id(list->items[i], &gids[i], e);

		if (r < 0) {
			free(gids);
			return r;
		}
	}
	*ret_gids = gids;
	*ret_count = list->count;
	return 0;
}

static int exec_read(struct oci *oci, struct exec_values *values, int words, char **argv,
		     struct err *e)
{
	struct runtime_exec_request *request = &values->request;

	request->id = argv[0];
	/* argv of main() ends in NULL, but the words were moved to the front of it */
	argv[words] = NULL;
	request->args = (struct spec_strings){ .items = (const char **)(uintptr_t)(argv + 1),
					       .count = (uint32_t)(words - 1) };
	request->env = strings_of(&values->env);
	request->caps = strings_of(&values->caps);
	request->has_tty = request->tty;
	if (request->process_path && request->args.count)
		return err_set(e, EINVAL, "exec: a command and --process exclude each other");
	return verb_count_fds(&values->preserve_fds, &request->preserve_fd_count, e);
}

static int exec_run(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e)
{
	struct exec_values values = { .request = RUNTIME_EXEC_REQUEST_INIT };
	uint32_t *gids = NULL;
	int status = 0, r;

	r = verb_read(verb, &values, argc, argv, 1, -1, e);
	if (r >= 0)
		r = exec_read(oci, &values, r, argv, e);
	if (r >= 0)
		r = gids_read(&values.additional_gids, &gids, &values.request.additional_gid_count,
			      e);
	values.request.additional_gids = gids;
	if (r >= 0)
		r = verb_protect(oci, e);
	if (r >= 0)
		r = runtime_exec(&oci->rt, &values.request, &status, e);
	free(gids);
	option_list_release(&values.env);
	option_list_release(&values.caps);
	option_list_release(&values.additional_gids);
	return r < 0 ? r : status;
}

const struct verb verb_exec = {
	.name = "exec",
	.words = "ID [COMMAND [ARGUMENT...]]",
	.summary = "run a further process in a container",
	.options = options,
	.order = OPTIONS_FIRST,
	.run = exec_run,
	.error_status = 255, /* as runc: what the command itself returns is rarely that */
};
