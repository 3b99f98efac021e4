/* SPDX-License-Identifier: MIT */
/* Words and numbers, there and back. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <errno.h>
#include <transfer/error.h>

START_TEST(every_number_has_a_word)
{
	for (int i = TRANSFER_TASK_DATA; i <= TRANSFER_TASK_STREAM; i++) {
		const char *word = bus_words_task_kind((enum transfer_task_kind)i);
		enum transfer_task_kind kind = 0;

		ck_ok(bus_words_task_kind_parse(word, &kind));
		ck_assert_int_eq((int)kind, i);
	}
	for (int i = TRANSFER_TASK_STATE_RUNNING; i <= TRANSFER_TASK_STATE_COMPLETED; i++)
		ck_assert_str_ne(bus_words_task_state((enum transfer_task_state)i), "unknown");
	for (int i = TRANSFER_SUB_STATE_SUSPENDED; i <= TRANSFER_SUB_STATE_CANCELLED; i++)
		ck_assert_str_ne(bus_words_sub_state((enum transfer_task_sub_state)i), "unknown");
	for (int i = TRANSFER_COOKIE_ACCEPT_ALWAYS;
		i <= TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN; i++) {
		enum transfer_cookie_accept accept = 99;

		ck_ok(bus_words_cookie_accept(
			bus_words_cookie_accept_name((enum transfer_cookie_accept)i), &accept));
		ck_assert_int_eq((int)accept, i);
	}
	for (int i = TRANSFER_COOKIE_SAME_SITE_UNSET; i <= TRANSFER_COOKIE_SAME_SITE_STRICT; i++) {
		enum transfer_cookie_same_site same_site = 99;

		ck_ok(bus_words_same_site(
			bus_words_same_site_name((enum transfer_cookie_same_site)i), &same_site));
		ck_assert_int_eq((int)same_site, i);
	}
	ck_assert_str_eq(bus_words_error(TRANSFER_ERROR_TIMED_OUT), "timed-out");
	ck_assert_str_eq(bus_words_error(-4711), "unknown");
	ck_assert_str_eq(bus_words_session_kind_name(TRANSFER_SESSION_BACKGROUND), "background");
	ck_assert_str_eq(bus_words_session_state(TRANSFER_SESSION_STATE_FINISHING), "finishing");
}
END_TEST

#define NAMED(symbol, number, text) { number, text },

START_TEST(words_of_sessions_in_memory_have_numbers)
{
	static const struct {
		int number;
		const char *text;
	} policies[] = { TRANSFER_CACHE_POLICIES(NAMED) },
	  services[] = { TRANSFER_SERVICE_TYPES(NAMED) },
	  dispositions[] = { TRANSFER_RESPONSE_DISPOSITIONS(NAMED) },
	  versions[] = { TRANSFER_TLS_VERSIONS(NAMED) };
	enum transfer_response_disposition disposition = 0;
	enum transfer_cache_policy policy = 0;
	enum transfer_service_type service = 0;
	enum transfer_tls_version version = 0;

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		ck_ok(bus_words_cache_policy(policies[i].text, &policy));
		ck_assert_int_eq((int)policy, policies[i].number);
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		ck_ok(bus_words_service_type(services[i].text, &service));
		ck_assert_int_eq((int)service, services[i].number);
	}
	for (size_t i = 0; i < sizeof(dispositions) / sizeof(dispositions[0]); i++) {
		ck_ok(bus_words_disposition(dispositions[i].text, &disposition));
		ck_assert_int_eq((int)disposition, dispositions[i].number);
	}
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		ck_ok(bus_words_tls_version(versions[i].text, &version));
		ck_assert_int_eq((int)version, versions[i].number);
	}
	ck_assert_int_eq(bus_words_cache_policy("never", &policy), -EINVAL);
	ck_assert_int_eq(bus_words_service_type("", &service), -EINVAL);
	ck_assert_int_eq(bus_words_disposition("perhaps", &disposition), -EINVAL);
	ck_assert_int_eq(bus_words_tls_version("1.4", &version), -EINVAL);
	ck_assert_str_eq(bus_words_body_reason(TRANSFER_BODY_REASON_REDIRECT), "redirect");
}
END_TEST

START_TEST(lists_become_masks)
{
	static const char *const states[] = { "running", "completed" },
				 *const wrong[] = { "running", "walking" };
	const char *bad = "";
	uint32_t mask = 7;

	ck_ok(bus_words_task_states(states, 2, &mask, &bad));
	ck_assert_uint_eq(
		mask, 1u << TRANSFER_TASK_STATE_RUNNING | 1u << TRANSFER_TASK_STATE_COMPLETED);
	ck_ok(bus_words_sub_states(NULL, 0, &mask, &bad));
	ck_assert_uint_eq(mask, 0);
	ck_assert_int_eq(bus_words_task_states(wrong, 2, &mask, &bad), IPC_E_INVALID_REQUEST);
	ck_assert_str_eq(bad, "walking");
	ck_assert_int_eq(bus_words_task_kinds(wrong, 1, &mask, &bad), IPC_E_INVALID_REQUEST);
}
END_TEST

START_TEST(unknown_words_are_refused)
{
	enum transfer_session_kind session_kind;
	enum transfer_cookie_same_site same_site;
	enum transfer_cookie_accept accept;
	enum task_upload_copy copy = TASK_UPLOAD_COPY_SNAPSHOT;
	enum transfer_task_kind kind;

	ck_assert_int_eq(bus_words_upload_copy("twice", &copy), -EINVAL);
	ck_ok(bus_words_upload_copy("none", &copy));
	ck_assert_str_eq(bus_words_upload_copy_name(copy), "none");
	ck_assert_int_eq(bus_words_cookie_accept("sometimes", &accept), -EINVAL);
	ck_assert_int_eq(bus_words_same_site("loose", &same_site), -EINVAL);
	ck_assert_int_eq(bus_words_session_kind("foreground", &session_kind), -EINVAL);
	ck_assert_int_eq(bus_words_session_kind("", &session_kind), -EINVAL);
	ck_assert_int_eq(bus_words_task_kind_parse("UPLOAD", &kind), -EINVAL);
}
END_TEST

RUN_TESTS("daemon/bus/bus-words", TEST(every_number_has_a_word),
	TEST(words_of_sessions_in_memory_have_numbers), TEST(lists_become_masks),
	TEST(unknown_words_are_refused))
