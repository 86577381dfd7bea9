/*
 * The device filter of cgroup v2: loading the program and putting it in place of the one before, so
 * that there is a filter at every moment (E42).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "sandbox/cgroup/known.h"

#define PROGRAM_NAME "gabion_devices"
#define PROGRAM_COUNT_MAX 64
#define LOG_BYTES 4096

static long bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static uint64_t to_u64(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static int program_load(const struct cgroup_program *program, struct err *e)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = to_u64(program->items),
		.insn_cnt = program->count,
		.license = to_u64("Dual BSD/GPL"),
		.prog_name = PROGRAM_NAME,
	};
	int fd = (int)bpf(BPF_PROG_LOAD, &attr);

	/* Names came with Linux 4.15. */
	if (fd < 0 && (errno == E2BIG || errno == EINVAL)) {
		memset(attr.prog_name, 0, sizeof(attr.prog_name));
		fd = (int)bpf(BPF_PROG_LOAD, &attr);
	}
	return fd < 0 ? err_sys(e, "load device filter") : fd;
}

/* Is this one ours? systemd and others may have attached theirs, which stay. */
static bool is_ours(int fd)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = {
		.info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = to_u64(&info) },
	};

	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && !strcmp(info.name, PROGRAM_NAME);
}

/* Return: descriptor of our program that is attached, -ENOENT for none. */
static int find_attached(int dir_fd)
{
	uint32_t ids[PROGRAM_COUNT_MAX] = { 0 };
	union bpf_attr query = {
		.query = { .target_fd = (uint32_t)dir_fd,
			   .attach_type = BPF_CGROUP_DEVICE,
			   .prog_ids = to_u64(ids),
			   .prog_cnt = PROGRAM_COUNT_MAX },
	};

	if (bpf(BPF_PROG_QUERY, &query) < 0)
		return -errno;
	for (uint32_t i = 0; i < query.query.prog_cnt && i < PROGRAM_COUNT_MAX; i++) {
		union bpf_attr get = { .prog_id = ids[i] };
		own_fd int fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &get);

		if (fd >= 0 && is_ours(fd))
			return take_fd(&fd);
	}
	return -ENOENT;
}

static long attach(int dir_fd, int program_fd, int replaced_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)dir_fd,
		.attach_bpf_fd = (uint32_t)program_fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	if (replaced_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replaced_fd;
	}
	return bpf(BPF_PROG_ATTACH, &attr);
}

static long detach(int dir_fd, int program_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)dir_fd,
		.attach_bpf_fd = (uint32_t)program_fd,
		.attach_type = BPF_CGROUP_DEVICE,
	};

	return bpf(BPF_PROG_DETACH, &attr);
}

int cgroup_filter_attach(int dir_fd, const struct cgroup_program *program, struct err *e)
{
	own_fd int program_fd = program_load(program, e);
	own_fd int old_fd = -EBADF;

	if (program_fd < 0)
		return program_fd;
	old_fd = find_attached(dir_fd);
	if (attach(dir_fd, program_fd, old_fd) == 0)
		return 0;
	/*
	 * Before Linux 5.6 nothing is replaced in one step. With both attached a device must pass
	 * both: for a moment less is allowed, never more.
	 */
	if (old_fd < 0 || errno != EINVAL || attach(dir_fd, program_fd, -EBADF) < 0)
		return err_sys(e, "attach device filter");
	if (detach(dir_fd, old_fd) < 0)
		return err_sys(e, "detach old device filter");
	return 0;
}
