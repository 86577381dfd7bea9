#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

static struct {
	const char *program;
	int fd;
	enum log_format format;
	enum log_level least;
	bool is_file;
} sink = { .program = "gabion", .fd = STDERR_FILENO, .least = LOG_LEVEL_WARNING };

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_ERROR] = "error",
};

int log_open(const char *program, const char *path, enum log_format format, enum log_level least,
	     struct err *e)
{
	int fd = STDERR_FILENO;

	if (path) {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			  0644);
		if (fd < 0)
			return err_sys(e, "open log file '%s'", path);
	}
	if (sink.is_file)
		(void)fd_close(sink.fd);
	sink.program = program;
	sink.fd = fd;
	sink.format = format;
	sink.least = least;
	sink.is_file = path != NULL;
	return 0;
}

bool log_wants(enum log_level level)
{
	return level >= sink.least;
}

static void log_time(char *out, size_t bytes)
{
	struct timespec now;
	struct tm utc;
	size_t used;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	used = strftime(out, bytes, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(out + used, bytes - used, ".%09ldZ", now.tv_nsec);
}

static void log_compose(struct text *line, enum log_level level, const char *message)
{
	char when[48];

	log_time(when, sizeof(when));
	if (sink.format == LOG_FORMAT_JSON) {
		text_printf(line, "{\"level\":\"%s\",\"msg\":", level_names[level]);
		text_json(line, message);
		text_printf(line, ",\"time\":\"%s\"}\n", when);
	} else if (sink.is_file) {
		text_printf(line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		text_json(line, message);
		text_append(line, "\n");
	} else if (level == LOG_LEVEL_ERROR || level == LOG_LEVEL_INFO) {
		text_printf(line, "%s: %s\n", sink.program, message);
	} else {
		text_printf(line, "%s: %s: %s\n", sink.program, level_names[level], message);
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char message[2048];
	own_text struct text line = { 0 };
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	log_compose(&line, level, message);
	if (text_ok(&line) && write(sink.fd, line.data, line.length) < 0)
		errno = saved; /* nowhere to complain to */
	errno = saved;
}
