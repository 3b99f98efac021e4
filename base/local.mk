# SPDX-License-Identifier: MIT
# base: words shared by all layers; libc and pthread only.
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/buf.c %D%/buf.h \
	%D%/checksum.c %D%/checksum.h \
	%D%/cleanup.h \
	%D%/clock.c %D%/clock.h \
	%D%/cookie-match.h \
	%D%/date.c %D%/date.h \
	%D%/err.c %D%/err.h \
	%D%/failpoint.c %D%/failpoint.h \
	%D%/filename.c %D%/filename.h \
	%D%/hash.h \
	%D%/io.c %D%/io.h \
	%D%/log.c %D%/log.h \
	%D%/mailbox.c %D%/mailbox.h \
	%D%/memory.c %D%/memory.h \
	%D%/mime.c %D%/mime.h \
	%D%/rename.c %D%/rename.h \
	%D%/secret.h \
	%D%/thread.c %D%/thread.h \
	%D%/utf8.c %D%/utf8.h

check_PROGRAMS += tests/base/test-arena \
	tests/base/test-buf \
	tests/base/test-checksum \
	tests/base/test-clock \
	tests/base/test-date \
	tests/base/test-err \
	tests/base/test-failpoint \
	tests/base/test-filename \
	tests/base/test-io \
	tests/base/test-log \
	tests/base/test-mailbox \
	tests/base/test-memory \
	tests/base/test-mime \
	tests/base/test-rename \
	tests/base/test-thread \
	tests/base/test-utf8
tests_base_test_arena_LDADD = $(TEST_BASE)
tests_base_test_buf_LDADD = $(TEST_BASE)
tests_base_test_checksum_LDADD = $(TEST_BASE)
tests_base_test_clock_LDADD = $(TEST_BASE)
tests_base_test_date_LDADD = $(TEST_BASE)
tests_base_test_err_LDADD = $(TEST_BASE)
tests_base_test_failpoint_LDADD = $(TEST_BASE)
tests_base_test_filename_LDADD = $(TEST_BASE)
tests_base_test_io_LDADD = $(TEST_BASE)
tests_base_test_log_LDADD = $(TEST_BASE)
tests_base_test_mailbox_LDADD = $(TEST_BASE)
tests_base_test_memory_LDADD = $(TEST_BASE)
tests_base_test_mime_LDADD = $(TEST_BASE)
tests_base_test_rename_LDADD = $(TEST_BASE)
tests_base_test_thread_LDADD = $(TEST_BASE)
tests_base_test_utf8_LDADD = $(TEST_BASE)
