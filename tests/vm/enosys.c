/*
 * enosys - run a program on a kernel that lacks some system calls
 *
 *	enosys WORD... -- COMMAND [ARGUMENT]...
 *
 * A word is the name of a call, which then gives ENOSYS; NAME=ERRNO, for another error;
 * clone3-cgroup, which refuses clone3() with room for a cgroup as kernels before 5.7 do (if there is
 * one: the filter cannot look, so the C library's own use of the call fails as well); or a release
 * such as 5.4, for every call of the table below that is newer than it, and clone3() before 5.7.
 *
 * The calls are those for which a container runtime has a fallback. A filter of plain seccomp does
 * the work, so it stays in force for everything the program starts, and it can be stacked.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "the audit architecture of this machine is missing here"
#endif

/* clone3() before 5.7 knew 80 bytes of arguments, and E2BIG is its answer to more. */
#define CLONE_ARGS_BYTES_BEFORE_CGROUP 80

/* Numbers from 424 on are the same on all architectures; headers of Debian 12 lack the last ones. */
static const struct call {
	const char *name;
	unsigned int number;
	unsigned int major, minor; /* the release that it came with */
} calls[] = {
	{ "seccomp", SYS_seccomp, 3, 17 },
	{ "memfd_create", SYS_memfd_create, 3, 17 },
	{ "bpf", SYS_bpf, 3, 18 },
	{ "execveat", SYS_execveat, 3, 19 },
	{ "copy_file_range", SYS_copy_file_range, 4, 5 },
	{ "statx", SYS_statx, 4, 11 },
	{ "pidfd_send_signal", 424, 5, 1 },
	{ "io_uring_setup", 425, 5, 1 },
	{ "open_tree", 428, 5, 2 },
	{ "move_mount", 429, 5, 2 },
	{ "fsopen", 430, 5, 2 },
	{ "fsconfig", 431, 5, 2 },
	{ "fsmount", 432, 5, 2 },
	{ "fspick", 433, 5, 2 },
	{ "pidfd_open", 434, 5, 3 },
	{ "clone3", 435, 5, 3 },
	{ "openat2", 437, 5, 6 },
	{ "pidfd_getfd", 438, 5, 6 },
	{ "faccessat2", 439, 5, 8 },
	{ "close_range", 436, 5, 9 },
	{ "process_madvise", 440, 5, 10 },
	{ "epoll_pwait2", 441, 5, 11 },
	{ "mount_setattr", 442, 5, 12 },
	{ "landlock_create_ruleset", 444, 5, 13 },
	{ "landlock_add_rule", 445, 5, 13 },
	{ "landlock_restrict_self", 446, 5, 13 },
	{ "memfd_secret", 447, 5, 14 },
	{ "process_mrelease", 448, 5, 15 },
	{ "futex_waitv", 449, 5, 16 },
	{ "set_mempolicy_home_node", 450, 5, 17 },
	{ "cachestat", 451, 6, 5 },
	{ "fchmodat2", 452, 6, 6 },
	{ "statmount", 457, 6, 8 },
	{ "listmount", 458, 6, 8 },
	{ "lsm_get_self_attr", 459, 6, 8 },
	{ "lsm_set_self_attr", 460, 6, 8 },
	{ "lsm_list_modules", 461, 6, 8 },
	{ "setxattrat", 463, 6, 13 },
	{ "getxattrat", 464, 6, 13 },
	{ "open_tree_attr", 467, 6, 15 },
};

#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "EPERM", EPERM },   { "EACCES", EACCES }, { "EINVAL", EINVAL },
	{ "ENOSYS", ENOSYS }, { "E2BIG", E2BIG },   { "EOPNOTSUPP", EOPNOTSUPP },
};

/* The filter under construction: a rule for each call and word at most, and a frame. */
static struct sock_filter code[4096];
static size_t code_count;

static _Noreturn void die(const char *what, const char *subject)
{
	fprintf(stderr, "enosys: %s '%s'\n", what, subject);
	exit(125);
}

static void emit(struct sock_filter instruction)
{
	if (code_count == sizeof(code) / sizeof(code[0]))
		die("too many words, from", "the last one");
	code[code_count++] = instruction;
}

static void load(size_t offset)
{
	emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void refuse(int error)
{
	emit((struct sock_filter)BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA)));
}

/* The call's number is in the accumulator before and after each rule. */
static void rule_call(unsigned int number, int error)
{
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
	refuse(error);
}

static void rule_clone3_cgroup(void)
{
	/* Little-endian: the low half of the second argument, the size of the structure. */
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 435, 0, 4));
	load(offsetof(struct seccomp_data, args[1]));
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, CLONE_ARGS_BYTES_BEFORE_CGROUP,
					  0, 1));
	refuse(E2BIG);
	load(offsetof(struct seccomp_data, nr));
}

static void rule_release(unsigned int major, unsigned int minor)
{
	for (size_t i = 0; i < CALL_COUNT; i++)
		if (calls[i].major > major || (calls[i].major == major && calls[i].minor > minor))
			rule_call(calls[i].number, ENOSYS);
	if (major == 5 && minor >= 3 && minor < 7)
		rule_call(SYS_clone3, ENOSYS);
}

static int error_find(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	die("unknown error", name);
}

static void rule_word(const char *word)
{
	unsigned int major, minor;
	size_t length = strcspn(word, "=");
	int error = word[length] ? error_find(word + length + 1) : ENOSYS;
	int used = 0;

	if (sscanf(word, "%u.%u%n", &major, &minor, &used) == 2 && !word[used]) {
		rule_release(major, minor);
		return;
	}
	if (!strcmp(word, "clone3-cgroup")) {
		rule_clone3_cgroup();
		return;
	}
	for (size_t i = 0; i < CALL_COUNT; i++) {
		if (strlen(calls[i].name) == length && !strncmp(calls[i].name, word, length)) {
			rule_call(calls[i].number, error);
			return;
		}
	}
	die("unknown call", word);
}

/* A call of another architecture (32 bits on x86-64) is left alone. */
static void frame_open(void)
{
	load(offsetof(struct seccomp_data, arch));
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	load(offsetof(struct seccomp_data, nr));
}

static void frame_close(void)
{
	struct sock_fprog program = { .filter = code };

	emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = (unsigned short)code_count;
	/* Root needs no no_new_privs, and the program is to see what it would see without us. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("cannot load the filter", strerror(errno));
}

int main(int argc, char **argv)
{
	int i;

	frame_open();
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		rule_word(argv[i]);
	if (i + 1 >= argc) {
		fprintf(stderr,
			"usage: enosys {CALL[=ERRNO] | clone3-cgroup | RELEASE}... -- COMMAND\n");
		return 125;
	}
	frame_close();
	execvp(argv[i + 1], argv + i + 1);
	die(strerror(errno), argv[i + 1]);
}
