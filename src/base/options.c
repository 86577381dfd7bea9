#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/options.h"
#include "base/text.h"

int option_list_add(struct option_list *list, const char *item, struct err *e)
{
	const char **grown = reallocarray(list->items, (size_t)list->count + 2, sizeof(*grown));

	if (!grown)
		return err_oom(e);
	list->items = grown;
	list->items[list->count++] = item;
	list->items[list->count] = NULL;
	return 0;
}

void option_list_release(struct option_list *list)
{
	free(list->items);
	*list = (struct option_list){ 0 };
}

int option_number_read(const char *text, int64_t *ret_value)
{
	const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
	long long value;
	char *end;

	if (!isdigit((unsigned char)*digits)) /* strtoll() would skip white space */
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

/* The unit behind a number: "", "b", "k", "kb", "kib" and so on, in either case. */
static int option_unit_read(const char *text, unsigned *ret_shift)
{
	static const char letters[] = "kmgtp";
	const char *letter = *text ? strchr(letters, tolower((unsigned char)*text)) : NULL;

	*ret_shift = 0;
	if (letter) {
		*ret_shift = 10 * (unsigned)(letter - letters + 1);
		text++;
		if (!strcasecmp(text, "ib"))
			return 0;
	}
	return !*text || !strcasecmp(text, "b") ? 0 : -EINVAL;
}

int option_bytes_read(const char *text, int64_t *ret_bytes)
{
	int64_t whole = 0, fraction = 0, scale = 1, bytes, part;
	const char *at = text;
	unsigned shift;

	if (!strcmp(text, "-1")) {
		*ret_bytes = -1;
		return 0;
	}
	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *at - '0', &whole))
			return -ERANGE;
	if (*at == '.') {
		if (!isdigit((unsigned char)*++at))
			return -EINVAL;
		for (; isdigit((unsigned char)*at); at++)
			if (scale < 1000) { /* a thousandth is as fine as it gets */
				fraction = fraction * 10 + (*at - '0');
				scale *= 10;
			}
	}
	while (*at == ' ')
		at++;
	if (option_unit_read(at, &shift) < 0 || (scale > 1 && !shift))
		return -EINVAL;
	if (__builtin_mul_overflow(whole, INT64_C(1) << shift, &bytes))
		return -ERANGE;
	part = fraction * (INT64_C(1) << shift) / scale;
	if (__builtin_add_overflow(bytes, part, &bytes))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int option_flag_read(const char *text, bool *ret_value)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (!strcmp(text, yes[i])) {
			*ret_value = true;
			return 0;
		}
		if (!strcmp(text, no[i])) {
			*ret_value = false;
			return 0;
		}
	}
	return -EINVAL;
}

static bool option_takes_value(const struct option *option)
{
	return option->kind != OPTION_FLAG && option->kind != OPTION_IGNORE_FLAG;
}

static int option_store(const struct option *option, void *values, const char *shown,
			const char *value, struct err *e)
{
	void *slot = (char *)values + option->offset;
	struct option_number *number = slot;
	bool ignored;
	int r = 0;

	switch (option->kind) {
	case OPTION_FLAG:
		r = option_flag_read(value, slot);
		break;
	case OPTION_TEXT:
		*(const char **)slot = value;
		break;
	case OPTION_LIST:
		return option_list_add(slot, value, e);
	case OPTION_NUMBER:
		r = option_number_read(value, &number->value);
		number->is_given = true;
		break;
	case OPTION_BYTES:
		r = option_bytes_read(value, &number->value);
		number->is_given = true;
		break;
	case OPTION_IGNORE_FLAG:
		r = option_flag_read(value, &ignored);
		break;
	case OPTION_IGNORE_TEXT:
		break;
	}
	if (r == -ERANGE)
		return err_set(e, ERANGE, "option '%s': '%s' is too large", shown, value);
	if (r < 0)
		return err_set(e, EINVAL, "option '%s': '%s' is not a %s", shown, value,
			       option_takes_value(option) ? "number" : "truth value");
	return 0;
}

static const struct option *option_by_name(const struct option *table, const char *name,
					   size_t length)
{
	for (; table->name; table++)
		if (!strncmp(table->name, name, length) && !table->name[length])
			return table;
	return NULL;
}

static const struct option *option_by_letter(const struct option *table, char letter)
{
	for (; table->name; table++)
		if (table->letter == letter)
			return table;
	return NULL;
}

/* One argument and the one that may follow it. */
struct options_cursor {
	const struct option *table;
	void *values;
	int argc;
	char **argv;
	int index;
};

static int options_next_value(struct options_cursor *at, const char *shown, const char **ret_value,
			      struct err *e)
{
	if (at->index + 1 >= at->argc)
		return err_set(e, EINVAL, "option '%s' needs a value", shown);
	*ret_value = at->argv[++at->index];
	return 0;
}

static int options_read_long(struct options_cursor *at, struct err *e)
{
	const char *argument = at->argv[at->index];
	size_t length = strcspn(argument + 2, "=");
	const struct option *option = option_by_name(at->table, argument + 2, length);
	const char *value = argument[2 + length] ? argument + 2 + length + 1 : NULL;
	char shown[64];
	int r;

	if (!option)
		return err_set(e, EINVAL, "unknown option '%.*s'", (int)(2 + length), argument);
	shown[0] = shown[1] = '-';
	memcpy(shown + 2, option->name, strnlen(option->name, sizeof(shown) - 3) + 1);
	shown[sizeof(shown) - 1] = '\0';
	if (!value && !option_takes_value(option))
		value = "true";
	if (!value) {
		r = options_next_value(at, shown, &value, e);
		if (r < 0)
			return r;
	}
	return option_store(option, at->values, shown, value, e);
}

static int options_read_short(struct options_cursor *at, struct err *e)
{
	const char *letter = at->argv[at->index] + 1;

	while (*letter) {
		const struct option *option = option_by_letter(at->table, *letter);
		const char shown[] = { '-', *letter, '\0' };
		const char *value = letter[1] == '=' ? letter + 2 : letter + 1;
		int r;

		if (!option)
			return err_set(e, EINVAL, "unknown option '-%c' in '%s'", *letter,
				       at->argv[at->index]);
		if (!option_takes_value(option) && letter[1] != '=') {
			r = option_store(option, at->values, shown, "true", e);
			if (r < 0)
				return r;
			letter++;
			continue;
		}
		if (!letter[1]) {
			r = options_next_value(at, shown, &value, e);
			if (r < 0)
				return r;
		}
		return option_store(option, at->values, shown, value, e);
	}
	return 0;
}

int options_read(const struct option *table, enum options_order order, void *values, int argc,
		 char **argv, int *ret_words, struct err *e)
{
	struct options_cursor at = {
		.table = table, .values = values, .argc = argc, .argv = argv
	};
	bool only_words = false;
	int words = 0, r;

	for (; at.index < argc; at.index++) {
		char *argument = argv[at.index];

		if (only_words || argument[0] != '-' || !argument[1]) {
			argv[words++] = argument; /* words <= index: nothing unread is lost */
			only_words |= order == OPTIONS_FIRST;
			continue;
		}
		if (!strcmp(argument, "--")) {
			only_words = true;
			continue;
		}
		r = argument[1] == '-' ? options_read_long(&at, e) : options_read_short(&at, e);
		if (r < 0)
			return r;
	}
	*ret_words = words;
	return 0;
}

void options_help(const struct option *table, struct text *out)
{
	for (; table->name; table++) {
		size_t start = out->length, width;

		if (!table->help)
			continue;
		if (table->letter)
			text_printf(out, "  -%c, --%s", table->letter, table->name);
		else
			text_printf(out, "      --%s", table->name);
		if (table->value_name)
			text_printf(out, " %s", table->value_name);
		width = out->length - start;
		text_printf(out, "%*s%s\n", width < 32 ? (int)(34 - width) : 2, "", table->help);
	}
}
