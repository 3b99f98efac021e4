# SPDX-License-Identifier: MIT
# tests/lib: what tests share. Sources: %D%/x.c in libtest_la_SOURCES. Programs for tests (not tests
# themselves): noinst_PROGRAMS += tests/origin.
noinst_LTLIBRARIES += libtest.la
libtest_la_SOURCES = %D%/run.h %D%/run-long.h \
	%D%/bus.c %D%/bus.h %D%/coding.c %D%/coding.h %D%/proxy.c %D%/proxy.h %D%/ftp.c %D%/ftp.h %D%/proc.c %D%/proc.h %D%/refuse.c %D%/refuse.h %D%/same-url.h %D%/stuck.c %D%/stuck.h %D%/tmpdir.c %D%/tmpdir.h \
	%D%/origin-answer.c %D%/origin-bytes.c %D%/origin-conn.c %D%/origin-file.c \
	%D%/origin-internal.h %D%/origin-log.c %D%/origin-part.c %D%/origin-request.c %D%/origin-route.c \
	%D%/origin-state.h %D%/origin-tls.c %D%/origin-upload.c %D%/origin.c %D%/origin.h
libtest_la_LIBADD = $(OPENSSL_LIBS) $(DBUS_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) $(BROTLIENC_LIBS)

noinst_PROGRAMS += tests/origin
tests_origin_SOURCES = %D%/origin-main.c
tests_origin_LDADD = libtest.la

check_PROGRAMS += tests/lib/test-bus tests/lib/test-origin tests/lib/test-proc tests/lib/test-tmpdir
tests_lib_test_bus_LDADD = libtest.la $(CHECK_LIBS)
tests_lib_test_proc_LDADD = libtest.la $(CHECK_LIBS)
tests_lib_test_tmpdir_LDADD = libtest.la $(CHECK_LIBS)
tests_lib_test_origin_LDADD = libtest.la $(CHECK_LIBS)
