/*
 * Finding things that are installed with gabion: the helper program and the images that are shipped.
 */
#pragma once

struct err;

/** helper_path() - a program or image of ours. Return: 0 with a path to free(); -ENOENT; -errno. */
int helper_path(const char *name, char **ret_path, struct err *e);
