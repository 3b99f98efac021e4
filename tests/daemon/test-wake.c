/* SPDX-License-Identifier: MIT */
#include "daemon/wake.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/timerfd.h>

#include "tests/lib/run.h"

#define DEADLINE_MS 10000

static bool is_armed(const struct wake *wake)
{
	struct itimerspec left;

	ck_assert_int_eq(timerfd_gettime(wake->fd, &left), 0);
	return left.it_value.tv_sec || left.it_value.tv_nsec;
}

START_TEST(rings)
{
	struct wake wake;
	struct pollfd pollfd = { .events = POLLIN };

	ck_assert_int_eq(wake_init(&wake), 0);
	pollfd.fd = wake.fd;
	ck_assert(!is_armed(&wake));
	/* too near to be worth it */
	wake_set(&wake, WAKE_NEAR_US - 1);
	ck_assert(!is_armed(&wake));
	wake_set(&wake, 3600 * WAKE_NEAR_US);
	ck_assert(is_armed(&wake));
	wake_set(&wake, UINT64_MAX);
	ck_assert(!is_armed(&wake));
	wake_set(&wake, 3600 * WAKE_NEAR_US);
	wake_set(&wake, WAKE_NEAR_US);
	ck_assert_int_eq(poll(&pollfd, 1, DEADLINE_MS), 1);
	wake_take(&wake);
	ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
	ck_assert(!is_armed(&wake));
	/* again for the same */
	wake_set(&wake, WAKE_NEAR_US);
	ck_assert(is_armed(&wake));
	wake_done(&wake);
	wake_done(&wake);
}
END_TEST

RUN_TESTS("daemon/wake", TEST(rings))
