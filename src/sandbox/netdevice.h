/*
 * linux.netDevices of runtime-spec 1.3: network devices of the host that move into the container,
 * under a name of its own, with their permanent global addresses. Three steps, because no process
 * has privilege on both sides when there is a user namespace:
 *
 *     parent  netdevice_look    before clone3(): what are they, which addresses have they?
 *     parent  netdevice_move    when the container's network namespace exists
 *     child   netdevice_settle  addresses again, and up
 *
 * A device is never moved back: the kernel returns what is physical when the namespace ends.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct arena;
struct err;
struct plan;

#define NETDEVICE_ADDRESS_COUNT_MAX 32

struct netdevice_address {
	uint8_t family;
	uint8_t prefix_length;
	uint8_t scope;
	uint8_t length;
	uint8_t bytes[16];
};

struct netdevice {
	const char *host_name; /* borrowed from the spec, as is name */
	const char *name;
	int index;
	uint8_t hardware[32]; /* by which it is found again under a "%d" name */
	uint8_t hardware_length;
	struct netdevice_address addresses[NETDEVICE_ADDRESS_COUNT_MAX];
	uint32_t address_count;
};

struct netdevices {
	struct netdevice *items; /* in the plan's arena */
	uint32_t count;
};

/** netdevice_look() - find the devices on the host. A missing one is an error that names it. */
int netdevice_look(const struct plan *plan, struct netdevices *ret_devices, struct err *e);

/** netdevice_move() - give all of them to the network namespace of @pid. */
int netdevice_move(const struct netdevices *devices, pid_t pid, struct err *e);

/** netdevice_settle() - Context: child, in its network namespace; no allocation. */
int netdevice_settle(const struct netdevices *devices, struct err *e);
