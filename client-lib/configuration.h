/* SPDX-License-Identifier: MIT */
/* A session configuration inside the library, and how it becomes the dictionary of OpenSession. */
#ifndef CLIENT_LIB_CONFIGURATION_H
#define CLIENT_LIB_CONFIGURATION_H

#include <transfer/cache.h>
#include <transfer/configuration.h>

#include "client-lib/load.h"
#include "client-lib/ref.h"
#include "client-lib/text.h"

struct arena;
struct ipc_manager_open_session_in;

#define CONFIGURATION_NAME_MAX_BYTES  255
#define CONFIGURATION_CONNECTIONS_MAX 64 /* transferd's */

/* X(name, preset): properties that are on or off and need no check; transfer_config_set_… and …_get_… of each. */
#define CONFIGURATION_SWITCHES(X) \
	X(waits_for_connectivity, false) \
	X(allows_cellular, true) \
	X(allows_expensive, true) \
	X(allows_constrained, true) \
	X(allows_ultra_constrained, true) \
	X(discretionary, false) \
	X(pipelining, false) \
	X(early_data, false) \
	X(classic_loading, true) \
	X(extended_idle, false) \
	X(sends_launch_events, true)

#define CONFIGURATION_SWITCH_MEMBER(name, preset) bool name;

struct transfer_config {
	struct ref ref;
	int status; /* first failure of a setter */
	enum transfer_session_kind kind;
	char *identifier, *app_id, *ca_file;
	bool has_app_id; /* false: app_id is the name of the program */
	struct text_headers headers;
	uint64_t request_timeout_us, resource_timeout_us, max_rate_bps;
	uint32_t max_connections_per_host;
	enum transfer_upload_copy upload_copy;
	/* NULL: the application's, in an ephemeral session its own; "": none */
	char *cookie_store, *cache, *credential_store;
	transfer_cache *cache_object; /* a reference; NULL: what the name says */
	enum transfer_cookie_accept accepts_cookies;
	bool has_accepts_cookies, withholds_cookies;
	bool allow_insecure, retry_http_errors;
	bool has_own_cache; /* in memory, of the session alone */
	char *proxy; /* NULL: what the environment says; "": none */
	char *proxy_exceptions, *shared_container, *launch;
	enum transfer_cache_policy cache_policy;
	enum transfer_service_type service_type;
	enum transfer_tls_version tls_minimum, tls_maximum;
	int multipath;
	CONFIGURATION_SWITCHES(CONFIGURATION_SWITCH_MEMBER)
	struct load_classes protocols;
};

/* kind: any, the shared session's, too; identifier: of a background session, else NULL. NULL: out of memory. */
transfer_config *configuration_new(enum transfer_session_kind kind, const char *identifier);
/* Keeps the first failure; returns r. */
int configuration_stick(struct transfer_config *config, int r);
/* The call borrows from the configuration; its header rows are in the arena. 0, -ENOMEM, or the failed setter. */
int configuration_to_ipc(const struct transfer_config *config, struct arena *arena,
	struct ipc_manager_open_session_in *ret_in);

#endif
