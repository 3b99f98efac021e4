/* SPDX-License-Identifier: MIT */
/* What a delegate is told about a task, from the first call to the last: every call, in order, with its numbers. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SEED 31

static struct rig rig;

/* every call about every task; several in a row of one kind are one word */
static char story[1024];
static unsigned n_progress;

static void write_down(struct app *app, uint64_t id, const char *what, void *user)
{
	size_t used = strlen(story), size = strlen(what);

	(void)app;
	(void)user;
	if (!id)
		return;
	if (!strcmp(what, "progress"))
		n_progress++;
	if (used >= size && !strcmp(story + used - size, what))
		return;
	snprintf(story + used, sizeof(story) - used, "%s%s", used ? " " : "", what);
}

static const struct app_config listening = { .on_event = write_down };

/* GS-01, GS-02, GS-10, SW-19, SW-20, SW-65, SW-67, SW-78, SW-79, BT-22, BT-40, BT-44, BT-56, BT-61, BT-69 */
static const struct {
	const char *method; /* NULL: a download */
	const char *target;
	const char *want_story;
	int want_status;
	int64_t want_total; /* of the last progress; 0: there was none */
	int64_t want_expected;
	bool is_small; /* one progress, not more */
} stories[] = {
	{ NULL, "/contentOK", "progress file metrics done", 200, 12, 12, true },
	{ NULL, "/country.txt", "progress file metrics done", 200, 62, 62, true },
	{ NULL, "/tmpRedirectToOK", "progress file metrics done", 200, 12, 12, true },
	{ NULL, "/tmpRelativeRedirectToOK", "progress file metrics done", 200, 12, 12, true },
	{ NULL, "/file?size=0", "file metrics done", 200, 0, 0, true },
	{ NULL, "/file?size=20M", "progress file metrics done", 200, 20 << 20, 20 << 20, false },
	{ NULL, "/file?size=3M&chunked", "progress file metrics done", 200, 3 << 20, -1, false },
	{ NULL, "/Myndus", "progress file metrics done", 200, 45, -1, true },
	{ NULL, "/file?size=900K&drop_after=300K&drop_times=2", "progress file metrics done", 206,
		900 << 10, 900 << 10, false },
	{ NULL, "/304", "file metrics done", 304, 0, 0, true },
	{ NULL, "/unauthorized", "file metrics done", 401, 0, 0, true },
	{ NULL, "/auth/basic", "file metrics done", 401, 0, 0, true },
	{ NULL, "/file?status=204", "file metrics done", 204, 0, 0, true },
	/* cut behind a redirect: the way is gone again, and then on from there */
	{ NULL, "/file?redirect_to=%2Ffile%3Fsize%3D900K%26drop_after%3D300K%26drop_times%3D2",
		"progress file metrics done", 206, 900 << 10, 900 << 10, false },
	{ NULL, "/redirect/99", "metrics done", 0, 0, 0, true },
	{ "PUT", "/store/a?reply_size=9", "progress data metrics done", 201, 16384, 16384, true },
	{ "PUT", "/store/a?answer=204", "progress metrics done", 204, 16384, 16384, true },
	/* BT-24: broken and resumed, not a word of it */
	{ "PUT", "/store/a?resumable&cut_at=8000", "progress data metrics done", 201, 16384, 16384,
		false },
	/* it refuses before it has seen the body */
	{ "POST", "/auth/basic", "metrics done", 401, 0, 0, true },
};

static transfer_task *begin(struct app *app, unsigned i)
{
	char *path = tmpdir_path("source");
	transfer_task *task;

	ck_assert_int_eq(origin_bytes_write(path, SEED, 16384), 0);
	task = stories[i].method ? app_upload(app, stories[i].method, stories[i].target, path)
				 : app_download(app, stories[i].target);
	free(path);
	return task;
}

START_TEST(tells_the_whole_story)
{
	transfer_task *task;
	struct app *app;
	int64_t total = 0, expected = 0;
	bool has;

	rig_new(&rig);
	app = app_open(&rig, &listening);
	task = begin(app, (unsigned)_i);
	ck_assert_int_eq(app_wait(app, task),
		stories[_i].want_status ? 0 : TRANSFER_ERROR_TOO_MANY_REDIRECTS);
	app_settle(app);
	ck_assert_str_eq(story, stories[_i].want_story);
	ck_assert_int_eq(app_status(task), stories[_i].want_status);
	has = app_progress(app, transfer_task_get_id(task), &total, &expected);
	ck_assert_int_eq(has, stories[_i].want_total > 0);
	if (has) {
		ck_assert_int_eq(total, stories[_i].want_total);
		ck_assert_int_eq(expected, stories[_i].want_expected);
	}
	if (has && stories[_i].is_small)
		ck_assert_uint_eq(n_progress, 1);
	ck_assert_str_eq(app_events(app, 0), "events");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-44: the page of an error is the file */
static const struct {
	const char *target;
	const char *want; /* a part of it */
} pages[] = {
	{ "/404", "GET /404" },
	{ "/500", "GET /500" },
	{ "/file?status=410", "status 410" },
	{ "/contentOK", "Hello World!" },
	{ "/UnitedKingdom", "London" },
};

START_TEST(hands_over_what_was_answered)
{
	transfer_task *task;
	struct app *app;
	char *text;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, pages[_i].target);
	ck_assert_int_eq(app_wait(app, task), 0);
	text = tmpdir_read(app_file(app, transfer_task_get_id(task)));
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strstr(text, pages[_i].want), "%s", text);
	free(text);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-60, SW-66, SW-35, BT-42, BT-50: an error has its name and the URL that failed, and there is no answer then */
static const struct {
	const char *target;
	int want_code;
	const char *want_name;
	const char *want_url; /* its end */
} failures[] = {
	{ "/redirect/99", TRANSFER_ERROR_TOO_MANY_REDIRECTS, "too-many-redirects", "/redirect/82" },
	{ "/Gomorrah", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response", "/Gomorrah" },
	{ "/Dinavar", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response", "/Dinavar" },
	{ "/Kuhikugu", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response", "/Kuhikugu" },
	/* nobody asked for a part */
	{ "/206", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response", "/206" },
	{ "/foldedHeaders", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response",
		"/foldedHeaders" },
	{ "/incorrectFoldedHeaders", TRANSFER_ERROR_BAD_SERVER_RESPONSE, "bad-server-response",
		"/incorrectFoldedHeaders" },
	{ "foobar://x/y", TRANSFER_ERROR_UNSUPPORTED_URL, "unsupported-url", "foobar://x/y" },
	{ "http://127.0.0.1:999999/y", TRANSFER_ERROR_BAD_URL, "bad-url", ":999999/y" },
	{ "/file?redirect_to=ftp://a/b", TRANSFER_ERROR_UNSUPPORTED_URL, "unsupported-url",
		"ftp://a/b" },
};

START_TEST(names_what_failed)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task;
	struct app *app;
	const char *url;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, failures[_i].target);
	app_check_failed(app, task, failures[_i].want_code);
	error = transfer_task_copy_error(task);
	ck_assert_int_eq(transfer_error_get_code(error), failures[_i].want_code);
	ck_assert_str_eq(transfer_error_get_name(error), failures[_i].want_name);
	url = transfer_error_get_failing_url(error);
	ck_assert_ptr_nonnull(url);
	ck_assert_msg(strlen(url) >= strlen(failures[_i].want_url) &&
			!strcmp(url + strlen(url) - strlen(failures[_i].want_url),
				failures[_i].want_url),
		"%s", url);
	ck_assert_ptr_null(transfer_error_get_resume_data(error));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-31, SW-41, SW-42: a cancel against what ends by itself: one end, whichever was first */
static const struct {
	const char *target;
	bool resume;
	int also; /* may be told instead of -999 */
} races[] = {
	{ "foobar://x/", false, TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "foobar://x/", true, TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "http://127.0.0.1:999999/", true, TRANSFER_ERROR_BAD_URL },
	{ "/Gomorrah", true, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ "/contentOK", true, 0 },
	{ "/contentOK?delay_ms=100", true, TRANSFER_ERROR_CANCELLED },
};

START_TEST(ends_once_when_cancelled_in_between)
{
	transfer_task *task;
	struct app *app;
	int code;

	rig_new(&rig);
	app = app_open(&rig, &listening);
	task = app_make(app, app_request(app, races[_i].target));
	if (races[_i].resume)
		transfer_task_resume(task);
	transfer_task_cancel(task);
	transfer_task_resume(task);
	app_flush(app);
	code = app_wait(app, task);
	ck_assert_msg(code == TRANSFER_ERROR_CANCELLED || code == races[_i].also, "%d", code);
	/* that nothing comes behind the end is seen by the application itself */
	app_settle(app);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	/* one that transferd would not even take has no numbers to tell */
	ck_assert(transfer_task_get_id(task) ? strstr(story, "metrics done") != NULL
					     : !strcmp(story, "done"));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-35: a task that runs and one that was never resumed, when their session is invalidated */
START_TEST(says_which_request_an_invalidation_ended)
{
	transfer_task *tasks[2];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	tasks[0] = app_download(app, "/country.txt?hang&n=0");
	tasks[1] = app_make(app, app_request(app, "/country.txt?hang&n=1"));
	app_flush(app);
	transfer_session_invalidate_and_cancel(app_session(app));
	ck_assert(app_wait_invalid(app));
	for (unsigned i = 0; i < 2; i++) {
		transfer_auto(transfer_error) error = transfer_task_copy_error(tasks[i]);
		char *url = origin_url(rig.origin, "/country.txt?hang&n=%u", i);

		ck_assert_str_eq(APP_EVENTS(app, tasks[i]), "done:-999");
		ck_assert_str_eq(transfer_error_get_name(error), "cancelled");
		ck_assert_str_eq(transfer_error_get_failing_url(error), url);
		free(url);
		/* SW-36: and that is all that will ever be */
		transfer_task_resume(tasks[i]);
		ck_assert_int_eq(transfer_task_get_state(tasks[i]), TRANSFER_TASK_STATE_COMPLETED);
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/country.txt?hang&n=1"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-28: invalidated right behind the resume, before the daemon has heard of the task: it runs, then the session ends */
START_TEST(finishes_what_was_just_begun)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &listening);
	task = app_make(app, app_request(app, "/contentOK"));
	transfer_task_resume(task);
	transfer_session_finish_and_invalidate(app_session(app));
	ck_assert(app_wait_invalid(app));
	/* at this moment the task has been told */
	ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	ck_assert_str_eq(story, "progress file metrics done");
	ck_assert_str_eq(app_events(app, 0), "events invalid:0");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-17: ten threads, each with a client, a session and a task of its own */
#define N_THREADS 10

static void *be_an_application(void *user)
{
	unsigned number = *(unsigned *)user;
	char identifier[16], target[64];
	const struct app_config config = { .identifier = identifier };
	transfer_task *task;
	struct app *app;

	snprintf(identifier, sizeof(identifier), "thread-%u", number);
	snprintf(target, sizeof(target), "/file?size=%u&seed=%u", 50000 + number, number);
	app = app_open(&rig, &config);
	task = app_download(app, target);
	app_check_download(app, task, "file done:0", number, 50000 + number);
	app_close(app);
	return NULL;
}

START_TEST(serves_many_threads)
{
	pthread_t threads[N_THREADS];
	unsigned numbers[N_THREADS];

	rig_new(&rig);
	for (unsigned i = 0; i < N_THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, be_an_application, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), N_THREADS);
	rig_done(&rig);
}
END_TEST

/* BT-90: what may be kept for an hour is asked for again, and with no question about a copy */
START_TEST(keeps_no_copies)
{
	static const char target[] =
		"/file?size=9&seed=1&header=Cache-Control:%20max-age=3600,%20public";
	struct origin_entry entry;
	struct app *app;
	char value[64];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (unsigned i = 1; i <= 2; i++) {
		transfer_task *task = app_download(app, target);

		app_check_download(app, task, "file done:0", 1, 9);
		ck_assert_int_eq(origin_log_find(rig.origin, "/file", i, &entry), 0);
		ck_assert(!origin_entry_header(&entry, "If-None-Match", value, sizeof(value)));
		ck_assert(!origin_entry_header(&entry, "If-Modified-Since", value, sizeof(value)));
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/sequence", 60, TEST_EACH(tells_the_whole_story, stories),
	TEST_EACH(hands_over_what_was_answered, pages), TEST_EACH(names_what_failed, failures),
	TEST_EACH(ends_once_when_cancelled_in_between, races),
	TEST(says_which_request_an_invalidation_ended), TEST(finishes_what_was_just_begun),
	TEST(serves_many_threads), TEST(keeps_no_copies))
