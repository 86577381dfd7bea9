/*
 * The record: what a later process must know to take a container down. Flat keys and values, kept
 * in the state file. `delete` is another process than `create`; this is all it has.
 */
#pragma once

#include <stdint.h>

struct arena;
struct err;

#define RECORD_PAIR_COUNT_MAX 64

struct record_pair {
	const char *key; /* "cgroup.path", "apparmor.profile": room or wall, dot, what */
	const char *value;
};

struct record {
	struct arena *arena;
	struct record_pair pairs[RECORD_PAIR_COUNT_MAX];
	uint32_t count;
	/* writes the record where a later process finds it; NULL: it lives in memory only */
	int (*save)(void *save_context, const struct record *rec, struct err *e);
	void *save_context;
};

/** record_set() - remember @value under @key; both are copied, an old value is replaced. */
int record_set(struct record *rec, const char *key, const char *value, struct err *e);

/** record_get() - what was remembered, or NULL. */
const char *record_get(const struct record *rec, const char *key);

/**
 * record_save() - make the record outlive us
 *
 * To be called when the record names what is about to be made and before it is: whoever is killed
 * in between leaves a record of something that does not exist, which release() takes for done; the
 * other order would leave something that nobody knows of.
 */
int record_save(const struct record *rec, struct err *e);
