/* SPDX-License-Identifier: MIT */
/* Properties of configurations about networks: presets, what is taken and given back, what is refused and sticks. */
#include <transfer/configuration-network.h>

#include <errno.h>
#include <string.h>

#include "client-lib/configuration.h"
#include "tests/lib/run.h"

typedef int (*set_switch)(transfer_config *config, bool value);
typedef bool (*get_switch)(const transfer_config *config);

static const struct {
	set_switch set;
	get_switch get;
	bool preset;
} switches[] = {
#define SWITCH(name, preset) { transfer_config_set_##name, transfer_config_get_##name, preset },
	SWITCH(waits_for_connectivity, false) SWITCH(allows_cellular, true) SWITCH(allows_expensive,
		true) SWITCH(allows_constrained, true) SWITCH(allows_ultra_constrained, true)
		SWITCH(discretionary, false) SWITCH(pipelining, false) SWITCH(early_data, false)
			SWITCH(classic_loading, true) SWITCH(extended_idle, false)
};

START_TEST(a_switch_is_kept)
{
	transfer_config *config = transfer_config_new_default();
	transfer_auto(transfer_config) copy = NULL;

	ck_assert_int_eq(switches[_i].get(config), switches[_i].preset);
	ck_assert_int_eq(switches[_i].set(config, !switches[_i].preset), 0);
	copy = transfer_config_copy(config);
	transfer_config_unref(config);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		ck_assert_int_eq(switches[i].get(copy), switches[i].preset != (i == (size_t)_i));
	ck_assert_int_eq(transfer_config_get_status(copy), 0);
}
END_TEST

static int set_proxy(transfer_config *config, const char *value)
{
	return transfer_config_set_proxy(config, value);
}

static int set_exceptions(transfer_config *config, const char *value)
{
	return transfer_config_set_proxy_exceptions(config, value);
}

static const struct {
	int (*set)(transfer_config *config, const char *value);
	const char *(*get)(const transfer_config *config);
	const char *value;
	int want;
} texts[] = {
#define PROXY(value, want) \
	{ \
		set_proxy, transfer_config_get_proxy, value, want \
	}
	PROXY(NULL, 0),
	PROXY("", 0),
	PROXY("http://proxy.example.org:3128", 0),
	PROXY("http://proxy.example.org:3128/", 0),
	PROXY("https://127.0.0.1:1", 0),
	PROXY("socks4a://p:65535", 0),
	PROXY("socks5h://[::1]:1080", 0),
	PROXY("socks5://p:1", -EINVAL),
	PROXY("ftp://p:1", -EINVAL),
	PROXY("p:1", -EINVAL),
	PROXY("http://", -EINVAL),
	PROXY("http://p", -EINVAL),
	PROXY("http://:1", -EINVAL),
	PROXY("http://p:", -EINVAL),
	PROXY("http://p:0", -EINVAL),
	PROXY("http://p:65536", -EINVAL),
	PROXY("http://p:99999999999999999999", -EINVAL),
	PROXY("http://p:-1", -EINVAL),
	PROXY("http://p:1x", -EINVAL),
	PROXY("http://p:1/path", -EINVAL),
	PROXY("http://user@p:1", -EINVAL),
	PROXY("http://user:secret@p:1", -EINVAL),
	PROXY("http://p/q:1", -EINVAL),
	PROXY("http://p p:1", -EINVAL),
	PROXY("http://p\n:1", -EINVAL),
	PROXY("http://[::1:1", -EINVAL),
	PROXY("http://[]:1", -EINVAL),
	PROXY("http://[::1]", -EINVAL),
	PROXY("http://\xff:1", -EINVAL),
#define EXCEPTIONS(value, want) \
	{ \
		set_exceptions, transfer_config_get_proxy_exceptions, value, want \
	}
	EXCEPTIONS("localhost,.example.org", 0),
	EXCEPTIONS(NULL, 0),
	EXCEPTIONS("\xff", -EINVAL),
};

START_TEST(checks_proxies)
{
	transfer_auto(transfer_config) config = transfer_config_new_ephemeral();
	transfer_auto(transfer_config) copy = NULL;

	ck_assert_ptr_null(texts[_i].get(config));
	ck_assert_int_eq(texts[_i].set(config, texts[_i].value), texts[_i].want);
	ck_assert_int_eq(transfer_config_get_status(config), texts[_i].want);
	copy = transfer_config_copy(config);
	if (texts[_i].want || !texts[_i].value)
		ck_assert_ptr_null(texts[_i].get(copy));
	else
		ck_assert_str_eq(texts[_i].get(copy), texts[_i].value);
}
END_TEST

static int set_service(transfer_config *config, int value)
{
	return transfer_config_set_service_type(config, (enum transfer_service_type)value);
}

static int get_service(const transfer_config *config)
{
	return (int)transfer_config_get_service_type(config);
}

static int set_minimum(transfer_config *config, int value)
{
	return transfer_config_set_tls_minimum(config, (enum transfer_tls_version)value);
}

static int get_minimum(const transfer_config *config)
{
	return (int)transfer_config_get_tls_minimum(config);
}

static int set_maximum(transfer_config *config, int value)
{
	return transfer_config_set_tls_maximum(config, (enum transfer_tls_version)value);
}

static int get_maximum(const transfer_config *config)
{
	return (int)transfer_config_get_tls_maximum(config);
}

static int set_dnssec(transfer_config *config, int value)
{
	return transfer_config_set_requires_dnssec(config, value);
}

static int get_dnssec(const transfer_config *config)
{
	return transfer_config_get_requires_dnssec(config);
}

static const struct {
	int (*set)(transfer_config *config, int value);
	int (*get)(const transfer_config *config);
	int value, want;
} numbers[] = {
	{ set_service, get_service, TRANSFER_SERVICE_VOIP, 0 },
	{ set_service, get_service, TRANSFER_SERVICE_CALL_SIGNALING, 0 },
	{ set_service, get_service, TRANSFER_SERVICE_DEFAULT, 0 },
	{ set_service, get_service, 5, -EINVAL },
	{ set_service, get_service, 12, -EINVAL },
	{ set_service, get_service, -1, -EINVAL },
	{ set_minimum, get_minimum, TRANSFER_TLS_DEFAULT, 0 },
	{ set_minimum, get_minimum, TRANSFER_TLS_1_0, -EOPNOTSUPP },
	{ set_minimum, get_minimum, TRANSFER_TLS_1_1, -EOPNOTSUPP },
	{ set_minimum, get_minimum, TRANSFER_TLS_1_2, 0 },
	{ set_minimum, get_minimum, TRANSFER_TLS_1_3, 0 },
	{ set_minimum, get_minimum, 0x0305, -EINVAL },
	{ set_maximum, get_maximum, TRANSFER_TLS_1_1, -EOPNOTSUPP },
	{ set_maximum, get_maximum, TRANSFER_TLS_1_2, 0 },
	{ set_maximum, get_maximum, TRANSFER_TLS_1_3, 0 },
	{ set_maximum, get_maximum, 3, -EINVAL },
	{ transfer_config_set_multipath, transfer_config_get_multipath, 3, 0 },
	{ transfer_config_set_multipath, transfer_config_get_multipath, 4, -EINVAL },
	{ transfer_config_set_multipath, transfer_config_get_multipath, -1, -EINVAL },
	{ set_dnssec, get_dnssec, false, 0 },
	{ set_dnssec, get_dnssec, true, -EOPNOTSUPP },
};

START_TEST(checks_numbers)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_config) copy = NULL;

	ck_assert_int_eq(numbers[_i].get(config), 0);
	ck_assert_int_eq(numbers[_i].set(config, numbers[_i].value), numbers[_i].want);
	ck_assert_int_eq(transfer_config_get_status(config), numbers[_i].want);
	copy = transfer_config_copy(config);
	ck_assert_int_eq(numbers[_i].get(copy), numbers[_i].want ? 0 : numbers[_i].value);
}
END_TEST

/* A pair that no server can meet is not left for the first task to find. */
START_TEST(the_least_is_not_above_the_greatest)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_config) other = transfer_config_new_default();

	ck_assert_int_eq(set_maximum(config, TRANSFER_TLS_1_2), 0);
	ck_assert_int_eq(set_minimum(config, TRANSFER_TLS_1_2), 0);
	ck_assert_int_eq(set_minimum(config, TRANSFER_TLS_1_3), -EINVAL);
	ck_assert_int_eq(get_minimum(config), TRANSFER_TLS_1_2);
	ck_assert_int_eq(transfer_config_get_status(config), -EINVAL);
	ck_assert_int_eq(set_minimum(other, TRANSFER_TLS_1_3), 0);
	ck_assert_int_eq(set_maximum(other, TRANSFER_TLS_1_2), -EINVAL);
	ck_assert_int_eq(get_maximum(other), TRANSFER_TLS_DEFAULT);
	ck_assert_int_eq(set_minimum(other, TRANSFER_TLS_DEFAULT), 0);
	ck_assert_int_eq(set_maximum(other, TRANSFER_TLS_1_2), 0);
	ck_assert_int_eq(transfer_config_get_status(other), -EINVAL);
}
END_TEST

RUN_TESTS("client-lib/configuration-network", TEST_EACH(a_switch_is_kept, switches),
	TEST_EACH(checks_proxies, texts), TEST_EACH(checks_numbers, numbers),
	TEST(the_least_is_not_above_the_greatest))
