/*
 * Errors: a negative errno travels as the return value, the sentence for the user travels beside it
 * in a struct err that the outermost caller owns. No allocation, so an error can be made after
 * fork(), and is small enough to be sent over a pipe as it is. Nothing here prints.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define ERR_TEXT_BYTES 960

/* A zeroed struct err holds no error. */
struct err {
	int code; /* errno, positive; 0 when there is none */
	char text[ERR_TEXT_BYTES];
};

/**
 * err_set() - state a fault that no system call reported
 * @e:    where to write; NULL drops the text
 * @code: errno that fits, positive
 *
 * An error that @e already holds is kept: the first one is the one told.
 *
 * Return: -@code, for `return err_set(...)`.
 */
int err_set(struct err *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * err_sys() - state that a system call failed, with errno's own words after the text
 *
 * Return: -errno as it was on entry.
 */
int err_sys(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * err_wrap() - put context in front of the text that @e holds: "context: text"
 * @r: negative errno being passed up
 *
 * Return: @r.
 */
int err_wrap(struct err *e, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** err_oom() - memory ran out. Return: -ENOMEM. */
int err_oom(struct err *e);

/** err_clear() - forget the error, for a caller that found another way. */
void err_clear(struct err *e);
