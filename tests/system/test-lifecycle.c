/* SPDX-License-Identifier: MIT */
/* The life of tasks and sessions inside one program: suspend, resume, cancel, lists, invalidation. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <transfer/manager.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

/* BT-26, BT-27, SW-34: a new task has one suspension; n of them need n resumes; more do no harm */
static const struct {
	unsigned suspends, resumes;
	bool want_run;
} counts[] = {
	{ 0, 0, false },
	{ 0, 1, true },
	{ 1, 1, false },
	{ 2, 2, false },
	{ 2, 3, true },
	{ 0, 5, true },
};

START_TEST(counts_suspensions)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_make(app, app_request(app, "/file?size=9&seed=1"));
	for (unsigned i = 0; i < counts[_i].suspends; i++)
		transfer_task_suspend(task);
	for (unsigned i = 0; i < counts[_i].resumes; i++)
		transfer_task_resume(task);
	app_flush(app);
	if (counts[_i].want_run) {
		app_check_download(app, task, "file done:0", 1, 9);
	} else {
		ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
		ck_assert_int_ne(origin_wait_arrived(rig.origin, "/", 1, 300), 0);
		/* and it is like that after the daemon's death, too */
		rig_restart_daemon(&rig);
		ck_assert_int_ne(origin_wait_arrived(rig.origin, "/", 1, 300), 0);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-72, SW-31, SW-35, SW-41, SW-42: cancel in every state, once, with the failing URL */
static const struct {
	const char *target;
	bool resume;
	unsigned wait_bytes;
} cancels[] = {
	{ "/file?size=9", false, 0 },
	{ "/file?size=9&hang", true, 0 },
	{ "/file?size=4M&hang_after=1M", true, 1 << 20 },
	{ "/file?size=9&drop_after=0", true, 0 },
};

START_TEST(cancels_once)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_make(app, app_request(app, cancels[_i].target));
	if (cancels[_i].resume)
		transfer_task_resume(task);
	app_flush(app);
	if (cancels[_i].resume)
		ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	if (cancels[_i].wait_bytes)
		ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, cancels[_i].wait_bytes,
					 RIG_DEADLINE_MS),
			0);
	transfer_task_cancel(task);
	transfer_task_cancel(task);
	transfer_task_resume(task);
	app_check_failed(app, task, TRANSFER_ERROR_CANCELLED);
	error = transfer_task_copy_error(task);
	ck_assert_str_eq(transfer_error_get_name(error), "cancelled");
	ck_assert_ptr_nonnull(transfer_error_get_failing_url(error));
	ck_assert_ptr_nonnull(strstr(transfer_error_get_failing_url(error), "/file"));
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-73: nothing happens to a task that has ended */
START_TEST(leaves_ended_tasks_alone)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=9&seed=1");
	ck_assert_int_eq(app_wait(app, task), 0);
	transfer_task_cancel(task);
	transfer_task_suspend(task);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-89, GS-19, SW-36: listed are the never resumed and the running, not the ended */
START_TEST(lists_what_has_not_ended)
{
	transfer_task *fresh, *running, *ended, *cancelled;
	uint64_t ids[8];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	fresh = app_make(app, app_request(app, "/file?size=1"));
	running = app_download(app, "/file?hang");
	ended = app_download(app, "/file?size=1");
	cancelled = app_download(app, "/file?hang");
	ck_assert_int_eq(app_wait(app, ended), 0);
	transfer_task_cancel(cancelled);
	app_wait(app, cancelled);
	ck_assert_uint_eq(app_tasks(app, ids, 8), 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(ids[i] == transfer_task_get_id(fresh) ||
			ids[i] == transfer_task_get_id(running));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-28, BT-85: no new ones, the running end, then invalid; then the name is free again (BT-06) */
START_TEST(finishes_and_invalidates)
{
	transfer_error *error = NULL;
	transfer_task *task, *late;
	transfer_request *request;
	struct app *app, *again;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=200K&seed=1&gate=g&gate_after=100K");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 100 << 10, RIG_DEADLINE_MS), 0);
	transfer_session_finish_and_invalidate(app_session(app));
	app_flush(app);
	request = app_request(app, "/file?size=1");
	late = transfer_session_download_task(app_session(app), request, NULL, NULL);
	transfer_request_unref(request);
	transfer_task_resume(late);
	ck_assert_int_eq(transfer_task_wait(late, RIG_DEADLINE_MS, NULL), -EIO);
	transfer_task_unref(late);
	ck_assert_int_ne(app_try_open(&rig, NULL, &again, &error), 0);
	transfer_error_unref(error);
	origin_release(rig.origin, "g");
	ck_assert(app_wait_invalid(app));
	app_check_download(app, task, "file done:0", 1, 200 << 10);
	ck_assert_str_eq(app_events(app, 0), "events invalid:0");
	app_close(app);
	again = app_open(&rig, NULL);
	ck_assert(!transfer_session_was_reassociated(app_session(again)));
	task = app_download(again, "/file?size=5&seed=2");
	app_check_download(again, task, "file done:0", 2, 5);
	app_close(again);
	rig_done(&rig);
}
END_TEST

/* GS-12, SW-35, BT-86: all tasks end with -999, then invalid, once */
START_TEST(invalidates_and_cancels)
{
	transfer_task *tasks[5];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (unsigned i = 0; i < 5; i++)
		tasks[i] = i ? app_download(app, "/file?hang")
			     : app_make(app, app_request(app, "/file?size=1"));
	app_flush(app);
	transfer_session_invalidate_and_cancel(app_session(app));
	ck_assert(app_wait_invalid(app));
	/* at this moment all of them have been told */
	for (unsigned i = 0; i < 5; i++)
		ck_assert_str_eq(APP_EVENTS(app, tasks[i]), "done:-999");
	ck_assert_str_eq(app_events(app, 0), "events invalid:0");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* a session without tasks is invalid at once */
START_TEST(invalidates_an_empty_session)
{
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	transfer_session_finish_and_invalidate(app_session(app));
	ck_assert(app_wait_invalid(app));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* ---- many sessions ---- */

#define N_SESSIONS 1000
#define N_OPENERS  20

static void count_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	unsigned *n_invalid = userdata;

	(void)session;
	ck_assert_ptr_null(error);
	++*n_invalid;
}

struct opener {
	pthread_t thread;
	transfer_client *client;
	struct transfer_owner owner;
	unsigned first;
	transfer_session **sessions;
};

static void *open_some(void *user)
{
	const struct opener *o = user;
	char name[32];

	for (unsigned i = o->first; i < N_SESSIONS; i += N_OPENERS) {
		transfer_auto(transfer_config) config = NULL;

		snprintf(name, sizeof(name), "session %u", i);
		config = transfer_config_new_background(name);
		transfer_config_set_app_id(config, "org.example.Test");
		ck_assert_int_eq(
			transfer_session_new(&o->sessions[i], o->client, config, &o->owner, NULL),
			0);
	}
	return NULL;
}

/* By several threads at once, whose sessions share their commits. */
static void open_many(transfer_client *client, transfer_queue *queue, unsigned *n_invalid,
	transfer_session **ret_sessions)
{
	static const struct transfer_session_delegate delegate = { TRANSFER_SESSION_DELEGATE_INIT,
		.did_become_invalid = count_invalid };
	struct opener openers[N_OPENERS];

	for (unsigned i = 0; i < N_OPENERS; i++) {
		openers[i] = (struct opener){ .client = client,
			.owner = { TRANSFER_OWNER_INIT, .delegate = &delegate,
				.userdata = n_invalid, .queue = queue },
			.first = i,
			.sessions = ret_sessions };
		ck_assert_int_eq(
			pthread_create(&openers[i].thread, NULL, open_some, &openers[i]), 0);
	}
	for (unsigned i = 0; i < N_OPENERS; i++)
		ck_assert_int_eq(pthread_join(openers[i].thread, NULL), 0);
}

static size_t count_sessions(transfer_manager *manager)
{
	transfer_auto(transfer_session_list) list = NULL;

	ck_assert_int_eq(transfer_manager_list_sessions(manager, &list, NULL), 0);
	return transfer_session_list_get_size(list);
}

/* A thousand identifiers of one application: there after a death of the daemon, gone when they were invalidated, and small. */
START_TEST(holds_a_thousand_sessions)
{
	transfer_session *sessions[N_SESSIONS];
	transfer_queue *queue = transfer_queue_new_manual();
	uint64_t until_ms;
	transfer_manager *manager;
	transfer_client *client;
	unsigned n_invalid = 0;

	rig_new(&rig);
	ck_assert_int_eq(transfer_client_new(&client, 0, NULL), 0);
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
	open_many(client, queue, &n_invalid, sessions);
	ck_assert_uint_eq(count_sessions(manager), N_SESSIONS);
	rig_restart_daemon(&rig);
	ck_assert_uint_eq(count_sessions(manager), N_SESSIONS);
	for (unsigned i = 0; i < N_SESSIONS; i++)
		transfer_session_finish_and_invalidate(sessions[i]);
	until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	while (n_invalid < N_SESSIONS) {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "%u are invalid", n_invalid);
		transfer_queue_dispatch(queue, 100);
	}
	/* the last acknowledgements are on their way */
	while (count_sessions(manager))
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_le(rig_rss_kib(bus_daemon_pid(rig.bus)), 16 * 1024);
#endif
	for (unsigned i = 0; i < N_SESSIONS; i++)
		transfer_session_unref(sessions[i]);
	transfer_manager_unref(manager);
	transfer_client_unref(client);
	transfer_queue_unref(queue);
	rig_done(&rig);
}
END_TEST

/* BT-12, BT-13, BT-14, BT-17: what a background session does not offer fails at once */
static void no_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)path;
	(void)fd;
	(void)response;
	(void)error;
	(void)userdata;
	ck_abort_msg("a handler was called in a background session");
}

static transfer_task *make_forbidden(struct app *app, int kind, transfer_request *request)
{
	transfer_auto(transfer_data) data = transfer_data_new_copy("x", 1);

	if (kind == 0)
		return transfer_session_download_task(app_session(app), request, no_file, NULL);
	if (kind == 1)
		return transfer_session_upload_task_data(
			app_session(app), request, data, NULL, NULL);
	return transfer_session_data_task(app_session(app), request, NULL, NULL);
}

START_TEST(refuses_what_background_sessions_do_not_offer)
{
	transfer_auto(transfer_request) request = NULL;
	transfer_auto(transfer_task) task = NULL;
	transfer_auto(transfer_error) error = NULL;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=1");
	task = make_forbidden(app, _i, request);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, RIG_DEADLINE_MS, &error), -EIO);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
	ck_assert_int_eq(
		transfer_error_get_code(error), TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* what belongs to a task survives the daemon's death and shows in lists (BT-36 in part) */
START_TEST(keeps_what_was_set)
{
	transfer_auto(transfer_data) userdata = NULL;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char *text;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=1&seed=1");
	transfer_request_set_description(request, "first \xc3\xa4");
	transfer_request_set_userdata(request, "a\0b", 3);
	task = app_make(app, request);
	ck_assert_int_eq(transfer_task_set_priority(task, 0.75), 0);
	ck_assert_int_eq(transfer_task_set_description(task, "second"), 0);
	app_flush(app);
	app_close(app);
	rig_restart_daemon(&rig);
	app = app_open(&rig, NULL);
	ck_assert(transfer_session_was_reassociated(app_session(app)));
	{
		uint64_t id;

		ck_assert_uint_eq(app_tasks(app, &id, 1), 1);
		task = app_find_task(app, id);
	}
	text = transfer_task_copy_description(task);
	ck_assert_str_eq(text, "second");
	free(text);
	ck_assert(
		transfer_task_get_priority(task) > 0.74 && transfer_task_get_priority(task) < 0.76);
	userdata = transfer_task_copy_userdata(task);
	ck_assert_uint_eq(transfer_data_get_size(userdata), 3);
	ck_assert(!memcmp(transfer_data_get_bytes(userdata), "a\0b", 3));
	ck_assert_ptr_nonnull(
		strstr(transfer_request_get_url(transfer_task_get_original_request(task)),
			"/file?size=1"));
	transfer_task_resume(task);
	app_check_download(app, task, "file done:0", 1, 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void one_connection(transfer_config *config)
{
	transfer_config_set_max_connections_per_host(config, 1);
}

/* BT-34, BT-35, BT-36: one connection to a host; the higher priority goes first; another host is not blocked */
START_TEST(orders_by_priority)
{
	static const double priorities[] = { 0.2, 0.9, 0.5 };
	struct app_config config = { .tune = one_connection };
	transfer_task *first, *tasks[3], *other;
	struct origin_entry entry;
	struct app *app;
	char target[64];

	rig_new(&rig);
	app = app_open(&rig, &config);
	first = app_download(app, "/file?size=9&seed=1&gate=g&gate_after=5");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 5, RIG_DEADLINE_MS), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(target, sizeof(target), "/file?size=9&seed=1&mark=%u", i);
		tasks[i] = app_make(app, app_request(app, target));
		transfer_task_set_priority(tasks[i], priorities[i]);
		transfer_task_resume(tasks[i]);
	}
	app_flush(app);
	/* the same server by another name is another host */
	snprintf(target, sizeof(target), "%s/file?size=9&seed=1&mark=6", origin_base6(rig.origin));
	other = app_download(app, target);
	app_check_download(app, other, "file done:0", 1, 9);
	ck_assert_int_eq(transfer_task_get_state(tasks[1]), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=9&seed=1&mark=0"), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=9&seed=1&mark=1"), 0);
	origin_release(rig.origin, "g");
	app_check_download(app, first, "file done:0", 1, 9);
	for (unsigned i = 0; i < 3; i++)
		app_check_download(app, tasks[i], "file done:0", 1, 9);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const want[] = { "mark=1", "mark=2", "mark=0" };

		ck_assert_int_eq(origin_log_find(rig.origin, "/file", 3 + i, &entry), 0);
		ck_assert_msg(strstr(entry.target, want[i]), "%u: %s", i, entry.target);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/lifecycle", 60, TEST_EACH(counts_suspensions, counts),
	TEST_EACH(cancels_once, cancels), TEST(leaves_ended_tasks_alone),
	TEST(lists_what_has_not_ended), TEST(finishes_and_invalidates),
	TEST(invalidates_and_cancels), TEST(invalidates_an_empty_session),
	TEST(holds_a_thousand_sessions),
	TEST_LOOP(refuses_what_background_sessions_do_not_offer, 3), TEST(keeps_what_was_set),
	TEST(orders_by_priority))
