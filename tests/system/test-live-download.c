/* SPDX-License-Identifier: MIT */
/* Downloads of sessions that live in memory: the file, its life, and going on from resume data. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static struct live_app *app;

static void begin_with(const struct live_app_config *config)
{
	rig_new(&rig);
	app = live_open(&rig, config);
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static void check_file(const transfer_task *task, uint64_t seed, uint64_t size_bytes)
{
	int r;

	ck_assert_ptr_nonnull(live_file(app, task));
	r = origin_bytes_check(live_file(app, task), seed, size_bytes);
	ck_assert_msg(!r, "%s: %s", live_file(app, task), strerror(-r));
}

/* SW-19..22, GS-01, GS-02, GS-03 */
static const struct {
	const char *target;
	uint64_t size_bytes;
} stories[] = {
	{ "/file?size=1000&seed=3", 1000 },
	{ "/file?size=0&seed=3", 0 },
	{ "/file?size=3000000&seed=3", 3000000 },
	{ "/file?size=100000&seed=3&chunked", 100000 },
};

static void check_story(const char *target, uint64_t size_bytes)
{
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_task *task, *handled;

	task = live_download(app, live_request(app, NULL, target));
	handled = live_handled_download(app, live_request(app, NULL, target));
	live_check(app, task, "created file done:0");
	check_file(task, 3, size_bytes);
	live_check(app, handled, "created file handler:0:200:0");
	check_file(handled, 3, size_bytes);
	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_eq(progress.received_bytes, (int64_t)size_bytes);
	if (size_bytes)
		live_wait_event(app, task, "wrote", 1);
	ck_assert_int_eq(live_status(task), 200);
}

START_TEST(tells_the_story)
{
	begin_with(NULL);
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++)
		check_story(stories[i].target, stories[i].size_bytes);
	end();
}
END_TEST

START_TEST(ipv6)
{
	transfer_task *task;

	rig_new(&rig);
	app = live_open(&rig, &(struct live_app_config){ .base = origin_base6(rig.origin) });
	task = live_download(app, live_request(app, NULL, "/file?size=1000&seed=3"));
	live_check(app, task, "created file done:0");
	check_file(task, 3, 1000);
	end();
}
END_TEST

/* an answer is a file, whatever it says; a coded one is decoded (SW-26) */
static const struct {
	const char *target;
	int status;
	uint64_t size_bytes;
} odd[] = {
	{ "/404/withoutauth", 404, 0 },
	{ "/gzipped-response", 200, 12 },
	{ "/brotli-response", 200, 12 },
	{ "/tmpRedirectToOK", 200, 12 },
};

START_TEST(a_coded_file_is_decoded)
{
	transfer_task *task;
	char *text;

	begin_with(NULL);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		task = live_download(app, live_request(app, NULL, odd[i].target));
		live_check(app, task, "created file done:0");
		ck_assert_int_eq(live_status(task), odd[i].status);
		text = tmpdir_read(live_file(app, task));
		ck_assert_ptr_nonnull(text);
		if (odd[i].size_bytes)
			ck_assert_str_eq(text, "Hello World!");
		free(text);
	}
	end();
}
END_TEST

/* the file is there while it is told of, and gone behind */
static struct {
	char path[512];
	bool was_there;
} seen;

static void look_at_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)response;
	(void)userdata;
	ck_assert_ptr_null(error);
	snprintf(seen.path, sizeof(seen.path), "%s", path);
	seen.was_there = fd >= 0 && !access(path, R_OK);
}

static bool is_gone(const char *path, void *user)
{
	(void)user;
	return access(path, F_OK) != 0;
}

START_TEST(the_file_lives_as_long_as_the_callback)
{
	transfer_request *request;
	transfer_task *task;

	memset(&seen, 0, sizeof(seen));
	begin_with(NULL);
	request = live_request(app, NULL, "/file?size=1000");
	task = live_keep(app,
		transfer_session_download_task(live_session(app), request, look_at_file, NULL));
	transfer_request_unref(request);
	transfer_task_resume(task);
	/* the session's callbacks are one after the other: what follows is told behind it */
	ck_assert_int_eq(transfer_task_wait(task, RIG_DEADLINE_MS, NULL), 0);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	ck_assert(seen.was_there);
	/* transferd removes it when it hears that the callback has returned */
	ck_assert_int_eq(proc_wait_file(seen.path, is_gone, NULL, RIG_DEADLINE_MS), 0);
	end();
}
END_TEST

START_TEST(goes_to_its_destination)
{
	transfer_request *request;
	transfer_task *task;
	char *path;

	/* without a delegate nobody takes it away */
	begin_with(&(struct live_app_config){ .no_delegate = true });
	path = tmpdir_path("out/wanted");
	request = live_request(app, NULL, "/file?size=1000&seed=3");
	transfer_request_set_destination(request, path, false);
	task = live_keep(
		app, transfer_session_download_task(live_session(app), request, NULL, NULL));
	transfer_request_unref(request);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, RIG_DEADLINE_MS, NULL), 0);
	ck_assert_int_eq(origin_bytes_check(path, 3, 1000), 0);
	ck_assert_ptr_null(transfer_task_copy_error(task));
	free(path);
	end();
}
END_TEST

/* ---- resume data ---- */

static transfer_data *produced;
static bool has_produced;

static void on_produced(const transfer_data *resume_data, void *userdata)
{
	(void)userdata;
	produced = resume_data ? transfer_data_ref((transfer_data *)(uintptr_t)resume_data) : NULL;
	__atomic_store_n(&has_produced, true, __ATOMIC_RELEASE);
}

/* stops a download of which this much has come */
static void stop_task_at(transfer_task *task, uint64_t offset_bytes, const char *want)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	struct transfer_progress progress = { .size = sizeof(progress) };

	produced = NULL;
	has_produced = false;
	do {
		live_wait_event(app, task, "wrote", 1);
		transfer_task_get_progress(task, &progress);
		ck_assert_msg(proc_left_ms(until_ms) > 0, "never got so far");
	} while (progress.received_bytes < (int64_t)offset_bytes);
	transfer_task_cancel_by_producing_resume_data(task, on_produced, NULL);
	live_check(app, task, want);
	ck_assert(__atomic_load_n(&has_produced, __ATOMIC_ACQUIRE));
}

static void stop_at(const char *target, uint64_t offset_bytes)
{
	stop_task_at(live_download(app, live_request(app, NULL, target)), offset_bytes,
		"created done:-999");
}

static transfer_task *go_on(void)
{
	transfer_task *task = live_keep(app,
		transfer_session_download_task_resume(live_session(app), produced, NULL, NULL));

	transfer_task_resume(task);
	return task;
}

static const struct {
	const char *target; /* stands still at 300000 of 1000000 bytes, the first time */
	const char *want; /* what the one that goes on is told; NULL: there is no resume data */
	bool is_changed;
} resumes[] = {
	{ "/file?key=k&size=1000000&seed=3&only=1&gate=g&gate_after=300000",
		"created resumed:300000 file done:0", false },
	{ "/file?key=k&size=1000000&seed=3&changed_after=1&only=1&gate=g&gate_after=300000",
		"created resumed:0 file done:0", true },
	{ "/file?key=k&size=1000000&seed=3&noranges&only=1&gate=g&gate_after=300000", NULL, false },
	{ "/file?key=k&size=1000000&seed=3&etag=none&only=1&gate=g&gate_after=300000", NULL,
		false },
};

START_TEST(goes_on_from_resume_data)
{
	transfer_task *task;

	begin_with(NULL);
	stop_at(resumes[_i].target, 300000);
	if (!resumes[_i].want) {
		ck_assert_ptr_null(produced);
		end();
		return;
	}
	ck_assert_ptr_nonnull(produced);
	task = go_on();
	live_check(app, task, resumes[_i].want);
	check_file(task, resumes[_i].is_changed ? origin_changed_seed(3) : 3, 1000000);
	/* it is used up */
	task = go_on();
	ck_assert_int_ne(live_wait(app, task), 0);
	transfer_data_unref(produced);
	end();
}
END_TEST

/* resume data of what itself went on from resume data */
START_TEST(goes_on_twice)
{
	transfer_data *first;
	transfer_task *task;

	begin_with(NULL);
	stop_at("/file?size=1000000&seed=3&gate=g&gate_after=300000", 300000);
	first = produced;
	ck_assert_ptr_nonnull(first);
	stop_task_at(go_on(), 600000, "created resumed:300000 done:-999");
	ck_assert_ptr_nonnull(produced);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	task = go_on();
	live_check(app, task, "created resumed:600000 file done:0");
	check_file(task, 3, 1000000);
	transfer_data_unref(produced);
	/* the first is used up */
	produced = first;
	ck_assert_int_ne(live_wait(app, go_on()), 0);
	transfer_data_unref(first);
	end();
}
END_TEST

/* what one kind of session left, another kind goes on with, over the bytes that are there */
START_TEST(goes_on_in_another_kind_of_session)
{
	struct app *background;
	transfer_task *task;
	long long offset, total;

	begin_with(NULL);
	background = app_open(&rig, NULL);
	stop_at("/file?key=a&size=1000000&seed=3&only=1&gate=g&gate_after=300000", 300000);
	ck_assert_ptr_nonnull(produced);
	task = transfer_session_download_task_resume(app_session(background), produced, NULL, NULL);
	transfer_task_resume(task);
	app_flush(background);
	app_check_download(background, task, NULL, 3, 1000000);
	ck_assert_int_eq(sscanf(APP_EVENTS(background, task), "resume:%lld:%lld file done:0",
				 &offset, &total),
		2);
	ck_assert_int_eq(offset, 300000);
	transfer_task_unref(task);
	transfer_data_unref(produced);

	task = app_download(
		background, "/file?key=b&size=1000000&seed=4&only=1&gate=h&gate_after=300000");
	app_wait_bytes(background, task, 300000);
	has_produced = false;
	transfer_task_cancel_by_producing_resume_data(task, on_produced, NULL);
	ck_assert_int_eq(app_wait(background, task), TRANSFER_ERROR_CANCELLED);
	app_settle(background);
	ck_assert(__atomic_load_n(&has_produced, __ATOMIC_ACQUIRE));
	ck_assert_ptr_nonnull(produced);
	task = go_on();
	live_check(app, task, "created resumed:300000 file done:0");
	check_file(task, 4, 1000000);
	transfer_data_unref(produced);
	app_close(background);
	end();
}
END_TEST

/* SW-27 */
START_TEST(refuses_damaged_resume_data)
{
	transfer_task *task;
	char want[32];

	begin_with(NULL);
	produced = transfer_data_new_copy("not resume data", _i ? 15 : 0);
	task = go_on();
	snprintf(want, sizeof(want), "created done:%d",
		_i ? -3003 : TRANSFER_BUS_ERROR_NO_RESUME_DATA);
	live_wait(app, task);
	ck_assert_str_eq(live_events(app, task), want);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	transfer_data_unref(produced);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-download", 60, TEST(tells_the_story), TEST(ipv6),
	TEST(a_coded_file_is_decoded), TEST(the_file_lives_as_long_as_the_callback),
	TEST(goes_to_its_destination), TEST_EACH(goes_on_from_resume_data, resumes),
	TEST(goes_on_twice), TEST(goes_on_in_another_kind_of_session),
	TEST_LOOP(refuses_damaged_resume_data, 2))
