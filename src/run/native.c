#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "run/native.h"
#include "spec/spec.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Can @path be executed? Return: 0, or a negative errno. */
static int native_check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static const char *native_path(const struct spec_process *process)
{
	for (uint32_t i = 0; i < process->env.count; i++)
		if (!strncmp(process->env.items[i], "PATH=", 5))
			return process->env.items[i] + 5;
	return PATH_DEFAULT;
}

/*
 * The words are those of Go's os/exec, which Docker and Podman look for. Docker before 23 takes only
 * "permission denied" for a program that cannot be run.
 */
static const char *native_words(int code)
{
	switch (code) {
	case ENOENT:
		return "no such file or directory";
	case EACCES:
		return "permission denied";
	case EISDIR:
		return "permission denied (it is a directory)";
	case ENOTDIR:
		return "not a directory";
	default:
		return strerror(code);
	}
}

static int native_find_named(const char *name, struct native *ret_native, struct err *e)
{
	int r = native_check(name);

	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(e, -r, "exec: \"%s\": stat %s: %s", name, name, native_words(-r));
	if (r < 0)
		return err_set(e, -r, "exec: \"%s\": %s", name, native_words(-r));
	if ((size_t)snprintf(ret_native->path, sizeof(ret_native->path), "%s", name) >=
	    sizeof(ret_native->path))
		return err_set(e, ENAMETOOLONG, "exec: \"%.64s...\": file name too long", name);
	return 0;
}

int native_find(const struct spec_process *process, struct native *ret_native, struct err *e)
{
	const char *name = process->args.items[0];
	int fault = ENOENT;

	if (!*name)
		return err_set(e, ENOENT, "exec: \"\": executable file not found in $PATH");
	if (strchr(name, '/'))
		return native_find_named(name, ret_native, e);

	for (const char *at = native_path(process); at; at = strchr(at, ':')) {
		size_t length;
		int r;

		at += *at == ':';
		length = strcspn(at, ":");
		r = snprintf(ret_native->path, sizeof(ret_native->path), "%.*s/%s",
			     length ? (int)length : 1, length ? at : ".", name);
		if (r < 0 || (size_t)r >= sizeof(ret_native->path))
			continue;
		r = native_check(ret_native->path);
		if (r == 0)
			return 0;
		if (r == -EACCES)
			fault = EACCES;
	}
	if (fault == EACCES)
		return err_set(e, EACCES, "exec: \"%s\": permission denied", name);
	return err_set(e, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

int native_exec(const struct native *native, const struct spec_process *process, struct err *e)
{
	const char *const *args = process->args.items, *const *env = process->env.items;
	static const char *const no_env[] = { NULL };

	/* execve() takes pointers to non-const for history's sake; it writes nothing. */
	(void)execve(native->path, (char *const *)(uintptr_t)args,
		     (char *const *)(uintptr_t)(env ? env : no_env));
	return err_set(e, errno, "exec %s: %s", native->path, native_words(errno));
}
