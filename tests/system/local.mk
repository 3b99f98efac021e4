# SPDX-License-Identifier: MIT
# tests/system: the real daemon on a private bus, driven through libtransfer and transferctl.
SYSTEM_TESTS = \
	tests/system/test-coding \
	tests/system/test-cookies \
	tests/system/test-ctl \
	tests/system/test-download \
	tests/system/test-errno \
	tests/system/test-framing \
	tests/system/test-hostile \
	tests/system/test-kill \
	tests/system/test-lifecycle \
	tests/system/test-live-auth \
	tests/system/test-live-cache \
	tests/system/test-live-credentials \
	tests/system/test-live-body \
	tests/system/test-live-cookies \
	tests/system/test-live-data \
	tests/system/test-live-download \
	tests/system/test-live-fetch \
	tests/system/test-live-kill \
	tests/system/test-live-life \
	tests/system/test-live-metrics \
	tests/system/test-live-pressure \
	tests/system/test-live-redirect \
	tests/system/test-live-response \
	tests/system/test-live-time \
	tests/system/test-offline \
	tests/system/test-places \
	tests/system/test-policy \
	tests/system/test-question \
	tests/system/test-queue \
	tests/system/test-reassociate \
	tests/system/test-redirect \
	tests/system/test-resumable \
	tests/system/test-resume \
	tests/system/test-retry \
	tests/system/test-sequence \
	tests/system/test-service \
	tests/system/test-stuck \
	tests/system/test-turns \
	tests/system/test-upload
check_PROGRAMS += $(SYSTEM_TESTS)
SYSTEM_RIG = %D%/app.c %D%/rig.c %D%/rig.h
LIVE_RIG = %D%/live.c %D%/live.h $(SYSTEM_RIG)
SYSTEM_LDADD = libtest.la libtransfer.la $(CHECK_LIBS)
tests_system_test_coding_SOURCES = %D%/test-coding.c $(SYSTEM_RIG)
tests_system_test_coding_LDADD = $(SYSTEM_LDADD)
tests_system_test_cookies_SOURCES = %D%/test-cookies.c $(SYSTEM_RIG)
tests_system_test_cookies_LDADD = $(SYSTEM_LDADD)
tests_system_test_download_SOURCES = %D%/test-download.c $(SYSTEM_RIG)
tests_system_test_download_LDADD = $(SYSTEM_LDADD)
tests_system_test_framing_SOURCES = %D%/test-framing.c $(LIVE_RIG)
tests_system_test_framing_LDADD = $(SYSTEM_LDADD)
tests_system_test_hostile_SOURCES = %D%/test-hostile.c $(SYSTEM_RIG)
tests_system_test_hostile_LDADD = $(SYSTEM_LDADD)
tests_system_test_kill_SOURCES = %D%/test-kill.c $(SYSTEM_RIG)
tests_system_test_kill_LDADD = $(SYSTEM_LDADD)
tests_system_test_lifecycle_SOURCES = %D%/test-lifecycle.c $(SYSTEM_RIG)
tests_system_test_lifecycle_LDADD = $(SYSTEM_LDADD)
tests_system_test_reassociate_SOURCES = %D%/test-reassociate.c $(SYSTEM_RIG)
tests_system_test_reassociate_LDADD = $(SYSTEM_LDADD)
tests_system_test_queue_SOURCES = %D%/test-queue.c $(SYSTEM_RIG)
tests_system_test_queue_LDADD = $(SYSTEM_LDADD)
tests_system_test_redirect_SOURCES = %D%/test-redirect.c $(SYSTEM_RIG)
tests_system_test_redirect_LDADD = $(SYSTEM_LDADD)
tests_system_test_resume_SOURCES = %D%/test-resume.c $(SYSTEM_RIG)
tests_system_test_resume_LDADD = $(SYSTEM_LDADD)
tests_system_test_resumable_SOURCES = %D%/test-resumable.c $(SYSTEM_RIG)
tests_system_test_resumable_LDADD = $(SYSTEM_LDADD) $(SQLITE_LIBS)
tests_system_test_retry_SOURCES = %D%/test-retry.c $(SYSTEM_RIG)
tests_system_test_retry_LDADD = $(SYSTEM_LDADD)
tests_system_test_sequence_SOURCES = %D%/test-sequence.c $(SYSTEM_RIG)
tests_system_test_sequence_LDADD = $(SYSTEM_LDADD)
tests_system_test_places_SOURCES = %D%/test-places.c $(SYSTEM_RIG)
tests_system_test_places_LDADD = $(SYSTEM_LDADD)
tests_system_test_turns_SOURCES = %D%/test-turns.c $(SYSTEM_RIG)
tests_system_test_turns_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_fetch_SOURCES = %D%/test-live-fetch.c $(SYSTEM_RIG)
tests_system_test_live_fetch_LDADD = $(SYSTEM_LDADD)
tests_system_test_offline_SOURCES = %D%/test-offline.c $(LIVE_RIG)
tests_system_test_offline_LDADD = $(SYSTEM_LDADD)
tests_system_test_upload_SOURCES = %D%/test-upload.c $(SYSTEM_RIG)
tests_system_test_upload_LDADD = $(SYSTEM_LDADD)
tests_system_test_ctl_SOURCES = %D%/test-ctl.c $(SYSTEM_RIG)
tests_system_test_ctl_LDADD = $(SYSTEM_LDADD)
tests_system_test_errno_SOURCES = %D%/test-errno.c $(SYSTEM_RIG)
tests_system_test_errno_LDADD = $(SYSTEM_LDADD)
tests_system_test_service_SOURCES = %D%/test-service.c $(SYSTEM_RIG)
tests_system_test_service_LDADD = $(SYSTEM_LDADD)
tests_system_test_stuck_SOURCES = %D%/test-stuck.c $(SYSTEM_RIG)
tests_system_test_stuck_LDADD = $(SYSTEM_LDADD)
tests_system_test_policy_SOURCES = %D%/test-policy.c $(SYSTEM_RIG)
tests_system_test_policy_LDADD = $(SYSTEM_LDADD)
tests_system_test_question_SOURCES = %D%/test-question.c $(SYSTEM_RIG)
tests_system_test_question_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_cache_SOURCES = %D%/test-live-cache.c $(LIVE_RIG)
tests_system_test_live_cache_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_auth_SOURCES = %D%/test-live-auth.c $(LIVE_RIG)
tests_system_test_live_auth_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_credentials_SOURCES = %D%/test-live-credentials.c $(LIVE_RIG)
tests_system_test_live_credentials_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_body_SOURCES = %D%/test-live-body.c $(LIVE_RIG)
tests_system_test_live_body_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_cookies_SOURCES = %D%/test-live-cookies.c $(LIVE_RIG)
tests_system_test_live_cookies_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_data_SOURCES = %D%/test-live-data.c $(LIVE_RIG)
tests_system_test_live_data_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_download_SOURCES = %D%/test-live-download.c $(LIVE_RIG)
tests_system_test_live_download_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_kill_SOURCES = %D%/test-live-kill.c $(LIVE_RIG)
tests_system_test_live_kill_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_metrics_SOURCES = %D%/test-live-metrics.c $(LIVE_RIG)
tests_system_test_live_metrics_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_life_SOURCES = %D%/test-live-life.c $(LIVE_RIG)
tests_system_test_live_life_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_pressure_SOURCES = %D%/test-live-pressure.c $(LIVE_RIG)
tests_system_test_live_pressure_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_redirect_SOURCES = %D%/test-live-redirect.c $(LIVE_RIG)
tests_system_test_live_redirect_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_response_SOURCES = %D%/test-live-response.c $(LIVE_RIG)
tests_system_test_live_response_LDADD = $(SYSTEM_LDADD)
tests_system_test_live_time_SOURCES = %D%/test-live-time.c $(LIVE_RIG)
tests_system_test_live_time_LDADD = $(SYSTEM_LDADD)
EXTRA_DIST += %D%/clock.c

# By scripts: nginx as the origin, and the machine at fault.
dist_check_scripts += %D%/main-job.py %D%/faults.py %D%/strain.py
