#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/gabion/table.h"

void table_cell(struct table *table, const char *format, ...)
{
	char cell[1024];
	unsigned column = table->count++ % table->columns;
	va_list args;
	size_t length;

	va_start(args, format);
	(void)vsnprintf(cell, sizeof(cell), format, args);
	va_end(args);
	for (char *c = cell; *c; c++) /* a terminal obeys what a container has put into a name */
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	length = strlen(cell);
	text_append_bytes(&table->cells, cell, length + 1);
	if (length > table->width[column])
		table->width[column] = length;
}

void table_print(struct table *table)
{
	const char *cell = text_str(&table->cells);

	for (unsigned i = 0; text_ok(&table->cells) && i < table->count; i++) {
		unsigned column = i % table->columns;

		if (column + 1 == table->columns)
			(void)printf("%s\n", cell);
		else
			(void)printf("%-*s   ", (int)table->width[column], cell);
		cell += strlen(cell) + 1;
	}
	text_release(&table->cells);
	*table = (struct table){ .columns = table->columns };
}
