/* SPDX-License-Identifier: MIT */
/*
 * Answers with a content coding: the file is the decoded body, whole or not at all; it is never
 * continued; and what nobody can tell about the length is said so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"

static struct rig rig;

static const char *const codings[] = { "gzip", "x-gzip", "deflate", "raw", "br", "zstd",
	"deflate,gzip", "gzip,zstd", "gzip,gzip,gzip,gzip,gzip" };

/* BT-91, SW-11, SW-12, SW-26: the decoded body, of no known length, and its digest */
START_TEST(keeps_the_decoded_body)
{
	static const char *const framings[] = { "", "&chunked", "&no_length" };
	char target[256], hex[65];
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(target, sizeof(target), "/file?size=700K&seed=%u&coding=%s%s", i,
			codings[_i], framings[i]);
		spec = rig_download(&rig, i + 1, target);
		spec.digest_name = "sha256";
		t = rig_run(&rig, i + 1, &spec);
		ck_assert_msg(!t->done.result.code, "%s: %d %s", target, t->done.result.code,
			t->done.result.detail);
		rig_check_part(&rig, i + 1, i, 700 << 10);
		ck_assert_int_eq(t->expected_bytes, -1);
		ck_assert_int_eq(t->done.expected_receive_bytes, -1);
		ck_assert_uint_eq(t->done.received_bytes, 700 << 10);
		ck_assert(!t->can_resume);
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_CHECKPOINT], 0);
		origin_bytes_sha256(i, 700 << 10, hex);
		ck_assert_str_eq(t->digest_hex, hex);
	}
	rig_stop(&rig);
}
END_TEST

/* N-9: cut at each of 50 places with a correct Content-Length: an error each time, never a file */
static const char *const cut_codings[] = { "gzip", "deflate", "raw", "br", "zstd", "gzip,br" };

START_TEST(a_cut_is_never_a_file)
{
	char target[256];

	rig_start(&rig, NULL, NULL);
	for (unsigned place = 0; place < 50; place++) {
		struct engine_spec spec;
		struct rig_task *t;

		snprintf(target, sizeof(target),
			"/file?size=30K&seed=1&coding=%s&coded_permille=%u", cut_codings[_i],
			place * 20 + 1);
		spec = rig_download(&rig, place + 1, target);
		t = rig_run(&rig, place + 1, &spec);
		ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA);
		ck_assert_str_eq(t->done.result.detail, "the content coding ends too early");
		ck_assert(!t->done.is_retryable);
		ck_assert_uint_eq(t->done.offset_bytes, 0);
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_SYNCED], 0);
	}
	rig_stop(&rig);
}
END_TEST

#define RAW  TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA
#define DATA TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA

/* N-10, and codings that nobody knows */
static const struct {
	const char *knobs;
	int code;
	const char *detail;
} refused[] = {
	{ "size=200M&zeros&coding=gzip", RAW, "the body grows too much when it is decoded" },
	{ "size=200M&zeros&coding=br", RAW, "the body grows too much when it is decoded" },
	{ "size=200M&zeros&coding=zstd", RAW, "the body grows too much when it is decoded" },
	{ "size=200M&zeros&coding=gzip,gzip", RAW, "the body grows too much when it is decoded" },
	{ "size=9K&coding=gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip,"
	  "gzip,gzip,gzip,gzip,gzip,gzip",
		DATA, "" },
	{ "size=9K&coding=gzip&coded_junk=junk", RAW, "the content coding is damaged" },
	{ "size=9K&coding=deflate&coded_junk=junk", RAW,
		"bytes behind the end of the content coding" },
	{ "size=9K&coding=br&coded_junk=junk", RAW, "bytes behind the end of the content coding" },
	{ "size=9K&coding=br&coded_twice", RAW, "bytes behind the end of the content coding" },
	{ "size=9K&coding=zstd&coded_junk=junk", RAW, "the content coding is damaged" },
	{ "size=9K&coding=gzip&coded_as=compress", DATA, "" },
	{ "size=9K&coding=gzip&coded_as=rot13", DATA, "" },
	{ "size=9K&coding=gzip&coded_as=br", RAW, "the content coding is damaged" },
	{ "size=9K&coding=br&coded_as=gzip", RAW, "the content coding is damaged" },
	{ "size=9K&coding=gzip&header=Content-Encoding:%20gzip", RAW,
		"the content coding is damaged" },
};

START_TEST(refuses)
{
	struct engine_spec spec;
	struct rig_task *t;
	char target[512];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?%s", refused[_i].knobs);
	spec = rig_download(&rig, 1, target);
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, refused[_i].code);
	ck_assert_str_eq(t->done.result.detail, refused[_i].detail);
	ck_assert_uint_le(t->done.received_bytes, 64 << 20);
	ck_assert_uint_eq(t->done.offset_bytes, 0);
	ck_assert(!t->done.is_retryable);
	ck_assert(t->has_response);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_SYNCED], 0);
	rig_stop(&rig);
}
END_TEST

/* N-10: two members are one body */
START_TEST(takes_two_members)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=100K&zeros&coding=gzip&coded_twice");
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->synced.file_size_bytes, 200 << 10);
	rig_stop(&rig);
}
END_TEST

/* A body is coded only where there is one. */
static const struct {
	const char *method, *answer;
	uint64_t size_bytes;
} bodiless[] = {
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n", 0 },
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 99\r\n\r\n", 0 },
	{ "GET", "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n", 0 },
	{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Encoding: rot13\r\n\r\n", 0 },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
		2 },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: \r\nContent-Length: 2\r\n\r\nhi", 2 },
};

START_TEST(leaves_alone_what_is_not_coded)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	origin_raw(rig.origin, "/raw", bodiless[_i].answer, strlen(bodiless[_i].answer));
	spec = rig_download(&rig, 1, "/raw");
	spec.method = bodiless[_i].method;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->synced.file_size_bytes, bodiless[_i].size_bytes);
	rig_stop(&rig);
}
END_TEST

/* A connection that breaks is no damage: the next attempt starts anew. */
START_TEST(a_broken_connection_is_tried_again)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(
		&rig, 1, "/file?size=300K&seed=4&coding=gzip&drop_after=100K&drop_times=1");
	spec.checkpoint_bytes = 1024;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert(t->done.is_retryable);
	ck_assert_uint_eq(t->done.offset_bytes, 0);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_CHECKPOINT], 0);
	rig_forget(&rig, 1);
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	rig_check_part(&rig, 1, 4, 300 << 10);
	rig_stop(&rig);
}
END_TEST

/* Kept bytes, and now the answer is coded: they are given up, the file is the decoded body. */
START_TEST(a_coded_answer_replaces_kept_bytes)
{
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1,
		"/file?size=2M&seed=4&drop_after=1M&drop_times=1&coding=zstd&coded_after=1&noranges");
	spec.digest_name = "sha256";
	ck_assert_int_eq(origin_bytes_write(spec.part_path, 4, 1 << 20), 0);
	spec.resume_offset_bytes = 1 << 20;
	spec.etag = "\"v4-2097152\"";
	spec.known_total_bytes = 2 << 20;
	/* the first request only counts */
	rig_run(&rig, 1, &spec);
	rig_forget(&rig, 1);
	ck_assert_int_eq(origin_bytes_write(spec.part_path, 4, 1 << 20), 0);
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->resumed_bytes, 0);
	ck_assert_int_eq(t->done.expected_receive_bytes, -1);
	rig_check_part(&rig, 1, 4, 2 << 20);
	ck_assert_int_eq(origin_log_get(rig.origin, origin_log_last(rig.origin), &entry), 0);
	ck_assert_str_eq(entry.range, "bytes=1048576-");
	rig_stop(&rig);
}
END_TEST

/* N-19: a 206 with a coding is never appended, whatever coding it names */
START_TEST(a_coded_part_is_never_appended)
{
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=2M&seed=4&coded_206");
	ck_assert_int_eq(origin_bytes_write(spec.part_path, 4, 1 << 20), 0);
	spec.resume_offset_bytes = 1 << 20;
	spec.etag = "\"v4-2097152\"";
	spec.known_total_bytes = 2 << 20;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->resumed_bytes, 0);
	rig_check_part(&rig, 1, 4, 2 << 20);
	ck_assert_uint_eq(origin_log_last(rig.origin), 2);
	ck_assert_int_eq(origin_log_get(rig.origin, 2, &entry), 0);
	ck_assert_str_eq(entry.range, "");
	ck_assert_uint_eq(t->done.network_bytes, 2 << 20);
	rig_stop(&rig);
}
END_TEST

/* The caller's own Accept-Encoding goes out, but never with a range that we ask for. */
START_TEST(asks_for_what_the_caller_says)
{
	static const struct engine_header headers[] = { { "Accept-Encoding", "br, gzip" } };
	struct origin_entry entry;
	struct engine_spec spec;
	char value[64];

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=2M&seed=4");
	spec.headers = headers;
	spec.n_headers = 1;
	rig_run(&rig, 1, &spec);
	ck_assert_int_eq(origin_log_get(rig.origin, 1, &entry), 0);
	ck_assert_ptr_nonnull(strstr(entry.headers, "Accept-Encoding: br, gzip\n"));
	ck_assert_ptr_null(strstr(entry.headers, "identity"));
	ck_assert_int_eq(truncate(spec.part_path, 1 << 20), 0);
	spec.resume_offset_bytes = 1 << 20;
	spec.etag = "\"v4-2097152\"";
	rig_forget(&rig, 1);
	rig_run(&rig, 1, &spec);
	ck_assert_int_eq(origin_log_get(rig.origin, 2, &entry), 0);
	ck_assert_str_eq(entry.range, "bytes=1048576-");
	ck_assert(origin_entry_header(&entry, "Accept-Encoding", value, sizeof(value)));
	ck_assert_str_eq(value, "identity");
	rig_check_part(&rig, 1, 4, 2 << 20);
	rig_stop(&rig);
}
END_TEST

/* The answer to an upload is decoded as well. */
START_TEST(decodes_an_answer_to_an_upload)
{
	const char *source, *body;
	struct engine_spec spec;
	struct rig_task *t;
	char target[128];

	rig_start(&rig, NULL, NULL);
	source = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(source, 1, 5000), 0);
	body = rig_path(&rig, "body");
	snprintf(target, sizeof(target), "/upload?reply_size=90K&seed=7&coding=%s", codings[_i]);
	spec = rig_upload(&rig, 1, target, source);
	spec.body_path = body;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_int_eq(t->expected_bytes, -1);
	ck_assert_uint_eq(t->done.received_bytes, 90 << 10);
	ck_assert_int_eq(origin_bytes_check(body, 7, 90 << 10), 0);
	/* cut */
	snprintf(target, sizeof(target),
		"/upload?reply_size=90K&seed=7&coded_permille=500&coding=%s", codings[_i]);
	spec = rig_upload(&rig, 2, target, source);
	spec.body_path = rig_path(&rig, "body-2");
	t = rig_run(&rig, 2, &spec);
	ck_assert_int_eq(t->done.result.code, RAW);
	ck_assert(!t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

/* The server wants no more and says so in a coded answer. */
START_TEST(an_early_coded_answer_is_the_answer)
{
	const char *source;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	source = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(source, 1, 50000000), 0);
	spec = rig_upload(&rig, 1,
		"/upload?early&no_continue&close&reply_size=3000&seed=7&coding=br", source);
	spec.body_path = rig_path(&rig, "body");
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_int_eq(origin_bytes_check(spec.body_path, 7, 3000), 0);
	rig_stop(&rig);
}
END_TEST

/*
 * A coding and nothing behind it, as clients take it: an empty body, where the framing says that it
 * is whole. An upload has its answer in any case.
 */
#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *answer;
	int want_code;
} nothings[] = {
	{ OK "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 0 },
	{ OK "Content-Encoding: deflate\r\nContent-Length: 0\r\n\r\n", 0 },
	{ OK "Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", 0 },
	{ OK "Content-Encoding: zstd\r\nContent-Length: 0\r\n\r\n", 0 },
	{ OK "Content-Encoding: gzip, br\r\nContent-Length: 0\r\n\r\n", 0 },
	{ OK "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0 },
	{ OK "Content-Encoding: gzip\r\nConnection: close\r\n\r\n", RAW },
	{ OK "Content-Encoding: compress\r\nContent-Length: 0\r\n\r\n", DATA },
};

START_TEST(a_coding_of_nothing)
{
	struct engine_spec spec;
	const char *source;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	origin_raw(rig.origin, "/raw", nothings[_i].answer, strlen(nothings[_i].answer));
	spec = rig_download(&rig, 1, "/raw");
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == nothings[_i].want_code, "%d %s", t->done.result.code,
		t->done.result.detail);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_SYNCED], nothings[_i].want_code ? 0 : 1);
	if (!nothings[_i].want_code)
		ck_assert_int_eq(origin_bytes_check(spec.part_path, 1, 0), 0);
	source = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(source, 1, 10), 0);
	spec = rig_upload(&rig, 2, "/raw", source);
	t = rig_run(&rig, 2, &spec);
	ck_assert_int_eq(t->done.result.code, nothings[_i].want_code == DATA ? DATA : 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/coding", 60, TEST_EACH(keeps_the_decoded_body, codings),
	TEST_EACH(a_cut_is_never_a_file, cut_codings), TEST_EACH(refuses, refused),
	TEST(takes_two_members), TEST_EACH(leaves_alone_what_is_not_coded, bodiless),
	TEST(a_broken_connection_is_tried_again), TEST(a_coded_answer_replaces_kept_bytes),
	TEST(a_coded_part_is_never_appended), TEST(asks_for_what_the_caller_says),
	TEST_EACH(decodes_an_answer_to_an_upload, codings),
	TEST(an_early_coded_answer_is_the_answer), TEST_EACH(a_coding_of_nothing, nothings))
