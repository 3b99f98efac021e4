# SPDX-License-Identifier: MIT
# tests/torture: every allocation fails once. A new scenario: a function and its row in the program of its layer.
TORTURE = %D%/torture.c %D%/torture.h
check_PROGRAMS += %D%/torture-store
%C%_torture_store_SOURCES = %D%/torture-store.c $(TORTURE)
%C%_torture_store_LDADD = libtest.la $(LINK_STORE)
