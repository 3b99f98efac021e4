/* SPDX-License-Identifier: MIT */
/* Configurations: checked setters whose first failure sticks. Not locked: one thread at a time changes one. */
#include "client-lib/configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

#define CONFIGURATION_NAME_MAX_BYTES 255

static void config_free(struct transfer_config *config)
{
	free(config->identifier);
	free(config->app_id);
	free(config->ca_file);
	free(config->cookie_store);
	text_headers_done(&config->headers);
	free(config);
}

REF_DEFINE(transfer_config, config_free)

static int stick(struct transfer_config *config, int r)
{
	if (r && !config->status)
		config->status = r;
	return r;
}

transfer_config *transfer_config_new_background(const char *identifier)
{
	struct transfer_config *config = calloc(1, sizeof(*config));
	int r = -EINVAL;

	if (!config)
		return NULL;
	ref_init(&config->ref);
	config->accepts_cookies = TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN;
	if (identifier && *identifier)
		r = text_set(&config->identifier, identifier, CONFIGURATION_NAME_MAX_BYTES);
	if (!r && program_invocation_short_name && *program_invocation_short_name &&
		utf8_is_valid(program_invocation_short_name))
		r = text_set(&config->app_id, program_invocation_short_name,
			CONFIGURATION_NAME_MAX_BYTES);
	if (r == -ENOMEM) {
		config_free(config);
		return NULL;
	}
	stick(config, r);
	return config;
}

transfer_config *transfer_config_copy(const transfer_config *config)
{
	struct transfer_config *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	memcpy(copy, config, sizeof(*copy));
	ref_init(&copy->ref);
	copy->headers = (struct text_headers){ 0 };
	copy->identifier = config->identifier ? strdup(config->identifier) : NULL;
	copy->app_id = config->app_id ? strdup(config->app_id) : NULL;
	copy->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
	copy->cookie_store = config->cookie_store ? strdup(config->cookie_store) : NULL;
	if ((config->identifier && !copy->identifier) || (config->app_id && !copy->app_id) ||
		(config->ca_file && !copy->ca_file) ||
		(config->cookie_store && !copy->cookie_store) ||
		text_headers_copy(&copy->headers, &config->headers)) {
		config_free(copy);
		return NULL;
	}
	return copy;
}

const char *transfer_config_get_identifier(const transfer_config *config)
{
	return config->identifier;
}

int transfer_config_set_app_id(transfer_config *config, const char *app_id)
{
	if (app_id && !*app_id)
		return stick(config, -EINVAL);
	if (!app_id)
		app_id = program_invocation_short_name;
	return stick(config, text_set(&config->app_id, app_id, CONFIGURATION_NAME_MAX_BYTES));
}

int transfer_config_set_header(transfer_config *config, const char *name, const char *value)
{
	return stick(config, text_headers_set(&config->headers, name, value));
}

int transfer_config_set_request_timeout(transfer_config *config, uint64_t timeout_usec)
{
	config->request_timeout_us = timeout_usec;
	return 0;
}

int transfer_config_set_resource_timeout(transfer_config *config, uint64_t timeout_usec)
{
	config->resource_timeout_us = timeout_usec;
	return 0;
}

int transfer_config_set_max_connections_per_host(
	transfer_config *config, unsigned int n_connections)
{
	config->max_connections_per_host = n_connections;
	return 0;
}

int transfer_config_set_max_rate(transfer_config *config, uint64_t rate_bps)
{
	config->max_rate_bps = rate_bps;
	return 0;
}

int transfer_config_set_allow_insecure(transfer_config *config, bool allow)
{
	config->allow_insecure = allow;
	return 0;
}

int transfer_config_set_ca_file(transfer_config *config, const char *path)
{
	return stick(config, text_set_path(&config->ca_file, path));
}

int transfer_config_set_retry_http_errors(transfer_config *config, bool retry)
{
	config->retry_http_errors = retry;
	return 0;
}

int transfer_config_set_upload_copy(transfer_config *config, enum transfer_upload_copy copy)
{
	if (copy != TRANSFER_UPLOAD_COPY_SNAPSHOT && copy != TRANSFER_UPLOAD_COPY_NONE)
		return stick(config, -EINVAL);
	config->upload_copy = copy;
	return 0;
}

int transfer_config_set_cookie_store(transfer_config *config, const char *name)
{
	return stick(config,
		text_set(&config->cookie_store, name ? name : "", CONFIGURATION_NAME_MAX_BYTES));
}

const char *transfer_config_get_cookie_store(const transfer_config *config)
{
	if (!config->cookie_store)
		return "shared";
	return config->cookie_store[0] ? config->cookie_store : NULL;
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
		return stick(config, -EINVAL);
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

int configuration_to_ipc(const struct transfer_config *config, struct arena *arena,
	struct ipc_manager_open_session_in *ret_in)
{
	struct ipc_manager_open_session_in in = {
		.kind = "background",
		.identifier = config->identifier,
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
	*ret_in = in;
	return 0;
}
