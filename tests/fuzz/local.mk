# SPDX-License-Identifier: MIT
# tests/fuzz: one target per thing that parses what others send. With --enable-fuzz they are libFuzzer programs;
# else each is a test that replays its corpus and fixed mutations of it. A new one: its name, its source, its
# libraries, a folder of seeds, and words in dict/ where they help.
fuzz_targets = %D%/fuzz-batch %D%/fuzz-blob %D%/fuzz-cache-file %D%/fuzz-call %D%/fuzz-config %D%/fuzz-cookie \
	%D%/fuzz-decode %D%/fuzz-file %D%/fuzz-flat %D%/fuzz-head %D%/fuzz-multipart \
	%D%/fuzz-name %D%/fuzz-row %D%/fuzz-text %D%/fuzz-url
EXTRA_DIST += %D%/corpus %D%/dict
if FUZZ
noinst_PROGRAMS += $(fuzz_targets)
FUZZ_DRIVER =
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += $(fuzz_targets)
FUZZ_DRIVER = %D%/replay.c
FUZZ_LDFLAGS = $(AM_LDFLAGS)
endif
# The flow over the real store, with an engine that does what is told.
fuzz_world = %D%/world.c %D%/world.h tests/lib/fake-engine.c tests/lib/fake-engine.h

%C%_fuzz_batch_SOURCES = %D%/fuzz-batch.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_batch_LDFLAGS = $(FUZZ_LDFLAGS) -Wl,--wrap=request_open_session \
	-Wl,--wrap=transfer_manager_create_tasks
%C%_fuzz_batch_LDADD = $(LINK_CLI) $(LINK_BASE)
%C%_fuzz_blob_SOURCES = %D%/fuzz-blob.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_blob_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_blob_LDADD = $(LINK_ENGINE)
%C%_fuzz_cache_file_SOURCES = %D%/fuzz-cache-file.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_cache_file_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_cache_file_LDADD = $(LINK_CLIENT)
%C%_fuzz_call_SOURCES = %D%/fuzz-call.c %D%/fuzz.h $(fuzz_world) $(FUZZ_DRIVER)
%C%_fuzz_call_LDFLAGS = $(FUZZ_LDFLAGS) -Wl,--wrap=ipc_bus_new \
	-Wl,--wrap=ipc_bus_free -Wl,--wrap=ipc_bus_request_name -Wl,--wrap=ipc_bus_is_connected \
	-Wl,--wrap=ipc_bus_outgoing_bytes -Wl,--wrap=bus_send
%C%_fuzz_call_LDADD = $(LINK_DAEMON) libtest.la
%C%_fuzz_config_SOURCES = %D%/fuzz-config.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_config_LDADD = $(LINK_DAEMON)
%C%_fuzz_cookie_SOURCES = %D%/fuzz-cookie.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_cookie_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_cookie_LDADD = $(LINK_ENGINE)
%C%_fuzz_decode_SOURCES = %D%/fuzz-decode.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_decode_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_decode_LDADD = $(LINK_ENGINE)
%C%_fuzz_file_SOURCES = %D%/fuzz-file.c %D%/fuzz.h $(fuzz_world) $(FUZZ_DRIVER)
%C%_fuzz_file_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_file_LDADD = $(LINK_DAEMON) libtest.la
%C%_fuzz_flat_SOURCES = %D%/fuzz-flat.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_flat_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_flat_LDADD = $(LINK_IPC)
%C%_fuzz_head_SOURCES = %D%/fuzz-head.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_head_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_head_LDADD = $(LINK_ENGINE)
%C%_fuzz_multipart_SOURCES = %D%/fuzz-multipart.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_multipart_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_multipart_LDADD = $(LINK_ENGINE)
%C%_fuzz_name_SOURCES = %D%/fuzz-name.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_name_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_name_LDADD = $(LINK_ENGINE)
%C%_fuzz_row_SOURCES = %D%/fuzz-row.c %D%/fuzz.h $(fuzz_world) $(FUZZ_DRIVER)
%C%_fuzz_row_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_row_LDADD = $(LINK_DAEMON) libtest.la
%C%_fuzz_text_SOURCES = %D%/fuzz-text.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_text_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_text_LDADD = $(LINK_ENGINE)
%C%_fuzz_url_SOURCES = %D%/fuzz-url.c %D%/fuzz.h $(FUZZ_DRIVER)
%C%_fuzz_url_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_url_LDADD = $(LINK_ENGINE)
