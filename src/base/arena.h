/*
 * An arena: memory that is taken piece by piece and given back all at once. A spec and the plan made
 * from it live in one. Address space is reserved once, so that the only call that can fail is the
 * first; pages are touched as they are used. Not safe for concurrent use.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct err;

#define ARENA_BYTES_MAX ((size_t)256 << 20)

struct arena {
	char *base;
	size_t used_bytes;
	size_t total_bytes;
};

/**
 * arena_init() - reserve address space
 *
 * Return: 0, or -ENOMEM with @e filled. arena_release() gives all of it back.
 */
int arena_init(struct arena *arena, struct err *e);
void arena_release(struct arena *arena);

/**
 * arena_alloc() - take zeroed memory, aligned for any type
 *
 * Return: memory that lives as long as the arena, or NULL when ARENA_BYTES_MAX is used up (for
 * err_oom()).
 */
void *arena_alloc(struct arena *arena, size_t bytes) __attribute__((malloc));

/** arena_array() - as arena_alloc(), for @count elements, checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t element_bytes) __attribute__((malloc));

/** arena_strdup() - copy a string into the arena. Return: the copy, or NULL when full. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define arena_new(arena, type)             ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new_array(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

static inline void own_arena_drop(struct arena *arena)
{
	arena_release(arena);
}
#define own_arena __attribute__((cleanup(own_arena_drop)))
