/* SPDX-License-Identifier: MIT */
/* Bytes that transferd hands over in a file. */
#ifndef CLIENT_LIB_DATA_H
#define CLIENT_LIB_DATA_H

#include <transfer/object.h>

/* Maps the whole file, which may be unlinked but not shortened afterwards; fd: borrowed. NULL: cannot be mapped. */
transfer_data *data_new_fd(int fd);

#endif
