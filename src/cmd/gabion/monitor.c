#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/client.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/frame.h"
#include "cmd/gabion/logfile.h"
#include "cmd/gabion/monitor.h"
#include "cmd/gabion/network.h"
#include "cmd/gabion/root.h"
#include "image/client.h"

#define CLIENT_COUNT_MAX   16
#define PENDING_BYTES_MAX  ((size_t)256 << 10) /* output is not read while somebody has this much */
#define DRAIN_MS           200 /* for output of processes that outlive init: only without a pid
				  namespace */

/* Somebody who is attached. */
struct client {
	int fd;
	struct queue out;
	char in[sizeof(struct frame_head) + FRAME_BYTES_MAX]; /* a frame on its way in */
	size_t in_length;
};

struct monitor {
	struct app *app;
	struct box *box;
	struct json_object *config;
	struct client *clients[CLIENT_COUNT_MAX];
	struct logfile log;
	int listen_fd;
	int console_fd;   /* master of the terminal */
	int output_fd[2]; /* ends of pipes: stdout, stderr */
	int input_fd;
	struct queue input;
	bool input_ends;
	bool is_input_once; /* the end of the first one's input is the end of input */
	struct runtime_process process;
	pid_t pasta_pid;
	struct root root;
	bool is_made; /* the runtime knows the container */
};

static volatile sig_atomic_t is_told_to_stop;

static void on_stop(int signal)
{
	(void)signal;
	is_told_to_stop = 1;
}

/* --- state --------------------------------------------------------------------------------- */

static int state_save(struct monitor *m, const char *key, const char *time_key, struct err *e)
{
	struct json_object *state = m->box->state;
	char now[40];

	time_now(now);
	doc_text(state, time_key, now);
	doc_text(state, "Status", key);
	return doc_save(m->box->dir_fd, "state.json", state, e);
}

/* --- clients ------------------------------------------------------------------------------- */

static void client_drop(struct monitor *m, unsigned index)
{
	struct client *client = m->clients[index];

	client->fd = fd_close(client->fd);
	queue_release(&client->out);
	free(client);
	m->clients[index] = NULL;
}

static void client_add(struct monitor *m, int fd)
{
	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++) {
		if (m->clients[i])
			continue;
		m->clients[i] = calloc(1, sizeof(struct client));
		if (!m->clients[i])
			break;
		m->clients[i]->fd = fd;
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		return;
	}
	(void)fd_close(fd);
}

static void tell(struct monitor *m, enum frame_type type, const void *data, size_t length)
{
	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++) {
		struct client *client = m->clients[i];

		if (client && (queue_add_frame(&client->out, type, data, length) < 0 ||
			       queue_flush(&client->out, client->fd) < 0))
			client_drop(m, i);
	}
}

static bool is_behind(const struct monitor *m)
{
	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++)
		if (m->clients[i] && queue_length(&m->clients[i]->out) > PENDING_BYTES_MAX)
			return true;
	return false;
}

/* The last words go out even to a slow reader, but not to one that has stopped reading. */
static void tell_last(struct monitor *m, enum frame_type type, const void *data, size_t length)
{
	tell(m, type, data, length);
	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++) {
		struct client *client = m->clients[i];

		while (client && queue_length(&client->out)) {
			struct pollfd wait = { .fd = client->fd, .events = POLLOUT };

			if (poll(&wait, 1, 10000) <= 0 || queue_flush(&client->out, client->fd) < 0)
				break;
		}
		if (client)
			client_drop(m, i);
	}
}

static void input_take(struct monitor *m, const char *data, size_t length)
{
	if (m->console_fd >= 0 || m->input_fd >= 0)
		(void)queue_add(&m->input, data, length);
}

static void frame_take(struct monitor *m, enum frame_type type, const char *data, size_t length)
{
	struct winsize size;
	int signal;

	switch (type) {
	case FRAME_STDIN:
		input_take(m, data, length);
		break;
	case FRAME_STDIN_END:
		m->input_ends |= m->is_input_once;
		break;
	case FRAME_RESIZE:
		if (length == sizeof(size) && m->console_fd >= 0) {
			memcpy(&size, data, sizeof(size));
			(void)ioctl(m->console_fd, TIOCSWINSZ, &size);
		}
		break;
	case FRAME_SIGNAL:
		if (length == sizeof(signal) && m->process.pidfd >= 0) {
			memcpy(&signal, data, sizeof(signal));
			(void)syscall(SYS_pidfd_send_signal, m->process.pidfd, signal, NULL, 0);
		}
		break;
	case FRAME_STDOUT:
	case FRAME_STDERR:
	case FRAME_STARTED:
	case FRAME_FAULT:
	case FRAME_EXIT:
		break;
	}
}

/* Return: is the client still there? */
static bool client_read(struct monitor *m, struct client *client)
{
	ssize_t got = read(client->fd, client->in + client->in_length,
			   sizeof(client->in) - client->in_length);
	size_t used = 0;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		return false;
	client->in_length += (size_t)got;
	for (;;) {
		struct frame_head head;

		if (client->in_length - used < sizeof(head))
			break;
		memcpy(&head, client->in + used, sizeof(head));
		if (head.length > FRAME_BYTES_MAX || head.type > FRAME_EXIT)
			return false;
		if (client->in_length - used < sizeof(head) + head.length)
			break;
		frame_take(m, (enum frame_type)head.type, client->in + used + sizeof(head), head.length);
		used += sizeof(head) + head.length;
	}
	memmove(client->in, client->in + used, client->in_length - used);
	client->in_length -= used;
	return true;
}

/* --- output and input ---------------------------------------------------------------------- */

/* Return: may there be more? */
static bool output_read(struct monitor *m, int *fd, bool is_stderr)
{
	char data[32 << 10];
	ssize_t got = read(*fd, data, sizeof(data));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0) { /* a terminal says EIO when nobody has it open any more */
		*fd = fd_close(*fd);
		return false;
	}
	logfile_write(&m->log, is_stderr, data, (size_t)got);
	tell(m, is_stderr ? FRAME_STDERR : FRAME_STDOUT, data, (size_t)got);
	return true;
}

static void input_write(struct monitor *m)
{
	int fd = m->console_fd >= 0 ? m->console_fd : m->input_fd;

	if (fd < 0 || queue_flush(&m->input, fd) < 0) {
		queue_release(&m->input);
		m->input_fd = fd_close(m->input_fd);
	}
	if (m->input_ends && !queue_length(&m->input))
		m->input_fd = fd_close(m->input_fd);
}

/* --- the loop ------------------------------------------------------------------------------ */

#define POLL_COUNT_MAX (CLIENT_COUNT_MAX + 6)

struct watch {
	struct pollfd fds[POLL_COUNT_MAX];
	unsigned count;
};

static unsigned watch_add(struct watch *watch, int fd, short events)
{
	watch->fds[watch->count] = (struct pollfd){ .fd = fd, .events = events };
	return watch->count++;
}

static short seen(const struct watch *watch, unsigned index)
{
	return watch->fds[index].revents;
}

/* One round. Return: has init ended? */
static bool round_do(struct monitor *m, int wait_ms)
{
	struct watch watch = { .count = 0 };
	bool stalled = is_behind(m);
	bool is_input_waiting = queue_length(&m->input) > 0 || m->input_ends;
	unsigned process = watch_add(&watch, m->process.pidfd, POLLIN);
	unsigned listening = watch_add(&watch, m->listen_fd, POLLIN);
	unsigned console = watch_add(&watch, m->console_fd,
				     (short)((stalled ? 0 : POLLIN) |
					     (queue_length(&m->input) ? POLLOUT : 0)));
	unsigned out = watch_add(&watch, stalled ? -1 : m->output_fd[0], POLLIN);
	unsigned err = watch_add(&watch, stalled ? -1 : m->output_fd[1], POLLIN);
	unsigned in = watch_add(&watch, is_input_waiting ? m->input_fd : -1, POLLOUT);
	unsigned first = watch.count;

	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++) {
		struct client *client = m->clients[i];
		bool may_read = client && queue_length(&m->input) < PENDING_BYTES_MAX;

		(void)watch_add(&watch, client ? client->fd : -1,
				(short)((may_read ? POLLIN : 0) |
					(client && queue_length(&client->out) ? POLLOUT : 0)));
	}
	if (poll(watch.fds, watch.count, wait_ms) <= 0)
		return false;
	if (seen(&watch, listening)) {
		int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			client_add(m, fd);
	}
	if (seen(&watch, console) & ~POLLOUT)
		(void)output_read(m, &m->console_fd, false);
	if (seen(&watch, out))
		(void)output_read(m, &m->output_fd[0], false);
	if (seen(&watch, err))
		(void)output_read(m, &m->output_fd[1], true);
	for (unsigned i = 0; i < CLIENT_COUNT_MAX; i++) {
		struct client *client = m->clients[i];

		if (!client || watch.fds[first + i].fd != client->fd || !seen(&watch, first + i))
			continue;
		if (((seen(&watch, first + i) & ~POLLOUT) && !client_read(m, client)) ||
		    queue_flush(&client->out, client->fd) < 0)
			client_drop(m, i);
	}
	if (seen(&watch, in) || (seen(&watch, console) & POLLOUT) || m->input_ends)
		input_write(m);
	return seen(&watch, process) & POLLIN;
}

static void drain(struct monitor *m)
{
	for (int waits = DRAIN_MS / 10; waits > 0;) {
		struct pollfd fds[] = { { .fd = m->console_fd, .events = POLLIN },
					{ .fd = m->output_fd[0], .events = POLLIN },
					{ .fd = m->output_fd[1], .events = POLLIN } };

		if (m->console_fd < 0 && m->output_fd[0] < 0 && m->output_fd[1] < 0)
			return;
		if (is_behind(m)) {
			(void)round_do(m, 100);
			continue;
		}
		if (poll(fds, 3, 10) <= 0) {
			waits--;
			continue;
		}
		if (fds[0].revents)
			(void)output_read(m, &m->console_fd, false);
		if (fds[1].revents)
			(void)output_read(m, &m->output_fd[0], false);
		if (fds[2].revents)
			(void)output_read(m, &m->output_fd[1], true);
	}
}

/* Return: the workload's exit status */
static int attend_workload(struct monitor *m)
{
	int status = 0, init_status = 0;
	bool has_ended = false;
	pid_t pid;

	while (!has_ended) {
		if (is_told_to_stop) {
			is_told_to_stop = 0;
			(void)syscall(SYS_pidfd_send_signal, m->process.pidfd, SIGTERM, NULL, 0);
		}
		has_ended = round_do(m, -1);
		/* what the container leaves behind becomes ours */
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != m->process.pid)
				continue;
			init_status = status;
			has_ended = true;
		}
	}
	drain(m);
	return WIFSIGNALED(init_status) ? 128 + WTERMSIG(init_status) : WEXITSTATUS(init_status);
}

/* --- before the workload ------------------------------------------------------------------- */

static int lock_take(const struct box *box, struct err *e)
{
	/* held until we die: the descriptor is never closed */
	int fd = openat(box->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(e, "open the container's lock");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, EALREADY, "container '%.12s' is running", box->id);
	return 0;
}

static int address_of(const struct box *box, struct sockaddr_un *address)
{
	/* the path of a socket has little room; that of a descriptor always fits */
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/attach.sock",
		       box->dir_fd);
	return 0;
}

static int listen_open(struct monitor *m, struct err *e)
{
	struct sockaddr_un address;

	(void)address_of(m->box, &address);
	(void)unlinkat(m->box->dir_fd, "attach.sock", 0);
	m->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listen_fd < 0 ||
	    bind(m->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(m->box->dir_fd, "attach.sock", 0600, 0) < 0 || listen(m->listen_fd, 8) < 0)
		return err_sys(e, "listen on attach.sock");
	return 0;
}

/* A mount namespace of our own: what we mount is gone when we are. The container's directory is
 * opened again, for descriptors stay in the namespace that they come from. */
static int mounts_unshare(struct monitor *m, struct err *e)
{
	int fd;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "unshare the mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(e, "make mounts private");
	fd = open(box_path(m->app, m->box, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open the container's directory");
	(void)fd_close(m->box->dir_fd);
	m->box->dir_fd = fd;
	return 0;
}

static bool wants_shared_mounts(struct json_object *meta)
{
	struct json_object *mounts = doc_at(meta, "Mounts");

	for (size_t i = 0; i < doc_count(mounts); i++)
		if (strstr(doc_text_at(json_object_array_get_idx(mounts, i), "Propagation", ""),
			   "shared"))
			return true;
	return false;
}

/* The workload's ends of what it reads and writes, and ours. */
struct streams {
	int stdio[3];
	int console_pair[2]; /* the runtime sends the terminal's master through it */
};

static void streams_close(struct streams *streams)
{
	for (int i = 0; i < 3; i++)
		streams->stdio[i] = fd_close(streams->stdio[i]);
	for (int i = 0; i < 2; i++)
		streams->console_pair[i] = fd_close(streams->console_pair[i]);
}

static int streams_open(struct monitor *m, struct streams *streams, struct err *e)
{
	bool is_tty = doc_flag_at(m->box->meta, "Config.Tty");
	int pair[2];

	*streams = (struct streams){ .stdio = { -EBADF, -EBADF, -EBADF },
				     .console_pair = { -EBADF, -EBADF } };
	if (is_tty) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams->console_pair) < 0)
			return err_sys(e, "make a socket for the terminal");
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		if (pipe2(pair, O_CLOEXEC) < 0)
			return err_sys(e, "make a pipe");
		m->output_fd[i] = pair[0];
		streams->stdio[i + 1] = pair[1];
	}
	if (!doc_flag_at(m->box->meta, "Config.OpenStdin")) {
		streams->stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return streams->stdio[0] < 0 ? err_sys(e, "open '/dev/null'") : 0;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	streams->stdio[0] = pair[0];
	m->input_fd = pair[1];
	(void)fcntl(m->input_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* The terminal's master arrives as SCM_RIGHTS. */
static int console_receive(int fd, int *ret_console_fd, struct err *e)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char name[512];
	struct iovec iov = { .iov_base = name, .iov_len = sizeof(name) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head;

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return err_sys(e, "receive the terminal");
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int)))
		return err_set(e, EPROTO, "no terminal was sent");
	memcpy(ret_console_fd, CMSG_DATA(head), sizeof(int));
	(void)fcntl(*ret_console_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int workload_start(struct monitor *m, struct err *e)
{
	struct runtime_create_request request = RUNTIME_CREATE_REQUEST_INIT;
	struct streams streams;
	char bundle[PATH_MAX];
	int r;

	r = streams_open(m, &streams, e);
	if (r < 0)
		goto out;
	(void)snprintf(bundle, sizeof(bundle), "%s", box_path(m->app, m->box, ""));
	bundle[strlen(bundle) - 1] = '\0';
	request.id = m->box->id;
	request.bundle = bundle;
	request.document = m->config;
	for (int i = 0; i < 3; i++)
		request.stdio_fds[i] = streams.stdio[i] >= 0 ? streams.stdio[i] : i;
	request.console_fd = streams.console_pair[1];
	r = runtime_launch(&m->app->runtime, &request, &m->process, e);
	if (r < 0)
		goto out;
	m->is_made = true;
	if (streams.console_pair[0] >= 0)
		r = console_receive(streams.console_pair[0], &m->console_fd, e);
out:
	streams_close(&streams);
	return r;
}

static int prepare(struct monitor *m, struct err *e)
{
	int r;

	r = json_read_at(m->box->dir_fd, "config.json", &m->config, e);
	if (r == 0 && !wants_shared_mounts(m->box->meta))
		r = mounts_unshare(m, e);
	if (r == 0)
		r = root_mount(m->app, m->box, m->config, &m->root, e);
	if (r == 0)
		r = network_up(m->app, m->box, m->config, &m->pasta_pid, e);
	if (r == 0)
		r = doc_save(m->box->dir_fd, "config.json", m->config, e);
	if (r == 0 && strcmp(doc_text_at(m->box->meta, "HostConfig.LogConfig.Type", ""), "none") != 0)
		r = logfile_open(&m->log, m->box->dir_fd, e);
	if (r == 0)
		r = listen_open(m, e);
	if (r == 0)
		r = workload_start(m, e);
	if (r < 0)
		return r;
	doc_number(m->box->state, "Pid", m->process.pid);
	doc_number(m->box->state, "MonitorPid", getpid());
	return state_save(m, "running", "StartedAt", e);
}

/* --- after it ------------------------------------------------------------------------------ */

static void take_down(struct monitor *m)
{
	struct err ignored = { 0 };

	if (m->is_made && runtime_delete(&m->app->runtime, m->box->id, true, &ignored) < 0)
		log_error("%s", ignored.text);
	network_down(m->app, m->box, m->pasta_pid);
	root_unmount(&m->root);
	logfile_close(&m->log);
	m->listen_fd = fd_close(m->listen_fd);
	(void)unlinkat(m->box->dir_fd, "attach.sock", 0);
}

static void remove_if_asked(struct monitor *m)
{
	struct err ignored = { 0 };

	if (doc_flag_at(m->box->meta, "HostConfig.AutoRemove") &&
	    box_forget(m->app, m->box, &ignored) < 0)
		log_error("%s", ignored.text);
}

static void monitor_run(struct app *app, struct box *box, int first_fd)
{
	struct monitor m = { .app = app, .box = box, .listen_fd = -EBADF, .console_fd = -EBADF,
			     .output_fd = { -EBADF, -EBADF }, .input_fd = -EBADF,
			     .log = { .fd = -EBADF }, .process = { .pidfd = -EBADF },
			     .root = { .is_mounted = false } };
	struct err e = { 0 };
	int status;

	client_add(&m, first_fd);
	if (lock_take(box, &e) < 0) {
		tell_last(&m, FRAME_FAULT, &e, sizeof(e));
		return;
	}
	own_json_drop(&box->state);
	box->state = doc_new();
	m.is_input_once = doc_flag_at(box->meta, "Config.StdinOnce");
	if (prepare(&m, &e) < 0) {
		struct err ignored = { 0 };

		take_down(&m);
		doc_number(box->state, "ExitCode", status_of_fault(&e));
		doc_text(box->state, "Error", e.text);
		(void)state_save(&m, "created", "FinishedAt", &ignored);
		remove_if_asked(&m);
		tell_last(&m, FRAME_FAULT, &e, sizeof(e));
		return;
	}
	tell(&m, FRAME_STARTED, NULL, 0);
	status = attend_workload(&m);
	take_down(&m);
	doc_number(box->state, "ExitCode", status);
	doc_number(box->state, "Pid", 0);
	(void)state_save(&m, "exited", "FinishedAt", &e);
	remove_if_asked(&m);
	tell_last(&m, FRAME_EXIT, &status, sizeof(status));
}

static void stdio_to_null(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; fd >= 0 && i < 3; i++)
		(void)dup2(fd, i);
	if (fd > 2)
		(void)close(fd);
}

int monitor_start(struct app *app, struct box *box, int *ret_fd, struct err *e)
{
	int pair[2];
	pid_t pid;

	if (box_is_alive(box))
		return err_set(e, EALREADY, "container '%.12s' is running", box->id);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "make a socket");
	pid = fork();
	if (pid < 0) {
		int r = err_sys(e, "fork");

		(void)fd_close(pair[0]);
		(void)fd_close(pair[1]);
		return r;
	}
	if (pid == 0) {
		struct sigaction stop = { .sa_handler = on_stop };

		(void)fd_close(pair[0]);
		(void)setsid();
		(void)prctl(PR_SET_NAME, "gabion-monitor");
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		(void)signal(SIGPIPE, SIG_IGN);
		(void)signal(SIGHUP, SIG_IGN);
		(void)sigaction(SIGTERM, &stop, NULL);
		(void)umask(022);
		(void)!chdir("/");
		stdio_to_null();
		monitor_run(app, box, pair[1]);
		_exit(0);
	}
	(void)fd_close(pair[1]);
	*ret_fd = pair[0];
	return 0;
}

int monitor_attach(struct box *box, int *ret_fd, struct err *e)
{
	struct sockaddr_un address;
	own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "make a socket");
	(void)address_of(box, &address);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == ENOENT || errno == ECONNREFUSED ?
			       err_set(e, ESRCH, "container '%.12s' is not running", box->id) :
			       err_sys(e, "attach to container '%.12s'", box->id);
	*ret_fd = take_fd(&fd);
	return 0;
}

bool monitor_wait(const struct box *box, int wait_ms)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (int waited = 0; box_is_alive(box); waited += 5) {
		if (wait_ms >= 0 && waited >= wait_ms)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}
