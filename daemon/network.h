/* SPDX-License-Identifier: MIT */
/*
 * Is there a network? The kernel tells by rtnetlink: a default route, or any interface other than loopback that is up and has an
 * address. Where rtnetlink cannot be used the network counts as up. Changes are debounced: down at once is never believed.
 */
#ifndef DAEMON_NETWORK_H
#define DAEMON_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_DEBOUNCE_US UINT64_C(2000000)

struct network;

/* Opens the watch and reads the state of now. -errno: no rtnetlink here. */
int network_new(struct network **ret_network);
void network_free(struct network *network); /* NULL is fine */
int network_fd(const struct network
		*network); /* readable: something has changed, call network_dispatch() */
/* Takes in what has changed. */
int network_dispatch(struct network *network, uint64_t now_us);
/* When to look again (monotonic); UINT64_MAX: not before something changes. */
uint64_t network_next_timer(const struct network *network);
/* The debounced state: what has held for NETWORK_DEBOUNCE_US. */
bool network_is_up(struct network *network, uint64_t now_us);

#endif
