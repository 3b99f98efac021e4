/* SPDX-License-Identifier: MIT */
/* Configurations: identifiers, what sticks, what goes onto the bus. */
#include "client-lib/configuration.h"

#include <errno.h>
#include <string.h>

#include <transfer/configuration-network.h>
#include <transfer/configuration-store.h>

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
	ck_assert_str_eq(transfer_config_get_app_id(copy), "org.example.App");
	ck_assert_str_eq(transfer_config_get_header(copy, "x-a"), "b");
	ck_assert_uint_eq(transfer_config_get_request_timeout(copy), 1);
	ck_assert_uint_eq(transfer_config_get_resource_timeout(copy), 2);
	ck_assert_uint_eq(transfer_config_get_max_connections_per_host(copy), 3);
	ck_assert_uint_eq(transfer_config_get_max_rate(copy), 4);
	ck_assert(transfer_config_get_allow_insecure(copy));
	ck_assert_str_eq(transfer_config_get_ca_file(copy), "/ca.pem");
	ck_assert(transfer_config_get_retry_http_errors(copy));
	ck_assert_int_eq(transfer_config_get_upload_copy(copy), TRANSFER_UPLOAD_COPY_NONE);
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

static const struct {
	transfer_config *(*make)(void);
	enum transfer_session_kind kind;
	const char *word;
} kinds[] = {
	{ transfer_config_new_default, TRANSFER_SESSION_DEFAULT, "default" },
	{ transfer_config_new_ephemeral, TRANSFER_SESSION_EPHEMERAL, "ephemeral" },
};

static int count_field(const char *name, const char *value, void *userdata)
{
	++*(int *)userdata;
	return name && value ? 0 : -1;
}

/* Each call makes a new one, and what is said of one is not said of another. */
START_TEST(begins_as_documented)
{
	transfer_auto(transfer_config) other = kinds[_i].make();
	transfer_auto(transfer_config) config = kinds[_i].make();
	struct ipc_manager_open_session_in in;
	struct arena arena = { 0 };
	int n_fields = 0;

	transfer_config_set_app_id(other, "org.example.Other");
	transfer_config_set_header(other, "X-A", "a");
	transfer_config_set_request_timeout(other, 1);
	ck_assert_int_eq(transfer_config_set_max_connections_per_host(other, 64), 0);
	transfer_config_set_max_connections_per_host(other, 1);
	ck_assert_int_eq(transfer_config_get_kind(config), kinds[_i].kind);
	ck_assert_ptr_null(transfer_config_get_identifier(config));
	ck_assert_ptr_null(transfer_config_get_app_id(config));
	ck_assert_uint_eq(transfer_config_get_request_timeout(config), 60000000);
	ck_assert_uint_eq(transfer_config_get_resource_timeout(config), 604800000000);
	ck_assert_uint_eq(transfer_config_get_max_connections_per_host(config), 6);
	ck_assert_uint_eq(transfer_config_get_max_rate(config), 0);
	ck_assert(!transfer_config_get_allow_insecure(config));
	ck_assert(!transfer_config_get_retry_http_errors(config));
	ck_assert_ptr_null(transfer_config_get_ca_file(config));
	ck_assert_int_eq(transfer_config_get_upload_copy(config), TRANSFER_UPLOAD_COPY_SNAPSHOT);
	ck_assert_int_eq(transfer_config_foreach_header(config, count_field, &n_fields), 0);
	ck_assert_int_eq(n_fields, 0);
	ck_assert_int_eq(transfer_config_foreach_header(other, count_field, &n_fields), 0);
	ck_assert_int_eq(n_fields, 1);
	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), 0);
	ck_assert_str_eq(in.kind, kinds[_i].word);
	ck_assert_str_eq(in.identifier, "");
	ck_assert_ptr_nonnull(in.options.app_id);
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
	ck_assert_int_eq(transfer_config_set_max_connections_per_host(config, 65), -EINVAL);
	ck_assert_int_eq(transfer_config_get_status(config), -EINVAL);
	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), -EINVAL);
}
END_TEST

/* What was not said is left out; a background session says all but that it waits, which it does. */
START_TEST(says_what_is_of_networks)
{
	transfer_auto(transfer_config) config = configuration_new(
		_i ? TRANSFER_SESSION_BACKGROUND : TRANSFER_SESSION_DEFAULT, "a");
	struct ipc_manager_open_session_in in;
	struct ipc_configuration *c = &in.configuration;
	struct arena arena = { 0 };

	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), 0);
	ck_assert(!c->has_waits_for_connectivity && !c->cache_policy && !c->service_type);
	ck_assert(!c->tls_minimum && !c->tls_maximum && !c->proxy && !c->proxy_exceptions);
	transfer_config_set_waits_for_connectivity(config, true);
	transfer_config_set_cache_policy(config, TRANSFER_CACHE_RELOAD);
	transfer_config_set_service_type(config, TRANSFER_SERVICE_VIDEO);
	transfer_config_set_tls_minimum(config, TRANSFER_TLS_1_2);
	transfer_config_set_tls_maximum(config, TRANSFER_TLS_1_3);
	transfer_config_set_proxy(config, "");
	transfer_config_set_proxy_exceptions(config, "a,b");
	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), 0);
	ck_assert_int_eq(c->has_waits_for_connectivity && c->waits_for_connectivity, !_i);
	ck_assert_str_eq(c->cache_policy, "reload");
	ck_assert_str_eq(c->service_type, "video");
	ck_assert_str_eq(c->tls_minimum, "1.2");
	ck_assert_str_eq(c->tls_maximum, "1.3");
	ck_assert_str_eq(c->proxy, "");
	ck_assert_str_eq(c->proxy_exceptions, "a,b");
	arena_done(&arena);
}
END_TEST

RUN_TESTS("client-lib/configuration", TEST_EACH(checks_the_identifier, names),
	TEST(goes_onto_the_bus), TEST_EACH(begins_as_documented, kinds),
	TEST_LOOP(says_what_is_of_networks, 2), TEST(keeps_the_first_failure))
