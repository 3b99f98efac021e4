/* SPDX-License-Identifier: MIT */
/*
 * A daemon for the tests of ipc: real connection, real dispatcher, handlers that note what came and answer what the
 * test expects. It has session 7 with task 412 and runs on its own thread, so that blocking calls can be tested.
 */
#ifndef TESTS_IPC_SERVICE_H
#define TESTS_IPC_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/bus.h"
#include "ipc/object.h"
#include "ipc/proto.h"

#define SERVICE_SESSION ((struct ipc_path){ 7, 0 })
#define SERVICE_TASK    ((struct ipc_path){ 7, 412 })

struct service;

/* What the handlers saw last; read it after the call's answer. */
struct service_seen {
	char text[128]; /* identifier, first URL, new description */
	char body[64]; /* what the first body-file held */
	_Atomic uint64_t number;
	size_t n;
	struct ipc_path path;
	uint32_t uid, pid;
	char caller[64];
	char left[64]; /* unique name that left the bus */
	atomic_int n_calls;
	atomic_int n_left;
};

/* How the handlers behave. */
struct service_mode {
	atomic_bool deny; /* every check fails with AccessDenied */
	atomic_int fail; /* GetSession returns this */
};

/* Starts a private bus if there is none, connects, takes the name, serves. */
struct service *service_new(void);
struct service *service_free(struct service *s);
struct service_seen *service_seen(struct service *s);
struct service_mode *service_mode(struct service *s);
/* Runs fn on the service's thread and waits for it. */
void service_do(struct service *s, void (*fn)(struct ipc_bus *bus, void *user), void *user);

/* A second connection of the test process. */
struct ipc_bus *service_client(void);
/* Dispatches until *flag is set; fails the test after ten seconds. */
void service_pump(struct ipc_bus *client, const int *flag);

/* Sends a call by hand and returns the error's name ("" when there was none): for what the typed doors cannot send. */
struct service_raw {
	const char *path, *interface, *member;
	const char *signature; /* "", "y", "s" or "ss": what is appended; strings are "?" */
};
const char *service_raw_call(const struct service_raw *raw);

#endif
