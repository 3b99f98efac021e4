# SPDX-License-Identifier: MIT
# daemon/bus: one handler per D-Bus method.
noinst_LTLIBRARIES += libbus.la
libbus_la_SOURCES = \
	%D%/bus.c %D%/bus.h %D%/bus-private.h \
	%D%/bus-change.c \
	%D%/bus-event.c \
	%D%/bus-event-row.c \
	%D%/bus-list.c \
	%D%/bus-log.c \
	%D%/bus-manager.c \
	%D%/bus-session.c \
	%D%/bus-task.c \
	%D%/bus-view.c \
	%D%/bus-words.c
