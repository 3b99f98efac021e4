/* SPDX-License-Identifier: MIT */
/* File systems and kernels that lack calls, without one: the kernel refuses them to this process, as such a one would. */
#ifndef TESTS_LIB_REFUSE_H
#define TESTS_LIB_REFUSE_H

enum {
	REFUSE_NO_REPLACE = 1, /* RENAME_NOREPLACE: EINVAL */
	REFUSE_LINKS = 2, /* EPERM */
	REFUSE_MODES = 4, /* EPERM */
	REFUSE_CLOCK_WATCH = 8, /* TFD_TIMER_CANCEL_ON_SET: EINVAL */
	REFUSE_BOOT_TIMER = 16, /* a timerfd of CLOCK_BOOTTIME: EINVAL */
};

/* For all threads, until the process ends. 0 or -errno. */
int refuse(unsigned what);

#endif
