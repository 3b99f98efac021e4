/* SPDX-License-Identifier: MIT */
/* Bytes inside the library: handed over in a file by transferd, or filled in here before anybody else sees them. */
#ifndef CLIENT_LIB_DATA_H
#define CLIENT_LIB_DATA_H

#include <transfer/object.h>

/* Maps the whole file, which may be unlinked but not shortened afterwards; fd: borrowed. NULL: cannot be mapped. */
transfer_data *data_new_fd(int fd);

/*
 * Room to be filled before the data is handed on. release, with user, gets the data when its last reference goes, in any
 * thread: it either frees it with data_room_free() or makes it new with data_room_renew(). NULL: out of memory.
 */
transfer_data *data_new_room(size_t room_bytes, void (*release)(transfer_data *data, void *user),
	void *user, void **ret_bytes);
void data_room_set_size(transfer_data *data, size_t size_bytes);
/* One reference again, no bytes. Returns where they go. */
void *data_room_renew(transfer_data *data);
void data_room_free(transfer_data *data);

#endif
