# SPDX-License-Identifier: MIT
# daemon/store: SQLite stays in here.
noinst_LTLIBRARIES += libstore.la
libstore_la_SOURCES = \
	%D%/store.c %D%/store.h \
	%D%/store-private.h \
	%D%/store-cookie.c \
	%D%/store-event.c \
	%D%/store-file.c \
	%D%/store-fresh.c \
	%D%/store-lane.c \
	%D%/store-placing.c \
	%D%/store-question.c \
	%D%/store-list.c \
	%D%/store-row.c \
	%D%/store-schema.c \
	%D%/store-session.c \
	%D%/store-tally.c \
	%D%/store-task.c %D%/store-task.h \
	%D%/store-task-row.c \
	%D%/store-task-save.c \
	%D%/store-token.c

check_PROGRAMS += \
	tests/daemon/store/test-store \
	tests/daemon/store/test-store-cookie \
	tests/daemon/store/test-store-event \
	tests/daemon/store/test-store-file \
	tests/daemon/store/test-store-lane \
	tests/daemon/store/test-store-list \
	tests/daemon/store/test-store-placing \
	tests/daemon/store/test-store-question \
	tests/daemon/store/test-store-row \
	tests/daemon/store/test-store-schema \
	tests/daemon/store/test-store-session \
	tests/daemon/store/test-store-tally \
	tests/daemon/store/test-store-task \
	tests/daemon/store/test-store-token
tests_daemon_store_test_store_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_cookie_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_event_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_file_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_lane_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_list_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_placing_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_question_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_row_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_schema_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_session_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_tally_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_task_LDADD = $(TEST_STORE)
tests_daemon_store_test_store_token_LDADD = $(TEST_STORE)
EXTRA_DIST += tests/daemon/store/fixture.h
