#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "base/text.h"
#include "wall/seccomp/profile.h"
#include "wall/seccomp/words.h"

/* Linux 5.19, not in the headers of older build hosts. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Where two names mean one verdict, the one to write comes first. */
static const struct seccomp_action actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false },
};

static const char *const ops[SECCOMP_OP_COUNT] = {
	[SECCOMP_OP_NE] = "SCMP_CMP_NE", [SECCOMP_OP_LT] = "SCMP_CMP_LT",
	[SECCOMP_OP_LE] = "SCMP_CMP_LE", [SECCOMP_OP_EQ] = "SCMP_CMP_EQ",
	[SECCOMP_OP_GE] = "SCMP_CMP_GE", [SECCOMP_OP_GT] = "SCMP_CMP_GT",
	[SECCOMP_OP_MASKED] = "SCMP_CMP_MASKED_EQ",
};

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

#define E(name) { #name, name }
static const struct {
	const char *name;
	int number;
} errors[] = {
	E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(ENOEXEC), E(EBADF),
	E(ECHILD), E(EAGAIN), E(ENOMEM), E(EACCES), E(EFAULT), E(ENOTBLK), E(EBUSY), E(EEXIST),
	E(EXDEV), E(ENODEV), E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY),
	E(ETXTBSY), E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK), E(EPIPE), E(EDOM),
	E(ERANGE), E(EDEADLK), E(ENAMETOOLONG), E(ENOLCK), E(ENOSYS), E(ENOTEMPTY), E(ELOOP),
	E(EWOULDBLOCK), E(ENOMSG), E(EIDRM), E(ECHRNG), E(EL2NSYNC), E(EL3HLT), E(EL3RST),
	E(ELNRNG), E(EUNATCH), E(ENOCSI), E(EL2HLT), E(EBADE), E(EBADR), E(EXFULL), E(ENOANO),
	E(EBADRQC), E(EBADSLT), E(EDEADLOCK), E(EBFONT), E(ENOSTR), E(ENODATA), E(ETIME), E(ENOSR),
	E(ENONET), E(ENOPKG), E(EREMOTE), E(ENOLINK), E(EADV), E(ESRMNT), E(ECOMM), E(EPROTO),
	E(EMULTIHOP), E(EDOTDOT), E(EBADMSG), E(EOVERFLOW), E(ENOTUNIQ), E(EBADFD), E(EREMCHG),
	E(ELIBACC), E(ELIBBAD), E(ELIBSCN), E(ELIBMAX), E(ELIBEXEC), E(EILSEQ), E(ERESTART),
	E(ESTRPIPE), E(EUSERS), E(ENOTSOCK), E(EDESTADDRREQ), E(EMSGSIZE), E(EPROTOTYPE),
	E(ENOPROTOOPT), E(EPROTONOSUPPORT), E(ESOCKTNOSUPPORT), E(EOPNOTSUPP), E(ENOTSUP),
	E(EPFNOSUPPORT), E(EAFNOSUPPORT), E(EADDRINUSE), E(EADDRNOTAVAIL), E(ENETDOWN),
	E(ENETUNREACH), E(ENETRESET), E(ECONNABORTED), E(ECONNRESET), E(ENOBUFS), E(EISCONN),
	E(ENOTCONN), E(ESHUTDOWN), E(ETOOMANYREFS), E(ETIMEDOUT), E(ECONNREFUSED), E(EHOSTDOWN),
	E(EHOSTUNREACH), E(EALREADY), E(EINPROGRESS), E(ESTALE), E(EUCLEAN), E(ENOTNAM),
	E(ENAVAIL), E(EISNAM), E(EREMOTEIO), E(EDQUOT), E(ENOMEDIUM), E(EMEDIUMTYPE),
	E(ECANCELED), E(ENOKEY), E(EKEYEXPIRED), E(EKEYREVOKED), E(EKEYREJECTED), E(EOWNERDEAD),
	E(ENOTRECOVERABLE), E(ERFKILL), E(EHWPOISON),
};
#undef E

const struct seccomp_action *seccomp_action_find(const char *name)
{
	for (size_t i = 0; i < COUNT(actions); i++) {
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	}
	return NULL;
}

const struct seccomp_action *seccomp_action_of(uint32_t verdict)
{
	for (size_t i = 0; i < COUNT(actions); i++) {
		if (actions[i].verdict == (verdict & SECCOMP_RET_ACTION_FULL))
			return &actions[i];
	}
	return NULL;
}

const struct seccomp_action *seccomp_action_at(size_t i)
{
	return i < COUNT(actions) ? &actions[i] : NULL;
}

int seccomp_op_find(const char *name)
{
	for (int i = 0; i < SECCOMP_OP_COUNT; i++) {
		if (!strcmp(ops[i], name))
			return i;
	}
	return -1;
}

const char *seccomp_op_name(unsigned op)
{
	return op < SECCOMP_OP_COUNT ? ops[op] : NULL;
}

unsigned seccomp_flag_find(const char *name)
{
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (!strcmp(flags[i].name, name))
			return flags[i].flag;
	}
	return 0;
}

const char *seccomp_flag_at(size_t i, unsigned *ret_flag)
{
	if (i >= COUNT(flags))
		return NULL;
	*ret_flag = flags[i].flag;
	return flags[i].name;
}

int seccomp_errno_find(const char *name)
{
	for (size_t i = 0; i < COUNT(errors); i++) {
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	}
	return -1;
}

const char *seccomp_errno_name(int number)
{
	for (size_t i = 0; i < COUNT(errors); i++) {
		if (errors[i].number == number)
			return errors[i].name;
	}
	return NULL;
}

static void say_errno(uint32_t data, struct text *out)
{
	const char *name = seccomp_errno_name((int)data);

	if (name)
		text_append(out, name);
	else
		text_printf(out, "errno %u", data);
}

void seccomp_verdict_say(uint32_t verdict, struct text *out)
{
	uint32_t data = verdict & SECCOMP_RET_DATA;

	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		text_append(out, "allowed");
		break;
	case SECCOMP_RET_ERRNO:
		say_errno(data, out);
		break;
	case SECCOMP_RET_KILL_THREAD:
		text_append(out, "thread killed");
		break;
	case SECCOMP_RET_KILL_PROCESS:
		text_append(out, "process killed");
		break;
	case SECCOMP_RET_TRAP:
		text_append(out, "SIGSYS");
		break;
	case SECCOMP_RET_TRACE:
		text_printf(out, "to the tracer (%u)", data);
		break;
	case SECCOMP_RET_LOG:
		text_append(out, "allowed and logged");
		break;
	case SECCOMP_RET_USER_NOTIF:
		text_append(out, "to the listener");
		break;
	default:
		text_printf(out, "verdict %#x", verdict);
		break;
	}
}
