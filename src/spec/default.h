/*
 * The config.json that `spec` writes into a bundle for people to edit, as runc's users know it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct json_object;

struct spec_default {
	const char *hostname; /* name of the program */
	bool is_rootless;     /* run by @uid:@gid, who becomes root inside */
	uid_t uid;
	gid_t gid;
};

/**
 * spec_default() - make that document
 * @ret_document: json_object_put() gives it back
 *
 * Return: 0; -ENOMEM with @e filled.
 */
int spec_default(const struct spec_default *want, struct json_object **ret_document,
		 struct err *e);
