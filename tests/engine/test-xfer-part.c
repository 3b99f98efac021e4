/* SPDX-License-Identifier: MIT */
/* Answers of several parts to who reads them as they come: each is an answer, and its bytes are those between the boundaries. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/coding.h"
#include "tests/lib/run.h"

#define SEED 6

static struct rig rig;
static char got[2 << 20], want[2 << 20];

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

static unsigned count(const char *order, char letter)
{
	unsigned n = 0;

	for (; *order; order++)
		n += *order == letter;
	return n;
}

static size_t read_all(int fd, size_t at)
{
	ssize_t n;

	while ((n = read(fd, got + at, sizeof(got) - at)) > 0)
		at += (size_t)n;
	ck_assert_int_eq(n, 0);
	return at;
}

/* All that was told, in the order in which it was. */
static size_t gather(const struct rig_task *t)
{
	size_t at = 0, from = 0;

	for (unsigned i = 0; i <= t->n_data_fds; i++) {
		size_t to = i < t->n_data_fds ? t->data_at_bytes[i] : t->body_bytes;

		if (to > from)
			memcpy(got + at, t->body + from, to - from);
		at += to - from;
		from = to;
		if (i < t->n_data_fds)
			at = read_all(t->data_fds[i], at);
	}
	return at;
}

static void check_parts(const struct rig_task *t, unsigned n, size_t size)
{
	for (unsigned i = 0; i < n; i++)
		origin_bytes(SEED + i, 0, want + i * size, size);
	ck_assert_uint_eq(gather(t), n * size);
	ck_assert_int_eq(memcmp(got, want, n * size), 0);
}

/* One says how long it is and of what kind, one ends with the connection, one has a name that must be quoted. */
static const char *const knobs[] = {
	"",
	"&part_lengths",
	"&part_type=image/png",
	"&boundary=a%20b:c",
	"&chunked",
};

START_TEST(each_is_an_answer)
{
	struct engine_spec spec;
	struct rig_task *t;
	char target[128];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?parts=3&size=1000&seed=6&part_gate=g%s", knobs[_i]);
	spec = rig_live(&rig, 1, target);
	rig_begin(&rig, 1, &spec);
	for (unsigned i = 1; i < 3; i++) {
		char gate[8];

		t = rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, i);
		ck_assert_uint_eq(t->status, 200);
		ck_assert_str_eq(t->mime, _i == 2 ? "image/png" : "application/octet-stream");
		ck_assert_int_eq(t->expected_bytes, _i == 1 ? 1000 : -1);
		snprintf(gate, sizeof(gate), "g%u", i);
		ck_assert_int_eq(origin_release(rig.origin, gate), 0);
	}
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(count(t->order, 'R'), 3);
	ck_assert(t->done.live.was_told);
	ck_assert_ptr_null(strstr(t->headers, "mixed-replace"));
	ck_assert_ptr_nonnull(strstr(t->headers, "Date: "));
	check_parts(t, 3, 1000);
	rig_stop(&rig);
}
END_TEST

/* Longer than a pipe and its buffers: nothing of the next one comes before the last byte of this was read. */
START_TEST(each_waits_for_its_reader)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?parts=3&size=500000&seed=6");
	rig_begin(&rig, 1, &spec);
	for (unsigned i = 0; i < 3; i++) {
		t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, i + 1);
		if (_i)
			t = rig_wait(&rig, 1, ENGINE_EVENT_STALLED, 2 * i + 1);
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_RESPONSE], i + 1);
		ck_assert_uint_eq(read_all(t->data_fds[i], 0), 500000);
		origin_bytes(SEED + i, 0, want, 500000);
		ck_assert_int_eq(memcmp(got, want, 500000), 0);
	}
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(t->done.received_bytes, 1500000);
	rig_stop(&rig);
}
END_TEST

/* Bodies of 1, 0 and 4 bytes, and one that looks like a boundary until its end. */
static const char stream[] =
	"ignored\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: 1\r\n"
	"\r\n1\r\n--b\r\n\r\n\r\n--b\r\nContent-Type: image/gif\r\n\r\n4444"
	"\r\n--b  \r\n\r\n\r\n--c\r\n--\r\n--b--\r\nignored, too";
static const char stream_body[] = "14444\r\n--c\r\n--";

/* As one packet, plain or coded. */
static void serve_stream(bool is_coded)
{
	struct coding_bytes coded = { 0 };
	char raw[2048];
	size_t head;

	if (is_coded)
		ck_assert_int_eq(coding_encode("gzip", stream, sizeof(stream) - 1, &coded), 0);
	head = (size_t)snprintf(raw, sizeof(raw),
		"HTTP/1.1 200 OK\r\nX-A: 0\r\nX-B: 0\r\n%s"
		"Content-Type: multipart/x-mixed-replace;boundary=b\r\nContent-Length: %zu\r\n\r\n",
		is_coded ? "Content-Encoding: gzip\r\n" : "",
		is_coded ? coded.size : sizeof(stream) - 1);
	memcpy(raw + head, is_coded ? coded.bytes : stream,
		is_coded ? coded.size : sizeof(stream) - 1);
	head += is_coded ? coded.size : sizeof(stream) - 1;
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", raw, head), 0);
	free(coded.bytes);
}

START_TEST(each_is_asked_about)
{
	struct engine_spec spec;
	struct rig_task *t = NULL;

	rig_start(&rig, NULL, NULL);
	serve_stream(_i);
	spec = rig_live(&rig, 1, "/raw");
	spec.live.asks = ENGINE_ASK_RESPONSE;
	spec.live.decodes = true;
	rig_begin(&rig, 1, &spec);
	for (unsigned i = 1; i <= 4; i++) {
		t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, i);
		if (i == 1) {
			ck_assert_str_eq(t->mime, "text/plain");
			ck_assert_ptr_nonnull(strstr(t->headers, "X-B: 0\n"));
			ck_assert_ptr_nonnull(strstr(t->headers, "X-A: 1\n"));
			ck_assert_ptr_null(strstr(t->headers, "X-A: 0\n"));
		}
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DATA], i == 1 ? 0 : i == 4 ? 2 : 1);
		ck_assert_int_eq(
			engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_ALLOW, NULL), 0);
	}
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(count(t->order, 'a'), 4);
	ck_assert_uint_eq(count(t->order, 'R'), 0);
	ck_assert_uint_eq(gather(t), sizeof(stream_body) - 1);
	ck_assert_int_eq(memcmp(got, stream_body, sizeof(stream_body) - 1), 0);
	rig_stop(&rig);
}
END_TEST

/* Refused, the rest is not wanted; and no part becomes a file. */
START_TEST(one_is_refused)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	serve_stream(false);
	spec = rig_live(&rig, 1, "/raw");
	spec.live.asks = ENGINE_ASK_RESPONSE;
	rig_begin(&rig, 1, &spec);
	rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
	engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_ALLOW, NULL);
	rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 2);
	engine_answer_response(rig.engine, 1, 1,
		_i ? ENGINE_RESPONSE_TO_FILE : ENGINE_RESPONSE_CANCEL, rig_path(&rig, "part-1"));
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code,
		_i ? TRANSFER_ERROR_CANNOT_CREATE_FILE : TRANSFER_ERROR_CANCELLED);
	ck_assert_uint_eq(gather(t), 1);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *body;
	enum engine_body how;
	unsigned n_answers;
	int code;
	const char *told;
	size_t n_missing; /* of the body, when the connection ends */
} odd[] = {
	/* who wants the whole gets it as it is */
	{ "--b\r\n\r\n1\r\n--b--\r\n", ENGINE_BODY_COLLECT, 0, 0, "--b\r\n\r\n1\r\n--b--\r\n", 0 },
	{ "no part", ENGINE_BODY_FLOW, 0, 0, "", 0 },
	{ "", ENGINE_BODY_FLOW, 0, 0, "", 0 },
	{ "--b\r\n\r\n1\r\n--", ENGINE_BODY_FLOW, 1, 0, "1\r\n--", 0 },
	{ "--b\r\n\r\n1\r\n--b", ENGINE_BODY_FLOW, 1, 0, "1", 0 },
	{ "--b\r\n\r\n1\r\n--b\r\nbad field\r\n\r\n", ENGINE_BODY_FLOW, 1,
		TRANSFER_ERROR_CANNOT_PARSE_RESPONSE, "1", 0 },
	{ "--b\r\n\r\n1\r\n--b\r\nX: 1\r\n", ENGINE_BODY_FLOW, 1, 0, "1", 0 },
	/* all that came of one that breaks off is told */
	{ "--b\r\n\r\n1\r\n--b\r\n\r\n22\r\n-", ENGINE_BODY_FLOW, 2,
		TRANSFER_ERROR_NETWORK_CONNECTION_LOST, "122\r\n-", 1000 },
};

START_TEST(is_odd)
{
	struct engine_spec spec;
	struct rig_task *t;
	char raw[512];
	int n;

	rig_start(&rig, NULL, NULL);
	n = snprintf(raw, sizeof(raw),
		"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		strlen(odd[_i].body) + odd[_i].n_missing, odd[_i].body);
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", raw, (size_t)n), 0);
	spec = rig_live(&rig, 1, "/raw");
	spec.live.body = odd[_i].how;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, odd[_i].code);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_RESPONSE], odd[_i].n_answers);
	ck_assert(t->has_response);
	ck_assert_uint_eq(gather(t), strlen(odd[_i].told));
	ck_assert_int_eq(memcmp(got, odd[_i].told, strlen(odd[_i].told)), 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/part", TEST_EACH(each_is_an_answer, knobs),
	TEST_LOOP(each_waits_for_its_reader, 2), TEST_LOOP(each_is_asked_about, 2),
	TEST_LOOP(one_is_refused, 2), TEST_EACH(is_odd, odd))
