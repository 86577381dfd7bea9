#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/attend.h"
#include "runtime/handover.h"

/* --- signals ------------------------------------------------------------------------------ */

void attend_begin(struct attendance *attendance)
{
	/* what a fault of our own raises must not wait, and SIGPIPE is about our own writes */
	static const int ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,
				    SIGPIPE };
	sigset_t held;

	(void)sigfillset(&held);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		(void)sigdelset(&held, ours[i]);
	attendance->has_mask = sigprocmask(SIG_BLOCK, &held, &attendance->old_mask) == 0;
}

/* --- relaying a terminal ------------------------------------------------------------------ */

/* Bytes on their way from one descriptor to another. */
struct stream {
	int from_fd; /* -EBADF when it has ended */
	int to_fd;
	size_t start;
	size_t end;
	char bytes[8192];
};

static bool stream_is_empty(const struct stream *stream)
{
	return stream->start == stream->end;
}

/* Return: 1 something came; 0 nothing; the stream's source is forgotten at its end. */
static int stream_fill(struct stream *stream)
{
	ssize_t got;

	if (stream->from_fd < 0 || !stream_is_empty(stream))
		return 0;
	got = read(stream->from_fd, stream->bytes, sizeof(stream->bytes));
	if (got > 0) {
		stream->start = 0;
		stream->end = (size_t)got;
		return 1;
	}
	/* a master whose slaves are all closed says EIO */
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		stream->from_fd = -EBADF;
	return 0;
}

static void stream_drain(struct stream *stream)
{
	ssize_t put;

	if (stream_is_empty(stream))
		return;
	put = write(stream->to_fd, stream->bytes + stream->start, stream->end - stream->start);
	if (put > 0)
		stream->start += (size_t)put;
	else if (put < 0 && errno != EAGAIN && errno != EINTR)
		stream->start = stream->end; /* nobody listens any more: the workload goes on */
}

struct watch {
	pid_t pid;
	int pidfd;
	int signal_fd;
	int master_fd; /* -EBADF: no terminal */
	struct stream in;
	struct stream out;
	bool has_ended;
	int status;
};

static void window_size_follow(const struct watch *watch)
{
	struct winsize size;

	if (watch->master_fd >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(watch->master_fd, TIOCSWINSZ, &size);
}

static void reap(struct watch *watch)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == watch->pid) {
			watch->has_ended = true;
			watch->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
							      WEXITSTATUS(status);
		}
	if (pid < 0 && errno == ECHILD && !watch->has_ended) { /* somebody else has reaped it */
		watch->has_ended = true;
		watch->status = 255;
	}
}

static void take_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(watch);
	else if (info.ssi_signo == SIGWINCH && watch->master_fd >= 0)
		window_size_follow(watch);
	else
		(void)pidfd_send_signal(watch->pidfd, (int)info.ssi_signo, NULL, 0);
}

/* One turn: wait until something can be done, do it. */
static int watch_turn(struct watch *watch, struct err *e)
{
	struct stream *in = &watch->in, *out = &watch->out;
	struct pollfd fds[] = {
		{ .fd = watch->signal_fd, .events = POLLIN },
		{ .fd = stream_is_empty(in) ? in->from_fd : -1, .events = POLLIN },
		{ .fd = stream_is_empty(in) ? -1 : in->to_fd, .events = POLLOUT },
		{ .fd = stream_is_empty(out) ? out->from_fd : -1, .events = POLLIN },
		{ .fd = stream_is_empty(out) ? -1 : out->to_fd, .events = POLLOUT },
	};

	if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, "wait for the workload");
	if (fds[1].revents)
		(void)stream_fill(in);
	if (fds[2].revents)
		stream_drain(in);
	if (fds[3].revents)
		(void)stream_fill(out);
	if (fds[4].revents)
		stream_drain(out);
	if (fds[0].revents)
		take_signal(watch);
	return 0;
}

/* What the terminal still holds when the workload has ended. */
static void watch_last_words(struct watch *watch)
{
	if (watch->master_fd < 0)
		return;
	do {
		while (!stream_is_empty(&watch->out))
			stream_drain(&watch->out);
	} while (stream_fill(&watch->out) > 0);
}

static void terminal_make_raw(struct attendance *attendance)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &attendance->old_terminal) < 0)
		return; /* not a terminal: then the bytes go as they are */
	raw = attendance->old_terminal;
	cfmakeraw(&raw);
	attendance->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static int watch_open_terminal(struct watch *watch, struct attendance *attendance, struct err *e)
{
	if (attendance->console_fd < 0)
		return 0;
	watch->master_fd = handover_receive_fd(attendance->console_fd, e);
	if (watch->master_fd < 0)
		return err_wrap(e, watch->master_fd, "terminal");
	(void)fcntl(watch->master_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	watch->in = (struct stream){ .from_fd = STDIN_FILENO, .to_fd = watch->master_fd };
	watch->out = (struct stream){ .from_fd = watch->master_fd, .to_fd = STDOUT_FILENO };
	window_size_follow(watch);
	terminal_make_raw(attendance);
	return 0;
}

int attend(struct attendance *attendance, pid_t pid, int pidfd, int *ret_status, struct err *e)
{
	struct watch watch = { .pid = pid,
			       .pidfd = pidfd,
			       .master_fd = -EBADF,
			       .in = { .from_fd = -EBADF },
			       .out = { .from_fd = -EBADF } };
	own_fd int signal_fd = -EBADF, master_fd = -EBADF;
	sigset_t held;
	int r;

	(void)sigprocmask(SIG_BLOCK, NULL, &held);
	signal_fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return err_sys(e, "watch signals");
	watch.signal_fd = signal_fd;
	r = watch_open_terminal(&watch, attendance, e);
	master_fd = watch.master_fd;
	reap(&watch); /* it may have ended before we looked */
	while (r == 0 && !watch.has_ended)
		r = watch_turn(&watch, e);
	if (r < 0)
		return r;
	watch_last_words(&watch);
	*ret_status = watch.status;
	return 0;
}

void attend_end(struct attendance *attendance)
{
	if (attendance->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &attendance->old_terminal);
	if (attendance->has_mask)
		(void)sigprocmask(SIG_SETMASK, &attendance->old_mask, NULL);
	attendance->console_fd = fd_close(attendance->console_fd);
	attendance->is_raw = attendance->has_mask = false;
}
