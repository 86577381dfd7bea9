/*
 * The cgroup room without a runtime around it: each verb is one call of cgroup.h, and what one
 * process must tell the next is the record, kept in a file.
 *
 *     cgroup-driver run CONFIG ID STATE PROGRAM [ARGUMENT]...   make, enter, execute; prints a pid
 *     cgroup-driver join STATE SUB|- PROGRAM [ARGUMENT]...      a further process, in our place
 *     cgroup-driver explain CONFIG ID
 *     cgroup-driver update STATE RESOURCES.json
 *     cgroup-driver freeze|thaw|frozen|kill|pids|stats|paths|delete|oom STATE
 *     cgroup-driver signal STATE NUMBER
 *
 * CGROUP_MANAGER=systemd in the environment asks for that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/cgroup/cgroup.h"
#include "spec/spec.h"
#include "wall/record.h"

#define OOM_MS_MAX 20000

static struct arena arena;

static int fail(const struct err *e)
{
	fprintf(stderr, "cgroup-driver: %s\n", e->text);
	return 1;
}

static int record_store(void *context, const struct record *rec, struct err *e)
{
	own_json struct json_object *root = json_object_new_object();
	const char *path = context;

	for (uint32_t i = 0; i < rec->count; i++)
		json_object_object_add(root, rec->pairs[i].key,
				       json_object_new_string(rec->pairs[i].value));
	if (json_object_to_file(path, root) < 0)
		return err_set(e, EIO, "write '%s'", path);
	return 0;
}

static int record_load(const char *path, struct record *rec, struct err *e)
{
	own_json struct json_object *root = NULL;
	int r = json_read_at(AT_FDCWD, path, &root, e);

	if (r < 0)
		return r;
	json_object_object_foreach(root, key, value)
	{
		r = record_set(rec, key, json_object_get_string(value), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_config(const char *config, const char *id, struct spec *spec, struct host *host,
		       struct cgroup_plan **ret_plan, struct err *e)
{
	const char *manager = getenv("CGROUP_MANAGER");
	struct plan_request request = { .id = id };
	struct json_object *document = NULL;
	int r;

	if (manager && !strcmp(manager, "systemd"))
		request.cgroup_manager = CGROUP_MANAGER_SYSTEMD;
	r = json_read_at(AT_FDCWD, config, &document, e);
	if (r == 0)
		r = spec_read(document, &arena, spec, e);
	if (r == 0)
		r = host_probe(&arena, host, e);
	return r < 0 ? r : cgroup_plan_make(spec, host, &request, &arena, ret_plan, e);
}

static pid_t spawn_into(const struct cgroup_entry *entry)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (entry->dir_fd >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)entry->dir_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* The child: it waits at @gate_fd until its parent has moved it, where it was not born inside. */
static void enter_and_execute(const struct cgroup_entry *entry, int gate_fd, char **argv)
{
	struct err e = { 0 };
	char byte;

	if (read(gate_fd, &byte, 1) == 1 &&
	    cgroup_enter_self(entry->tasks_fds, entry->tasks_count, &e) == 0) {
		(void)execvp(argv[0], argv);
		fprintf(stderr, "cgroup-driver: execute '%s': %s\n", argv[0], strerror(errno));
	}
	if (e.code)
		(void)fail(&e);
	_exit(127);
}

/* As the runtime does it: the entry is closed while the child waits with copies of all that is open. */
static pid_t start(struct cgroup_entry *entry, char **argv, struct err *e)
{
	bool must_attach = false;
	int gate[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	pid = spawn_into(entry);
	if (pid < 0 && entry->dir_fd >= 0) {
		fprintf(stderr, "cgroup-driver: not born inside: %s\n", strerror(errno));
		must_attach = true;
		pid = fork();
	}
	if (pid < 0)
		return err_sys(e, "fork");
	if (pid == 0)
		enter_and_execute(entry, gate[0], argv);
	if (must_attach) {
		int r = cgroup_attach_pid(entry, pid, e);

		if (r < 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return r;
		}
	}
	cgroup_entry_close(entry);
	if (write(gate[1], "", 1) != 1)
		return err_sys(e, "write");
	return pid;
}

static int verb_run(int argc, char **argv, struct err *e)
{
	struct record rec = { .arena = &arena, .save = record_store, .save_context = argv[4] };
	struct cgroup_entry entry = CGROUP_ENTRY_NONE;
	struct cgroup_plan *plan;
	struct spec spec;
	struct host host;
	pid_t pid;
	int r;

	(void)argc;
	r = plan_config(argv[2], argv[3], &spec, &host, &plan, e);
	if (r == 0)
		r = cgroup_plan_record(plan, &rec, e);
	if (r == 0)
		r = record_save(&rec, e);
	if (r == 0)
		r = cgroup_make(plan, &rec, &entry, e);
	if (r < 0)
		return r;
	pid = start(&entry, argv + 5, e);
	cgroup_entry_close(&entry);
	if (pid < 0)
		(void)cgroup_delete(&rec, NULL);
	else
		printf("%d\n", (int)pid);
	spec_release(&spec);
	return pid < 0 ? pid : record_save(&rec, e);
}

static int verb_join(const struct record *rec, char **argv, struct err *e)
{
	struct cgroup_entry entry = CGROUP_ENTRY_NONE;
	const char *below = strcmp(argv[3], "-") ? argv[3] : NULL;
	int r, status;
	pid_t pid;

	r = cgroup_join(rec, below, (pid_t)atoi(getenv("INIT_PID") ?: "0"), &entry, e);
	if (r < 0)
		return r;
	pid = start(&entry, argv + 4, e);
	cgroup_entry_close(&entry);
	if (pid < 0)
		return pid;
	if (waitpid(pid, &status, 0) < 0)
		return err_sys(e, "waitpid");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int verb_explain(char **argv, struct err *e)
{
	own_text struct text out = { 0 };
	struct cgroup_plan *plan;
	struct spec spec;
	struct host host;
	int r = plan_config(argv[2], argv[3], &spec, &host, &plan, e);

	if (r < 0)
		return r;
	cgroup_plan_explain(plan, &out);
	fputs(text_str(&out), stdout);
	for (uint32_t i = 0; i < cgroup_plan_notes(plan)->count; i++)
		printf("note: %s\n", cgroup_plan_notes(plan)->items[i]);
	spec_release(&spec);
	return 0;
}

static int verb_update(const struct record *rec, const char *path, struct err *e)
{
	own_json struct json_object *document = NULL;
	struct spec_resources resources;
	int r = json_read_at(AT_FDCWD, path, &document, e);

	if (r == 0)
		r = spec_resources_read(document, &arena, &resources, e);
	return r < 0 ? r : cgroup_update(rec, &resources, e);
}

static int verb_oom(const struct record *rec, struct err *e)
{
	struct cgroup_oom oom;
	int r = cgroup_oom_open(rec, &oom, e);

	if (r < 0)
		return r;
	puts("watching");
	fflush(stdout);
	while (r == 0) {
		struct pollfd wait = { .fd = oom.fd, .events = POLLIN };

		r = poll(&wait, 1, OOM_MS_MAX);
		r = r <= 0 ? err_set(e, ETIMEDOUT, "nothing happened") : cgroup_oom_read(&oom, e);
	}
	puts(r > 0 ? "oom" : "gone");
	cgroup_oom_close(&oom);
	return r == -ENOENT ? 0 : r;
}

static int verb_pids(const struct record *rec, struct err *e)
{
	own_mem pid_t *pids = NULL;
	uint32_t count;
	int r = cgroup_pids(rec, &pids, &count, e);

	for (uint32_t i = 0; r == 0 && i < count; i++)
		printf("%d\n", (int)pids[i]);
	return r;
}

static int verb_print(int (*get)(const struct record *, struct text *, struct err *),
		      const struct record *rec, struct err *e)
{
	own_text struct text out = { 0 };
	int r = get(rec, &out, e);

	if (r == 0)
		puts(text_str(&out));
	return r;
}

static int verb(int argc, char **argv, struct err *e)
{
	struct record rec = { .arena = &arena };
	const char *name = argv[1];
	int r;

	if (!strcmp(name, "run") && argc > 5)
		return verb_run(argc, argv, e);
	if (!strcmp(name, "explain") && argc == 4)
		return verb_explain(argv, e);
	r = record_load(argv[2], &rec, e);
	if (r < 0)
		return r;
	if (!strcmp(name, "join") && argc > 4)
		return verb_join(&rec, argv, e);
	if (!strcmp(name, "update") && argc == 4)
		return verb_update(&rec, argv[3], e);
	if (!strcmp(name, "signal") && argc == 4)
		return cgroup_signal(&rec, atoi(argv[3]), e);
	if (!strcmp(name, "freeze"))
		return cgroup_freeze(&rec, e);
	if (!strcmp(name, "thaw"))
		return cgroup_thaw(&rec, e);
	if (!strcmp(name, "kill"))
		return cgroup_kill(&rec, e);
	if (!strcmp(name, "delete"))
		return cgroup_delete(&rec, e);
	if (!strcmp(name, "pids"))
		return verb_pids(&rec, e);
	if (!strcmp(name, "oom"))
		return verb_oom(&rec, e);
	if (!strcmp(name, "stats"))
		return verb_print(cgroup_stats, &rec, e);
	if (!strcmp(name, "paths"))
		return verb_print(cgroup_paths, &rec, e);
	if (!strcmp(name, "frozen")) {
		r = cgroup_is_frozen(&rec, e);
		if (r >= 0)
			puts(r ? "yes" : "no");
		return r;
	}
	return err_set(e, EINVAL, "'%s': no such verb, or not its arguments", name);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int r;

	if (argc < 3)
		r = err_set(&e, EINVAL, "see the head of tests/cgroup/driver.c");
	else if ((r = arena_init(&arena, &e)) == 0)
		r = verb(argc, argv, &e);
	arena_release(&arena);
	return r < 0 ? fail(&e) : 0;
}
