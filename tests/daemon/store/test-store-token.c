/* SPDX-License-Identifier: MIT */
/* Tokens answer a repeated call; the oldest go. Settings keep bytes. */
#include "tests/daemon/store/fixture.h"

START_TEST(token_answers_again)
{
	uint64_t ids[] = { 5, 6, UINT64_MAX };
	struct arena arena = { 0 };
	struct store_ids found;
	struct fixture f;

	fixture_init(&f);
	ck_assert_int_eq(
		store_token_load(f.store, f.session, "a", &arena, &found), STORE_E_NOT_FOUND);
	ck_ok(store_token_put(f.store, f.session, "a", ids, 3));
	ck_assert_int_eq(store_token_put(f.store, f.session, "a", ids, 3), STORE_E_DUPLICATE);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_ok(store_token_load(f.store, f.session, "a", &arena, &found));
	ck_assert_uint_eq(found.n, 3);
	ck_assert_mem_eq(found.ids, ids, sizeof(ids));
	arena_done(&arena);
	fixture_done(&f);
}
END_TEST

START_TEST(old_tokens_go)
{
	struct arena arena = { 0 };
	struct store_ids found;
	struct fixture f;
	uint64_t id = 1;
	char name[16];

	fixture_init(&f);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		ck_ok(store_token_put(f.store, f.session, name, &id, 1));
	}
	ck_assert_int_eq(
		store_token_load(f.store, f.session, "t43", &arena, &found), STORE_E_NOT_FOUND);
	ck_ok(store_token_load(f.store, f.session, "t44", &arena, &found));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM token"), 256);
	arena_done(&arena);
	fixture_done(&f);
}
END_TEST

START_TEST(settings_keep_bytes)
{
	char value[8];
	struct fixture f;
	size_t size;

	fixture_init(&f);
	ck_assert_int_eq(
		store_setting_load(f.store, "key", value, sizeof(value), &size), STORE_E_NOT_FOUND);
	ck_ok(store_setting_put(f.store, "key", "a\0b", 3));
	ck_ok(store_setting_put(f.store, "empty", NULL, 0));
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_ok(store_setting_load(f.store, "key", value, sizeof(value), &size));
	ck_assert_uint_eq(size, 3);
	ck_assert_mem_eq(value, "a\0b", 3);
	/* not ours: the daemon starts without it */
	ck_assert_int_eq(store_setting_load(f.store, "key", value, 2, &size), STORE_E_NOT_FOUND);
	ck_ok(store_setting_load(f.store, "empty", value, sizeof(value), &size));
	ck_assert_uint_eq(size, 0);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-token", TEST(token_answers_again), TEST(old_tokens_go),
	TEST(settings_keep_bytes))
