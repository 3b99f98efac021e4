/* SPDX-License-Identifier: MIT */
/* The main program of a run that is no test of the suite: one test without a time limit, in a process of its own. */
#ifndef TESTS_LIB_RUN_LONG_H
#define TESTS_LIB_RUN_LONG_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Says why it failed; the exit code. */
static int run_long(const char *name, const TTest *test)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_SILENT);
	n_failed = srunner_ntests_failed(runner);
	if (n_failed) {
		TestResult **failures = srunner_failures(runner);

		printf("%s: FAILED: %s\n", name, tr_msg(failures[0]));
		free(failures);
	}
	srunner_free(runner);
	return n_failed ? 1 : 0;
}

#endif
