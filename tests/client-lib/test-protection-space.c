/* SPDX-License-Identifier: MIT */
/* Protection spaces: what is one, and which are equal. */
#include "client-lib/protection-space.h"

#include <string.h>

#include "tests/lib/run.h"

START_TEST(is_what_it_was_made_of)
{
	transfer_auto(transfer_protection_space) space = transfer_protection_space_new(
		"Example.ORG", 0, "HTTPS", "A \"Realm\"", TRANSFER_AUTH_DEFAULT);
	transfer_auto(transfer_protection_space) other = transfer_protection_space_ref(space);
	transfer_auto(transfer_protection_space) proxy = transfer_protection_space_new_proxy(
		"::1", 3128, "http", NULL, TRANSFER_AUTH_DIGEST);

	ck_assert_str_eq(transfer_protection_space_get_host(other), "example.org");
	ck_assert_uint_eq(transfer_protection_space_get_port(other), 443);
	ck_assert_str_eq(transfer_protection_space_get_protocol(other), "https");
	ck_assert_str_eq(transfer_protection_space_get_realm(other), "A \"Realm\"");
	ck_assert_int_eq(transfer_protection_space_get_method(other), TRANSFER_AUTH_BASIC);
	ck_assert(!transfer_protection_space_is_proxy(other));
	ck_assert_str_eq(transfer_protection_space_get_host(proxy), "[::1]");
	ck_assert_uint_eq(transfer_protection_space_get_port(proxy), 3128);
	ck_assert_str_eq(transfer_protection_space_get_realm(proxy), "");
	ck_assert_int_eq(transfer_protection_space_get_method(proxy), TRANSFER_AUTH_DIGEST);
	ck_assert(transfer_protection_space_is_proxy(proxy));
}
END_TEST

static const struct {
	const char *host, *protocol, *realm;
	unsigned int port;
	enum transfer_auth_method method;
	bool is_proxy, is_equal;
} others[] = {
	{ "a", "http", "r", 80, TRANSFER_AUTH_BASIC, false, true },
	{ "A", "HTTP", "r", 0, TRANSFER_AUTH_DEFAULT, false, true },
	{ "b", "http", "r", 80, TRANSFER_AUTH_BASIC, false, false },
	{ "a", "https", "r", 80, TRANSFER_AUTH_BASIC, false, false },
	{ "a", "http", "R", 80, TRANSFER_AUTH_BASIC, false, false },
	{ "a", "http", "r", 81, TRANSFER_AUTH_BASIC, false, false },
	{ "a", "http", "r", 80, TRANSFER_AUTH_DIGEST, false, false },
	{ "a", "http", "r", 80, TRANSFER_AUTH_BASIC, true, false },
};

START_TEST(is_equal_in_all_or_another)
{
	transfer_auto(transfer_protection_space)
		space = transfer_protection_space_new("a", 80, "http", "r", TRANSFER_AUTH_BASIC);
	transfer_protection_space *other;

	if (others[_i].is_proxy)
		other = transfer_protection_space_new_proxy(others[_i].host, others[_i].port,
			others[_i].protocol, others[_i].realm, others[_i].method);
	else
		other = transfer_protection_space_new(others[_i].host, others[_i].port,
			others[_i].protocol, others[_i].realm, others[_i].method);
	ck_assert_int_eq(transfer_protection_space_is_equal(space, other), others[_i].is_equal);
	transfer_protection_space_unref(other);
}
END_TEST

START_TEST(is_no_other)
{
	static const struct {
		const char *host, *protocol, *realm;
	} bad[] = { { NULL, "http", "" }, { "", "http", "" }, { "a", NULL, "" }, { "a", "", "" },
		{ "a\xff", "http", "" }, { "a", "\xff", "" }, { "a", "http", "\xff" } };
	char long_text[4098];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_ptr_null(transfer_protection_space_new(
			bad[i].host, 80, bad[i].protocol, bad[i].realm, TRANSFER_AUTH_BASIC));
	memset(long_text, 'a', sizeof(long_text));
	long_text[4097] = '\0';
	ck_assert_ptr_null(
		transfer_protection_space_new("a", 80, "http", long_text, TRANSFER_AUTH_BASIC));
	ck_assert_ptr_null(
		transfer_protection_space_new("a", 65536, "http", "", TRANSFER_AUTH_BASIC));
	ck_assert_ptr_null(
		transfer_protection_space_new("a", 80, "http", "", (enum transfer_auth_method)3));
}
END_TEST

RUN_TESTS("client-lib/protection-space", TEST(is_what_it_was_made_of),
	TEST_EACH(is_equal_in_all_or_another, others), TEST(is_no_other))
