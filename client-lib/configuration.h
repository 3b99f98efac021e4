/* SPDX-License-Identifier: MIT */
/* A session configuration inside the library, and how it becomes the dictionary of OpenSession. */
#ifndef CLIENT_LIB_CONFIGURATION_H
#define CLIENT_LIB_CONFIGURATION_H

#include <transfer/configuration.h>

#include "client-lib/ref.h"
#include "client-lib/text.h"

struct arena;
struct ipc_manager_open_session_in;

struct transfer_config {
	struct ref ref;
	int status; /* first failure of a setter */
	char *identifier, *app_id, *ca_file;
	struct text_headers headers;
	uint64_t request_timeout_us, resource_timeout_us, max_rate_bps;
	uint32_t max_connections_per_host;
	enum transfer_upload_copy upload_copy;
	char *cookie_store; /* NULL: the application's; "": none */
	enum transfer_cookie_accept accepts_cookies;
	bool has_accepts_cookies, withholds_cookies;
	bool allow_insecure, retry_http_errors;
};

/* The call borrows from the configuration; its header rows are in the arena. 0, -ENOMEM, or the failed setter. */
int configuration_to_ipc(const struct transfer_config *config, struct arena *arena,
	struct ipc_manager_open_session_in *ret_in);

#endif
