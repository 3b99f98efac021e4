# SPDX-License-Identifier: MIT
# schema: the migrations, embedded.
noinst_LTLIBRARIES += libschema.la
libschema_la_SOURCES =

# For each source x.c: its lines in libschema_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/schema/test-x
#   tests_schema_test_x_LDADD = $(TEST_STORE)

# Generated source, when tools/sqlgen.py and the migrations are here:
#   SCHEMA_SQL = %D%/0001-first.sql
#   nodist_libschema_la_SOURCES = schema/migrations.c
#   CLEANFILES += schema/migrations.c
#   schema/migrations.c: $(SCHEMA_SQL) tools/sqlgen.py
#           $(AM_V_GEN)$(MKDIR_P) schema && $(PYTHON) $(srcdir)/tools/sqlgen.py …
#   EXTRA_DIST += $(SCHEMA_SQL) %D%/schema.sql tools/sqlgen.py
