/* SPDX-License-Identifier: MIT */
/* What generated code needs of the server side. Private to ipc. */
#ifndef IPC_CALL_H
#define IPC_CALL_H

#include <stdint.h>

#include "ipc/types.h"

struct ipc_bus;
struct ipc_call;
struct table_interface;
struct table_method;

/* Encodes out, sends, frees the call. */
void call_reply(struct ipc_call *call, const struct table_method *method, const void *out);

struct emit_changed {
	const struct table_interface *interface;
	struct ipc_path path;
	uint64_t changed;
	const void *values;
};
int emit_changed(struct ipc_bus *bus, const struct emit_changed *changed);

#endif
