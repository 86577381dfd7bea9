/*
 * A user other than root unpacks images in a user namespace of their own, where they are root over
 * the ids that /etc/subuid and /etc/subgid give them. With no such ids one is left, and all files
 * of an image belong to it.
 */
#pragma once

#include <stdbool.h>

struct err;

/**
 * rootless_enter() - become root of a new user namespace, if we are not root
 * @ret_squashed: set when only one id could be mapped
 *
 * Id 0 inside is the user, ids from 1 on are the ranges of /etc/subuid in order; newuidmap(1) and
 * newgidmap(1) write them.
 *
 * Context: one thread, before anything was opened in the store.
 * Return: 0, also for root, who stays where they are; or -errno with @e filled.
 */
int rootless_enter(bool *ret_squashed, struct err *e);
