# SPDX-License-Identifier: MIT
# ipc: the wire; libdbus stays in here. proto.[ch] is generated from the XML.
noinst_LTLIBRARIES += libipc.la
libipc_la_SOURCES =

# For each source x.c: its lines in libipc_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/ipc/test-x
#   tests_ipc_test_x_LDADD = $(TEST_IPC)

# Generated sources, when tools/ipcgen.py and the XML are here:
#   IPC_XML = %D%/org.transferd.Transfer1.xml
#   nodist_libipc_la_SOURCES = ipc/proto.c ipc/proto.h
#   BUILT_SOURCES += ipc/proto.h
#   CLEANFILES += ipc/proto.c ipc/proto.h
#   ipc/proto.c ipc/proto.h &: $(IPC_XML) tools/ipcgen.py
#           $(AM_V_GEN)$(MKDIR_P) ipc && $(PYTHON) $(srcdir)/tools/ipcgen.py …
#   dist_dbusinterface_DATA += $(IPC_XML)
#   EXTRA_DIST += tools/ipcgen.py
