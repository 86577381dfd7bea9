#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "plan/plan.h"
#include "sandbox/netdevice.h"

#define REPLY_BYTES_MAX 32768

/* A request under construction: header, family header, attributes. */
struct request {
	alignas(4) struct nlmsghdr head;
	char body[512];
};

static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t bytes)
{
	*request = (struct request){ .head = { .nlmsg_len = NLMSG_LENGTH(bytes),
					       .nlmsg_type = type,
					       .nlmsg_flags = NLM_F_REQUEST | flags,
					       .nlmsg_seq = 1 } };
	return NLMSG_DATA(&request->head);
}

static void request_attribute(struct request *request, uint16_t type, const void *data, size_t bytes)
{
	size_t at = NLMSG_ALIGN(request->head.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)((char *)&request->head + at);

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
	memcpy(RTA_DATA(attribute), data, bytes);
	request->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute->rta_len));
}

static int netlink_open(struct err *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? err_sys(e, "open a routing socket") : fd;
}

/*
 * Send, and hand each message of the answer to @take until the kernel says done, or reports an error
 * or success. Return: 0, or the kernel's negative errno; @e is left alone, callers know the words.
 */
static int netlink_ask(int fd, struct request *request,
		       void (*take)(struct nlmsghdr *message, void *context), void *context)
{
	alignas(8) char reply[REPLY_BYTES_MAX];

	if (send(fd, &request->head, request->head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(fd, reply, sizeof(reply), 0);
		size_t left;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EPIPE;
		left = (size_t)got;
		for (struct nlmsghdr *message = (struct nlmsghdr *)reply;
		     NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			if (take)
				take(message, context);
			if (!(message->nlmsg_flags & NLM_F_MULTI) && take &&
			    !(request->head.nlmsg_flags & NLM_F_ACK))
				return 0;
		}
	}
}

static void take_link(struct nlmsghdr *message, void *context)
{
	struct netdevice *device = context;
	struct ifinfomsg *info = NLMSG_DATA(message);
	size_t left = IFLA_PAYLOAD(message);

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	device->index = info->ifi_index;
	for (struct rtattr *at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(at) <= sizeof(device->hardware)) {
			device->hardware_length = (uint8_t)RTA_PAYLOAD(at);
			memcpy(device->hardware, RTA_DATA(at), RTA_PAYLOAD(at));
		}
}

/* Permanent addresses of global scope move along; the kernel makes the others anew. */
static void take_address(struct nlmsghdr *message, void *context)
{
	struct netdevice *device = context;
	struct ifaddrmsg *info = NLMSG_DATA(message);
	size_t left = IFA_PAYLOAD(message);
	struct netdevice_address *address;
	struct rtattr *found = NULL;

	if (message->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != device->index ||
	    info->ifa_scope != RT_SCOPE_UNIVERSE || !(info->ifa_flags & IFA_F_PERMANENT) ||
	    device->address_count == NETDEVICE_ADDRESS_COUNT_MAX)
		return;
	for (struct rtattr *at = IFA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == IFA_LOCAL || (at->rta_type == IFA_ADDRESS && !found))
			found = at;
	if (!found || RTA_PAYLOAD(found) > sizeof(address->bytes))
		return;
	address = &device->addresses[device->address_count++];
	address->family = info->ifa_family;
	address->prefix_length = info->ifa_prefixlen;
	address->scope = info->ifa_scope;
	address->length = (uint8_t)RTA_PAYLOAD(found);
	memcpy(address->bytes, RTA_DATA(found), address->length);
}

static int device_look(int fd, struct netdevice *device, struct err *e)
{
	struct request request;
	struct ifaddrmsg *address;
	int r;

	(void)request_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	request_attribute(&request, IFLA_IFNAME, device->host_name, strlen(device->host_name) + 1);
	r = netlink_ask(fd, &request, take_link, device);
	if (r < 0)
		return err_set(e, -r, "linux.netDevices: there is no device '%s' here: %s",
			       device->host_name, strerror(-r));
	address = request_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(*address));
	address->ifa_family = AF_UNSPEC;
	r = netlink_ask(fd, &request, take_address, device);
	if (r < 0)
		return err_set(e, -r, "linux.netDevices: addresses of '%s': %s", device->host_name,
			       strerror(-r));
	return 0;
}

int netdevice_look(const struct plan *plan, struct netdevices *ret_devices, struct err *e)
{
	const struct spec_linux *os = &plan->spec->os;
	own_fd int fd = -EBADF;

	*ret_devices = (struct netdevices){ 0 };
	if (!os->net_device_count)
		return 0;
	fd = netlink_open(e);
	if (fd < 0)
		return fd;
	ret_devices->items = arena_new_array(plan->arena, struct netdevice, os->net_device_count);
	if (!ret_devices->items)
		return err_oom(e);
	ret_devices->count = os->net_device_count;
	for (uint32_t i = 0; i < ret_devices->count; i++) {
		struct netdevice *device = &ret_devices->items[i];
		int r;

		device->host_name = os->net_devices[i].host_name;
		device->name = os->net_devices[i].name;
		r = device_look(fd, device, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int netdevice_move(const struct netdevices *devices, pid_t pid, struct err *e)
{
	own_fd int fd = -EBADF;

	if (!devices->count)
		return 0;
	fd = netlink_open(e);
	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < devices->count; i++) {
		const struct netdevice *device = &devices->items[i];
		uint32_t target = (uint32_t)pid;
		struct request request;
		struct ifinfomsg *info = request_begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
		int r;

		/* Down, or the kernel refuses to rename; it is brought up on the other side. */
		info->ifi_index = device->index;
		info->ifi_change = IFF_UP;
		request_attribute(&request, IFLA_NET_NS_PID, &target, sizeof(target));
		request_attribute(&request, IFLA_IFNAME, device->name, strlen(device->name) + 1);
		r = netlink_ask(fd, &request, NULL, NULL);
		if (r < 0)
			return err_set(e, -r, "linux.netDevices: move '%s' in as '%s': %s",
				       device->host_name, device->name, strerror(-r));
	}
	return 0;
}

/* Which device of this namespace has the hardware address that we saw outside? */
struct search {
	const struct netdevice *wanted;
	int index;
};

static void take_match(struct nlmsghdr *message, void *context)
{
	struct search *search = context;
	struct netdevice seen = { 0 };

	take_link(message, &seen);
	if (seen.hardware_length && seen.hardware_length == search->wanted->hardware_length &&
	    !memcmp(seen.hardware, search->wanted->hardware, seen.hardware_length))
		search->index = seen.index;
}

static int device_find(int fd, const struct netdevice *device, int *ret_index, struct err *e)
{
	struct search search = { .wanted = device };
	struct netdevice seen = { 0 };
	struct request request;
	int r;

	if (strchr(device->name, '%')) {
		(void)request_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		r = netlink_ask(fd, &request, take_match, &search);
		*ret_index = search.index;
	} else {
		(void)request_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
		request_attribute(&request, IFLA_IFNAME, device->name, strlen(device->name) + 1);
		r = netlink_ask(fd, &request, take_link, &seen);
		*ret_index = seen.index;
	}
	if (r < 0 || !*ret_index)
		return err_set(e, r < 0 ? -r : ENODEV, "linux.netDevices: '%s' did not arrive",
			       device->name);
	return 0;
}

static int device_settle(int fd, const struct netdevice *device, struct err *e)
{
	struct request request;
	struct ifinfomsg *info;
	int index, r;

	r = device_find(fd, device, &index, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < device->address_count; i++) {
		const struct netdevice_address *address = &device->addresses[i];
		struct ifaddrmsg *body = request_begin(
			&request, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof(*body));

		body->ifa_family = address->family;
		body->ifa_prefixlen = address->prefix_length;
		body->ifa_scope = address->scope;
		body->ifa_index = (uint32_t)index;
		request_attribute(&request, IFA_LOCAL, address->bytes, address->length);
		request_attribute(&request, IFA_ADDRESS, address->bytes, address->length);
		r = netlink_ask(fd, &request, NULL, NULL);
		if (r < 0)
			return err_set(e, -r, "linux.netDevices: give '%s' its address again: %s",
				       device->name, strerror(-r));
	}
	info = request_begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
	info->ifi_index = index;
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	r = netlink_ask(fd, &request, NULL, NULL);
	if (r < 0)
		return err_set(e, -r, "linux.netDevices: bring '%s' up: %s", device->name,
			       strerror(-r));
	return 0;
}

int netdevice_settle(const struct netdevices *devices, struct err *e)
{
	own_fd int fd = -EBADF;

	if (!devices->count)
		return 0;
	fd = netlink_open(e);
	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < devices->count; i++) {
		int r = device_settle(fd, &devices->items[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}
