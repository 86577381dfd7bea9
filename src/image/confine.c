#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "image/confine.h"

/* Rights of later kernels than the headers we are built with. */
#define RIGHT_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define RIGHTS_ABI_2   ((UINT64_C(1) << 14) - 1)

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH_NATIVE AUDIT_ARCH_ARM
#elif defined(__riscv)
#define ARCH_NATIVE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define ARCH_NATIVE AUDIT_ARCH_S390X
#elif defined(__powerpc64__)
#define ARCH_NATIVE AUDIT_ARCH_PPC64LE
#elif defined(__i386__)
#define ARCH_NATIVE AUDIT_ARCH_I386
#endif

/* What no unpacker needs and an intruder would. Answered with EPERM. */
static const uint16_t forbidden[] = {
	SYS_execve,	  SYS_execveat,	       SYS_ptrace,	 SYS_process_vm_readv,
	SYS_kill,	  SYS_tkill,	       SYS_pidfd_open,	 SYS_process_vm_writev,
	SYS_socket,	  SYS_socketpair,      SYS_connect,	 SYS_bind,
	SYS_mount,	  SYS_umount2,	       SYS_pivot_root,	 SYS_chroot,
	SYS_open_tree,	  SYS_move_mount,      SYS_fsopen,	 SYS_fsmount,
	SYS_unshare,	  SYS_setns,	       SYS_clone3,	 SYS_open_by_handle_at,
	SYS_bpf,	  SYS_perf_event_open, SYS_userfaultfd,	 SYS_io_uring_setup,
	SYS_keyctl,	  SYS_add_key,	       SYS_request_key,	 SYS_init_module,
	SYS_finit_module, SYS_kexec_load,      SYS_delete_module, SYS_reboot,
	SYS_setuid,	  SYS_setgid,	       SYS_setresuid,	 SYS_setresgid,
	SYS_swapon,	  SYS_acct,	       SYS_settimeofday, SYS_clock_settime,
};
#define FORBIDDEN_COUNT (sizeof(forbidden) / sizeof(*forbidden))

static int seccomp_load(struct err *e)
{
	struct sock_filter code[FORBIDDEN_COUNT + 8], *next = code;
	struct sock_fprog program = { .filter = code };

	*next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, arch));
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH_NATIVE, 1, 0);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	*next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
	/* x32 numbers, by which the same calls could be made */
	*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000,
					       (uint8_t)FORBIDDEN_COUNT + 1, 0);
#endif
	for (size_t i = 0; i < FORBIDDEN_COUNT; i++)
		*next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i],
						       (uint8_t)(FORBIDDEN_COUNT - i), 0);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)(next - code);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return err_sys(e, "confine: system call filter");
	return 0;
}

static int landlock_allow(int ruleset_fd, int dir_fd, uint64_t rights, struct err *e)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights,
						   .parent_fd = dir_fd };

	if (dir_fd < 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(e, "confine: landlock rule");
	return 0;
}

static int landlock_raise(int store_fd, int layout_fd, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr rules = { .handled_access_fs = RIGHTS_ABI_2 };
	own_fd int ruleset_fd = -EBADF;
	uint64_t read_only = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	int r;

	/* ABI 1 cannot allow a hard link between two directories, which layers are full of. */
	if (abi < 2) {
		log_warning("this kernel has no Landlock (ABI 2): images are unpacked without it");
		return 0;
	}
	if (abi >= 3)
		rules.handled_access_fs |= RIGHT_TRUNCATE;
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset_fd < 0)
		return err_sys(e, "confine: landlock ruleset");
	r = landlock_allow(ruleset_fd, store_fd,
			   rules.handled_access_fs & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE, e);
	if (r == 0)
		r = landlock_allow(ruleset_fd, layout_fd, read_only, e);
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		r = err_sys(e, "confine: landlock");
	return r;
}

int confine(int store_fd, int layout_fd, struct err *e)
{
	const struct rlimit no_core = { 0 };
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "confine: no_new_privs");
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	r = landlock_raise(store_fd, layout_fd, e);
	return r < 0 ? r : seccomp_load(e);
}
