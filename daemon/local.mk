# SPDX-License-Identifier: MIT
# daemon: flows, the main loop and the program.
noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES =
# bus calls flow and the main loop calls bus: one library for the linker, two folders for people
libdaemon_la_LIBADD = libbus.la
libdaemon_la_SOURCES += %D%/outbox.c %D%/outbox.h
libdaemon_la_SOURCES += %D%/flow.c %D%/flow.h %D%/flow-state.h \
	%D%/flow-ahead.c %D%/flow-attach.c %D%/flow-attempt.c %D%/flow-birth.c %D%/flow-command.c \
	%D%/flow-cookie.c %D%/flow-question.c %D%/flow-quit.c \
	%D%/flow-create.c %D%/flow-event.c %D%/flow-judge.c %D%/flow-kept.c %D%/flow-query.c %D%/flow-resume.c \
	%D%/flow-schedule.c %D%/flow-session.c %D%/flow-step.c %D%/flow-age.c %D%/flow-sweep.c %D%/flow-turn.c
libdaemon_la_SOURCES += %D%/live.c %D%/live.h %D%/live-state.h \
	%D%/live-ahead.c %D%/live-answer.c %D%/live-attempt.c %D%/live-command.c %D%/live-cookie.c %D%/live-create.c \
	%D%/live-event.c %D%/live-query.c %D%/live-row.c %D%/live-schedule.c %D%/live-session.c \
	%D%/live-step.c

libdaemon_la_SOURCES += %D%/daemon.c %D%/daemon.h

libexec_PROGRAMS += transferd
transferd_SOURCES = %D%/transferd.c
transferd_LDADD = $(LINK_DAEMON)

libdaemon_la_SOURCES += \
	%D%/config.c %D%/config.h \
	%D%/files.c %D%/files.h \
	%D%/look.c %D%/look.h \
	%D%/network.c %D%/network.h \
	%D%/notify.c %D%/notify.h \
	%D%/scouts.c %D%/scouts.h \
	%D%/wake.c %D%/wake.h
check_PROGRAMS += tests/daemon/test-config tests/daemon/test-network tests/daemon/test-notify tests/daemon/test-wake
tests_daemon_test_config_LDADD = $(TEST_DAEMON)
tests_daemon_test_network_LDADD = $(TEST_DAEMON)
tests_daemon_test_notify_LDADD = $(TEST_DAEMON)
tests_daemon_test_wake_LDADD = $(TEST_DAEMON)
check_PROGRAMS += tests/daemon/test-daemon
tests_daemon_test_daemon_LDADD = $(TEST_BASE) $(SQLITE_LIBS)
