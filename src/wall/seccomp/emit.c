#include "wall/seccomp/diagram.h"
#include "wall/seccomp/emit.h"

/* Jump offsets are bytes; one less than they reach, for the jump that a far target may add. */
#define REACH 254

static const uint16_t jump_codes[] = {
	[NODE_EQ] = BPF_JMP | BPF_JEQ | BPF_K,
	[NODE_GT] = BPF_JMP | BPF_JGT | BPF_K,
	[NODE_GE] = BPF_JMP | BPF_JGE | BPF_K,
	[NODE_ANY] = BPF_JMP | BPF_JSET | BPF_K,
};

/* Put an instruction in front. Return: its position. */
static uint16_t put(struct emitter *emitter, uint16_t code, uint32_t k, unsigned yes, unsigned no)
{
	if (emitter->count == SECCOMP_INSN_COUNT_MAX) {
		emitter->is_full = true;
		return (uint16_t)emitter->count;
	}
	emitter->count++;
	emitter->insns[SECCOMP_INSN_COUNT_MAX - emitter->count] = (struct sock_filter){
		.code = code,
		.jt = (uint8_t)yes,
		.jf = (uint8_t)no,
		.k = k,
	};
	return (uint16_t)emitter->count;
}

/* How many instructions are between the next one to be put and @node. */
static unsigned distance(const struct emitter *emitter, const struct node *node)
{
	return emitter->count - node->position;
}

/* Bring a target near: a return is repeated, anything else gets a jump that it is reached by. */
static void bring_near(struct emitter *emitter, struct node *node)
{
	if (distance(emitter, node) <= REACH)
		return;
	if (node->kind == NODE_RETURN)
		node->position = put(emitter, BPF_RET | BPF_K, node->value, 0, 0);
	else
		node->position = put(emitter, BPF_JMP | BPF_JA, distance(emitter, node), 0, 0);
}

static uint16_t put_test(struct emitter *emitter, const struct node *node)
{
	struct node *yes = &emitter->diagram->nodes[node->yes];
	struct node *no = &emitter->diagram->nodes[node->no];

	bring_near(emitter, yes);
	bring_near(emitter, no);
	return put(emitter, jump_codes[node->kind], node->value, distance(emitter, yes),
		   distance(emitter, no));
}

static bool is_test(const struct node *node)
{
	return node->kind >= NODE_EQ;
}

/* A load or mask runs into what follows it: if that stands elsewhere, repeat its test or jump. */
static void put_next(struct emitter *emitter, const struct node *next)
{
	const struct node *nodes = emitter->diagram->nodes;

	if (!distance(emitter, next))
		return;
	if (is_test(next) && distance(emitter, &nodes[next->yes]) <= REACH &&
	    distance(emitter, &nodes[next->no]) <= REACH)
		(void)put_test(emitter, next);
	else
		(void)put(emitter, BPF_JMP | BPF_JA, distance(emitter, next), 0, 0);
}

void emit_node(struct emitter *emitter, uint16_t index)
{
	struct node *node = &emitter->diagram->nodes[index];

	if (node->position || emitter->is_full)
		return;
	switch ((enum node_kind)node->kind) {
	case NODE_RETURN:
		node->position = put(emitter, BPF_RET | BPF_K, node->value, 0, 0);
		return;
	case NODE_LOAD:
		emit_node(emitter, node->yes);
		put_next(emitter, &emitter->diagram->nodes[node->yes]);
		node->position = put(emitter, BPF_LD | BPF_W | BPF_ABS, 4u * node->word, 0, 0);
		return;
	case NODE_MASK:
		emit_node(emitter, node->yes);
		put_next(emitter, &emitter->diagram->nodes[node->yes]);
		node->position = put(emitter, BPF_ALU | BPF_AND | BPF_K, node->value, 0, 0);
		return;
	case NODE_EQ:
	case NODE_GT:
	case NODE_GE:
	case NODE_ANY:
		emit_node(emitter, node->no);
		emit_node(emitter, node->yes);
		node->position = put_test(emitter, node);
		return;
	case NODE_NONE:
		return;
	}
}

struct sock_filter *emit_start(const struct emitter *emitter)
{
	return emitter->insns + SECCOMP_INSN_COUNT_MAX - emitter->count;
}
