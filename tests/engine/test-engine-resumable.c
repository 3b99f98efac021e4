/* SPDX-License-Identifier: MIT */
/* Resumable uploads against an origin that really keeps what has arrived. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define SEED 3
#define SIZE 8000000

static struct rig rig;
static struct engine_spec spec;

static void begin(const char *target)
{
	const char *path;

	rig_start(&rig, NULL, NULL);
	path = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(path, SEED, SIZE), 0);
	spec = rig_upload(&rig, 1, target, path);
	spec.is_resumable = true;
}

/* One that stands at the gate "g" with a part of the file at the server, and a resource that it has named. */
#define HALF "/upload?resumable&gate=g&gate_after=2000000"
static void begin_half(const char *target)
{
	begin(target);
	rig_begin(&rig, 1, &spec);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/upload", 1, 2000000, 5000), 0);
	while (!rig.tasks[1].upload_url[0])
		ck_assert(rig_turn(&rig, 5000));
}

/* What the caller would do: the next attempt gets what the checkpoints said. */
static struct rig_task *again(void)
{
	static char url[1024];
	const struct rig_task *t = &rig.tasks[1];

	snprintf(url, sizeof(url), "%s", t->upload_url);
	spec.upload_url = url[0] ? url : NULL;
	spec.upload_offset_bytes = t->checkpoint_bytes;
	rig_forget(&rig, 1);
	rig.tasks[1].checkpoint_bytes = spec.upload_offset_bytes;
	snprintf(rig.tasks[1].upload_url, sizeof(rig.tasks[1].upload_url), "%s", url);
	return rig_run(&rig, 1, &spec);
}

static void check_requests(const char *want)
{
	char got[512];

	origin_log_methods(rig.origin, got, sizeof(got));
	ck_assert_str_eq(got, want);
}

static void check_upload(unsigned n)
{
	struct origin_upload upload;
	char want[65];

	ck_assert_int_eq(origin_upload_get(rig.origin, n, &upload), 0);
	origin_bytes_sha256(SEED, SIZE, want);
	ck_assert(upload.is_complete);
	ck_assert_uint_eq(upload.offset_bytes, SIZE);
	ck_assert_str_eq(upload.sha256, want);
}

static void check_done(const struct rig_task *t, unsigned status)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_uint_eq(t->status, status);
	ck_assert_uint_eq(t->done.sent_bytes, SIZE);
	ck_assert_str_eq(t->url, spec.url);
	ck_assert_str_eq(t->upload_url, "");
}

START_TEST(an_unbroken_one_is_one_request)
{
	struct origin_entry entry;
	struct rig_task *t;
	char value[64];

	begin("/upload?resumable&progress104=100000");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRD");
	check_done(t, 201);
	check_requests("PUT");
	check_upload(1);
	ck_assert_int_eq(origin_log_get(rig.origin, 1, &entry), 0);
	ck_assert(
		origin_entry_header(&entry, "Upload-Draft-Interop-Version", value, sizeof(value)));
	ck_assert_str_eq(value, "8");
	ck_assert(origin_entry_header(&entry, "Upload-Complete", value, sizeof(value)));
	ck_assert_str_eq(value, "?1");
	ck_assert(origin_entry_header(&entry, "Upload-Length", value, sizeof(value)));
	ck_assert_str_eq(value, "8000000");
	rig_stop(&rig);
}
END_TEST

/* Broken, and broken again: each attempt goes on where the server is. */
START_TEST(goes_on_where_it_broke)
{
	struct rig_task *t;
	struct origin_entry entry;
	char value[64];

	begin("/upload?resumable&cut_at=3000000&cut_at=5000000");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cD");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert(t->done.is_retryable);
	ck_assert_ptr_nonnull(strstr(t->upload_url, "/resource/1"));
	t = again();
	ck_assert_str_eq(t->order, "cD");
	ck_assert(t->done.is_retryable);
	ck_assert_uint_eq(t->checkpoint_bytes, 3000000);
	ck_assert_uint_ge(t->done.sent_bytes, 5000000);
	t = again();
	ck_assert_str_eq(t->order, "cRD");
	check_done(t, 201);
	check_requests("PUT HEAD PATCH HEAD PATCH");
	check_upload(1);
	ck_assert_int_eq(origin_log_get(rig.origin, 5, &entry), 0);
	ck_assert_uint_eq(entry.body_received_bytes, SIZE - 5000000);
	ck_assert(origin_entry_header(&entry, "Upload-Offset", value, sizeof(value)));
	ck_assert_str_eq(value, "5000000");
	ck_assert(origin_entry_header(&entry, "Upload-Complete", value, sizeof(value)));
	ck_assert_str_eq(value, "?1");
	ck_assert(origin_entry_header(&entry, "Content-Type", value, sizeof(value)));
	ck_assert_str_eq(value, "application/partial-upload");
	rig_stop(&rig);
}
END_TEST

/* One break, then what a server may do; the upload arrives whole in any case. */
static const struct {
	const char *knobs, *requests;
	unsigned n_resource, n_attempts, status;
} fates[] = {
	{ "cut_at=3000000&progress104=500000", "PUT HEAD PATCH", 1, 2, 201 },
	{ "cut_at=3000000&max_append=2000000", "PUT HEAD PATCH PATCH PATCH", 1, 2, 201 },
	{ "cut_at=3000000&drop=rst", "PUT HEAD PATCH", 1, 2, 201 },
	{ "cut_at=3000000&answer=500", "PUT HEAD PATCH", 1, 2, 500 },
	/* all bytes are there, or the answer was lost */
	{ "cut_at=8000000", "PUT HEAD PATCH", 1, 2, 201 },
	{ "lose_answer=1", "PUT HEAD", 1, 2, 204 },
	{ "cut_at=3000000&quiet", "PUT HEAD PATCH HEAD", 1, 2, 204 },
	/* the server is busy */
	{ "cut_at=3000000&head_status=503&head_times=1", "PUT HEAD HEAD PATCH", 1, 3, 201 },
	{ "cut_at=3000000&patch_status=500&patch_times=1", "PUT HEAD PATCH HEAD PATCH", 1, 3, 201 },
	/* another offset in between */
	{ "cut_at=3000000&head_offset=2500000&head_times=1", "PUT HEAD PATCH PATCH", 1, 2, 201 },
	{ "cut_at=3000000&head_offset=5000000", "PUT HEAD PATCH PUT", 2, 2, 201 },
	{ "cut_at=3000000&cut_at=5000000&head_offset=2000000", "PUT HEAD PATCH PATCH HEAD PUT", 2,
		3, 201 },
	/* it has lost everything: from 0, once */
	{ "cut_at=3000000&head_status=404", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&head_status=405", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&head_status=410", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&head_offset=none", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&head_offset=x", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&head_length=5", "PUT HEAD PUT", 2, 2, 201 },
	{ "cut_at=3000000&patch_status=404&patch_times=1", "PUT HEAD PATCH PUT", 2, 2, 201 },
	/* no such thing: from 0 */
	{ "cut_at=3000000&no_location", "PUT PUT", 2, 2, 201 },
	{ "cut_at=3000000&resumable=7", "PUT PUT", 2, 2, 201 },
};

START_TEST(arrives_whole_whatever_happens)
{
	unsigned n_attempts = 1;
	struct rig_task *t;
	char target[256];

	snprintf(target, sizeof(target), "/upload?%s&resumable", fates[_i].knobs);
	begin(target);
	t = rig_run(&rig, 1, &spec);
	for (; t->done.result.code && n_attempts < fates[_i].n_attempts; n_attempts++) {
		ck_assert(t->done.is_retryable);
		t = again();
	}
	check_requests(fates[_i].requests);
	check_done(t, fates[_i].status);
	check_upload(fates[_i].n_resource);
	ck_assert_uint_eq(n_attempts, fates[_i].n_attempts);
	rig_stop(&rig);
}
END_TEST

/* A server that knows nothing of all this gets the whole again, and so does one that is not asked. */
static const struct {
	const char *target;
	bool is_resumable;
	const char *header; /* the caller's own */
	bool want_asked;
} plain[] = {
	{ "/upload?drop_after=3000000&drop_times=1", true, NULL, true },
	{ "/upload?drop_after=3000000&drop_times=1&resumable", false, NULL, false },
	{ "/upload?drop_after=3000000&drop_times=1", true, "Upload-Offset", false },
	{ "/upload?drop_after=3000000&drop_times=1", true, "Tus-Resumable", false },
};

START_TEST(starts_over_without)
{
	const struct engine_header header = { plain[_i].header, "1.0.0" };
	struct origin_entry entry;
	struct rig_task *t;
	char value[64], want[65];

	begin(plain[_i].target);
	spec.is_resumable = plain[_i].is_resumable;
	spec.headers = &header;
	spec.n_headers = plain[_i].header ? 1 : 0;
	t = rig_run(&rig, 1, &spec);
	ck_assert(t->done.is_retryable);
	ck_assert_str_eq(t->upload_url, "");
	t = again();
	check_done(t, 200);
	check_requests("PUT PUT");
	ck_assert_int_eq(origin_log_get(rig.origin, 2, &entry), 0);
	origin_bytes_sha256(SEED, SIZE, want);
	ck_assert_str_eq(entry.body_sha256, want);
	ck_assert_int_eq(
		origin_entry_header(&entry, "Upload-Draft-Interop-Version", value, sizeof(value)),
		plain[_i].want_asked);
	rig_stop(&rig);
}
END_TEST

START_TEST(more_than_there_is_cannot_be_completed)
{
	struct origin_upload upload;
	struct rig_task *t;

	begin("/upload?resumable&cut_at=3000000&head_offset=8000001");
	t = rig_run(&rig, 1, &spec);
	t = again();
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert(!t->done.is_retryable);
	ck_assert_str_eq(t->upload_url, "");
	check_requests("PUT HEAD DELETE");
	ck_assert_int_eq(origin_upload_get(rig.origin, 1, &upload), 0);
	ck_assert(upload.is_deleted);
	rig_stop(&rig);
}
END_TEST

/* A server that always loses it does not keep one attempt busy for ever. */
START_TEST(starts_over_once_in_an_attempt)
{
	struct rig_task *t;

	begin("/upload?resumable&cut_at=3000000&cut_all&head_status=404");
	t = rig_run(&rig, 1, &spec);
	for (unsigned i = 0; i < 3; i++) {
		t = again();
		ck_assert(t->done.is_retryable);
	}
	check_requests("PUT HEAD PUT HEAD PUT HEAD PUT");
	rig_stop(&rig);
}
END_TEST

START_TEST(does_not_go_round_for_ever)
{
	struct rig_task *t;

	begin("/upload?resumable&cut_at=3000000&patch_status=409&head_offset=3000000");
	t = rig_run(&rig, 1, &spec);
	t = again();
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert(t->done.is_retryable);
	ck_assert_uint_le(origin_log_last(rig.origin), 12);
	ck_assert_ptr_nonnull(strstr(t->upload_url, "/resource/1"));
	rig_stop(&rig);
}
END_TEST

/* The file of the second attempt must be that of the first. */
START_TEST(a_changed_source_is_not_appended)
{
	struct rig_task *t;

	begin("/upload?resumable&cut_at=3000000");
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(origin_bytes_write(spec.source_path, SEED + 1, SIZE), 0);
	t = again();
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_SOURCE_CHANGED);
	check_requests("PUT");
	rig_stop(&rig);
}
END_TEST

/* What is the caller's goes to its origin only; what describes the whole body goes nowhere. */
static const struct {
	bool is_elsewhere;
} places[] = { { false }, { true } };

START_TEST(keeps_secrets_at_home)
{
	const struct engine_header headers[] = { { "Authorization", "Bearer x" },
		{ "Cookie", "a=b" }, { "Content-Type", "text/plain" }, { "If-Match", "*" } };
	bool is_elsewhere = places[_i].is_elsewhere;
	struct origin *other, *at;
	struct origin_entry entry;
	struct rig_task *t;
	char target[256], value[64];

	ck_assert_int_eq(origin_new(NULL, &other), 0);
	snprintf(target, sizeof(target), "/upload?resumable&cut_at=3000000%s%s%s",
		is_elsewhere ? "&location=" : "", is_elsewhere ? origin_base(other) : "",
		is_elsewhere ? "/resource/1" : "");
	begin(target);
	spec.headers = headers;
	spec.n_headers = sizeof(headers) / sizeof(headers[0]);
	t = rig_run(&rig, 1, &spec);
	ck_assert(t->done.is_retryable);
	t = again();
	check_done(t, 201);
	at = is_elsewhere ? other : rig.origin;
	ck_assert_int_eq(origin_log_find(at, "/resource/1", 1, &entry), 0);
	ck_assert_str_eq(entry.method, "HEAD");
	ck_assert_int_eq(
		origin_entry_header(&entry, "Authorization", value, sizeof(value)), !is_elsewhere);
	ck_assert_int_eq(
		origin_entry_header(&entry, "Cookie", value, sizeof(value)), !is_elsewhere);
	ck_assert(!origin_entry_header(&entry, "Content-Type", value, sizeof(value)));
	ck_assert(!origin_entry_header(&entry, "If-Match", value, sizeof(value)));
	rig_stop(&rig);
	origin_free(other);
}
END_TEST

/* What was answered to a challenge goes to who asked only, also when the upload is given back. */
START_TEST(keeps_answers_at_home)
{
	static const struct engine_credential credential = { "user", "passwd" };
	bool is_elsewhere = places[_i].is_elsewhere;
	struct origin_entry entry;
	struct origin *other;
	char target[512], value[64];

	ck_assert_int_eq(origin_new(NULL, &other), 0);
	snprintf(target, sizeof(target),
		HALF
		"&auth=Basic%%20dXNlcjpwYXNzd2Q=&www=Basic%%20realm=%%22a%%22&auth_early%s%s%s",
		is_elsewhere ? "&location=" : "", is_elsewhere ? origin_base(other) : "",
		is_elsewhere ? "/resource/1" : "");
	begin(target);
	spec.live.is_live = true;
	spec.live.source = ENGINE_SOURCE_FILE;
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.asks = ENGINE_ASK_CHALLENGE;
	rig_begin(&rig, 1, &spec);
	rig_wait(&rig, 1, ENGINE_EVENT_ASK_CHALLENGE, 1);
	ck_assert_int_eq(
		engine_answer_challenge(rig.engine, 1, 1, ENGINE_CHALLENGE_USE, &credential), 0);
	while (!rig.tasks[1].upload_url[0])
		ck_assert(rig_turn(&rig, 5000));
	engine_give_up(rig.engine, 1, 1);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(
		origin_wait_ended(is_elsewhere ? other : rig.origin, "/resource/1", 1, 5000), 0);
	ck_assert_int_eq(
		origin_log_find(is_elsewhere ? other : rig.origin, "/resource/1", 1, &entry), 0);
	ck_assert_str_eq(entry.method, "DELETE");
	ck_assert_int_eq(
		origin_entry_header(&entry, "Authorization", value, sizeof(value)), !is_elsewhere);
	rig_stop(&rig);
	origin_free(other);
}
END_TEST

/* A URL with a user: the same credentials for the resource, which cannot name any. */
START_TEST(takes_the_urls_credentials_along)
{
	struct origin_entry entry;
	struct rig_task *t;
	char url[256], value[64];

	begin("/upload?resumable&cut_at=3000000");
	snprintf(url, sizeof(url), "http://u:p@%s", spec.url + strlen("http://"));
	spec.url = url;
	t = rig_run(&rig, 1, &spec);
	t = again();
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(origin_log_get(rig.origin, i, &entry), 0);
		ck_assert(origin_entry_header(&entry, "Authorization", value, sizeof(value)));
		ck_assert_str_eq(value, "Basic dTpw");
	}
	rig_stop(&rig);
}
END_TEST

/* what a database may hold that is not ours */
static const char *const oddities[] = { "", "nonsense", "ftp://127.0.0.1/x", "http://[::1" };

START_TEST(odd_resources_are_left_alone)
{
	struct rig_task *t;

	begin("/upload?resumable");
	spec.upload_url = oddities[_i];
	spec.upload_offset_bytes = 77;
	t = rig_run(&rig, 1, &spec);
	check_done(t, 201);
	check_requests("PUT");
	rig_stop(&rig);
}
END_TEST

/* stopped on purpose and taken up again (BT-82) */
START_TEST(a_stopped_one_goes_on)
{
	struct rig_task *t;

	begin_half(HALF);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	origin_release(rig.origin, "g");
	t = again();
	/* what was on its way when it was stopped may have been the rest */
	if (t->status == 204) {
		check_requests("PUT HEAD");
	} else {
		check_done(t, 201);
		check_requests("PUT HEAD PATCH");
	}
	check_upload(1);
	rig_stop(&rig);
}
END_TEST

/* What is not gone on with is given back, and the answer to the stop does not wait for that. */
START_TEST(a_given_up_one_is_given_back)
{
	struct origin_upload upload;
	struct rig_task *t;
	char order[sizeof(rig.tasks[1].order)];

	begin_half(HALF);
	engine_give_up(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANCELLED);
	snprintf(order, sizeof(order), "%s", t->order);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/resource/1", 1, 5000), 0);
	origin_release(rig.origin, "g");
	check_requests("PUT DELETE");
	ck_assert_int_eq(origin_upload_get(rig.origin, 1, &upload), 0);
	ck_assert(upload.is_deleted);
	/* another one goes the usual way, and of the DELETE nothing was told */
	spec = rig_upload(&rig, 2, "/upload", rig_path(&rig, "source"));
	t = rig_run(&rig, 2, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_str_eq(rig.tasks[1].order, order);
	rig_stop(&rig);
}
END_TEST

/* A server cannot have something else deleted by sending the DELETE on. */
START_TEST(what_is_given_back_is_not_sent_on)
{
	struct rig_task *t;

	begin_half(HALF "&location=/resource/1?status=307%26redirect_to=/store/other");
	engine_give_up(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/resource/1", 1, 5000), 0);
	origin_release(rig.origin, "g");
	/* the next one goes over the same worker: what the redirect led to would be asked for before */
	spec = rig_upload(&rig, 2, "/upload", rig_path(&rig, "source"));
	t = rig_run(&rig, 2, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	check_requests("PUT DELETE PUT");
	rig_stop(&rig);
}
END_TEST

/* Before the server has named a resource there is nothing to be given back. */
START_TEST(nothing_is_given_back_of_a_plain_one)
{
	struct rig_task *t;

	begin("/upload?gate=g&gate_after=2000000");
	rig_begin(&rig, 1, &spec);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/upload", 1, 2000000, 5000), 0);
	engine_give_up(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	origin_release(rig.origin, "g");
	check_requests("PUT");
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/resumable", 40, TEST(an_unbroken_one_is_one_request),
	TEST(goes_on_where_it_broke), TEST_EACH(arrives_whole_whatever_happens, fates),
	TEST_EACH(starts_over_without, plain), TEST(more_than_there_is_cannot_be_completed),
	TEST(starts_over_once_in_an_attempt), TEST(does_not_go_round_for_ever),
	TEST(a_changed_source_is_not_appended), TEST_EACH(keeps_secrets_at_home, places),
	TEST_EACH(keeps_answers_at_home, places), TEST(takes_the_urls_credentials_along),
	TEST_EACH(odd_resources_are_left_alone, oddities), TEST(a_stopped_one_goes_on),
	TEST(a_given_up_one_is_given_back), TEST(what_is_given_back_is_not_sent_on),
	TEST(nothing_is_given_back_of_a_plain_one))
