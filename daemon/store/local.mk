# SPDX-License-Identifier: MIT
# daemon/store: SQLite stays in here.
noinst_LTLIBRARIES += libstore.la
libstore_la_SOURCES =

# For each source x.c: its lines in libstore_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/daemon/store/test-x
#   tests_daemon_store_test_x_LDADD = $(TEST_STORE)
