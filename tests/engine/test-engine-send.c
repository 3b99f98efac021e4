/* SPDX-License-Identifier: MIT */
/* Bodies of requests of sessions in memory: bytes, files, streams; with any method; and when they are needed again. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/run.h"

#define SEED    7
#define WAIT_MS 10000
#define BLOCK   ((size_t)4000)

static struct rig rig;

static char *make_body(size_t size)
{
	char *bytes = malloc(size + 1);

	ck_assert_ptr_nonnull(bytes);
	origin_bytes(SEED, 0, bytes, size);
	return bytes;
}

static struct engine_spec make_spec(const char *method, const char *target)
{
	struct engine_spec spec = rig_live(&rig, 1, target);

	spec.method = method;
	spec.live.body = ENGINE_BODY_COLLECT;
	return spec;
}

static void set_bytes(struct engine_spec *spec, const char *bytes, size_t size)
{
	spec->live.source = ENGINE_SOURCE_BYTES;
	spec->live.source_bytes = bytes;
	spec->live.n_source_bytes = size;
}

static void set_stream(struct engine_spec *spec, int fd, int64_t length, unsigned asks)
{
	spec->live.source = ENGINE_SOURCE_STREAM;
	spec->live.source_length = length;
	spec->live.asks = asks;
	spec->source_fd = fd;
}

static struct rig_task *wait_done(uint64_t task)
{
	return rig_wait(&rig, task, ENGINE_EVENT_DONE, 1);
}

static struct rig_task *run(uint64_t task, const struct engine_spec *spec)
{
	rig_begin(&rig, task, spec);
	return wait_done(task);
}

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

static struct origin_entry find(const char *prefix, unsigned n)
{
	struct origin_entry entry;

	ck_assert_int_eq(origin_wait_ended(rig.origin, prefix, n, WAIT_MS), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, prefix, n, &entry), 0);
	return entry;
}

static void check_arrived(const struct origin_entry *entry, const char *method, size_t size)
{
	char hex[65];

	origin_bytes_sha256(SEED, size, hex);
	ck_assert_str_eq(entry->method, method);
	ck_assert_uint_eq(entry->body_received_bytes, size);
	ck_assert_str_eq(entry->body_sha256, hex);
}

static const char *header_of(const struct origin_entry *entry, const char *name)
{
	static char value[128];

	return origin_entry_header(entry, name, value, sizeof(value)) ? value : NULL;
}

/* ---- bytes ---- */

static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1, 3 << 20 };

START_TEST(sends_bytes)
{
	size_t size = sizes[_i];
	char *bytes = make_body(size), length[24];
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	set_bytes(&spec, bytes, size);
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->status, 200);
	ck_assert_uint_eq(t->done.sent_bytes, size);
	ck_assert_int_eq(t->done.expected_send_bytes, (int64_t)size);
	entry = find("/upload", 1);
	check_arrived(&entry, "POST", size);
	snprintf(length, sizeof(length), "%zu", size);
	ck_assert_pstr_eq(header_of(&entry, "Content-Length"), length);
	ck_assert_ptr_null(header_of(&entry, "Content-Type"));
	ck_assert((header_of(&entry, "Expect") != NULL) == (size >= 1 << 20));
	ck_assert_uint_eq(origin_log_count(rig.origin, "/upload"), 1);
	rig_stop(&rig);
	free(bytes);
}
END_TEST

static const struct {
	const char *method;
	enum transfer_task_kind kind;
} methods[] = {
	{ "POST", TRANSFER_TASK_DATA },
	{ "PUT", TRANSFER_TASK_UPLOAD },
	{ "PATCH", TRANSFER_TASK_DATA },
	{ "DELETE", TRANSFER_TASK_DATA },
	{ "HEAD", TRANSFER_TASK_DATA },
	{ "GET", TRANSFER_TASK_DATA },
	{ "OPTIONS", TRANSFER_TASK_DATA },
	{ "REPORT", TRANSFER_TASK_DATA },
	{ "POST", TRANSFER_TASK_DOWNLOAD },
	{ "HEAD", TRANSFER_TASK_DOWNLOAD },
};

/* Twice each, so that the second may find what the first left of its connection. */
START_TEST(any_method_has_a_body)
{
	const char *method = methods[_i].method;
	char *bytes = make_body(1000);
	size_t answer = strcmp(method, "HEAD") ? 300 : 0;

	rig_start(&rig, NULL, NULL);
	for (unsigned i = 1; i <= 2; i++) {
		struct engine_spec spec = make_spec(method, "/file?size=300&seed=7");
		struct origin_entry entry;
		struct rig_task *t;

		spec.kind = methods[_i].kind;
		set_bytes(&spec, bytes, 1000);
		if (spec.kind == TRANSFER_TASK_DOWNLOAD) {
			spec.live.body = ENGINE_BODY_FILE;
			spec.part_path = rig_path(&rig, "part-%u", i);
		}
		t = run(i, &spec);
		check_ok(t);
		ck_assert_uint_eq(t->status, 200);
		if (spec.kind == TRANSFER_TASK_DOWNLOAD)
			ck_assert_int_eq(origin_bytes_check(spec.part_path, 7, answer), 0);
		else
			ck_assert_uint_eq(t->body_bytes, answer);
		entry = find("/file", i);
		check_arrived(&entry, method, 1000);
	}
	rig_stop(&rig);
	free(bytes);
}
END_TEST

static const struct {
	const char *method, *length;
} bare[] = {
	{ "POST", "0" },
	{ "PUT", "0" },
	{ "PATCH", "0" },
	{ "GET", NULL },
	{ "HEAD", NULL },
	{ "DELETE", NULL },
	{ "OPTIONS", NULL },
};

START_TEST(says_that_there_is_no_body)
{
	static const struct engine_header type[] = { { "Content-Type", "a/b" } };
	struct origin_entry entry;
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(bare[_i].method, "/file?size=3");
	spec.headers = type;
	spec.n_headers = 1;
	check_ok(run(1, &spec));
	entry = find("/file", 1);
	ck_assert_str_eq(entry.method, bare[_i].method);
	ck_assert_pstr_eq(header_of(&entry, "Content-Length"), bare[_i].length);
	ck_assert_pstr_eq(header_of(&entry, "Content-Type"), "a/b");
	ck_assert_ptr_null(header_of(&entry, "Transfer-Encoding"));
	ck_assert_ptr_null(header_of(&entry, "Expect"));
	rig_stop(&rig);
}
END_TEST

/* A file, for each kind of task; the answer may go into a file, too. */
START_TEST(sends_a_file)
{
	struct origin_entry entry;
	struct engine_spec spec;
	const char *path;
	int fd;

	rig_start(&rig, NULL, NULL);
	path = rig_path(&rig, "body");
	ck_assert_int_eq(origin_bytes_write(path, SEED, 200000), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	spec = make_spec("POST", "/file?size=50&seed=7");
	spec.live.source = ENGINE_SOURCE_FILE;
	spec.source_fd = fd;
	spec.source_size_bytes = 200000;
	if (_i == 1)
		spec.kind = TRANSFER_TASK_UPLOAD;
	if (_i == 2) {
		spec.kind = TRANSFER_TASK_DOWNLOAD;
		spec.live.body = ENGINE_BODY_FILE;
		spec.part_path = rig_path(&rig, "part-1");
	}
	check_ok(run(1, &spec));
	entry = find("/file", 1);
	check_arrived(&entry, "POST", 200000);
	if (_i == 2)
		ck_assert_int_eq(origin_bytes_check(spec.part_path, 7, 50), 0);
	close(fd);
	rig_stop(&rig);
}
END_TEST

/* ---- streams ---- */

enum stream { PIPE, SOCKET, PACKETS };

/* The near end goes into the spec, the far one is returned. */
static int open_stream(enum stream stream, int *ret_near_fd)
{
	int fds[2];

	if (stream == PIPE)
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	else
		ck_assert_int_eq(
			socketpair(AF_UNIX,
				(stream == SOCKET ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0,
				fds),
			0);
	*ret_near_fd = fds[0];
	return fds[1];
}

/* A piece of the body from there on. */
static void feed(enum stream stream, int fd, size_t offset, size_t size)
{
	char piece[1 + BLOCK];
	size_t mark = stream == PACKETS;

	ck_assert_uint_le(size, BLOCK);
	piece[0] = 0;
	origin_bytes(SEED, offset, piece + mark, size);
	ck_assert_int_eq(write(fd, piece, mark + size), (ssize_t)(mark + size));
}

static void end(enum stream stream, int fd)
{
	if (stream == PACKETS)
		ck_assert_int_eq(write(fd, "\1", 1), 1);
	close(fd);
}

static void begin_stream(uint64_t task, struct engine_spec *spec, int near_fd)
{
	rig_begin(&rig, task, spec);
	close(near_fd);
}

/* Each piece arrives before the next is there. */
START_TEST(a_stream_is_sent_as_it_comes)
{
	enum stream stream = (enum stream)(_i % 3);
	bool has_length = _i >= 3;
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;
	int near_fd, far_fd;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	far_fd = open_stream(stream, &near_fd);
	set_stream(&spec, near_fd, has_length ? (int64_t)(3 * BLOCK) : -1, 0);
	begin_stream(1, &spec, near_fd);
	for (size_t i = 0; i < 3; i++) {
		feed(stream, far_fd, i * BLOCK, BLOCK);
		ck_assert_int_eq(
			origin_wait_bytes(rig.origin, "/upload", 1, (i + 1) * BLOCK, WAIT_MS), 0);
	}
	if (!has_length) {
		ck_assert_uint_eq(rig.tasks[1].n_events[ENGINE_EVENT_DONE], 0);
		end(stream, far_fd);
	}
	t = wait_done(1);
	check_ok(t);
	ck_assert_uint_eq(t->done.sent_bytes, 3 * BLOCK);
	ck_assert_int_eq(t->done.expected_send_bytes, has_length ? (int64_t)(3 * BLOCK) : -1);
	entry = find("/upload", 1);
	check_arrived(&entry, "POST", 3 * BLOCK);
	ck_assert_pstr_eq(header_of(&entry, "Content-Length"), has_length ? "12000" : NULL);
	ck_assert_pstr_eq(header_of(&entry, "Transfer-Encoding"), has_length ? NULL : "chunked");
	if (has_length)
		close(far_fd);
	rig_stop(&rig);
}
END_TEST

/* Of a stream that breaks off the server never gets what looks whole. */
START_TEST(a_stream_that_breaks_off_is_no_body)
{
	enum stream stream = _i ? PIPE : PACKETS;
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;
	int near_fd, far_fd;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	far_fd = open_stream(stream, &near_fd);
	set_stream(&spec, near_fd, _i ? (int64_t)BLOCK + 1 : -1, 0);
	begin_stream(1, &spec, near_fd);
	feed(stream, far_fd, 0, BLOCK);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/upload", 1, BLOCK, WAIT_MS), 0);
	close(far_fd);
	t = wait_done(1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED);
	ck_assert(!t->done.is_retryable);
	entry = find("/upload", 1);
	ck_assert_str_eq(entry.body_sha256, "");
	rig_stop(&rig);
}
END_TEST

START_TEST(what_is_no_stream_is_refused)
{
	struct engine_spec spec;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	set_stream(&spec, fd, -1, 0);
	begin_stream(1, &spec, fd);
	ck_assert_int_eq(
		wait_done(1)->done.result.code, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED);
	ck_assert_uint_eq(origin_log_last(rig.origin), 0);
	rig_stop(&rig);
}
END_TEST

/* While the stream is silent the attempt can be ended, by a refusal of the server, too. */
START_TEST(a_silent_stream_holds_nobody)
{
	struct engine_spec spec;
	struct rig_task *t;
	int near_fd, far_fd;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", _i ? "/upload?early&status=403" : "/upload");
	far_fd = open_stream(PIPE, &near_fd);
	set_stream(&spec, near_fd, -1, 0);
	begin_stream(1, &spec, near_fd);
	feed(PIPE, far_fd, 0, 10);
	if (!_i) {
		ck_assert_int_eq(origin_wait_bytes(rig.origin, "/upload", 1, 10, WAIT_MS), 0);
		engine_stop(rig.engine, 1, 1);
	}
	t = wait_done(1);
	if (_i) {
		check_ok(t);
		ck_assert_uint_eq(t->status, 403);
	} else {
		ck_assert(t->done.is_stopped);
	}
	/* nobody reads any more */
	signal(SIGPIPE, SIG_IGN);
	rig_stop(&rig);
	ck_assert_int_eq(write(far_fd, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(far_fd);
}
END_TEST

/* ---- asked for ---- */

/* A whole stream of two blocks, in one go. */
static int make_whole(void)
{
	int near_fd, far_fd = open_stream(PIPE, &near_fd);

	feed(PIPE, far_fd, 0, BLOCK);
	feed(PIPE, far_fd, BLOCK, BLOCK);
	close(far_fd);
	return near_fd;
}

static struct rig_task *answer(uint64_t task, unsigned n, enum engine_body_reason reason, int fd)
{
	struct rig_task *t = rig_wait(&rig, task, ENGINE_EVENT_ASK_BODY, n);

	ck_assert_int_eq((int)t->body_reason, (int)reason);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	ck_assert_int_eq(engine_answer_body(rig.engine, task, 1, fd, -1), 0);
	return t;
}

START_TEST(a_body_is_asked_for)
{
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	set_stream(&spec, -1, -1, ENGINE_ASK_BODY);
	rig_begin(&rig, 1, &spec);
	t = answer(1, 1, ENGINE_BODY_REASON_START, _i ? -1 : make_whole());
	wait_done(1);
	if (_i) {
		ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED);
		ck_assert_uint_eq(origin_log_last(rig.origin), 0);
		ck_assert_str_eq(t->order, "bD");
	} else {
		check_ok(t);
		entry = find("/upload", 1);
		check_arrived(&entry, "POST", 2 * BLOCK);
		ck_assert_str_eq(t->order, "bcD");
	}
	/* to whom nothing is asked nothing is answered */
	ck_assert_int_eq(engine_answer_body(rig.engine, 1, 1, make_whole(), -1), 0);
	rig_stop(&rig);
}
END_TEST

/* While nothing is answered the attempt can be ended. */
START_TEST(a_question_is_no_lock)
{
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload");
	set_stream(&spec, -1, -1, ENGINE_ASK_BODY);
	rig_begin(&rig, 1, &spec);
	rig_wait(&rig, 1, ENGINE_EVENT_ASK_BODY, 1);
	engine_stop(rig.engine, 1, 1);
	ck_assert(wait_done(1)->done.is_stopped);
	ck_assert_int_eq(engine_answer_body(rig.engine, 1, 1, make_whole(), -1), 0);
	rig_stop(&rig);
}
END_TEST

static const struct {
	enum engine_source source;
	unsigned status, asks;
	int code;
	const char *order, *method;
	size_t size; /* that arrives at the end */
} redirects[] = {
	{ ENGINE_SOURCE_BYTES, 307, 0, 0, "c>D", "POST", 2 * BLOCK },
	{ ENGINE_SOURCE_BYTES, 303, 0, 0, "c>D", "GET", 0 },
	{ ENGINE_SOURCE_FILE, 308, 0, 0, "c>D", "POST", 2 * BLOCK },
	{ ENGINE_SOURCE_STREAM, 307, ENGINE_ASK_BODY, 0, "c>bD", "POST", 2 * BLOCK },
	{ ENGINE_SOURCE_STREAM, 303, ENGINE_ASK_BODY, 0, "c>D", "GET", 0 },
	{ ENGINE_SOURCE_STREAM, 303, 0, 0, "c>D", "GET", 0 },
	{ ENGINE_SOURCE_STREAM, 307, 0, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED, "c>D", NULL,
		0 },
};

START_TEST(a_redirect_may_need_the_body_again)
{
	static const struct engine_header type[] = { { "Content-Type", "a/b" } };
	char *bytes = make_body(2 * BLOCK), target[100];
	enum engine_source source = redirects[_i].source;
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?status=%u&redirect_to=/file%%3Fend",
		redirects[_i].status);
	spec = make_spec("POST", target);
	spec.headers = type;
	spec.n_headers = 1;
	set_bytes(&spec, bytes, 2 * BLOCK);
	spec.live.source = source;
	if (source == ENGINE_SOURCE_FILE) {
		spec.source_path = rig_path(&rig, "body");
		ck_assert_int_eq(origin_bytes_write(spec.source_path, SEED, 2 * BLOCK), 0);
		spec.source_size_bytes = 2 * BLOCK;
	}
	if (source == ENGINE_SOURCE_STREAM)
		set_stream(&spec, make_whole(), -1, redirects[_i].asks);
	rig_begin(&rig, 1, &spec);
	if (spec.source_fd >= 0)
		close(spec.source_fd);
	if (strchr(redirects[_i].order, 'b'))
		answer(1, 1, ENGINE_BODY_REASON_REDIRECT, make_whole());
	t = wait_done(1);
	ck_assert_int_eq(t->done.result.code, redirects[_i].code);
	ck_assert_str_eq(t->order, redirects[_i].order);
	entry = find("/file?status", 1);
	check_arrived(&entry, "POST", 2 * BLOCK);
	if (redirects[_i].method) {
		entry = find("/file?end", 1);
		ck_assert_str_eq(entry.method, redirects[_i].method);
		ck_assert_uint_eq(entry.body_received_bytes, redirects[_i].size);
		if (redirects[_i].size)
			check_arrived(&entry, "POST", redirects[_i].size);
		ck_assert_pstr_eq(
			header_of(&entry, "Content-Type"), redirects[_i].size ? "a/b" : NULL);
	}
	rig_stop(&rig);
	free(bytes);
}
END_TEST

/* The kept connection dies under the second request. */
static const struct {
	const char *method;
	enum engine_source source;
	bool is_safe;
	int code;
	unsigned n_arrived;
} repeats[] = {
	{ "POST", ENGINE_SOURCE_BYTES, false, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, 1 },
	{ "PUT", ENGINE_SOURCE_BYTES, true, 0, 2 },
	{ "POST", ENGINE_SOURCE_STREAM, false, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, 1 },
	{ "PUT", ENGINE_SOURCE_STREAM, true, 0, 2 },
	{ "POST", ENGINE_SOURCE_NONE, false, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, 1 },
	{ "GET", ENGINE_SOURCE_NONE, true, 0, 2 },
};

START_TEST(only_what_is_safe_is_repeated)
{
	char *bytes = make_body(2 * BLOCK);
	enum engine_source source = repeats[_i].source;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("GET", "/file?size=3&seed=1");
	check_ok(run(1, &spec));
	spec = make_spec(repeats[_i].method, "/file?size=5&seed=1&kill_kept=2");
	spec.live.is_retry_safe = repeats[_i].is_safe;
	set_bytes(&spec, bytes, 2 * BLOCK);
	spec.live.source = source;
	if (source == ENGINE_SOURCE_STREAM)
		set_stream(&spec, make_whole(), 2 * BLOCK, ENGINE_ASK_BODY);
	rig_begin(&rig, 2, &spec);
	if (source == ENGINE_SOURCE_STREAM)
		close(spec.source_fd);
	if (source == ENGINE_SOURCE_STREAM && repeats[_i].is_safe)
		answer(2, 1, ENGINE_BODY_REASON_RETRY, make_whole());
	t = wait_done(2);
	ck_assert_msg(t->done.result.code == repeats[_i].code, "%d %s", t->done.result.code,
		t->done.result.detail);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=5"), repeats[_i].n_arrived);
	rig_stop(&rig);
	free(bytes);
}
END_TEST

/* Who does not want to be asked first gets it without. */
START_TEST(a_refused_expectation_is_dropped)
{
	char *bytes = make_body(2 << 20);
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec("POST", "/upload?expect_status=417");
	set_bytes(&spec, bytes, 2 << 20);
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->status, 200);
	entry = find("/upload", 2);
	check_arrived(&entry, "POST", 2 << 20);
	ck_assert_ptr_null(header_of(&entry, "Expect"));
	rig_stop(&rig);
	free(bytes);
}
END_TEST

/* A cut answer to an upload that is limited; the limit holds for streams, too. */
START_TEST(a_limit_holds)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t begin_us;
	int fd = make_whole();

	rig_start(&rig, NULL, NULL);
	spec = make_spec("PUT", "/upload");
	spec.kind = TRANSFER_TASK_UPLOAD;
	set_stream(&spec, fd, -1, 0);
	spec.max_rate_bps = 16000;
	begin_us = clock_now_us();
	begin_stream(1, &spec, fd);
	t = wait_done(1);
	check_ok(t);
	ck_assert_uint_eq(t->done.sent_bytes, 2 * BLOCK);
	ck_assert_uint_ge(clock_now_us() - begin_us, 100000);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/send", TEST_EACH(sends_bytes, sizes), TEST_EACH(any_method_has_a_body, methods),
	TEST_EACH(says_that_there_is_no_body, bare), TEST_LOOP(sends_a_file, 3),
	TEST_LOOP(a_stream_is_sent_as_it_comes, 6),
	TEST_LOOP(a_stream_that_breaks_off_is_no_body, 2), TEST(what_is_no_stream_is_refused),
	TEST_LOOP(a_silent_stream_holds_nobody, 2), TEST_LOOP(a_body_is_asked_for, 2),
	TEST(a_question_is_no_lock), TEST_EACH(a_redirect_may_need_the_body_again, redirects),
	TEST_EACH(only_what_is_safe_is_repeated, repeats), TEST(a_refused_expectation_is_dropped),
	TEST(a_limit_holds))
