/* SPDX-License-Identifier: MIT */
/* Bytes on disk are continued, or given up, or kept: what the server answers to a range decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define SIZE 1000000
#define KEPT 400000
#define ETAG "\"v6-1000000\""

static struct rig rig;

/* The first KEPT bytes are on disk, of content `seed`. */
static struct engine_spec kept(const char *target, uint64_t seed)
{
	struct engine_spec spec = rig_download(&rig, 1, target);

	ck_assert_int_eq(origin_bytes_write(spec.part_path, seed, KEPT), 0);
	spec.resume_offset_bytes = KEPT;
	spec.etag = ETAG;
	spec.known_total_bytes = SIZE;
	return spec;
}

/* Every one of them ends in the right file: continued, or fetched anew after one more request. */
static const struct {
	const char *knobs;
	const char *order;
	unsigned n_requests;
	uint64_t resumed_bytes, network_bytes;
} goods[] = {
	{ "", "crRDS", 1, KEPT, SIZE - KEPT },
	{ "&chunked", "crRDS", 1, KEPT, SIZE - KEPT },
	{ "&noranges", "crRDS", 1, 0, SIZE },
	/* 200 to If-Range although nothing changed: asked once more without it */
	{ "&ifrange_200", "crRDS", 2, KEPT, SIZE - KEPT },
	{ "&no_content_range", "crRDS", 2, 0, SIZE },
	{ "&wrong_start=1", "crRDS", 2, 0, SIZE },
	{ "&wrong_end=5", "crRDS", 2, 0, SIZE },
	{ "&wrong_total=7", "crRDS", 2, 0, SIZE },
	{ "&multipart", "crRDS", 2, 0, SIZE },
	{ "&other_etag", "crRDS", 2, 0, SIZE },
	{ "&always_416", "crRDS", 2, 0, SIZE },
};

START_TEST(ends_in_the_right_file)
{
	struct engine_spec spec;
	struct rig_task *t;
	char target[128];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?size=%d&seed=6%s", SIZE, goods[_i].knobs);
	spec = kept(target, 6);
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, goods[_i].order);
	rig_check_part(&rig, 1, 6, SIZE);
	ck_assert_uint_eq(t->resumed_bytes, goods[_i].resumed_bytes);
	ck_assert_uint_eq(t->done.network_bytes, goods[_i].network_bytes);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), goods[_i].n_requests);
	rig_stop(&rig);
}
END_TEST

/* A process died and left KEPT bytes, none of them durable: they count when it is known what they are. */
static const struct {
	const char *etag;
	mode_t mode;
	uint64_t before_wall_us;
	uint64_t left_bytes;
	const char *order;
	unsigned n_begun;
	uint64_t network_bytes;
} tails[] = {
	{ ETAG, 0600, UINT64_MAX, KEPT, "crRDS", 0, SIZE - KEPT },
	{ ETAG, 0600, UINT64_MAX, SIZE, "crRDS", 0, 0 },
	/* nobody has said of what version */
	{ NULL, 0600, UINT64_MAX, KEPT, "cRDS", 1, SIZE },
	/* of another: replaced after the caller's turn */
	{ "\"v5-1000000\"", 0600, UINT64_MAX, KEPT, "crRDS", 1, SIZE },
	/* the process died in a sync; what it left is gone, and its validator goes before new bytes come */
	{ ETAG, 0700, UINT64_MAX, KEPT, "crRDS", 1, SIZE },
	/* left by this process, or before the machine was down */
	{ ETAG, 0600, 1, KEPT, "crRDS", 1, SIZE },
	{ ETAG, 0600, 0, KEPT, "crRDS", 1, SIZE },
	{ ETAG, 0600, UINT64_MAX, 1000, "crRDS", 1, SIZE },
};

START_TEST(a_dead_process_leaves_good_bytes)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=6", 6);
	ck_assert_int_eq(origin_bytes_write(spec.part_path, 6, tails[_i].left_bytes), 0);
	ck_assert_int_eq(chmod(spec.part_path, tails[_i].mode), 0);
	spec.resume_offset_bytes = 0;
	spec.etag = tails[_i].etag;
	spec.tail_before_wall_us = tails[_i].before_wall_us;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, tails[_i].order);
	ck_assert_uint_eq(t->n_begun, tails[_i].n_begun);
	ck_assert_uint_eq(t->done.network_bytes, tails[_i].network_bytes);
	rig_check_part(&rig, 1, 6, SIZE);
	ck_assert_int_eq(stat(spec.part_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	rig_stop(&rig);
}
END_TEST

/* A validator without bytes: whatever comes waits until the caller has let go of it, however little it is. */
START_TEST(a_body_waits_for_the_caller)
{
	static const unsigned sizes[] = { 0, 1, 1000, 65536, 300000, SIZE };
	struct engine_spec spec;
	struct rig_task *t;
	char target[64];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?size=%u&seed=6%s", sizes[_i % 6],
		_i < 6 ? "" : "&chunked");
	spec = rig_download(&rig, 1, target);
	spec.etag = "\"old\"";
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->resumed_bytes, 0);
	rig_check_part(&rig, 1, 6, sizes[_i % 6]);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_changed_file_replaces_the_kept_bytes)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=8", 6);
	spec.digest_name = "sha256";
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->resumed_bytes, 0);
	ck_assert_str_eq(t->etag, "\"v8-1000000\"");
	rig_check_part(&rig, 1, 8, SIZE);
	{
		char want[65];

		origin_bytes_sha256(8, SIZE, want);
		ck_assert_str_eq(t->digest_hex, want);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(kept_bytes_stay_until_the_caller_had_its_turn)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=8", 6);
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_RESUMED, 1);
	ck_assert_uint_eq(t->resumed_bytes, 0);
	/* told, but its turn is not over: the old bytes are untouched while the new ones wait */
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, 5000), 0);
	ck_assert_int_eq(origin_bytes_check(spec.part_path, 6, KEPT), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	rig_check_part(&rig, 1, 8, SIZE);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_stop_in_between_keeps_nothing)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=8", 6);
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_RESUMED, 1);
	engine_stop(rig.engine, 1, 1);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	/* whatever is in the file by now, none of it goes with the new validator */
	ck_assert(t->done.is_stopped);
	ck_assert_uint_eq(t->done.offset_bytes, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(nothing_is_missing)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=6", 6);
	ck_assert_int_eq(origin_bytes_write(spec.part_path, 6, SIZE), 0);
	spec.resume_offset_bytes = SIZE;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->status, 200);
	ck_assert_uint_eq(t->done.network_bytes, 0);
	ck_assert_int_eq(origin_bytes_check(spec.part_path, 6, SIZE), 0);
	ck_assert_uint_eq(t->synced.file_size_bytes, SIZE);
	rig_stop(&rig);
}
END_TEST

/* Another answer than bytes: the attempt ends, the bytes stay and are still worth resuming. */
static const struct {
	unsigned status;
	bool is_retryable;
	const char *more;
} others[] = { { 202, false, "" }, { 204, false, "" }, { 403, false, "" }, { 404, false, "" },
	{ 503, true, "&retry_after=7" } };

START_TEST(other_answers_leave_the_bytes)
{
	struct engine_spec spec;
	struct rig_task *t;
	char target[128];

	rig_start(&rig, NULL, NULL);
	snprintf(target, sizeof(target), "/file?size=1000000&seed=6&status=%u%s", others[_i].status,
		others[_i].more);
	spec = kept(target, 6);
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRD");
	ck_assert_uint_eq(t->status, others[_i].status);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert_int_eq(t->done.is_retryable, others[_i].is_retryable);
	ck_assert_uint_eq(t->done.offset_bytes, KEPT);
	ck_assert_str_eq(t->etag, ETAG);
	ck_assert_int_eq(origin_bytes_check(spec.part_path, 6, KEPT), 0);
	if (others[_i].status == 503)
		ck_assert_uint_eq(t->retry_after_us, 7000000);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_cut_body_goes_on_where_it_broke)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t got_bytes;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1,
		_i ? "/file?size=1000000&seed=6&key=k&drop_after=700000&drop_times=1&drop=rst"
		   : "/file?size=1000000&seed=6&key=k&drop_after=700000&drop_times=1");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRD");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert(t->done.is_retryable);
	ck_assert_uint_eq(t->done.offset_bytes, t->done.received_bytes);
	got_bytes = t->done.offset_bytes;
	/* RST may overtake what is in flight */
	if (!_i)
		ck_assert_uint_eq(got_bytes, 700000);

	rig_forget(&rig, 1);
	spec.resume_offset_bytes = got_bytes;
	spec.etag = ETAG;
	t = rig_run(&rig, 1, &spec);
	rig_check_part(&rig, 1, 6, SIZE);
	ck_assert_uint_eq(t->done.network_bytes, SIZE - got_bytes);
	rig_stop(&rig);
}
END_TEST

START_TEST(without_a_validator_it_starts_over)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct origin_entry entry;

	rig_start(&rig, NULL, NULL);
	spec = kept("/file?size=1000000&seed=6&weak", 6);
	spec.etag = _i ? "W/\"v6-1000000\"" : NULL;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->resumed_bytes, 0);
	ck_assert(!t->can_resume);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert_str_eq(entry.range, "");
	rig_check_part(&rig, 1, 6, SIZE);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_digest_is_carried_over)
{
	struct engine_spec spec;
	struct rig_task *t;
	char want[65];
	uint8_t state[512];
	size_t n;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(
		&rig, 1, "/file?size=1000000&seed=6&key=k&drop_after=700000&drop_times=1");
	spec.digest_name = "sha256";
	t = rig_run(&rig, 1, &spec);
	ck_assert_uint_eq(t->done.offset_bytes, 700000);
	ck_assert_uint_gt(t->digest_state_bytes, 0);
	n = t->digest_state_bytes;
	memcpy(state, t->digest_state, n);
	rig_forget(&rig, 1);
	spec.resume_offset_bytes = 700000;
	spec.etag = ETAG;
	/* without the state the part is read once more */
	spec.digest_state = _i ? NULL : state;
	spec.digest_state_bytes = _i ? 0 : n;
	t = rig_run(&rig, 1, &spec);
	rig_check_part(&rig, 1, 6, SIZE);
	origin_bytes_sha256(6, SIZE, want);
	ck_assert_str_eq(t->digest_hex, want);
	rig_stop(&rig);
}
END_TEST

START_TEST(resume_data_is_always_answered)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=1000&seed=6");
	spec.is_resumed_by_client = true;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->resumed_bytes, 0);
	rig_check_part(&rig, 1, 6, 1000);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/resume", 40, TEST_EACH(ends_in_the_right_file, goods),
	TEST_EACH(a_dead_process_leaves_good_bytes, tails),
	TEST_LOOP(a_body_waits_for_the_caller, 12), TEST(a_changed_file_replaces_the_kept_bytes),
	TEST(kept_bytes_stay_until_the_caller_had_its_turn), TEST(a_stop_in_between_keeps_nothing),
	TEST(nothing_is_missing), TEST_EACH(other_answers_leave_the_bytes, others),
	TEST_LOOP(a_cut_body_goes_on_where_it_broke, 2),
	TEST_LOOP(without_a_validator_it_starts_over, 2), TEST_LOOP(a_digest_is_carried_over, 2),
	TEST(resume_data_is_always_answered))
