/* SPDX-License-Identifier: MIT */
/* What the generated ipc_call_…, ipc_start_…, ipc_get_…, ipc_set_… come down to. Private to ipc. */
#ifndef IPC_CLIENT_H
#define IPC_CLIENT_H

#include <stdint.h>

#include "ipc/types.h"

struct ipc_bus;
struct ipc_exchange;
struct ipc_signal;
struct table_interface;
struct table_method;

struct client_io {
	const void *in;
	void *out;
};

int client_call(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct table_method *method, const struct client_io *io);

struct client_start {
	const struct table_method *method;
	const void *in;
	/* Gives the typed callback its types back. */
	void (*deliver)(void (*fn)(void), void *user, int r, const char *text, const void *out);
	void (*fn)(void);
	void *user;
};
int client_start(struct ipc_bus *bus, struct ipc_path path, const struct client_start *start);

int client_get_all(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct table_interface *interface, void *ret);
struct client_set {
	const struct table_interface *interface;
	unsigned property;
	const void *properties; /* the properties struct with the one value */
};
int client_set(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct client_set *set);

struct client_changed {
	const struct table_interface *interface;
	void *ret;
	uint64_t *ret_changed, *ret_invalid;
};
int client_read_changed(struct ipc_signal *signal, const struct client_changed *changed);

#endif
