#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/err.h"

int arena_init(struct arena *arena, struct err *e)
{
	void *base = mmap(NULL, ARENA_BYTES_MAX, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return err_sys(e, "reserve memory");
	*arena = (struct arena){ .base = base, .total_bytes = ARENA_BYTES_MAX };
	return 0;
}

void arena_release(struct arena *arena)
{
	if (arena->base)
		(void)munmap(arena->base, arena->total_bytes);
	*arena = (struct arena){ 0 };
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	void *taken;

	if (bytes > arena->total_bytes)
		return NULL;
	bytes = (bytes + align - 1) & ~(align - 1);
	if (bytes > arena->total_bytes - arena->used_bytes)
		return NULL;
	taken = arena->base + arena->used_bytes;
	arena->used_bytes += bytes;
	return taken;
}

void *arena_array(struct arena *arena, size_t count, size_t element_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, element_bytes, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text = NULL;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0)
		text = arena_alloc(arena, (size_t)length + 1);
	if (text)
		(void)vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}
