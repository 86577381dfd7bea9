/*
 * gabion-image: the verbs. Each reads its own arguments, writes JSON into @out, and returns 0 or
 * -errno with @e filled; main() prints.
 */
#pragma once

struct err;
struct text;

int verb_load(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_import(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_pull(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_save(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_list(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_resolve(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_inspect(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_tag(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_rmi(const char *root, int argc, char **argv, struct text *out, struct err *e);
int verb_prune(const char *root, int argc, char **argv, struct text *out, struct err *e);

/** words_check() - are there between @least and @most words? Names @usage when not. */
int words_check(int words, int least, int most, const char *usage, struct err *e);
