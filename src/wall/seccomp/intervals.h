/*
 * One word of seccomp_data cut into intervals, each with where to go on: the common shape of a
 * filter at every level. intervals_decide() makes the tests that find the right one.
 */
#pragma once

#include <stdint.h>

struct diagram;

/* Reaches up to the next interval's start, the last one to UINT32_MAX. */
struct interval {
	uint32_t start;
	uint16_t node; /* an entry */
};

/* A run: an interval, together with single points inside it that go elsewhere. */
struct run {
	uint32_t start;
	uint32_t weight;
	uint16_t node;
	uint16_t point_first;
	uint16_t point_count;
};

/**
 * intervals_decide() - an entry that loads @word and goes on where it belongs
 * @runs:      scratch memory for @count of them
 * @intervals: by rising start, the first at 0; overwritten
 * @count:     at least 1
 *
 * For the number of the call, small numbers are decided in fewer steps: the kernel walks the filter
 * once for each of them when it is attached.
 */
uint16_t intervals_decide(struct diagram *diagram, struct run *runs, unsigned word,
			  struct interval *intervals, unsigned count);

/** interval_add() - append, unless the one before goes to the same @node. Return: new count. */
static inline unsigned interval_add(struct interval *intervals, unsigned count, uint32_t start,
				    uint16_t node)
{
	if (count && intervals[count - 1].node == node)
		return count;
	if (count && intervals[count - 1].start == start)
		count--; /* it was empty */
	if (count && intervals[count - 1].node == node)
		return count;
	intervals[count] = (struct interval){ start, node };
	return count + 1;
}
