/* SPDX-License-Identifier: MIT */
/* The main program of every Check test, printing TAP to stdout.
 *
 *	START_TEST(refuses_zero) { ck_assert_int_eq(f(0), -EINVAL); } END_TEST
 *	START_TEST(parses) { ck_assert_int_eq(parse(cases[_i].in), cases[_i].want); } END_TEST
 *
 *	RUN_TESTS("base/parse", TEST(refuses_zero), TEST_EACH(parses, cases))
 *
 * RUN_TESTS_WITHIN(name, seconds, …) gives each test more than the usual 20 seconds. Each test runs
 * in its own process; CK_FORK=no in the environment keeps it in this one (for a debugger). */
#ifndef TESTS_LIB_RUN_H
#define TESTS_LIB_RUN_H

#include <check.h>
#include <stdlib.h>

struct run_test {
	const TTest *test;
	int count;
};

#define TEST(name) \
	{ \
		name, 0 \
	}
#define TEST_LOOP(name, n) \
	{ \
		name, (int)(n) \
	}
#define TEST_EACH(name, array) TEST_LOOP(name, sizeof(array) / sizeof((array)[0]))

static int run_tests(const char *name, int seconds, const struct run_test *tests, size_t n_tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, seconds);
	for (size_t i = 0; i < n_tests; i++) {
		if (tests[i].count)
			tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].count);
		else
			tcase_add_test(tcase, tests[i].test);
	}
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define RUN_TESTS_WITHIN(name, seconds, ...) \
	int main(void) \
	{ \
		const struct run_test tests_[] = { __VA_ARGS__ }; \
		return run_tests(name, seconds, tests_, sizeof(tests_) / sizeof(tests_[0])); \
	}
#define RUN_TESTS(name, ...) RUN_TESTS_WITHIN(name, 20, __VA_ARGS__)

#endif
