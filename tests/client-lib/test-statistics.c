/* SPDX-License-Identifier: MIT */
/* Counters by name: those that were told, no others. */
#include <transfer/rows.h>

#include "client-lib/rows.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

static int count(const char *name, uint64_t value, void *user)
{
	(void)name;
	(void)value;
	++*(int *)user;
	return 0;
}

START_TEST(has_what_was_told)
{
	uint64_t samples[] = { 1, 2, 3 };
	struct ipc_statistics from = {
		.commits = 5,
		.has_commits = true,
		.clients = 0,
		.has_clients = true,
		.bytes_sent = 9,
		.send_samples = samples,
		.n_send_samples = 3,
	};
	transfer_auto(transfer_statistics) statistics = rows_new_statistics(&from);
	const uint64_t *got;
	uint64_t value = 77;
	int n = 0;

	samples[0] = 0;
	ck_assert(transfer_statistics_get(statistics, "commits", &value));
	ck_assert_uint_eq(value, 5);
	ck_assert(transfer_statistics_get(statistics, "clients", &value));
	ck_assert_uint_eq(value, 0);
	ck_assert(!transfer_statistics_get(statistics, "bytes-sent", &value));
	ck_assert_uint_eq(value, 0);
	ck_assert_int_eq(transfer_statistics_foreach(statistics, count, &n), 0);
	ck_assert_int_eq(n, 2);
	ck_assert_uint_eq(transfer_statistics_get_samples(statistics, true, &got), 3);
	ck_assert_uint_eq(got[0], 1);
	ck_assert_uint_eq(transfer_statistics_get_samples(statistics, false, &got), 0);
}
END_TEST

RUN_TESTS("client-lib/statistics", TEST(has_what_was_told))
