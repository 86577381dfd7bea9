#include <string.h>

#include "syscalls_data.h"
#include "wall/seccomp/syscalls.h"

/* Numbers at and above this are ARM's private calls; the table holds them as -2, -3, ... */
#define ARM_PRIVATE_BASE 0x0f0000

#define COLUMN(name)                                                                               \
	{                                                                                          \
		numbers_##name, order_##name, sizeof(order_##name) / sizeof(*order_##name)         \
	}

static const struct {
	const int16_t *numbers; /* by index */
	const uint16_t *order;  /* indexes by rising number */
	unsigned count;
} columns[SECCOMP_ARCH_COUNT] = {
	[SECCOMP_ARCH_X86_64] = COLUMN(x86_64),
	[SECCOMP_ARCH_I386] = COLUMN(i386),
	[SECCOMP_ARCH_X32] = COLUMN(x32),
	[SECCOMP_ARCH_AARCH64] = COLUMN(aarch64),
	[SECCOMP_ARCH_ARM] = COLUMN(arm),
	[SECCOMP_ARCH_RISCV64] = COLUMN(riscv64),
	[SECCOMP_ARCH_PPC64LE] = COLUMN(ppc64le),
	[SECCOMP_ARCH_S390X] = COLUMN(s390x),
	[SECCOMP_ARCH_LOONGARCH64] = COLUMN(loongarch64),
};

/* FNV-1a; tools/syscall_c.py chose the displacements so that no two names meet. */
static unsigned slot_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return ((hash >> 8) +
		syscall_displacements[hash % SYSCALL_BUCKET_COUNT] * (hash >> 20 | 1)) %
	       SYSCALL_SLOT_COUNT;
}

int syscall_find(const char *name)
{
	int index = syscall_slots[slot_of(name)] - 1;

	if (index < 0 || strcmp(syscall_name((unsigned)index), name))
		return -1;
	return index;
}

const char *syscall_name(unsigned index)
{
	return syscall_names + syscall_name_offsets[index];
}

unsigned syscall_count(void)
{
	return SYSCALL_COUNT;
}

int syscall_number(unsigned index, enum seccomp_arch arch)
{
	int code = columns[arch].numbers[index];

	return code >= -1 ? code : ARM_PRIVATE_BASE - 1 - code;
}

uint16_t syscall_kernel(unsigned index)
{
	return syscall_releases[index];
}

const char *syscall_table_release(void)
{
	return SYSCALL_RELEASE;
}

bool syscall_arg_is_narrow(unsigned index, enum seccomp_arch arch, unsigned arg)
{
	/* CONFIG_CLONE_BACKWARDS2: here clone takes the stack first, the flags second. */
	if (arch == SECCOMP_ARCH_S390X && arg < 2 && !strcmp(syscall_name(index), "clone"))
		arg ^= 1;
	return syscall_narrow[index] >> arg & 1;
}

unsigned syscall_order(enum seccomp_arch arch, const uint16_t **ret_order)
{
	*ret_order = columns[arch].order;
	return columns[arch].count;
}

int syscall_at(enum seccomp_arch arch, uint32_t number)
{
	unsigned low = 0, high = columns[arch].count;

	while (low < high) {
		unsigned middle = (low + high) / 2, index = columns[arch].order[middle];
		uint32_t here = (uint32_t)syscall_number(index, arch);

		if (here == number)
			return (int)index;
		if (here < number)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}
