# SPDX-License-Identifier: MIT
# daemon/bus: one handler per D-Bus method.
noinst_LTLIBRARIES += libbus.la
libbus_la_SOURCES = \
	%D%/bus.c %D%/bus.h %D%/bus-private.h \
	%D%/bus-change.c \
	%D%/bus-event.c \
	%D%/bus-event-row.c \
	%D%/bus-list.c \
	%D%/bus-log.c \
	%D%/bus-manager.c \
	%D%/bus-session.c \
	%D%/bus-task.c \
	%D%/bus-view.c \
	%D%/bus-words.c

BUS_TESTS = \
	tests/daemon/bus/test-bus \
	tests/daemon/bus/test-bus-event
check_PROGRAMS += $(BUS_TESTS)
# before libtest: its bus.c has the same name as ours
TEST_OF_BUS = $(LINK_DAEMON) libtest.la $(CHECK_LIBS)
BUS_RIG = tests/daemon/bus/rig.c tests/daemon/bus/rig.h tests/lib/fake-engine.c tests/lib/fake-engine.h
tests_daemon_bus_test_bus_SOURCES = tests/daemon/bus/test-bus.c $(BUS_RIG)
tests_daemon_bus_test_bus_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_event_SOURCES = tests/daemon/bus/test-bus-event.c $(BUS_RIG)
tests_daemon_bus_test_bus_event_LDADD = $(TEST_OF_BUS)
