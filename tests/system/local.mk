# SPDX-License-Identifier: MIT
# tests/system: check_PROGRAMS += tests/system/test-x and tests_system_test_x_LDADD = $(TEST_DAEMON); scripts in
# dist_check_scripts += tests/system/x.sh.

dist_check_scripts += %D%/main-job.py
