/* SPDX-License-Identifier: MIT */
/* Users and passwords: what is one, and that nothing else becomes one. */
#include "client-lib/credential.h"

#include <string.h>

#include "tests/lib/run.h"

START_TEST(is_what_it_was_made_of)
{
	char user[] = "user", password[] = "passwd";
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		user, password, TRANSFER_PERSIST_SESSION);
	transfer_auto(transfer_credential) other = transfer_credential_ref(credential);
	transfer_auto(transfer_credential)
		empty = transfer_credential_new_password("", "", TRANSFER_PERSIST_NONE);

	memset(user, 'x', 4);
	memset(password, 'x', 6);
	ck_assert_str_eq(transfer_credential_get_user(other), "user");
	ck_assert_str_eq(transfer_credential_get_password(other), "passwd");
	ck_assert_int_eq(transfer_credential_get_persistence(other), TRANSFER_PERSIST_SESSION);
	ck_assert_str_eq(transfer_credential_get_password(empty), "");
}
END_TEST

START_TEST(is_no_other)
{
	char long_text[1026];
	static const struct {
		const char *user, *password;
	} bad[] = {
		{ NULL, "p" },
		{ "u", NULL },
		{ "u\r\nX: y", "p" },
		{ "u\x7f", "p" },
		{ "u\xff", "p" },
		{ "u", "p\xff" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_ptr_null(transfer_credential_new_password(
			bad[i].user, bad[i].password, TRANSFER_PERSIST_NONE));
	memset(long_text, 'a', 1025);
	long_text[1025] = '\0';
	ck_assert_ptr_null(transfer_credential_new_password("u", long_text, TRANSFER_PERSIST_NONE));
	ck_assert_ptr_null(
		transfer_credential_new_password("u", "p", (enum transfer_persistence)3));
}
END_TEST

RUN_TESTS("client-lib/credential", TEST(is_what_it_was_made_of), TEST(is_no_other))
