#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/rootfs/internal.h"
#include "sandbox/rootfs/plan.h"
#include "sandbox/rootfs/rootfs.h"
#include "sys/proc.h"

int changes_apply(struct mounter *mounter, const struct rootfs_mount *mount, int mount_fd,
		  struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < mount->change_count; i++)
		r = mounter_change(mounter, mount_fd, &mount->changes[i], e);
	return r;
}

int source_open(struct mounter *mounter, const struct rootfs_mount *mount, struct err *e)
{
	own_fd int fd = -EBADF;
	int r;

	fd = mounter_clone(mounter, AT_FDCWD, mount->source, mount->clone_how, e);
	if (fd < 0)
		return fd;
	r = changes_apply(mounter, mount, fd, e);
	return r < 0 ? r : take_fd(&fd);
}

int root_open(struct mounter *mounter, const struct rootfs_plan *plan, bool is_parent,
	      struct err *e)
{
	const struct mount_change change = {
		.propagation = plan->root_propagation,
		.is_recursive = true,
	};
	own_fd int fd = -EBADF;
	int r = 0;

	fd = mounter_clone(mounter, AT_FDCWD, plan->root_path, MOUNT_RECURSIVE, e);
	if (fd < 0)
		return fd;
	/* the child has cut off the tree that it clones from, the parent has not */
	if (is_parent || plan->root_propagation != plan->host_propagation)
		r = mounter_change(mounter, fd, &change, e);
	return r < 0 ? r : take_fd(&fd);
}

/* --- idmaps ------------------------------------------------------------------------------- */

/* What holds a user namespace until it is open elsewhere. */
static void hold_userns(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		(void)pause();
}

static int write_maps(const struct rootfs_idmap *idmap, int proc_fd, pid_t pid, struct err *e)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "%d/uid_map", (int)pid);
	r = proc_write(proc_fd, path, idmap->uid_map, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%d/gid_map", (int)pid);
	return proc_write(proc_fd, path, idmap->gid_map, e);
}

static int open_userns_of(int proc_fd, pid_t pid, struct err *e)
{
	own_fd int ns_fd = -EBADF;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%d/ns", (int)pid);
	ns_fd = proc_open(proc_fd, path, O_PATH | O_DIRECTORY, e);
	if (ns_fd < 0)
		return ns_fd;
	fd = openat(ns_fd, "user", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open a user namespace") : fd;
}

/* A user namespace with the maps of @idmap, made by a process that lives no longer than this call. */
static int userns_open(const struct rootfs_idmap *idmap, int proc_fd, struct err *e)
{
	pid_t pid;
	int fd;
	int r;

	if (idmap->userns_path) {
		fd = open(idmap->userns_path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? err_sys(e, "open '%s'", idmap->userns_path) : fd;
	}

	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return err_sys(e, "make a user namespace for an idmapped mount");
	if (pid == 0)
		hold_userns();

	r = write_maps(idmap, proc_fd, pid, e);
	fd = r < 0 ? r : open_userns_of(proc_fd, pid, e);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static int idmap_mounts(const struct rootfs_plan *plan, struct rootfs *rootfs, uint32_t idmap,
			struct err *e)
{
	own_fd int userns_fd = -EBADF;
	int r;

	userns_fd = userns_open(&plan->idmaps[idmap], rootfs->proc_fd, e);
	if (userns_fd < 0)
		return userns_fd;
	for (uint32_t i = 0; i < plan->mount_count; i++) {
		const struct rootfs_mount *mount = &plan->mounts[i];

		if (mount->idmap != (int)idmap || rootfs->sources[i] < 0)
			continue;
		r = mounter_change(&rootfs->mounter, rootfs->sources[i],
				   &(struct mount_change){
					   .set = MOUNT_ATTR_IDMAP,
					   .userns_fd = userns_fd,
					   .is_recursive = mount->idmap_is_recursive,
				   }, e);
		if (r < 0)
			return err_wrap(e, r, "idmap '%s'", mount->source);
	}
	return 0;
}

/* --- the whole ---------------------------------------------------------------------------- */

static int prepare_sources(const struct rootfs_plan *plan, struct rootfs *rootfs, struct err *e)
{
	int r;

	for (uint32_t i = 0; i < plan->mount_count; i++) {
		const struct rootfs_mount *mount = &plan->mounts[i];

		if (mount->kind != ROOTFS_BIND || !mount->parent_opens)
			continue;
		rootfs->sources[i] = source_open(&rootfs->mounter, mount, e);
		if (rootfs->sources[i] == -ENOENT && mount->is_optional)
			err_clear(e);
		else if (rootfs->sources[i] < 0)
			return rootfs->sources[i];
	}
	for (uint32_t i = 0; i < plan->idmap_count; i++) {
		r = idmap_mounts(plan, rootfs, i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int rootfs_prepare(const struct rootfs_plan *plan, int proc_fd, struct rootfs *ret_rootfs,
		   struct err *e)
{
	struct rootfs *rootfs = ret_rootfs;
	int r;

	*rootfs = (struct rootfs){ .proc_fd = proc_fd, .root_fd = -EBADF, .dev_fd = -EBADF };
	if (plan->move == ROOTFS_CHROOT)
		return 0;
	r = mounter_init(&rootfs->mounter, proc_fd, e);
	if (r < 0)
		return r;
	/* the classic calls make nothing detached that could be handed on */
	if (!(plan->parent_opens && !rootfs->mounter.is_classic) && plan->idmap_count == 0)
		return 0;
	if (rootfs->mounter.is_classic)
		return err_set(e, EOPNOTSUPP, "idmapped mounts need Linux 5.12");

	rootfs->sources = malloc((plan->mount_count + 1) * sizeof(*rootfs->sources));
	if (!rootfs->sources)
		return err_oom(e);
	rootfs->source_count = plan->mount_count;
	for (uint32_t i = 0; i < rootfs->source_count; i++)
		rootfs->sources[i] = -EBADF;

	if (plan->parent_opens) {
		rootfs->root_fd = root_open(&rootfs->mounter, plan, true, e);
		r = rootfs->root_fd < 0 ? rootfs->root_fd : 0;
	}
	if (r == 0)
		r = prepare_sources(plan, rootfs, e);
	if (r < 0)
		rootfs_release(rootfs);
	return r;
}

void rootfs_release(struct rootfs *rootfs)
{
	rootfs->root_fd = fd_close(rootfs->root_fd);
	rootfs->dev_fd = fd_close(rootfs->dev_fd);
	for (uint32_t i = 0; i < rootfs->source_count; i++)
		rootfs->sources[i] = fd_close(rootfs->sources[i]);
	free(rootfs->sources);
	rootfs->sources = NULL;
	rootfs->source_count = 0;
}
