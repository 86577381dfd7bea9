/*
 * The helper's own walls, raised before the first foreign byte is read: files only in the store,
 * no new programs, no network, no other processes. What a flaw in an unpacker could reach is then
 * the store and nothing else.
 */
#pragma once

struct err;

/**
 * confine() - shut this process in, for good
 * @store_fd:  directory that may be changed; borrowed
 * @layout_fd: directory that may be read as well, or -EBADF
 *
 * Landlock is used from ABI 2 on (Linux 5.19); a kernel without it is told of on the log. The
 * system call filter and no_new_privs are not optional.
 *
 * Return: 0; or -errno with @e filled.
 */
int confine(int store_fd, int layout_fd, struct err *e);
