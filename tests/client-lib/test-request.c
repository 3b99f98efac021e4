/* SPDX-License-Identifier: MIT */
/* Requests: what setters take and refuse, what sticks, what a copy has, what goes onto the bus. */
#include "client-lib/request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/request-policy.h>

#include "base/arena.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

static int set_method(transfer_request *r, const char *value)
{
	return transfer_request_set_method(r, value);
}

static int set_header(transfer_request *r, const char *value)
{
	return transfer_request_set_header(r, "X-Test", value);
}

static int set_header_name(transfer_request *r, const char *value)
{
	return transfer_request_add_header(r, value, "x");
}

static int set_destination(transfer_request *r, const char *value)
{
	return transfer_request_set_destination(r, value, false);
}

static int set_md5(transfer_request *r, const char *value)
{
	return transfer_request_set_checksum(r, "md5", value);
}

static int set_crc(transfer_request *r, const char *value)
{
	return transfer_request_set_checksum(r, value, "00");
}

static int set_want(transfer_request *r, const char *value)
{
	return transfer_request_set_want_digest(r, value);
}

static int set_description(transfer_request *r, const char *value)
{
	return transfer_request_set_description(r, value);
}

static int set_ca(transfer_request *r, const char *value)
{
	return transfer_request_set_ca_file(r, value);
}

static const struct {
	int (*set)(transfer_request *r, const char *value);
	const char *value;
	int want;
} cases[] = {
	{ set_method, "POST", 0 },
	{ set_method, "", -EINVAL },
	{ set_method, "GET /", -EINVAL },
	{ set_method, NULL, 0 },
	{ set_header, "caf\xc3\xa9", 0 },
	{ set_header, "a\r\nX: y", -EINVAL },
	{ set_header, "\xff", -EINVAL },
	{ set_header, NULL, 0 },
	{ set_header_name, "X Y", -EINVAL },
	{ set_header_name, "", -EINVAL },
	{ set_destination, "/tmp/file", 0 },
	{ set_destination, "file", -EINVAL },
	{ set_destination, "/tmp/", -EINVAL },
	{ set_destination, "/tmp/.", -EINVAL },
	{ set_destination, "/tmp/..", -EINVAL },
	{ set_destination, "/tmp/...", 0 },
	{ set_destination, "", -EINVAL },
	{ set_md5, "d41d8cd98f00b204e9800998ecf8427e", 0 },
	{ set_md5, "d41d8cd98f00b204e9800998ecf8427", -EINVAL },
	{ set_md5, "z41d8cd98f00b204e9800998ecf8427e", -EINVAL },
	{ set_md5, NULL, -EINVAL },
	{ set_crc, "crc32", -EINVAL },
	{ set_crc, NULL, 0 },
	{ set_want, "sha512", 0 },
	{ set_want, "sha3", -EINVAL },
	{ set_description, "text", 0 },
	{ set_description, "\xc3", -EINVAL },
	{ set_ca, "ca.pem", -EINVAL },
	{ set_ca, "/etc/ca.pem", 0 },
};

START_TEST(checks)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");

	ck_assert_int_eq(cases[_i].set(request, cases[_i].value), cases[_i].want);
	ck_assert_int_eq(transfer_request_get_status(request), cases[_i].want);
	/* the first failure stays */
	ck_assert_int_eq(transfer_request_set_method(request, "PUT"), 0);
	ck_assert_int_eq(transfer_request_get_status(request), cases[_i].want);
}
END_TEST

static const char *const wrong_urls[] = { NULL, "", "https://\xff/" };

START_TEST(sticks_with_a_wrong_url)
{
	transfer_auto(transfer_request) request = transfer_request_new(wrong_urls[_i]);

	ck_assert_ptr_nonnull(request);
	ck_assert_int_eq(transfer_request_get_status(request), -EINVAL);
}
END_TEST

START_TEST(bounds_numbers)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");
	char many[4097] = "";

	ck_assert_int_eq(transfer_request_set_priority(request, 1.0), 0);
	ck_assert_int_eq(transfer_request_set_userdata(request, many, 4096), 0);
	ck_assert_int_eq(transfer_request_get_status(request), 0);
	ck_assert_int_eq(transfer_request_set_priority(request, -0.1), -EINVAL);
	ck_assert_int_eq(transfer_request_set_priority(request, NAN), -EINVAL);
	ck_assert_int_eq(transfer_request_set_userdata(request, many, 4097), -E2BIG);
	ck_assert_int_eq(transfer_request_set_upload_copy(request, 7), -EINVAL);
}
END_TEST

START_TEST(keeps_header_fields_in_order)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");

	ck_assert_int_eq(transfer_request_add_header(request, "Accept", "a"), 0);
	ck_assert_int_eq(transfer_request_add_header(request, "X-B", "b"), 0);
	ck_assert_int_eq(transfer_request_add_header(request, "accept", "c"), 0);
	ck_assert_str_eq(transfer_request_get_header(request, "ACCEPT"), "a");
	ck_assert_int_eq(transfer_request_set_header(request, "Accept", "d"), 0);
	ck_assert_uint_eq(request->headers.n_fields, 2);
	ck_assert_str_eq(request->headers.fields[0].name, "X-B");
	ck_assert_int_eq(transfer_request_set_header(request, "accept", NULL), 0);
	ck_assert_ptr_null(transfer_request_get_header(request, "Accept"));
	for (int i = 1; i < 256; i++)
		ck_assert_int_eq(transfer_request_add_header(request, "X-B", "b"), 0);
	ck_assert_int_eq(transfer_request_add_header(request, "X-B", "b"), -E2BIG);
}
END_TEST

static transfer_request *full_request(void)
{
	transfer_request *request = transfer_request_new("https://example.org/x");

	transfer_request_set_method(request, "POST");
	transfer_request_set_header(request, "X-A", "a");
	transfer_request_set_timeout(request, 1);
	transfer_request_set_resource_timeout(request, 2);
	transfer_request_set_destination(request, "/tmp/x", true);
	transfer_request_set_checksum(request, "md5", "d41d8cd98f00b204e9800998ecf8427e");
	transfer_request_set_want_digest(request, "sha1");
	transfer_request_set_not_before(request, 3);
	transfer_request_set_max_rate(request, 4);
	transfer_request_set_priority(request, 0);
	transfer_request_set_description(request, "text");
	transfer_request_set_userdata(request, "u", 1);
	transfer_request_set_allow_insecure(request, true);
	transfer_request_set_ca_file(request, "/ca.pem");
	transfer_request_set_retry_http_errors(request, true);
	transfer_request_set_handles_cookies(request, false);
	transfer_request_set_main_document_url(request, "https://doc.example/");
	transfer_request_set_upload_copy(request, TRANSFER_UPLOAD_COPY_NONE);
	transfer_request_set_cache_policy(request, TRANSFER_CACHE_RELOAD_EVERYWHERE);
	transfer_request_set_service_type(request, TRANSFER_SERVICE_VOICE);
	ck_assert_int_eq(transfer_request_get_status(request), 0);
	return request;
}

/* A copy says the same to transferd as the original, which is gone by then. */
START_TEST(goes_onto_the_bus)
{
	transfer_request *request = full_request();
	transfer_auto(transfer_request) copy = transfer_request_copy(request);
	struct arena arena = { 0 };
	struct ipc_request row;

	transfer_request_unref(request);
	ck_assert_int_eq(request_to_ipc(copy, &arena, &row), 0);
	ck_assert_str_eq(row.url, "https://example.org/x");
	ck_assert_str_eq(row.method, "POST");
	ck_assert_uint_eq(row.n_headers, 1);
	ck_assert_str_eq(row.headers[0].value, "a");
	ck_assert(row.has_timeout_usec && row.timeout_usec == 1);
	ck_assert(row.has_resource_timeout_usec && row.resource_timeout_usec == 2);
	ck_assert_str_eq(row.destination, "/tmp/x");
	ck_assert(row.has_overwrite && row.overwrite);
	ck_assert_str_eq(row.checksum.algorithm, "md5");
	ck_assert_str_eq(row.want_digest, "sha1");
	ck_assert(row.has_not_before_usec && row.not_before_usec == 3);
	ck_assert(row.has_max_rate_bps && row.max_rate_bps == 4);
	ck_assert(row.has_priority && row.priority == 0.0);
	ck_assert_str_eq(row.description, "text");
	ck_assert_uint_eq(row.n_userdata, 1);
	ck_assert(row.has_allow_insecure && row.allow_insecure);
	ck_assert_str_eq(row.ca_file, "/ca.pem");
	ck_assert(row.has_retry_http_errors && row.retry_http_errors);
	ck_assert(row.has_handles_cookies && !row.handles_cookies);
	ck_assert_str_eq(row.main_document_url, "https://doc.example/");
	ck_assert_str_eq(row.upload_copy, "none");
	ck_assert_str_eq(row.cache_policy, "reload-everywhere");
	ck_assert_str_eq(row.service_type, "voice");
	arena_done(&arena);
}
END_TEST

static const struct {
	const char *method, *want;
} methods[] = {
	{ "get", "GET" },
	{ "Head", "HEAD" },
	{ "pOST", "POST" },
	{ "put", "PUT" },
	{ "delete", "DELETE" },
	{ "connect", "CONNECT" },
	{ "patch", "patch" },
	{ "PATCH", "PATCH" },
	{ "options", "options" },
	{ "gett", "gett" },
	{ NULL, NULL },
};

START_TEST(writes_usual_methods_in_capitals)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");

	ck_assert_int_eq(transfer_request_set_method(request, "X"), 0);
	ck_assert_int_eq(transfer_request_set_method(request, methods[_i].method), 0);
	if (methods[_i].want)
		ck_assert_str_eq(transfer_request_get_method(request), methods[_i].want);
	else
		ck_assert_ptr_null(transfer_request_get_method(request));
}
END_TEST

START_TEST(gives_back_what_was_set)
{
	transfer_auto(transfer_request) none = transfer_request_new("https://example.org/");
	transfer_request *request = full_request();
	transfer_auto(transfer_request) copy = transfer_request_copy(request);

	transfer_request_unref(request);
	ck_assert_uint_eq(transfer_request_get_timeout(copy), 1);
	ck_assert(!transfer_request_get_handles_cookies(copy));
	ck_assert_str_eq(transfer_request_get_main_document_url(copy), "https://doc.example/");
	ck_assert_int_eq(transfer_request_set_url(copy, "data:,x"), 0);
	ck_assert_str_eq(transfer_request_get_url(copy), "data:,x");
	ck_assert_uint_eq(transfer_request_get_timeout(none), 0);
	ck_assert(transfer_request_get_handles_cookies(none));
	ck_assert_ptr_null(transfer_request_get_main_document_url(none));
	ck_assert_int_eq(transfer_request_set_url(none, ""), -EINVAL);
	ck_assert_str_eq(transfer_request_get_url(none), "https://example.org/");
	ck_assert_int_eq(transfer_request_get_status(none), -EINVAL);
}
END_TEST

static int on_field(const char *name, const char *value, void *userdata)
{
	char *log = userdata;
	size_t n = strlen(log);

	snprintf(log + n, 64 - n, "%s=%s ", name, value);
	return strcmp(value, "stop") ? 0 : 7;
}

START_TEST(visits_header_fields)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");
	char log[64] = "";

	transfer_request_add_header(request, "A", "1");
	transfer_request_add_header(request, "a", "2");
	ck_assert_int_eq(transfer_request_foreach_header(request, on_field, log), 0);
	transfer_request_add_header(request, "B", "stop");
	transfer_request_add_header(request, "C", "3");
	ck_assert_int_eq(transfer_request_foreach_header(request, on_field, log), 7);
	ck_assert_str_eq(log, "A=1 a=2 A=1 a=2 B=stop ");
}
END_TEST

START_TEST(has_one_body)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/");
	transfer_auto(transfer_request) copy = NULL;
	transfer_data *data = transfer_data_new_copy("abc", 3);
	transfer_body *stream = transfer_body_new_file("/x");

	ck_assert_int_eq(transfer_request_set_body(request, data), 0);
	transfer_data_unref(data);
	copy = transfer_request_copy(request);
	ck_assert_int_eq(transfer_request_set_body_stream(request, stream), 0);
	transfer_body_unref(stream);
	ck_assert_ptr_null(transfer_request_get_body(request));
	ck_assert_ptr_eq(transfer_request_get_body_stream(request), stream);
	ck_assert_uint_eq(transfer_data_get_size(transfer_request_get_body(copy)), 3);
	ck_assert_ptr_null(transfer_request_get_body_stream(copy));
	ck_assert_int_eq(transfer_request_set_body(request, data), 0);
	ck_assert_ptr_null(transfer_request_get_body_stream(request));
	ck_assert_int_eq(transfer_request_set_body(request, NULL), 0);
	ck_assert_ptr_null(transfer_request_get_body(request));
}
END_TEST

START_TEST(leaves_out_what_was_not_set)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/x");
	struct arena arena = { 0 };
	struct ipc_request row, none = { .url = NULL };

	ck_assert_int_eq(request_to_ipc(request, &arena, &row), 0);
	row.url = NULL;
	ck_assert(!row.method && !row.headers && !row.upload_copy && !row.userdata &&
		!row.cache_policy && !row.service_type && !row.destination);
	ck_assert(!row.has_priority && !row.has_allow_insecure && !row.has_overwrite &&
		!row.has_max_rate_bps);
	ck_assert_int_eq(row.has_timeout_usec, none.has_timeout_usec);
	arena_done(&arena);
}
END_TEST

static const struct {
	const char *scheme;
	size_t max_bytes;
	bool fits;
} lengths[] = {
	{ "https://example.org/", 65536, true },
	{ "database:", 65536, true },
	{ "data:,", 16 << 20, false },
	{ " DATA:,", 16 << 20, false },
};

/* What goes to transferd has to fit there; data: URLs do not go. */
START_TEST(bounds_urls)
{
	size_t n = lengths[_i].max_bytes;
	char *url = calloc(1, n + 2);
	struct ipc_request row;
	struct arena arena = { 0 };

	memset(url, 'a', n);
	memcpy(url, lengths[_i].scheme, strlen(lengths[_i].scheme));
	transfer_auto(transfer_request) request = transfer_request_new(url);
	ck_assert_int_eq(transfer_request_get_status(request), 0);
	ck_assert_str_eq(transfer_request_get_url(request), url);
	ck_assert_int_eq(request_to_ipc(request, &arena, &row), lengths[_i].fits ? 0 : -EINVAL);
	url[n] = 'a';
	ck_assert_int_eq(transfer_request_set_url(request, url), -EINVAL);
	arena_done(&arena);
	free(url);
}
END_TEST

RUN_TESTS("client-lib/request", TEST_EACH(bounds_urls, lengths), TEST_EACH(checks, cases),
	TEST_EACH(sticks_with_a_wrong_url, wrong_urls), TEST(bounds_numbers),
	TEST(keeps_header_fields_in_order), TEST_EACH(writes_usual_methods_in_capitals, methods),
	TEST(gives_back_what_was_set), TEST(visits_header_fields), TEST(has_one_body),
	TEST(goes_onto_the_bus), TEST(leaves_out_what_was_not_set))
