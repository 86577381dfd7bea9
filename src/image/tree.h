/*
 * The tree that a layer becomes, changed one step at a time beneath a held directory. Parents are
 * opened with openat2() and no component may be a symbolic link, so an entry cannot be led out of
 * the tree by one that came before it. Overlayfs's two marks are made here: a whiteout is character
 * device 0/0, an opaque directory has an extended attribute.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct err;

struct tree {
	int root_fd;         /* borrowed */
	bool wants_userxattr; /* mark with user.overlay.opaque, not trusted.overlay.opaque */
};

enum tree_found {
	TREE_NOTHING,
	TREE_WHITEOUT,
	TREE_DIRECTORY,
	TREE_OTHER,
};

/**
 * tree_parent() - open the directory that holds @path, making what is missing, 0755
 * @ret_leaf: the last component, inside @path
 *
 * Return: an O_PATH descriptor, or -errno with @e filled.
 */
int tree_parent(const struct tree *tree, const char *path, const char **ret_leaf, struct err *e);

/** tree_look() - what is there, symbolic links not followed? Return: enum tree_found; -errno. */
int tree_look(int parent_fd, const char *leaf, struct err *e);

/** tree_directory() - make a directory, or keep the one that is there; replaces anything else. */
int tree_directory(const struct tree *tree, int parent_fd, const char *leaf, struct err *e);

/** tree_clear() - make room for something that is not a directory. */
int tree_clear(int parent_fd, const char *leaf, struct err *e);

/** tree_whiteout() - hide @leaf of the layers below; what this layer has of that name stays. */
int tree_whiteout(const struct tree *tree, int parent_fd, const char *leaf, struct err *e);

/** tree_opaque() - let directory @path ("" is the root) hide all of the layers below it. */
int tree_opaque(const struct tree *tree, const char *path, struct err *e);

/** tree_remove() - remove @leaf and everything below it, crossing no symbolic link. */
int tree_remove(int parent_fd, const char *leaf, struct err *e);
