#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/logfile.h"

int logfile_open(struct logfile *ret, int dir_fd, struct err *e)
{
	*ret = (struct logfile){ .fd = openat(dir_fd, "container.log",
					      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
					      0600) };
	if (ret->fd < 0)
		return err_sys(e, "open 'container.log'");
	for (int i = 0; i < 2; i++) {
		ret->pending[i].data = malloc(LOG_LINE_BYTES_MAX);
		if (!ret->pending[i].data)
			return err_oom(e);
	}
	return 0;
}

/* Bytes of the UTF-8 character at @at, 0 when there is none that is well formed. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 :
			at[0] < 0xf0	       ? 3 :
			at[0] < 0xf5	       ? 4 :
						 0;

	if (!length || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

static void quote(struct text *out, const char *data, size_t length)
{
	const unsigned char *at = (const unsigned char *)data;

	text_append(out, "\"");
	while (length) {
		size_t bytes = utf8_length(at, length);

		if (!bytes)
			text_append(out, "\\ufffd");
		else if (*at == '"' || *at == '\\')
			text_printf(out, "\\%c", *at);
		else if (*at == '\n')
			text_append(out, "\\n");
		else if (*at == '\t')
			text_append(out, "\\t");
		else if (*at == '\r')
			text_append(out, "\\r");
		else if (*at < 0x20)
			text_printf(out, "\\u%04x", *at);
		else
			text_append_bytes(out, (const char *)at, bytes);
		bytes += !bytes;
		at += bytes;
		length -= bytes;
	}
	text_append(out, "\"");
}

static void line_write(struct logfile *log, bool is_stderr)
{
	own_text struct text line = { 0 };
	char now[40];

	time_now(now);
	text_append(&line, "{\"log\":");
	quote(&line, log->pending[is_stderr].data, log->pending[is_stderr].length);
	text_printf(&line, ",\"stream\":\"%s\",\"time\":\"%s\"}\n", is_stderr ? "stderr" : "stdout",
		    now);
	if (text_ok(&line))
		(void)!write(log->fd, text_str(&line), line.length);
	log->pending[is_stderr].length = 0;
}

void logfile_write(struct logfile *log, bool is_stderr, const char *data, size_t length)
{
	if (log->fd < 0)
		return;
	while (length) {
		const char *newline = memchr(data, '\n', length);
		size_t bytes = newline ? (size_t)(newline - data) + 1 : length;
		size_t room = LOG_LINE_BYTES_MAX - log->pending[is_stderr].length;

		if (bytes > room)
			bytes = room;
		memcpy(log->pending[is_stderr].data + log->pending[is_stderr].length, data, bytes);
		log->pending[is_stderr].length += bytes;
		if (log->pending[is_stderr].length == LOG_LINE_BYTES_MAX || data[bytes - 1] == '\n')
			line_write(log, is_stderr);
		data += bytes;
		length -= bytes;
	}
}

void logfile_close(struct logfile *log)
{
	for (int i = 0; i < 2; i++) {
		if (log->fd >= 0 && log->pending[i].length)
			line_write(log, i);
		free(log->pending[i].data);
		log->pending[i].data = NULL;
	}
	log->fd = fd_close(log->fd);
}
