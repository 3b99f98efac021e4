# SPDX-License-Identifier: MIT
# ipc: the wire; libdbus stays in here. proto.[ch], the manual page of the interface and the negative
# tests are generated from the XML.
noinst_LTLIBRARIES += libipc.la
libipc_la_SOURCES = \
	%D%/bus.c %D%/bus.h \
	%D%/call.h %D%/inner.h %D%/table.h \
	%D%/client.c %D%/client.h \
	%D%/codec.c %D%/codec.h \
	%D%/file.c %D%/file.h \
	%D%/flat.c %D%/flat.h \
	%D%/loop.c %D%/loop.h \
	%D%/object.c %D%/object.h \
	%D%/past.c %D%/past.h \
	%D%/peer.c \
	%D%/signal.c \
	%D%/standard.c \
	%D%/types.c %D%/types.h \
	%D%/wire.c %D%/wire.h
nodist_libipc_la_SOURCES = ipc/proto.c ipc/proto.h

IPC_INTERFACES = \
	%D%/org.transferd.Transfer1.Manager.xml \
	%D%/org.transferd.Transfer1.Session.xml \
	%D%/org.transferd.Transfer1.Task.xml
IPC_XML = $(IPC_INTERFACES) %D%/org.freedesktop.LogControl1.xml
IPC_GENERATOR = tools/ipcgen.py tools/ipcgen_model.py tools/ipcgen_c.py tools/ipcgen_man.py
IPC_GENERATED = ipc/proto.c ipc/proto.h man/org.transferd.Transfer1.5 tests/ipc/proto-cases.h

$(IPC_GENERATED) &: $(IPC_XML) $(IPC_GENERATOR) %D%/types.h
	$(AM_V_GEN)$(MKDIR_P) ipc man tests/ipc && \
	PYTHONDONTWRITEBYTECODE=1 $(PYTHON) $(srcdir)/tools/ipcgen.py --errors $(srcdir)/ipc/types.h \
		--source ipc/proto.c --header ipc/proto.h --manual man/org.transferd.Transfer1.5 \
		--cases tests/ipc/proto-cases.h $(IPC_XML:%=$(srcdir)/%)

$(libipc_la_OBJECTS): ipc/proto.h
BUILT_SOURCES += ipc/proto.h tests/ipc/proto-cases.h
CLEANFILES += $(IPC_GENERATED)
nodist_man_MANS += man/org.transferd.Transfer1.5
dist_dbusinterface_DATA += $(IPC_INTERFACES)
EXTRA_DIST += $(IPC_GENERATOR) %D%/org.freedesktop.LogControl1.xml %D%/README.md \
	%D%/released/org.transferd.Transfer1.Manager.xml %D%/released/org.transferd.Transfer1.Session.xml \
	%D%/released/org.transferd.Transfer1.Task.xml

# Those that need a connection share a daemon for tests.
IPC_SERVICE = tests/ipc/service.c tests/ipc/service.h
check_PROGRAMS += tests/ipc/test-bus tests/ipc/test-client tests/ipc/test-codec tests/ipc/test-file \
	tests/ipc/test-flat tests/ipc/test-loop \
	tests/ipc/test-object tests/ipc/test-past tests/ipc/test-peer tests/ipc/test-signal tests/ipc/test-standard \
	tests/ipc/test-types tests/ipc/test-wire
dist_check_scripts += tests/ipc/generator.py
tests_ipc_test_bus_SOURCES = tests/ipc/test-bus.c $(IPC_SERVICE)
tests_ipc_test_client_SOURCES = tests/ipc/test-client.c $(IPC_SERVICE)
tests_ipc_test_loop_SOURCES = tests/ipc/test-loop.c $(IPC_SERVICE)
tests_ipc_test_object_SOURCES = tests/ipc/test-object.c $(IPC_SERVICE)
tests_ipc_test_past_SOURCES = tests/ipc/test-past.c $(IPC_SERVICE)
tests_ipc_test_peer_SOURCES = tests/ipc/test-peer.c $(IPC_SERVICE)
tests_ipc_test_signal_SOURCES = tests/ipc/test-signal.c $(IPC_SERVICE)
tests_ipc_test_standard_SOURCES = tests/ipc/test-standard.c $(IPC_SERVICE)
tests_ipc_test_bus_LDADD = $(TEST_IPC)
tests_ipc_test_client_LDADD = $(TEST_IPC)
tests_ipc_test_codec_LDADD = $(TEST_IPC)
tests_ipc_test_file_LDADD = $(TEST_IPC)
tests_ipc_test_flat_LDADD = $(TEST_IPC)
tests_ipc_test_loop_LDADD = $(TEST_IPC)
tests_ipc_test_object_LDADD = $(TEST_IPC)
tests_ipc_test_past_LDADD = $(TEST_IPC)
tests_ipc_test_peer_LDADD = $(TEST_IPC)
tests_ipc_test_signal_LDADD = $(TEST_IPC)
tests_ipc_test_standard_LDADD = $(TEST_IPC)
tests_ipc_test_types_LDADD = $(TEST_IPC)
tests_ipc_test_wire_LDADD = $(TEST_IPC)
tests/ipc/test-codec.$(OBJEXT) tests/ipc/test-object.$(OBJEXT): tests/ipc/proto-cases.h
