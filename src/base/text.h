/*
 * Text under construction. Failure is sticky: append as often as needed, look at text_ok() once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A zeroed struct text is empty and grows by malloc(). */
struct text {
	char *data; /* NUL-terminated once something was appended */
	size_t length;
	size_t capacity_bytes;
	bool failed; /* memory ran out; what is there is incomplete */
};

void text_release(struct text *text);
void text_append(struct text *text, const char *more);
void text_append_bytes(struct text *text, const char *more, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** text_json() - append @value as a JSON string, quotes included; NULL becomes null. */
void text_json(struct text *text, const char *value);

static inline bool text_ok(const struct text *text)
{
	return !text->failed;
}

/** text_str() - what was built, never NULL. Borrowed until the next append. */
static inline const char *text_str(const struct text *text)
{
	return text->data ? text->data : "";
}

static inline void own_text_drop(struct text *text)
{
	text_release(text);
}
#define own_text __attribute__((cleanup(own_text_drop)))
