/* SPDX-License-Identifier: MIT */
/* What CreateTasksFile carries is what CreateTasks does: the tables of that one say how it is written and read. */
#include "ipc/past.h"

#include <errno.h>

#include "ipc/file.h"
#include "ipc/inner.h"
#include "ipc/proto.h"
#include "ipc/table.h"

#define CREATE_SIGNATURE "aa{sv}a{sv}"

int ipc_pack_create_tasks(const struct ipc_bus *bus, const struct ipc_session_create_tasks_in *in,
	int ret_files[IPC_MAX_FDS], size_t *ret_n)
{
	if (!dbus_connection_can_send_type(bus->connection, DBUS_TYPE_UNIX_FD))
		return -EOPNOTSUPP;
	return file_pack(
		&ipc_type_session_create_tasks_in, in, WIRE_MAX_CALL_BYTES, ret_files, ret_n);
}

int ipc_read_create_tasks(struct ipc_call *call, struct ipc_session_create_tasks_in *ret_in)
{
	struct wire_fds files = call->fds;
	struct wire_reader rd = call_reader(call);
	int r;

	call->fds.n = 0; /* those that the values name come back */
	*ret_in = (struct ipc_session_create_tasks_in){ 0 };
	r = file_unpack(&rd, &files, &ipc_type_session_create_tasks_in, CREATE_SIGNATURE, ret_in);
	wire_fds_close(&files);
	call->file_bytes = rd.bytes;
	call->bus->n_turn = 0; /* as much as some megabytes were read: others have their turn */
	return r > 0 ? ipc_call_error(call, r, "%s", rd.text) : r;
}
