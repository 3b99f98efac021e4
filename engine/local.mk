# SPDX-License-Identifier: MIT
# engine: worker threads that move bytes; curl, libevent and OpenSSL stay in here.
noinst_LTLIBRARIES += libengine.la
libengine_la_SOURCES =

# For each source x.c: its lines in libengine_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/engine/test-x
#   tests_engine_test_x_LDADD = $(TEST_ENGINE)
