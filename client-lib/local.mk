# SPDX-License-Identifier: MIT
# client-lib: libtransfer, what an application links.
noinst_LTLIBRARIES += libclient.la
libclient_la_SOURCES =

# For each source x.c: its lines in libclient_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/client-lib/test-x
#   tests_client_lib_test_x_LDADD = $(TEST_CLIENT)

transferinclude_HEADERS += \
	%D%/include/transfer/client.h \
	%D%/include/transfer/configuration.h \
	%D%/include/transfer/error.h \
	%D%/include/transfer/manager.h \
	%D%/include/transfer/object.h \
	%D%/include/transfer/request.h \
	%D%/include/transfer/rows.h \
	%D%/include/transfer/session.h \
	%D%/include/transfer/transfer.h \
	%D%/include/transfer/types.h

# The shared library, when its first source is here:
#   lib_LTLIBRARIES += libtransfer.la
#   libtransfer_la_SOURCES =
#   libtransfer_la_LIBADD = $(LINK_CLIENT)
#   libtransfer_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
#           -Wl,--version-script=$(srcdir)/%D%/libtransfer.map
#   libtransfer_la_DEPENDENCIES = libclient.la libipc.la libbase.la %D%/libtransfer.map
#   EXTRA_DIST += %D%/libtransfer.map %D%/libtransfer.pc.in
#   pkgconfig_DATA += %D%/libtransfer.pc
#   CLEANFILES += %D%/libtransfer.pc
#   %D%/libtransfer.pc: %D%/libtransfer.pc.in Makefile
#           $(SUBST_GEN)
