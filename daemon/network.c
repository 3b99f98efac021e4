/* SPDX-License-Identifier: MIT */
/*
 * Any link, address or route message only says "look again": the state is then read whole with getifaddrs(), which cannot drift from
 * the kernel's view as a list kept from single messages could. A lost message (ENOBUFS) is one more reason to look.
 */
#include "daemon/network.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

struct network {
	int fd;
	bool is_up; /* what was told last */
	bool is_up_now; /* what the kernel said last */
	uint64_t changed_us; /* when is_up_now became what it is */
};

static bool is_usable(const struct ifaddrs *entry)
{
	unsigned int needed = IFF_UP | IFF_RUNNING;

	if (!entry->ifa_addr || (entry->ifa_flags & needed) != needed ||
		(entry->ifa_flags & IFF_LOOPBACK))
		return false;
	return entry->ifa_addr->sa_family == AF_INET || entry->ifa_addr->sa_family == AF_INET6;
}

static bool look(void)
{
	struct ifaddrs *all;
	bool is_up = false;

	if (getifaddrs(&all))
		return true; /* unsure: a failed attempt costs less than a queue that never moves */
	for (const struct ifaddrs *e = all; e && !is_up; e = e->ifa_next)
		is_up = is_usable(e);
	freeifaddrs(all);
	return is_up;
}

int network_new(struct network **ret_network)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	struct network *network = calloc(1, sizeof(*network));
	int r;

	if (!network)
		return err_raise(-ENOMEM);
	network->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (network->fd < 0 ||
		bind(network->fd, (const struct sockaddr *)&address, sizeof(address))) {
		r = -errno;
		network_free(network);
		return err_raise(r);
	}
	network->is_up = network->is_up_now = look();
	*ret_network = network;
	return 0;
}

void network_free(struct network *network)
{
	if (!network)
		return;
	if (network->fd >= 0)
		close(network->fd);
	free(network);
}

int network_fd(const struct network *network)
{
	return network->fd;
}

int network_dispatch(struct network *network, uint64_t now_us)
{
	char buf[8192];
	bool is_up_now;
	ssize_t n;

	do {
		n = recv(network->fd, buf, sizeof(buf), 0);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return err_raise(-errno);
	is_up_now = look();
	if (is_up_now != network->is_up_now) {
		network->is_up_now = is_up_now;
		network->changed_us = now_us;
	}
	return 0;
}

uint64_t network_next_timer(const struct network *network)
{
	if (network->is_up == network->is_up_now)
		return UINT64_MAX;
	return network->changed_us + NETWORK_DEBOUNCE_US;
}

bool network_is_up(struct network *network, uint64_t now_us)
{
	if (network->is_up != network->is_up_now && now_us >= network_next_timer(network))
		network->is_up = network->is_up_now;
	return network->is_up;
}
