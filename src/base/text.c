#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

#define TEXT_BYTES_FIRST 256

static bool text_reserve(struct text *text, size_t more)
{
	size_t wanted, bytes = text->capacity_bytes ? text->capacity_bytes : TEXT_BYTES_FIRST;
	char *grown;

	if (text->failed || __builtin_add_overflow(text->length, more, &wanted) ||
	    __builtin_add_overflow(wanted, 1, &wanted)) {
		text->failed = true;
		return false;
	}
	if (wanted <= text->capacity_bytes)
		return true;
	while (bytes < wanted)
		if (__builtin_mul_overflow(bytes, 2, &bytes)) {
			text->failed = true;
			return false;
		}
	grown = realloc(text->data, bytes);
	if (!grown) {
		text->failed = true;
		return false;
	}
	text->data = grown;
	text->capacity_bytes = bytes;
	return true;
}

void text_release(struct text *text)
{
	own_mem_drop(&text->data);
	*text = (struct text){ 0 };
}

void text_append_bytes(struct text *text, const char *more, size_t length)
{
	if (!text_reserve(text, length))
		return;
	memcpy(text->data + text->length, more, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *more)
{
	text_append_bytes(text, more, strlen(more));
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0 && text_reserve(text, (size_t)length)) {
		(void)vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
		text->length += (size_t)length;
	} else if (length < 0) {
		text->failed = true;
	}
	va_end(again);
	va_end(args);
}

static void text_json_char(struct text *text, unsigned char c)
{
	static const char short_form[] = { ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
					   ['\n'] = 'n', ['\r'] = 'r',	['\t'] = 't' };

	if (c < sizeof(short_form) && short_form[c])
		text_printf(text, "\\%c", short_form[c]);
	else if (c < 0x20)
		text_printf(text, "\\u%04x", c);
	else
		text_append_bytes(text, (const char *)&c, 1);
}

void text_json(struct text *text, const char *value)
{
	if (!value) {
		text_append(text, "null");
		return;
	}
	text_append(text, "\"");
	for (; *value; value++)
		text_json_char(text, (unsigned char)*value);
	text_append(text, "\"");
}
