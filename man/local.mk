# SPDX-License-Identifier: MIT
# man: the manual pages. Written ones go into dist_man_MANS (%D%/x.1), generated ones into nodist_man_MANS.
dist_man_MANS += %D%/transferd.conf.5 %D%/transferd.service.8

# libtransfer: the overview is written, a page per object and the list of errors come from the public headers.
dist_man_MANS += %D%/libtransfer.3
LIBTRANSFER_MANS = man/transfer_body.3 man/transfer_cache.3 man/transfer_client.3 man/transfer_config.3 man/transfer_cookie.3 \
	man/transfer_credential.3 man/transfer_credential_store.3 man/transfer_protection_space.3 \
	man/transfer_data.3 man/transfer_delayed_request.3 man/transfer_error.3 man/transfer_manager.3 \
	man/transfer_meter.3 man/transfer_protocol.3 man/transfer_queue.3 man/transfer_reader.3 \
	man/transfer_request.3 man/transfer_response.3 man/transfer_rows.3 man/transfer_session.3 \
	man/transfer_task.3 man/transfer-errors.7
$(LIBTRANSFER_MANS) &: tools/libman.py $(transferinclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) man && \
	PYTHONDONTWRITEBYTECODE=1 $(PYTHON) $(srcdir)/tools/libman.py $(srcdir)/client-lib/include/transfer man
nodist_man_MANS += $(LIBTRANSFER_MANS)
CLEANFILES += $(LIBTRANSFER_MANS)
EXTRA_DIST += tools/libman.py
