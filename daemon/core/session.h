/* SPDX-License-Identifier: MIT */
/*
 * A session as the model knows it. Background sessions are rows and outlive everything; all fits in
 * memory (<= 1000 per uid).
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <transfer/types.h>

#include "base/arena.h"
#include "daemon/core/task.h"

#define SESSION_IDENTIFIER_MAX_BYTES 255
#define SESSION_REQUEST_TIMEOUT_US   UINT64_C(60000000)
#define SESSION_RESOURCE_TIMEOUT_US  (UINT64_C(7) * 86400 * 1000000)
#define SESSION_CONNECTIONS_PER_HOST 6
#define SESSION_CONNECTIONS_MAX      64

struct session_config {
	uint64_t request_timeout_us, resource_timeout_us;
	uint64_t max_rate_bps;
	uint32_t max_connections_per_host;
	const struct task_header *headers; /* HTTPAdditionalHeaders */
	size_t n_headers;
	const char *ca_file, *launch;
	enum task_upload_copy upload_copy;
	const char *cookie_store; /* NULL: the application's; "": no cookies at all */
	enum transfer_cookie_accept accepts_cookies;
	bool sends_cookies;
	bool discretionary, allows_metered, allow_insecure, retry_http_errors;

	/* of sessions that live in memory only; no column */
	bool waits_for_connectivity;
	enum transfer_cache_policy cache_policy;
	enum transfer_service_type service_type;
	uint16_t tls_min, tls_max; /* as on the wire; 0: 1.2, newest */
	const char *proxy, *proxy_exceptions; /* NULL: the environment's; "": none */
};

struct session {
	/* ---- durable ---- */
	uint64_t id;
	enum transfer_session_kind kind;
	uid_t uid;
	const char *app_id, *identifier;
	enum transfer_session_state state;
	struct session_config config;
	const char *description;
	uint64_t created_wall_us;
	uint64_t last_acked_seq;
	uint32_t implements; /* of the last client: what it can be asked (question_bit()) */

	/* ---- in memory only ---- */
	uint64_t n_tasks; /* unfinished */
	uint64_t n_events; /* not acknowledged */
	struct arena arena;
};

struct session *session_new(void);
void session_free(struct session *session);
void session_config_init(struct session_config *config); /* the documented defaults */

#endif
