/*
 * Command line options from a table: what Go's flag readers and getopt_long() both accept, so that
 * people and engines can write either. A table is const and says where in the caller's struct each
 * value goes; this reads, checks and stores, and says nothing on any stream.
 *
 * Accepted: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE, flags bundled as in -it, a flag
 * with a word as in --name=false, and "--" before words that begin with a dash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct text;

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char *: the last one wins; borrowed from argv */
	OPTION_LIST,   /* struct option_list: all of them, in order */
	OPTION_NUMBER, /* struct option_number: decimal, may be negative */
	OPTION_BYTES,  /* struct option_number: with k, m, g, t behind it for powers of 1024, or -1 */
	OPTION_IGNORE_FLAG, /* nothing is stored: accepted because callers pass it */
	OPTION_IGNORE_TEXT,
};

struct option_list {
	const char **items; /* NULL-terminated; NULL while empty; texts are borrowed from argv */
	uint32_t count;
};

struct option_number {
	bool is_given;
	int64_t value;
};

struct option {
	const char *name; /* long name without dashes; NULL ends the table */
	char letter;      /* 0: none */
	enum option_kind kind;
	size_t offset;    /* of the value in the caller's struct: offsetof() */
	const char *value_name; /* for help: "DIR"; NULL for flags */
	const char *help;       /* for help; NULL: not shown */
};

enum options_order {
	OPTIONS_FIRST,    /* options stand before the first word; all after that are words */
	OPTIONS_ANYWHERE, /* options may follow words */
};

/**
 * options_read() - take the options out of a command line
 * @table:  ends with an entry whose name is NULL
 * @values: the struct that the table's offsets point into, with its defaults set
 * @argv:   without the program's or the verb's name; reordered so that the words come first
 * @ret_words: how many words there are
 *
 * Return: 0; -EINVAL with @e filled: the sentence names the option as it was written. What
 * option lists hold is given back with option_list_release(), after an error as well.
 */
int options_read(const struct option *table, enum options_order order, void *values, int argc,
		 char **argv, int *ret_words, struct err *e);

/** options_help() - two columns, a line for each option that has a help text. */
void options_help(const struct option *table, struct text *out);

/** option_list_add() - append @item, which is borrowed. Return: 0 or -ENOMEM. */
int option_list_add(struct option_list *list, const char *item, struct err *e);
void option_list_release(struct option_list *list);

/** option_number_read() - a whole decimal number. Return: 0; -EINVAL; -ERANGE; no text. */
int option_number_read(const char *text, int64_t *ret_value);

/** option_bytes_read() - bytes as in "512m", "1.5g" (not "1.5"), "100kb", "2GiB" or "-1". */
int option_bytes_read(const char *text, int64_t *ret_bytes);

/** option_flag_read() - a truth value as Go writes it. Return: 0; -EINVAL. */
int option_flag_read(const char *text, bool *ret_value);
