/* SPDX-License-Identifier: MIT */
/* Order, exactly once, and items that are added while the box is being emptied. */
#include "daemon/outbox.h"

#include "tests/lib/run.h"

struct item {
	struct outbox *outbox;
	struct item *next; /* added when this one is released */
	char name;
};

static char said[16];
static size_t n_said;
static int errors;

static void on_release(void *data, int error)
{
	struct item *item = data;

	said[n_said++] = item->name;
	errors += error;
	if (item->next)
		ck_assert_int_eq(outbox_add_take(item->outbox, on_release, item->next), 0);
}

START_TEST(keeps_order)
{
	struct outbox outbox;
	struct item late = { NULL, NULL, 'd' };
	struct item items[] = { { &outbox, NULL, 'a' }, { &outbox, &late, 'b' },
		{ &outbox, NULL, 'c' } };

	outbox_init(&outbox);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(outbox_add_take(&outbox, on_release, &items[i]), 0);
	ck_assert_uint_eq(outbox.n_items, 3);
	outbox_release(&outbox, 0);
	ck_assert_str_eq(said, "abcd");
	ck_assert_int_eq(errors, 0);
	ck_assert_uint_eq(outbox.n_items, 0);
}
END_TEST

START_TEST(hands_out_the_error)
{
	struct outbox outbox;
	struct item item = { &outbox, NULL, 'x' };

	outbox_init(&outbox);
	ck_assert_int_eq(outbox_add_take(&outbox, on_release, &item), 0);
	outbox_release(&outbox, 7);
	ck_assert_str_eq(said, "x");
	ck_assert_int_eq(errors, 7);
	outbox_release(&outbox, 7);
	ck_assert_int_eq(errors, 7);
}
END_TEST

RUN_TESTS("daemon/outbox", TEST(keeps_order), TEST(hands_out_the_error))
