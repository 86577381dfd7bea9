#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/options.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/gabion/app.h"
#include "cmd/gabion/box.h"
#include "cmd/gabion/doc.h"
#include "cmd/gabion/network.h"
#include "cmd/gabion/run_options.h"

/* pasta answers name queries here when the host's resolver is on its own loopback */
#define DNS_FORWARD "169.254.1.1"

static const char *const pasta_paths[] = { "/usr/bin/pasta", "/usr/local/bin/pasta", NULL };

static const char *pasta_path(void)
{
	for (const char *const *path = pasta_paths; *path; path++)
		if (access(*path, X_OK) == 0)
			return *path;
	return NULL;
}

bool network_has_pasta(void)
{
	return pasta_path() != NULL;
}

/* --- files --------------------------------------------------------------------------------- */

static int file_write(const struct box *box, const char *name, const struct text *text,
		      struct err *e)
{
	own_fd int fd = openat(box->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			       0644);

	if (fd < 0)
		return err_sys(e, "create '%s'", name);
	if (!text_ok(text))
		return err_oom(e);
	if (write(fd, text_str(text), text->length) != (ssize_t)text->length)
		return err_sys(e, "write '%s'", name);
	if (fchmod(fd, 0644) < 0)
		return err_sys(e, "change the mode of '%s'", name);
	return 0;
}

static int hosts_write(const struct box *box, const struct run_options *options,
		       const char *hostname, struct err *e)
{
	own_text struct text text = { 0 };

	text_append(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
			   "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
			   "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	text_printf(&text, "127.0.1.1\t%s\n", hostname);
	for (uint32_t i = 0; i < options->add_hosts.count; i++) {
		const char *line = options->add_hosts.items[i];
		size_t length = strcspn(line, ":=");

		if (!length || !line[length] || !line[length + 1])
			return err_set(e, EINVAL, "invalid --add-host '%s'; expected NAME:IP", line);
		text_printf(&text, "%s\t%.*s\n", line + length + 1, (int)length, line);
	}
	return file_write(box, "hosts", &text, e);
}

static bool is_loopback(const char *server)
{
	return strncmp(server, "127.", 4) == 0 || strcmp(server, "::1") == 0;
}

/* The host's file, less the servers that only the host can reach. */
static int resolv_copy(struct text *text, bool keep_loopback, const struct run_options *options,
		       bool *ret_forward)
{
	own_file FILE *file = fopen("/etc/resolv.conf", "re");
	char line[1024];
	unsigned kept = 0, dropped = 0;

	while (file && fgets(line, sizeof(line), file)) {
		char server[256];

		if (sscanf(line, "nameserver %255s", server) == 1) {
			if (options->dns.count)
				continue;
			if (!keep_loopback && is_loopback(server)) {
				dropped++;
				continue;
			}
			kept++;
		} else if ((strncmp(line, "search", 6) == 0 && options->dns_search.count) ||
			   (strncmp(line, "options", 7) == 0 && options->dns_options.count)) {
			continue;
		}
		text_append(text, line);
	}
	*ret_forward = dropped && !kept;
	return 0;
}

static int resolv_write(const struct box *box, const struct run_options *options, bool is_own_net,
			bool *ret_forward, struct err *e)
{
	own_text struct text text = { 0 };

	(void)resolv_copy(&text, !is_own_net, options, ret_forward);
	for (uint32_t i = 0; i < options->dns.count; i++)
		text_printf(&text, "nameserver %s\n", options->dns.items[i]);
	if (*ret_forward)
		text_append(&text, "nameserver " DNS_FORWARD "\n");
	for (uint32_t i = 0; i < options->dns_search.count; i++)
		text_printf(&text, "%s%s", i ? " " : "search ", options->dns_search.items[i]);
	if (options->dns_search.count)
		text_append(&text, "\n");
	for (uint32_t i = 0; i < options->dns_options.count; i++)
		text_printf(&text, "options %s\n", options->dns_options.items[i]);
	return file_write(box, "resolv.conf", &text, e);
}

/* --- ports --------------------------------------------------------------------------------- */

struct port {
	const char *address; /* "" for all */
	unsigned host_first, host_last;
	unsigned first, last;
	bool is_udp;
};

static bool range_parse(const char *text, unsigned *ret_first, unsigned *ret_last)
{
	char rest;
	int got = sscanf(text, "%5u-%5u%c", ret_first, ret_last, &rest);

	if (strspn(text, "0123456789-") != strlen(text) || text[0] == '-')
		return false;
	if (got == 1 && !strchr(text, '-'))
		*ret_last = *ret_first;
	else if (got != 2)
		return false;
	return *ret_first > 0 && *ret_last < 65536 && *ret_first <= *ret_last;
}

/* [IP:][HOST_PORT:]PORT[/tcp|/udp] */
static int port_parse(struct app *app, const char *word, struct port *ret_port, struct err *e)
{
	char *copy = arena_strdup(&app->arena, word), *protocol, *inside, *outside = NULL;
	struct port port = { .address = "" };

	if (!copy)
		return err_oom(e);
	protocol = strchr(copy, '/');
	if (protocol)
		*protocol++ = '\0';
	if (protocol && strcmp(protocol, "udp") != 0 && strcmp(protocol, "tcp") != 0)
		return err_set(e, EINVAL, "invalid proto '%s' in -p %s", protocol, word);
	port.is_udp = protocol && protocol[0] == 'u';

	inside = strrchr(copy, ':');
	if (inside) {
		*inside++ = '\0';
		outside = strrchr(copy, ':');
		if (outside && copy[strlen(copy) - 1] != ']') {
			*outside++ = '\0';
			port.address = copy;
		} else {
			outside = copy;
		}
	} else {
		inside = copy;
	}
	if (port.address[0] == '[') {
		port.address++;
		copy[strlen(copy) - 1] = '\0';
	}
	if (!range_parse(inside, &port.first, &port.last) ||
	    (outside && outside[0] && !range_parse(outside, &port.host_first, &port.host_last)))
		return err_set(e, EINVAL, "invalid port in -p %s; expected [IP:][PORT:]PORT[/udp]",
			       word);
	if (port.host_first && port.host_last - port.host_first != port.last - port.first)
		return err_set(e, EINVAL, "-p %s: ranges of different length", word);
	*ret_port = port;
	return 0;
}

/* A port that is free now; the kernel picks it. */
static unsigned port_pick(bool is_udp)
{
	own_fd int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return 0;
	return ntohs(address.sin_port);
}

static int ports_compose(struct app *app, const struct run_options *options,
			 struct json_object *shown, struct json_object *list, struct err *e)
{
	for (uint32_t i = 0; i < options->publish.count; i++) {
		struct port port = { 0 };
		int r;

		r = port_parse(app, options->publish.items[i], &port, e);
		if (r < 0)
			return r;
		for (unsigned k = port.first; k <= port.last; k++) {
			unsigned outside = port.host_first ? port.host_first + k - port.first :
							     port_pick(port.is_udp);
			char key[32], number[16];
			struct json_object *bindings, *entry;

			(void)snprintf(key, sizeof(key), "%u/%s", k, port.is_udp ? "udp" : "tcp");
			(void)snprintf(number, sizeof(number), "%u", outside);
			bindings = json_object_object_get(shown, key);
			if (!bindings)
				bindings = doc_array(shown, key);
			entry = doc_object(bindings, NULL);
			doc_text(entry, "HostIp", port.address[0] ? port.address : "0.0.0.0");
			doc_text(entry, "HostPort", number);
			entry = doc_object(list, NULL);
			doc_text(entry, "Option", port.is_udp ? "-u" : "-t");
			doc_text(entry, "Value",
				 arena_printf(&app->arena, "%s%s%u:%u", port.address,
					      port.address[0] ? "/" : "", outside, k));
		}
	}
	return 0;
}

int network_compose(struct app *app, struct box *box, const struct run_options *options,
		    const char *hostname, struct json_object *config, struct err *e)
{
	const char *mode = options->network ? options->network : "private";
	bool is_private = strcmp(mode, "private") == 0 || strcmp(mode, "default") == 0 ||
			  strcmp(mode, "bridge") == 0 || strcmp(mode, "pasta") == 0;
	bool has_pasta = is_private && network_has_pasta(), forward;
	struct json_object *settings = doc_object(box->meta, "NetworkSettings"), *own;
	own_text struct text name = { 0 };
	int r;

	if (options->publish.count && !is_private)
		log_warning("published ports are discarded when using --network=%s", mode);
	if (options->publish.count && is_private && !has_pasta)
		return err_set(e, ENOENT, "-p needs pasta, which is not installed (package passt)");
	if (is_private && !has_pasta)
		log_warning("pasta is not installed (package passt): this container has no network");
	text_printf(&name, "%s\n", hostname);
	r = file_write(box, "hostname", &name, e);
	if (r == 0)
		r = hosts_write(box, options, hostname, e);
	if (r == 0)
		r = resolv_write(box, options, is_private, &forward, e);
	if (r < 0)
		return r;
	own = doc_object(doc_at(box->meta, "Gabion"), "Network");
	doc_flag(own, "Pasta", has_pasta);
	doc_flag(own, "DnsForward", forward);
	return ports_compose(app, options, doc_object(settings, "Ports"), doc_array(own, "Ports"), e);
}

/* --- the namespace ------------------------------------------------------------------------- */

static int text_put(const char *path, const char *text, struct err *e)
{
	own_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_sys(e, "write '%s'", path);
	return 0;
}

static int ns_keep(struct app *app, const struct box *box, pid_t pid, const char *kind,
		   struct err *e)
{
	const char *from = arena_printf(&app->arena, "/proc/%d/ns/%s", pid, kind);
	const char *name = arena_printf(&app->arena, "ns.%s", kind);
	const char *to = name ? box_path(app, box, name) : NULL;
	own_fd int fd = -EBADF;

	if (!from || !to)
		return err_oom(e);
	fd = openat(box->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "create '%s'", to);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, "keep the %s namespace", kind);
	return 0;
}

/*
 * pasta gives up its privileges before it joins the network, so it can only join one that a user
 * namespace owns in which it regains them. That user namespace exists for nothing else, and maps
 * our ids to themselves.
 */
static int ns_make(struct app *app, const struct box *box, struct err *e)
{
	int ready[2], status, r;
	char path[64], byte = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	pid = fork();
	if (pid < 0) {
		r = err_sys(e, "fork");
		(void)fd_close(ready[0]);
		(void)fd_close(ready[1]);
		return r;
	}
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(errno);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	(void)fd_close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		(void)waitpid(pid, &status, 0);
		(void)fd_close(ready[0]);
		return err_set(e, WIFEXITED(status) ? WEXITSTATUS(status) : EIO,
			       "make a network namespace: %s",
			       strerror(WIFEXITED(status) ? WEXITSTATUS(status) : EIO));
	}
	(void)fd_close(ready[0]);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	r = text_put(path, "0 0 4294967295", e);
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (r == 0)
		r = text_put(path, "0 0 4294967295", e);
	if (r == 0)
		r = ns_keep(app, box, pid, "user", e);
	if (r == 0)
		r = ns_keep(app, box, pid, "net", e);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return r;
}

static int pasta_run(struct app *app, const struct box *box, struct json_object *own,
		     pid_t *ret_pid, struct err *e)
{
	struct json_object *ports = doc_at(own, "Ports");
	size_t count = doc_count(ports), n = 0;
	const char **argv = arena_new_array(&app->arena, const char *, 2 * count + 40);
	const char *pid_path = box_path(app, box, "pasta.pid");
	const char *log_path = box_path(app, box, "pasta.log");
	bool has_tcp = false, has_udp = false;
	own_file FILE *file = NULL;
	pid_t pid;
	int status;

	if (!argv)
		return err_oom(e);
	argv[n++] = pasta_path();
	argv[n++] = "--config-net";
	argv[n++] = "--no-map-gw"; /* the gateway's address must not be a way to our loopback */
	argv[n++] = "--runas";
	argv[n++] = "0:0";
	argv[n++] = "--userns";
	argv[n++] = box_path(app, box, "ns.user");
	argv[n++] = "--netns";
	argv[n++] = box_path(app, box, "ns.net");
	argv[n++] = "-P";
	argv[n++] = pid_path;
	argv[n++] = "-q";
	if (doc_flag_at(own, "DnsForward")) {
		argv[n++] = "--dns-forward";
		argv[n++] = DNS_FORWARD;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *port = json_object_array_get_idx(ports, i);

		argv[n++] = doc_text_at(port, "Option", "-t");
		argv[n++] = doc_text_at(port, "Value", "none");
		has_tcp |= argv[n - 2][1] == 't';
		has_udp |= argv[n - 2][1] == 'u';
	}
	for (int i = 0; i < 4; i++) {
		static const char *const none[] = { "-t", "-u", "-T", "-U" };

		if ((i == 0 && has_tcp) || (i == 1 && has_udp))
			continue;
		argv[n++] = none[i];
		argv[n++] = "none";
	}
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork");
	if (pid == 0) {
		int log_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (log_fd >= 0)
			(void)dup2(log_fd, STDERR_FILENO);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)signal(SIGHUP, SIG_DFL);
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		char last[256] = "", line[256];

		file = fopen(log_path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (!strstr(line, "syslog"))
				(void)snprintf(last, sizeof(last), "%.*s", (int)strcspn(line, "\n"), line);
		return err_set(e, EIO, "connect the network: pasta: %s", last[0] ? last : "failed");
	}
	file = fopen(pid_path, "re");
	if (!file || fscanf(file, "%d", ret_pid) != 1)
		return err_set(e, EIO, "connect the network: pasta left no pid");
	return 0;
}

int network_up(struct app *app, struct box *box, struct json_object *config, pid_t *ret_pid,
	       struct err *e)
{
	struct json_object *own = doc_at(box->meta, "Gabion.Network");
	struct json_object *namespaces = doc_at(config, "linux.namespaces");
	int r;

	*ret_pid = 0;
	if (!doc_flag_at(own, "Pasta"))
		return 0;
	r = ns_make(app, box, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < doc_count(namespaces); i++) {
		struct json_object *ns = json_object_array_get_idx(namespaces, i);

		if (strcmp(doc_text_at(ns, "type", ""), "network") == 0)
			doc_text(ns, "path", box_path(app, box, "ns.net"));
	}
	return pasta_run(app, box, own, ret_pid, e);
}

void network_down(struct app *app, struct box *box, pid_t pasta_pid)
{
	if (pasta_pid > 0)
		(void)kill(pasta_pid, SIGTERM);
	(void)umount2(box_path(app, box, "ns.user"), MNT_DETACH);
	(void)umount2(box_path(app, box, "ns.net"), MNT_DETACH);
}
