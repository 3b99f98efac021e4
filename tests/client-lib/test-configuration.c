/* SPDX-License-Identifier: MIT */
/* Configurations: identifiers, what sticks, what goes onto the bus. */
#include "client-lib/configuration.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

static char long_name[257];

static const struct {
	const char *identifier;
	int want;
} names[] = {
	{ "com.example.a", 0 },
	{ NULL, -EINVAL },
	{ "", -EINVAL },
	{ "\xff", -EINVAL },
	{ long_name, -EINVAL },
};

START_TEST(checks_the_identifier)
{
	transfer_auto(transfer_config) config = NULL;

	memset(long_name, 'x', sizeof(long_name) - 1);
	config = transfer_config_new_background(names[_i].identifier);
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(transfer_config_get_status(config), names[_i].want);
	if (!names[_i].want)
		ck_assert_str_eq(transfer_config_get_identifier(config), names[_i].identifier);
}
END_TEST

START_TEST(goes_onto_the_bus)
{
	transfer_config *config = transfer_config_new_background("com.example.a");
	transfer_auto(transfer_config) copy = NULL;
	struct ipc_manager_open_session_in in;
	struct arena arena = { 0 };

	ck_assert_int_eq(transfer_config_set_app_id(config, "org.example.App"), 0);
	ck_assert_int_eq(transfer_config_set_header(config, "X-A", "a"), 0);
	ck_assert_int_eq(transfer_config_set_header(config, "X-A", "b"), 0);
	ck_assert_int_eq(transfer_config_set_request_timeout(config, 1), 0);
	ck_assert_int_eq(transfer_config_set_resource_timeout(config, 2), 0);
	ck_assert_int_eq(transfer_config_set_max_connections_per_host(config, 3), 0);
	ck_assert_int_eq(transfer_config_set_max_rate(config, 4), 0);
	ck_assert_int_eq(transfer_config_set_allow_insecure(config, true), 0);
	ck_assert_int_eq(transfer_config_set_ca_file(config, "/ca.pem"), 0);
	ck_assert_int_eq(transfer_config_set_retry_http_errors(config, true), 0);
	ck_assert_int_eq(transfer_config_set_upload_copy(config, TRANSFER_UPLOAD_COPY_NONE), 0);
	ck_assert_str_eq(transfer_config_get_cookie_store(config), "shared");
	ck_assert(transfer_config_get_should_set_cookies(config));
	ck_assert_int_eq(transfer_config_get_cookie_accept_policy(config),
		TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN);
	ck_assert_int_eq(transfer_config_set_cookie_store(config, "own"), 0);
	ck_assert_int_eq(transfer_config_set_should_set_cookies(config, false), 0);
	ck_assert_int_eq(
		transfer_config_set_cookie_accept_policy(config, TRANSFER_COOKIE_ACCEPT_NEVER), 0);
	copy = transfer_config_copy(config);
	transfer_config_unref(config);
	ck_assert_int_eq(configuration_to_ipc(copy, &arena, &in), 0);
	ck_assert_str_eq(in.configuration.cookie_store, "own");
	ck_assert(in.configuration.has_should_set_cookies);
	ck_assert(!in.configuration.should_set_cookies);
	ck_assert_str_eq(in.configuration.cookie_accept_policy, "never");
	ck_assert_str_eq(in.kind, "background");
	ck_assert_str_eq(in.identifier, "com.example.a");
	ck_assert_str_eq(in.options.app_id, "org.example.App");
	ck_assert_uint_eq(in.configuration.n_headers, 1);
	ck_assert_str_eq(in.configuration.headers[0].value, "b");
	ck_assert_uint_eq(in.configuration.request_timeout_usec, 1);
	ck_assert_uint_eq(in.configuration.resource_timeout_usec, 2);
	ck_assert_uint_eq(in.configuration.max_connections_per_host, 3);
	ck_assert_uint_eq(in.configuration.max_rate_bps, 4);
	ck_assert(in.configuration.allow_insecure && in.configuration.retry_http_errors);
	ck_assert_str_eq(in.configuration.ca_file, "/ca.pem");
	ck_assert_str_eq(in.configuration.upload_copy, "none");
	arena_done(&arena);
}
END_TEST

START_TEST(keeps_the_first_failure)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("a");
	struct ipc_manager_open_session_in in;
	struct arena arena = { 0 };

	ck_assert_int_eq(transfer_config_set_ca_file(config, "relative"), -EINVAL);
	ck_assert_int_eq(transfer_config_set_ca_file(config, "/absolute"), 0);
	ck_assert_int_eq(transfer_config_set_app_id(config, ""), -EINVAL);
	ck_assert_int_eq(transfer_config_set_upload_copy(config, 9), -EINVAL);
	ck_assert_int_eq(transfer_config_get_status(config), -EINVAL);
	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), -EINVAL);
}
END_TEST

RUN_TESTS("client-lib/configuration", TEST_EACH(checks_the_identifier, names),
	TEST(goes_onto_the_bus), TEST(keeps_the_first_failure))
