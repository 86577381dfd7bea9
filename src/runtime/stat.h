/*
 * What /proc/PID/stat says of a process, and which boot this is: together they tell a process from a
 * later one that was given the same number.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

#define BOOT_ID_BYTES 40

struct stat_line {
	char state;           /* 'R', 'S', 'T', 'Z', ... */
	pid_t parent_pid;
	uint64_t start_ticks; /* since boot */
};

/** stat_parse() - read a line of /proc/PID/stat. The program's name in it may hold anything. */
int stat_parse(const char *text, struct stat_line *ret_line);

/** stat_read() - of process @pid. Return: 0; -ESRCH or another -errno with @e filled. */
int stat_read(pid_t pid, struct stat_line *ret_line, struct err *e);

/** stat_boot_id() - @ret_id: BOOT_ID_BYTES long. */
int stat_boot_id(char *ret_id, struct err *e);
