# SPDX-License-Identifier: MIT
# cli: transferctl; public headers only.
noinst_LTLIBRARIES += libcli.la
libcli_la_SOURCES =

# For each source x.c: its lines in libcli_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/cli/test-x
#   tests_cli_test_x_LDADD = $(TEST_CLI)

# The program, when its main is here:
#   bin_PROGRAMS += transferctl
#   transferctl_SOURCES = %D%/transferctl.c
#   transferctl_LDADD = $(LINK_CLI)
