/* SPDX-License-Identifier: MIT */
/* Words and numbers of the public lists, both ways. */
#include "client-lib/words.h"

#include <transfer/manager.h>

#include "tests/lib/run.h"

START_TEST(there_and_back)
{
#define KIND(symbol, value, name) \
	ck_assert_str_eq(transfer_task_kind_get_name(value), name); \
	ck_assert_int_eq(words_task_kind(name), value);
	TRANSFER_TASK_KINDS(KIND)
#define STATE(symbol, value, name) \
	ck_assert_str_eq(transfer_task_state_get_name(value), name); \
	ck_assert_int_eq(words_task_state(name), value);
	TRANSFER_TASK_STATES(STATE)
#define SUB_STATE(symbol, value, name) \
	ck_assert_str_eq(transfer_task_sub_state_get_name(value), name); \
	ck_assert_int_eq(words_task_sub_state(name, NULL), value);
	TRANSFER_TASK_SUB_STATES(SUB_STATE)
#define SESSION_KIND(symbol, value, name) \
	ck_assert_str_eq(transfer_session_kind_get_name(value), name); \
	ck_assert_int_eq(words_session_kind(name), value);
	TRANSFER_SESSION_KINDS(SESSION_KIND)
#define SESSION_STATE(symbol, value, name) \
	ck_assert_str_eq(transfer_session_state_get_name(value), name); \
	ck_assert_int_eq(words_session_state(name), value);
	TRANSFER_SESSION_STATES(SESSION_STATE)
}
END_TEST

START_TEST(bears_new_words)
{
	bool known = true;

	ck_assert_int_eq(
		words_task_sub_state("waiting-for-godot", &known), TRANSFER_SUB_STATE_QUEUED);
	ck_assert(!known);
	ck_assert_int_eq(words_task_state(NULL), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_ptr_null(transfer_task_state_get_name(99));
}
END_TEST

RUN_TESTS("client-lib/words", TEST(there_and_back), TEST(bears_new_words))
