# SPDX-License-Identifier: MIT
# examples: programs against the public header; tests/client-lib/test-examples and tests/system run them.
noinst_PROGRAMS += examples/bg_download examples/bg_upload examples/fetch examples/monitor examples/protocol \
	examples/stream
examples_bg_download_LDADD = libtransfer.la
examples_bg_upload_LDADD = libtransfer.la
examples_fetch_LDADD = libtransfer.la
examples_monitor_LDADD = libtransfer.la
examples_protocol_LDADD = libtransfer.la
examples_stream_LDADD = libtransfer.la
EXTRA_DIST += %D%/bg_download.py
