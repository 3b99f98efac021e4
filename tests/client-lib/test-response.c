/* SPDX-License-Identifier: MIT */
/* Responses: a copy of what transferd tells. */
#include "client-lib/response.h"

#include <stdio.h>
#include <stdlib.h>
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

static const struct {
	const char *url, *type, *want;
} names[] = {
	{ "https://example.org/a/b.txt?x#y", NULL, "b.txt" },
	{ "https://example.org/a/b", "text/html", "b.html" },
	{ "https://user@example.org:81/", "text/html", "example.org" },
	{ "https://[::1]:81", NULL, "[::1]" },
	{ "https://example.org", NULL, "example.org" },
	{ "https://example.org?a/b", NULL, "example.org" },
	{ "file:///etc/hosts", "text/plain", "hosts.txt" },
	{ "file://localhost/etc/a%20b", NULL, "a b" },
	{ "data:text/plain,abc", "text/plain", "unknown" },
	{ "demo:x", NULL, "unknown" },
	{ "", NULL, "unknown" },
};

START_TEST(is_made_by_a_program)
{
	transfer_auto(transfer_response)
		response = transfer_response_new(names[_i].url, names[_i].type, 5, "utf-8");
	transfer_auto(transfer_response)
		endless = transfer_response_new(names[_i].url, names[_i].type, -5, NULL);

	ck_assert_int_eq(transfer_response_get_status(response), 0);
	ck_assert_str_eq(transfer_response_get_url(response), names[_i].url);
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), names[_i].want);
	ck_assert_str_eq(transfer_response_get_text_encoding(response), "utf-8");
	ck_assert_int_eq(transfer_response_get_expected_length(response), 5);
	ck_assert(transfer_response_is_length_verified(response));
	if (names[_i].type)
		ck_assert_str_eq(transfer_response_get_mime_type(response), names[_i].type);
	else
		ck_assert_ptr_null(transfer_response_get_mime_type(response));
	ck_assert_int_eq(transfer_response_get_expected_length(endless), TRANSFER_SIZE_UNKNOWN);
	ck_assert(!transfer_response_is_length_verified(endless));
	ck_assert_ptr_null(transfer_response_get_text_encoding(endless));
	ck_assert_ptr_null(transfer_response_copy_header_list(response, "X"));
}
END_TEST

START_TEST(is_made_like_an_answer_of_http)
{
	static const struct transfer_field fields[] = {
		{ "Content-Type", "Text/HTML; charset=\"UTF-8\"" },
		{ "Content-Length", "42" },
		{ "Content-Disposition", "attachment; filename=\"page\"" },
		{ "X-A", "1" },
		{ "x-a", "2" },
	};
	transfer_auto(transfer_response)
		response = transfer_response_new_http("https://example.org/x.txt", 201, fields, 5);
	char *list = transfer_response_copy_header_list(response, "X-a");

	ck_assert_str_eq(list, "1, 2");
	free(list);
	ck_assert_int_eq(transfer_response_get_status(response), 201);
	ck_assert_str_eq(transfer_response_get_mime_type(response), "text/html");
	ck_assert_str_eq(transfer_response_get_text_encoding(response), "utf-8");
	ck_assert_int_eq(transfer_response_get_expected_length(response), 42);
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), "page.html");
	ck_assert_str_eq(transfer_response_get_header(response, "CONTENT-LENGTH"), "42");
	ck_assert(transfer_response_is_length_verified(response));
}
END_TEST

static const struct {
	const char *value;
	int64_t want;
} announced[] = {
	{ "0", 0 },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", -1 },
	{ "-1", -1 },
	{ "+1", -1 },
	{ " 1", -1 },
	{ "1 ", -1 },
	{ "1,1", -1 },
	{ "x", -1 },
	{ "", -1 },
};

START_TEST(reads_a_length)
{
	const struct transfer_field field = { "Content-Length", announced[_i].value };
	transfer_auto(transfer_response)
		response = transfer_response_new_http("https://example.org/", 200, &field, 1);

	ck_assert_int_eq(transfer_response_get_expected_length(response), announced[_i].want);
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), "example.org");
}
END_TEST

START_TEST(refuses_what_is_malformed)
{
	const struct transfer_field name = { "a b", "x" }, value = { "a", "x\r\ny" };

	ck_assert_ptr_null(transfer_response_new(NULL, NULL, 0, NULL));
	ck_assert_ptr_null(transfer_response_new("\xff", NULL, 0, NULL));
	ck_assert_ptr_null(transfer_response_new("a:", "\xff", 0, NULL));
	ck_assert_ptr_null(transfer_response_new("a:", NULL, 0, "\xff"));
	ck_assert_ptr_null(transfer_response_new_http("a:", 99, NULL, 0));
	ck_assert_ptr_null(transfer_response_new_http("a:", 1000, NULL, 0));
	ck_assert_ptr_null(transfer_response_new_http(NULL, 200, NULL, 0));
	ck_assert_ptr_null(transfer_response_new_http("a:", 200, &name, 1));
	ck_assert_ptr_null(transfer_response_new_http("a:", 200, &value, 1));
}
END_TEST

/* an answer of ftp has a length, and no status */
START_TEST(needs_no_status)
{
	const struct ipc_response from = {
		.url = "ftp://example.org/x", .expected_length = 7, .has_expected_length = true
	};
	transfer_auto(transfer_response) response = response_new_ipc(&from);

	ck_assert_int_eq(transfer_response_get_status(response), 0);
	ck_assert_int_eq(transfer_response_get_expected_length(response), 7);
}
END_TEST

RUN_TESTS("client-lib/response", TEST_EACH(is_made_by_a_program, names),
	TEST(is_made_like_an_answer_of_http), TEST_EACH(reads_a_length, announced),
	TEST(refuses_what_is_malformed), TEST(needs_no_status), TEST(tells_what_was_answered),
	TEST_EACH(knows_an_unverified_length, lengths))
