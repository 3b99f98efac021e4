/* SPDX-License-Identifier: MIT */
/*
 * Resume data: made, used once, refused when used again, damaged or somebody else's (BT-74…BT-81,
 * S-24).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/refuse.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

struct answer {
	unsigned n_calls;
	int error;
	unsigned char data[65536];
	size_t size;
};

static void on_resume_data(void *user, int error, const void *data, size_t size)
{
	struct answer *answer = user;

	answer->n_calls++;
	answer->error = error;
	answer->size = size;
	ck_assert_uint_le(size, sizeof(answer->data));
	if (size)
		memcpy(answer->data, data, size);
}

static const struct task_header key = { "Authorization", "Basic eDp5" };

static int cancel(struct sim *sim, uint64_t id, struct answer *answer)
{
	int r;

	sim_begin(sim);
	r = flow_task_cancel_resumable(sim->flow, id, on_resume_data, answer);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

/* A download of which 60 bytes are there, really, and then resume data. */
static struct sim *world(uint64_t *ret_session, uint64_t *ret_id, struct answer *answer)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	char path[FLOW_PATH_BYTES];
	FILE *f;

	flow_request_init(&request);
	request.request.url = "https://h/file";
	request.request.headers = &key;
	request.request.n_headers = 1;
	*ret_session = sim_session(sim, "app", "one");
	*ret_id = sim_create(sim, *ret_session, &request, true);
	flow_attempt_spool_path(sim->flow, *ret_id, FLOW_FILE_PART, path);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%060d", 0);
	fclose(f);
	sim_post_response(sim, *ret_id, 200);
	sim_post_checkpoint(sim, *ret_id, 60, 100);
	sim_turn(sim);
	ck_assert_int_eq(cancel(sim, *ret_id, answer), 0);
	ck_assert_uint_eq(answer->n_calls, 0); /* not before the attempt has ended */
	sim_post_stopped(sim, *ret_id, 60);
	sim_settle(sim);
	ck_assert_uint_eq(answer->n_calls, 1);
	return sim;
}

static uint64_t use(struct sim *sim, uint64_t session, const struct answer *answer)
{
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = session % 2 ? "" : NULL; /* neither is a URL */
	request.resume_data = answer->data;
	request.resume_data_bytes = answer->size;
	return sim_create(sim, session, &request, true);
}

static int on_event(const struct flow_event *event, void *user)
{
	struct answer *answer = user;

	if (event->type != FLOW_EVENT_COMPLETED || !event->resume_data)
		return 0;
	answer->size = event->resume_data_bytes;
	memcpy(answer->data, event->resume_data, event->resume_data_bytes);
	return 0;
}

START_TEST(made_and_used)
{
	static struct answer answer, in_event;
	uint64_t session, id, next;
	struct sim *sim = world(&session, &id, &answer);
	struct flow_event_range range = { session, 0, 100, 0 };
	char from[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];
	struct engine_event e = { .type = ENGINE_EVENT_RESUMED,
		.attempt = 1,
		.offset_bytes = 60,
		.expected_receive_bytes = 100 };

	ck_assert_int_eq(answer.error, 0);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANCELLED);
	/* the error carries it, too (BT-74) */
	ck_assert_int_eq(flow_events_each(sim->flow, &range, on_event, &in_event), 0);
	ck_assert_uint_gt(in_event.size, 0);
	sim_crash(sim); /* it outlives the daemon */
	next = use(sim, session, &answer);
	ck_assert_uint_ne(next, 0);
	ck_assert_uint_ne(next, id);
	ck_assert_uint_eq(fake_engine_find(sim->engine, next)->resume_offset_bytes, 60);
	ck_assert_str_eq(fake_engine_find(sim->engine, next)->etag, "\"v1\"");
	ck_assert(fake_engine_find(sim->engine, next)->is_resumed_by_client);
	/* its request is made again, of which the resume data holds no word */
	ck_assert_uint_eq(fake_engine_find(sim->engine, next)->n_headers, 1);
	ck_assert_str_eq(fake_engine_find(sim->engine, next)->headers[0].value, "Basic eDp5");
	ck_assert_ptr_null(memmem(answer.data, answer.size, "eDp5", 4));
	/* the bytes have a new name, the old one is let go */
	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, from);
	flow_attempt_spool_path(sim->flow, next, FLOW_FILE_PART, to);
	ck_assert_int_eq(access(to, F_OK), 0);
	ck_assert(!fake_engine_has_file(sim->engine, from));
	/* BT-76: told once, also when the attempt after that goes on, too */
	e.task = next;
	fake_engine_post(sim->engine, &e);
	sim_turn(sim);
	sim_post_failed(sim, next, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert(!fake_engine_find(sim->engine, next)->is_resumed_by_client);
	sim_finish(sim, next, 100);
	ck_assert_str_eq(
		sim_events(sim, session), "METRICS COMPLETED RESUMED FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* BT-80 */
START_TEST(used_twice)
{
	static struct answer answer;
	uint64_t session, id, a, b;
	struct sim *sim = world(&session, &id, &answer);

	a = use(sim, session, &answer);
	b = use(sim, session, &answer);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, a));
	ck_assert_ptr_null(fake_engine_find(sim->engine, b));
	ck_assert_int_eq(sim_result(sim, b), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	sim_free(sim);
}
END_TEST

/* A validator is one of its URL: bytes of one are not gone on with from another, however it is written. */
static const struct {
	const char *url;
	bool is_same;
} urls[] = {
	{ "https://h/file", true },
	{ "HTTPS://h:443/file", true },
	{ "https://h/other", false },
	{ "https://i/file", false },
	{ "https://h:x/", false },
};

START_TEST(of_another_url)
{
	static struct answer answer;
	uint64_t session, id, next;
	struct sim *sim = world(&session, &id, &answer);
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = urls[_i].url;
	request.resume_data = answer.data;
	request.resume_data_bytes = answer.size;
	next = sim_create(sim, session, &request, true);
	if (urls[_i].is_same)
		ck_assert_uint_eq(fake_engine_find(sim->engine, next)->resume_offset_bytes, 60);
	else
		ck_assert_int_eq(sim_result(sim, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	sim_free(sim);
}
END_TEST

/* The task that it was made of went on itself, or was forgotten. */
START_TEST(bytes_are_gone)
{
	static struct answer answer;
	uint64_t session, id, next;
	struct sim *sim = world(&session, &id, &answer);

	ck_assert_int_eq(sim_steer(sim, _i ? FLOW_VERB_REMOVE : FLOW_VERB_RETRY, id), 0);
	next = use(sim, session, &answer);
	ck_assert_int_eq(sim_result(sim, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	sim_free(sim);
}
END_TEST

/* BT-79: no file, no hole: from 0, and told as such. */
START_TEST(part_vanished)
{
	static struct answer answer;
	uint64_t session, id, next;
	struct sim *sim = world(&session, &id, &answer);
	char path[FLOW_PATH_BYTES];

	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, path);
	ck_assert_int_eq(unlink(path), 0);
	next = use(sim, session, &answer);
	ck_assert_uint_eq(fake_engine_find(sim->engine, next)->resume_offset_bytes, 0);
	ck_assert(fake_engine_find(sim->engine, next)->is_resumed_by_client);
	sim_free(sim);
}
END_TEST

/* BT-81, S-24: every byte changed, cut short, another application's. */
START_TEST(damaged)
{
	static struct answer answer, bad;
	uint64_t session, id, next, other;
	struct sim *sim = world(&session, &id, &answer);

	for (size_t i = 0; i < answer.size; i += 7) {
		bad = answer;
		bad.data[i] ^= 0x41;
		next = use(sim, session, &bad);
		ck_assert_int_eq(sim_result(sim, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	}
	for (bad = answer; bad.size > 1; bad.size /= 2) {
		if (bad.size == answer.size)
			continue;
		next = use(sim, session, &bad);
		ck_assert_int_eq(sim_result(sim, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	}
	other = sim_session(sim, "other", "one");
	next = use(sim, other, &answer);
	ck_assert_int_eq(sim_result(sim, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	/* the application's other session may */
	next = use(sim, sim_session(sim, "app", "two"), &answer);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, next));
	sim_free(sim);
}
END_TEST

/* BT-75: nothing to go on from. */
START_TEST(none)
{
	static struct answer answer;
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	struct flow_request request;

	ck_assert_int_eq(cancel(sim, id, &answer), 0);
	sim_post_stopped(sim, id, 0);
	sim_settle(sim);
	ck_assert_int_eq(answer.error, FLOW_E_NO_RESUME_DATA);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANCELLED);
	ck_assert_int_eq(cancel(sim, id, &answer), FLOW_E_TASK_FINISHED);
	ck_assert_int_eq(cancel(sim, 999, &answer), FLOW_E_NO_SUCH_TASK);
	ck_assert_uint_eq(answer.n_calls, 1);
	/* a POST is never continued */
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.method = "POST";
	id = sim_create(sim, session, &request, true);
	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 60, 100);
	sim_turn(sim);
	ck_assert_int_eq(cancel(sim, id, &answer), 0);
	sim_post_stopped(sim, id, 60);
	sim_settle(sim);
	ck_assert_int_eq(answer.error, FLOW_E_NO_RESUME_DATA);
	sim_free(sim);
}
END_TEST

/*
 * The commit fails: who asked is told, the task runs on; when a later one fails the answer waits.
 */
START_TEST(commit_fails)
{
	static struct answer answer;
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	sim->is_commit_failing = true;
	sim_begin(sim);
	ck_assert_int_eq(flow_task_cancel_resumable(sim->flow, id, on_resume_data, &answer), 0);
	ck_assert_int_ne(sim_end(sim), 0);
	ck_assert_uint_eq(answer.n_calls, 1);
	ck_assert(answer.error == FLOW_E_BUSY || answer.error == FLOW_E_NO_SPACE);
	ck_assert(!fake_engine_find(sim->engine, id)->is_stopping);
	sim->is_commit_failing = false;
	sim_pass(sim, FLOW_RETRY_US);
	sim_settle(sim);
	sim_post_response(sim, id, 200);
	ck_assert_int_eq(cancel(sim, id, &answer), 0);
	sim->is_commit_failing = true;
	sim_post_stopped(sim, id, 40);
	ck_assert_int_ne(sim_turn(sim), 0);
	ck_assert_uint_eq(answer.n_calls, 1);
	sim->is_commit_failing = false;
	sim_pass(sim, FLOW_RETRY_US);
	sim_settle(sim);
	ck_assert_uint_eq(answer.n_calls, 2);
	ck_assert_int_eq(answer.error, 0);
	sim_free(sim);
}
END_TEST

static void make(const char *path, size_t size)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < size; i++)
		putc('0', f);
	fclose(f);
}

/* Resume data of bytes that no task of the queue has. */
static void seal(struct sim *sim, const char *part, struct answer *answer)
{
	static const struct task_request said = { .headers = &key, .n_headers = 1 };
	const struct flow_kept kept = {
		.request = &said,
		.uid = sim_open("app", "one").uid,
		.app_id = "app",
		.url = "https://h/x",
		.etag = "\"v1\"",
		.offset_bytes = 60,
		.total_bytes = 100,
		.part_path = part,
	};
	void *data = NULL;

	ck_assert_int_eq(flow_kept_seal(sim->flow, &kept, &data, &answer->size), 0);
	ck_assert_ptr_nonnull(data);
	memcpy(answer->data, data, answer->size);
	free(data);
	ck_assert_int_ne(access(part, F_OK), 0);
}

static int adopt(struct sim *sim, const struct answer *answer, const char *app, const char *to)
{
	struct flow_kept kept = {
		.uid = sim_open("app", "one").uid, .app_id = app, .part_path = to
	};
	struct task_request request = { 0 };
	struct arena arena = { 0 };
	int r;

	sim_begin(sim);
	r = flow_kept_adopt(sim->flow, answer->data, answer->size, &kept, &arena);
	ck_assert_int_eq(sim_end(sim), 0);
	if (r == 0) {
		ck_assert_uint_eq(kept.offset_bytes, 60);
		ck_assert_int_eq(kept.total_bytes, 100);
		ck_assert_str_eq(kept.etag, "\"v1\"");
		ck_assert_int_eq(access(to, F_OK), 0);
		ck_assert_int_eq(request_carry_read(kept.carried, &arena, &request), 0);
		ck_assert_uint_eq(request.n_headers, 1);
		ck_assert_str_eq(request.headers[0].value, "Basic eDp5");
	}
	arena_done(&arena);
	return r;
}

/* From 2 on: on a file system where a file has one name only. Whether it is the second of two. */
static bool begin_variant(int i)
{
	if (i >= 2)
		ck_assert_int_eq(refuse(REFUSE_LINKS), 0);
	return i % 2;
}

/* Once, by whom it was made for: by a task in memory, or by one of the queue. */
START_TEST(kept_bytes_are_used_once)
{
	static struct answer answer;
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;
	char part[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];
	bool is_of_queue = begin_variant(_i);

	snprintf(part, sizeof(part), "%s/1.live", sim->spool_dir);
	snprintf(to, sizeof(to), "%s/2.live", sim->spool_dir);
	make(part, 60);
	seal(sim, part, &answer);
	ck_assert_int_eq(adopt(sim, &answer, "other", to), FLOW_E_NO_RESUME_DATA);
	if (!is_of_queue) {
		ck_assert_int_eq(adopt(sim, &answer, "app", to), 0);
	} else {
		id = use(sim, session, &answer);
		ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 60);
		ck_assert_str_eq(fake_engine_find(sim->engine, id)->etag, "\"v1\"");
		ck_assert_uint_eq(fake_engine_find(sim->engine, id)->n_headers, 1);
		ck_assert_str_eq(
			fake_engine_find(sim->engine, id)->headers[0].name, "Authorization");
		flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, to);
		ck_assert_int_eq(access(to, F_OK), 0);
	}
	ck_assert_int_eq(adopt(sim, &answer, "app", part), FLOW_E_NO_RESUME_DATA);
	answer.data[answer.size / 2] ^= 1;
	ck_assert_int_eq(adopt(sim, &answer, "app", part), FLOW_E_NO_RESUME_DATA);
	sim_free(sim);
}
END_TEST

static void keep(struct sim *sim, struct answer *answer)
{
	char part[FLOW_PATH_BYTES];

	snprintf(part, sizeof(part), "%s/1.live", sim->spool_dir);
	make(part, 60);
	seal(sim, part, answer);
}

/* Two tasks in one turn; what became of the turn. */
static int use_two(
	struct sim *sim, uint64_t session, const struct answer *answer, struct sim_created *created)
{
	struct flow_request requests[2];
	const struct flow_create c = { session, requests, 2, true, NULL, NULL };

	for (size_t i = 0; i < 2; i++) {
		flow_request_init(&requests[i]);
		requests[i].resume_data = answer->data;
		requests[i].resume_data_bytes = answer->size;
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &c, sim_on_created, created, NULL), 0);
	return sim_end(sim);
}

/* Two tasks of one call, of the same bytes, which one of them has: the other begins anew. Both of a task's and kept ones. */
START_TEST(used_twice_in_one_call)
{
	static struct answer answer;
	uint64_t session, id;
	struct sim *sim = world(&session, &id, &answer);
	char to[FLOW_PATH_BYTES];
	struct sim_created created = { 0 };

	if (begin_variant(_i))
		keep(sim, &answer);
	ck_assert_int_eq(use_two(sim, session, &answer, &created), 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(
			fake_engine_find(sim->engine, created.ids[i])->resume_offset_bytes,
			i ? 0 : 60);
		ck_assert(fake_engine_find(sim->engine, created.ids[i])->is_resumed_by_client);
	}
	flow_attempt_spool_path(sim->flow, created.ids[0], FLOW_FILE_PART, to);
	ck_assert_int_eq(access(to, F_OK), 0);
	flow_attempt_spool_path(sim->flow, created.ids[1], FLOW_FILE_PART, to);
	ck_assert_int_ne(access(to, F_OK), 0);
	sim_free(sim);
}
END_TEST

/* What could not be saved has used nothing. */
START_TEST(used_in_vain)
{
	static struct answer answer;
	uint64_t session, id;
	struct sim *sim = world(&session, &id, &answer);
	struct sim_created created = { 0 };

	if (begin_variant(_i))
		keep(sim, &answer);
	sim->is_commit_failing = true;
	ck_assert_int_ne(use_two(sim, session, &answer, &created), 0);
	ck_assert_uint_eq(created.n, 0);
	sim->is_commit_failing = false;
	sim_pass(sim, FLOW_RETRY_US);
	id = use(sim, session, &answer);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 60);
	sim_free(sim);
}
END_TEST

/* The bytes of a download of the queue go to a task in memory. */
START_TEST(bytes_of_the_queue_are_adopted)
{
	static struct answer answer;
	uint64_t session, id;
	struct sim *sim = world(&session, &id, &answer);
	char from[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];

	snprintf(to, sizeof(to), "%s/2.live", sim->spool_dir);
	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, from);
	ck_assert_int_eq(adopt(sim, &answer, "app", to), 0);
	sim_settle(sim);
	ck_assert(!fake_engine_has_file(sim->engine, from));
	ck_assert_int_eq(adopt(sim, &answer, "app", to), FLOW_E_NO_RESUME_DATA);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-resume", TEST_LOOP(kept_bytes_are_used_once, 4),
	TEST(bytes_of_the_queue_are_adopted), TEST(made_and_used), TEST(used_twice),
	TEST_LOOP(used_twice_in_one_call, 4), TEST_LOOP(used_in_vain, 4),
	TEST_EACH(of_another_url, urls), TEST_LOOP(bytes_are_gone, 2), TEST(part_vanished),
	TEST(damaged), TEST(none), TEST(commit_fails))
