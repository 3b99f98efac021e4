# SPDX-License-Identifier: MIT
# daemon/bus: one handler per D-Bus method.
noinst_LTLIBRARIES += libbus.la
libbus_la_SOURCES = \
	%D%/bus.c %D%/bus.h %D%/bus-private.h \
	%D%/bus-change.c \
	%D%/bus-cookie.c \
	%D%/bus-event.c \
	%D%/bus-event-row.c \
	%D%/bus-list.c %D%/bus-question.c %D%/bus-quit.c \
	%D%/bus-launch.c \
	%D%/bus-live.c %D%/bus-live-pump.c %D%/bus-live-row.c \
	%D%/bus-log.c \
	%D%/bus-look.c \
	%D%/bus-manager.c \
	%D%/bus-session.c \
	%D%/bus-task.c \
	%D%/bus-view.c \
	%D%/bus-words.c

BUS_TESTS = \
	tests/daemon/bus/test-bus \
	tests/daemon/bus/test-bus-change \
	tests/daemon/bus/test-bus-cookie \
	tests/daemon/bus/test-bus-event \
	tests/daemon/bus/test-bus-event-row \
	tests/daemon/bus/test-bus-list \
	tests/daemon/bus/test-bus-question \
	tests/daemon/bus/test-bus-launch \
	tests/daemon/bus/test-bus-live \
	tests/daemon/bus/test-bus-log \
	tests/daemon/bus/test-bus-look \
	tests/daemon/bus/test-bus-manager \
	tests/daemon/bus/test-bus-session \
	tests/daemon/bus/test-bus-task \
	tests/daemon/bus/test-bus-view \
	tests/daemon/bus/test-bus-words
check_PROGRAMS += $(BUS_TESTS)
# before libtest: its bus.c has the same name as ours
TEST_OF_BUS = $(LINK_DAEMON) libtest.la $(CHECK_LIBS)
BUS_RIG = tests/daemon/bus/rig.c tests/daemon/bus/rig.h tests/lib/fake-engine.c tests/lib/fake-engine.h
tests_daemon_bus_test_bus_SOURCES = tests/daemon/bus/test-bus.c $(BUS_RIG)
tests_daemon_bus_test_bus_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_change_SOURCES = tests/daemon/bus/test-bus-change.c $(BUS_RIG)
tests_daemon_bus_test_bus_change_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_cookie_SOURCES = tests/daemon/bus/test-bus-cookie.c $(BUS_RIG)
tests_daemon_bus_test_bus_cookie_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_event_SOURCES = tests/daemon/bus/test-bus-event.c $(BUS_RIG)
tests_daemon_bus_test_bus_event_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_event_row_SOURCES = tests/daemon/bus/test-bus-event-row.c $(BUS_RIG)
tests_daemon_bus_test_bus_event_row_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_question_SOURCES = tests/daemon/bus/test-bus-question.c $(BUS_RIG)
tests_daemon_bus_test_bus_question_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_list_SOURCES = tests/daemon/bus/test-bus-list.c $(BUS_RIG)
tests_daemon_bus_test_bus_list_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_launch_SOURCES = tests/daemon/bus/test-bus-launch.c $(BUS_RIG)
tests_daemon_bus_test_bus_launch_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_live_SOURCES = tests/daemon/bus/test-bus-live.c $(BUS_RIG)
tests_daemon_bus_test_bus_live_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_log_SOURCES = tests/daemon/bus/test-bus-log.c $(BUS_RIG)
tests_daemon_bus_test_bus_log_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_look_SOURCES = tests/daemon/bus/test-bus-look.c $(BUS_RIG)
tests_daemon_bus_test_bus_look_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_manager_SOURCES = tests/daemon/bus/test-bus-manager.c $(BUS_RIG)
tests_daemon_bus_test_bus_manager_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_session_SOURCES = tests/daemon/bus/test-bus-session.c $(BUS_RIG)
tests_daemon_bus_test_bus_session_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_commit
tests_daemon_bus_test_bus_task_SOURCES = tests/daemon/bus/test-bus-task.c $(BUS_RIG)
tests_daemon_bus_test_bus_task_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_task_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_commit
tests_daemon_bus_test_bus_view_SOURCES = tests/daemon/bus/test-bus-view.c $(BUS_RIG)
tests_daemon_bus_test_bus_view_LDADD = $(TEST_OF_BUS)
tests_daemon_bus_test_bus_words_SOURCES = tests/daemon/bus/test-bus-words.c $(BUS_RIG)
tests_daemon_bus_test_bus_words_LDADD = $(TEST_OF_BUS)
