/*
 * The verbs of gabion-oci: a file each, a line in the table of main.c each. A verb reads its own
 * options and words, calls runtime/, and prints its result on standard output; errors are main()'s.
 */
#pragma once

#include "base/options.h"
#include "runtime/runtime.h"

struct err;
struct text;

/* What every verb gets. */
struct oci {
	struct runtime rt;
	char **argv; /* of main(), untouched: to run again from a protected file */
};

struct verb {
	const char *name;
	const char *words;   /* what follows the options, for help: "ID [SIGNAL]" */
	const char *summary; /* one line, for help */
	const struct option *options;
	enum options_order order;
	bool needs_no_root; /* the state root is not looked at */
	/* Return: exit status, or -errno with @e filled */
	int (*run)(struct oci *oci, const struct verb *verb, int argc, char **argv, struct err *e);
	int error_status; /* exit status after an error; 0: 1 */
};

extern const struct verb verb_checkpoint;
extern const struct verb verb_create;
extern const struct verb verb_delete;
extern const struct verb verb_events;
extern const struct verb verb_exec;
extern const struct verb verb_features;
extern const struct verb verb_kill;
extern const struct verb verb_list;
extern const struct verb verb_pause;
extern const struct verb verb_ps;
extern const struct verb verb_restore;
extern const struct verb verb_resume;
extern const struct verb verb_run;
extern const struct verb verb_spec;
extern const struct verb verb_start;
extern const struct verb verb_state;
extern const struct verb verb_update;

/**
 * verb_read() - options into @values, words checked for number
 * @least, @most: how many words the verb takes; @most < 0 for any number
 *
 * Return: number of words, or -errno with @e filled.
 */
int verb_read(const struct verb *verb, void *values, int argc, char **argv, int least, int most,
	      struct err *e);

/** verb_print() - write @text to standard output. Return: 0, or -errno with @e filled. */
int verb_print(const struct text *text, struct err *e);

/** verb_protect() - from here on our own program file is out of the container's reach. */
int verb_protect(const struct oci *oci, struct err *e);

/** verb_count_fds() - the value of --preserve-fds, with $LISTEN_FDS as systemd passes them. */
int verb_count_fds(const struct option_number *option, unsigned *ret_count, struct err *e);
