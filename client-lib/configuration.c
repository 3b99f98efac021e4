/* SPDX-License-Identifier: MIT */
/* Configurations: checked setters whose first failure sticks. Not locked: one thread at a time changes one. */
#include "client-lib/configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/manager.h>

#include "base/utf8.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

#define CONFIGURATION_REQUEST_TIMEOUT_US  UINT64_C(60000000)
#define CONFIGURATION_RESOURCE_TIMEOUT_US (UINT64_C(7) * 24 * 60 * 60 * 1000000)
#define CONFIGURATION_CONNECTIONS         6

#define CONFIGURATION_TEXTS(X) \
	X(identifier) \
	X(app_id) \
	X(ca_file) \
	X(cookie_store) \
	X(cache) \
	X(credential_store) \
	X(proxy) \
	X(proxy_exceptions) \
	X(shared_container) \
	X(launch)

static void config_free(struct transfer_config *config)
{
#define TEXT_FREE(name) free(config->name);
	CONFIGURATION_TEXTS(TEXT_FREE)
	text_headers_done(&config->headers);
	load_classes_done(&config->protocols);
	transfer_cache_unref(config->cache_object);
	free(config);
}

REF_DEFINE(transfer_config, config_free)

int configuration_stick(struct transfer_config *config, int r)
{
	if (r && !config->status)
		config->status = r;
	return r;
}

transfer_config *configuration_new(enum transfer_session_kind kind, const char *identifier)
{
	struct transfer_config *config = calloc(1, sizeof(*config));
	int r = 0;

	if (!config)
		return NULL;
	ref_init(&config->ref);
	config->kind = kind;
	config->accepts_cookies = TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN;
#define SWITCH_PRESET(name, preset) config->name = (preset);
	CONFIGURATION_SWITCHES(SWITCH_PRESET)
	if (kind == TRANSFER_SESSION_BACKGROUND)
		r = identifier && *identifier
			? text_set(&config->identifier, identifier, CONFIGURATION_NAME_MAX_BYTES)
			: -EINVAL;
	if (!r && program_invocation_short_name && *program_invocation_short_name &&
		utf8_is_valid(program_invocation_short_name))
		r = text_set(&config->app_id, program_invocation_short_name,
			CONFIGURATION_NAME_MAX_BYTES);
	if (r == -ENOMEM) {
		config_free(config);
		return NULL;
	}
	configuration_stick(config, r);
	return config;
}

transfer_config *transfer_config_new_background(const char *identifier)
{
	return configuration_new(TRANSFER_SESSION_BACKGROUND, identifier);
}

transfer_config *transfer_config_new_default(void)
{
	return configuration_new(TRANSFER_SESSION_DEFAULT, NULL);
}

transfer_config *transfer_config_new_ephemeral(void)
{
	return configuration_new(TRANSFER_SESSION_EPHEMERAL, NULL);
}

transfer_config *transfer_config_copy(const transfer_config *config)
{
	struct transfer_config *copy = malloc(sizeof(*copy));
	bool is_whole = true;

	if (!copy)
		return NULL;
	memcpy(copy, config, sizeof(*copy));
	ref_init(&copy->ref);
	copy->headers = (struct text_headers){ 0 };
	copy->protocols = (struct load_classes){ 0 };
	transfer_cache_ref(copy->cache_object);
#define TEXT_COPY(name) \
	copy->name = config->name ? strdup(config->name) : NULL; \
	is_whole = is_whole && (!config->name || copy->name);
	CONFIGURATION_TEXTS(TEXT_COPY)
	if (!is_whole || text_headers_copy(&copy->headers, &config->headers) ||
		load_classes_copy(&copy->protocols, &config->protocols)) {
		config_free(copy);
		return NULL;
	}
	return copy;
}

const char *transfer_config_get_identifier(const transfer_config *config)
{
	return config->identifier;
}

enum transfer_session_kind transfer_config_get_kind(const transfer_config *config)
{
	return config->kind;
}

int transfer_config_set_app_id(transfer_config *config, const char *app_id)
{
	int r;

	if (app_id && !*app_id)
		return configuration_stick(config, -EINVAL);
	r = text_set(&config->app_id, app_id ? app_id : program_invocation_short_name,
		CONFIGURATION_NAME_MAX_BYTES);
	if (!r)
		config->has_app_id = app_id != NULL;
	return configuration_stick(config, r);
}

const char *transfer_config_get_app_id(const transfer_config *config)
{
	return config->has_app_id ? config->app_id : NULL;
}

int transfer_config_set_header(transfer_config *config, const char *name, const char *value)
{
	return configuration_stick(config, text_headers_set(&config->headers, name, value));
}

const char *transfer_config_get_header(const transfer_config *config, const char *name)
{
	return text_headers_get(&config->headers, name);
}

int transfer_config_foreach_header(const transfer_config *config,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata)
{
	return text_headers_each(&config->headers, each, userdata);
}

int transfer_config_set_request_timeout(transfer_config *config, uint64_t timeout_usec)
{
	config->request_timeout_us = timeout_usec;
	return 0;
}

uint64_t transfer_config_get_request_timeout(const transfer_config *config)
{
	return config->request_timeout_us ? config->request_timeout_us
					  : CONFIGURATION_REQUEST_TIMEOUT_US;
}

int transfer_config_set_resource_timeout(transfer_config *config, uint64_t timeout_usec)
{
	config->resource_timeout_us = timeout_usec;
	return 0;
}

uint64_t transfer_config_get_resource_timeout(const transfer_config *config)
{
	return config->resource_timeout_us ? config->resource_timeout_us
					   : CONFIGURATION_RESOURCE_TIMEOUT_US;
}

int transfer_config_set_max_connections_per_host(
	transfer_config *config, unsigned int n_connections)
{
	if (n_connections > CONFIGURATION_CONNECTIONS_MAX)
		return configuration_stick(config, -EINVAL);
	config->max_connections_per_host = n_connections;
	return 0;
}

unsigned int transfer_config_get_max_connections_per_host(const transfer_config *config)
{
	return config->max_connections_per_host ? config->max_connections_per_host
						: CONFIGURATION_CONNECTIONS;
}

int transfer_config_set_max_rate(transfer_config *config, uint64_t rate_bps)
{
	config->max_rate_bps = rate_bps;
	return 0;
}

uint64_t transfer_config_get_max_rate(const transfer_config *config)
{
	return config->max_rate_bps;
}

int transfer_config_set_allow_insecure(transfer_config *config, bool allow)
{
	config->allow_insecure = allow;
	return 0;
}

bool transfer_config_get_allow_insecure(const transfer_config *config)
{
	return config->allow_insecure;
}

int transfer_config_set_ca_file(transfer_config *config, const char *path)
{
	return configuration_stick(config, text_set_path(&config->ca_file, path));
}

const char *transfer_config_get_ca_file(const transfer_config *config)
{
	return config->ca_file;
}

int transfer_config_set_retry_http_errors(transfer_config *config, bool retry)
{
	config->retry_http_errors = retry;
	return 0;
}

bool transfer_config_get_retry_http_errors(const transfer_config *config)
{
	return config->retry_http_errors;
}

int transfer_config_set_upload_copy(transfer_config *config, enum transfer_upload_copy copy)
{
	if (copy != TRANSFER_UPLOAD_COPY_SNAPSHOT && copy != TRANSFER_UPLOAD_COPY_NONE)
		return configuration_stick(config, -EINVAL);
	config->upload_copy = copy;
	return 0;
}

enum transfer_upload_copy transfer_config_get_upload_copy(const transfer_config *config)
{
	return config->upload_copy;
}

int transfer_config_set_should_set_cookies(transfer_config *config, bool should)
{
	config->withholds_cookies = !should;
	return 0;
}

bool transfer_config_get_should_set_cookies(const transfer_config *config)
{
	return !config->withholds_cookies;
}

int transfer_config_set_cookie_accept_policy(
	transfer_config *config, enum transfer_cookie_accept policy)
{
	if (!words_cookie_accept(policy))
		return configuration_stick(config, -EINVAL);
	config->accepts_cookies = policy;
	config->has_accepts_cookies = true;
	return 0;
}

enum transfer_cookie_accept transfer_config_get_cookie_accept_policy(const transfer_config *config)
{
	return config->accepts_cookies;
}

int transfer_config_get_status(const transfer_config *config)
{
	return config->status;
}

/* What only sessions of a connection have goes out where it was set; a background session is refused with it, by name. */
static void live_to_ipc(const struct transfer_config *config, struct ipc_configuration *c)
{
	if (config->kind != TRANSFER_SESSION_BACKGROUND)
		c->waits_for_connectivity = c->has_waits_for_connectivity =
			config->waits_for_connectivity;
	if (config->cache_policy != TRANSFER_CACHE_USE_PROTOCOL)
		c->cache_policy = words_cache_policy(config->cache_policy);
	if (config->service_type != TRANSFER_SERVICE_DEFAULT)
		c->service_type = words_service_type(config->service_type);
	if (config->tls_minimum != TRANSFER_TLS_DEFAULT)
		c->tls_minimum = words_tls_version(config->tls_minimum);
	if (config->tls_maximum != TRANSFER_TLS_DEFAULT)
		c->tls_maximum = words_tls_version(config->tls_maximum);
	c->proxy = config->proxy;
	c->proxy_exceptions = config->proxy_exceptions;
}

int configuration_to_ipc(const struct transfer_config *config, struct arena *arena,
	struct ipc_manager_open_session_in *ret_in)
{
	struct ipc_manager_open_session_in in = {
		.kind = transfer_session_kind_get_name(config->kind),
		.identifier = config->identifier ? config->identifier : "",
		.options.app_id = config->app_id,
	};
	struct ipc_configuration *c = &in.configuration;
	int r = config->status;

	if (!r)
		r = text_headers_to_ipc(&config->headers, arena, &c->headers);
	if (r)
		return r;
	c->n_headers = config->headers.n_fields;
	c->request_timeout_usec = config->request_timeout_us;
	c->has_request_timeout_usec = config->request_timeout_us != 0;
	c->resource_timeout_usec = config->resource_timeout_us;
	c->has_resource_timeout_usec = config->resource_timeout_us != 0;
	c->max_connections_per_host = config->max_connections_per_host;
	c->has_max_connections_per_host = config->max_connections_per_host != 0;
	c->max_rate_bps = config->max_rate_bps;
	c->has_max_rate_bps = config->max_rate_bps != 0;
	c->allow_insecure = c->has_allow_insecure = config->allow_insecure;
	c->retry_http_errors = c->has_retry_http_errors = config->retry_http_errors;
	c->ca_file = config->ca_file;
	if (config->upload_copy == TRANSFER_UPLOAD_COPY_NONE)
		c->upload_copy = "none";
	c->cookie_store = config->cookie_store;
	if (config->withholds_cookies)
		c->has_should_set_cookies = true;
	if (config->has_accepts_cookies)
		c->cookie_accept_policy = words_cookie_accept(config->accepts_cookies);
	live_to_ipc(config, c);
	if (config->kind == TRANSFER_SESSION_BACKGROUND) {
		c->launch = config->sends_launch_events ? config->launch : NULL;
		c->discretionary = c->has_discretionary = config->discretionary;
	}
	*ret_in = in;
	return 0;
}
