/*
 * The container's network: none of its own ("host"), an empty one ("none"), another container's, or
 * by default a private one that pasta (package passt) connects to the world in user space, so that
 * no bridge and no firewall rule is made on the host. Also the files that go with a network: hosts,
 * hostname, resolv.conf.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct app;
struct box;
struct err;
struct json_object;
struct run_options;

/** network_compose() - read the options, write the files, note the rest in box->meta */
int network_compose(struct app *app, struct box *box, const struct run_options *options,
		    const char *hostname, struct json_object *config, struct err *e);

/**
 * network_up() - make the namespace and connect it, before the container is made
 * @config: its network namespace gets the path
 * @ret_pid: pasta, our child or grandchild; 0 when none is needed
 *
 * Context: the monitor, in its own mount namespace, subreaper.
 */
int network_up(struct app *app, struct box *box, struct json_object *config, pid_t *ret_pid,
	       struct err *e);

/** network_down() - end what network_up() began; @pasta_pid 0: nothing is there */
void network_down(struct app *app, struct box *box, pid_t pasta_pid);

/** network_has_pasta() - is the program there? */
bool network_has_pasta(void);
