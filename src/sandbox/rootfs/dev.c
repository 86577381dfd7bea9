#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/rootfs/internal.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sys/guard.h"
#include "sys/path.h"

static bool is_bound(const struct rootfs_plan *plan, const struct rootfs *rootfs,
		     const struct rootfs_device *device)
{
	return (plan->binds_devices || rootfs->cannot_mknod) && !S_ISFIFO(device->mode);
}

static int give_away(int dir_fd, const char *name, const struct rootfs_device *device,
		     struct err *e)
{
	if (device->uid == 0 && device->gid == 0)
		return 0;
	if (fchownat(dir_fd, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return err_sys(e, "give device '%s' to %u:%u", device->path, device->uid, device->gid);
	return 0;
}

/* A directory below the still hidden /dev, for a device such as "net/tun". */
static int make_dirs_of(int dev_fd, const char *name, struct err *e)
{
	char leaf[PATH_LEAF_BYTES];
	int fd;

	if (!strchr(name, '/'))
		return 0;
	fd = path_open_parent(dev_fd, name, leaf, e);
	if (fd < 0)
		return fd;
	(void)fd_close(fd);
	return 0;
}

static int fill_device(const struct rootfs_plan *plan, struct rootfs *rootfs,
		       const struct rootfs_device *device, int dev_fd, struct err *e)
{
	int r;

	r = make_dirs_of(dev_fd, device->name, e);
	if (r < 0)
		return r;
	if (!is_bound(plan, rootfs, device)) {
		if (mknodat(dev_fd, device->name, device->mode, device->dev) == 0)
			return give_away(dev_fd, device->name, device, e);
		if (errno != EPERM)
			return err_sys(e, "make device '%s'", device->path);
		rootfs->cannot_mknod = true;
	}
	/* something to mount the host's on */
	if (mknodat(dev_fd, device->name, S_IFREG | 0666, 0) < 0)
		return err_sys(e, "make '%s'", device->path);
	return 0;
}

int dev_fill(const struct rootfs_plan *plan, struct rootfs *rootfs, int dev_fd, struct err *e)
{
	int r;

	for (uint32_t i = 0; i < plan->device_count; i++) {
		if (!plan->devices[i].name)
			continue;
		r = fill_device(plan, rootfs, &plan->devices[i], dev_fd, e);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < plan->link_count; i++)
		if (plan->links[i].name &&
		    symlinkat(plan->links[i].target, dev_fd, plan->links[i].name) < 0)
			return err_sys(e, "make link '%s'", plan->links[i].path);
	for (uint32_t i = 0; i < plan->dev_dir_count; i++)
		if (mkdirat(dev_fd, plan->dev_dirs[i], 0755) < 0 && errno != EEXIST)
			return err_sys(e, "make directory '/dev/%s'", plan->dev_dirs[i]);
	return 0;
}

/* --- devices of the host ------------------------------------------------------------------ */

/* Show the host's device, if it is the one that was asked for. */
static int bind_device(struct rootfs *rootfs, const struct rootfs_device *device, struct err *e)
{
	own_fd int target_fd = -EBADF;
	own_fd int fd = mounter_clone(&rootfs->mounter, AT_FDCWD, device->path, 0, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at '%s'", device->path);
	if ((st.st_mode & S_IFMT) != (device->mode & S_IFMT) || st.st_rdev != device->dev)
		return err_set(e, ENODEV, "the host's '%s' is not device %u:%u", device->path,
			       major(device->dev), minor(device->dev));
	if (device->name)
		return mounter_attach_at(&rootfs->mounter, fd, rootfs->dev_fd, device->name, e);
	target_fd = path_make_file(rootfs->root_fd, device->path, 0666, NULL, e);
	return target_fd < 0 ? target_fd : mounter_attach(&rootfs->mounter, fd, target_fd, e);
}

static int finish_device(const struct rootfs_plan *plan, struct rootfs *rootfs,
			 const struct rootfs_device *device, struct err *e)
{
	own_fd int fd = -EBADF;
	struct stat st;

	if (device->name || is_bound(plan, rootfs, device))
		return is_bound(plan, rootfs, device) ? bind_device(rootfs, device, e) : 0;

	/* one that the image has already keeps its owner: it may be a link to the host's inode */
	fd = path_open(rootfs->root_fd, device->path, O_PATH, PATH_NO_FOLLOW, NULL);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_rdev == device->dev &&
	    (st.st_mode & S_IFMT) == (device->mode & S_IFMT))
		return 0;
	fd = fd_close(fd);

	fd = path_make_node(rootfs->root_fd, device->path, device->mode, device->dev, e);
	if (fd == -EPERM && !S_ISFIFO(device->mode)) {
		err_clear(e);
		rootfs->cannot_mknod = true;
		return bind_device(rootfs, device, e);
	}
	return fd < 0 ? fd : give_away(fd, "", device, e);
}

int dev_finish(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	int r;

	for (uint32_t i = 0; i < plan->device_count; i++) {
		r = finish_device(plan, rootfs, &plan->devices[i], e);
		if (r < 0)
			return err_wrap(e, r, "device '%s'", plan->devices[i].path);
	}
	for (uint32_t i = 0; i < plan->link_count; i++) {
		if (plan->links[i].name)
			continue;
		/* what the image has there instead is the image's own affair */
		r = path_make_symlink(rootfs->root_fd, plan->links[i].path, plan->links[i].target, e);
		if (r == -EEXIST)
			err_clear(e);
		else if (r < 0)
			return r;
	}
	if (plan->dev_is_readonly && rootfs->dev_fd >= 0 && !plan->has_console)
		return mounter_change(&rootfs->mounter, rootfs->dev_fd,
				      &(struct mount_change){ .set = MOUNT_ATTR_RDONLY }, e);
	return 0;
}

/* --- the terminal ------------------------------------------------------------------------- */

static int check_devpts(int fd, struct err *e)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, "look at a terminal");
	if (GUARD(E21) && fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(e, ENODEV, "the container's /dev/pts is not a devpts");
	return 0;
}

int rootfs_open_ptmx(const struct rootfs_plan *plan, const struct rootfs *rootfs, struct err *e)
{
	own_fd int dir_fd = path_open(rootfs->root_fd, "/dev/pts", O_PATH | O_DIRECTORY, 0, NULL);
	int fd;
	int r;

	(void)plan;
	if (dir_fd == -ENOENT) {
		/* the root shows no terminals at all: take one of the host's, as runc does */
		fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		return fd < 0 ? err_sys(e, "open '/dev/ptmx'") : fd;
	}
	if (dir_fd < 0)
		return err_set(e, -dir_fd, "open '/dev/pts' in the root");
	r = check_devpts(dir_fd, e);
	if (r < 0)
		return r;
	/* what is in a devpts, the kernel has put there */
	fd = openat(dir_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open '/dev/pts/ptmx' in the root") : fd;
}

int rootfs_bind_console(const struct rootfs_plan *plan, struct rootfs *rootfs, int slave_fd,
			struct err *e)
{
	own_fd int target_fd = -EBADF;
	own_fd int fd = -EBADF;
	int r;

	if (plan->move == ROOTFS_CHROOT)
		return 0;
	r = check_devpts(slave_fd, e);
	if (r < 0)
		return r;
	fd = mounter_clone(&rootfs->mounter, slave_fd, "", 0, e);
	if (fd < 0)
		return fd;
	target_fd = path_make_file(rootfs->root_fd, "/dev/console", 0600, NULL, e);
	if (target_fd < 0)
		return target_fd;
	r = mounter_attach(&rootfs->mounter, fd, target_fd, e);
	if (r == 0 && plan->dev_is_readonly && rootfs->dev_fd >= 0)
		r = mounter_change(&rootfs->mounter, rootfs->dev_fd,
				   &(struct mount_change){ .set = MOUNT_ATTR_RDONLY }, e);
	return r;
}
