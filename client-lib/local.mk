# SPDX-License-Identifier: MIT
# client-lib: libtransfer, what an application links.
noinst_LTLIBRARIES += libclient.la
libclient_la_SOURCES = \
	%D%/client.c %D%/client.h \
	%D%/command.c %D%/command.h \
	%D%/configuration.c %D%/configuration.h \
	%D%/data.c %D%/data.h \
	%D%/delivery.c %D%/delivery.h \
	%D%/error.c %D%/error.h \
	%D%/event.c %D%/event.h \
	%D%/manager.c %D%/manager.h \
	%D%/manager-look.c \
	%D%/manager-steer.c \
	%D%/queue.c %D%/queue.h \
	%D%/ref.h \
	%D%/request.c %D%/request.h \
	%D%/response.c %D%/response.h \
	%D%/rows.c %D%/rows.h \
	%D%/session.c %D%/session.h \
	%D%/statistics.c \
	%D%/task.c %D%/task.h \
	%D%/text.c %D%/text.h \
	%D%/wire.c %D%/wire.h \
	%D%/words.c %D%/words.h

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

lib_LTLIBRARIES += libtransfer.la
libtransfer_la_SOURCES =
libtransfer_la_LIBADD = $(LINK_CLIENT)
libtransfer_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/%D%/libtransfer.map
libtransfer_la_DEPENDENCIES = libclient.la libipc.la libbase.la %D%/libtransfer.map
EXTRA_DIST += %D%/libtransfer.map %D%/libtransfer.pc.in
pkgconfig_DATA += %D%/libtransfer.pc
CLEANFILES += %D%/libtransfer.pc
%D%/libtransfer.pc: %D%/libtransfer.pc.in Makefile
	$(SUBST_GEN)
