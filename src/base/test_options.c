#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/options.h"
#include "base/text.h"

struct values {
	bool tty, interactive;
	const char *user;
	struct option_list env;
	struct option_number count, memory;
};

#define AT(field) offsetof(struct values, field)

static const struct option table[] = {
	{ "tty", 't', OPTION_FLAG, AT(tty), NULL, "with a terminal" },
	{ "interactive", 'i', OPTION_FLAG, AT(interactive), NULL, NULL },
	{ "user", 'u', OPTION_TEXT, AT(user), "USER", "as this user" },
	{ "env", 'e', OPTION_LIST, AT(env), "NAME=VALUE", "add to the environment" },
	{ "count", 'n', OPTION_NUMBER, AT(count), "N", NULL },
	{ "memory", 0, OPTION_BYTES, AT(memory), "BYTES", NULL },
	{ "old", 0, OPTION_IGNORE_TEXT, 0, "X", NULL },
	{ "older", 0, OPTION_IGNORE_FLAG, 0, NULL, NULL },
	{ 0 },
};

struct good {
	const char *why;
	enum options_order order;
	const char *line; /* split at blanks */
	const char *want;
};

static const struct good goods[] = {
	{ "nothing at all", OPTIONS_ANYWHERE, "", "t0 i0 u- n- m- |" },
	{ "separate value", OPTIONS_ANYWHERE, "--user 0", "t0 i0 u0 n- m- |" },
	{ "joined value", OPTIONS_ANYWHERE, "--user=0", "t0 i0 u0 n- m- |" },
	{ "empty joined value", OPTIONS_ANYWHERE, "--user=", "t0 i0 u n- m- |" },
	{ "value with an equal sign", OPTIONS_ANYWHERE, "-e A=B=C", "t0 i0 u- n- m- e:A=B=C |" },
	{ "short, joined", OPTIONS_ANYWHERE, "-u1", "t0 i0 u1 n- m- |" },
	{ "short, joined as Go does", OPTIONS_ANYWHERE, "-u=1", "t0 i0 u1 n- m- |" },
	{ "short, separate", OPTIONS_ANYWHERE, "-u 1:2", "t0 i0 u1:2 n- m- |" },
	{ "bundled", OPTIONS_ANYWHERE, "-it", "t1 i1 u- n- m- |" },
	{ "bundled with a value last", OPTIONS_ANYWHERE, "-itu 5 x", "t1 i1 u5 n- m- | x" },
	{ "a flag switched off", OPTIONS_ANYWHERE, "-t --tty=false", "t0 i0 u- n- m- |" },
	{ "a short flag with a word", OPTIONS_ANYWHERE, "-it=false", "t0 i1 u- n- m- |" },
	{ "a flag never eats the next word", OPTIONS_ANYWHERE, "-t false", "t1 i0 u- n- m- | false" },
	{ "list keeps order", OPTIONS_ANYWHERE, "-e A=1 --env=B=2 -eC", "t0 i0 u- n- m- e:A=1 e:B=2 e:C |" },
	{ "the last text wins", OPTIONS_ANYWHERE, "-u 1 -u 2", "t0 i0 u2 n- m- |" },
	{ "negative number", OPTIONS_ANYWHERE, "-n -1", "t0 i0 u- n-1 m- |" },
	{ "bytes", OPTIONS_ANYWHERE, "--memory 1.5g", "t0 i0 u- n- m1610612736 |" },
	{ "options after words", OPTIONS_ANYWHERE, "a -t b", "t1 i0 u- n- m- | a b" },
	{ "words only after --", OPTIONS_ANYWHERE, "a -- -t", "t0 i0 u- n- m- | a -t" },
	{ "a dash is a word", OPTIONS_ANYWHERE, "-t -", "t1 i0 u- n- m- | -" },
	{ "first word ends options", OPTIONS_FIRST, "-t sh -c -i", "t1 i0 u- n- m- | sh -c -i" },
	{ "-- then a command with --", OPTIONS_FIRST, "-t -- sh -- x", "t1 i0 u- n- m- | sh -- x" },
	{ "ignored ones", OPTIONS_ANYWHERE, "--old 1 --older x", "t0 i0 u- n- m- | x" },
};

static const struct {
	const char *why, *line, *text;
} bads[] = {
	{ "unknown long", "--nope=1", "unknown option '--nope'" },
	{ "a prefix is not a name", "--us 1", "unknown option '--us'" },
	{ "unknown short in a bundle", "-tx", "unknown option '-x' in '-tx'" },
	{ "value missing at the end", "--user", "option '--user' needs a value" },
	{ "value missing, short", "-u", "option '-u' needs a value" },
	{ "not a truth value", "--tty=maybe", "option '--tty': 'maybe' is not a truth value" },
	{ "not a number", "-n 1x", "option '-n': '1x' is not a number" },
	{ "empty number", "-n=", "option '-n': '' is not a number" },
	{ "number too large", "-n 9223372036854775808",
	  "option '-n': '9223372036854775808' is too large" },
	{ "bytes without a unit have no fraction", "--memory 1.5",
	  "option '--memory': '1.5' is not a number" },
};

static int split(char *line, char **argv)
{
	int argc = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return argc;
}

static void number_show(struct text *out, char tag, const struct option_number *number)
{
	text_printf(out, "%c", tag);
	if (number->is_given)
		text_printf(out, "%lld ", (long long)number->value);
	else
		text_append(out, "- ");
}

static void test_good(void **state)
{
	for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++) {
		struct values v = { .user = "-" };
		own_text struct text got = { 0 };
		char line[128], *argv[32];
		struct err e = { 0 };
		int argc, words;

		(void)snprintf(line, sizeof(line), "%s", goods[i].line);
		argc = split(line, argv);
		if (options_read(table, goods[i].order, &v, argc, argv, &words, &e) < 0)
			fail_msg("%s: %s", goods[i].why, e.text);
		text_printf(&got, "t%d i%d u%s ", v.tty, v.interactive, v.user);
		number_show(&got, 'n', &v.count);
		number_show(&got, 'm', &v.memory);
		for (uint32_t n = 0; n < v.env.count; n++)
			text_printf(&got, "e:%s ", v.env.items[n]);
		text_append(&got, "|");
		for (int n = 0; n < words; n++)
			text_printf(&got, " %s", argv[n]);
		if (strcmp(text_str(&got), goods[i].want) != 0)
			fail_msg("%s: got '%s', want '%s'", goods[i].why, text_str(&got),
				 goods[i].want);
		option_list_release(&v.env);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		struct values v = { 0 };
		char line[128], *argv[32];
		struct err e = { 0 };
		int argc, words;

		(void)snprintf(line, sizeof(line), "%s", bads[i].line);
		argc = split(line, argv);
		if (options_read(table, OPTIONS_ANYWHERE, &v, argc, argv, &words, &e) >= 0)
			fail_msg("%s: accepted", bads[i].why);
		assert_string_equal(e.text, bads[i].text);
		option_list_release(&v.env);
	}
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "10b", 0, 10 },
		{ "1k", 0, 1024 },
		{ "1KB", 0, 1024 },
		{ "2MiB", 0, 2 << 20 },
		{ "1 g", 0, 1 << 30 },
		{ "-1", 0, -1 },
		{ "-2", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "1kx", -EINVAL, 0 },
		{ "1.k", -EINVAL, 0 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "8192p", -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t bytes = 0;
		int r = option_bytes_read(cases[i].text, &bytes);

		if (r != cases[i].r || bytes != cases[i].bytes)
			fail_msg("'%s': %d, %lld", cases[i].text, r, (long long)bytes);
	}
}

static void test_help(void **state)
{
	own_text struct text out = { 0 };

	options_help(table, &out);
	assert_string_equal(text_str(&out),
			    "  -t, --tty                       with a terminal\n"
			    "  -u, --user USER                 as this user\n"
			    "  -e, --env NAME=VALUE            add to the environment\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
