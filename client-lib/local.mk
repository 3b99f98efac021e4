# SPDX-License-Identifier: MIT
# client-lib: libtransfer, what an application links.
noinst_LTLIBRARIES += libclient.la
libclient_la_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/body.c %D%/body.h \
	%D%/body-feed.c \
	%D%/body-pump.c \
	%D%/body-send.c \
	%D%/cache.c %D%/cache.h \
	%D%/cache-disk.c %D%/cache-disk.h \
	%D%/cache-entry.c %D%/cache-entry.h \
	%D%/cache-file.c %D%/cache-file.h \
	%D%/cache-index.c %D%/cache-index.h \
	%D%/cache-name.c %D%/cache-store.h \
	%D%/cache-work.c \
	%D%/cached-response.c \
	%D%/cache-load.c %D%/cache-load.h \
	%D%/cache-rules.c %D%/cache-rules.h \
	%D%/client.c %D%/client.h \
	%D%/command.c %D%/command.h \
	%D%/command-create.c \
	%D%/command-end.c \
	%D%/command-live.c \
	%D%/configuration.c %D%/configuration.h \
	%D%/configuration-network.c \
	%D%/configuration-store.c \
	%D%/credential.c %D%/credential.h \
	%D%/credential-store.c %D%/credential-store.h \
	%D%/data.c %D%/data.h \
	%D%/delivery.c %D%/delivery.h \
	%D%/error.c %D%/error.h \
	%D%/event.c %D%/event.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/fork.c %D%/fork.h \
	%D%/load.c %D%/load.h \
	%D%/meter.c %D%/meter.h \
	%D%/load-data.c %D%/load-data.h \
	%D%/event-read.c \
	%D%/live.c %D%/live.h \
	%D%/litter.c %D%/litter.h \
	%D%/live-event.c \
	%D%/live-row.c \
	%D%/live-wait.c \
	%D%/load-file.c \
	%D%/load-find.c \
	%D%/load-metrics.c \
	%D%/load-request.c \
	%D%/load-sink.c \
	%D%/manager.c %D%/manager.h \
	%D%/manager-cookie.c \
	%D%/command-cookie.c \
	%D%/cookie-list.c %D%/cookie-list.h \
	%D%/manager-look.c \
	%D%/manager-create.c \
	%D%/manager-steer.c \
	%D%/protection-space.c %D%/protection-space.h \
	%D%/queue.c %D%/queue.h \
	%D%/ref.h \
	%D%/request.c %D%/request.h \
	%D%/request-policy.c \
	%D%/response.c %D%/response.h \
	%D%/rows.c %D%/rows.h \
	%D%/segment.c %D%/segment.h \
	%D%/session.c %D%/session.h \
	%D%/statistics.c \
	%D%/task.c %D%/task.h \
	%D%/task-auth.c %D%/task-auth.h \
	%D%/task-make.c \
	%D%/text.c %D%/text.h \
	%D%/token.c %D%/token.h \
	%D%/wire.c %D%/wire.h \
	%D%/words.c %D%/words.h

transferinclude_HEADERS += \
	%D%/include/transfer/answer.h \
	%D%/include/transfer/body.h \
	%D%/include/transfer/cache.h \
	%D%/include/transfer/client.h \
	%D%/include/transfer/configuration.h \
	%D%/include/transfer/configuration-network.h \
	%D%/include/transfer/configuration-store.h \
	%D%/include/transfer/cookie.h \
	%D%/include/transfer/credential.h \
	%D%/include/transfer/credential-store.h \
	%D%/include/transfer/delegate.h \
	%D%/include/transfer/error.h \
	%D%/include/transfer/fetch.h \
	%D%/include/transfer/manager.h \
	%D%/include/transfer/meter.h \
	%D%/include/transfer/metrics.h \
	%D%/include/transfer/object.h \
	%D%/include/transfer/protection-space.h \
	%D%/include/transfer/protocol.h \
	%D%/include/transfer/request.h \
	%D%/include/transfer/request-policy.h \
	%D%/include/transfer/response.h \
	%D%/include/transfer/rows.h \
	%D%/include/transfer/session.h \
	%D%/include/transfer/task.h \
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

# Tests of what needs the other end share one; those of what an application sees share a recording delegate, too.
CLIENT_PEER = tests/client-lib/peer.c tests/client-lib/peer-serve.c tests/client-lib/peer.h tests/client-lib/peer-state.h \
	tests/client-lib/peer-live.c tests/client-lib/peer-live.h \
	tests/client-lib/managed.h
CLIENT_RIG = $(CLIENT_PEER) tests/client-lib/rig.c tests/client-lib/rig.h
CACHE_RIG = tests/client-lib/cache-rig.c tests/client-lib/cache-rig.h
CLIENT_LIVE = $(CLIENT_PEER) tests/client-lib/live-rig.c tests/client-lib/live-rig.h
check_PROGRAMS += tests/client-lib/test-answer tests/client-lib/test-body tests/client-lib/test-body-feed tests/client-lib/test-body-pump tests/client-lib/test-body-send tests/client-lib/test-cache tests/client-lib/test-cache-disk tests/client-lib/test-cache-entry tests/client-lib/test-cache-file tests/client-lib/test-client tests/client-lib/test-command tests/client-lib/test-command-cookie tests/client-lib/test-command-live tests/client-lib/test-cookie-list \
	tests/client-lib/test-configuration tests/client-lib/test-configuration-network tests/client-lib/test-configuration-store tests/client-lib/test-credential tests/client-lib/test-credential-store tests/client-lib/test-data tests/client-lib/test-delivery \
	tests/client-lib/test-error tests/client-lib/test-event tests/client-lib/test-fetch tests/client-lib/test-fork tests/client-lib/test-litter tests/client-lib/test-live \
	tests/client-lib/test-live-crowd tests/client-lib/test-live-delegate tests/client-lib/test-live-end tests/client-lib/test-load tests/client-lib/test-load-data tests/client-lib/test-load-file tests/client-lib/test-load-request tests/client-lib/test-manager tests/client-lib/test-meter \
	tests/client-lib/test-manager-cookie tests/client-lib/test-manager-create tests/client-lib/test-manager-look tests/client-lib/test-manager-steer tests/client-lib/test-protection-space tests/client-lib/test-queue \
	tests/client-lib/test-request tests/client-lib/test-request-policy tests/client-lib/test-response tests/client-lib/test-rows \
	tests/client-lib/test-session tests/client-lib/test-statistics tests/client-lib/test-task tests/client-lib/test-task-auth tests/client-lib/test-task-make \
	tests/client-lib/test-text tests/client-lib/test-token tests/client-lib/test-wire \
	tests/client-lib/test-words
tests_client_lib_test_cache_SOURCES = tests/client-lib/test-cache.c $(CACHE_RIG)
tests_client_lib_test_cache_disk_SOURCES = tests/client-lib/test-cache-disk.c $(CACHE_RIG)
tests_client_lib_test_client_SOURCES = tests/client-lib/test-client.c $(CLIENT_RIG)
tests_client_lib_test_body_pump_SOURCES = tests/client-lib/test-body-pump.c $(CLIENT_LIVE)
tests_client_lib_test_command_SOURCES = tests/client-lib/test-command.c $(CLIENT_RIG)
tests_client_lib_test_command_live_SOURCES = tests/client-lib/test-command-live.c $(CLIENT_LIVE)
tests_client_lib_test_credential_store_SOURCES = tests/client-lib/test-credential-store.c $(CLIENT_LIVE)
tests_client_lib_test_delivery_SOURCES = tests/client-lib/test-delivery.c $(CLIENT_RIG)
tests_client_lib_test_answer_SOURCES = tests/client-lib/test-answer.c $(CLIENT_RIG)
tests_client_lib_test_event_SOURCES = tests/client-lib/test-event.c $(CLIENT_RIG)
tests_client_lib_test_fetch_SOURCES = tests/client-lib/test-fetch.c $(CLIENT_LIVE)
tests_client_lib_test_fork_SOURCES = tests/client-lib/test-fork.c $(CLIENT_LIVE)
tests_client_lib_test_litter_SOURCES = tests/client-lib/test-litter.c $(CLIENT_LIVE)
tests_client_lib_test_live_SOURCES = tests/client-lib/test-live.c $(CLIENT_LIVE)
tests_client_lib_test_live_crowd_SOURCES = tests/client-lib/test-live-crowd.c $(CLIENT_LIVE)
tests_client_lib_test_live_delegate_SOURCES = tests/client-lib/test-live-delegate.c $(CLIENT_LIVE)
tests_client_lib_test_live_end_SOURCES = tests/client-lib/test-live-end.c $(CLIENT_LIVE)
tests_client_lib_test_load_SOURCES = tests/client-lib/test-load.c $(CLIENT_LIVE)
tests_client_lib_test_load_file_SOURCES = tests/client-lib/test-load-file.c $(CLIENT_LIVE)
tests_client_lib_test_load_request_SOURCES = tests/client-lib/test-load-request.c $(CLIENT_LIVE)
tests_client_lib_test_meter_SOURCES = tests/client-lib/test-meter.c $(CLIENT_LIVE)
tests_client_lib_test_manager_SOURCES = tests/client-lib/test-manager.c $(CLIENT_PEER)
tests_client_lib_test_command_cookie_SOURCES = tests/client-lib/test-command-cookie.c $(CLIENT_LIVE)
tests_client_lib_test_manager_cookie_SOURCES = tests/client-lib/test-manager-cookie.c $(CLIENT_PEER)
tests_client_lib_test_manager_create_SOURCES = tests/client-lib/test-manager-create.c $(CLIENT_PEER)
tests_client_lib_test_manager_look_SOURCES = tests/client-lib/test-manager-look.c $(CLIENT_PEER)
tests_client_lib_test_manager_steer_SOURCES = tests/client-lib/test-manager-steer.c $(CLIENT_PEER)
tests_client_lib_test_session_SOURCES = tests/client-lib/test-session.c $(CLIENT_RIG)
tests_client_lib_test_task_SOURCES = tests/client-lib/test-task.c $(CLIENT_RIG)
tests_client_lib_test_task_auth_SOURCES = tests/client-lib/test-task-auth.c $(CLIENT_LIVE)
tests_client_lib_test_task_make_SOURCES = tests/client-lib/test-task-make.c $(CLIENT_LIVE)
tests_client_lib_test_wire_SOURCES = tests/client-lib/test-wire.c $(CLIENT_RIG)
tests_client_lib_test_body_LDADD = $(TEST_CLIENT)
tests_client_lib_test_body_feed_LDADD = $(TEST_CLIENT)
tests_client_lib_test_body_pump_LDADD = $(TEST_CLIENT)
tests_client_lib_test_body_send_LDADD = $(TEST_CLIENT)
tests_client_lib_test_cache_LDADD = $(TEST_CLIENT)
tests_client_lib_test_cache_disk_LDADD = $(TEST_CLIENT)
tests_client_lib_test_cache_entry_LDADD = $(TEST_CLIENT)
tests_client_lib_test_cache_file_SOURCES = tests/client-lib/test-cache-file.c $(CACHE_RIG)
tests_client_lib_test_cache_file_LDADD = $(TEST_CLIENT)
tests_client_lib_test_client_LDADD = $(TEST_CLIENT)
tests_client_lib_test_command_LDADD = $(TEST_CLIENT)
tests_client_lib_test_command_live_LDADD = $(TEST_CLIENT)
tests_client_lib_test_configuration_LDADD = $(TEST_CLIENT)
tests_client_lib_test_configuration_network_LDADD = $(TEST_CLIENT)
tests_client_lib_test_configuration_store_LDADD = $(TEST_CLIENT)
tests_client_lib_test_credential_LDADD = $(TEST_CLIENT)
tests_client_lib_test_credential_store_LDADD = $(TEST_CLIENT)
tests_client_lib_test_data_LDADD = $(TEST_CLIENT)
tests_client_lib_test_delivery_LDADD = $(TEST_CLIENT)
tests_client_lib_test_error_LDADD = $(TEST_CLIENT)
tests_client_lib_test_answer_LDADD = $(TEST_CLIENT)
tests_client_lib_test_event_LDADD = $(TEST_CLIENT)
tests_client_lib_test_load_LDADD = $(TEST_CLIENT)
tests_client_lib_test_load_file_LDADD = $(TEST_CLIENT)
tests_client_lib_test_load_request_LDADD = $(TEST_CLIENT)
tests_client_lib_test_load_data_LDADD = $(TEST_CLIENT) $(JANSSON_LIBS)
tests_client_lib_test_fetch_LDADD = $(TEST_CLIENT)
tests_client_lib_test_fork_LDADD = $(TEST_CLIENT)
tests_client_lib_test_litter_LDADD = $(TEST_CLIENT)
tests_client_lib_test_live_LDADD = $(TEST_CLIENT)
tests_client_lib_test_live_crowd_LDADD = $(TEST_CLIENT)
tests_client_lib_test_live_delegate_LDADD = $(TEST_CLIENT)
tests_client_lib_test_live_end_LDADD = $(TEST_CLIENT)
tests_client_lib_test_meter_LDADD = $(TEST_CLIENT)
tests_client_lib_test_manager_LDADD = $(TEST_CLIENT)
tests_client_lib_test_command_cookie_LDADD = $(TEST_CLIENT)
tests_client_lib_test_cookie_list_LDADD = $(TEST_CLIENT)
tests_client_lib_test_manager_cookie_LDADD = $(TEST_CLIENT)
tests_client_lib_test_manager_create_LDADD = $(TEST_CLIENT)
tests_client_lib_test_manager_look_LDADD = $(TEST_CLIENT)
tests_client_lib_test_manager_steer_LDADD = $(TEST_CLIENT)
tests_client_lib_test_protection_space_LDADD = $(TEST_CLIENT)
tests_client_lib_test_queue_LDADD = $(TEST_CLIENT)
tests_client_lib_test_request_LDADD = $(TEST_CLIENT)
tests_client_lib_test_request_policy_LDADD = $(TEST_CLIENT)
tests_client_lib_test_response_LDADD = $(TEST_CLIENT)
tests_client_lib_test_rows_LDADD = $(TEST_CLIENT)
tests_client_lib_test_session_LDADD = $(TEST_CLIENT)
tests_client_lib_test_statistics_LDADD = $(TEST_CLIENT)
tests_client_lib_test_task_LDADD = $(TEST_CLIENT)
tests_client_lib_test_task_auth_LDADD = $(TEST_CLIENT)
tests_client_lib_test_task_make_LDADD = $(TEST_CLIENT)
tests_client_lib_test_text_LDADD = $(TEST_CLIENT)
tests_client_lib_test_token_LDADD = $(TEST_CLIENT)
tests_client_lib_test_wire_LDADD = $(TEST_CLIENT)
tests_client_lib_test_words_LDADD = $(TEST_CLIENT)

# What tasks do with caches.
check_PROGRAMS += tests/client-lib/test-cache-rules
tests_client_lib_test_cache_rules_LDADD = $(TEST_CLIENT)

# The examples and the manual page against the real transferd.
check_PROGRAMS += tests/client-lib/test-examples
tests_client_lib_test_examples_LDADD = libtest.la $(CHECK_LIBS)
dist_check_scripts += tests/client-lib/manual.py
noinst_PROGRAMS += tests/client-lib/handler
tests_client_lib_handler_LDADD = libtransfer.la
check_PROGRAMS += tests/client-lib/test-handover
tests_client_lib_test_handover_LDADD = libtest.la $(CHECK_LIBS)
