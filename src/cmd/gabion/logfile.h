/*
 * The log of a container in Docker's json-file format, a line of output a line:
 *
 *	{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define LOG_LINE_BYTES_MAX ((size_t)16 << 10) /* longer lines are cut into several, as by Docker */

struct logfile {
	int fd; /* -EBADF: nothing is kept */
	struct {
		char *data; /* an unfinished line */
		size_t length;
	} pending[2]; /* stdout, stderr */
};

/** logfile_open() - append to container.log of @dir_fd */
int logfile_open(struct logfile *ret, int dir_fd, struct err *e);
/** logfile_write() - add output. What cannot be written is lost: output must not stop for it. */
void logfile_write(struct logfile *log, bool is_stderr, const char *data, size_t length);
/** logfile_close() - write unfinished lines */
void logfile_close(struct logfile *log);
