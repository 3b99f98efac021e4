# SPDX-License-Identifier: MIT
# tests/soak: the long run behind "./dev soak"; too long for make check.
noinst_PROGRAMS += tests/soak/soak
tests_soak_soak_SOURCES = %D%/soak.c %D%/soak.h %D%/client.c %D%/sample.c %D%/sample.h %D%/live.c %D%/live.h %D%/live-client.c %D%/slow.c \
	tests/system/app.c tests/system/rig.c \
	tests/system/rig.h
tests_soak_soak_LDADD = libtest.la libtransfer.la $(CHECK_LIBS)
