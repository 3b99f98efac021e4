# SPDX-License-Identifier: MIT
# tests/crash: the crash harness behind "./dev crash"; too long for make check.
noinst_PROGRAMS += tests/crash/crash
tests_crash_crash_SOURCES = %D%/crash.c %D%/crash.h %D%/client.c %D%/power.c %D%/power.h tests/system/app.c tests/system/rig.c \
	tests/system/rig.h
tests_crash_crash_LDADD = libtest.la libtransfer.la $(CHECK_LIBS)
