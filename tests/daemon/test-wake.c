/* SPDX-License-Identifier: MIT */
#include "daemon/wake.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/timerfd.h>

#include "tests/lib/refuse.h"
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

/* Late is better than not at all. */
START_TEST(goes_on_without)
{
	struct wake wake;
	struct pollfd pollfd = { .events = POLLIN };

	ck_assert_int_eq(refuse(REFUSE_CLOCK_WATCH), 0);
	ck_assert_int_eq(wake_init(&wake), -EINVAL);
	ck_assert_int_eq(wake.clock_fd, -1);
	pollfd.fd = wake.fd;
	wake_set(&wake, WAKE_NEAR_US);
	ck_assert_int_eq(poll(&pollfd, 1, DEADLINE_MS), 1);
	wake_take(&wake);
	wake_done(&wake);
	ck_assert_int_eq(refuse(REFUSE_BOOT_TIMER), 0);
	ck_assert_int_eq(wake_init(&wake), -EINVAL);
	ck_assert_int_eq(wake.fd, -1);
	wake_set(&wake, WAKE_NEAR_US);
	wake_set(&wake, UINT64_MAX);
	wake_take(&wake);
	wake_done(&wake);
}
END_TEST

RUN_TESTS("daemon/wake", TEST(rings), TEST(goes_on_without))
