# SPDX-License-Identifier: MIT
# daemon/core: sessions, tasks, the state machine, the scheduler; pure.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = \
	%D%/live-fsm.c %D%/live-fsm.h \
	%D%/map.c %D%/map.h \
	%D%/progress.c %D%/progress.h \
	%D%/question.c %D%/question.h \
	%D%/registry.c %D%/registry.h \
	%D%/request.c %D%/request.h \
	%D%/retry.c %D%/retry.h \
	%D%/sched.c %D%/sched-ahead.c %D%/sched-state.h %D%/sched.h \
	%D%/session.c %D%/session.h \
	%D%/task.c %D%/task.h \
	%D%/task-fsm.c %D%/task-fsm.h

# For each source x.c: its lines in libcore_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/daemon/core/test-x
#   tests_daemon_core_test_x_LDADD = $(TEST_CORE)

check_PROGRAMS += tests/daemon/core/test-live-fsm
tests_daemon_core_test_live_fsm_LDADD = $(TEST_CORE)
check_PROGRAMS += tests/daemon/core/test-map tests/daemon/core/test-progress \
	tests/daemon/core/test-question tests/daemon/core/test-registry tests/daemon/core/test-request tests/daemon/core/test-retry \
	tests/daemon/core/test-sched tests/daemon/core/test-session tests/daemon/core/test-task \
	tests/daemon/core/test-task-fsm
tests_daemon_core_test_map_LDADD = $(TEST_CORE)
tests_daemon_core_test_progress_LDADD = $(TEST_CORE)
tests_daemon_core_test_question_LDADD = $(TEST_CORE)
tests_daemon_core_test_registry_LDADD = $(TEST_CORE)
tests_daemon_core_test_request_LDADD = $(TEST_CORE)
tests_daemon_core_test_retry_LDADD = $(TEST_CORE)
tests_daemon_core_test_sched_LDADD = $(TEST_CORE)
tests_daemon_core_test_session_LDADD = $(TEST_CORE)
tests_daemon_core_test_task_LDADD = $(TEST_CORE)
tests_daemon_core_test_task_fsm_LDADD = $(TEST_CORE)
