# SPDX-License-Identifier: MIT
# engine: worker threads that move bytes; curl, libevent and OpenSSL stay in here.
noinst_LTLIBRARIES += libengine.la
libengine_la_SOURCES =

# For each source x.c: its lines in libengine_la_SOURCES above (%D%/x.c, %D%/x.h) and its test below:
#   check_PROGRAMS += tests/engine/test-x
#   tests_engine_test_x_LDADD = $(TEST_ENGINE)

# What is not network plumbing: the response head, resuming, files, errors.
libengine_la_SOURCES += \
	%D%/auth.c %D%/auth.h \
	%D%/blob.c %D%/blob.h \
	%D%/cookie.c %D%/cookie.h \
	%D%/cookie-date.c %D%/cookie-date.h \
	%D%/decode.c %D%/decode.h \
	%D%/digest.c %D%/digest.h \
	%D%/disk.c %D%/disk.h \
	%D%/disk-copy.c %D%/disk-copy.h \
	%D%/disk-file.c %D%/disk-file.h \
	%D%/engine.h \
	%D%/fault.c %D%/fault.h \
	%D%/head.c %D%/head.h \
	%D%/inlet.c %D%/inlet.h \
	%D%/jar.c %D%/jar.h \
	%D%/multipart.c %D%/multipart.h \
	%D%/patient.c %D%/patient.h \
	%D%/range.c %D%/range.h \
	%D%/redirect.c %D%/redirect.h \
	%D%/resume.c %D%/resume.h \
	%D%/sink.c %D%/sink.h \
	%D%/source.c %D%/source.h \
	%D%/unnamed.c %D%/unnamed.h \
	%D%/upload.c %D%/upload.h \
	%D%/url.c %D%/url.h \
	%D%/validator.c %D%/validator.h

check_PROGRAMS += \
	tests/engine/test-auth \
	tests/engine/test-blob \
	tests/engine/test-cookie \
	tests/engine/test-cookie-date \
	tests/engine/test-decode \
	tests/engine/test-digest \
	tests/engine/test-disk \
	tests/engine/test-fault \
	tests/engine/test-head \
	tests/engine/test-inlet \
	tests/engine/test-jar \
	tests/engine/test-multipart \
	tests/engine/test-range \
	tests/engine/test-redirect \
	tests/engine/test-resume \
	tests/engine/test-sink \
	tests/engine/test-source \
	tests/engine/test-unnamed \
	tests/engine/test-upload \
	tests/engine/test-url \
	tests/engine/test-validator
tests_engine_test_auth_LDADD = $(TEST_ENGINE)
tests_engine_test_blob_LDADD = $(TEST_ENGINE)
tests_engine_test_jar_LDADD = $(TEST_ENGINE)
tests_engine_test_cookie_date_LDADD = $(TEST_ENGINE)
tests_engine_test_cookie_LDADD = $(TEST_ENGINE)
tests_engine_test_decode_LDADD = $(TEST_ENGINE) $(BROTLIENC_LIBS)
tests_engine_test_digest_LDADD = $(TEST_ENGINE)
tests_engine_test_disk_LDADD = $(TEST_ENGINE)
tests_engine_test_fault_LDADD = $(TEST_ENGINE)
tests_engine_test_head_LDADD = $(TEST_ENGINE)
tests_engine_test_inlet_LDADD = $(TEST_ENGINE)
tests_engine_test_multipart_LDADD = $(TEST_ENGINE)
tests_engine_test_range_LDADD = $(TEST_ENGINE)
tests_engine_test_redirect_LDADD = $(TEST_ENGINE)
tests_engine_test_resume_LDADD = $(TEST_ENGINE)
tests_engine_test_sink_LDADD = $(TEST_ENGINE)
tests_engine_test_source_LDADD = $(TEST_ENGINE)
tests_engine_test_unnamed_LDADD = $(TEST_ENGINE)
tests_engine_test_upload_LDADD = $(TEST_ENGINE)
tests_engine_test_url_LDADD = $(TEST_ENGINE)
tests_engine_test_validator_LDADD = $(TEST_ENGINE)

# The network: threads, connections, attempts.
libengine_la_SOURCES += \
	%D%/answer.c %D%/answer.h \
	%D%/bucket.c %D%/bucket.h \
	%D%/chunk.c %D%/chunk.h \
	%D%/engine.c \
	%D%/multi.c %D%/multi.h \
	%D%/lender.c %D%/lender.h \
	%D%/outlet.c %D%/outlet.h \
	%D%/pool.c %D%/pool.h \
	%D%/post.c %D%/post.h \
	%D%/spec.c %D%/spec.h \
	%D%/worker.c %D%/worker.h \
	%D%/xfer.c %D%/xfer.h \
	%D%/xfer-ask.c \
	%D%/xfer-auth.c \
	%D%/xfer-body.c \
	%D%/xfer-cookie.c \
	%D%/xfer-decode.c \
	%D%/xfer-disk.c \
	%D%/xfer-event.c \
	%D%/xfer-ftp.c \
	%D%/xfer-judge.c \
	%D%/xfer-live.c \
	%D%/xfer-mail.c \
	%D%/xfer-metrics.c \
	%D%/xfer-part.c \
	%D%/xfer-request.c \
	%D%/xfer-send.c \
	%D%/xfer-time.c \
	%D%/xfer-upload.c

# Their tests: a real engine against the scripted origin.
TEST_RIG = tests/engine/rig.c tests/engine/rig.h
check_PROGRAMS += tests/engine/test-engine tests/engine/test-engine-ahead \
	tests/engine/test-engine-ask \
	tests/engine/test-engine-coding tests/engine/test-engine-cookies \
	tests/engine/test-engine-framing tests/engine/test-engine-live \
	tests/engine/test-xfer-request \
	tests/engine/test-engine-http2 \
	tests/engine/test-engine-resume tests/engine/test-engine-upload \
	tests/engine/test-engine-resumable
tests_engine_test_engine_SOURCES = tests/engine/test-engine.c $(TEST_RIG)
tests_engine_test_engine_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_coding_SOURCES = tests/engine/test-engine-coding.c $(TEST_RIG)
tests_engine_test_engine_coding_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_ask_SOURCES = tests/engine/test-engine-ask.c $(TEST_RIG)
tests_engine_test_engine_ask_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_ahead_SOURCES = tests/engine/test-engine-ahead.c $(TEST_RIG)
tests_engine_test_engine_ahead_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_cookies_SOURCES = tests/engine/test-engine-cookies.c $(TEST_RIG)
tests_engine_test_engine_cookies_LDADD = $(TEST_ENGINE)
tests_engine_test_xfer_request_SOURCES = tests/engine/test-xfer-request.c $(TEST_RIG)
tests_engine_test_xfer_request_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_framing_SOURCES = tests/engine/test-engine-framing.c $(TEST_RIG)
tests_engine_test_engine_framing_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_live_SOURCES = tests/engine/test-engine-live.c $(TEST_RIG)
tests_engine_test_engine_live_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_resume_SOURCES = tests/engine/test-engine-resume.c $(TEST_RIG)
tests_engine_test_engine_resume_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_upload_SOURCES = tests/engine/test-engine-upload.c $(TEST_RIG)
tests_engine_test_engine_upload_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_resumable_SOURCES = tests/engine/test-engine-resumable.c $(TEST_RIG)
tests_engine_test_engine_resumable_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_http2_SOURCES = tests/engine/test-engine-http2.c $(TEST_RIG)
tests_engine_test_engine_http2_LDADD = $(TEST_ENGINE)
check_PROGRAMS += tests/engine/test-bucket tests/engine/test-chunk tests/engine/test-outlet tests/engine/test-lender \
	tests/engine/test-multi tests/engine/test-post \
	tests/engine/test-spec
tests_engine_test_bucket_LDADD = $(TEST_ENGINE)
tests_engine_test_chunk_LDADD = $(TEST_ENGINE)
tests_engine_test_lender_LDADD = $(TEST_ENGINE)
tests_engine_test_multi_LDADD = $(TEST_ENGINE)
tests_engine_test_outlet_LDADD = $(TEST_ENGINE)
tests_engine_test_post_LDADD = $(TEST_ENGINE)
tests_engine_test_spec_LDADD = $(TEST_ENGINE)
check_PROGRAMS += tests/engine/test-engine-ftp tests/engine/test-engine-options \
	tests/engine/test-engine-send tests/engine/test-xfer-metrics \
	tests/engine/test-xfer-part
tests_engine_test_xfer_part_SOURCES = tests/engine/test-xfer-part.c $(TEST_RIG)
tests_engine_test_xfer_part_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_options_SOURCES = tests/engine/test-engine-options.c $(TEST_RIG)
tests_engine_test_engine_options_LDADD = $(TEST_ENGINE)
tests_engine_test_xfer_metrics_SOURCES = tests/engine/test-xfer-metrics.c $(TEST_RIG)
tests_engine_test_xfer_metrics_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_ftp_SOURCES = tests/engine/test-engine-ftp.c $(TEST_RIG)
tests_engine_test_engine_ftp_LDADD = $(TEST_ENGINE)
tests_engine_test_engine_send_SOURCES = tests/engine/test-engine-send.c $(TEST_RIG)
tests_engine_test_engine_send_LDADD = $(TEST_ENGINE)
