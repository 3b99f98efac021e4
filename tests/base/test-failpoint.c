/* SPDX-License-Identifier: MIT */
/* Points fail or kill at the pass that the environment names, and only there. */
#include "base/failpoint.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"

#ifdef TRANSFERD_FAILPOINTS
/* The exit status of a child that passes "a" three times and "b" once. */
static int run_child(const char *rules)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int failed = 0;

		setenv("TRANSFERD_FAILPOINT", rules, 1);
		failed |= FAILPOINT("a") ? 1 : 0;
		failed |= FAILPOINT("a") == -ENOSPC ? 2 : 0;
		failed |= FAILPOINT("b") == -EIO ? 4 : 0;
		failed |= FAILPOINT("a") ? 8 : 0;
		_exit(failed);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(fails_and_kills_where_told)
{
	ck_assert_int_eq(WEXITSTATUS(run_child("")), 0);
	ck_assert_int_eq(WEXITSTATUS(run_child("a:2=28")), 2);
	ck_assert_int_eq(WEXITSTATUS(run_child("a:2=28,b:1=5")), 6);
	ck_assert_int_eq(WTERMSIG(run_child("a:3")), SIGKILL);
	ck_assert_int_eq(WTERMSIG(run_child("*:4")), SIGKILL);
	ck_assert_int_eq(WEXITSTATUS(run_child("*:5")), 0);
}
END_TEST
#else
START_TEST(fails_and_kills_where_told)
{
	setenv("TRANSFERD_FAILPOINT", "a:1=5", 1);
	ck_assert_int_eq(FAILPOINT("a"), 0);
}
END_TEST
#endif

RUN_TESTS("base/failpoint", TEST(fails_and_kills_where_told))
