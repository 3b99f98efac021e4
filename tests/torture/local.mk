# SPDX-License-Identifier: MIT
# tests/torture: every allocation fails once. A new scenario: a function and its row in the program of its layer.
TORTURE = %D%/torture.c %D%/torture.h
TORTURE_WORLD = $(TORTURE) %D%/world.c %D%/world.h
check_PROGRAMS += %D%/torture-store
%C%_torture_store_SOURCES = %D%/torture-store.c $(TORTURE)
%C%_torture_store_LDADD = libtest.la $(LINK_STORE)
check_PROGRAMS += %D%/torture-flow
%C%_torture_flow_SOURCES = %D%/torture-flow.c $(TORTURE) $(sim_sources)
%C%_torture_flow_LDADD = $(TEST_DAEMON)
%C%_torture_flow_LDFLAGS = $(sim_ldflags) -Wl,--wrap=engine_start,--wrap=engine_publish \
	-Wl,--wrap=engine_snapshot,--wrap=engine_remove_file,--wrap=_ck_assert_failed,--wrap=_mark_point
check_PROGRAMS += %D%/torture-engine
%C%_torture_engine_SOURCES = %D%/torture-engine.c $(TORTURE_WORLD)
%C%_torture_engine_LDADD = libtest.la $(LINK_ENGINE)
check_PROGRAMS += %D%/torture-client
%C%_torture_client_SOURCES = %D%/torture-client.c $(TORTURE_WORLD)
%C%_torture_client_LDADD = libtest.la libtransfer.la
check_PROGRAMS += %D%/torture-live
%C%_torture_live_SOURCES = %D%/torture-live.c $(TORTURE_WORLD)
%C%_torture_live_LDADD = libtest.la libtransfer.la
