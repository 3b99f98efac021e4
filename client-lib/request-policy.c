/* SPDX-License-Identifier: MIT */
/* How a request may be served, and what hangs on it. Properties are counted: copies of a request have the same ones. */
#include <transfer/request-policy.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "client-lib/litter.h"
#include "client-lib/request.h"
#include "client-lib/words.h"

#define POLICY_NAME_MAX_BYTES 255

struct request_property {
	struct litter litter;
	struct ref ref;
	void *value;
	transfer_destroy destroy;
	char key[];
};

#define SWITCH_FUNCTIONS(name, preset) \
	int transfer_request_set_##name(transfer_request *request, bool value) \
	{ \
		request->name = value; \
		return 0; \
	} \
\
	bool transfer_request_get_##name(const transfer_request *request) \
	{ \
		return request->name; \
	}

REQUEST_SWITCHES(SWITCH_FUNCTIONS)

int transfer_request_set_cache_policy(transfer_request *request, enum transfer_cache_policy policy)
{
	if (!words_cache_policy(policy))
		return request_stick(request, -EINVAL);
	request->cache_policy = policy;
	return 0;
}

enum transfer_cache_policy transfer_request_get_cache_policy(const transfer_request *request)
{
	return request->cache_policy;
}

int transfer_request_set_service_type(transfer_request *request, enum transfer_service_type type)
{
	if (!words_service_type(type))
		return request_stick(request, -EINVAL);
	request->service_type = type;
	return 0;
}

enum transfer_service_type transfer_request_get_service_type(const transfer_request *request)
{
	return request->service_type;
}

int transfer_request_set_requires_dnssec(transfer_request *request, bool require)
{
	return request_stick(request, require ? -EOPNOTSUPP : 0);
}

bool transfer_request_get_requires_dnssec(const transfer_request *request)
{
	(void)request;
	return false;
}

int transfer_request_set_attribution(transfer_request *request, int who)
{
	if (who != 0 && who != 1)
		return request_stick(request, -EINVAL);
	request->attribution = who;
	return 0;
}

int transfer_request_get_attribution(const transfer_request *request)
{
	return request->attribution;
}

int transfer_request_set_cookie_partition(transfer_request *request, const char *name)
{
	return request_stick(
		request, text_set(&request->cookie_partition, name, POLICY_NAME_MAX_BYTES));
}

const char *transfer_request_get_cookie_partition(const transfer_request *request)
{
	return request->cookie_partition;
}

/* litter is its first member. */
static void destroy_value(struct litter *litter)
{
	struct request_property *property = (struct request_property *)(void *)litter;

	property->destroy(property->value);
	free(property);
}

static void property_unref(struct request_property *property)
{
	if (!ref_put(&property->ref))
		return;
	if (!property->destroy)
		free(property);
	else if (!litter_put_off(&property->litter, destroy_value))
		destroy_value(&property->litter);
}

static size_t find_property(const struct transfer_request *request, const char *key)
{
	size_t i = 0;

	while (i < request->n_properties && strcmp(request->properties[i]->key, key))
		i++;
	return i;
}

static int add_property(struct transfer_request *request, struct request_property *property)
{
	struct request_property **grown = realloc(
		request->properties, (request->n_properties + 1) * sizeof(*request->properties));

	if (!grown)
		return -ENOMEM;
	request->properties = grown;
	request->properties[request->n_properties++] = property;
	return 0;
}

static struct request_property *property_new(const char *key, void *value, transfer_destroy destroy)
{
	size_t n = strlen(key) + 1;
	struct request_property *property = malloc(sizeof(*property) + n);

	if (!property)
		return NULL;
	ref_init(&property->ref);
	property->value = value;
	property->destroy = destroy;
	memcpy(property->key, key, n);
	return property;
}

int transfer_request_set_property(
	transfer_request *request, const char *key, void *value, transfer_destroy destroy)
{
	struct request_property *property = NULL, *old = NULL;
	size_t i;

	if (!key || !*key || !utf8_is_valid(key))
		return request_stick(request, -EINVAL);
	if (value) {
		property = property_new(key, value, destroy);
		if (!property)
			return request_stick(request, -ENOMEM);
	}
	i = find_property(request, key);
	if (i < request->n_properties) {
		old = request->properties[i];
		request->properties[i] = property ? property
						  : request->properties[--request->n_properties];
	} else if (property && add_property(request, property)) {
		free(property);
		return request_stick(request, -ENOMEM);
	}
	if (old)
		property_unref(old);
	return 0;
}

void *transfer_request_get_property(const transfer_request *request, const char *key)
{
	size_t i = key ? find_property(request, key) : request->n_properties;

	return i < request->n_properties ? request->properties[i]->value : NULL;
}

int request_properties_copy(struct transfer_request *to, const struct transfer_request *from)
{
	for (size_t i = 0; i < from->n_properties; i++) {
		if (add_property(to, from->properties[i]))
			return -ENOMEM;
		ref_get(&from->properties[i]->ref);
	}
	return 0;
}

void request_properties_done(struct transfer_request *request)
{
	for (size_t i = 0; i < request->n_properties; i++)
		property_unref(request->properties[i]);
	free(request->properties);
}
