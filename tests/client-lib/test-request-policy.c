/* SPDX-License-Identifier: MIT */
/* How a request may be served: presets, what is taken and refused; and what hangs on it, shared with its copies. */
#include <transfer/request-policy.h>

#include <errno.h>
#include <string.h>

#include "client-lib/request.h"
#include "tests/lib/run.h"

#define URL "https://example.org/"

static const struct {
	int (*set)(transfer_request *request, bool value);
	bool (*get)(const transfer_request *request);
	bool preset;
} switches[] = {
#define SWITCH(name, preset) \
	{ \
		transfer_request_set_##name, transfer_request_get_##name, preset \
	}
	SWITCH(allows_cellular, true),
	SWITCH(allows_expensive, true),
	SWITCH(allows_constrained, true),
	SWITCH(allows_ultra_constrained, true),
	SWITCH(assumes_http3, false),
	SWITCH(persistent_dns, false),
	SWITCH(pipelining, false),
};

START_TEST(a_switch_is_kept)
{
	transfer_request *request = transfer_request_new(URL);
	transfer_auto(transfer_request) copy = NULL;

	ck_assert_int_eq(switches[_i].get(request), switches[_i].preset);
	ck_assert_int_eq(switches[_i].set(request, !switches[_i].preset), 0);
	copy = transfer_request_copy(request);
	transfer_request_unref(request);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		ck_assert_int_eq(switches[i].get(copy), switches[i].preset != (i == (size_t)_i));
	ck_assert_int_eq(transfer_request_get_status(copy), 0);
}
END_TEST

static int set_policy(transfer_request *request, int value)
{
	return transfer_request_set_cache_policy(request, (enum transfer_cache_policy)value);
}

static int get_policy(const transfer_request *request)
{
	return (int)transfer_request_get_cache_policy(request);
}

static int set_service(transfer_request *request, int value)
{
	return transfer_request_set_service_type(request, (enum transfer_service_type)value);
}

static int get_service(const transfer_request *request)
{
	return (int)transfer_request_get_service_type(request);
}

static int set_dnssec(transfer_request *request, int value)
{
	return transfer_request_set_requires_dnssec(request, value);
}

static int get_dnssec(const transfer_request *request)
{
	return transfer_request_get_requires_dnssec(request);
}

#define ATTRIBUTION transfer_request_set_attribution, transfer_request_get_attribution

static const struct {
	int (*set)(transfer_request *request, int value);
	int (*get)(const transfer_request *request);
	int value, want;
} numbers[] = {
	{ set_policy, get_policy, TRANSFER_CACHE_RELOAD, 0 },
	{ set_policy, get_policy, TRANSFER_CACHE_REVALIDATE, 0 },
	{ set_policy, get_policy, 6, -EINVAL },
	{ set_policy, get_policy, -1, -EINVAL },
	{ set_service, get_service, TRANSFER_SERVICE_BACKGROUND, 0 },
	{ set_service, get_service, 7, -EINVAL },
	{ set_dnssec, get_dnssec, false, 0 },
	{ set_dnssec, get_dnssec, true, -EOPNOTSUPP },
	{ ATTRIBUTION, 0, 0 },
	{ ATTRIBUTION, 1, 0 },
	{ ATTRIBUTION, 2, -EINVAL },
	{ ATTRIBUTION, -1, -EINVAL },
};

START_TEST(checks_numbers)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL);
	transfer_auto(transfer_request) copy = NULL;

	ck_assert_int_eq(numbers[_i].get(request), 0);
	ck_assert_int_eq(numbers[_i].set(request, numbers[_i].value), numbers[_i].want);
	ck_assert_int_eq(transfer_request_get_status(request), numbers[_i].want);
	copy = transfer_request_copy(request);
	ck_assert_int_eq(numbers[_i].get(copy), numbers[_i].want ? 0 : numbers[_i].value);
}
END_TEST

START_TEST(names_a_part_of_the_store)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL);
	transfer_auto(transfer_request) copy = NULL;

	ck_assert_ptr_null(transfer_request_get_cookie_partition(request));
	ck_assert_int_eq(transfer_request_set_cookie_partition(request, "tab"), 0);
	copy = transfer_request_copy(request);
	ck_assert_str_eq(transfer_request_get_cookie_partition(copy), "tab");
	ck_assert_int_eq(transfer_request_set_cookie_partition(copy, "\xff"), -EINVAL);
	ck_assert_int_eq(transfer_request_get_status(copy), -EINVAL);
	ck_assert_int_eq(transfer_request_get_status(request), 0);
}
END_TEST

static void on_destroy(void *value)
{
	++*(int *)value;
}

START_TEST(carries_properties)
{
	transfer_request *request = transfer_request_new(URL), *copy;
	int first = 0, second = 0, third = 0;

	ck_assert_ptr_null(transfer_request_get_property(request, "a"));
	ck_assert_int_eq(transfer_request_set_property(request, "a", &first, on_destroy), 0);
	ck_assert_int_eq(transfer_request_set_property(request, "b", &second, on_destroy), 0);
	ck_assert_int_eq(transfer_request_set_property(request, "c", &third, NULL), 0);
	copy = transfer_request_copy(request);
	ck_assert_ptr_eq(transfer_request_get_property(copy, "a"), &first);
	ck_assert_ptr_eq(transfer_request_get_property(copy, "c"), &third);
	/* a copy has its own list of what is shared */
	ck_assert_int_eq(transfer_request_set_property(request, "a", NULL, on_destroy), 0);
	ck_assert_ptr_null(transfer_request_get_property(request, "a"));
	ck_assert_ptr_eq(transfer_request_get_property(request, "b"), &second);
	ck_assert_ptr_eq(transfer_request_get_property(copy, "a"), &first);
	ck_assert_int_eq(first, 0);
	ck_assert_int_eq(transfer_request_set_property(copy, "a", &third, NULL), 0);
	ck_assert_int_eq(first, 1);
	ck_assert_ptr_eq(transfer_request_get_property(copy, "a"), &third);
	transfer_request_unref(request);
	ck_assert_int_eq(second, 0);
	transfer_request_unref(copy);
	ck_assert_int_eq(second, 1);
	ck_assert_int_eq(third, 0);
}
END_TEST

static const char *const wrong_keys[] = { NULL, "", "\xff" };

START_TEST(a_property_needs_a_key)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL);
	int n_destroyed = 0;

	ck_assert_int_eq(
		transfer_request_set_property(request, wrong_keys[_i], &n_destroyed, on_destroy),
		-EINVAL);
	ck_assert_int_eq(transfer_request_get_status(request), -EINVAL);
	ck_assert_int_eq(n_destroyed, 0);
	ck_assert_ptr_null(transfer_request_get_property(request, wrong_keys[_i]));
}
END_TEST

RUN_TESTS("client-lib/request-policy", TEST_EACH(a_switch_is_kept, switches),
	TEST_EACH(checks_numbers, numbers), TEST(names_a_part_of_the_store),
	TEST(carries_properties), TEST_EACH(a_property_needs_a_key, wrong_keys))
