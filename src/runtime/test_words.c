/* Readers of what engines and people write: users, signals, process lines, ids. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "runtime/container.h"
#include "runtime/signals.h"
#include "runtime/stat.h"
#include "runtime/user.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_user(void **state)
{
	static const struct {
		const char *why, *text;
		int r;
		uint32_t uid, gid;
	} cases[] = {
		{ "the gid stays", "1", 0, 1, 77 },
		{ "both", "1:2", 0, 1, 2 },
		{ "a leading zero is no octal", "010", 0, 10, 77 },
		{ "root", "0:0", 0, 0, 0 },
		{ "the last id", "4294967294", 0, 4294967294, 77 },
		{ "(uid_t)-1 means 'unchanged' to the kernel", "4294967295", -ERANGE, 0, 0 },
		{ "2^32 would wrap to root", "4294967296", -ERANGE, 0, 0 },
		{ "2^64 would wrap to root", "18446744073709551616", -ERANGE, 0, 0 },
		{ "a sign", "+1", -EINVAL, 0, 0 },
		{ "a sign", "-1", -EINVAL, 0, 0 },
		{ "a blank", " 1", -EINVAL, 0, 0 },
		{ "nothing", "", -EINVAL, 0, 0 },
		{ "nothing twice", ":", -EINVAL, 0, 0 },
		{ "no group behind the colon", "1:", -EINVAL, 0, 0 },
		{ "no user", ":1", -EINVAL, 0, 0 },
		{ "three", "1:2:3", -EINVAL, 0, 0 },
		{ "hexadecimal", "0x1", -EINVAL, 0, 0 },
		{ "a name", "daemon", -EINVAL, 0, 0 },
		{ "a name with digits", "1abc", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint32_t uid = 66, gid = 77;
		int r = user_parse(cases[i].text, &uid, &gid, NULL);

		if (r != cases[i].r)
			fail_msg("%s: '%s' gives %d", cases[i].why, cases[i].text, r);
		assert_int_equal(uid, r ? 66 : cases[i].uid);
		assert_int_equal(gid, r ? 77 : cases[i].gid);
	}
}

static void test_signal(void **state)
{
	const struct {
		const char *text;
		int signal; /* -1: refused */
	} cases[] = {
		{ "15", SIGTERM },     { "TERM", SIGTERM },	  { "SIGTERM", SIGTERM },
		{ "sigterm", SIGTERM }, { "kill", SIGKILL },	  { "0", 0 },
		{ "64", 64 },	       { "65", -1 },		  { "-1", -1 },
		{ "", -1 },	       { "SIG", -1 },		  { "NOPE", -1 },
		{ "9x", -1 },	       { "RTMIN", SIGRTMIN },	  { "SIGRTMIN+3", SIGRTMIN + 3 },
		{ "RTMAX-1", SIGRTMAX - 1 }, { "RTMAX+1", -1 },	  { "RTMIN+99", -1 },
		{ "RTMIN+", -1 },      { "WINCH", SIGWINCH },	  { "USR1", SIGUSR1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int signal = -1;
		int r = signal_parse(cases[i].text, &signal, NULL);

		if ((r < 0 ? -1 : signal) != cases[i].signal)
			fail_msg("'%s' gives %d", cases[i].text, r < 0 ? r : signal);
	}
}

static void test_stat(void **state)
{
	struct stat_line line;

	assert_int_equal(stat_parse("7 (sh) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 8",
				    &line),
			 0);
	assert_int_equal(line.state, 'S');
	assert_int_equal(line.parent_pid, 1);
	assert_int_equal(line.start_ticks, 4711);
	/* a program may call itself what it likes */
	assert_int_equal(stat_parse("7 (a) R 9 (b) Z 2 7 7 0 -1 1 1 0 0 0 0 0 0 0 20 0 1 0 12 8",
				    &line),
			 0);
	assert_int_equal(line.state, 'Z');
	assert_int_equal(line.start_ticks, 12);
	assert_int_equal(stat_parse("7 (sh) S 1", &line), -EINVAL);
	assert_int_equal(stat_parse("", &line), -EINVAL);
}

static void test_id(void **state)
{
	static const char *const good[] = { "a", "A-b_c+1.2", "0", "-x" };
	static const char *const bad[] = { "", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa9" };

	for (size_t i = 0; i < COUNT(good); i++)
		if (container_check_id(good[i], NULL) < 0)
			fail_msg("'%s' is refused", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (container_check_id(bad[i], NULL) == 0)
			fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
