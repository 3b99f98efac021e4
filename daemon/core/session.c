/* SPDX-License-Identifier: MIT */
/* A session's memory and the documented defaults of its configuration. */
#include "daemon/core/session.h"

#include <stdlib.h>

struct session *session_new(void)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->kind = TRANSFER_SESSION_BACKGROUND;
	session->state = TRANSFER_SESSION_STATE_ACTIVE;
	session_config_init(&session->config);
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	arena_done(&session->arena);
	free(session);
}

void session_config_init(struct session_config *config)
{
	*config = (struct session_config){
		.request_timeout_us = SESSION_REQUEST_TIMEOUT_US,
		.resource_timeout_us = SESSION_RESOURCE_TIMEOUT_US,
		.max_connections_per_host = SESSION_CONNECTIONS_PER_HOST,
		.upload_copy = TASK_UPLOAD_COPY_SNAPSHOT,
		.allows_metered = true,
		.sends_cookies = true,
		.accepts_cookies = TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN,
	};
}
