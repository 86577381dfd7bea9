/* Images as JSON, for scripts and for the front end's tables. */
#pragma once

struct config;
struct err;
struct image;
struct index;
struct keeper;
struct text;
struct index_image;
struct load_result;

/** show_list() - all images of @index, with who holds them. */
int show_list(const struct keeper *keeper, const struct index *index, struct text *out,
	      struct err *e);

/** show_resolved() - struct image as it stands. */
void show_resolved(const struct image *image, struct text *out);

/** show_inspected() - Docker's field names, on which scripts rely. */
void show_inspected(const struct index_image *image, const struct config *config,
		    struct text *out);

/** show_loaded() - ids and names of what was just loaded. */
void show_loaded(const struct load_result *result, struct text *out);
