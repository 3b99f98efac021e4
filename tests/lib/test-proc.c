/* SPDX-License-Identifier: MIT */
/* Children are waited for with a deadline and do not outlive the test. */
#include "tests/lib/proc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/run.h"

static const struct {
	const char *script;
	int want_status; /* exit code, or minus the signal */
	const char *want_output;
} cases[] = {
	{ "echo out; echo err >&2", 0, "out\nerr\n" },
	{ "exit 3", 3, "" },
	{ "kill -9 $$", -9, "" },
	{ "head -c 300000 /dev/zero | tr '\\0' x; exit 1", 1, "xxx" },
};

START_TEST(runs_to_the_end)
{
	const char *const argv[] = { "sh", "-c", cases[_i].script, NULL };
	char *output;
	int status;

	ck_assert_int_eq(proc_run(argv, 10000, &output, &status), 0);
	ck_assert_int_eq(
		WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), cases[_i].want_status);
	ck_assert(!strncmp(output, cases[_i].want_output, strlen(cases[_i].want_output)));
	free(output);
}
END_TEST

START_TEST(has_a_deadline)
{
	const char *const argv[] = { "sh", "-c", "echo begun; read -r x </dev/fd/9", NULL };
	const char *const forever[] = { "tail", "-f", "/dev/null", NULL };
	struct proc_config config = { .argv = forever };
	struct proc *p;
	int status;

	ck_assert_int_eq(proc_run(forever, 50, NULL, &status), -ETIMEDOUT);
	ck_assert_int_eq(proc_start(&config, &p), 0);
	ck_assert_int_eq(proc_wait_pid(proc_pid(p), 20), -ETIMEDOUT);
	ck_assert_int_eq(proc_kill_pid(proc_pid(p), 5000), 0);
	ck_assert_int_eq(proc_wait(p, 5000, &status), 0);
	ck_assert(WIFSIGNALED(status));
	proc_free(p);
	config.argv = argv;
	ck_assert_int_eq(proc_start(&config, &p), 0);
	ck_assert_ptr_nonnull(proc_expect(p, "begun", 5000));
	proc_free(p);
}
END_TEST

START_TEST(adds_to_the_environment)
{
	const char *const argv[] = { "sh", "-c", "echo $A-$B", NULL };
	const char *const env[] = { "A=2", NULL };
	struct proc_config config = { .argv = argv, .env = env };
	struct proc *p;

	setenv("A", "1", 1);
	setenv("B", "3", 1);
	ck_assert_int_eq(proc_start(&config, &p), 0);
	ck_assert_ptr_nonnull(proc_expect(p, "2-3\n", 5000));
	proc_free(p);
}
END_TEST

RUN_TESTS("lib/proc", TEST_EACH(runs_to_the_end, cases), TEST(has_a_deadline),
	TEST(adds_to_the_environment))
