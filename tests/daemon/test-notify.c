/* SPDX-License-Identifier: MIT */
/* What arrives at the service manager's socket. */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/run.h"

START_TEST(sends_to_an_abstract_socket)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char got[64] = "", name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 1;
	int n;

	n = snprintf(name, sizeof(name), "@transferd-notify-%ld", (long)getpid());
	memcpy(address.sun_path + 1, name + 1, (size_t)n - 1);
	len += (socklen_t)(n - 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert_int_eq(notify_send("READY=1"), 0);
	ck_assert_int_eq((int)recv(fd, got, sizeof(got) - 1, 0), 7);
	ck_assert_str_eq(got, "READY=1");
	close(fd);
	ck_assert_int_lt(notify_send("READY=1"), 0);
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	ck_assert_int_eq(notify_send("READY=1"), -EINVAL);
}
END_TEST

static const struct {
	const char *usec, *pid;
	uint64_t want;
} watchdogs[] = {
	{ "3000000", NULL, 1500000 },
	{ NULL, NULL, 0 },
	{ "soon", NULL, 0 },
	{ "3000000", "1", 0 },
};

START_TEST(reads_the_watchdog)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (watchdogs[_i].usec)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	if (watchdogs[_i].pid)
		setenv("WATCHDOG_PID", watchdogs[_i].pid, 1);
	ck_assert_uint_eq(notify_watchdog_interval_us(), watchdogs[_i].want);
}
END_TEST

RUN_TESTS("daemon/notify", TEST(sends_to_an_abstract_socket),
	TEST_EACH(reads_the_watchdog, watchdogs))
