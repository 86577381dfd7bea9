#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "runtime/handover.h"
#include "runtime/making.h"

void making_release(struct making *making)
{
	making->bundle_fd = fd_close(making->bundle_fd);
	making->console_fd = fd_close(making->console_fd);
	sandbox_release(&making->sandbox);
	spec_release(&making->spec);
	container_close(&making->c);
}

int making_load_spec(struct making *making, struct err *e)
{
	struct json_object *document;
	int r;

	r = json_read_at(making->c.dir_fd, "config.json", &document, e);
	if (r == 0)
		r = spec_read(document, &making->c.arena, &making->spec, e);
	return r < 0 ? err_wrap(e, r, "container '%s': saved config", making->c.id) : 0;
}

static void warn_of(const struct spec_strings *warnings)
{
	for (uint32_t i = 0; i < warnings->count; i++)
		log_warning("%s", warnings->items[i]);
}

int making_plan(struct making *making, const char *config_name, bool is_exec, struct err *e)
{
	struct container *c = &making->c;
	const struct plan_request request = {
		.id = c->id,
		.bundle = c->bundle,
		.cgroup_manager = c->cgroup_manager,
		.no_pivot = c->no_pivot,
		.no_new_keyring = c->no_new_keyring,
		.is_exec = is_exec,
	};
	int r;

	r = host_probe(&c->arena, &making->host, e);
	if (r < 0)
		return r;
	if (c->runtime->rootless != RUNTIME_ROOTLESS_AUTO)
		making->host.is_rootless = c->runtime->rootless == RUNTIME_ROOTLESS_YES;
	r = sandbox_plan(&making->spec, &making->host, &request, &c->arena, &making->plan, e);
	if (r < 0)
		return err_wrap(e, r, "%s", config_name);
	warn_of(&making->spec.warnings);
	warn_of(&making->plan.warnings);
	return 0;
}

static int console_pair(struct making *making, int *ret_attend_fd, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "make a socket pair for the terminal");
	making->console_fd = pair[0];
	*ret_attend_fd = pair[1];
	return 0;
}

int making_connect_console(struct making *making, const char *console_socket, int console_fd,
			   bool can_attend, int *ret_attend_fd, struct err *e)
{
	*ret_attend_fd = -EBADF;
	if (!making->spec.process.terminal) {
		if (console_socket)
			return err_set(e, EINVAL,
				       "cannot use console socket if no terminal is allocated "
				       "(process.terminal is false)");
		return 0;
	}
	if (console_socket) {
		making->console_fd = handover_connect(console_socket, "console socket", e);
		return making->console_fd < 0 ? making->console_fd : 0;
	}
	if (console_fd >= 0) {
		making->console_fd = fcntl(console_fd, F_DUPFD_CLOEXEC, 3);
		return making->console_fd < 0 ? err_sys(e, "duplicate the console socket") : 0;
	}
	if (!can_attend)
		return err_set(e, EINVAL,
			       "cannot allocate tty if the container is detached without setting "
			       "console socket");
	return console_pair(making, ret_attend_fd, e);
}

int making_hand_over(const struct making *making, const char *pid_file, const char *pidfd_socket,
		     struct err *e)
{
	int r = 0;

	if (pidfd_socket)
		r = handover_pidfd(pidfd_socket, making->sandbox.pidfd, e);
	if (r == 0 && pid_file)
		r = handover_pid_file(pid_file, making->sandbox.pid, e);
	return r;
}
