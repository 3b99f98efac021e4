/* SPDX-License-Identifier: MIT */
/*
 * A message bus of the test's own, with D-Bus activation of the built transferd. Its address is in
 * DBUS_SESSION_BUS_ADDRESS. Needs tmpdir_new() first; all files are in that folder:
 * transferd.log (what the daemon said), daemon.pids (one line per start), daemon.env.
 */
#ifndef TESTS_LIB_BUS_H
#define TESTS_LIB_BUS_H

#include <stdbool.h>
#include <sys/types.h>

#define BUS_NAME "org.transferd.Transfer1"

struct bus;

struct bus_config {
	bool no_activation; /* no service file */
	const char *program; /* NULL: the built transferd */
	const char *extra; /* more text inside <busconfig>; NULL: none */
};

int bus_new(const struct bus_config *config, struct bus **ret_bus);
/* ends the daemon, then the bus */
struct bus *bus_free(struct bus *b);
const char *bus_address(const struct bus *b);
/* SIGKILL to the bus, and a new one at the same address */
int bus_restart(struct bus *b);

/* what the next start of the daemon has in its environment: "NAME=value" lines */
int bus_set_daemon_env(struct bus *b, const char *lines);
/* asks the bus to start it and waits until it owns the name; 0 also when it runs already */
int bus_start_daemon(struct bus *b, unsigned timeout_ms);
/* of the newest start, if it still runs; 0: none */
pid_t bus_daemon_pid(struct bus *b);
/* how often the daemon was started */
unsigned bus_daemon_starts(struct bus *b);
/* SIGKILL, and wait until it is gone */
int bus_kill_daemon(struct bus *b);
/* SIGTERM, and wait */
int bus_stop_daemon(struct bus *b, unsigned timeout_ms);
/* wait until the newest start has ended by itself */
int bus_wait_daemon_end(struct bus *b, unsigned timeout_ms);
/* is the name owned? */
bool bus_has_daemon(struct bus *b);

/* absolute path of a built program ("transferctl"), with LD_LIBRARY_PATH set for it; static */
const char *bus_built(const char *program);

#endif
