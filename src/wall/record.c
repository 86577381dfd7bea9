#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "wall/record.h"

static struct record_pair *record_find(struct record *rec, const char *key)
{
	for (uint32_t i = 0; i < rec->count; i++)
		if (!strcmp(rec->pairs[i].key, key))
			return &rec->pairs[i];
	return NULL;
}

int record_set(struct record *rec, const char *key, const char *value, struct err *e)
{
	struct record_pair *pair = record_find(rec, key);

	if (!pair) {
		if (rec->count == RECORD_PAIR_COUNT_MAX)
			return err_set(e, ENOSPC, "record is full at '%s'", key);
		pair = &rec->pairs[rec->count];
		pair->key = arena_strdup(rec->arena, key);
		if (!pair->key)
			return err_oom(e);
		rec->count++;
	}
	pair->value = arena_strdup(rec->arena, value);
	return pair->value ? 0 : err_oom(e);
}

const char *record_get(const struct record *rec, const char *key)
{
	for (uint32_t i = 0; i < rec->count; i++)
		if (!strcmp(rec->pairs[i].key, key))
			return rec->pairs[i].value;
	return NULL;
}

int record_save(const struct record *rec, struct err *e)
{
	return rec->save ? rec->save(rec->save_context, rec, e) : 0;
}
