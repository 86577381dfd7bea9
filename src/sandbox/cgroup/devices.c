#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "sandbox/cgroup/plan.h"

#define ACCESS_ALL (SPEC_ACCESS_READ | SPEC_ACCESS_WRITE | SPEC_ACCESS_MKNOD)
#define ANY (-1)

/*
 * What every container may use, whatever the config says: the default devices of the runtime-spec,
 * and making nodes, which gives nothing as long as they cannot be opened.
 */
static const struct spec_device_rule promised[] = {
	{ true, 'c', ANY, ANY, SPEC_ACCESS_MKNOD },
	{ true, 'b', ANY, ANY, SPEC_ACCESS_MKNOD },
	{ true, 'c', 1, 3, ACCESS_ALL }, /* null */
	{ true, 'c', 1, 5, ACCESS_ALL }, /* zero */
	{ true, 'c', 1, 7, ACCESS_ALL }, /* full */
	{ true, 'c', 1, 8, ACCESS_ALL }, /* random */
	{ true, 'c', 1, 9, ACCESS_ALL }, /* urandom */
	{ true, 'c', 5, 0, ACCESS_ALL }, /* tty */
	{ true, 'c', 5, 1, ACCESS_ALL }, /* console */
	{ true, 'c', 5, 2, ACCESS_ALL }, /* ptmx */
	{ true, 'c', 136, ANY, ACCESS_ALL }, /* pts/N */
};
#define PROMISED_COUNT ((uint32_t)(sizeof(promised) / sizeof(*promised)))

int cgroup_rules_make(const struct spec_device_rule *given, uint32_t given_count,
		      struct arena *arena, struct cgroup_rules *ret_rules, struct err *e)
{
	struct cgroup_rules rules = {
		.items = arena_new_array(arena, struct spec_device_rule,
					 (size_t)given_count + PROMISED_COUNT),
		.count = given_count + PROMISED_COUNT,
	};

	if (!rules.items)
		return err_oom(e);
	for (uint32_t i = 0; i < given_count; i++) {
		if (given[i].major < ANY || given[i].major > INT32_MAX || given[i].minor < ANY ||
		    given[i].minor > INT32_MAX)
			return err_set(e, EINVAL,
				       "linux.resources.devices[%u]: no device has numbers %lld:%lld", i,
				       (long long)given[i].major, (long long)given[i].minor);
		rules.items[i] = given[i];
	}
	memcpy(&rules.items[given_count], promised, sizeof(promised));
	*ret_rules = rules;
	return 0;
}

static bool rule_fits(const struct spec_device_rule *rule, char type, int64_t major, int64_t minor)
{
	return (rule->type == 'a' || rule->type == type) &&
	       (rule->major == ANY || rule->major == major) &&
	       (rule->minor == ANY || rule->minor == minor);
}

/* Which kinds of access the rules leave to devices with these numbers; ANY: to all of them. */
static unsigned access_left(const struct cgroup_rules *rules, char type, int64_t major,
			    int64_t minor)
{
	unsigned access = 0;

	for (uint32_t i = 0; i < rules->count; i++) {
		const struct spec_device_rule *rule = &rules->items[i];

		if (!rule_fits(rule, type, major, minor))
			continue;
		access = rule->allow ? access | rule->access : access & ~rule->access;
	}
	return access;
}

bool cgroup_rules_allow(const struct cgroup_rules *rules, char type, int64_t major, int64_t minor,
			unsigned access)
{
	return (access & ~access_left(rules, type, major, minor)) == 0;
}

bool cgroup_rules_allow_all(const struct cgroup_rules *rules)
{
	for (uint32_t i = rules->count; i-- > 0;) {
		const struct spec_device_rule *rule = &rules->items[i];

		if (!rule->allow)
			return false;
		if (rule->type == 'a' && rule->major == ANY && rule->minor == ANY &&
		    rule->access == ACCESS_ALL)
			return true;
	}
	return false;
}

static void number_print(int64_t number, char *buffer, size_t bytes)
{
	if (number == ANY)
		(void)snprintf(buffer, bytes, "*");
	else
		(void)snprintf(buffer, bytes, "%lld", (long long)number);
}

void cgroup_rule_print(const struct spec_device_rule *rule, char *buffer)
{
	char major[24], minor[24];

	number_print(rule->major, major, sizeof(major));
	number_print(rule->minor, minor, sizeof(minor));
	(void)snprintf(buffer, CGROUP_RULE_BYTES, "%c %s:%s %s%s%s", rule->type, major, minor,
		       rule->access & SPEC_ACCESS_READ ? "r" : "",
		       rule->access & SPEC_ACCESS_WRITE ? "w" : "",
		       rule->access & SPEC_ACCESS_MKNOD ? "m" : "");
}

/* --- the v1 controller's list ------------------------------------------------------------- */

static bool same_devices(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static bool covers(const struct spec_device_rule *wide, const struct spec_device_rule *narrow)
{
	return wide->type == narrow->type &&
	       (wide->major == ANY || wide->major == narrow->major) &&
	       (wide->minor == ANY || wide->minor == narrow->minor);
}

static bool overlap(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
	return a->type == b->type &&
	       (a->major == ANY || b->major == ANY || a->major == b->major) &&
	       (a->minor == ANY || b->minor == ANY || a->minor == b->minor);
}

static struct spec_device_rule *find_item(const struct cgroup_device_list *list,
					  const struct spec_device_rule *rule)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (same_devices(&list->items[i], rule))
			return &list->items[i];
	return NULL;
}

/* Each set of devices that a rule names becomes an item, 'a' two of them. Access comes later. */
static void collect_items(const struct cgroup_rules *rules, struct cgroup_device_list *list)
{
	for (uint32_t i = 0; i < rules->count; i++) {
		for (const char *type = "bc"; *type; type++) {
			struct spec_device_rule item = rules->items[i];

			if (item.type != 'a' && item.type != *type)
				continue;
			item.type = *type;
			item.allow = !list->allows_by_default;
			if (!find_item(list, &item))
				list->items[list->count++] = item;
		}
	}
}

static int refuse(const struct spec_device_rule *item, const char *why, struct err *e)
{
	char text[CGROUP_RULE_BYTES];

	cgroup_rule_print(item, text);
	return err_set(e, EOPNOTSUPP, "linux.resources.devices: cgroup v1 cannot hold '%s': %s", text,
		       why);
}

/*
 * The list has no order: an item adds to the others. So an item cannot take back what a wider one,
 * or one that it crosses, gives.
 */
static int check_items(const struct cgroup_rules *rules, const struct cgroup_device_list *list,
		       struct err *e)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct spec_device_rule *item = &list->items[i];

		for (uint32_t k = 0; k < list->count; k++) {
			const struct spec_device_rule *other = &list->items[k];
			struct spec_device_rule both = *item;
			unsigned left;

			if (i == k || !overlap(item, other))
				continue;
			if (both.major == ANY)
				both.major = other->major;
			if (both.minor == ANY)
				both.minor = other->minor;
			left = access_left(rules, both.type, both.major, both.minor);
			if (list->allows_by_default)
				left = ~left & ACCESS_ALL;
			if (other->access & ~left)
				return refuse(&both, "an exception to a wider rule", e);
			/* The kernel wants all of an access from one item. */
			if (!list->allows_by_default && !find_item(list, &both) &&
			    (left & ~item->access) && (left & ~other->access))
				return refuse(&both, "a part of the access from each of two rules", e);
		}
	}
	return 0;
}

int cgroup_device_list_make(const struct cgroup_rules *rules, struct arena *arena,
			    struct cgroup_device_list *ret_list, struct err *e)
{
	struct cgroup_device_list list = { 0 };
	uint32_t kept = 0;
	int r;

	list.items = arena_new_array(arena, struct spec_device_rule, 2 * (size_t)rules->count + 1);
	if (!list.items)
		return err_oom(e);
	list.allows_by_default = access_left(rules, 'b', ANY, ANY) == ACCESS_ALL &&
				 access_left(rules, 'c', ANY, ANY) == ACCESS_ALL;
	collect_items(rules, &list);
	for (uint32_t i = 0; i < list.count; i++) {
		struct spec_device_rule *item = &list.items[i];

		item->access = access_left(rules, item->type, item->major, item->minor);
		if (list.allows_by_default)
			item->access = ~item->access & ACCESS_ALL;
	}
	r = check_items(rules, &list, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < list.count; i++) {
		bool is_covered = false;

		/* What a wider item says as well need not be said. */
		for (uint32_t k = 0; k < list.count && !is_covered; k++)
			is_covered = k != i && covers(&list.items[k], &list.items[i]) &&
				     !(list.items[i].access & ~list.items[k].access);
		if (list.items[i].access && !is_covered)
			list.items[kept++] = list.items[i];
	}
	list.count = kept;
	*ret_list = list;
	return 0;
}

static bool number_read(const char **text, char end, int64_t *ret_number)
{
	char *stop;

	if (**text == '*') {
		*ret_number = ANY;
		stop = (char *)(uintptr_t)(*text + 1);
	} else {
		*ret_number = strtol(*text, &stop, 10);
		if (stop == *text)
			return false;
	}
	if (*stop != end)
		return false;
	*text = stop + 1;
	return true;
}

int cgroup_device_list_read(const char *text, struct arena *arena,
			    struct cgroup_device_list *ret_list, struct err *e)
{
	struct cgroup_device_list list = { 0 };
	size_t lines = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	list.items = arena_new_array(arena, struct spec_device_rule, lines + 1);
	if (!list.items)
		return err_oom(e);
	while (*text) {
		struct spec_device_rule item = { .allow = true, .type = *text++ };

		if (*text++ != ' ' || !number_read(&text, ':', &item.major) ||
		    !number_read(&text, ' ', &item.minor))
			return err_set(e, EINVAL, "read 'devices.list': not a list of devices");
		for (; *text && *text != '\n'; text++)
			item.access |= *text == 'r' ? SPEC_ACCESS_READ :
				       *text == 'w' ? SPEC_ACCESS_WRITE :
						      SPEC_ACCESS_MKNOD;
		if (*text)
			text++;
		/* With all allowed the kernel shows one line, and keeps its exceptions to itself. */
		if (item.type == 'a')
			list.allows_by_default = true;
		else if (list.count < lines + 1)
			list.items[list.count++] = item;
	}
	*ret_list = list;
	return 0;
}

static int device_write(struct cgroup_writes *writes, uint32_t place, bool allow, const char *value,
			struct arena *arena, struct err *e)
{
	struct cgroup_write *write = &writes->items[writes->count++];

	write->place = place;
	write->file = allow ? "devices.allow" : "devices.deny";
	write->value = arena_strdup(arena, value);
	return write->value ? 0 : err_oom(e);
}

static int device_writes_reset(const struct cgroup_device_list *list, uint32_t place,
			       struct arena *arena, struct cgroup_writes *writes, struct err *e)
{
	char text[CGROUP_RULE_BYTES];
	int r = device_write(writes, place, list->allows_by_default, "a", arena, e);

	for (uint32_t i = 0; r == 0 && i < list->count; i++) {
		cgroup_rule_print(&list->items[i], text);
		r = device_write(writes, place, list->items[i].allow, text, arena, e);
	}
	return r;
}

int cgroup_device_writes_make(const struct cgroup_device_list *list, uint32_t place,
			      struct arena *arena, struct cgroup_writes *ret_writes, struct err *e)
{
	ret_writes->count = 0;
	ret_writes->items = arena_new_array(arena, struct cgroup_write, (size_t)list->count + 1);
	if (!ret_writes->items)
		return err_oom(e);
	return device_writes_reset(list, place, arena, ret_writes, e);
}

int cgroup_device_writes_change(const struct cgroup_device_list *from,
				const struct cgroup_device_list *to, uint32_t place,
				struct arena *arena, struct cgroup_writes *ret_writes,
				struct err *e)
{
	char text[CGROUP_RULE_BYTES];
	int r = 0;

	ret_writes->count = 0;
	ret_writes->items = arena_new_array(arena, struct cgroup_write,
					    (size_t)from->count + to->count + 1);
	if (!ret_writes->items)
		return err_oom(e);
	if (from->allows_by_default || to->allows_by_default)
		return device_writes_reset(to, place, arena, ret_writes, e);
	for (uint32_t i = 0; r == 0 && i < to->count; i++) {
		const struct spec_device_rule *old = find_item(from, &to->items[i]);

		if (old && !(to->items[i].access & ~old->access))
			continue;
		cgroup_rule_print(&to->items[i], text);
		r = device_write(ret_writes, place, true, text, arena, e);
	}
	for (uint32_t i = 0; r == 0 && i < from->count; i++) {
		const struct spec_device_rule *kept = find_item(to, &from->items[i]);
		struct spec_device_rule stale = from->items[i];

		if (kept)
			stale.access &= ~kept->access;
		if (!stale.access)
			continue;
		cgroup_rule_print(&stale, text);
		r = device_write(ret_writes, place, false, text, arena, e);
	}
	return r;
}

/* --- the v2 program ----------------------------------------------------------------------- */

enum { /* registers */
	RESULT = BPF_REG_0,
	CONTEXT = BPF_REG_1,
	REMAINING = BPF_REG_2, /* kinds of access asked for and not yet allowed */
	TYPE = BPF_REG_3,
	MAJOR = BPF_REG_4,
	MINOR = BPF_REG_5,
};

#define RULE_INSN_COUNT_MAX 8u
#define HEAD_INSN_COUNT 6u
#define TAIL_INSN_COUNT 2u

static void emit(struct cgroup_program *program, uint8_t code, uint8_t to, uint8_t from, int16_t skip,
		 int32_t number)
{
	program->items[program->count++] = (struct bpf_insn){
		.code = code,
		.dst_reg = to,
		.src_reg = from,
		.off = skip,
		.imm = number,
	};
}

static void emit_load(struct cgroup_program *program, uint8_t to, size_t offset)
{
	emit(program, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void emit_return(struct cgroup_program *program, bool allow)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allow);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t access_in_bpf(unsigned access)
{
	return (access & SPEC_ACCESS_READ ? BPF_DEVCG_ACC_READ : 0) |
	       (access & SPEC_ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
	       (access & SPEC_ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
}

/*
 * Rules come last first: who fits first decides. What a rule allows is taken off REMAINING, when
 * nothing remains the answer is yes; a rule that denies something of what remains makes it no.
 * Jumps past the rule are written as 0 and filled in at its end.
 */
static void emit_rule(struct cgroup_program *program, const struct spec_device_rule *rule)
{
	const uint8_t unlike = BPF_JMP | BPF_JNE | BPF_K;
	int32_t access = access_in_bpf(rule->access);
	uint32_t past[4], past_count = 0;

	if (rule->type != 'a') {
		past[past_count++] = program->count;
		emit(program, unlike, TYPE, 0, 0,
		     rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (rule->major != ANY) {
		past[past_count++] = program->count;
		emit(program, unlike, MAJOR, 0, 0, (int32_t)rule->major);
	}
	if (rule->minor != ANY) {
		past[past_count++] = program->count;
		emit(program, unlike, MINOR, 0, 0, (int32_t)rule->minor);
	}
	if (rule->access != ACCESS_ALL && rule->allow) {
		emit(program, BPF_ALU64 | BPF_AND | BPF_K, REMAINING, 0, 0, ~access);
		past[past_count++] = program->count;
		emit(program, unlike, REMAINING, 0, 0, 0);
	} else if (rule->access != ACCESS_ALL) {
		emit(program, BPF_JMP | BPF_JSET | BPF_K, REMAINING, 0, 1, access);
		past[past_count++] = program->count;
		emit(program, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	}
	emit_return(program, rule->allow);
	for (uint32_t i = 0; i < past_count; i++)
		program->items[past[i]].off = (int16_t)(program->count - past[i] - 1);
}

int cgroup_program_make(const struct cgroup_rules *rules, struct arena *arena,
			struct cgroup_program *ret_program, struct err *e)
{
	struct cgroup_program program = { 0 };
	bool is_decided = false;

	program.items = arena_new_array(arena, struct bpf_insn,
					(size_t)rules->count * RULE_INSN_COUNT_MAX +
						HEAD_INSN_COUNT + TAIL_INSN_COUNT);
	if (!program.items)
		return err_oom(e);

	/* The kernel passes type and access in one word. */
	emit_load(&program, REMAINING, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&program, BPF_ALU64 | BPF_MOV | BPF_X, TYPE, REMAINING, 0, 0);
	emit(&program, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit(&program, BPF_ALU64 | BPF_RSH | BPF_K, REMAINING, 0, 0, 16);
	emit_load(&program, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(&program, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));

	for (uint32_t i = rules->count; i-- > 0 && !is_decided;) {
		const struct spec_device_rule *rule = &rules->items[i];

		if (!rule->access)
			continue;
		emit_rule(&program, rule);
		/* Before one that fits everything no other has a say; code there is refused. */
		is_decided = rule->type == 'a' && rule->major == ANY && rule->minor == ANY &&
			     rule->access == ACCESS_ALL;
	}
	if (!is_decided)
		emit_return(&program, false);
	*ret_program = program;
	return 0;
}
