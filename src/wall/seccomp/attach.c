#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "wall/seccomp/attach.h"

/* The kernel looks at the flags first, then at the missing program: EFAULT means they are known. */
static bool knows(unsigned flags)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

bool attach_probe(unsigned flags, unsigned *ret_flags)
{
	*ret_flags = flags;
	if (knows(flags))
		return true;
	*ret_flags = 0;
	if (!knows(0))
		return false;
	for (unsigned flag = 1; flag && flag <= flags; flag <<= 1) {
		/* WAIT_KILLABLE_RECV is valid only together with NEW_LISTENER, which is older. */
		unsigned together = flag | (*ret_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);

		if (flags & flag && (knows(flag) || knows(together)))
			*ret_flags |= flag;
	}
	return true;
}

int attach_filter(struct seccomp_filter filter, unsigned flags, struct err *e)
{
	union {
		const struct sock_filter *from;
		struct sock_filter *to;
	} insns = { .from = filter.insns }; /* the kernel only reads them */
	struct sock_fprog program = { .len = (unsigned short)filter.count, .filter = insns.to };
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	if (r < 0)
		return err_sys(e, "attach the filter of %u instructions", filter.count);
	return (int)r;
}
