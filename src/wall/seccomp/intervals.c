#include <stdbool.h>
#include <stddef.h>

#include "wall/seccomp/diagram.h"
#include "wall/seccomp/intervals.h"

/* A run keeps this many neighbouring points; more of them are an interval of their own. */
#define POINT_ROW_MAX 3
/* So many points of one run are tested one by one. */
#define POINT_CHAIN_MAX 4
/* Numbers below are calls of the native ABI; x32's are above. */
#define NUMBER_DENSE_MAX 512
/* A cube saves nothing below this, and is never bigger in practice. */
#define CUBE_POINT_COUNT_MIN 3
#define CUBE_POINT_COUNT_MAX 64

static uint32_t last_of(const struct interval *intervals, unsigned count, unsigned i)
{
	return i + 1 < count ? intervals[i + 1].start - 1 : UINT32_MAX;
}

static bool is_point(const struct interval *intervals, unsigned count, unsigned i)
{
	return last_of(intervals, count, i) == intervals[i].start;
}

/* --- points that form a cube: all sums of some bits ------------------------------------------ */

static bool has_point(const struct interval *intervals, unsigned count, uint32_t value,
		      uint16_t node)
{
	for (unsigned i = 0; i < count && intervals[i].start <= value; i++) {
		if (intervals[i].start == value)
			return intervals[i].node == node && is_point(intervals, count, i);
	}
	return false;
}

/* Are all sums of @bit and bits of @mask points that go to @node? */
static bool extends_cube(const struct interval *intervals, unsigned count, uint32_t mask,
			 uint32_t bit, uint16_t node)
{
	for (uint32_t part = mask;; part = (part - 1) & mask) {
		if (!has_point(intervals, count, part | bit, node))
			return false;
		if (!part)
			return true;
	}
}

/*
 * Values 0, 8, 0x20000 and 0x20008 with one continuation are one test: any bit but those two?
 * Finds the mask of such a cube around the point 0. Return: 0 when there is none worth it.
 */
static uint32_t find_cube(const struct interval *intervals, unsigned count)
{
	uint32_t mask = 0;
	unsigned point_count = 1;

	if (count < 5 || !is_point(intervals, count, 0))
		return 0;
	for (unsigned i = 1; i < count && point_count <= CUBE_POINT_COUNT_MAX / 2; i++) {
		uint32_t bit = intervals[i].start;

		if (bit & (bit - 1) || !extends_cube(intervals, count, mask, bit, intervals[0].node))
			continue;
		mask |= bit;
		point_count *= 2;
	}
	return point_count < CUBE_POINT_COUNT_MIN ? 0 : mask;
}

/* The cube is decided already: let its points vanish in their surroundings. */
static unsigned blank_cube(struct interval *intervals, unsigned count, uint32_t mask)
{
	uint16_t node = intervals[0].node, fill = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < count && !fill; i++) {
		if (!is_point(intervals, count, i) || intervals[i].node != node)
			fill = intervals[i].node;
	}
	for (unsigned i = 0; i < count; i++) {
		bool is_in_cube = intervals[i].node == node && is_point(intervals, count, i) &&
				  !(intervals[i].start & ~mask);
		struct interval here = intervals[i];

		kept = interval_add(intervals, kept, here.start, is_in_cube ? fill : here.node);
	}
	return kept;
}

/* --- runs, and the tree over them ------------------------------------------------------------ */

/* What it is worth to decide an interval early. */
static uint32_t weight_of(unsigned word, uint32_t start, uint32_t last)
{
	if (word != DIAGRAM_WORD_NUMBER)
		return 16;
	if (start >= NUMBER_DENSE_MAX)
		return 1;
	return 16 * ((last < NUMBER_DENSE_MAX ? last : NUMBER_DENSE_MAX - 1) - start + 1);
}

/* Points from @i on after which the interval at @run goes on as before. Return: how many. */
static unsigned points_inside(const struct interval *intervals, unsigned count, unsigned i,
			      const struct run *run)
{
	unsigned n = 0;

	while (i + n < count && n < POINT_ROW_MAX && is_point(intervals, count, i + n))
		n++;
	return i + n < count && intervals[i + n].node == run->node ? n : 0;
}

/* Points are gathered at the start of @intervals, which has been read by then. */
static unsigned make_runs(struct run *runs, unsigned word, struct interval *intervals,
			  unsigned count)
{
	unsigned run_count = 0, point_count = 0;

	for (unsigned i = 0; i < count; i++) {
		struct run *run = run_count ? &runs[run_count - 1] : NULL;
		unsigned n = run ? points_inside(intervals, count, i, run) : 0;

		if (n) {
			for (unsigned end = i + n; i < end; i++)
				intervals[point_count++] = intervals[i];
			run->point_count = (uint16_t)(run->point_count + n);
			run->weight = weight_of(word, run->start, last_of(intervals, count, i));
			continue;
		}
		runs[run_count++] = (struct run){
			.start = intervals[i].start,
			.node = intervals[i].node,
			.point_first = (uint16_t)point_count,
			.weight = weight_of(word, intervals[i].start, last_of(intervals, count, i)),
		};
	}
	return run_count;
}

static uint16_t decide_points(struct diagram *diagram, unsigned word, const struct interval *points,
			      unsigned count, uint16_t node)
{
	unsigned half = count / 2;

	if (count > POINT_CHAIN_MAX)
		return diagram_test(diagram, NODE_GE, word, points[half].start,
				    decide_points(diagram, word, points + half, count - half, node),
				    decide_points(diagram, word, points, half, node));
	while (count-- > 0)
		node = diagram_test(diagram, NODE_EQ, word, points[count].start, points[count].node,
				    node);
	return node;
}

/* How many of the runs go left, so that both sides weigh the same. */
static unsigned balance(const struct run *runs, unsigned count)
{
	uint64_t total = 0, left = 0, best = UINT64_MAX;
	unsigned cut = 1;

	for (unsigned i = 0; i < count; i++)
		total += runs[i].weight + runs[i].point_count;
	for (unsigned i = 0; i + 1 < count; i++) {
		uint64_t tilt;

		left += runs[i].weight + runs[i].point_count;
		tilt = 2 * left > total ? 2 * left - total : total - 2 * left;
		if (tilt < best) {
			best = tilt;
			cut = i + 1;
		}
	}
	return cut;
}

static uint16_t decide_runs(struct diagram *diagram, unsigned word, const struct run *runs,
			    unsigned count, const struct interval *points)
{
	unsigned cut;

	if (count == 1)
		return decide_points(diagram, word, points + runs->point_first, runs->point_count,
				     runs->node);
	cut = balance(runs, count);
	return diagram_test(diagram, NODE_GE, word, runs[cut].start,
			    decide_runs(diagram, word, runs + cut, count - cut, points),
			    decide_runs(diagram, word, runs, cut, points));
}

uint16_t intervals_decide(struct diagram *diagram, struct run *runs, unsigned word,
			  struct interval *intervals, unsigned count)
{
	uint16_t in_cube = intervals[0].node, inside;
	uint32_t mask = 0;

	if (word >= DIAGRAM_WORD_ARG(0))
		mask = find_cube(intervals, count);
	if (mask)
		count = blank_cube(intervals, count, mask);
	count = make_runs(runs, word, intervals, count);
	inside = decide_runs(diagram, word, runs, count, intervals);
	if (mask)
		inside = diagram_test(diagram, NODE_ANY, word, ~mask, inside, in_cube);
	return diagram_load(diagram, word, inside);
}
