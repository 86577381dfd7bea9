/*
 * What does a version 1 control group cost, tree by tree: to make it, to put one new process into
 * it by each of the ways there are, and to remove it?
 *
 *     cgroup-cost WAY GAP_MS COUNT TREE...
 *
 * WAY is procs-pid (the parent writes the child's pid into cgroup.procs), procs-0 (the child writes
 * "0" there), tasks-pid or tasks-0 (the same with the `tasks` file). Each of COUNT rounds makes one
 * group in every TREE (a mounted hierarchy), lets one new child join all of them, removes them, and
 * waits GAP_MS: what the kernel still has to do for one group should not be charged to the next.
 * Prints a line for each tree: microseconds of mkdir, join and rmdir as median/p90/max.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TREES_MAX 16
#define GROUP_BYTES 256
#define PATH_BYTES 512

enum step { STEP_MAKE, STEP_JOIN, STEP_REMOVE, STEPS };

struct way {
	const char *name;
	const char *file;
	int by_child;
};

static const struct way ways[] = {
	{ "procs-pid", "cgroup.procs", 0 },
	{ "procs-0", "cgroup.procs", 1 },
	{ "tasks-pid", "tasks", 0 },
	{ "tasks-0", "tasks", 1 },
};

struct tree {
	const char *path;
	char group[GROUP_BYTES];
	int join_fd;
	double *us[STEPS]; /* one value per round; shared with the child */
};

static void die(const char *what)
{
	fprintf(stderr, "cgroup-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A cpuset takes nobody in before it has processors and memory nodes: copy its parent's. */
static void cpuset_fill(const struct tree *tree, const char *name)
{
	char path[PATH_BYTES], text[256];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", tree->path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	length = read(fd, text, sizeof(text));
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/%s", tree->group, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || length <= 0 || write(fd, text, (size_t)length) != length)
		die(path);
	(void)close(fd);
}

static void group_make(struct tree *tree, const struct way *way, int round)
{
	char path[PATH_BYTES];
	double start = now_us();

	if (mkdir(tree->group, 0755) < 0)
		die(tree->group);
	tree->us[STEP_MAKE][round] = now_us() - start;
	cpuset_fill(tree, "cpuset.cpus");
	cpuset_fill(tree, "cpuset.mems");
	(void)snprintf(path, sizeof(path), "%s/%s", tree->group, way->file);
	tree->join_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (tree->join_fd < 0)
		die(path);
}

static void group_remove(struct tree *tree, int round)
{
	double start = now_us();

	(void)close(tree->join_fd);
	if (rmdir(tree->group) < 0)
		die(tree->group);
	tree->us[STEP_REMOVE][round] = now_us() - start;
}

static void groups_join(struct tree *trees, int count, int round, const char *who)
{
	for (int i = 0; i < count; i++) {
		double start = now_us();

		if (write(trees[i].join_fd, who, strlen(who)) < 0)
			die(trees[i].group);
		trees[i].us[STEP_JOIN][round] = now_us() - start;
	}
}

static void round_run(struct tree *trees, int count, const struct way *way, int round)
{
	char who[16] = "0", byte = 0;
	int gate[2];
	pid_t pid;

	for (int i = 0; i < count; i++)
		group_make(&trees[i], way, round);
	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)close(gate[1]);
		if (way->by_child)
			groups_join(trees, count, round, who);
		(void)!read(gate[0], &byte, 1);
		_exit(0);
	}
	(void)close(gate[0]);
	if (!way->by_child) {
		(void)snprintf(who, sizeof(who), "%d", (int)pid);
		groups_join(trees, count, round, who);
	}
	(void)close(gate[1]);
	(void)waitpid(pid, NULL, 0);
	for (int i = 0; i < count; i++)
		group_remove(&trees[i], round);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tree_init(struct tree *tree, const char *path, int rounds)
{
	tree->path = path;
	(void)snprintf(tree->group, sizeof(tree->group), "%s/cgroup-cost-%d", path, (int)getpid());
	for (int step = 0; step < STEPS; step++) {
		tree->us[step] = mmap(NULL, sizeof(double) * (size_t)rounds, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (tree->us[step] == MAP_FAILED)
			die("mmap");
	}
}

static void tree_print(const struct tree *tree, int rounds)
{
	static const char *const names[STEPS] = { "mkdir", "join", "rmdir" };

	printf("%-24s", tree->path);
	for (int step = 0; step < STEPS; step++) {
		double *us = tree->us[step];

		qsort(us, (size_t)rounds, sizeof(*us), by_size);
		printf("  %s %5.0f/%5.0f/%6.0f", names[step], us[rounds / 2], us[rounds * 9 / 10],
		       us[rounds - 1]);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	static struct tree trees[TREES_MAX];
	const struct way *way = NULL;
	int count = argc - 4, gap_ms, rounds;

	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) == 0)
			way = &ways[i];
	}
	if (!way || count < 1 || count > TREES_MAX || atoi(argv[3]) < 1) {
		fputs("usage: cgroup-cost WAY GAP_MS COUNT TREE...\n", stderr);
		return 2;
	}
	gap_ms = atoi(argv[2]);
	rounds = atoi(argv[3]);
	for (int i = 0; i < count; i++)
		tree_init(&trees[i], argv[4 + i], rounds);
	for (int round = 0; round < rounds; round++) {
		round_run(trees, count, way, round);
		(void)usleep((useconds_t)gap_ms * 1000);
	}
	for (int i = 0; i < count; i++)
		tree_print(&trees[i], rounds);
	return 0;
}
