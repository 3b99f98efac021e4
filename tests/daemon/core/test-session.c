/* SPDX-License-Identifier: MIT */
/* The documented defaults of a configuration. */
#include "daemon/core/session.h"

#include "tests/lib/run.h"

START_TEST(defaults)
{
	struct session *session = session_new();

	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(session->kind, TRANSFER_SESSION_BACKGROUND);
	ck_assert_int_eq(session->state, TRANSFER_SESSION_STATE_ACTIVE);
	ck_assert_uint_eq(session->config.request_timeout_us, UINT64_C(60000000));
	ck_assert_uint_eq(session->config.resource_timeout_us, UINT64_C(604800000000)); /* BT-43 */
	ck_assert_uint_eq(session->config.max_connections_per_host, 6);
	ck_assert_uint_eq(session->config.max_rate_bps, 0);
	ck_assert_int_eq(session->config.upload_copy, TASK_UPLOAD_COPY_SNAPSHOT);
	ck_assert(session->config.allows_metered);
	ck_assert(!session->config.allow_insecure && !session->config.discretionary &&
		!session->config.retry_http_errors);
	session_free(session);
	session_free(NULL);
}
END_TEST

RUN_TESTS("daemon/core/session", TEST(defaults))
