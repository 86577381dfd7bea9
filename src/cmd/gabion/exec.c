/*
 * gabion exec: a further process in a container that runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/client.h"
#include "cmd/gabion/doc.h"
#include "image/user.h"

struct exec_options {
	bool detach, interactive, tty, privileged;
	const char *user, *workdir;
	struct option_list env;
};

#define AT(member) offsetof(struct exec_options, member)

static const struct option exec_table[] = {
	{ "detach", 'd', OPTION_FLAG, AT(detach), NULL, "do not wait for it" },
	{ "detach-keys", 0, OPTION_IGNORE_TEXT, 0, NULL, NULL },
	{ "env", 'e', OPTION_LIST, AT(env), "NAME[=VALUE]", "set a variable" },
	{ "interactive", 'i', OPTION_FLAG, AT(interactive), NULL, "pass standard input on" },
	{ "privileged", 0, OPTION_FLAG, AT(privileged), NULL, "with all capabilities" },
	{ "tty", 't', OPTION_FLAG, AT(tty), NULL, "give it a terminal" },
	{ "user", 'u', OPTION_TEXT, AT(user), "USER[:GROUP]", "who it runs as" },
	{ "workdir", 'w', OPTION_TEXT, AT(workdir), "PATH", "where it starts" },
	{ 0 },
};

static int user_find(struct app *app, pid_t pid, const char *word,
		     struct runtime_exec_request *request, struct err *e)
{
	char path[64];
	own_fd int root_fd = -EBADF;
	struct user user;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(e, "open the container's root");
	r = user_resolve(root_fd, word, &app->arena, &user, e);
	if (r < 0)
		return r;
	request->user = arena_printf(&app->arena, "%u:%u", user.uid, user.gid);
	request->additional_gids = user.groups;
	request->additional_gid_count = (uint32_t)user.group_count;
	return request->user ? 0 : err_oom(e);
}

static int env_collect(struct app *app, const struct option_list *list, struct spec_strings *env,
		       struct err *e)
{
	const char **items = arena_new_array(&app->arena, const char *, (size_t)list->count + 1);

	if (!items)
		return err_oom(e);
	for (uint32_t i = 0; i < list->count; i++) {
		const char *word = list->items[i], *value = getenv(word);

		if (!strchr(word, '=') && !value)
			continue;
		items[env->count++] = strchr(word, '=') ? word :
							  arena_printf(&app->arena, "%s=%s", word, value);
	}
	env->items = items;
	return 0;
}

/* The list must end where the words do; what follows them in argv are the options. */
static int args_collect(struct app *app, char **words, int count, struct spec_strings *args,
			struct err *e)
{
	args->items = arena_new_array(&app->arena, const char *, (size_t)count + 1);
	if (!args->items)
		return err_oom(e);
	for (int i = 0; i < count; i++)
		args->items[args->count++] = words[i];
	return 0;
}

static int caps_all(struct app *app, struct spec_strings *caps, struct err *e)
{
	caps->items = arena_new_array(&app->arena, const char *, 65);
	if (!caps->items)
		return err_oom(e);
	for (unsigned cap = 0; spec_cap_name(cap); cap++)
		caps->items[caps->count++] = spec_cap_name(cap);
	return 0;
}

static int run(struct app *app, const struct exec_options *options, char **words, int count,
	       struct err *e)
{
	struct runtime_exec_request request = RUNTIME_EXEC_REQUEST_INIT;
	own_fd int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	own_box struct box box = BOX_NONE;
	int status = 0, r;
	pid_t pid;

	if (count < 2)
		return err_set(e, EINVAL, "a container and a command must be named");
	if (options->tty && options->interactive && !options->detach && !isatty(STDIN_FILENO))
		return err_set(e, ENOTTY, "the input device is not a TTY");
	r = box_find(app, words[0], &box, e);
	if (r < 0)
		return r;
	pid = box_pid(app, &box);
	if (!pid)
		return err_set(e, ESRCH, "container '%s' is not running", words[0]);
	request.id = box.id;
	r = args_collect(app, words + 1, count - 1, &request.args, e);
	if (r < 0)
		return r;
	request.cwd = options->workdir;
	request.has_tty = true;
	request.tty = options->tty;
	request.detach = options->detach;
	if (!options->interactive && !options->tty && null_fd >= 0)
		request.stdio_fds[0] = null_fd;
	if (options->user)
		r = user_find(app, pid, options->user, &request, e);
	if (r == 0)
		r = env_collect(app, &options->env, &request.env, e);
	if (r == 0 && options->privileged)
		r = caps_all(app, &request.caps, e);
	if (r < 0)
		return r;
	r = runtime_exec(&app->runtime, &request, &status, e);
	if (r < 0) {
		log_error("%s", e->text);
		return status_of_fault(e);
	}
	return status;
}

int exec_command(struct app *app, int argc, char **argv, struct err *e)
{
	struct exec_options options = { 0 };
	int words, r;

	r = options_read(exec_table, OPTIONS_FIRST, &options, argc, argv, &words, e);
	if (r == 0)
		r = run(app, &options, argv, words, e);
	option_list_release(&options.env);
	return r < 0 ? err_wrap(e, r, "exec") : r;
}
