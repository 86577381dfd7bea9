/*
 * Network of the container, as far as a runtime goes: the loopback of a new namespace is brought
 * up; devices named by the spec are moved in (runtime-spec 1.3, linux.netDevices).
 */
#pragma once

struct err;
struct plan;

/** network_raise_loopback() - bring up "lo". Context: child, in a network namespace just made. */
int network_raise_loopback(struct err *e);
