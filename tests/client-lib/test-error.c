/* SPDX-License-Identifier: MIT */
/* Error objects: names and texts of every list, translation of what ipc returns. */
#include "client-lib/error.h"

#include <errno.h>
#include <string.h>

#include "ipc/bus.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

static const struct {
	int code;
	const char *name, *text;
} codes[] = {
#define CODE(symbol, number, name, text) { number, name, text },
	TRANSFER_ERRORS(CODE)
};

START_TEST(names_every_code)
{
	transfer_auto(transfer_error) error = error_new_url(codes[_i].code, "https://example.org/");

	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_URL);
	ck_assert_int_eq(transfer_error_get_code(error), codes[_i].code);
	ck_assert_str_eq(transfer_error_get_name(error), codes[_i].name);
	ck_assert_str_eq(transfer_error_get_message(error), codes[_i].text);
	ck_assert_str_eq(transfer_error_get_failing_url(error), "https://example.org/");
	for (int i = 0; i < _i; i++)
		ck_assert(codes[i].code != codes[_i].code && strcmp(codes[i].name, codes[_i].name));
}
END_TEST

static const struct {
	int r, error_no, code;
	enum transfer_error_domain domain;
} results[] = {
	{ IPC_E_NO_SUCH_TASK, -ENOENT, TRANSFER_BUS_ERROR_NO_SUCH_TASK, TRANSFER_DOMAIN_BUS },
	{ IPC_E_ALREADY_ATTACHED, -EBUSY, TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE,
		TRANSFER_DOMAIN_URL },
	{ IPC_E_UNSUPPORTED_SCHEME, -EREMOTEIO, TRANSFER_ERROR_UNSUPPORTED_URL,
		TRANSFER_DOMAIN_URL },
	{ IPC_E_INSECURE_TRANSPORT, -EREMOTEIO, TRANSFER_ERROR_INSECURE_TRANSPORT,
		TRANSFER_DOMAIN_URL },
	{ IPC_E_ACCESS_DENIED, -EACCES, TRANSFER_BUS_ERROR_ACCESS_DENIED, TRANSFER_DOMAIN_BUS },
	{ IPC_E_SERVICE_UNKNOWN, -ENOTCONN, TRANSFER_BUS_ERROR_NOT_RUNNING, TRANSFER_DOMAIN_BUS },
	{ IPC_E_UNKNOWN_PROPERTY, -EREMOTEIO, TRANSFER_BUS_ERROR_FAILED, TRANSFER_DOMAIN_BUS },
	{ -ETIMEDOUT, -ETIMEDOUT, TRANSFER_BUS_ERROR_NO_REPLY, TRANSFER_DOMAIN_BUS },
	{ -ENOTCONN, -ENOTCONN, TRANSFER_BUS_ERROR_UNREACHABLE, TRANSFER_DOMAIN_BUS },
	{ -ENOMEM, -ENOMEM, ENOMEM, TRANSFER_DOMAIN_POSIX },
};

START_TEST(translates)
{
	transfer_auto(transfer_error) error = NULL;
	const struct ipc_exchange exchange = { .text = "why" };

	ck_assert_int_eq(error_give_ipc(results[_i].r, &exchange, &error), results[_i].error_no);
	ck_assert_int_eq(transfer_error_get_domain(error), results[_i].domain);
	ck_assert_int_eq(transfer_error_get_code(error), results[_i].code);
	ck_assert_int_eq(transfer_error_get_bus_name(error) != NULL, results[_i].r > 0);
	ck_assert_str_ne(transfer_error_get_message(error), "");
	ck_assert_int_eq(error_give_ipc(results[_i].r, &exchange, NULL), results[_i].error_no);
}
END_TEST

START_TEST(tells_why_a_task_failed)
{
	const struct ipc_error disk = {
		.code = TRANSFER_ERROR_CANNOT_WRITE_TO_FILE,
		.has_code = true,
		.detail = "disk full",
		.failing_url = "https://example.org/",
		.os_errno = ENOSPC,
		.has_os_errno = true,
		.resume_data = (const uint8_t *)"abc",
		.n_resume_data = 3,
	};
	const struct ipc_error none = { .has_code = true };
	transfer_auto(transfer_error) error = error_new_task(&disk);

	ck_assert_ptr_null(error_new_task(NULL));
	ck_assert_ptr_null(error_new_task(&none));
	ck_assert_str_eq(transfer_error_get_name(error), "cannot-write-to-file");
	ck_assert_str_eq(transfer_error_get_message(error), "disk full");
	ck_assert_str_eq(transfer_error_get_name(transfer_error_get_underlying(error)), "ENOSPC");
	ck_assert_uint_eq(transfer_data_get_size(transfer_error_get_resume_data(error)), 3);
	ck_assert_ptr_null(transfer_error_get_hint(error));
}
END_TEST

START_TEST(tells_why_it_was_cancelled)
{
	const struct ipc_error disabled = { .code = TRANSFER_ERROR_CANCELLED,
		.has_code = true,
		.cancelled_reason = 1,
		.has_cancelled_reason = true };
	const struct ipc_error timed_out = { .code = TRANSFER_ERROR_TIMED_OUT, .has_code = true };
	transfer_auto(transfer_error) first = error_new_task(&disabled);
	transfer_auto(transfer_error) second = error_new_task(&timed_out);

	ck_assert_int_eq(transfer_error_get_cancelled_reason(first), TRANSFER_CANCELLED_DISABLED);
	ck_assert_int_eq(transfer_error_get_cancelled_reason(second), -1);
}
END_TEST

static const struct {
	enum transfer_error_domain domain;
	int code;
	const char *text, *url, *name, *message;
} own[] = {
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_TIMED_OUT, NULL, "demo:a", "timed-out", NULL },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_TIMED_OUT, "too slow", NULL, "timed-out",
		"too slow" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_TIMED_OUT, "\xff", "\xff", "timed-out", NULL },
	{ TRANSFER_DOMAIN_POSIX, ENOENT, NULL, NULL, "ENOENT", NULL },
	{ TRANSFER_DOMAIN_URL, 77, "mine", NULL, "unknown", "mine" },
};

START_TEST(is_made_by_a_program)
{
	transfer_auto(transfer_error)
		error = transfer_error_new(own[_i].domain, own[_i].code, own[_i].text, own[_i].url);

	ck_assert_int_eq(transfer_error_get_domain(error), own[_i].domain);
	ck_assert_int_eq(transfer_error_get_code(error), own[_i].code);
	ck_assert_str_eq(transfer_error_get_name(error), own[_i].name);
	if (own[_i].message)
		ck_assert_str_eq(transfer_error_get_message(error), own[_i].message);
	ck_assert_ptr_nonnull(transfer_error_get_message(error));
	ck_assert_int_eq(
		!transfer_error_get_failing_url(error), !own[_i].url || own[_i].url[0] == '\xff');
	ck_assert_int_eq(transfer_error_get_unavailable_reason(error), -1);
	ck_assert_int_eq(transfer_error_get_cancelled_reason(error), -1);
}
END_TEST

START_TEST(says_why_there_was_no_network)
{
	transfer_auto(transfer_error) error = error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = TRANSFER_ERROR_NOT_CONNECTED,
		.has_unavailable_reason = true,
		.unavailable_reason = TRANSFER_UNAVAILABLE_EXPENSIVE,
	});

	ck_assert_int_eq(transfer_error_get_unavailable_reason(error), 1);
}
END_TEST

RUN_TESTS("client-lib/error", TEST_EACH(is_made_by_a_program, own),
	TEST(says_why_there_was_no_network), TEST(tells_why_it_was_cancelled),
	TEST_EACH(names_every_code, codes), TEST_EACH(translates, results),
	TEST(tells_why_a_task_failed))
