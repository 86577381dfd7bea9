/*
 * gabion stop, kill, rm, wait, pause, unpause, attach: what is done to containers that are there.
 */
#include <errno.h>
#include <signal.h>
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
#include "cmd/gabion/monitor.h"
#include "cmd/gabion/root.h"
#include "cmd/gabion/signal_name.h"

struct life_options {
	bool force;
	bool volumes;
	bool all;
	bool no_stdin;
	struct option_number seconds;
	const char *signal;
	const char *detach_keys;
	bool sig_proxy;
};

#define AT(member) offsetof(struct life_options, member)

typedef int life_fn(struct app *app, struct box *box, const struct life_options *options,
		    struct err *e);

/* Do it to each that is named; one that fails does not keep the others from it. */
static int each(struct app *app, const struct option *table, const char *verb, life_fn *act, int argc,
		char **argv, struct err *e)
{
	struct life_options options = { .sig_proxy = true };
	int words, r, failed = 0;

	r = options_read(table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r < 0)
		return err_wrap(e, r, "%s", verb);
	if (!words)
		return err_set(e, EINVAL, "%s: a container must be named", verb);
	for (int i = 0; i < words; i++) {
		own_box struct box box = BOX_NONE;
		struct err fault = { 0 };

		r = box_find(app, argv[i], &box, &fault);
		if (r == -ENOENT && options.force)
			continue;
		if (r == 0)
			r = act(app, &box, &options, &fault);
		if (r == 0) {
			(void)puts(argv[i]);
			continue;
		}
		log_error("%s", fault.text);
		failed = 1;
	}
	return failed;
}

static int signal_read(const char *word, int *ret_signal, struct err *e)
{
	*ret_signal = signal_parse(word);
	return *ret_signal ? 0 : err_set(e, EINVAL, "invalid signal: %s", word);
}

/* --- stop, kill, pause --------------------------------------------------------------------- */

static int kill_and_wait(struct app *app, struct box *box, struct err *e)
{
	struct err ignored = { 0 };
	int r = runtime_kill(&app->runtime, box->id, SIGKILL, false, e);

	if (r < 0 && !box_is_alive(box))
		return 0;
	if (r < 0)
		return r;
	(void)runtime_resume(&app->runtime, box->id, &ignored); /* a frozen one cannot die */
	if (!monitor_wait(box, 30000))
		return err_set(e, ETIMEDOUT, "container '%.12s' does not end", box->id);
	return 0;
}

static int stop(struct app *app, struct box *box, const struct life_options *options, struct err *e)
{
	const char *word = options->signal ? options->signal :
					     doc_text_at(box->meta, "Config.StopSignal", "SIGTERM");
	int64_t seconds = options->seconds.is_given ? options->seconds.value :
						      doc_number_at(box->meta, "Config.StopTimeout", 10);
	struct err ignored = { 0 };
	int signal, r;

	if (!box_is_alive(box))
		return 0;
	r = signal_read(word, &signal, e);
	if (r < 0)
		return r;
	r = runtime_kill(&app->runtime, box->id, signal, false, &ignored);
	if (r < 0 && !box_is_alive(box))
		return 0;
	if (monitor_wait(box, seconds < 0 ? -1 : seconds > 86400 ? 86400000 : (int)seconds * 1000))
		return 0;
	return kill_and_wait(app, box, e);
}

int stop_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const struct option table[] = {
		{ "time", 't', OPTION_NUMBER, AT(seconds), "SECONDS", "before it is killed" },
		{ "timeout", 0, OPTION_NUMBER, AT(seconds), NULL, NULL },
		{ "signal", 's', OPTION_TEXT, AT(signal), "SIGNAL", "what is sent first" },
		{ 0 },
	};

	return each(app, table, "stop", stop, argc, argv, e);
}

static int kill_one(struct app *app, struct box *box, const struct life_options *options,
		    struct err *e)
{
	int signal, r;

	if (!box_is_alive(box))
		return err_set(e, ESRCH, "cannot kill container '%.12s': it is not running", box->id);
	r = signal_read(options->signal ? options->signal : "KILL", &signal, e);
	if (r < 0)
		return r;
	if (signal == SIGKILL)
		return kill_and_wait(app, box, e);
	return runtime_kill(&app->runtime, box->id, signal, false, e);
}

int kill_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const struct option table[] = {
		{ "signal", 's', OPTION_TEXT, AT(signal), "SIGNAL", "in place of KILL" },
		{ 0 },
	};

	return each(app, table, "kill", kill_one, argc, argv, e);
}

static const struct option no_options[] = { { 0 } };

static int pause_one(struct app *app, struct box *box, const struct life_options *options,
		     struct err *e)
{
	return runtime_pause(&app->runtime, box->id, e);
}

int pause_command(struct app *app, int argc, char **argv, struct err *e)
{
	return each(app, no_options, "pause", pause_one, argc, argv, e);
}

static int unpause_one(struct app *app, struct box *box, const struct life_options *options,
		       struct err *e)
{
	return runtime_resume(&app->runtime, box->id, e);
}

int unpause_command(struct app *app, int argc, char **argv, struct err *e)
{
	return each(app, no_options, "unpause", unpause_one, argc, argv, e);
}

/* --- rm, wait ------------------------------------------------------------------------------ */

static int rm_one(struct app *app, struct box *box, const struct life_options *options,
		  struct err *e)
{
	struct err ignored = { 0 };
	int r;

	if (box_is_alive(box)) {
		if (!options->force)
			return err_set(e, EBUSY,
				       "cannot remove container '%.12s': it is running; stop it first or "
				       "use --force",
				       box->id);
		r = kill_and_wait(app, box, e);
		if (r < 0)
			return r;
		if (doc_flag_at(box->meta, "HostConfig.AutoRemove"))
			return 0; /* its monitor has removed it */
	}
	/* what a monitor that was killed may have left with the runtime */
	(void)runtime_delete(&app->runtime, box->id, true, &ignored);
	return box_forget(app, box, e);
}

int rm_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const struct option table[] = {
		{ "force", 'f', OPTION_FLAG, AT(force), NULL, "kill it first when it runs" },
		{ "volumes", 'v', OPTION_FLAG, AT(volumes), NULL, NULL },
		{ 0 },
	};

	return each(app, table, "rm", rm_one, argc, argv, e);
}

int wait_command(struct app *app, int argc, char **argv, struct err *e)
{
	if (!argc)
		return err_set(e, EINVAL, "wait: a container must be named");
	for (int i = 0; i < argc; i++) {
		own_box struct box box = BOX_NONE;
		int r = box_find(app, argv[i], &box, e);

		if (r < 0)
			return r;
		(void)monitor_wait(&box, -1);
		r = box_reload(&box, e);
		if (r < 0)
			return r;
		(void)printf("%lld\n", (long long)doc_number_at(box.state, "ExitCode", 0));
	}
	return 0;
}

/* --- attach -------------------------------------------------------------------------------- */

int attach_command(struct app *app, int argc, char **argv, struct err *e)
{
	static const struct option table[] = {
		{ "no-stdin", 0, OPTION_FLAG, AT(no_stdin), NULL, "do not pass standard input on" },
		{ "sig-proxy", 0, OPTION_FLAG, AT(sig_proxy), NULL, "pass signals on" },
		{ "detach-keys", 0, OPTION_TEXT, AT(detach_keys), "KEYS", "how to leave" },
		{ 0 },
	};
	struct life_options options = { .sig_proxy = true };
	struct client_options client = { 0 };
	own_box struct box box = BOX_NONE;
	own_fd int fd = -EBADF;
	int words, status, r;

	r = options_read(table, OPTIONS_ANYWHERE, &options, argc, argv, &words, e);
	if (r == 0 && words != 1)
		r = err_set(e, EINVAL, "one container must be named");
	if (r < 0)
		return err_wrap(e, r, "attach");
	r = box_find(app, argv[0], &box, e);
	if (r == 0)
		r = monitor_attach(&box, &fd, e);
	if (r < 0)
		return r;
	client.is_tty = doc_flag_at(box.meta, "Config.Tty");
	client.sends_input = doc_flag_at(box.meta, "Config.OpenStdin") && !options.no_stdin;
	client.proxies_signals = options.sig_proxy && !client.is_tty;
	client.detach_keys = options.detach_keys;
	r = client_attend(fd, &client, &status, e);
	if (r < 0)
		return r;
	return status == CLIENT_DETACHED ? 0 : status;
}
