/* SPDX-License-Identifier: MIT */
/* Filters of system calls (seccomp), one for each kind of poverty. */
#include "tests/lib/refuse.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
/* the next statement only where the value is this one */
#define IF(value)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL(error)   RETURN(SECCOMP_RET_ERRNO | (error))

static int install(struct sock_filter *filter, size_t n)
{
	const struct sock_fprog program = { .len = (unsigned short)n, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		return -errno;
	return 0;
}

#define INSTALL(filter) install(filter, sizeof(filter) / sizeof((filter)[0]))

static int refuse_no_replace(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
		/* the low half of the flags: the machine is a little-endian one, as all that we build for */
		LOAD(args[4]),
		IF(RENAME_NOREPLACE),
		FAIL(EINVAL),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return INSTALL(filter);
}

static int refuse_links(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
#ifdef SYS_link
		IF(SYS_link),
		FAIL(EPERM),
#endif
		IF(SYS_linkat),
		FAIL(EPERM),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return INSTALL(filter);
}

static int refuse_modes(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		IF(SYS_fchmod),
		FAIL(EPERM),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return INSTALL(filter);
}

static int refuse_clock_watch(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_timerfd_settime, 0, 3),
		LOAD(args[1]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TFD_TIMER_CANCEL_ON_SET, 0, 1),
		FAIL(EINVAL),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return INSTALL(filter);
}

static int refuse_boot_timer(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_timerfd_create, 0, 3),
		LOAD(args[0]),
		IF(CLOCK_BOOTTIME),
		FAIL(EINVAL),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return INSTALL(filter);
}

int refuse(unsigned what)
{
	int r = 0;

	if (what & REFUSE_NO_REPLACE)
		r = refuse_no_replace();
	if (!r && what & REFUSE_LINKS)
		r = refuse_links();
	if (!r && what & REFUSE_MODES)
		r = refuse_modes();
	if (!r && what & REFUSE_CLOCK_WATCH)
		r = refuse_clock_watch();
	if (!r && what & REFUSE_BOOT_TIMER)
		r = refuse_boot_timer();
	return r;
}
