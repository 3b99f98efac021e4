# SPDX-License-Identifier: MIT
# daemon/store: SQLite stays in here.
noinst_LTLIBRARIES += libstore.la
libstore_la_SOURCES = \
	%D%/store.c %D%/store.h \
	%D%/store-private.h \
	%D%/store-event.c \
	%D%/store-file.c \
	%D%/store-lane.c \
	%D%/store-list.c \
	%D%/store-row.c \
	%D%/store-schema.c \
	%D%/store-session.c \
	%D%/store-tally.c \
	%D%/store-task.c \
	%D%/store-token.c
