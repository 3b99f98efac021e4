/* SPDX-License-Identifier: MIT */
/* What the service manager hears: READY, STOPPING, WATCHDOG. One datagram each to $NOTIFY_SOCKET, as sd_notify(3) documents the protocol. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* Sends state ("READY=1\nSTATUS=…"). Nobody listening is fine: 0. Otherwise 0 or -errno. */
int notify_send(const char *state);
/* How often "WATCHDOG=1" must be sent: half of what was asked for; 0: never. */
uint64_t notify_watchdog_interval_us(void);

#endif
