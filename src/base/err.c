#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

__attribute__((format(printf, 4, 0))) static void
err_fill(struct err *e, int code, const char *suffix, const char *format, va_list args)
{
	int used;

	if (!e || e->code)
		return;

	e->code = code;
	used = vsnprintf(e->text, sizeof(e->text), format, args);
	if (suffix && used >= 0 && (size_t)used < sizeof(e->text))
		(void)snprintf(e->text + used, sizeof(e->text) - (size_t)used, ": %s", suffix);
}

int err_set(struct err *e, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_fill(e, code, NULL, format, args);
	va_end(args);
	return -code;
}

int err_sys(struct err *e, const char *format, ...)
{
	int code = errno;
	va_list args;

	va_start(args, format);
	err_fill(e, code, strerror(code), format, args);
	va_end(args);
	return -code;
}

int err_wrap(struct err *e, int r, const char *format, ...)
{
	char inner[ERR_TEXT_BYTES];
	va_list args;

	if (!e || !e->code)
		return r;

	memcpy(inner, e->text, sizeof(inner));
	e->code = 0;
	va_start(args, format);
	err_fill(e, -r, inner, format, args);
	va_end(args);
	return r;
}

int err_oom(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err){ 0 };
}
