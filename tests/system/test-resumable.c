/* SPDX-License-Identifier: MIT */
/*
 * BT-24: an upload that is broken goes on where the server is, whatever broke it, and the
 * application hears nothing of it.
 */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SEED 21
#define SIZE (8 << 20)

static struct rig rig;
static struct app *app;

static transfer_task *begin(const char *target, enum transfer_upload_copy copy)
{
	transfer_request *request;
	transfer_task *task;
	char *path;

	rig_new(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, SEED, SIZE), 0);
	app = app_open(&rig, NULL);
	request = app_request(app, target);
	transfer_request_set_method(request, "PUT");
	transfer_request_set_upload_copy(request, copy);
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	free(path);
	return task;
}

static void end(void)
{
	app_close(app);
	rig_done(&rig);
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
	ck_assert_str_eq(upload.sha256, want);
}

static void copy_file(const char *name, const char *to)
{
	char *path = tmpdir_path("state/transferd/%s", name);
	FILE *in = fopen(path, "r"), *out = fopen(to, "w");
	char bytes[4096];
	size_t n;

	ck_assert_ptr_nonnull(out);
	while (in && (n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
	if (in)
		fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	free(path);
}

/* Of a copy: the daemon has the database for itself. The WAL second, what it has is at least as new. */
static bool is_resource_saved(void)
{
	char *path = tmpdir_path("copy.db"), *wal = tmpdir_path("copy.db-wal");
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	bool is_saved;

	copy_file("queue.db", path);
	copy_file("queue.db-wal", wal);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	is_saved = !sqlite3_prepare_v2(db, "SELECT 1 FROM outcome WHERE upload_url IS NOT NULL", -1,
			   &stmt, NULL) &&
		sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_finalize(stmt);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	free(path);
	free(wal);
	return is_saved;
}

/* The 104 was committed: nothing that is told shows it, bytes may go out long before it is read. */
static void wait_for_resource(void)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	while (!is_resource_saved()) {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "the upload resource is not saved");
		poll(NULL, 0, 10);
	}
}

/* The events of an upload that was never broken. */
static void check_told(transfer_task *task, int status)
{
	int64_t total = 0, expected = 0;
	long long n = -1;
	int end_of_text = 0;

	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), status);
	if (status == 204)
		ck_assert_str_eq(APP_EVENTS(app, task), "done:0");
	else
		ck_assert_msg(sscanf(APP_EVENTS(app, task), "data:%lld done:0%n", &n,
				      &end_of_text) == 1 &&
				end_of_text,
			"events: '%s'", APP_EVENTS(app, task));
	if (app_progress(app, transfer_task_get_id(task), &total, &expected)) {
		ck_assert_int_eq(total, SIZE);
		ck_assert_int_eq(expected, SIZE);
	}
}

static const struct {
	const char *target, *requests;
	enum transfer_upload_copy copy;
	unsigned n_resource;
	int status;
} cases[] = {
	{ "/store/a?resumable", "PUT", TRANSFER_UPLOAD_COPY_SNAPSHOT, 1, 201 },
	{ "/store/a?resumable&cut_at=3M", "PUT HEAD PATCH", TRANSFER_UPLOAD_COPY_SNAPSHOT, 1, 201 },
	{ "/store/a?resumable&cut_at=3M&drop=rst", "PUT HEAD PATCH", TRANSFER_UPLOAD_COPY_NONE, 1,
		201 },
	{ "/store/a?resumable&cut_at=3M&cut_at=5M", "PUT HEAD PATCH HEAD PATCH",
		TRANSFER_UPLOAD_COPY_NONE, 1, 201 },
	{ "/store/a?resumable&cut_at=3M&max_append=3M", "PUT HEAD PATCH PATCH",
		TRANSFER_UPLOAD_COPY_SNAPSHOT, 1, 201 },
	/* the answer is an answer, whatever it says */
	{ "/store/a?resumable&cut_at=3M&answer=403", "PUT HEAD PATCH",
		TRANSFER_UPLOAD_COPY_SNAPSHOT, 1, 403 },
	/* it was lost on the way: all is there, nothing is sent again */
	{ "/store/a?resumable&lose_answer=1", "PUT HEAD", TRANSFER_UPLOAD_COPY_SNAPSHOT, 1, 204 },
	/* the server has lost the upload, lies about it, or means another protocol: from 0 */
	{ "/store/a?resumable&cut_at=3M&head_status=404", "PUT HEAD PUT",
		TRANSFER_UPLOAD_COPY_SNAPSHOT, 2, 201 },
	{ "/store/a?resumable&cut_at=3M&head_offset=none", "PUT HEAD PUT",
		TRANSFER_UPLOAD_COPY_SNAPSHOT, 2, 201 },
	{ "/store/a?resumable&cut_at=3M&head_offset=5M", "PUT HEAD PUT",
		TRANSFER_UPLOAD_COPY_SNAPSHOT, 2, 201 },
	{ "/store/a?resumable=3&cut_at=3M", "PUT PUT", TRANSFER_UPLOAD_COPY_SNAPSHOT, 2, 201 },
};

START_TEST(goes_on_silently)
{
	transfer_task *task = begin(cases[_i].target, cases[_i].copy);

	check_told(task, cases[_i].status);
	check_requests(cases[_i].requests);
	check_upload(cases[_i].n_resource);
	end();
}
END_TEST

/* What the server claims cannot be: an error, and the resource is given back. */
START_TEST(refuses_an_offset_beyond_the_end)
{
	transfer_task *task = begin(
		"/store/a?resumable&cut_at=3M&head_offset=8388609", TRANSFER_UPLOAD_COPY_SNAPSHOT);

	app_check_failed(app, task, TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	check_requests("PUT HEAD DELETE");
	end();
}
END_TEST

/* The place to go on at outlives the daemon, and so does what the server acknowledged. */
START_TEST(goes_on_after_the_daemons_death)
{
	transfer_task *task = begin(
		"/store/a?resumable&gate=g&gate_after=2M&cut_at=6M", TRANSFER_UPLOAD_COPY_SNAPSHOT);
	struct origin_entry entry;
	unsigned long long from = 0;
	char value[64];

	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 2 << 20, RIG_DEADLINE_MS), 0);
	wait_for_resource();
	rig_restart_daemon(&rig);
	/* the death that follows comes with the rest under way */
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/resource/1", 2, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/resource/1", 2, RIG_DEADLINE_MS), 0);
	rig_restart_daemon(&rig);
	check_told(task, 201);
	check_requests("PUT HEAD PATCH HEAD PATCH");
	check_upload(1);
	ck_assert_int_eq(origin_log_get(rig.origin, 5, &entry), 0);
	ck_assert(origin_entry_header(&entry, "Upload-Offset", value, sizeof(value)));
	ck_assert_int_eq(sscanf(value, "%llu", &from), 1);
	ck_assert_uint_eq(from, 6 << 20);
	end();
}
END_TEST

/* BT-25: the daemon dies behind the answer to the rest; nothing is sent again */
START_TEST(is_not_sent_again_after_the_answer)
{
	transfer_task *task = begin("/store/a?resumable&cut_at=3M", TRANSFER_UPLOAD_COPY_SNAPSHOT);

	ck_assert_int_eq(origin_wait_ended(rig.origin, "/resource/1", 2, RIG_DEADLINE_MS), 0);
	rig_restart_daemon(&rig);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/store/a"), 1);
	check_upload(1);
	end();
}
END_TEST

/* BT-82: suspended in the middle, it is not sent from the start again */
START_TEST(goes_on_after_a_suspension)
{
	transfer_task *task = begin(
		"/store/a?resumable&gate=g&gate_after=2M", TRANSFER_UPLOAD_COPY_SNAPSHOT);

	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 2 << 20, RIG_DEADLINE_MS), 0);
	wait_for_resource();
	transfer_task_suspend(task);
	app_flush(app);
	transfer_task_resume(task);
	app_flush(app);
	/* what is still in the sockets of the first request is nobody's then */
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/resource/1", 2, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	check_told(task, 201);
	check_requests("PUT HEAD PATCH");
	check_upload(1);
	end();
}
END_TEST

/* Cancelled: what the server has is given back to it. */
START_TEST(is_given_back_when_it_is_cancelled)
{
	transfer_task *task = begin(
		"/store/a?resumable&gate=g&gate_after=2M", TRANSFER_UPLOAD_COPY_SNAPSHOT);
	struct origin_upload upload;

	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 2 << 20, RIG_DEADLINE_MS), 0);
	wait_for_resource();
	transfer_task_cancel(task);
	app_check_failed(app, task, TRANSFER_ERROR_CANCELLED);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/resource/1", 1, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	check_requests("PUT DELETE");
	ck_assert_int_eq(origin_upload_get(rig.origin, 1, &upload), 0);
	ck_assert(upload.is_deleted);
	end();
}
END_TEST

/* F-20 over the break: what was begun with one file is not ended with another */
START_TEST(does_not_mix_two_files)
{
	transfer_task *task = begin(
		"/store/a?resumable&gate=g&gate_after=2M&cut_at=3M", TRANSFER_UPLOAD_COPY_NONE);
	struct origin_upload upload;
	char *path = tmpdir_path("source"), *other = tmpdir_path("other");

	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 2 << 20, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(origin_bytes_write(other, SEED + 1, SIZE), 0);
	ck_assert_int_eq(rename(other, path), 0);
	origin_release(rig.origin, "g");
	app_check_failed(app, task, TRANSFER_ERROR_SOURCE_CHANGED);
	ck_assert_int_eq(origin_upload_get(rig.origin, 1, &upload), 0);
	ck_assert(!upload.is_complete);
	free(other);
	free(path);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/resumable", 60, TEST_EACH(goes_on_silently, cases),
	TEST(refuses_an_offset_beyond_the_end), TEST(goes_on_after_the_daemons_death),
	TEST(is_not_sent_again_after_the_answer), TEST(goes_on_after_a_suspension),
	TEST(is_given_back_when_it_is_cancelled), TEST(does_not_mix_two_files))
