#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/rootfs/plan.h"
#include "spec/spec.h"

static void explain_attrs(uint64_t attrs, const char *before, struct text *out)
{
	static const struct {
		uint64_t attr;
		const char *word;
	} words[] = {
		{ MOUNT_ATTR_RDONLY, "ro" },           { MOUNT_ATTR_NOSUID, "nosuid" },
		{ MOUNT_ATTR_NODEV, "nodev" },         { MOUNT_ATTR_NOEXEC, "noexec" },
		{ MOUNT_ATTR_NOATIME, "noatime" },     { MOUNT_ATTR_STRICTATIME, "strictatime" },
		{ MOUNT_ATTR_NODIRATIME, "nodiratime" }, { MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (attrs & words[i].attr)
			text_printf(out, " %s%s", before, words[i].word);
}

static const char *propagation_word(uint64_t propagation)
{
	if (propagation & MS_SHARED)
		return "shared";
	if (propagation & MS_SLAVE)
		return "slave";
	if (propagation & MS_UNBINDABLE)
		return "unbindable";
	return "private";
}

static void explain_changes(const struct rootfs_mount *mount, struct text *out)
{
	for (uint32_t i = 0; i < mount->change_count; i++) {
		const struct mount_change *change = &mount->changes[i];

		text_append(out, change->is_recursive ? "; all:" : ";");
		explain_attrs(change->set, "", out);
		/* clearing all access time bits is how one of them is set */
		explain_attrs(change->clear & ~(uint64_t)MOUNT_ATTR__ATIME, "not ", out);
		if (change->propagation)
			text_printf(out, " %s", propagation_word(change->propagation));
	}
}

static void explain_mount(const struct rootfs_mount *mount, struct text *out)
{
	switch (mount->kind) {
	case ROOTFS_FRESH:
		text_printf(out, "mount %s at %s:", mount->fs.type, mount->destination);
		explain_attrs(mount->fs.attrs, "", out);
		if (mount->fs.data && *mount->fs.data)
			text_printf(out, " %s", mount->fs.data);
		if (mount->file_label)
			text_printf(out, "; label of its root %s", mount->file_label);
		if (mount->copies_up)
			text_append(out, "; filled from the image");
		break;
	case ROOTFS_BIND:
		text_printf(out, "bind %s at %s%s%s", mount->source, mount->destination,
			    mount->clone_how & MOUNT_RECURSIVE ? ", with all below" : "",
			    mount->parent_opens ? ", opened by the parent" : "");
		if (mount->idmap >= 0)
			text_printf(out, ", idmap %d%s", mount->idmap,
				    mount->idmap_is_recursive ? " for all below" : "");
		break;
	case ROOTFS_REMOUNT:
		text_printf(out, "change %s at %s:", mount->remounts_fs ? "file system" : "mount",
			    mount->destination);
		explain_attrs(mount->fs.attrs, "", out);
		break;
	case ROOTFS_CGROUP:
		text_printf(out, "mount cgroup at %s:", mount->destination);
		for (uint32_t i = 0; i < mount->cgroup_count; i++)
			text_printf(out, " %s", mount->cgroups[i].is_v2 ? "cgroup2" :
									  mount->cgroups[i].name);
		break;
	}
	explain_changes(mount, out);
	text_append(out, "\n");
}

static void explain_dev(const struct rootfs_plan *rootfs, struct text *out)
{
	for (uint32_t i = 0; i < rootfs->device_count; i++) {
		const struct rootfs_device *device = &rootfs->devices[i];

		text_printf(out, "%s %s: ",
			    rootfs->binds_devices && !S_ISFIFO(device->mode) ? "bind device" : "device",
			    device->path);
		if (S_ISFIFO(device->mode))
			text_append(out, "fifo");
		else
			text_printf(out, "%c %u:%u", S_ISBLK(device->mode) ? 'b' : 'c',
				    major(device->dev), minor(device->dev));
		text_printf(out, " %04o %u:%u\n", (unsigned)device->mode & 07777, device->uid,
			    device->gid);
	}
	for (uint32_t i = 0; i < rootfs->link_count; i++)
		text_printf(out, "link %s to %s\n", rootfs->links[i].path, rootfs->links[i].target);
	if (rootfs->has_console)
		text_append(out, "terminal at /dev/console\n");
}

void rootfs_plan_explain(const struct rootfs_plan *rootfs, struct text *out)
{
	static const char *const moves[] = {
		[ROOTFS_PIVOT] = "pivot_root",
		[ROOTFS_MOVE] = "move over the old root and chroot",
		[ROOTFS_CHROOT] = "chroot, in the mounts of the host",
	};

	text_printf(out, "root %s%s", rootfs->root_path,
		    rootfs->parent_opens ? ", opened by the parent" : "");
	if (rootfs->move != ROOTFS_CHROOT)
		text_printf(out, "; host's mounts %s, the root %s",
			    propagation_word(rootfs->host_propagation),
			    propagation_word(rootfs->root_propagation));
	text_append(out, "\n");
	for (uint32_t i = 0; i < rootfs->mount_count; i++)
		explain_mount(&rootfs->mounts[i], out);
	explain_dev(rootfs, out);
	text_printf(out, "enter: %s\n", moves[rootfs->move]);
	for (uint32_t i = 0; i < rootfs->sysctl_count; i++)
		text_printf(out, "sysctl %s = %s\n", rootfs->sysctls[i].key,
			    rootfs->sysctls[i].value);
	for (uint32_t i = 0; i < rootfs->readonly_count; i++)
		text_printf(out, "read-only %s\n", rootfs->readonly[i]);
	for (uint32_t i = 0; i < rootfs->masked_count; i++)
		text_printf(out, "masked %s\n", rootfs->masked[i]);
	if (rootfs->is_readonly)
		text_append(out, "read-only /\n");
	if (rootfs->last_propagation)
		text_printf(out, "/ %s%s\n", rootfs->last_propagation & MS_REC ? "and all below " : "",
			    propagation_word(rootfs->last_propagation));
}
