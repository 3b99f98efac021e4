/* SPDX-License-Identifier: MIT */
/* Uploads: the whole file or nothing, and the answer that comes back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static struct rig rig;

static const char *make_source(uint64_t seed, uint64_t size_bytes)
{
	const char *path = rig_path(&rig, "source");

	ck_assert_int_eq(origin_bytes_write(path, seed, size_bytes), 0);
	return path;
}

static void check_sent(const char *target, unsigned n, uint64_t seed, uint64_t size_bytes)
{
	struct origin_entry entry;
	char want[65];

	ck_assert_int_eq(origin_wait_ended(rig.origin, target, n, 5000), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, target, n, &entry), 0);
	origin_bytes_sha256(seed, size_bytes, want);
	ck_assert_str_eq(entry.body_sha256, want);
	ck_assert_uint_eq(entry.body_received_bytes, size_bytes);
}

static const struct {
	const char *method;
	uint64_t size_bytes;
} sizes[] = {
	{ "PUT", 0 },
	{ "PUT", 1 },
	{ "PUT", 300000 },
	{ "PUT", 5000000 },
	{ "POST", 300000 },
	{ "PATCH", 100 },
};

START_TEST(sends_the_whole_file)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload?reply_size=5000", make_source(3, sizes[_i].size_bytes));
	spec.method = sizes[_i].method;
	/* left by an attempt before */
	ck_assert_int_eq(tmpdir_write(spec.body_path, "old"), 0);
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_str_eq(t->order, "cRD");
	ck_assert_uint_eq(t->done.sent_bytes, sizes[_i].size_bytes);
	ck_assert_int_eq(t->done.expected_send_bytes, (int64_t)sizes[_i].size_bytes);
	ck_assert_uint_eq(t->done.received_bytes, 5000);
	check_sent("/upload", 1, 3, sizes[_i].size_bytes);
	ck_assert_int_eq(stat(spec.body_path, &st), 0);
	ck_assert_int_eq(st.st_size, 5000);
	rig_stop(&rig);
}
END_TEST

/* Nobody waits for a server that knows nothing of Expect, and 417 is answered by going without. */
static const struct {
	const char *knobs;
	unsigned n_requests;
} expects[] = { { "no_continue", 1 }, { "expect_status=417", 2 } };

START_TEST(expect_is_no_obstacle)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t start_us;
	char target[64];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/upload?%s", expects[_i].knobs);
	spec = rig_upload(&rig, 1, target, make_source(3, 3000000));
	start_us = clock_now_us();
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->status, 200);
	ck_assert_str_eq(t->order, "cRD");
	ck_assert_uint_lt(clock_now_us() - start_us, RIG_DEADLINE_MS * CLOCK_US_PER_MS);
	check_sent("/upload", expects[_i].n_requests, 3, 3000000);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_early_answer_is_the_answer)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(
		&rig, 1, "/upload?early&status=413&no_continue", make_source(3, 50000000));
	t = rig_run(&rig, 1, &spec);
	ck_assert_uint_eq(t->status, 413);
	ck_assert(!t->done.is_retryable);
	ck_assert_int_eq(t->n_events[ENGINE_EVENT_RESPONSE], 1);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	rig_stop(&rig);
}
END_TEST

static const struct {
	unsigned status;
	const char *method;
	bool has_body;
} moves[] = {
	{ 307, "POST", true },
	{ 308, "PUT", true },
	{ 303, "POST", false },
	{ 302, "POST", false },
};

START_TEST(a_redirect_takes_the_body_along_or_not)
{
	struct engine_spec spec;
	struct origin_entry entry;
	struct rig_task *t;
	char target[128];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/upload?redirect_to=/%s&status=%u",
		moves[_i].has_body ? "store/x" : "file%3Fsize%3D10", moves[_i].status);
	spec = rig_upload(&rig, 1, target, make_source(3, 200000));
	spec.method = moves[_i].method;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "c>RD");
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	if (moves[_i].has_body) {
		check_sent("/store/x", 1, 3, 200000);
	} else {
		ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
		ck_assert_str_eq(entry.method, "GET");
		ck_assert_uint_eq(entry.body_received_bytes, 0);
	}
	rig_stop(&rig);
}
END_TEST

/* What may happen to the source, before or while it is sent. */
enum change {
	CHANGE_GROWS,
	CHANGE_SHRINKS,
	CHANGE_IS_REPLACED,
	CHANGE_IS_EDITED,
	CHANGE_IS_MOVED,
	CHANGE_N
};

static void change(const char *path, int how)
{
	char *other;
	int fd;

	switch ((enum change)how) {
	case CHANGE_GROWS:
		ck_assert_int_eq(truncate(path, 60000000), 0);
		break;
	case CHANGE_SHRINKS:
		ck_assert_int_eq(truncate(path, 1000), 0);
		break;
	case CHANGE_IS_REPLACED:
		ck_assert_int_gt(asprintf(&other, "%s.new", path), 0);
		ck_assert_int_eq(origin_bytes_write(other, 4, 40000000), 0);
		ck_assert_int_eq(rename(other, path), 0);
		free(other);
		break;
	case CHANGE_IS_EDITED:
		fd = open(path, O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(pwrite(fd, "x", 1, 39999999), 1);
		close(fd);
		break;
	case CHANGE_IS_MOVED:
		ck_assert_int_gt(asprintf(&other, "%s.new", path), 0);
		ck_assert_int_eq(rename(path, other), 0);
		free(other);
		break;
	case CHANGE_N:
		break;
	}
}

START_TEST(a_changed_source_is_not_sent)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload", make_source(3, 40000000));
	change(spec.source_path, _i);
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code,
		_i == CHANGE_IS_MOVED ? TRANSFER_ERROR_FILE_DOES_NOT_EXIST
				      : TRANSFER_ERROR_SOURCE_CHANGED);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_eq(origin_log_last(rig.origin), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(no_whole_request_of_mixed_content)
{
	struct engine_spec spec;
	struct origin_entry entry;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload?gate=g&gate_after=1000000", make_source(3, 40000000));
	rig_begin(&rig, 1, &spec);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/upload", 1, 1000000, 5000), 0);
	change(spec.source_path, _i);
	origin_release(rig.origin, "g");
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_SOURCE_CHANGED);
	ck_assert(!t->done.is_retryable);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/upload", 1, 5000), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/upload", 1, &entry), 0);
	ck_assert_str_eq(entry.body_sha256, "");
	ck_assert_uint_lt(entry.body_received_bytes, 40000000);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_empty_answer_leaves_no_old_one)
{
	static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	origin_raw(rig.origin, "/raw", answer, sizeof(answer) - 1);
	spec = rig_upload(&rig, 1, "/raw", make_source(3, 10));
	ck_assert_int_eq(tmpdir_write(spec.body_path, "old"), 0);
	t = rig_run(&rig, 1, &spec);
	ck_assert_uint_eq(t->status, 204);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_int_ne(access(spec.body_path, F_OK), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_missing_source_is_told)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload", make_source(3, 10));
	ck_assert_int_eq(unlink(spec.source_path), 0);
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "D");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_FILE_DOES_NOT_EXIST);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_broken_upload_may_be_tried_again)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload?drop_after=100000&drop=rst", make_source(3, 9000000));
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cD");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert(t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_upload_keeps_to_its_rate)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t start_us, passed_us;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload", make_source(3, 2 << 20));
	spec.max_rate_bps = 1 << 20;
	start_us = clock_now_us();
	t = rig_run(&rig, 1, &spec);
	passed_us = clock_now_us() - start_us;
	ck_assert_int_eq(t->done.result.code, 0);
	check_sent("/upload", 1, 3, 2 << 20);
	ck_assert_uint_ge(passed_us, 1500000);
	ck_assert_uint_ge(t->n_events[ENGINE_EVENT_PROGRESS], 2);
	ck_assert_uint_le(t->n_events[ENGINE_EVENT_PROGRESS], passed_us / 250000 + 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_server_that_takes_nothing_is_cut)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_upload(&rig, 1, "/upload?gate=g&gate_after=100", make_source(3, 40000000));
	spec.idle_timeout_us = CLOCK_US_PER_S;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

START_TEST(takes_a_snapshot)
{
	struct rig_task *t;
	const char *copy;
	int fd;

	rig_start(&rig, NULL, NULL);
	fd = open(make_source(3, 700000), O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	copy = rig_path(&rig, "copy");
	ck_assert_int_eq(engine_snapshot(rig.engine, 1, 1, fd, copy), 0);
	t = rig_wait(&rig, 1, ENGINE_EVENT_SNAPSHOT, 1);
	ck_assert_int_eq(t->snapshot.result.code, 0);
	ck_assert_uint_eq(t->snapshot.file_size_bytes, 700000);
	ck_assert_int_eq(origin_bytes_check(copy, 3, 700000), 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/upload", 40, TEST_EACH(sends_the_whole_file, sizes),
	TEST_EACH(expect_is_no_obstacle, expects), TEST(an_early_answer_is_the_answer),
	TEST_EACH(a_redirect_takes_the_body_along_or_not, moves),
	TEST_LOOP(a_changed_source_is_not_sent, CHANGE_N),
	TEST_LOOP(no_whole_request_of_mixed_content, CHANGE_N),
	TEST(an_empty_answer_leaves_no_old_one), TEST(a_missing_source_is_told),
	TEST(a_broken_upload_may_be_tried_again), TEST(an_upload_keeps_to_its_rate),
	TEST(a_server_that_takes_nothing_is_cut), TEST(takes_a_snapshot))
