/* SPDX-License-Identifier: MIT */
/*
 * Arguments that go past the bus: the message has a list of files, the first of which holds the values in the marshalling of
 * D-Bus (flat.h) and never changes; descriptors among them are the places of the other files in the list. Private to ipc.
 */
#ifndef IPC_FILE_H
#define IPC_FILE_H

#include "ipc/wire.h"

struct codec_type;

/*
 * Makes the list: ret_files[0] is the caller's to close, the others are those of args. 0, -EMSGSIZE (more than max_bytes, or too
 * many descriptors), -errno.
 */
int file_pack(const struct codec_type *type, const void *args, size_t max_bytes,
	int ret_files[IPC_MAX_FDS], size_t *ret_n);
/*
 * Reads what others have packed; args points into memory of rd's arena. Of the files, those that args names go over to rd->fds.
 * 0, IPC_E_… with rd->text, or -errno.
 */
int file_unpack(struct wire_reader *rd, struct wire_fds *files, const struct codec_type *type,
	const char *signature, void *args);

#endif
