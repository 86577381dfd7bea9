#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "plan/host.h"
#include "plan/plan.h"
#include "sandbox/attributes.h"
#include "sandbox/creds.h"
#include "sys/guard.h"
#include "wall/wall.h"

static int creds_drop_bounding(const struct plan *plan, struct err *e)
{
	/* A user namespace starts with a full set, whatever we have out here. */
	uint64_t have = plan->spec->os.namespaces[SPEC_NS_USER].is_wanted ? UINT64_MAX :
									     plan->host->bounding_caps;

	for (unsigned cap = 0; cap <= plan->host->last_cap; cap++) {
		uint64_t bit = UINT64_C(1) << cap;

		if (plan->creds.bounding & bit || !(have & bit))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_sys(e, "drop capability %u from the bounding set", cap);
	}
	return 0;
}

static int creds_set_ids(const struct plan *plan, struct err *e)
{
	const struct spec_user *user = &plan->spec->process.user;

	/* The raw calls: glibc would look for other threads, and we have none. */
	if (syscall(SYS_setgroups, (size_t)user->additional_gid_count, user->additional_gids) < 0 &&
	    !(errno == EPERM && user->additional_gid_count == 0))
		return err_sys(e, "set the supplementary groups (process.user.additionalGids)");
	if (syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0)
		return err_sys(e, "become gid %u (process.user.gid)", user->gid);
	if (syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		return err_sys(e, "become uid %u (process.user.uid)", user->uid);
	return 0;
}

static int creds_set_sets(const struct plan_creds *creds, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(creds->effective >> (32 * i)),
			.permitted = (uint32_t)(creds->permitted >> (32 * i)),
			.inheritable = GUARD(E6) ? (uint32_t)(creds->inheritable >> (32 * i)) :
						    (uint32_t)(creds->permitted >> (32 * i)),
		};
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, "set the capabilities (process.capabilities)");

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(e, "clear the ambient capabilities");
	for (unsigned cap = 0; cap < 64; cap++)
		if (creds->ambient & UINT64_C(1) << cap &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_sys(e, "raise ambient capability %u", cap);
	return 0;
}

int creds_drop(const struct plan *plan, struct err *e)
{
	const struct spec_process *process = &plan->spec->process;
	int r;

	if (plan->creds.has_caps) {
		r = creds_drop_bounding(plan, e);
		if (r < 0)
			return r;
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			return err_sys(e, "keep capabilities over the change of ids");
	}
	r = creds_set_ids(plan, e);
	if (r < 0)
		return r;
	if (plan->creds.has_caps) {
		r = creds_set_sets(&plan->creds, e);
		if (r < 0)
			return r;
		if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
			return err_sys(e, "stop keeping capabilities");
	}
	if (process->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "set no_new_privs");
	/* A change of ids may have made us traceable again (CVE-2016-9962). */
	return attributes_hide(e);
}

/* The text after "NAME:\t" in /proc/PID/status, or NULL. */
static const char *status_field(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, name, length) && line[length] == ':')
			return line + length + 1;
	}
	return NULL;
}

static int status_hex(const char *status, const char *name, uint64_t *ret_value, struct err *e)
{
	const char *text = status_field(status, name);

	if (!text)
		return err_set(e, EIO, "the kernel does not tell %s of the container", name);
	*ret_value = strtoull(text, NULL, 16);
	return 0;
}

static int creds_verify_set(const char *status, const char *name, uint64_t wanted, bool is_upper,
			    struct err *e)
{
	uint64_t seen;
	int r = status_hex(status, name, &seen, e);

	if (r < 0)
		return r;
	if (is_upper ? (seen & ~wanted) == 0 : seen == wanted)
		return 0;
	return err_set(e, EPERM, "the kernel says %s is %016" PRIx64 ", planned was %s%016" PRIx64,
		       name, seen, is_upper ? "at most " : "", wanted);
}

static int creds_verify_caps(const struct plan *plan, const struct witness *seen, struct err *e)
{
	const struct plan_creds *creds = &plan->creds;
	const struct {
		const char *name;
		uint64_t wanted;
		bool is_upper;
	} sets[] = {
		{ "CapBnd", creds->bounding, false },
		{ "CapInh", creds->inheritable, false },
		{ "CapPrm", seen->at_exec ? creds->bounding | creds->permitted : creds->permitted,
		  seen->at_exec },
		{ "CapEff", seen->at_exec ? creds->bounding | creds->permitted : creds->effective,
		  seen->at_exec },
		{ "CapAmb", creds->ambient, seen->at_exec },
	};

	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		int r = creds_verify_set(seen->status, sets[i].name, sets[i].wanted,
					 sets[i].is_upper, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The id that the container's @id has out here, where /proc/PID/status is read. */
static uint32_t creds_host_id(const struct spec_id_maps *maps, uint32_t id)
{
	if (!maps->count)
		return id;
	for (uint32_t i = 0; i < maps->count; i++)
		if (id >= maps->items[i].container_id &&
		    id - maps->items[i].container_id < maps->items[i].size)
			return maps->items[i].host_id + (id - maps->items[i].container_id);
	return UINT32_MAX;
}

static int creds_verify_id(const char *status, const char *name, uint32_t wanted, struct err *e)
{
	const char *text = status_field(status, name);
	unsigned real, effective, saved, fs;

	if (!text || sscanf(text, "%u %u %u %u", &real, &effective, &saved, &fs) != 4)
		return err_set(e, EIO, "the kernel does not tell %s of the container", name);
	if (real == wanted && effective == wanted && saved == wanted && fs == wanted)
		return 0;
	return err_set(e, EPERM, "the kernel says %s is %u %u %u %u, planned was %u", name, real,
		       effective, saved, fs, wanted);
}

int creds_verify(const struct plan *plan, const struct witness *seen, struct err *e)
{
	const struct spec *spec = plan->spec;
	const char *no_new_privs;
	int r = 0;

	/* Maps of a user namespace that was joined, or nested under another, are not ours to know. */
	if (!plan->ns.join[SPEC_NS_USER] && !plan->host->in_userns && !seen->at_exec &&
	    !plan->request.is_exec) {
		r = creds_verify_id(seen->status, "Uid",
				    creds_host_id(&spec->os.uid_maps, spec->process.user.uid), e);
		if (r == 0)
			r = creds_verify_id(seen->status, "Gid",
					    creds_host_id(&spec->os.gid_maps,
							  spec->process.user.gid), e);
	}
	if (r == 0 && plan->creds.has_caps)
		r = creds_verify_caps(plan, seen, e);
	if (r < 0)
		return r;
	no_new_privs = status_field(seen->status, "NoNewPrivs");
	if (spec->process.no_new_privs && (!no_new_privs || strtol(no_new_privs, NULL, 10) != 1))
		return err_set(e, EPERM, "the kernel does not say that no_new_privs is set");
	return 0;
}
