# SPDX-License-Identifier: MIT
# base: words shared by all layers; libc and pthread only.
noinst_LTLIBRARIES += libbase.la
libbase_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/buf.c %D%/buf.h \
	%D%/cleanup.h \
	%D%/clock.c %D%/clock.h \
	%D%/err.c %D%/err.h \
	%D%/failpoint.c %D%/failpoint.h \
	%D%/io.c %D%/io.h \
	%D%/log.c %D%/log.h \
	%D%/mailbox.c %D%/mailbox.h \
	%D%/thread.c %D%/thread.h \
	%D%/utf8.c %D%/utf8.h

# For each source x.c: its lines in libbase_la_SOURCES above and its test below:
#   check_PROGRAMS += tests/base/test-x
#   tests_base_test_x_LDADD = $(TEST_BASE)
