/*
 * What a process carries besides ids and walls: limits, scheduling, memory policy, keyring, signals.
 */
#pragma once

struct child;
struct err;
struct plan;

/**
 * attributes_set() - all that must be set while there is still privilege to set it
 *
 * Context: child, before creds_drop(); no allocation.
 */
int attributes_set(const struct plan *plan, const struct child *self, struct err *e);

/** attributes_hide() - no process but root's may look into us, until execve. Context: any. */
int attributes_hide(struct err *e);

/** attributes_set_oom() - process.oomScoreAdj. Before attributes_hide() where we are not root. */
int attributes_set_oom(const struct plan *plan, const struct child *self, struct err *e);

/** attributes_bind_first() - process.execCPUAffinity.initial. Context: before the cgroup is entered. */
int attributes_bind_first(const struct plan *plan, struct err *e);

/** attributes_join_keyring() - a session keyring of our own, labelled if the plan says so. */
int attributes_join_keyring(const struct plan *plan, const struct child *self, struct err *e);

/** attributes_reset_signals() - default actions, nothing blocked. */
void attributes_reset_signals(void);
