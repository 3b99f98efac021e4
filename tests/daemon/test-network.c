/* SPDX-License-Identifier: MIT */
/* A network namespace of its own loses and gains an interface; skipped where namespaces are not allowed. */
#include "daemon/network.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"

static int run(const char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(believes_a_change_after_two_seconds)
{
	struct network *network;
	struct pollfd p;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		fprintf(stderr, "# no network namespaces here\n");
		return;
	}
	ck_assert_int_eq(network_new(&network), 0);
	ck_assert(!network_is_up(network, 0));
	ck_assert_uint_eq(network_next_timer(network), UINT64_MAX);
	if (RUN("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1") ||
		RUN("ip", "addr", "add", "192.0.2.1/24", "dev", "veth0") ||
		RUN("ip", "link", "set", "veth0", "up") ||
		RUN("ip", "link", "set", "veth1", "up")) {
		fprintf(stderr, "# no virtual links here\n");
		network_free(network);
		return;
	}
	p = (struct pollfd){ .fd = network_fd(network), .events = POLLIN };
	while (network_next_timer(network) == UINT64_MAX) {
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_int_eq(network_dispatch(network, 1000), 0);
	}
	ck_assert_uint_eq(network_next_timer(network), 1000 + NETWORK_DEBOUNCE_US);
	ck_assert(!network_is_up(network, 1000));
	ck_assert(!network_is_up(network, 999 + NETWORK_DEBOUNCE_US));
	ck_assert(network_is_up(network, 1000 + NETWORK_DEBOUNCE_US));
	ck_assert_uint_eq(network_next_timer(network), UINT64_MAX);
	ck_assert_int_eq(RUN("ip", "link", "set", "veth0", "down"), 0);
	/* the other end follows by itself: more than one message */
	while (network_next_timer(network) == UINT64_MAX) {
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_int_eq(network_dispatch(network, 9000000), 0);
	}
	ck_assert(network_is_up(network, 9000001)); /* may come back at once */
	ck_assert(!network_is_up(network, 9000000 + NETWORK_DEBOUNCE_US));
	network_free(network);
}
END_TEST

RUN_TESTS("daemon/network", TEST(believes_a_change_after_two_seconds))
