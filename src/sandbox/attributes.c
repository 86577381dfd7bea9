#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/attributes.h"
#include "sys/guard.h"
#include "sys/proc.h"
#include "wall/wall.h"

#define CPU_COUNT_MAX 8192
#define NODE_COUNT_MAX 1024
#define WORD_BITS (8 * sizeof(unsigned long))

/* struct sched_attr of <linux/sched/types.h>, which cannot be included beside <sched.h> */
struct scheduler {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns;
	uint64_t deadline_ns;
	uint64_t period_ns;
};
static_assert(sizeof(struct scheduler) == 48, "SCHED_ATTR_SIZE_VER0");

/* Lists as the kernel writes them, "0-3,7", into a bit mask of @bit_count bits. */
static int list_parse(const char *text, unsigned long *mask, unsigned bit_count, struct err *e)
{
	const char *at = text;

	while (*at) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (end == at)
			break;
		at = end;
		if (*at == '-') {
			last = strtoul(at + 1, &end, 10);
			if (end == at + 1)
				break;
			at = end;
		}
		if (last < first || last >= bit_count)
			return err_set(e, EINVAL, "'%s': numbers must rise and be below %u", text,
				       bit_count);
		for (unsigned long bit = first; bit <= last; bit++)
			mask[bit / WORD_BITS] |= 1ul << (bit % WORD_BITS);
		while (*at == ',' || *at == '\n' || *at == ' ')
			at++;
	}
	return *at ? err_set(e, EINVAL, "'%s' is not a list such as 0-3,7", text) : 0;
}

static int attributes_set_rlimits(const struct spec_process *process, struct err *e)
{
	for (uint32_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *limit = &process->rlimits[i];
		struct rlimit value = { .rlim_cur = limit->soft, .rlim_max = limit->hard };

		if (setrlimit((__rlimit_resource_t)limit->resource, &value) < 0)
			return err_sys(e, "set %s to %llu:%llu", limit->name,
				       (unsigned long long)limit->soft,
				       (unsigned long long)limit->hard);
	}
	return 0;
}

static int attributes_set_scheduler(const struct spec_scheduler *wanted, struct err *e)
{
	struct scheduler attr = { .size = sizeof(attr) };

	if (!wanted)
		return 0;
	attr.policy = (uint32_t)wanted->policy;
	attr.flags = wanted->flags;
	attr.nice = wanted->nice;
	attr.priority = (uint32_t)wanted->priority;
	attr.runtime_ns = wanted->runtime_ns;
	attr.deadline_ns = wanted->deadline_ns;
	attr.period_ns = wanted->period_ns;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		return err_sys(e, "set the scheduler (process.scheduler)");
	return 0;
}

static int attributes_set_io_priority(const struct spec_process *process, struct err *e)
{
	if (!process->has_io_priority)
		return 0;
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		    IOPRIO_PRIO_VALUE(process->io_priority_class, process->io_priority)) < 0)
		return err_sys(e, "set the I/O priority (process.ioPriority)");
	return 0;
}

static int attributes_set_affinity(const char *cpus, struct err *e)
{
	unsigned long mask[CPU_COUNT_MAX / WORD_BITS] = { 0 };
	int r;

	if (!cpus)
		return 0;
	r = list_parse(cpus, mask, CPU_COUNT_MAX, e);
	if (r < 0)
		return err_wrap(e, r, "process.execCPUAffinity");
	if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
		return err_sys(e, "bind to CPUs '%s' (process.execCPUAffinity)", cpus);
	return 0;
}

static int attributes_set_memory_policy(const struct spec_memory_policy *policy, struct err *e)
{
	unsigned long nodes[NODE_COUNT_MAX / WORD_BITS] = { 0 };
	bool has_nodes = policy && policy->nodes && *policy->nodes;
	int r;

	if (!policy)
		return 0;
	if (has_nodes) {
		r = list_parse(policy->nodes, nodes, NODE_COUNT_MAX, e);
		if (r < 0)
			return err_wrap(e, r, "linux.memoryPolicy.nodes");
	}
	if (syscall(SYS_set_mempolicy, policy->mode | (int)policy->flags, has_nodes ? nodes : NULL,
		    has_nodes ? NODE_COUNT_MAX : 0) < 0)
		return err_sys(e, "set the memory policy (linux.memoryPolicy)");
	return 0;
}

int attributes_set(const struct plan *plan, const struct child *self, struct err *e)
{
	const struct spec *spec = plan->spec;
	const struct spec_process *process = &spec->process;
	int r;

	r = attributes_set_rlimits(process, e);
	if (r == 0 && !plan->host->is_rootless)
		r = attributes_set_oom(plan, self, e);
	if (r == 0)
		r = attributes_set_scheduler(process->scheduler, e);
	if (r == 0)
		r = attributes_set_io_priority(process, e);
	if (r == 0 && !plan->request.is_exec)
		r = attributes_set_memory_policy(spec->os.memory_policy, e);
	if (r == 0 && plan->request.is_exec)
		r = attributes_set_affinity(process->cpu_affinity_final, e);
	if (r < 0)
		return r;
	if (spec->os.has_personality && personality(spec->os.personality) < 0)
		return err_sys(e, "set the personality (linux.personality)");
	(void)umask(process->user.has_umask ? (mode_t)process->user.umask : 0022);
	return 0;
}

int attributes_hide(struct err *e)
{
	if (prctl(PR_SET_DUMPABLE, !GUARD(E5), 0, 0, 0) < 0)
		return err_sys(e, "become untraceable");
	return 0;
}

int attributes_set_oom(const struct plan *plan, const struct child *self, struct err *e)
{
	char text[16];

	if (!plan->spec->process.has_oom_score_adj)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", plan->spec->process.oom_score_adj);
	return proc_write(self->proc_fd, "self/oom_score_adj", text, e);
}

int attributes_bind_first(const struct plan *plan, struct err *e)
{
	return plan->request.is_exec ?
		       attributes_set_affinity(plan->spec->process.cpu_affinity_initial, e) :
		       0;
}

int attributes_join_keyring(const struct plan *plan, const struct child *self, struct err *e)
{
	const char *label = plan->labels.keyring;
	char name[80];
	long keyring;
	int r;

	if (plan->request.no_new_keyring)
		return 0;
	if (label) {
		r = proc_write(self->proc_fd, "thread-self/attr/keycreate", label, e);
		if (r < 0)
			return r;
	}
	(void)snprintf(name, sizeof(name), "_ses.%.64s", plan->request.id);
	keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	if (keyring < 0 && errno == ENOSYS)
		return 0; /* no keys in this kernel: nothing to keep apart */
	if (keyring < 0)
		return err_sys(e, "make a session keyring (see --no-new-keyring)");
	/* The possessor may all but set attributes, the user view only (CVE-2014-9922 kin). */
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, (int)keyring, 0x3f010000) < 0 && errno != EACCES &&
	    errno != EPERM)
		return err_sys(e, "set the session keyring's permissions");
	if (label)
		return proc_write(self->proc_fd, "thread-self/attr/keycreate", "", e);
	return 0;
}

void attributes_reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}
