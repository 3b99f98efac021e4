# SPDX-License-Identifier: MIT
# daemon/bus: one handler per D-Bus method.
noinst_LTLIBRARIES += libbus.la
libbus_la_SOURCES =

# For each source x.c: its lines in libbus_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/daemon/bus/test-x
#   tests_daemon_bus_test_x_LDADD = $(TEST_BUS)
