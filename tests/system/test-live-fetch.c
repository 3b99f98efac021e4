/* SPDX-License-Identifier: MIT */
/* Calls that wait, of small programs: no queue, no delegate and no loop is theirs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;
static char block[1 << 16];

static transfer_request *ask(const char *target)
{
	char *url = strchr(target, ':') ? strdup(target) : origin_url(rig.origin, "%s", target);
	transfer_request *request = transfer_request_new(url);

	ck_assert_int_eq(transfer_request_set_allow_insecure(request, true), 0);
	free(url);
	return request;
}

static bool has(const transfer_data *body, const char *text)
{
	return transfer_data_get_size(body) == strlen(text) &&
		!memcmp(transfer_data_get_bytes(body), text, strlen(text));
}

/* the shared session of the process: nothing has to be made but the request */
START_TEST(a_page_in_five_lines)
{
	rig_new_tls(&rig, ORIGIN_TLS_GOOD);
	transfer_auto(transfer_request) request = ask("/Nepal");
	transfer_auto(transfer_response) response = NULL;
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_data) body = NULL;

	transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	ck_assert_int_eq(transfer_fetch(NULL, request, &body, &response, &error), 0);
	ck_assert(has(body, "Kathmandu"));
	ck_assert_int_eq(transfer_response_get_status(response), 200);
	ck_assert_ptr_null(error);
	rig_done(&rig);
}
END_TEST

static const struct {
	const char *target;
	int status, code; /* 0: no response, no error */
	long size; /* of the body; -1: none */
} answers[] = {
	{ "/file?size=0", 200, 0, 0 },
	{ "/file?size=1", 200, 0, 1 },
	{ "/file?size=65536&seed=2", 200, 0, 65536 },
	{ "/file?size=65537&seed=3", 200, 0, 65537 },
	{ "/file?size=3000001&seed=4", 200, 0, 3000001 },
	{ "/file?size=100000&seed=5&chunked", 200, 0, 100000 },
	{ "/file?size=100000&seed=6&coding=gzip", 200, 0, 100000 },
	{ "/file?status=404", 404, 0, 11 },
	{ "/redirect/3", 200, 0, -2 },
	{ "/redirect/20", 0, TRANSFER_ERROR_TOO_MANY_REDIRECTS, -1 },
	{ "/file?size=200000&drop_after=70000", 200, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, -1 },
	{ "http://no-such-host.invalid/", 0, TRANSFER_ERROR_CANNOT_FIND_HOST, -1 },
	{ "data:,here", 0, 0, 4 },
	{ "gopher://example.org/", 0, TRANSFER_ERROR_UNSUPPORTED_URL, -1 },
};

static uint64_t seed_of(const char *target)
{
	const char *seed = strstr(target, "seed=");

	return seed ? strtoull(seed + 5, NULL, 10) : 0;
}

static void check_answer(size_t i)
{
	transfer_auto(transfer_request) request = ask(answers[i].target);
	transfer_auto(transfer_response) response = NULL;
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_data) body = NULL;
	int r = transfer_fetch(NULL, request, &body, &response, &error);
	char *want;

	ck_assert_msg(r == (answers[i].code ? -EIO : 0), "%s: %d %s", answers[i].target, r,
		error ? transfer_error_get_message(error) : "");
	ck_assert_msg((error ? transfer_error_get_code(error) : 0) == answers[i].code, "%s: %s",
		answers[i].target, error ? transfer_error_get_message(error) : "no error");
	ck_assert_msg((response ? transfer_response_get_status(response) : 0) == answers[i].status,
		"%s", answers[i].target);
	if (answers[i].size < 0) {
		ck_assert_int_eq(!body, answers[i].size == -1);
		return;
	}
	ck_assert_uint_eq(transfer_data_get_size(body), (size_t)answers[i].size);
	if (!strstr(answers[i].target, "seed="))
		return;
	want = malloc((size_t)answers[i].size);
	origin_bytes(seed_of(answers[i].target), 0, want, (size_t)answers[i].size);
	ck_assert(!memcmp(transfer_data_get_bytes(body), want, (size_t)answers[i].size));
	free(want);
}

/* by one program, one after the other */
START_TEST(every_kind_of_answer)
{
	rig_new(&rig);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		check_answer(i);
	rig_done(&rig);
}
END_TEST

static transfer_reader *open_reader(const char *target)
{
	transfer_auto(transfer_request) request = ask(target);
	transfer_auto(transfer_error) error = NULL;
	transfer_reader *reader = NULL;
	int r = transfer_reader_open(NULL, request, &reader, &error);

	ck_assert_msg(!r, "%s: %s", target, error ? transfer_error_get_message(error) : "");
	return reader;
}

/* bytes of the content from offset on, as they come; how many */
static size_t read_checked(transfer_reader *reader, size_t offset, size_t n_most)
{
	static char want[sizeof(block)];
	size_t n_read = 0;
	ssize_t n;

	while (n_read < n_most &&
		(n = transfer_reader_read(reader, block, sizeof(block), NULL)) > 0) {
		origin_bytes(9, offset + n_read, want, (size_t)n);
		ck_assert(!memcmp(block, want, (size_t)n));
		n_read += (size_t)n;
	}
	return n_read;
}

START_TEST(reads_an_answer_as_it_comes)
{
	transfer_reader *reader;
	size_t n;

	rig_new(&rig);
	/* the response is there before the body is */
	reader = open_reader("/file?size=3M&seed=9&gate=held&gate_after=0");
	ck_assert_int_eq(transfer_response_get_status(transfer_reader_get_response(reader)), 200);
	ck_assert_int_eq(
		transfer_response_get_expected_length(transfer_reader_get_response(reader)),
		3 << 20);
	ck_assert_int_eq(origin_release(rig.origin, "held"), 0);
	ck_assert_uint_eq(read_checked(reader, 0, SIZE_MAX), 3 << 20);
	ck_assert_int_eq(transfer_reader_read(reader, block, 1, NULL), 0);
	transfer_reader_unref(reader);

	/* what is read is right, and what is missing is said */
	reader = open_reader("/file?size=2M&seed=9&drop_after=300000");
	n = read_checked(reader, 0, SIZE_MAX);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, 300000);
	ck_assert_int_eq(transfer_reader_read(reader, block, 1, NULL), -EIO);
	transfer_reader_unref(reader);
	rig_done(&rig);
}
END_TEST

/* the sockets' buffers, the engine's, the pipe's and the library's */
#define HELD_BYTES_MAX (24u << 20)

START_TEST(what_is_not_read_stays_at_the_server)
{
	struct origin_entry entry;
	transfer_reader *reader;

	rig_new(&rig);
	reader = open_reader("/file?size=1G&seed=9");
	ck_assert_uint_ge(read_checked(reader, 0, 1 << 20), 1 << 20);
	transfer_reader_unref(reader);
	/* with the reader goes the transfer */
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert(!entry.whole);
	ck_assert_uint_le(entry.body_sent_bytes, HELD_BYTES_MAX);
	rig_done(&rig);
}
END_TEST

RUN_TESTS("system/live-fetch", TEST(a_page_in_five_lines), TEST(every_kind_of_answer),
	TEST(reads_an_answer_as_it_comes), TEST(what_is_not_read_stays_at_the_server))
