/* SPDX-License-Identifier: MIT */
/*
 * Properties of configurations about networks. Those that Linux has nothing for are kept and given back; what would be a
 * promise that nobody keeps is refused.
 */
#include <transfer/configuration-network.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/configuration-store.h>

#include "client-lib/configuration.h"
#include "client-lib/words.h"

#define NETWORK_PROXY_MAX_BYTES 4096
#define NETWORK_MULTIPATH_MAX   3
#define NETWORK_PORT_MAX        65535

#define SWITCH_FUNCTIONS(name, preset) \
	int transfer_config_set_##name(transfer_config *config, bool value) \
	{ \
		config->name = value; \
		return 0; \
	} \
\
	bool transfer_config_get_##name(const transfer_config *config) \
	{ \
		return config->name; \
	}

CONFIGURATION_SWITCHES(SWITCH_FUNCTIONS)

int transfer_config_set_requires_dnssec(transfer_config *config, bool require)
{
	return configuration_stick(config, require ? -EOPNOTSUPP : 0);
}

bool transfer_config_get_requires_dnssec(const transfer_config *config)
{
	(void)config;
	return false;
}

int transfer_config_set_service_type(transfer_config *config, enum transfer_service_type type)
{
	if (!words_service_type(type))
		return configuration_stick(config, -EINVAL);
	config->service_type = type;
	return 0;
}

enum transfer_service_type transfer_config_get_service_type(const transfer_config *config)
{
	return config->service_type;
}

int transfer_config_set_multipath(transfer_config *config, int type)
{
	if (type < 0 || type > NETWORK_MULTIPATH_MAX)
		return configuration_stick(config, -EINVAL);
	config->multipath = type;
	return 0;
}

int transfer_config_get_multipath(const transfer_config *config)
{
	return config->multipath;
}

static bool is_port(const char *text)
{
	char *end;
	long port;

	if (strspn(text, "0123456789") == 0)
		return false;
	port = strtol(text, &end, 10);
	return port > 0 && port <= NETWORK_PORT_MAX && (!*end || !strcmp(end, "/"));
}

/* host:port or [address]:port; nothing that could be a user, a path or a query. */
static bool is_host_and_port(const char *text)
{
	size_t n = strcspn(text, ":");

	if (text[0] == '[') {
		n = strspn(text + 1, "0123456789abcdefABCDEF:.") + 1;
		return n > 1 && text[n] == ']' && text[n + 1] == ':' && is_port(text + n + 2);
	}
	return n > 0 && text[n] && strcspn(text, "@/?#%[]\\\"<> \t\r\n") > n &&
		is_port(text + n + 1);
}

static bool is_proxy(const char *url)
{
	static const char *const schemes[] = { "http://", "https://", "socks4a://", "socks5h://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (!strncmp(url, schemes[i], n))
			return is_host_and_port(url + n);
	}
	return false;
}

int transfer_config_set_proxy(transfer_config *config, const char *url)
{
	if (url && *url && !is_proxy(url))
		return configuration_stick(config, -EINVAL);
	return configuration_stick(config, text_set(&config->proxy, url, NETWORK_PROXY_MAX_BYTES));
}

const char *transfer_config_get_proxy(const transfer_config *config)
{
	return config->proxy;
}

int transfer_config_set_proxy_exceptions(transfer_config *config, const char *hosts)
{
	return configuration_stick(
		config, text_set(&config->proxy_exceptions, hosts, NETWORK_PROXY_MAX_BYTES));
}

const char *transfer_config_get_proxy_exceptions(const transfer_config *config)
{
	return config->proxy_exceptions;
}

static int check_tls(enum transfer_tls_version version)
{
	if (!words_tls_version(version))
		return -EINVAL;
	return version == TRANSFER_TLS_1_0 || version == TRANSFER_TLS_1_1 ? -EOPNOTSUPP : 0;
}

/* Default has the number 0 and is no bound. */
static int check_order(enum transfer_tls_version minimum, enum transfer_tls_version maximum)
{
	return maximum != TRANSFER_TLS_DEFAULT && minimum > maximum ? -EINVAL : 0;
}

int transfer_config_set_tls_minimum(transfer_config *config, enum transfer_tls_version version)
{
	int r = check_tls(version);

	if (!r)
		r = check_order(version, config->tls_maximum);
	r = configuration_stick(config, r);
	if (!r)
		config->tls_minimum = version;
	return r;
}

enum transfer_tls_version transfer_config_get_tls_minimum(const transfer_config *config)
{
	return config->tls_minimum;
}

int transfer_config_set_tls_maximum(transfer_config *config, enum transfer_tls_version version)
{
	int r = check_tls(version);

	if (!r)
		r = check_order(config->tls_minimum, version);
	r = configuration_stick(config, r);
	if (!r)
		config->tls_maximum = version;
	return r;
}

enum transfer_tls_version transfer_config_get_tls_maximum(const transfer_config *config)
{
	return config->tls_maximum;
}
