/*
 * Log lines for the person or the engine that runs us. One sink for a process, chosen once from the
 * command line. Errors are printed by cmd/ alone; debug lines may come from anywhere but the
 * half-built child.
 */
#pragma once

#include <stdbool.h>

struct err;

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_TEXT, /* "gabion-oci: message" on a terminal, logfmt in a file */
	LOG_FORMAT_JSON, /* {"level":"error","msg":"...","time":"RFC 3339"} as Docker's shim reads */
};

/**
 * log_open() - choose sink, format and threshold
 * @program: first word of text lines; borrowed for the life of the process
 * @path:    file to append to, made if missing, never followed if a symbolic link; NULL for
 *           standard error
 *
 * Return: 0, or -errno with @e filled (the old sink stays).
 */
int log_open(const char *program, const char *path, enum log_format format, enum log_level least,
	     struct err *e);

/** log_line() - write one line; a failing sink is ignored. errno is kept. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** log_wants() - would a line of @level be written? For lines that are dear to make. */
bool log_wants(enum log_level level);

#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_wants(LOG_LEVEL_DEBUG))                                                    \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                    \
	} while (0)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
