/* SPDX-License-Identifier: MIT */
/* A response inside the library: made from what transferd or a loader tells, then immutable. */
#ifndef CLIENT_LIB_RESPONSE_H
#define CLIENT_LIB_RESPONSE_H

#include <transfer/response.h>

struct ipc_response;

struct text_headers;

/* NULL in, or nothing that an answer has: NULL out; also when memory is short. */
transfer_response *response_new_ipc(const struct ipc_response *response);
/* All its fields; lent. */
const struct text_headers *response_headers(const transfer_response *response);
/* The same response with other fields, which are taken; NULL: no memory, and they are gone. */
transfer_response *response_new_renewed(
	const transfer_response *response, struct text_headers *headers_take);

#endif
