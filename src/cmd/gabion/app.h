/*
 * What all subcommands of gabion(1) share: where things lie, and the table of subcommands.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "runtime/runtime.h"

struct err;

#define STATUS_FAULT 125 /* gabion itself failed */

struct app {
	const char *data;        /* --data: containers/, names/, images/ */
	const char *state_root;  /* --root: the runtime's states; NULL: its default */
	struct runtime runtime;  /* open */
	int containers_fd;       /* DATA/containers */
	int names_fd;            /* DATA/names: symbolic links NAME -> ID */
	struct arena arena;      /* lives as long as the command */
};

struct command {
	const char *name;
	const char *words; /* what follows on the command line, for help */
	const char *help;
	/* Return: the exit status; or -errno with @e filled, and then 125 */
	int (*run)(struct app *app, int argc, char **argv, struct err *e);
	bool without_store; /* needs neither containers nor states */
};

/* One for each subcommand, in the file of its name. */
int attach_command(struct app *app, int argc, char **argv, struct err *e);
int create_command(struct app *app, int argc, char **argv, struct err *e);
int exec_command(struct app *app, int argc, char **argv, struct err *e);
int host_command(struct app *app, int argc, char **argv, struct err *e);
int image_command(struct app *app, int argc, char **argv, struct err *e);
int inspect_command(struct app *app, int argc, char **argv, struct err *e);
int kill_command(struct app *app, int argc, char **argv, struct err *e);
int logs_command(struct app *app, int argc, char **argv, struct err *e);
int pause_command(struct app *app, int argc, char **argv, struct err *e);
int ps_command(struct app *app, int argc, char **argv, struct err *e);
int rm_command(struct app *app, int argc, char **argv, struct err *e);
int run_command(struct app *app, int argc, char **argv, struct err *e);
int seccomp_command(struct app *app, int argc, char **argv, struct err *e);
int start_command(struct app *app, int argc, char **argv, struct err *e);
int stats_command(struct app *app, int argc, char **argv, struct err *e);
int stop_command(struct app *app, int argc, char **argv, struct err *e);
int top_command(struct app *app, int argc, char **argv, struct err *e);
int unpause_command(struct app *app, int argc, char **argv, struct err *e);
int wait_command(struct app *app, int argc, char **argv, struct err *e);
int walls_command(struct app *app, int argc, char **argv, struct err *e);

