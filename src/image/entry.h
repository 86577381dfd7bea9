/*
 * Names in a layer: what the path of a tar entry means, decided before anything is touched. Pure.
 * The layer's author chose the bytes; what comes out is relative, has no "." and no "..", and says
 * whether the entry is a file or one of the marks by which a layer deletes what lies below it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

struct err;

enum entry_kind {
	ENTRY_ROOT,     /* the root directory itself */
	ENTRY_PLAIN,    /* a file, directory, link, ... at path */
	ENTRY_WHITEOUT, /* ".wh.NAME": path is removed from the layers below */
	ENTRY_OPAQUE,   /* ".wh..wh..opq": directory path hides all of the layers below */
	ENTRY_NOTHING,  /* aufs's own bookkeeping, without meaning to us */
};

struct entry_path {
	enum entry_kind kind;
	char path[PATH_MAX]; /* "usr/bin/x"; "" is the root */
};

/**
 * entry_parse() - understand the name of an entry
 *
 * A leading "/" is dropped: names are below the layer's root, whatever they say. ".." is refused
 * rather than guessed at, as are names that could be mistaken for a mark.
 *
 * Return: 0; -EINVAL or -ENAMETOOLONG with @e filled.
 */
int entry_parse(const char *name, struct entry_path *ret_entry, struct err *e);

/** entry_xattr_wanted() - may a layer set extended attribute @name? */
bool entry_xattr_wanted(const char *name);
