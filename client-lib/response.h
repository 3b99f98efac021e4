/* SPDX-License-Identifier: MIT */
/* A response inside the library: made from what transferd or a loader tells, then immutable. */
#ifndef CLIENT_LIB_RESPONSE_H
#define CLIENT_LIB_RESPONSE_H

#include <transfer/response.h>

struct ipc_response;

/* NULL in, or nothing that an answer has: NULL out; also when memory is short. */
transfer_response *response_new_ipc(const struct ipc_response *response);

#endif
