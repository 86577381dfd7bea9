#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/internal.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "spec/spec.h"
#include "sys/guard.h"
#include "sys/path.h"

#define DATA_BYTES 4096 /* what mount(2) takes at most */

/* --- targets ------------------------------------------------------------------------------ */

/*
 * An image that has /proc as a link, and a volume that it points into, would have us write labels
 * and sysctls to files of the attacker's (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642).
 */
static int open_real_dir(int root_fd, const char *path, bool *ret_made, struct err *e)
{
	own_fd int made_fd = -EBADF;
	struct err why = { 0 };
	int fd;

	*ret_made = false;
	fd = path_open(root_fd, path, O_PATH | O_DIRECTORY, PATH_NO_FOLLOW, &why);
	if (fd == -ENOENT) {
		err_clear(&why);
		made_fd = path_make_dir(root_fd, path, 0755, ret_made, e);
		if (made_fd < 0)
			return made_fd;
		fd = path_open(root_fd, path, O_PATH | O_DIRECTORY, PATH_NO_FOLLOW, &why);
	}
	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_set(e, ENOTDIR, "'%s' must be a directory in the image, not a link", path);
	if (fd < 0)
		return err_set(e, -fd, "%s", why.text);
	return fd;
}

static int open_link_itself(int root_fd, const char *path, bool is_dir, bool *ret_made,
			    struct err *e)
{
	int fd = path_open(root_fd, path, O_PATH, PATH_NO_FOLLOW, NULL);

	*ret_made = false;
	if (fd >= 0)
		return fd;
	return is_dir ? path_make_dir(root_fd, path, 0755, ret_made, e) :
			path_make_file(root_fd, path, 0644, ret_made, e);
}

/*
 * The spec was checked by its words; this looks at what they have led to. A mount in procfs covers
 * files that we, or the container's tools, take for the kernel's word (CVE-2019-16884).
 */
static int check_target(const struct rootfs_mount *mount, int target_fd, bool is_dir, struct err *e)
{
	bool is_proc = mount->fs.type && strcmp(mount->fs.type, "proc") == 0;
	struct statfs fs;

	if (is_proc || !GUARD(E23))
		return 0;
	if (fstatfs(target_fd, &fs) < 0)
		return err_sys(e, "look at the mount point");
	if (fs.f_type == PROC_SUPER_MAGIC && (is_dir || !mount->may_be_in_proc))
		return err_set(e, EPERM, "nothing can be mounted in procfs");
	return 0;
}

/* Open what @mount goes on, making it when it is missing. */
static int open_target(const struct rootfs *rootfs, const struct rootfs_mount *mount, bool is_dir,
		       bool *ret_made, struct err *e)
{
	const char *path = mount->destination;
	own_fd int fd = -EBADF;
	int r;

	if (mount->needs_real_dir && GUARD(E22))
		fd = open_real_dir(rootfs->root_fd, path, ret_made, e);
	else if (mount->target_no_follow)
		fd = open_link_itself(rootfs->root_fd, path, is_dir, ret_made, e);
	else if (is_dir)
		fd = path_make_dir(rootfs->root_fd, path, 0755, ret_made, e);
	else
		fd = path_make_file(rootfs->root_fd, path, 0644, ret_made, e);
	if (fd < 0)
		return fd;
	r = check_target(mount, fd, is_dir, e);
	return r < 0 ? r : take_fd(&fd);
}

/* --- file systems ------------------------------------------------------------------------- */

/* security.selinux of the root of a mount that takes no context=. */
static int label_root(int mount_fd, const char *label, struct err *e)
{
	own_fd int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "open the root of a mount");
	if (fsetxattr(fd, "security.selinux", label, strlen(label), 0) < 0)
		return err_sys(e, "label a mount '%s'", label);
	return 0;
}

static int copy_up(int target_fd, int mount_fd, struct err *e)
{
	own_fd int from_fd = openat(target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from_fd < 0)
		return err_sys(e, "open the directory to be copied");
	return tree_copy(from_fd, mount_fd, e);
}

/* The mode that a tmpfs takes from the directory it covers, if it is to; 0: its own default. */
static mode_t inherited_mode(const struct rootfs_mount *mount, int target_fd, bool made)
{
	struct stat st;

	if (!mount->inherits_mode || made || fstat(target_fd, &st) < 0)
		return 0;
	return st.st_mode & 07777;
}

/* A file system that is filled, labelled or changed before anybody can see it. */
static int place_prepared(const struct rootfs_plan *plan, struct rootfs *rootfs,
			  const struct rootfs_mount *mount, int target_fd, mode_t mode,
			  struct err *e)
{
	own_fd int fd = mounter_make(&rootfs->mounter, &mount->fs, e);
	int r = 0;

	if (fd < 0)
		return fd;
	if (mode && fchmodat(fd, ".", mode, 0) < 0)
		return err_sys(e, "change the mode of a mount");
	if (mount->is_dev)
		r = dev_fill(plan, rootfs, fd, e);
	if (r == 0 && mount->file_label)
		r = label_root(fd, mount->file_label, e);
	if (r == 0 && mount->copies_up)
		r = copy_up(target_fd, fd, e);
	if (r == 0)
		r = changes_apply(&rootfs->mounter, mount, fd, e);
	if (r == 0)
		r = mounter_attach(&rootfs->mounter, fd, target_fd, e);
	if (r == 0 && mount->is_dev)
		rootfs->dev_fd = take_fd(&fd);
	return r;
}

static int place_fresh(const struct rootfs_plan *plan, struct rootfs *rootfs,
		       const struct rootfs_mount *mount, struct err *e)
{
	struct mount_fs fs = mount->fs;
	own_fd int target_fd = -EBADF;
	char data[DATA_BYTES];
	bool made;
	mode_t mode;

	target_fd = open_target(rootfs, mount, true, &made, e);
	if (target_fd < 0)
		return target_fd;
	mode = inherited_mode(mount, target_fd, made);
	if (mount->by_descriptor)
		return place_prepared(plan, rootfs, mount, target_fd, mode, e);

	if (mode) {
		if (snprintf(data, sizeof(data), "mode=%o%s%s", (unsigned)mode, fs.data ? "," : "",
			     fs.data ? fs.data : "") >= (int)sizeof(data))
			return err_set(e, E2BIG, "mount options are too long");
		fs.data = data;
	}
	return mounter_make_at(&rootfs->mounter, &fs, target_fd, e);
}

/* --- binds -------------------------------------------------------------------------------- */

/* copy-symlink: a source that is a link is copied as one. Return: 1 done, 0 it is no link. */
static int place_symlink(struct rootfs *rootfs, const struct rootfs_mount *mount, struct err *e)
{
	char text[DATA_BYTES];
	ssize_t length = readlinkat(AT_FDCWD, mount->source, text, sizeof(text) - 1);
	int r;

	if (length < 0)
		return 0;
	text[length] = '\0';
	r = path_make_symlink(rootfs->root_fd, mount->destination, text, e);
	return r < 0 ? r : 1;
}

static int place_bind(struct rootfs *rootfs, const struct rootfs_mount *mount, uint32_t index,
		      struct err *e)
{
	own_fd int target_fd = -EBADF;
	own_fd int fd = -EBADF;
	struct stat st;
	bool made;
	int r;

	if (mount->copies_symlink) {
		r = place_symlink(rootfs, mount, e);
		if (r != 0)
			return r < 0 ? r : 0;
	}

	if (index < rootfs->source_count && rootfs->sources[index] >= 0)
		fd = take_fd(&rootfs->sources[index]);
	else
		fd = source_open(&rootfs->mounter, mount, e);
	if (fd == -ENOENT && mount->is_optional) {
		err_clear(e);
		return 0;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at '%s'", mount->source);
	target_fd = open_target(rootfs, mount, S_ISDIR(st.st_mode), &made, e);
	if (target_fd < 0)
		return target_fd;
	return mounter_attach(&rootfs->mounter, fd, target_fd, e);
}

static int place_remount(struct rootfs *rootfs, const struct rootfs_mount *mount, struct err *e)
{
	own_fd int fd = path_open(rootfs->root_fd, mount->destination, O_PATH, 0, e);
	int r = 0;

	if (fd < 0)
		return fd;
	if (mount->remounts_fs)
		r = mounter_reconfigure(&rootfs->mounter, fd, &mount->fs, e);
	return r < 0 ? r : changes_apply(&rootfs->mounter, mount, fd, e);
}

/* --- cgroups ------------------------------------------------------------------------------ */

static int bind_cgroup(struct rootfs *rootfs, const struct cgroup_mount *cgroup, uint64_t attrs,
		       struct err *e)
{
	own_fd int fd = -EBADF;
	int r;

	if (!cgroup->source)
		return err_set(e, EOPNOTSUPP,
			       "a cgroup that systemd made can only be shown in a cgroup namespace");
	fd = mounter_clone(&rootfs->mounter, AT_FDCWD, cgroup->source, 0, e);
	if (fd < 0)
		return fd;
	r = mounter_change(&rootfs->mounter, fd, &(struct mount_change){ .set = attrs }, e);
	return r < 0 ? r : take_fd(&fd);
}

static int place_cgroup_v1(const struct rootfs_plan *plan, struct rootfs *rootfs,
			   const struct cgroup_mount *cgroup, const struct mount_fs *fs,
			   int base_fd, struct err *e)
{
	own_fd int fd = -EBADF;
	int r;

	if (mkdirat(base_fd, cgroup->name, 0755) < 0)
		return err_sys(e, "make the directory of cgroup '%s'", cgroup->name);
	fd = plan->has_cgroupns ? mounter_make(&rootfs->mounter, fs, e) :
				  bind_cgroup(rootfs, cgroup, fs->attrs, e);
	if (fd < 0)
		return err_wrap(e, fd, "cgroup '%s'", cgroup->name);
	r = mounter_attach_at(&rootfs->mounter, fd, base_fd, cgroup->name, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < cgroup->aliases.count; i++)
		if (symlinkat(cgroup->name, base_fd, cgroup->aliases.items[i]) < 0)
			return err_sys(e, "link cgroup '%s'", cgroup->aliases.items[i]);
	return 0;
}

static int place_cgroups_v1(const struct rootfs_plan *plan, struct rootfs *rootfs,
			    const struct rootfs_mount *mount, int target_fd, struct err *e)
{
	own_fd int base_fd = mounter_make(&rootfs->mounter, &mount->fs, e);
	int r;

	if (base_fd < 0)
		return base_fd;
	r = mounter_attach(&rootfs->mounter, base_fd, target_fd, e);
	for (uint32_t i = 0; r == 0 && i < mount->cgroup_count; i++)
		r = place_cgroup_v1(plan, rootfs, &mount->cgroups[i], &mount->cgroup_fs[i], base_fd,
				    e);
	return r < 0 ? r : changes_apply(&rootfs->mounter, mount, base_fd, e);
}

/*
 * A user namespace without a cgroup namespace may not mount cgroup2; it gets a view of the
 * container's own cgroup, never of more (CVE-2023-25809).
 */
static int place_cgroup_v2(struct rootfs *rootfs, const struct rootfs_mount *mount, int target_fd,
			   struct err *e)
{
	struct err why = { 0 };
	own_fd int fd = mounter_make(&rootfs->mounter, &mount->cgroup_fs[0], &why);

	if (fd == -EPERM || fd == -EBUSY)
		fd = bind_cgroup(rootfs, &mount->cgroups[0], mount->cgroup_fs[0].attrs, e);
	else if (fd < 0)
		(void)err_set(e, why.code, "%s", why.text);
	return fd < 0 ? fd : mounter_attach(&rootfs->mounter, fd, target_fd, e);
}

static int place_cgroup(const struct rootfs_plan *plan, struct rootfs *rootfs,
			const struct rootfs_mount *mount, struct err *e)
{
	own_fd int target_fd = -EBADF;
	bool made;

	target_fd = open_target(rootfs, mount, true, &made, e);
	if (target_fd < 0)
		return target_fd;
	if (mount->cgroup_count == 1 && mount->cgroups[0].is_v2)
		return place_cgroup_v2(rootfs, mount, target_fd, e);
	return place_cgroups_v1(plan, rootfs, mount, target_fd, e);
}

/* --- all mounts --------------------------------------------------------------------------- */

static int place(const struct rootfs_plan *plan, struct rootfs *rootfs, uint32_t index,
		 struct err *e)
{
	const struct rootfs_mount *mount = &plan->mounts[index];
	int r = 0;

	switch (mount->kind) {
	case ROOTFS_FRESH:
		r = place_fresh(plan, rootfs, mount, e);
		break;
	case ROOTFS_BIND:
		r = place_bind(rootfs, mount, index, e);
		break;
	case ROOTFS_REMOUNT:
		r = place_remount(rootfs, mount, e);
		break;
	case ROOTFS_CGROUP:
		r = place_cgroup(plan, rootfs, mount, e);
		break;
	}
	if (r < 0 && mount->source)
		return err_wrap(e, r, "mount '%s' at '%s'", mount->source, mount->destination);
	return r < 0 ? err_wrap(e, r, "mount at '%s'", mount->destination) : 0;
}

static int place_all(const struct rootfs_plan *plan, struct rootfs *rootfs, bool late,
		     struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < plan->mount_count; i++)
		if (plan->mounts[i].is_late == late)
			r = place(plan, rootfs, i, e);
	return r;
}

/* --- the root ----------------------------------------------------------------------------- */

/*
 * Cut the one mount that holds @dir_fd off from its peers: what we mount on it would be mounted on
 * the host as well, and pivot_root() refuses a shared parent. A mount can be changed at its root
 * only, so go up until there.
 */
static int make_holder_private(int dir_fd, struct err *e)
{
	if (fchdir(dir_fd) < 0)
		return err_sys(e, "enter the root's directory");
	for (unsigned up = 0; up < PATH_DEPTH_COUNT_MAX; up++) {
		if (mount(NULL, ".", NULL, MS_PRIVATE, NULL) == 0)
			return 0;
		if (errno != EINVAL || chdir("..") < 0)
			break;
	}
	return err_sys(e, "cut off the mount that holds the root");
}

/*
 * The root is attached where it comes from, because hooks look for it there. A user namespace that
 * may not go there (a bundle below a private directory) gets it on top of the host's root.
 */
static int attach_root(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	own_fd int target_fd = open(plan->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (target_fd < 0 && errno == EACCES)
		target_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target_fd < 0)
		return err_sys(e, "open '%s'", plan->root_path);
	if (plan->host_propagation == MS_SHARED) {
		r = make_holder_private(target_fd, e);
		if (r < 0)
			return r;
	}
	return mounter_attach(&rootfs->mounter, rootfs->root_fd, target_fd, e);
}

static int enter_own_mounts(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	int r;

	/* shared stays as it is: mounts that shall reach the host need their peers there */
	if (plan->host_propagation != MS_SHARED &&
	    mount(NULL, "/", NULL, plan->host_propagation | MS_REC, NULL) < 0)
		return err_sys(e, "cut off the host's mounts");

	if (rootfs->root_fd < 0) {
		rootfs->root_fd = root_open(&rootfs->mounter, plan, false, e);
		if (rootfs->root_fd < 0)
			return rootfs->root_fd;
	}
	r = attach_root(plan, rootfs, e);
	return r < 0 ? err_wrap(e, r, "root '%s'", plan->root_path) : 0;
}

int rootfs_build(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	int r;

	if (plan->move == ROOTFS_CHROOT) {
		rootfs->root_fd = open(plan->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return rootfs->root_fd < 0 ? err_sys(e, "open '%s'", plan->root_path) : 0;
	}
	r = enter_own_mounts(plan, rootfs, e);
	if (r == 0)
		r = place_all(plan, rootfs, false, e);
	if (r == 0)
		r = dev_finish(plan, rootfs, e);
	return r;
}

int rootfs_mount_cgroups(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	return plan->has_late_mounts ? place_all(plan, rootfs, true, e) : 0;
}
