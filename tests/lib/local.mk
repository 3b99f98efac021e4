# SPDX-License-Identifier: MIT
# tests/lib: what tests share. Sources: %D%/x.c in libtest_la_SOURCES. Programs for tests (not tests
# themselves): noinst_PROGRAMS += tests/origin.
noinst_LTLIBRARIES += libtest.la
libtest_la_SOURCES = %D%/run.h
