#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sys/guard.h"
#include "sys/path.h"
#include "sys/proc.h"

/* --- becoming "/" ------------------------------------------------------------------------- */

static int enter_by_pivot(const struct rootfs_plan *plan, const struct rootfs *rootfs,
			  struct err *e)
{
	own_fd int old_fd = -EBADF;

	if (plan->host_propagation == MS_SHARED) {
		old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old_fd < 0)
			return err_sys(e, "open the old root");
	}
	if (fchdir(rootfs->root_fd) < 0)
		return err_sys(e, "enter the root");
	/* the old root ends up on top of the new one, where "." finds it for umount2() */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "pivot_root");
	if (old_fd >= 0 &&
	    (fchdir(old_fd) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
		return err_sys(e, "cut off the host's mounts"); /* or the host loses them with us */
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, "let go of the host's mounts");
	if (chdir("/") < 0)
		return err_sys(e, "enter the root");
	return 0;
}

/*
 * For an initramfs, which cannot be pivoted. The old root stays below the new one, so whoever
 * escapes from chroot() is there: take the file systems away that are worth most.
 */
static int enter_by_move(const struct rootfs *rootfs, struct err *e)
{
	(void)umount2("/proc", MNT_DETACH);
	(void)umount2("/sys", MNT_DETACH);
	if (fchdir(rootfs->root_fd) < 0)
		return err_sys(e, "enter the root");
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return err_sys(e, "move the root");
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, "change the root");
	return 0;
}

static int enter_by_chroot(const struct rootfs *rootfs, struct err *e)
{
	if (fchdir(rootfs->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, "change the root");
	return 0;
}

int rootfs_pivot(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	int r = -EINVAL;

	mounter_release(&rootfs->mounter);
	switch (plan->move) {
	case ROOTFS_PIVOT:
		r = enter_by_pivot(plan, rootfs, e);
		break;
	case ROOTFS_MOVE:
		r = enter_by_move(rootfs, e);
		break;
	case ROOTFS_CHROOT:
		r = enter_by_chroot(rootfs, e);
		break;
	}
	return r;
}

/* --- paths that are covered --------------------------------------------------------------- */

static int protect(struct rootfs *rootfs, const char *path, struct err *e)
{
	own_fd int target_fd = path_open(rootfs->root_fd, path, O_PATH, 0, e);
	own_fd int fd = -EBADF;
	int r;

	if (target_fd == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (target_fd < 0)
		return target_fd;
	fd = mounter_clone(&rootfs->mounter, target_fd, "", MOUNT_RECURSIVE, e);
	if (fd < 0)
		return fd;
	r = mounter_change(&rootfs->mounter, fd,
			   &(struct mount_change){ .set = MOUNT_ATTR_RDONLY }, e);
	return r < 0 ? r : mounter_attach(&rootfs->mounter, fd, target_fd, e);
}

/* What covers masked paths, opened when first needed. */
struct mask {
	int dir_fd;  /* an empty, read-only file system, attached: the next ones are its clones */
	int null_fd; /* the container's null device */
};

/*
 * The container's own /dev/null, and really that: an image or volume that had a link to a file of
 * procfs there got that file bound over the masked ones, read-write (CVE-2025-31133).
 */
static int open_null(const struct rootfs *rootfs, struct err *e)
{
	bool is_ours = rootfs->dev_fd >= 0;
	own_fd int fd = path_open(is_ours ? rootfs->dev_fd : rootfs->root_fd,
				  is_ours ? "null" : "/dev/null", O_PATH, 0, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at '/dev/null' in the root");
	if (GUARD(E20) && (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)))
		return err_set(e, ENODEV, "'/dev/null' in the root is not the null device");
	return take_fd(&fd);
}

static int mask_file(struct rootfs *rootfs, struct mask *mask, int target_fd, struct err *e)
{
	own_fd int fd = -EBADF;

	if (mask->null_fd < 0) {
		mask->null_fd = open_null(rootfs, e);
		if (mask->null_fd < 0)
			return mask->null_fd;
	}
	fd = mounter_clone(&rootfs->mounter, mask->null_fd, "", 0, e);
	return fd < 0 ? fd : mounter_attach(&rootfs->mounter, fd, target_fd, e);
}

static int mask_dir(const struct rootfs_plan *plan, struct rootfs *rootfs, struct mask *mask,
		    int target_fd, struct err *e)
{
	own_fd int fd = -EBADF;
	int r;

	if (mask->dir_fd < 0)
		fd = mounter_make(&rootfs->mounter, &plan->mask, e);
	else
		fd = mounter_clone(&rootfs->mounter, mask->dir_fd, "", 0, e);
	if (fd < 0)
		return fd;
	r = mounter_attach(&rootfs->mounter, fd, target_fd, e);
	if (r == 0 && mask->dir_fd < 0)
		mask->dir_fd = take_fd(&fd);
	return r;
}

static int mask_path(const struct rootfs_plan *plan, struct rootfs *rootfs, struct mask *mask,
		     const char *path, struct err *e)
{
	own_fd int target_fd = path_open(rootfs->root_fd, path, O_PATH, 0, e);
	struct stat st;

	/* only a path that is not there needs no mask; any other failure would leave it readable */
	if (target_fd == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (target_fd < 0)
		return target_fd;
	if (fstat(target_fd, &st) < 0)
		return err_sys(e, "look at '%s'", path);
	return S_ISDIR(st.st_mode) ? mask_dir(plan, rootfs, mask, target_fd, e) :
				     mask_file(rootfs, mask, target_fd, e);
}

static int cover_paths(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	struct mask mask = { .dir_fd = -EBADF, .null_fd = -EBADF };
	int r = 0;

	for (uint32_t i = 0; i < plan->readonly_count; i++) {
		r = protect(rootfs, plan->readonly[i], e);
		if (r < 0)
			return err_wrap(e, r, "make '%s' read-only", plan->readonly[i]);
	}
	for (uint32_t i = 0; r == 0 && GUARD(E41) && i < plan->masked_count; i++) {
		r = mask_path(plan, rootfs, &mask, plan->masked[i], e);
		if (r < 0)
			(void)err_wrap(e, r, "mask '%s'", plan->masked[i]);
	}
	(void)fd_close(mask.dir_fd);
	(void)fd_close(mask.null_fd);
	return r;
}

/* --- the rest ----------------------------------------------------------------------------- */

static int write_sysctls(const struct rootfs_plan *plan, const struct rootfs *rootfs,
			 struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->sysctl_count; i++) {
		const struct rootfs_sysctl *sysctl = &plan->sysctls[i];

		r = proc_write(rootfs->proc_fd, sysctl->path, sysctl->value, e);
		if (r < 0)
			(void)err_wrap(e, r, "sysctl '%s'", sysctl->key);
	}
	return r;
}

int rootfs_finish(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	struct mount_change last = { 0 };
	int r;

	r = write_sysctls(plan, rootfs, e);
	if (r < 0 || plan->move == ROOTFS_CHROOT)
		return r;
	r = cover_paths(plan, rootfs, e);
	if (r == 0 && plan->is_readonly) {
		r = mounter_change(&rootfs->mounter, rootfs->root_fd,
				   &(struct mount_change){ .set = MOUNT_ATTR_RDONLY }, e);
		if (r < 0)
			return err_wrap(e, r, "make the root read-only");
	}
	if (r == 0 && plan->last_propagation) {
		last.propagation = plan->last_propagation & ~(uint64_t)MS_REC;
		last.is_recursive = plan->last_propagation & MS_REC;
		r = mounter_change(&rootfs->mounter, rootfs->root_fd, &last, e);
	}
	mounter_release(&rootfs->mounter);
	/* the classic calls have left us in a procfs that is not the container's */
	if (r == 0 && rootfs->mounter.is_classic && chdir("/") < 0)
		return err_sys(e, "enter the root");
	return r;
}
