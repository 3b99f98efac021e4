/* SPDX-License-Identifier: MIT */
/* Attempts of sessions in memory: bodies that are read as they come, or wanted whole; slow readers, dead readers, limits. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

static struct rig rig;
static char block[256 * 1024], want[256 * 1024];

static struct rig_task *run(uint64_t task, const struct engine_spec *spec)
{
	rig_begin(&rig, task, spec);
	return rig_wait(&rig, task, ENGINE_EVENT_DONE, 1);
}

static void check_bytes(const char *bytes, uint64_t seed, uint64_t offset, size_t size)
{
	ck_assert_uint_le(size, sizeof(want));
	origin_bytes(seed, offset, want, size);
	ck_assert_int_eq(memcmp(bytes, want, size), 0);
}

/* Reads at most so much of a pipe or memfd; less: it has ended. */
static uint64_t read_on(int fd, uint64_t seed, uint64_t offset, uint64_t size)
{
	uint64_t got = 0;

	while (got < size) {
		size_t room = size - got < sizeof(block) ? (size_t)(size - got) : sizeof(block);
		ssize_t n = read(fd, block, room);

		ck_assert_int_ge(n, 0);
		if (!n)
			break;
		check_bytes(block, seed, offset + got, (size_t)n);
		got += (uint64_t)n;
	}
	return got;
}

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

static const struct {
	const char *target;
	enum engine_body body;
	size_t size_bytes;
} small[] = {
	{ "/file?seed=3&size=0", ENGINE_BODY_FLOW, 0 },
	{ "/file?seed=3&size=1", ENGINE_BODY_FLOW, 1 },
	{ "/file?seed=3&size=1", ENGINE_BODY_COLLECT, 1 },
	{ "/file?seed=3&size=64K", ENGINE_BODY_COLLECT, 64 * 1024 },
	{ "/file?seed=3&size=64K&chunked", ENGINE_BODY_COLLECT, 64 * 1024 },
	{ "/file?seed=3&size=3000&coding=gzip", ENGINE_BODY_COLLECT, 3000 },
};

/* One event says it all. */
START_TEST(a_small_body_comes_with_the_end)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, small[_i].target);
	spec.live.body = small[_i].body;
	t = run(1, &spec);
	check_ok(t);
	if (spec.live.body == ENGINE_BODY_COLLECT) {
		ck_assert_str_eq(t->order, "cD");
		ck_assert(!t->done.live.was_told);
	}
	ck_assert_uint_eq(t->body_bytes, small[_i].size_bytes);
	check_bytes(t->body ? t->body : "", 3, 0, t->body_bytes);
	ck_assert_uint_eq(t->done.received_bytes, small[_i].size_bytes);
	ck_assert_uint_eq(t->status, 200);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *target;
	uint64_t size_bytes;
} whole[] = {
	{ "/file?seed=4&size=65537", 65537 },
	{ "/file?seed=4&size=1M", 1u << 20 },
	{ "/file?seed=4&size=1M&chunked", 1u << 20 },
	{ "/file?seed=4&size=1M&coding=gzip", 1u << 20 },
	{ "/file?seed=4&size=1M&coding=br", 1u << 20 },
};

START_TEST(a_whole_body_is_one_descriptor)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, whole[_i].target);
	spec.live.body = ENGINE_BODY_COLLECT;
	t = run(1, &spec);
	check_ok(t);
	ck_assert_str_eq(t->order, "cRdD");
	ck_assert(t->done.live.was_told);
	ck_assert(t->data_is_whole[0]);
	ck_assert_int_eq(fstat(t->data_fds[0], &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, whole[_i].size_bytes);
	ck_assert_int_eq(lseek(t->data_fds[0], 0, SEEK_SET), 0);
	ck_assert_uint_eq(read_on(t->data_fds[0], 4, 0, UINT64_MAX), whole[_i].size_bytes);
	ck_assert_int_lt(write(t->data_fds[0], "x", 1), 0);
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

/* What is longer is not kept for a reader who stands still. */
START_TEST(a_long_whole_body_flows)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=4&size=2M&chunked");
	spec.live.body = ENGINE_BODY_COLLECT;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	ck_assert(!t->data_is_whole[0]);
	ck_assert_uint_eq(read_on(t->data_fds[0], 4, 0, UINT64_MAX), 2u << 20);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_str_eq(t->order, "cRdD");
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *target;
	uint64_t size_bytes;
} flows[] = {
	{ "/file?seed=5&size=65537", 65537 },
	{ "/file?seed=5&size=20M", 20u << 20 },
	{ "/file?seed=5&size=8M&chunked", 8u << 20 },
	{ "/file?seed=5&size=8M&coding=gzip", 8u << 20 },
	{ "/file?seed=5&size=8M&coding=zstd", 8u << 20 },
	{ "/file?seed=5&size=8M&coding=gzip,br", 8u << 20 },
};

START_TEST(a_body_flows_as_it_is_read)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, flows[_i].target);
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	ck_assert_str_eq(t->order, "cRd");
	ck_assert(!t->data_is_whole[0]);
	ck_assert_uint_eq(read_on(t->data_fds[0], 5, 0, UINT64_MAX), flows[_i].size_bytes);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(t->done.received_bytes, flows[_i].size_bytes);
	ck_assert_uint_eq(t->body_bytes, 0);
	ck_assert(t->done.live.was_told);
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

/* Before the body goes on, what has come is told. */
START_TEST(what_has_come_is_told_soon)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=6&size=100&gate=g&gate_after=40");
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	ck_assert_uint_eq(read_on(t->data_fds[0], 6, 0, 40), 40);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	origin_release(rig.origin, "g");
	ck_assert_uint_eq(read_on(t->data_fds[0], 6, 40, UINT64_MAX), 60);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	rig_stop(&rig);
}
END_TEST

/* The head alone, too; who wants the whole is told nothing before it. */
START_TEST(a_head_is_told_soon)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=6&size=100&gate=g&gate_after=0");
	spec.live.body = _i ? ENGINE_BODY_COLLECT : ENGINE_BODY_FLOW;
	rig_begin(&rig, 1, &spec);
	if (!_i)
		rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	else
		rig_wait(&rig, 1, ENGINE_EVENT_CONNECTED, 1);
	origin_release(rig.origin, "g");
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_str_eq(t->order, _i ? "cD" : "cRD");
	ck_assert_uint_eq(t->body_bytes, 100);
	ck_assert_int_eq(t->done.live.was_told, !_i);
	rig_stop(&rig);
}
END_TEST

/* What is not read stays with the server, the idle limit does not run meanwhile, and the end comes after the last byte. */
START_TEST(an_end_waits_for_its_reader)
{
	struct engine_spec spec;
	struct rig_task *t;
	static const char *const long_ones[] = { "/file?seed=7&size=64M",
		"/file?seed=7&size=300000" };
	uint64_t size = _i ? 300000 : UINT64_C(64) << 20;
	struct origin_entry entry;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, long_ones[_i]);
	spec.idle_timeout_us = 600 * CLOCK_US_PER_MS;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_STALLED, 1);
	ck_assert(t->is_stalled);
	/* more than the idle limit */
	for (uint64_t until_ms = proc_now_ms() + 700; proc_now_ms() < until_ms;)
		rig_turn(&rig, proc_left_ms(until_ms));
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	if (!_i)
		ck_assert_uint_lt(entry.body_sent_bytes, size / 2);
	ck_assert_uint_eq(read_on(t->data_fds[0], 7, 0, UINT64_MAX), size);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert(!t->is_stalled);
	rig_stop(&rig);
}
END_TEST

START_TEST(who_stops_reading_ends_it)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=8&size=64M");
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	read_on(t->data_fds[0], 8, 0, 100000);
	close(t->data_fds[0]);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *target;
	uint64_t size_bytes; /* 0: less than all */
	bool is_slow; /* its reader begins when all has come that fits */
	int code;
} broken[] = {
	{ "/file?seed=9&size=1M&drop_after=300000", 300000, true,
		TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ "/file?seed=9&size=9M&chunked&drop_after=3M", 3u << 20, false,
		TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ "/file?seed=9&size=1M&coding=gzip&drop_after=300000", 0, true,
		TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ "/file?seed=9&size=1M&coding=gzip&coded_permille=900", 0, false,
		TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
};

/* All that came before an error is told, then the error, however slow the reader is. */
START_TEST(what_came_before_an_error_is_told)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t size_bytes;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, broken[_i].target);
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	if (broken[_i].is_slow)
		rig_wait(&rig, 1, ENGINE_EVENT_STALLED, 1);
	size_bytes = read_on(t->data_fds[0], 9, 0, UINT64_MAX);
	ck_assert_uint_gt(size_bytes, 65536);
	if (broken[_i].size_bytes)
		ck_assert_uint_eq(size_bytes, broken[_i].size_bytes);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, broken[_i].code);
	ck_assert(t->done.live.was_told);
	ck_assert_uint_eq(t->done.received_bytes, size_bytes);
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

/* The limit of the whole is over while the reader is slow: he gets what came, and nothing runs till then. */
START_TEST(what_came_before_a_limit_is_told)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t size_bytes;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=9&size=1M&coding=gzip");
	spec.deadline_boot_us = clock_now().boot_us + 2000 * CLOCK_US_PER_MS;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	while (clock_now().boot_us < spec.deadline_boot_us + 50 * CLOCK_US_PER_MS)
		rig_turn(&rig, 20);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	size_bytes = read_on(t->data_fds[0], 9, 0, UINT64_MAX);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_gt(size_bytes, 64 * 1024);
	ck_assert_uint_eq(t->done.received_bytes, size_bytes);
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

/* Nor does one whose reader is gone, or that is stopped while an error waits. */
START_TEST(an_error_waits_no_longer_than_its_reader)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=9&size=1M&drop_after=150000");
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_STALLED, 1);
	if (_i)
		engine_stop(rig.engine, 1, 1);
	else
		close(t->data_fds[0]);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	rig_stop(&rig);
}
END_TEST

/* Stopped, the reader sees an end, and what was kept is gone. */
START_TEST(a_stop_does_not_wait_for_its_reader)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=9&size=1M&gate=g&gate_after=300000");
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_STALLED, 1);
	engine_stop(rig.engine, 1, 1);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	ck_assert_uint_le(read_on(t->data_fds[0], 9, 0, UINT64_MAX), 299999);
	close(t->data_fds[0]);
	rig_stop(&rig);
}
END_TEST

/* Nothing of a cut body is told to who wants it whole; who reads as it comes gets what came. */
START_TEST(a_cut_body_is_never_whole)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=9&size=100K&drop_after=1000");
	spec.live.body = _i ? ENGINE_BODY_COLLECT : ENGINE_BODY_FLOW;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	if (_i)
		ck_assert_uint_eq(t->body_bytes + t->n_data_fds, 0);
	else if (!t->n_data_fds)
		ck_assert_uint_eq(t->body_bytes, 1000);
	else
		ck_assert_uint_eq(read_on(t->data_fds[0], 9, 0, UINT64_MAX), 1000);
	/* nothing was told of it: it may be had anew without anybody's notice */
	ck_assert_int_eq(t->done.is_retryable, !t->done.live.was_told);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_broken_coding_is_an_error)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=9&size=1M&coding=gzip&coded_permille=900");
	spec.live.body = ENGINE_BODY_COLLECT;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA);
	ck_assert_uint_eq(t->n_data_fds, 0);
	rig_stop(&rig);
}
END_TEST

/* Limits are kept to some milliseconds, not to the tick. */
START_TEST(an_idle_time_is_exact)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t begun_us;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=1&size=1M&hang");
	spec.idle_timeout_us = 60 * CLOCK_US_PER_MS;
	begun_us = clock_now_us();
	t = run(1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_uint_ge(t->done.at_us - begun_us, spec.idle_timeout_us);
	rig_stop(&rig);
}
END_TEST

/* Whatever it waits for: nobody wakes up meanwhile, no idle time runs, and afterwards it goes on, with its idle time. */
enum { REST_UNREAD = 1, REST_UNREAD_POST, REST_HELD, REST_ASKED, REST_BODY, REST_STREAM, REST_END };
#define REST_IDLE_MS 700

static void begin_rests(int stream_fd)
{
	static const char *const targets[] = {
		[REST_UNREAD] = "/file?seed=7&size=64M",
		[REST_UNREAD_POST] = "/file?seed=7&size=64M",
		[REST_HELD] = "/file?seed=7&size=9000&gate=g&gate_after=1000",
		[REST_ASKED] = "/file?seed=7&size=900K",
		[REST_BODY] = "/upload",
		[REST_STREAM] = "/upload",
	};
	struct engine_spec spec;

	for (unsigned i = 1; i < REST_END; i++) {
		spec = rig_live(&rig, i, targets[i]);
		spec.idle_timeout_us = REST_IDLE_MS * CLOCK_US_PER_MS;
		spec.live.asks = i == REST_ASKED ? ENGINE_ASK_RESPONSE : ENGINE_ASK_BODY;
		spec.live.source_bytes = "bytes";
		spec.live.n_source_bytes = 5;
		if (i == REST_UNREAD_POST || i >= REST_BODY)
			spec.method = "POST";
		if (i == REST_UNREAD_POST)
			spec.live.source = ENGINE_SOURCE_BYTES;
		if (i >= REST_BODY)
			spec.live.source = ENGINE_SOURCE_STREAM;
		if (i >= REST_BODY)
			spec.live.source_length = 5;
		if (i == REST_STREAM)
			spec.source_fd = stream_fd;
		rig_begin(&rig, i, &spec);
	}
	rig_wait(&rig, REST_UNREAD, ENGINE_EVENT_STALLED, 1);
	rig_wait(&rig, REST_UNREAD_POST, ENGINE_EVENT_STALLED, 1);
	rig_wait(&rig, REST_HELD, ENGINE_EVENT_DATA, 1);
	engine_hold_attempt(rig.engine, REST_HELD, 1, true);
	rig_wait(&rig, REST_ASKED, ENGINE_EVENT_ASK_RESPONSE, 1);
	rig_wait(&rig, REST_BODY, ENGINE_EVENT_ASK_BODY, 1);
	rig_wait(&rig, REST_STREAM, ENGINE_EVENT_CONNECTED, 1);
}

static void sleep_on(void)
{
#ifdef __SANITIZE_THREAD__
	const long most = 100; /* its own thread wakes up all the time */
#else
	const long most = 3; /* our own poll, and not the tick */
#endif
	struct rusage before, after;

	for (uint64_t until_ms = proc_now_ms() + REST_IDLE_MS + 100; proc_now_ms() < until_ms;)
		rig_turn(&rig, proc_left_ms(until_ms));
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &before), 0);
	ck_assert(!rig_turn(&rig, 1200));
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &after), 0);
	ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, most);
	ck_assert_uint_eq(rig.n_done, 0);
}

START_TEST(who_waits_wakes_nobody)
{
	struct rig_task *t;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	rig_start(&rig, NULL, NULL);
	begin_rests(fds[0]);
	close(fds[0]);
	sleep_on();
	ck_assert_int_eq(write(fds[1], "bytes", 5), 5);
	close(fds[1]);
	rig_wait(&rig, REST_STREAM, ENGINE_EVENT_DONE, 1);
	engine_answer_response(rig.engine, REST_ASKED, 1, ENGINE_RESPONSE_CANCEL, NULL);
	rig_wait(&rig, REST_ASKED, ENGINE_EVENT_DONE, 1);
	engine_answer_body(rig.engine, REST_BODY, 1, -1, -1);
	rig_wait(&rig, REST_BODY, ENGINE_EVENT_DONE, 1);
	t = rig_wait(&rig, REST_UNREAD, ENGINE_EVENT_DATA, 1);
	ck_assert_uint_eq(read_on(t->data_fds[0], 7, 0, UINT64_MAX), 64u << 20);
	check_ok(rig_wait(&rig, REST_UNREAD, ENGINE_EVENT_DONE, 1));
	/* the last one is alone, and nothing comes for it */
	engine_stop(rig.engine, REST_UNREAD_POST, 1);
	rig_wait(&rig, REST_UNREAD_POST, ENGINE_EVENT_DONE, 1);
	engine_hold_attempt(rig.engine, REST_HELD, 1, false);
	t = rig_wait(&rig, REST_HELD, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	rig_stop(&rig);
}
END_TEST

/* A download in memory ends with DONE, and its part is there; asked for, it is made durable as others are. */
START_TEST(a_download_has_no_sync)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?seed=2&size=3M");
	spec.live = (struct engine_spec_live){
		.is_live = true,
		.source = ENGINE_SOURCE_NONE,
		.is_synced = _i != 0,
	};
	t = run(1, &spec);
	check_ok(t);
	if (_i)
		rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	ck_assert_int_eq(stat(spec.part_path, &st), 0);
	ck_assert_uint_eq(t->done.file_ino, st.st_ino);
	ck_assert_uint_eq(t->done.file_size_bytes, 3u << 20);
	ck_assert_int_eq(origin_bytes_check(spec.part_path, 2, 3u << 20), 0);
	ck_assert_uint_eq(t->n_begun + t->n_events[ENGINE_EVENT_CHECKPOINT], 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/live", TEST_EACH(a_small_body_comes_with_the_end, small),
	TEST_EACH(a_whole_body_is_one_descriptor, whole), TEST(a_long_whole_body_flows),
	TEST_EACH(a_body_flows_as_it_is_read, flows), TEST(what_has_come_is_told_soon),
	TEST_LOOP(a_head_is_told_soon, 2), TEST_LOOP(an_end_waits_for_its_reader, 2),
	TEST(who_stops_reading_ends_it), TEST(a_stop_does_not_wait_for_its_reader),
	TEST_EACH(what_came_before_an_error_is_told, broken),
	TEST(what_came_before_a_limit_is_told),
	TEST_LOOP(an_error_waits_no_longer_than_its_reader, 2),
	TEST_LOOP(a_cut_body_is_never_whole, 2), TEST(a_broken_coding_is_an_error),
	TEST(an_idle_time_is_exact), TEST(who_waits_wakes_nobody),
	TEST_LOOP(a_download_has_no_sync, 2))
