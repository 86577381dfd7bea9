/*
 * Who "USER[:GROUP]" is inside a container: ids, supplementary groups and home directory, from the
 * root's own /etc/passwd and /etc/group. Both files belong to whoever made the image: they are
 * opened beneath the root, must be regular, and are read with limits. No nss, no locale, no
 * allocation beyond the arena.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct arena;
struct err;

#define USER_FILE_BYTES_MAX (4 << 20) /* of passwd or group */
#define USER_LINE_BYTES_MAX (64 << 10)
#define USER_GROUPS_MAX     1024

struct user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary; not @gid, unless /etc/group lists it */
	size_t group_count;
	const char *name; /* NULL when /etc/passwd does not know @uid */
	const char *home; /* "/" when unknown; always absolute */
};

/**
 * user_resolve() - look up the user a container shall run as
 * @root_fd: the container's root directory; borrowed
 * @text:    "", USER, USER:GROUP or :GROUP; USER and GROUP are names or decimal numbers. A name
 *           made of digits is a name if /etc/passwd (/etc/group) has it, as in Docker
 * @arena:   takes what @ret_user points to
 *
 * A number needs no entry in the files, a name does. With a GROUP there are no supplementary
 * groups, as in Docker. Signs, numbers above 4294967294 and empty parts ("1:", ":") are errors.
 *
 * Return: 0; -ENOENT when a name is in neither file; -EINVAL, -ERANGE for a text that is no user;
 * or -errno, each with @e filled.
 */
int user_resolve(int root_fd, const char *text, struct arena *arena, struct user *ret_user,
		 struct err *e);

/**
 * user_group_resolve() - look up one group, for --group-add
 *
 * Return: as user_resolve().
 */
int user_group_resolve(int root_fd, const char *text, gid_t *ret_gid, struct err *e);
