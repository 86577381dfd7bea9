/*
 * What the words in mounts[].options mean. Sorted by strcmp(), so that a config with a hundred
 * options costs nothing; test_spec.c checks the order and that the spec's whole list is here.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "spec/shapes.h"

#define ATIME     MOUNT_ATTR__ATIME
#define NOATIME   MOUNT_ATTR_NOATIME
#define STRICT    MOUNT_ATTR_STRICTATIME
#define NODIR     MOUNT_ATTR_NODIRATIME
#define NOSYMLINK 0x00200000 /* MOUNT_ATTR_NOSYMFOLLOW, kernel 5.14 */

enum option_kind {
	OPTION_NOTHING,     /* the kernel's default, or a word for mount(8) alone */
	OPTION_ATTR,        /* MOUNT_ATTR_* of this mount */
	OPTION_REC_ATTR,    /* the same for this mount and all below */
	OPTION_SB,          /* MS_* of the superblock */
	OPTION_RDONLY,      /* both: as mount(2) does */
	OPTION_PROPAGATION,
	OPTION_BIND,
	OPTION_REMOUNT,
	OPTION_EXT,
};

struct option {
	const char *word;
	enum option_kind kind;
	uint64_t clear; /* bits to take away, */
	uint64_t set;   /* then bits to add */
};

static const struct option options[] = {
	{ "async", OPTION_SB, MS_SYNCHRONOUS, 0 },
	{ "atime", OPTION_ATTR, ATIME, 0 },
	{ "bind", OPTION_BIND, 0, 0 },
	{ "copy-symlink", OPTION_EXT, 0, SPEC_MOUNT_COPY_SYMLINK },
	{ "defaults", OPTION_NOTHING, 0, 0 },
	{ "dest-nofollow", OPTION_EXT, 0, SPEC_MOUNT_DEST_NOFOLLOW },
	{ "dev", OPTION_ATTR, MOUNT_ATTR_NODEV, 0 },
	{ "diratime", OPTION_ATTR, NODIR, 0 },
	{ "dirsync", OPTION_SB, 0, MS_DIRSYNC },
	{ "exec", OPTION_ATTR, MOUNT_ATTR_NOEXEC, 0 },
	{ "idmap", OPTION_EXT, SPEC_MOUNT_RIDMAP, SPEC_MOUNT_IDMAP },
	{ "iversion", OPTION_SB, 0, MS_I_VERSION },
	{ "lazytime", OPTION_SB, 0, MS_LAZYTIME },
	{ "loud", OPTION_SB, MS_SILENT, 0 },
	{ "mand", OPTION_SB, 0, MS_MANDLOCK },
	{ "noatime", OPTION_ATTR, ATIME, NOATIME },
	{ "nodev", OPTION_ATTR, 0, MOUNT_ATTR_NODEV },
	{ "nodiratime", OPTION_ATTR, 0, NODIR },
	{ "noexec", OPTION_ATTR, 0, MOUNT_ATTR_NOEXEC },
	{ "noiversion", OPTION_SB, MS_I_VERSION, 0 },
	{ "nolazytime", OPTION_SB, MS_LAZYTIME, 0 },
	{ "nomand", OPTION_SB, MS_MANDLOCK, 0 },
	{ "norelatime", OPTION_NOTHING, 0, 0 }, /* the kernel has no word for it */
	{ "nostrictatime", OPTION_ATTR, ATIME, 0 },
	{ "nosuid", OPTION_ATTR, 0, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", OPTION_ATTR, 0, NOSYMLINK },
	{ "optional", OPTION_EXT, 0, SPEC_MOUNT_OPTIONAL },
	{ "private", OPTION_PROPAGATION, 0, MS_PRIVATE },
	{ "ratime", OPTION_REC_ATTR, ATIME, 0 },
	{ "rbind", OPTION_BIND, 0, MS_REC },
	{ "rdev", OPTION_REC_ATTR, MOUNT_ATTR_NODEV, 0 },
	{ "rdiratime", OPTION_REC_ATTR, NODIR, 0 },
	{ "relatime", OPTION_ATTR, ATIME, 0 },
	{ "remount", OPTION_REMOUNT, 0, 0 },
	{ "rexec", OPTION_REC_ATTR, MOUNT_ATTR_NOEXEC, 0 },
	{ "ridmap", OPTION_EXT, SPEC_MOUNT_IDMAP, SPEC_MOUNT_RIDMAP },
	{ "rnoatime", OPTION_REC_ATTR, ATIME, NOATIME },
	{ "rnodev", OPTION_REC_ATTR, 0, MOUNT_ATTR_NODEV },
	{ "rnodiratime", OPTION_REC_ATTR, 0, NODIR },
	{ "rnoexec", OPTION_REC_ATTR, 0, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", OPTION_NOTHING, 0, 0 },
	{ "rnostrictatime", OPTION_REC_ATTR, ATIME, 0 },
	{ "rnosuid", OPTION_REC_ATTR, 0, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", OPTION_REC_ATTR, 0, NOSYMLINK },
	{ "ro", OPTION_RDONLY, 0, 1 },
	{ "rprivate", OPTION_PROPAGATION, 0, MS_PRIVATE | MS_REC },
	{ "rrelatime", OPTION_REC_ATTR, ATIME, 0 },
	{ "rro", OPTION_REC_ATTR, 0, MOUNT_ATTR_RDONLY },
	{ "rrw", OPTION_REC_ATTR, MOUNT_ATTR_RDONLY, 0 },
	{ "rshared", OPTION_PROPAGATION, 0, MS_SHARED | MS_REC },
	{ "rslave", OPTION_PROPAGATION, 0, MS_SLAVE | MS_REC },
	{ "rstrictatime", OPTION_REC_ATTR, ATIME, STRICT },
	{ "rsuid", OPTION_REC_ATTR, MOUNT_ATTR_NOSUID, 0 },
	{ "rsymfollow", OPTION_REC_ATTR, NOSYMLINK, 0 },
	{ "runbindable", OPTION_PROPAGATION, 0, MS_UNBINDABLE | MS_REC },
	{ "rw", OPTION_RDONLY, 1, 0 },
	{ "shared", OPTION_PROPAGATION, 0, MS_SHARED },
	{ "silent", OPTION_SB, 0, MS_SILENT },
	{ "slave", OPTION_PROPAGATION, 0, MS_SLAVE },
	{ "src-nofollow", OPTION_EXT, 0, SPEC_MOUNT_SRC_NOFOLLOW },
	{ "strictatime", OPTION_ATTR, ATIME, STRICT },
	{ "suid", OPTION_ATTR, MOUNT_ATTR_NOSUID, 0 },
	{ "symfollow", OPTION_ATTR, NOSYMLINK, 0 },
	{ "sync", OPTION_SB, 0, MS_SYNCHRONOUS },
	{ "tmpcopyup", OPTION_EXT, 0, SPEC_MOUNT_TMPCOPYUP },
	{ "unbindable", OPTION_PROPAGATION, 0, MS_UNBINDABLE },
};

static int option_compare(const void *word, const void *option)
{
	return strcmp(word, ((const struct option *)option)->word);
}

/* The last word on a bit wins, so a bit is never both to be set and to be cleared. */
static void bits_apply(const struct option *option, uint64_t *set, uint64_t *clear)
{
	*set = (*set & ~option->clear) | option->set;
	*clear = (*clear | option->clear) & ~option->set;
}

/* The access time bits are one number of three bits, which the kernel lets nobody change in part:
 * to set it is to clear all of it first. */
static void attr_apply(const struct option *option, uint64_t *set, uint64_t *clear)
{
	bits_apply(option, set, clear);
	if (option->clear & ATIME)
		*clear |= ATIME;
}

static void rdonly_apply(const struct option *option, struct spec_mount *mount)
{
	const struct option attr = { .set = option->set ? MOUNT_ATTR_RDONLY : 0,
				     .clear = option->clear ? MOUNT_ATTR_RDONLY : 0 };
	const struct option sb = { .set = option->set ? MS_RDONLY : 0,
				   .clear = option->clear ? MS_RDONLY : 0 };

	bits_apply(&attr, &mount->attr_set, &mount->attr_clear);
	bits_apply(&sb, &mount->sb_flags_set, &mount->sb_flags_clear);
}

bool mount_option_apply(const char *word, struct spec_mount *mount)
{
	const struct option *option = bsearch(word, options, sizeof(options) / sizeof(options[0]),
					      sizeof(options[0]), option_compare);

	if (!option)
		return false;
	switch (option->kind) {
	case OPTION_NOTHING:
		break;
	case OPTION_ATTR:
		attr_apply(option, &mount->attr_set, &mount->attr_clear);
		break;
	case OPTION_REC_ATTR:
		attr_apply(option, &mount->rec_attr_set, &mount->rec_attr_clear);
		break;
	case OPTION_SB:
		bits_apply(option, &mount->sb_flags_set, &mount->sb_flags_clear);
		break;
	case OPTION_RDONLY:
		rdonly_apply(option, mount);
		break;
	case OPTION_PROPAGATION:
		mount->propagation = option->set;
		break;
	case OPTION_BIND:
		mount->is_bind = true;
		mount->is_recursive |= (option->set & MS_REC) != 0;
		break;
	case OPTION_REMOUNT:
		mount->is_remount = true;
		break;
	case OPTION_EXT:
		mount->ext = (mount->ext & ~(unsigned)option->clear) | (unsigned)option->set;
		break;
	}
	return true;
}

const char *spec_mount_option(size_t index)
{
	return index < sizeof(options) / sizeof(options[0]) ? options[index].word : NULL;
}

const char *mount_option_word(size_t index)
{
	return index < sizeof(options) / sizeof(options[0]) ? options[index].word : NULL;
}
