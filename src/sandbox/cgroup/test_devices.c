/*
 * Device rules in their three forms: the ordered list (the reference), the v1 controller's list and
 * the v2 program. An interpreter runs the program, a model of devcgroup holds the list, and both
 * must say what the reference says, for every device and access near the rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "sandbox/cgroup/plan.h"

#define ALL (SPEC_ACCESS_READ | SPEC_ACCESS_WRITE | SPEC_ACCESS_MKNOD)

struct rules_case {
	const char *why;
	struct spec_device_rule items[8];
	uint32_t count;
	bool v1_refuses;
};

static const struct rules_case cases[] = {
	{ "none: what is promised remains", { { 0 } }, 0, false },
	{ "Docker: deny all", { { false, 'a', -1, -1, ALL } }, 1, false },
	{ "privileged: allow all",
	  { { false, 'a', -1, -1, ALL }, { true, 'a', -1, -1, ALL } },
	  2,
	  false },
	{ "allow all, but for one", { { true, 'a', -1, -1, ALL }, { false, 'b', 8, 0, ALL } }, 2, false },
	{ "allow all, but one may not be written",
	  { { true, 'a', -1, -1, ALL }, { false, 'b', 8, -1, SPEC_ACCESS_WRITE } },
	  2,
	  false },
	{ "allow all to read", { { true, 'a', -1, -1, SPEC_ACCESS_READ } }, 1, false },
	{ "a major, both types",
	  { { false, 'a', -1, -1, ALL }, { true, 'a', 10, -1, ALL } },
	  2,
	  false },
	{ "allowed, then denied again",
	  { { true, 'c', 10, 200, ALL }, { false, 'c', 10, 200, ALL } },
	  2,
	  false },
	{ "denied, then allowed",
	  { { false, 'c', 10, 200, ALL }, { true, 'c', 10, 200, ALL } },
	  2,
	  false },
	{ "access taken back in part",
	  { { true, 'c', 10, 200, ALL }, { false, 'c', 10, 200, SPEC_ACCESS_WRITE } },
	  2,
	  false },
	{ "read by one rule, written by another: both at once is allowed",
	  { { true, 'c', 10, -1, SPEC_ACCESS_READ }, { true, 'c', 10, 200, SPEC_ACCESS_WRITE } },
	  2,
	  false },
	{ "an exception to a wider rule",
	  { { true, 'b', 8, -1, ALL }, { false, 'b', 8, 1, ALL } },
	  2,
	  true },
	{ "a wider rule takes back what was said before",
	  { { true, 'b', 8, 1, ALL }, { false, 'b', 8, -1, ALL } },
	  2,
	  false },
	{ "rules that cross",
	  { { true, 'c', 7, -1, ALL }, { false, 'c', -1, 9, ALL } },
	  2,
	  true },
	{ "a promised device cannot be taken", { { false, 'c', 1, 3, ALL } }, 1, false },
	{ "no access is no rule", { { true, 'b', 8, 0, 0 } }, 1, false },
};

/* --- an interpreter for the few instructions there are ---------------------------------------- */

static int64_t run(const struct cgroup_program *program, uint32_t type, uint32_t major,
		   uint32_t minor, uint32_t access)
{
	struct bpf_cgroup_dev_ctx context = { access << 16 | type, major, minor };
	uint64_t reg[10] = { 0 };

	for (uint32_t pc = 0; pc < program->count; pc++) {
		const struct bpf_insn *insn = &program->items[pc];
		uint64_t number = (uint64_t)(int64_t)insn->imm;
		uint64_t *to = &reg[insn->dst_reg];
		bool jump = false;
		uint32_t word;

		switch (insn->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(insn->src_reg, 1);
			assert_true((size_t)insn->off + sizeof(word) <= sizeof(context));
			memcpy(&word, (char *)&context + insn->off, sizeof(word));
			*to = word;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*to = reg[insn->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*to = number;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*to &= number;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*to >>= number;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			jump = *to != number;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jump = (*to & number) != 0;
			break;
		case BPF_JMP | BPF_JA:
			jump = true;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int64_t)reg[0];
		default:
			fail_msg("instruction %u has code 0x%x", pc, insn->code);
		}
		if (jump) {
			assert_true(insn->off >= 0); /* forward: it ends */
			pc += (uint32_t)insn->off;
		}
	}
	fail_msg("runs off its end");
	return -1;
}

/* --- the kernel's v1 list (security/device_cgroup.c) ------------------------------------------ */

static bool model_allows(const struct cgroup_device_list *list, char type, int64_t major,
			 int64_t minor, unsigned access)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct spec_device_rule *item = &list->items[i];

		if (item->type != type || (item->major != -1 && item->major != major) ||
		    (item->minor != -1 && item->minor != minor))
			continue;
		/* an allowing item must hold all that is asked for, a denying one any of it */
		if (list->allows_by_default ? (access & item->access) : !(access & ~item->access))
			return !list->allows_by_default;
	}
	return list->allows_by_default;
}

static uint32_t bpf_access(unsigned access)
{
	return (access & SPEC_ACCESS_READ ? BPF_DEVCG_ACC_READ : 0u) |
	       (access & SPEC_ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0u) |
	       (access & SPEC_ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0u);
}

static void check_everywhere(const char *why, const struct cgroup_rules *rules,
			     const struct cgroup_program *program,
			     const struct cgroup_device_list *list)
{
	static const int64_t majors[] = { 0, 1, 5, 7, 8, 10, 136, 254, 4095 };
	static const int64_t minors[] = { 0, 1, 2, 3, 5, 8, 9, 200, 1048575 };

	for (const char *type = "bc"; *type; type++)
		for (size_t a = 0; a < sizeof(majors) / sizeof(*majors); a++)
			for (size_t b = 0; b < sizeof(minors) / sizeof(*minors); b++)
				for (unsigned access = 1; access <= ALL; access++) {
					bool want = cgroup_rules_allow(rules, *type, majors[a],
								       minors[b], access);
					uint32_t bpf_type = *type == 'b' ? BPF_DEVCG_DEV_BLOCK :
									   BPF_DEVCG_DEV_CHAR;

					if (run(program, bpf_type, (uint32_t)majors[a],
						(uint32_t)minors[b], bpf_access(access)) != want)
						fail_msg("%s: program, %c %d:%d %u", why, *type,
							 (int)majors[a], (int)minors[b], access);
					if (list && model_allows(list, *type, majors[a], minors[b],
								 access) != want)
						fail_msg("%s: list, %c %d:%d %u", why, *type,
							 (int)majors[a], (int)minors[b], access);
				}
}

static void test_forms_agree(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rules_case *c = &cases[i];
		struct cgroup_device_list list;
		own_arena struct arena arena = { 0 };
		struct cgroup_program program;
		struct cgroup_rules rules;
		struct err e = { 0 };
		int r;

		assert_int_equal(arena_init(&arena, &e), 0);
		assert_int_equal(cgroup_rules_make(c->items, c->count, &arena, &rules, &e), 0);
		assert_int_equal(cgroup_program_make(&rules, &arena, &program, &e), 0);
		r = cgroup_device_list_make(&rules, &arena, &list, &e);
		if ((r < 0) != c->v1_refuses)
			fail_msg("%s: v1 %s %s", c->why, r < 0 ? "refuses" : "takes it", e.text);
		check_everywhere(c->why, &rules, &program, r < 0 ? NULL : &list);
	}
}

/* Rules at random, of the few numbers that make them meet. */
static void test_random_rules(void **state)
{
	static const int64_t majors[] = { -1, 1, 8, 10 };
	static const int64_t minors[] = { -1, 0, 1, 3 };
	unsigned held = 0;

	srandom(20);
	for (unsigned round = 0; round < 2000; round++) {
		struct spec_device_rule items[8];
		uint32_t count = (uint32_t)random() % 8;
		own_arena struct arena arena = { 0 };
		struct cgroup_device_list list;
		struct cgroup_program program;
		struct cgroup_rules rules;
		struct err e = { 0 };
		int r;

		for (uint32_t i = 0; i < count; i++)
			items[i] = (struct spec_device_rule){ random() % 2, "abc"[random() % 3],
							      majors[random() % 4],
							      minors[random() % 4],
							      (unsigned)random() % (ALL + 1) };
		assert_int_equal(arena_init(&arena, &e), 0);
		assert_int_equal(cgroup_rules_make(items, count, &arena, &rules, &e), 0);
		assert_int_equal(cgroup_program_make(&rules, &arena, &program, &e), 0);
		r = cgroup_device_list_make(&rules, &arena, &list, &e);
		held += r == 0;
		check_everywhere("random", &rules, &program, r < 0 ? NULL : &list);
	}
	assert_true(held > 200);
}

static void test_allow_all(void **state)
{
	const struct spec_device_rule deny = { false, 'a', -1, -1, ALL };
	const struct spec_device_rule allow = { true, 'a', -1, -1, ALL };
	const struct spec_device_rule both[] = { deny, allow };
	own_arena struct arena arena = { 0 };
	struct cgroup_rules rules;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(cgroup_rules_make(both, 2, &arena, &rules, &e), 0);
	assert_true(cgroup_rules_allow_all(&rules));
	assert_int_equal(cgroup_rules_make(&deny, 1, &arena, &rules, &e), 0);
	assert_false(cgroup_rules_allow_all(&rules));
}

static void test_numbers(void **state)
{
	const struct spec_device_rule wild = { true, 'c', 1ll << 40, 0, ALL };
	own_arena struct arena arena = { 0 };
	struct cgroup_rules rules;
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_true(cgroup_rules_make(&wild, 1, &arena, &rules, &e) < 0);
}

/* From one list to another: at each step no less than both allow, no more than either does. */
static void test_change(void **state)
{
	own_arena struct arena arena = { 0 };
	struct cgroup_device_list from, to;
	struct cgroup_writes writes;
	own_text struct text got = { 0 };
	struct err e = { 0 };

	assert_int_equal(arena_init(&arena, &e), 0);
	assert_int_equal(cgroup_device_list_read("c 1:3 rwm\nb 8:* rm\nc 10:200 rw\n", &arena, &from,
						 &e),
			 0);
	assert_int_equal(cgroup_device_list_read("c 1:3 rwm\nb 8:* r\nc 10:229 rwm\n", &arena, &to, &e),
			 0);
	assert_int_equal(cgroup_device_writes_change(&from, &to, 0, &arena, &writes, &e), 0);
	for (uint32_t i = 0; i < writes.count; i++)
		text_printf(&got, "%s %s;", writes.items[i].file, writes.items[i].value);
	assert_string_equal(text_str(&got), "devices.allow c 10:229 rwm;devices.deny b 8:* m;"
					    "devices.deny c 10:200 rw;");
	assert_int_equal(cgroup_device_list_read("a *:* rwm\n", &arena, &from, &e), 0);
	assert_true(from.allows_by_default);
	assert_true(cgroup_device_list_read("c x:3 rwm\n", &arena, &from, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms_agree), cmocka_unit_test(test_random_rules),
		cmocka_unit_test(test_allow_all),   cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
