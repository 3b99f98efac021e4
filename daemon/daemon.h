/* SPDX-License-Identifier: MIT */
/*
 * The daemon: puts the parts together and runs their turns. One thread; the start order can be read in daemon_new():
 * folders, bus, database, engine, network, flow, name.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

struct config;
struct daemon;

enum {
	DAEMON_E_NEWER_STATE = 1, /* the database was written by a newer transferd */
	DAEMON_E_LOCKED, /* another transferd holds the state folder */
	DAEMON_E_NAME_TAKEN, /* another transferd serves this bus */
	DAEMON_E_NO_BUS, /* the bus cannot be reached */
	DAEMON_E_STATE_DIR, /* the state folder is not ours alone, or cannot be made */
};

struct daemon_options {
	bool is_system;
	const char *
		state_dir; /* absolute; NULL: $XDG_STATE_HOME/transferd, or /var/lib/transferd for the system */
	bool has_no_idle_exit;
	bool is_debugging; /* debug messages whatever the configuration says */
};

/* Speaking: failures are logged here. 0, DAEMON_E_…, -errno. config is borrowed until daemon_free(). */
int daemon_new(
	const struct daemon_options *options, struct config *config, struct daemon **ret_daemon);
/* Until SIGTERM, SIGINT, idle exit or the loss of the bus. 0, or -errno. */
int daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon); /* NULL is fine */

#endif
