/* SPDX-License-Identifier: MIT */
/* Responses: a copy of what transferd tells. */
#include "client-lib/response.h"

#include <stdio.h>
#include <string.h>

#include "ipc/proto.h"
#include "tests/lib/run.h"

static int on_header(const char *name, const char *value, void *user)
{
	char *log = user;

	size_t used = strlen(log);

	snprintf(log + used, 64 - used, "%s=%s ", name, value);
	return strcmp(value, "stop") ? 0 : 5;
}

START_TEST(tells_what_was_answered)
{
	const struct ipc_header headers[] = { { "X-A", "1" }, { "x-a", "2" }, { "X-B", "stop" },
		{ "X-C", "3" } };
	const struct ipc_response from = {
		.status = 206,
		.has_status = true,
		.url = "https://example.org/",
		.mime_type = "text/html",
		.text_encoding = "utf-8",
		.http_version = "HTTP/2",
		.suggested_name = "index.html",
		.headers = headers,
		.n_headers = 4,
	};
	const struct ipc_response none = { .url = "x" };
	transfer_auto(transfer_response) response = response_new_ipc(&from);
	char log[64] = "";

	ck_assert_ptr_null(response_new_ipc(NULL));
	ck_assert_ptr_null(response_new_ipc(&none));
	ck_assert_int_eq(transfer_response_get_status(response), 206);
	ck_assert_str_eq(transfer_response_get_url(response), "https://example.org/");
	ck_assert_str_eq(transfer_response_get_mime_type(response), "text/html");
	ck_assert_str_eq(transfer_response_get_text_encoding(response), "utf-8");
	ck_assert_str_eq(transfer_response_get_http_version(response), "HTTP/2");
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), "index.html");
	ck_assert_int_eq(transfer_response_get_expected_length(response), TRANSFER_SIZE_UNKNOWN);
	ck_assert_str_eq(transfer_response_get_header(response, "X-a"), "1");
	ck_assert_ptr_null(transfer_response_get_header(response, "X-D"));
	ck_assert_int_eq(transfer_response_foreach_header(response, on_header, log), 5);
	ck_assert_str_eq(log, "X-A=1 x-a=2 X-B=stop ");
}
END_TEST

/* what ends with its connection may have been cut */
static const struct {
	const char *version;
	int status;
	const char *field;
	bool want;
} lengths[] = {
	{ "1.1", 200, "X", false },
	{ "1.0", 200, "X", false },
	{ "HTTP/1.1", 200, "X", false },
	{ NULL, 200, "X", false },
	{ "1.1", 404, "X", false },
	{ "1.1", 200, "content-length", true },
	{ "1.1", 200, "Transfer-Encoding", true },
	{ "1.1", 204, "X", true },
	{ "1.1", 304, "X", true },
	{ "2", 200, "X", true },
	{ "HTTP/2", 200, "X", true },
};

START_TEST(knows_an_unverified_length)
{
	const struct ipc_header header = { lengths[_i].field, "5" };
	const struct ipc_response from = {
		.status = (unsigned)lengths[_i].status,
		.has_status = true,
		.http_version = lengths[_i].version,
		.headers = &header,
		.n_headers = 1,
	};
	transfer_auto(transfer_response) response = response_new_ipc(&from);

	ck_assert_int_eq(transfer_response_is_length_verified(response), lengths[_i].want);
}
END_TEST

RUN_TESTS("client-lib/response", TEST(tells_what_was_answered),
	TEST_EACH(knows_an_unverified_length, lengths))
