# SPDX-License-Identifier: MIT
# tests/fuzz: check_PROGRAMS += tests/fuzz/test-x and tests_fuzz_test_x_LDADD = $(TEST_DAEMON); scripts in
# dist_check_scripts += tests/fuzz/x.sh.
