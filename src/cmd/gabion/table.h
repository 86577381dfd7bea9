/*
 * Columns of text, as wide as what is in them.
 */
#pragma once

#include "base/text.h"

#define TABLE_COLUMN_COUNT_MAX 10

struct table {
	struct text cells; /* each ends with a NUL */
	unsigned columns;
	unsigned count; /* cells */
	size_t width[TABLE_COLUMN_COUNT_MAX];
};

/** table_cell() - the next cell, row after row; the first row is the head */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** table_print() - to standard output; then empty */
void table_print(struct table *table);
