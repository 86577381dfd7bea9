#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/gabion/table.h"

/* Characters, not bytes. */
static size_t cell_width(const char *cell)
{
	size_t width = 0;

	for (; *cell; cell++)
		width += ((unsigned char)*cell & 0xc0) != 0x80;
	return width;
}

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
	text_append_bytes(&table->cells, cell, strlen(cell) + 1);
	length = cell_width(cell);
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
			(void)printf("%s%*s", cell,
				     (int)(table->width[column] - cell_width(cell) + 3), "");
		cell += strlen(cell) + 1;
	}
	text_release(&table->cells);
	*table = (struct table){ .columns = table->columns };
}
