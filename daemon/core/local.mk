# SPDX-License-Identifier: MIT
# daemon/core: sessions, tasks, the state machine, the scheduler; pure.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES =

# For each source x.c: its lines in libcore_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/daemon/core/test-x
#   tests_daemon_core_test_x_LDADD = $(TEST_CORE)
