#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "wall/seccomp/builtin.h"
#include "wall/seccomp/filter.h"
#include "wall/seccomp/modify.h"
#include "wall/seccomp/prove.h"
#include "wall/seccomp/read.h"
#include "wall/seccomp/report.h"
#include "wall/seccomp/syscalls.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define EPERM_RETURN (SECCOMP_RET_ERRNO | EPERM)
#define ENOSYS_RETURN (SECCOMP_RET_ERRNO | ENOSYS)

static const char *const caps[] = { "CAP_SYS_CHROOT" };

static int read_text(const char *text, bool as_file, struct arena *arena,
		     struct seccomp_profile *profile, struct err *e)
{
	struct seccomp_facts facts = { .arch = SECCOMP_ARCH_X86_64,
				       .kernel_major = 5,
				       .kernel_minor = 10,
				       .caps = caps,
				       .cap_count = COUNT(caps) };
	own_json struct json_object *json = NULL;
	int r = json_parse(text, strlen(text), "profile", &json, e);

	if (r < 0)
		return r;
	return as_file ? seccomp_read_file(json, &facts, arena, profile, e) :
			 seccomp_read_oci(json, SECCOMP_ARCH_X86_64, arena, profile, e);
}

/* --- what readers refuse -------------------------------------------------------------------- */

#define RULES(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"

static const struct {
	const char *why;
	bool as_file;
	const char *text;
	const char *error; /* how the sentence starts */
} refusals[] = {
	{ "an operator that is none, four levels down", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_ABOUT\"}]}"),
	  "linux.seccomp.syscalls[1].args[0].op: unknown operator 'SCMP_CMP_ABOUT'" },
	{ "there are six arguments", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
	  "linux.seccomp.syscalls[0].args[0].index: must be from 0 to 5" },
	{ "values are unsigned", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}]}"),
	  "linux.seccomp.syscalls[0].args[0].value: must be from 0 to" },
	{ "a rule without names does nothing", false,
	  RULES("{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "linux.seccomp.syscalls[0].names: at least one name is needed" },
	{ "only ERRNO and TRACE take a number", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"errnoRet\":1}"),
	  "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_ALLOW takes no error number" },
	{ "so does the default", false, "{\"defaultAction\":\"SCMP_ACT_KILL\",\"defaultErrnoRet\":1}",
	  "linux.seccomp.defaultErrnoRet: SCMP_ACT_KILL takes no error number" },
	{ "16 bits of data", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":65536}"),
	  "linux.seccomp.syscalls[0].errnoRet: must be from 0 to 65535" },
	{ "an action that is none", false, "{\"defaultAction\":\"SCMP_ACT_PRAY\"}",
	  "linux.seccomp.defaultAction: unknown action 'SCMP_ACT_PRAY'" },
	{ "a default is needed", false, "{\"syscalls\":[]}",
	  "linux.seccomp.defaultAction: is missing" },
	{ "an architecture that is none", false,
	  "{\"defaultAction\":\"SCMP_ACT_KILL\",\"architectures\":[\"SCMP_ARCH_PDP11\"]}",
	  "linux.seccomp.architectures: unknown architecture 'SCMP_ARCH_PDP11'" },
	{ "a flag that is none", false,
	  "{\"defaultAction\":\"SCMP_ACT_KILL\",\"flags\":[\"SECCOMP_FILTER_FLAG_FAST\"]}",
	  "linux.seccomp.flags: unknown flag 'SECCOMP_FILTER_FLAG_FAST'" },
	{ "nobody would get the metadata", false,
	  "{\"defaultAction\":\"SCMP_ACT_KILL\",\"listenerMetadata\":\"x\"}",
	  "linux.seccomp.listenerMetadata: needs a listenerPath" },
	{ "nobody would answer", false, "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
	  "linux.seccomp.listenerPath: is needed for SCMP_ACT_NOTIFY" },
	{ "either name or names", true,
	  RULES("{\"name\":\"read\",\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  "syscalls[0].name: both name and names are given" },
	{ "either archMap or architectures", true,
	  "{\"defaultAction\":\"SCMP_ACT_KILL\",\"architectures\":[\"SCMP_ARCH_X86\"],"
	  "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\"}]}",
	  "archMap: architectures are given as well" },
	{ "an error that has no name", true,
	  RULES("{\"name\":\"read\",\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"EOOPS\"}"),
	  "syscalls[0].errno: unknown error 'EOOPS'" },
	{ "a kernel release that is none", true,
	  RULES("{\"name\":\"read\",\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4\"}}"),
	  "syscalls[0].minKernel: '4' is not MAJOR.MINOR" },
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < COUNT(refusals); i++) {
		own_arena struct arena arena = { 0 };
		struct seccomp_profile profile;
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, NULL), 0);
		if (read_text(refusals[i].text, refusals[i].as_file, &arena, &profile, &e) >= 0)
			fail_msg("%s: was taken", refusals[i].why);
		if (strncmp(e.text, refusals[i].error, strlen(refusals[i].error)))
			fail_msg("%s: '%s'", refusals[i].why, e.text);
	}
}

/* --- what profiles mean --------------------------------------------------------------------- */

#define ONE(op, value) "\"args\":[{\"index\":0,\"value\":" value ",\"op\":\"SCMP_CMP_" op "\"}]"

static const struct {
	const char *why;
	bool as_file;
	const char *text;
	uint32_t arch;
	int number;
	uint64_t arg;
	uint32_t verdict;
} meanings[] = {
	{ "the default", false, RULES(""), AUDIT_ARCH_X86_64, 0, 0, EPERM_RETURN },
	{ "an allowed call", false, RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  AUDIT_ARCH_X86_64, 0, 0, SECCOMP_RET_ALLOW },
	{ "an architecture that is not listed is killed", false, RULES(""), AUDIT_ARCH_I386, 0, 0,
	  SECCOMP_RET_KILL_THREAD },
	{ "x32 that is not listed is killed", false, RULES(""), AUDIT_ARCH_X86_64,
	  (int)SECCOMP_X32_BIT, 0, SECCOMP_RET_KILL_THREAD },
	{ "a tracer's -1 is not x32", false, RULES(""), AUDIT_ARCH_X86_64, -1, 0, EPERM_RETURN },
	{ "a call newer than the profile", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"), AUDIT_ARCH_X86_64, 470, 0,
	  ENOSYS_RETURN },
	{ "a call as old as the profile", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"), AUDIT_ARCH_X86_64, 1, 0,
	  EPERM_RETURN },
	{ "a lower number may be newer: close_range came after openat2", false,
	  RULES("{\"names\":[\"openat2\"],\"action\":\"SCMP_ACT_ALLOW\"}"), AUDIT_ARCH_X86_64, 436,
	  0, ENOSYS_RETURN },
	{ "numbers that are still free", false,
	  RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"), AUDIT_ARCH_X86_64, 400, 0,
	  ENOSYS_RETURN },
	{ "an int is compared as an int", false,
	  RULES("{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"," ONE("GT", "40") "}"),
	  AUDIT_ARCH_X86_64, 41, 0x100000028, EPERM_RETURN },
	{ "rubbish above an int does not matter", false,
	  RULES("{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"," ONE("EQ", "2") "}"),
	  AUDIT_ARCH_X86_64, 41, 0xdead00000002, SECCOMP_RET_ALLOW },
	{ "a negative int, as compilers write it", false,
	  RULES("{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\","
		ONE("EQ", "18446744073709551615") "}"),
	  AUDIT_ARCH_X86_64, 62, 0xffffffff, SECCOMP_RET_ALLOW },
	{ "a long is compared as a long", false,
	  RULES("{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\"," ONE("EQ", "0") "}"),
	  AUDIT_ARCH_X86_64, 9, 0x100000000, EPERM_RETURN },
	{ "a rule without conditions beats one before it", false,
	  RULES("{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_TRAP\"," ONE("EQ", "0") "},"
		"{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\"}"),
	  AUDIT_ARCH_X86_64, 9, 0, SECCOMP_RET_ALLOW },
	{ "the first that applies decides", false,
	  RULES("{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_TRAP\"," ONE("LT", "9") "},"
		"{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\"," ONE("GT", "5") "}"),
	  AUDIT_ARCH_X86_64, 9, 7, SECCOMP_RET_TRAP },
	{ "one argument twice means or", false,
	  RULES("{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		"{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]}"),
	  AUDIT_ARCH_X86_64, 9, 2, SECCOMP_RET_ALLOW },
	{ "bits outside of the mask do not matter", false,
	  RULES("{\"names\":[\"mmap\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		"\"value\":15,\"valueTwo\":241,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}"),
	  AUDIT_ARCH_X86_64, 9, 0x71, SECCOMP_RET_ALLOW },
	{ "a capability that the container has", true,
	  RULES("{\"name\":\"chroot\",\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":["
		"\"CAP_SYS_CHROOT\"]}}"),
	  AUDIT_ARCH_X86_64, 161, 0, SECCOMP_RET_ALLOW },
	{ "a capability that excludes", true,
	  RULES("{\"name\":\"chroot\",\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":["
		"\"CAP_SYS_CHROOT\"]}}"),
	  AUDIT_ARCH_X86_64, 161, 0, EPERM_RETURN },
	{ "a kernel that is too old", true,
	  RULES("{\"name\":\"ptrace\",\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"5.11\"}}"),
	  AUDIT_ARCH_X86_64, 101, 0, EPERM_RETURN },
	{ "archMap brings companions", true,
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
	  "\"subArchitectures\":[\"SCMP_ARCH_X86\"]}]}",
	  AUDIT_ARCH_I386, 1, 0, EPERM_RETURN },
	{ "socketcall reaches what socket allows", true,
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":["
	  "{\"name\":\"socket\",\"action\":\"SCMP_ACT_ALLOW\"}]}",
	  AUDIT_ARCH_I386, 102, 1, SECCOMP_RET_ALLOW },
};

static void test_meanings(void **state)
{
	for (size_t i = 0; i < COUNT(meanings); i++) {
		struct seccomp_data data = { .nr = meanings[i].number, .arch = meanings[i].arch };
		own_arena struct arena arena = { 0 };
		struct seccomp_profile profile;
		struct seccomp_filter filter = { 0 };
		struct err e = { 0 };
		uint32_t verdict;

		data.args[0] = meanings[i].arg;
		assert_int_equal(arena_init(&arena, NULL), 0);
		if (read_text(meanings[i].text, meanings[i].as_file, &arena, &profile, &e) < 0 ||
		    seccomp_compile(&profile, NULL, &arena, &filter, &e) < 0)
			fail_msg("%s: %s", meanings[i].why, e.text);
		assert_true(filter_check(filter));
		verdict = filter_run(filter, &data, NULL);
		if (verdict != meanings[i].verdict)
			fail_msg("%s: %#x", meanings[i].why, verdict);
	}
}

/* --- changes -------------------------------------------------------------------------------- */

static const struct {
	const char *changes;
	int result;
	const char *call;
	uint32_t verdict; /* of that call on x86_64, all arguments 0 */
} changes[] = {
	{ "+bpf", 0, "bpf", SECCOMP_RET_ALLOW },
	{ "-read", 0, "read", EPERM_RETURN },
	{ "-@ptrace", 0, "process_vm_readv", EPERM_RETURN },
	{ "@io_uring", 0, "io_uring_enter", SECCOMP_RET_ALLOW },
	{ "+@mount,-mount", 0, "mount", EPERM_RETURN },
	{ "+bpf", 0, "listns", ENOSYS_RETURN }, /* the profile is no younger for it */
	{ "+nosuch", -EINVAL, NULL, 0 },
	{ "+@nosuch", -EINVAL, NULL, 0 },
	{ "+bpf,read", -EINVAL, NULL, 0 }, /* allow or refuse? */
	{ "+bpf,", -EINVAL, NULL, 0 },
};

static void test_changes(void **state)
{
	struct seccomp_facts facts = { .arch = SECCOMP_ARCH_X86_64, .kernel_major = 6 };

	for (size_t i = 0; i < COUNT(changes); i++) {
		struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64 };
		own_arena struct arena arena = { 0 };
		struct seccomp_profile profile;
		struct seccomp_filter filter;
		struct err e = { 0 };

		assert_int_equal(arena_init(&arena, NULL), 0);
		assert_int_equal(seccomp_read_builtin(&facts, &arena, &profile, &e), 0);
		assert_int_equal(seccomp_modify(&profile, changes[i].changes, &e),
				 changes[i].result);
		if (changes[i].result < 0)
			continue;
		data.nr = syscall_number((unsigned)syscall_find(changes[i].call),
					 SECCOMP_ARCH_X86_64);
		assert_int_equal(seccomp_compile(&profile, NULL, &arena, &filter, &e), 0);
		if (filter_run(filter, &data, NULL) != changes[i].verdict)
			fail_msg("%s: %s", changes[i].changes, changes[i].call);
	}
}

/* Names that groups and the table use must be known: a typo would silently allow nothing. */
static void test_groups(void **state)
{
	const struct seccomp_group *group;

	for (size_t i = 0; (group = seccomp_group_at(i)); i++) {
		for (size_t j = 0; group->calls[j]; j++) {
			if (syscall_find(group->calls[j]) < 0)
				fail_msg("@%s: %s", group->name, group->calls[j]);
		}
	}
}

static void test_table(void **state)
{
	for (unsigned i = 0; i < syscall_count(); i++) {
		assert_int_equal(syscall_find(syscall_name(i)), i);
		for (unsigned arch = 0; arch < SECCOMP_ARCH_COUNT; arch++) {
			int number = syscall_number(i, arch);

			if (number >= 0)
				assert_int_equal(syscall_at(arch, (uint32_t)number), i);
		}
	}
	assert_int_equal(syscall_find("nosuch"), -1);
	assert_int_equal(syscall_number((unsigned)syscall_find("cacheflush"), SECCOMP_ARCH_ARM),
			 0x0f0002);
}

/* Too big is an error that says so, not a filter that lacks something. */
static void test_too_big(void **state)
{
	own_arena struct arena arena = { 0 };
	struct seccomp_profile profile;
	struct seccomp_filter filter;
	struct err e = { 0 };
	uint32_t first;

	assert_int_equal(arena_init(&arena, NULL), 0);
	seccomp_profile_init(&profile, &arena);
	profile.default_verdict = EPERM_RETURN;
	seccomp_profile_add_arch(&profile, SECCOMP_ARCH_X86_64);
	for (uint64_t i = 0; i < 1500; i++) {
		struct seccomp_cond conds[] = {
			{ .arg = 0, .op = SECCOMP_OP_EQ, .value = i * 7919 << 20 },
			{ .arg = 1, .op = SECCOMP_OP_GT, .value = i * 104729 << 16 },
		};

		assert_int_equal(seccomp_profile_add_conds(&profile, conds, 2, &first, &e), 0);
		assert_int_equal(seccomp_profile_add(&profile, "mmap", SECCOMP_RET_ALLOW, first, 2,
						     &e), 0);
	}
	assert_int_equal(seccomp_compile(&profile, NULL, &arena, &filter, &e), -E2BIG);
	assert_non_null(strstr(e.text, "4096 instructions"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_meanings),
		cmocka_unit_test(test_changes),	 cmocka_unit_test(test_groups),
		cmocka_unit_test(test_table),	 cmocka_unit_test(test_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
