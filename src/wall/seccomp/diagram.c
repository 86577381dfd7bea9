#include "wall/seccomp/diagram.h"

void diagram_init(struct diagram *diagram)
{
	diagram->count = 1;
}

static unsigned bucket_of(const struct node *node)
{
	uint32_t hash = (node->kind * 31u + node->word) * 2654435761u;

	hash ^= node->value * 2246822519u;
	hash ^= ((uint32_t)node->yes << 16 | node->no) * 3266489917u;
	return (hash ^ hash >> 15) % DIAGRAM_BUCKET_COUNT;
}

static bool is_same(const struct node *a, const struct node *b)
{
	return a->kind == b->kind && a->word == b->word && a->value == b->value &&
	       a->yes == b->yes && a->no == b->no;
}

static uint16_t make(struct diagram *diagram, struct node wanted)
{
	uint16_t *bucket = &diagram->buckets[bucket_of(&wanted)];

	for (uint16_t i = *bucket; i; i = diagram->nodes[i].next_in_bucket) {
		if (is_same(&diagram->nodes[i], &wanted))
			return i;
	}
	if (diagram->count == DIAGRAM_NODE_COUNT_MAX) {
		diagram->is_full = true;
		return 1;
	}
	wanted.next_in_bucket = *bucket;
	*bucket = diagram->count;
	diagram->nodes[diagram->count] = wanted;
	return diagram->count++;
}

uint16_t diagram_return(struct diagram *diagram, uint32_t verdict)
{
	return make(diagram, (struct node){ .kind = NODE_RETURN, .value = verdict });
}

/* Inside @word there is no need to load it again. */
static uint16_t without_load(const struct diagram *diagram, uint16_t index, unsigned word)
{
	const struct node *node = &diagram->nodes[index];

	return node->kind == NODE_LOAD && node->word == word ? node->yes : index;
}

uint16_t diagram_test(struct diagram *diagram, enum node_kind kind, unsigned word, uint32_t value,
		      uint16_t yes, uint16_t no)
{
	yes = without_load(diagram, yes, word);
	no = without_load(diagram, no, word);
	if (yes == no)
		return yes;
	return make(diagram, (struct node){ .kind = (uint8_t)kind,
					    .word = (uint8_t)word,
					    .value = value,
					    .yes = yes,
					    .no = no });
}

/* The accumulator is lost to the mask, so the branches of this test stay entries. */
static uint16_t mask_then_equal(struct diagram *diagram, unsigned word, uint32_t mask,
				uint32_t value, uint16_t yes, uint16_t no)
{
	struct node test = { .kind = NODE_EQ, .word = (uint8_t)word, .value = value };
	struct node node = { .kind = NODE_MASK, .word = (uint8_t)word, .value = mask };

	test.yes = yes;
	test.no = no;
	node.yes = make(diagram, test);
	return make(diagram, node);
}

uint16_t diagram_test_masked(struct diagram *diagram, unsigned word, uint32_t mask, uint32_t value,
			     uint16_t yes, uint16_t no)
{
	if (mask == UINT32_MAX)
		return diagram_test(diagram, NODE_EQ, word, value, yes, no);
	if (yes == no || !mask)
		return without_load(diagram, yes, word);
	if (!value)
		return diagram_test(diagram, NODE_ANY, word, mask, no, yes);
	if (value == mask && !(mask & (mask - 1)))
		return diagram_test(diagram, NODE_ANY, word, mask, yes, no);
	return mask_then_equal(diagram, word, mask, value, yes, no);
}

uint16_t diagram_load(struct diagram *diagram, unsigned word, uint16_t inside)
{
	const struct node *node = &diagram->nodes[inside];

	/* Already an entry: what the word said turned out not to matter. */
	if (node->kind == NODE_RETURN || node->kind == NODE_LOAD)
		return inside;
	return make(diagram,
		    (struct node){ .kind = NODE_LOAD, .word = (uint8_t)word, .yes = inside });
}
