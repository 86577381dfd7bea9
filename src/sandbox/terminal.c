#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/plan.h"
#include "sandbox/terminal.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int terminal_send_master(int console_fd, int master_fd, struct err *e)
{
	static char name[] = "/dev/ptmx";
	struct iovec part = { .iov_base = name, .iov_len = sizeof(name) - 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = space.bytes,
				  .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &master_fd, sizeof(int));
	if (sendmsg(console_fd, &message, MSG_NOSIGNAL) < 0)
		return err_sys(e, "send the terminal to the console socket");
	return 0;
}

static int terminal_set_size(const struct spec_process *process, int fd, struct err *e)
{
	struct winsize size = { .ws_row = process->console_height,
				.ws_col = process->console_width };

	if (process->has_console_size && ioctl(fd, TIOCSWINSZ, &size) < 0)
		return err_sys(e, "set the terminal's size (process.consoleSize)");
	return 0;
}

/* Engines copy the master byte for byte: a newline must not become two characters on the way. */
static int terminal_set_modes(int fd, struct err *e)
{
	struct termios modes;

	if (tcgetattr(fd, &modes) < 0)
		return err_sys(e, "read the terminal's modes");
	modes.c_oflag |= OPOST | ONLCR;
	if (tcsetattr(fd, TCSANOW, &modes) < 0)
		return err_sys(e, "set the terminal's modes");
	return 0;
}

int terminal_open_ptmx(struct err *e)
{
	struct open_how how = { .flags = O_RDWR | O_NOCTTY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS };
	own_fd int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/pts/ptmx", &how, sizeof(how));
	struct statfs fs;

	if (fd < 0 && errno == ENOSYS)
		fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, "open '/dev/pts/ptmx' of the container");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(e, EINVAL, "'/dev/pts' of the container is not a devpts");
	return take_fd(&fd);
}

int terminal_open_peer(int ptmx_fd, struct err *e)
{
	int unlocked = 0, fd;

	if (ioctl(ptmx_fd, TIOCSPTLCK, &unlocked) < 0)
		return err_sys(e, "unlock the terminal");
	fd = ioctl(ptmx_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open the terminal") : fd;
}

int terminal_hand_over(const struct plan *plan, int master_fd, int slave_fd, int console_fd,
		       struct err *e)
{
	int r = terminal_set_size(&plan->spec->process, slave_fd, e);

	if (r == 0)
		r = terminal_set_modes(slave_fd, e);
	if (r == 0)
		r = terminal_send_master(console_fd, master_fd, e);
	return r;
}

int terminal_attach(const struct plan *plan, int slave_fd, struct err *e)
{
	const struct spec_user *user = &plan->spec->process.user;

	/* The user must be able to open what it talks to; group tty stays. */
	if (fchown(slave_fd, user->uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL &&
	    errno != EROFS)
		return err_sys(e, "give the terminal to uid %u", user->uid);
	if (ioctl(slave_fd, TIOCSCTTY, 0) < 0)
		return err_sys(e, "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave_fd, fd) < 0)
			return err_sys(e, "make the terminal descriptor %d", fd);
	return 0;
}
