/* SPDX-License-Identifier: MIT */
/* Properties of configurations about what is kept, where, and who is woken. */
#include <transfer/configuration-store.h>

#include <errno.h>

#include "client-lib/configuration.h"
#include "client-lib/words.h"
#include "ipc/bus.h"

#define STORE_SHARED "shared"

/* A store of the application by its name; "" is how none is kept, and what an ephemeral session calls its own. */
static int set_store(struct transfer_config *config, char **store, const char *name)
{
	bool is_own = config->kind == TRANSFER_SESSION_EPHEMERAL && name && !*name;

	return configuration_stick(config,
		text_set(store,
			is_own         ? NULL
				: name ? name
				       : "",
			CONFIGURATION_NAME_MAX_BYTES));
}

static const char *get_store(const struct transfer_config *config, const char *store)
{
	if (store)
		return *store ? store : NULL;
	return config->kind == TRANSFER_SESSION_EPHEMERAL ? "" : STORE_SHARED;
}

int transfer_config_set_cookie_store(transfer_config *config, const char *name)
{
	return set_store(config, &config->cookie_store, name);
}

const char *transfer_config_get_cookie_store(const transfer_config *config)
{
	return get_store(config, config->cookie_store);
}

int transfer_config_set_cache(transfer_config *config, const char *name)
{
	config->has_own_cache = name && !*name;
	return set_store(config, &config->cache, name);
}

int transfer_config_set_cache_object(transfer_config *config, const transfer_cache *cache)
{
	transfer_cache_unref(config->cache_object);
	config->cache_object = transfer_cache_ref(cache);
	return 0;
}

transfer_cache *transfer_config_get_cache_object(const transfer_config *config)
{
	return config->cache_object;
}

const char *transfer_config_get_cache(const transfer_config *config)
{
	if (config->has_own_cache)
		return "";
	return config->cache && *config->cache ? config->cache : NULL;
}

int transfer_config_set_credential_store(transfer_config *config, const char *name)
{
	return set_store(config, &config->credential_store, name);
}

const char *transfer_config_get_credential_store(const transfer_config *config)
{
	return get_store(config, config->credential_store);
}

int transfer_config_set_cache_policy(transfer_config *config, enum transfer_cache_policy policy)
{
	if (!words_cache_policy(policy))
		return configuration_stick(config, -EINVAL);
	config->cache_policy = policy;
	return 0;
}

enum transfer_cache_policy transfer_config_get_cache_policy(const transfer_config *config)
{
	return config->cache_policy;
}

int transfer_config_set_shared_container(transfer_config *config, const char *name)
{
	return configuration_stick(
		config, text_set(&config->shared_container, name, CONFIGURATION_NAME_MAX_BYTES));
}

const char *transfer_config_get_shared_container(const transfer_config *config)
{
	return config->shared_container;
}

int transfer_config_set_launch(transfer_config *config, const char *bus_name)
{
	if (bus_name && !ipc_bus_is_name(bus_name))
		return configuration_stick(config, -EINVAL);
	return configuration_stick(
		config, text_set(&config->launch, bus_name, CONFIGURATION_NAME_MAX_BYTES));
}

const char *transfer_config_get_launch(const transfer_config *config)
{
	return config->launch;
}

int transfer_config_add_protocol(transfer_config *config, const struct transfer_protocol *protocol)
{
	if (config->kind == TRANSFER_SESSION_BACKGROUND)
		return configuration_stick(config, -EOPNOTSUPP);
	return configuration_stick(config, load_classes_add(&config->protocols, protocol));
}

void transfer_config_clear_protocols(transfer_config *config)
{
	load_classes_done(&config->protocols);
}

size_t transfer_config_get_n_protocols(const transfer_config *config)
{
	return config->protocols.n;
}
