/* SPDX-License-Identifier: MIT */
/* Which URLs make a task, which lane they belong to, and which hosts need no network. */
#include "daemon/core/request.h"

#include "tests/lib/run.h"

static const struct {
	const char *host;
	bool want;
} hosts[] = {
	{ "http://127.0.0.1:80", true },
	{ "https://127.9.9.9:443", true },
	{ "https://[::1]:443", true },
	{ "http://localhost:8080", true },
	{ "http://api.localhost:8080", true },
	{ "https://example.org:443", false },
	{ "https://localhost.example.org:443", false },
	{ "https://notlocalhost:443", false },
	{ "https://[::11]:443", false },
	{ "http://128.0.0.1:80", false },
};

START_TEST(knows_this_machine)
{
	ck_assert_int_eq(request_is_local(hosts[_i].host), hosts[_i].want);
}
END_TEST

RUN_TESTS("daemon/core/request", TEST_EACH(knows_this_machine, hosts))
