/* SPDX-License-Identifier: MIT */
/* A timerfd on the boot clock, set anew only when it has to ring at another time. */
#include "daemon/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define NEVER_S INT32_MAX /* 2038, on any machine: it rings once too often then */
#define SAME_US UINT64_C(10000) /* the two clocks are not read at one instant */

int wake_init(struct wake *wake)
{
	const struct itimerspec never = { .it_value = { .tv_sec = NEVER_S } };
	int r = 0;

	wake->at_boot_us = 0;
	wake->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (wake->fd < 0)
		r = err_raise(-errno);
	wake->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (wake->clock_fd >= 0 &&
		!timerfd_settime(
			wake->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL))
		return r;
	r = err_raise(-errno);
	if (wake->clock_fd >= 0)
		close(wake->clock_fd);
	wake->clock_fd = -1;
	return r;
}

void wake_done(struct wake *wake)
{
	if (wake->fd >= 0)
		close(wake->fd);
	if (wake->clock_fd >= 0)
		close(wake->clock_fd);
	wake->fd = wake->clock_fd = -1;
}

static void arm(struct wake *wake, uint64_t at_boot_us)
{
	const struct itimerspec when = { .it_value = {
						 .tv_sec = (time_t)(at_boot_us / CLOCK_US_PER_S),
						 .tv_nsec = (long)(at_boot_us % CLOCK_US_PER_S) *
							 1000,
					 } };

	wake->at_boot_us = timerfd_settime(wake->fd, TFD_TIMER_ABSTIME, &when, NULL) ? 0
										     : at_boot_us;
}

void wake_set(struct wake *wake, uint64_t left_us)
{
	uint64_t at_boot_us;

	if (wake->fd < 0)
		return;
	if (left_us == UINT64_MAX) {
		if (wake->at_boot_us)
			arm(wake, 0);
		return;
	}
	if (left_us < WAKE_NEAR_US)
		return;
	at_boot_us = clock_boot_us() + left_us;
	if (at_boot_us + SAME_US < wake->at_boot_us || at_boot_us > wake->at_boot_us + SAME_US)
		arm(wake, at_boot_us);
}

void wake_take(struct wake *wake)
{
	uint64_t n;

	if (read(wake->fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		wake->at_boot_us = 0;
	/* says ECANCELED, and goes on */
	(void)!read(wake->clock_fd, &n, sizeof(n));
}
