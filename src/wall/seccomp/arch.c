#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <string.h>

#include "wall/seccomp/arch.h"

/* Not in the headers of older build hosts. */
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif

const struct seccomp_arch_facts seccomp_archs[SECCOMP_ARCH_COUNT] = {
	[SECCOMP_ARCH_X86_64] = { .oci_name = "SCMP_ARCH_X86_64",
				  .docker_name = "amd64",
				  .short_name = "x86_64",
				  .audit = AUDIT_ARCH_X86_64 },
	[SECCOMP_ARCH_I386] = { .oci_name = "SCMP_ARCH_X86",
				.docker_name = "x86",
				.short_name = "i386",
				.audit = AUDIT_ARCH_I386,
				.is_32bit = true },
	[SECCOMP_ARCH_X32] = { .oci_name = "SCMP_ARCH_X32",
			       .docker_name = "x32",
			       .short_name = "x32",
			       .audit = AUDIT_ARCH_X86_64,
			       .number_base = SECCOMP_X32_BIT,
			       .is_32bit = true },
	[SECCOMP_ARCH_AARCH64] = { .oci_name = "SCMP_ARCH_AARCH64",
				   .docker_name = "arm64",
				   .short_name = "aarch64",
				   .audit = AUDIT_ARCH_AARCH64 },
	[SECCOMP_ARCH_ARM] = { .oci_name = "SCMP_ARCH_ARM",
			       .docker_name = "arm",
			       .short_name = "arm",
			       .audit = AUDIT_ARCH_ARM,
			       .is_32bit = true },
	[SECCOMP_ARCH_RISCV64] = { .oci_name = "SCMP_ARCH_RISCV64",
				   .docker_name = "riscv64",
				   .short_name = "riscv64",
				   .audit = AUDIT_ARCH_RISCV64 },
	[SECCOMP_ARCH_PPC64LE] = { .oci_name = "SCMP_ARCH_PPC64LE",
				   .docker_name = "ppc64le",
				   .short_name = "ppc64le",
				   .audit = AUDIT_ARCH_PPC64LE },
	[SECCOMP_ARCH_S390X] = { .oci_name = "SCMP_ARCH_S390X",
				 .docker_name = "s390x",
				 .short_name = "s390x",
				 .audit = AUDIT_ARCH_S390X,
				 .is_big_endian = true },
	[SECCOMP_ARCH_LOONGARCH64] = { .oci_name = "SCMP_ARCH_LOONGARCH64",
				       .docker_name = "loongarch64",
				       .short_name = "loongarch64",
				       .audit = AUDIT_ARCH_LOONGARCH64 },
};

/* Named by OCI, no table here: their calls are killed like those of any architecture not listed. */
static const char *const unsupported[] = {
	"MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64",
	"S390", "PARISC", "PARISC64", "M68K", "SH", "SHEB",
};

enum seccomp_arch seccomp_arch_native(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return SECCOMP_ARCH_X32;
#elif defined(__x86_64__)
	return SECCOMP_ARCH_X86_64;
#elif defined(__i386__)
	return SECCOMP_ARCH_I386;
#elif defined(__aarch64__)
	return SECCOMP_ARCH_AARCH64;
#elif defined(__arm__)
	return SECCOMP_ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
	return SECCOMP_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return SECCOMP_ARCH_PPC64LE;
#elif defined(__s390x__)
	return SECCOMP_ARCH_S390X;
#elif defined(__loongarch64)
	return SECCOMP_ARCH_LOONGARCH64;
#else
#error "no system call table for this architecture: see tools/syscall_table.py"
#endif
}

int seccomp_arch_find(const char *oci_name)
{
	static const char prefix[] = "SCMP_ARCH_";

	for (int i = 0; i < SECCOMP_ARCH_COUNT; i++) {
		if (!strcmp(seccomp_archs[i].oci_name, oci_name))
			return i;
	}
	if (strncmp(oci_name, prefix, sizeof(prefix) - 1))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(*unsupported); i++) {
		if (!strcmp(unsupported[i], oci_name + sizeof(prefix) - 1))
			return -ENOTSUP;
	}
	return -EINVAL;
}
