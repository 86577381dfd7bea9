/*
 * Decision diagrams: what a filter becomes between rules and instructions. Nodes are shared: two
 * nodes that do the same are one node, so equal continuations are found by comparing indexes.
 *
 * A node is an *entry* (expects nothing in the accumulator: a return, or a load) or it is *inside*
 * a word (expects that word loaded: a test, or a mask followed by one). diagram_test() takes entries
 * as its branches and drops the load that would be repeated; diagram_load() makes an entry again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DIAGRAM_NODE_COUNT_MAX 16384
#define DIAGRAM_BUCKET_COUNT   1024

/* Words of struct seccomp_data, in units of four bytes. */
#define DIAGRAM_WORD_NUMBER 0
#define DIAGRAM_WORD_ARCH   1
#define DIAGRAM_WORD_ARG(i) (4 + 2 * (i)) /* the one that comes first in memory */

enum node_kind {
	NODE_NONE,
	NODE_RETURN, /* return value */
	NODE_LOAD,   /* accumulator = word; yes is next */
	NODE_MASK,   /* accumulator &= value; yes is next, always an EQ test */
	NODE_EQ,     /* accumulator == value */
	NODE_GT,
	NODE_GE,
	NODE_ANY, /* accumulator & value */
};

struct node {
	uint8_t kind;
	uint8_t word; /* the one loaded, or the one in the accumulator */
	uint16_t yes;
	uint16_t no;
	uint16_t next_in_bucket;
	uint32_t value;
	uint16_t position; /* for emit.c: instructions from here to the end, 0 until laid out */
};

struct diagram {
	uint16_t count;
	bool is_full; /* more nodes were needed: everything made since is nonsense */
	uint16_t buckets[DIAGRAM_BUCKET_COUNT];
	struct node nodes[DIAGRAM_NODE_COUNT_MAX]; /* node 0 is never used */
};

/* @diagram must be zeroed memory; of its nodes only those used are ever touched. */
void diagram_init(struct diagram *diagram);

uint16_t diagram_return(struct diagram *diagram, uint32_t verdict);

/** diagram_test() - inside @word: compare with @value, go to entry or inside node @yes or @no. */
uint16_t diagram_test(struct diagram *diagram, enum node_kind kind, unsigned word, uint32_t value,
		      uint16_t yes, uint16_t no);

/** diagram_test_masked() - inside @word: (word & @mask) == @value? Uses the shortest form. */
uint16_t diagram_test_masked(struct diagram *diagram, unsigned word, uint32_t mask, uint32_t value,
			     uint16_t yes, uint16_t no);

/** diagram_load() - the entry that loads @word and goes on at @inside. */
uint16_t diagram_load(struct diagram *diagram, unsigned word, uint16_t inside);
