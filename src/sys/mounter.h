/*
 * Mounts as descriptors: made detached, changed while nobody can see them, attached by descriptor.
 * A thin layer over open_tree(), fsopen(), mount_setattr() and move_mount() (all there since Linux
 * 5.12). On older kernels the same four verbs are played with mount(2): what is "detached" lies on
 * a scratch mount that only the calling process's mount namespace has, and is moved from there.
 *
 * No memory is allocated; all of this may run in a half-built child. The classic verbs change the
 * working directory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

struct err;

/* Which calls there are, found out once, and what the old ones need. */
struct mounter {
	bool is_classic; /* mount(2) only */
	int proc_fd;     /* borrowed; classic: names descriptors to mount(2) */
	int scratch_fd;  /* classic: where mounts lie before they are attached */
	unsigned scratch_count; /* classic: places used there */
};

/**
 * mounter_init() - look what the kernel offers
 * @proc_fd: borrowed for the mounter's life; see proc_open_root()
 *
 * Return: 0; -errno with @e filled.
 */
int mounter_init(struct mounter *ret_mounter, int proc_fd, struct err *e);

/** mounter_release() - forget the scratch mount. To be called before and after pivot_root(). */
void mounter_release(struct mounter *mounter);

enum mount_how {
	MOUNT_RECURSIVE = 1 << 0, /* with all that is mounted beneath */
	MOUNT_NO_FOLLOW = 1 << 1, /* a symbolic link as source is taken itself */
};

/**
 * mounter_clone() - a detached copy of what is at @path below @dir_fd ("" for @dir_fd itself)
 * @how: enum mount_how
 *
 * Return: descriptor of the copy's root, or -errno with @e filled.
 */
int mounter_clone(struct mounter *mounter, int dir_fd, const char *path, unsigned how,
		struct err *e);

/* One option of a file system; value NULL for a flag. */
struct mount_option {
	const char *key;
	const char *value;
};

/* A file system to be mounted. */
struct mount_fs {
	const char *type;
	const char *source; /* NULL: none */
	uint64_t attrs;     /* MOUNT_ATTR_* */
	uint64_t sb_flags;  /* MS_RDONLY, MS_SYNCHRONOUS, ... of the superblock */
	const struct mount_option *options;
	uint32_t option_count;
	const char *data; /* the options once more as one string, quoted as mount(2) wants it */
};

/** mounter_make() - a detached mount of a file system. Return: as mounter_clone(). */
int mounter_make(struct mounter *mounter, const struct mount_fs *fs, struct err *e);

/**
 * mounter_make_at() - mount a file system on directory @target_fd, with the fewest calls
 *
 * Changes the working directory to @target_fd.
 */
int mounter_make_at(struct mounter *mounter, const struct mount_fs *fs, int target_fd,
		  struct err *e);

/* What shall become of a mount that is there. */
struct mount_change {
	uint64_t set;         /* MOUNT_ATTR_* */
	uint64_t clear;       /* MOUNT_ATTR_*; all of MOUNT_ATTR__ATIME to set any of its kinds */
	uint64_t propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0: as it is */
	int userns_fd;        /* with MOUNT_ATTR_IDMAP set */
	bool is_recursive;
};

/** mounter_change() - change the mount whose root is @mount_fd. Return: 0 or -errno, @e filled. */
int mounter_change(struct mounter *mounter, int mount_fd, const struct mount_change *change,
		 struct err *e);

/** mounter_attach() - attach detached @mount_fd at @target_fd; @mount_fd stays its root. */
int mounter_attach(struct mounter *mounter, int mount_fd, int target_fd, struct err *e);

/** mounter_attach_at() - as mounter_attach(), at entry @name of directory @dir_fd, not following it. */
int mounter_attach_at(struct mounter *mounter, int mount_fd, int dir_fd, const char *name,
		    struct err *e);

/**
 * mounter_reconfigure() - change flags and options of the file system mounted at directory @mount_fd
 *
 * As mount(2) does with MS_REMOUNT. Changes the working directory to @mount_fd.
 */
int mounter_reconfigure(struct mounter *mounter, int mount_fd, const struct mount_fs *fs,
		      struct err *e);
