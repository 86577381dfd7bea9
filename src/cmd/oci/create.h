/* What create and run have in common. */
#pragma once

#include "cmd/oci/verb.h"

struct create_values {
	struct runtime_create_request request;
	const char *config;
	struct option_number preserve_fds;
};

/* Options for a struct that begins with struct create_values. */
#define CREATE_AT(field) offsetof(struct create_values, field)
#define CREATE_OPTIONS                                                                             \
	{ "bundle", 'b', OPTION_TEXT, CREATE_AT(request.bundle), "DIR",                            \
	  "the bundle; default: the current directory" },                                          \
	{ "config", 'f', OPTION_TEXT, CREATE_AT(config), "FILE",                                   \
	  "read FILE instead of config.json" },                                                    \
	{ "console-socket", 0, OPTION_TEXT, CREATE_AT(request.console_socket), "SOCKET",           \
	  "send the terminal's master there" },                                                    \
	{ "pid-file", 0, OPTION_TEXT, CREATE_AT(request.pid_file), "FILE",                         \
	  "write the pid of init there" },                                                         \
	{ "pidfd-socket", 0, OPTION_TEXT, CREATE_AT(request.pidfd_socket), "SOCKET",               \
	  "send a pidfd of init there" },                                                          \
	{ "preserve-fds", 0, OPTION_NUMBER, CREATE_AT(preserve_fds), "N",                          \
	  "pass descriptors 3 to 3+N-1 to the workload" },                                         \
	{ "no-pivot", 0, OPTION_FLAG, CREATE_AT(request.no_pivot), NULL,                           \
	  "do not use pivot_root, for a root on an initramfs" },                                   \
	{ "no-new-keyring", 0, OPTION_FLAG, CREATE_AT(request.no_new_keyring), NULL,               \
	  "keep the session keyring" }

/** create_read() - what options alone do not say; the program is protected. */
int create_read(struct oci *oci, struct create_values *values, char *id, struct err *e);
