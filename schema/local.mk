# SPDX-License-Identifier: MIT
# schema: the migrations, embedded. A new one: its file name in SCHEMA_SQL, and schema.sql.
noinst_LTLIBRARIES += libschema.la
libschema_la_SOURCES =
nodist_libschema_la_SOURCES = schema/migrations.c schema/migrations.h

SCHEMA_SQL = \
	%D%/0001-queue.sql \
	%D%/0002-questions.sql \
	%D%/0003-resumable-upload.sql \
	%D%/0004-cookies.sql \
	%D%/0005-range.sql \
	%D%/0006-unnamed.sql \
	%D%/0007-ends.sql \
	%D%/0008-narrow.sql \
	%D%/0009-placing.sql

schema/migrations.c: $(SCHEMA_SQL) %D%/released tools/sqlgen.py
	$(AM_V_GEN)$(MKDIR_P) schema && $(PYTHON) $(top_srcdir)/tools/sqlgen.py \
		$(top_srcdir)/schema schema/migrations.c schema/migrations.h
schema/migrations.h: schema/migrations.c
	@:

BUILT_SOURCES += schema/migrations.h
CLEANFILES += schema/migrations.c schema/migrations.h
EXTRA_DIST += $(SCHEMA_SQL) %D%/schema.sql %D%/released tools/sqlgen.py
