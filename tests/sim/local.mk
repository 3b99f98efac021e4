# SPDX-License-Identifier: MIT
# tests/sim: check_PROGRAMS += tests/sim/test-x and tests_sim_test_x_LDADD = $(TEST_DAEMON); scripts in
# dist_check_scripts += tests/sim/x.sh.
