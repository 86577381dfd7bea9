/*
 * The architectures of a filter: what each is called in profiles, how the kernel tells it apart, and
 * how it hands arguments over. Filters are data, so that each can be made and proved on any host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum seccomp_arch {
	SECCOMP_ARCH_X86_64,
	SECCOMP_ARCH_I386,
	SECCOMP_ARCH_X32,
	SECCOMP_ARCH_AARCH64,
	SECCOMP_ARCH_ARM,
	SECCOMP_ARCH_RISCV64,
	SECCOMP_ARCH_PPC64LE,
	SECCOMP_ARCH_S390X,
	SECCOMP_ARCH_LOONGARCH64,
	SECCOMP_ARCH_COUNT,
};

#define SECCOMP_X32_BIT 0x40000000u

struct seccomp_arch_facts {
	const char *oci_name;    /* as in linux.seccomp.architectures: "SCMP_ARCH_X86_64" */
	const char *docker_name; /* as in includes.arches of Docker's profiles: "amd64" */
	const char *short_name;  /* for people: "x86_64" */
	uint32_t audit;          /* AUDIT_ARCH_*, the word at seccomp_data.arch */
	uint32_t number_base;    /* added to every number: SECCOMP_X32_BIT or 0 */
	bool is_32bit;           /* only the low half of an argument counts */
	bool is_big_endian;      /* the high half of an argument comes first */
};

extern const struct seccomp_arch_facts seccomp_archs[SECCOMP_ARCH_COUNT];

/** seccomp_arch_native() - the architecture that this program was built for. */
enum seccomp_arch seccomp_arch_native(void);

/**
 * seccomp_arch_find() - architecture named @oci_name
 *
 * Return: the architecture; -ENOTSUP for one that OCI names and we have no table of; -EINVAL.
 */
int seccomp_arch_find(const char *oci_name);
