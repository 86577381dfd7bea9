#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/client.h"
#include "cmd/gabion/frame.h"

#define DETACH_KEY_COUNT_MAX 8

struct keys {
	char codes[DETACH_KEY_COUNT_MAX];
	unsigned count;
	unsigned matched;
};

struct session {
	int fd;
	const struct client_options *options;
	struct keys keys;
	struct termios saved;
	bool is_raw;
	bool input_ended;
	bool has_left;
};

/* --- detach keys --------------------------------------------------------------------------- */

/* "ctrl-p,ctrl-q", "a,b,ctrl-@": letters, or ctrl- with one of a-z @ [ ] \ ^ _ */
static int keys_parse(const char *text, struct keys *keys, struct err *e)
{
	*keys = (struct keys){ 0 };
	for (const char *at = text; *at;) {
		size_t length = strcspn(at, ",");
		char code;

		if (keys->count == DETACH_KEY_COUNT_MAX)
			return err_set(e, EINVAL, "--detach-keys '%s': too many keys", text);
		if (length == 1)
			code = at[0];
		else if (length == 6 && strncasecmp(at, "ctrl-", 5) == 0)
			code = (char)(at[5] & 0x1f);
		else
			return err_set(e, EINVAL, "--detach-keys '%s': expected letters and ctrl-X", text);
		keys->codes[keys->count++] = code;
		at += length;
		at += *at == ',';
	}
	return 0;
}

/* Pass on what is no part of the sequence. Return: was the sequence completed? */
static bool keys_filter(struct session *session, const char *data, size_t length)
{
	struct keys *keys = &session->keys;
	char out[4096 + DETACH_KEY_COUNT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (keys->count && data[i] == keys->codes[keys->matched]) {
			if (++keys->matched == keys->count)
				return true;
			continue;
		}
		memcpy(out + used, keys->codes, keys->matched); /* a false start */
		used += keys->matched;
		keys->matched = keys->count && data[i] == keys->codes[0];
		if (!keys->matched)
			out[used++] = data[i];
	}
	if (used)
		(void)frame_send(session->fd, FRAME_STDIN, out, used);
	return false;
}

/* --- terminal and signals ------------------------------------------------------------------ */

static void terminal_raw(struct session *session)
{
	struct termios raw;

	if (!session->options->is_tty || !session->options->sends_input ||
	    tcgetattr(STDIN_FILENO, &session->saved) < 0)
		return;
	raw = session->saved;
	cfmakeraw(&raw);
	session->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void terminal_restore(struct session *session)
{
	if (session->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &session->saved);
	session->is_raw = false;
}

static void size_send(const struct session *session)
{
	struct winsize size;

	if (session->options->is_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
		(void)frame_send(session->fd, FRAME_RESIZE, &size, sizeof(size));
}

static int signals_take(const struct session *session, sigset_t *ret_old)
{
	static const int proxied[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
				       SIGUSR2, SIGCONT, SIGALRM };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	if (session->options->proxies_signals)
		for (size_t i = 0; i < sizeof(proxied) / sizeof(proxied[0]); i++)
			(void)sigaddset(&set, proxied[i]);
	(void)sigprocmask(SIG_BLOCK, &set, ret_old);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void signal_pass(const struct session *session, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGWINCH)
			size_send(session);
		else
			(void)frame_send(session->fd, FRAME_SIGNAL, &signal, sizeof(signal));
	}
}

/* --- streams ------------------------------------------------------------------------------- */

static void input_pass(struct session *session)
{
	char data[4096];
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		session->input_ended = true;
		(void)frame_send(session->fd, FRAME_STDIN_END, NULL, 0);
	} else if (session->options->is_tty) {
		session->has_left = keys_filter(session, data, (size_t)got);
	} else {
		(void)frame_send(session->fd, FRAME_STDIN, data, (size_t)got);
	}
}

/* Return: 0; -errno when nobody reads us any more. */
static int output_write(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t put = write(fd, data, length);

		if (put < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			(void)poll(&wait, 1, -1);
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		data += put;
		length -= (size_t)put;
	}
	return 0;
}

/* Return: 1 to go on; 0 when it is over, with @ret_status set; -errno. */
static int frame_pass(const struct session *session, int *ret_status, struct err *e)
{
	static char data[FRAME_BYTES_MAX];
	enum frame_type type;
	size_t length;
	int r;

	r = frame_receive(session->fd, &type, data, &length);
	if (r <= 0)
		return err_set(e, r < 0 ? -r : ECONNRESET, "the container's monitor went away");
	switch (type) {
	case FRAME_STDOUT:
		(void)output_write(STDOUT_FILENO, data, length);
		return 1;
	case FRAME_STDERR:
		(void)output_write(STDERR_FILENO, data, length);
		return 1;
	case FRAME_EXIT:
		if (length != sizeof(*ret_status))
			return err_set(e, EPROTO, "bad frame from the container's monitor");
		memcpy(ret_status, data, sizeof(*ret_status));
		return 0;
	case FRAME_FAULT:
		if (length == sizeof(*e))
			memcpy(e, data, length);
		return e->code ? -e->code : -EPROTO;
	case FRAME_STARTED:
	case FRAME_STDIN:
	case FRAME_STDIN_END:
	case FRAME_RESIZE:
	case FRAME_SIGNAL:
		return 1;
	}
	return 1;
}

int client_await(int fd, struct err *e)
{
	char data[FRAME_BYTES_MAX];
	enum frame_type type;
	size_t length;
	int r;

	r = frame_receive(fd, &type, data, &length);
	if (r <= 0)
		return err_set(e, r < 0 ? -r : ECONNRESET, "the container's monitor went away");
	if (type == FRAME_FAULT && length == sizeof(*e)) {
		memcpy(e, data, length);
		return -e->code;
	}
	return 0;
}

static int attend(struct session *session, int signal_fd, int *ret_status, struct err *e)
{
	for (;;) {
		bool reads = session->options->sends_input && !session->input_ended;
		struct pollfd fds[] = { { .fd = session->fd, .events = POLLIN },
					{ .fd = signal_fd, .events = POLLIN },
					{ .fd = reads ? STDIN_FILENO : -1, .events = POLLIN } };
		int r;

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return err_sys(e, "wait for the container");
		if (fds[1].revents)
			signal_pass(session, signal_fd);
		if (fds[2].revents)
			input_pass(session);
		if (session->has_left) {
			*ret_status = CLIENT_DETACHED;
			return 0;
		}
		if (!fds[0].revents)
			continue;
		r = frame_pass(session, ret_status, e);
		if (r <= 0)
			return r;
	}
}

int client_attend(int fd, const struct client_options *options, int *ret_status, struct err *e)
{
	struct session session = { .fd = fd, .options = options };
	own_fd int signal_fd = -EBADF;
	sigset_t old;
	int r;

	r = keys_parse(options->detach_keys ? options->detach_keys : "ctrl-p,ctrl-q", &session.keys, e);
	if (r < 0)
		return r;
	signal_fd = signals_take(&session, &old);
	terminal_raw(&session);
	size_send(&session);
	r = attend(&session, signal_fd, ret_status, e);
	terminal_restore(&session);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* Docker decides by the words, and so the same text gives the same status here. */
int status_of_fault(const struct err *e)
{
	if (!strstr(e->text, "exec"))
		return STATUS_FAULT;
	if (strcasestr(e->text, "permission denied") || strcasestr(e->text, "is a directory"))
		return 126;
	if (strcasestr(e->text, "executable file not found") ||
	    strcasestr(e->text, "no such file or directory") ||
	    strcasestr(e->text, "not a directory"))
		return 127;
	return STATUS_FAULT;
}
