/* SPDX-License-Identifier: MIT */
/* CreateTasks past the bus: both ends of CreateTasksFile. */
#ifndef IPC_PAST_H
#define IPC_PAST_H

#include <stddef.h>

#include "ipc/types.h"

struct ipc_bus;
struct ipc_call;
struct ipc_session_create_tasks_in;

/*
 * Client: what CreateTasksFile takes. ret_files[0] is the caller's to close, the others are those of in. Whatever is in the way
 * of a file (-EMSGSIZE, another -errno) need not be in the way of CreateTasks.
 */
int ipc_pack_create_tasks(const struct ipc_bus *bus, const struct ipc_session_create_tasks_in *in,
	int ret_files[IPC_MAX_FDS], size_t *ret_n);
/* Server, in the handler: the arguments that the call's files hold, as if CreateTasks had been called. 0, IPC_E_…, -errno. */
int ipc_read_create_tasks(struct ipc_call *call, struct ipc_session_create_tasks_in *ret_in);

#endif
