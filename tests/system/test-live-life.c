/* SPDX-License-Identifier: MIT */
/* Life and death of sessions in memory and of their tasks: lists, cancelling, invalidation, and who dies when. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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

/* what callbacks of the tests themselves ring */
static int bell_fd;

static void ring(void)
{
	uint64_t one = 1;

	ck_assert_int_eq(write(bell_fd, &one, sizeof(one)), sizeof(one));
}

static void wait_for_rings(uint64_t n)
{
	uint64_t count;

	for (uint64_t rung = 0; rung < n; rung += count) {
		ck_assert_int_eq(proc_wait_fd(bell_fd, RIG_DEADLINE_MS), 0);
		ck_assert_int_eq(read(bell_fd, &count, sizeof(count)), sizeof(count));
	}
}

/* a task that was not resumed */
static transfer_task *make(const char *target)
{
	transfer_auto(transfer_request) request = live_request(app, NULL, target);

	return live_keep(app, transfer_session_data_task(live_session(app), request, NULL, NULL));
}

/* ---- lists ---- */

static struct {
	uint64_t all[16];
	unsigned n_all, n_data, n_uploads, n_downloads;
} listed;

static void on_tasks(transfer_task *const *tasks, size_t n_tasks, void *userdata)
{
	(void)userdata;
	listed.n_all = (unsigned)n_tasks;
	for (size_t i = 0; i < n_tasks && i < 16; i++)
		listed.all[i] = transfer_task_get_id(tasks[i]);
	ring();
}

static void on_lists(const struct transfer_task_lists *lists, void *userdata)
{
	(void)userdata;
	listed.n_data = (unsigned)lists->n_data;
	listed.n_uploads = (unsigned)lists->n_uploads;
	listed.n_downloads = (unsigned)lists->n_downloads;
	ring();
}

static void list(void)
{
	bell_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(bell_fd, 0);
	transfer_session_get_tasks(live_session(app), on_tasks, NULL);
	transfer_session_get_task_lists(live_session(app), on_lists, NULL);
	wait_for_rings(2);
	close(bell_fd);
}

/* SW-39, SW-40, GS-19, SW-36 */
START_TEST(lists_tasks)
{
	transfer_task *hanging, *ended;

	begin_with(NULL);
	list();
	ck_assert_uint_eq(listed.n_all, 0);
	ended = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, ended, "created resp:200 data:9 done:0");
	make("/Peru");
	hanging = live_data(app, live_request(app, NULL, "/file?hang"));
	live_download(app, live_request(app, NULL, "/file?hang"));
	live_upload(app, live_request(app, "POST", "/upload?gate=g"), "abc", 3);
	list();
	ck_assert_uint_eq(listed.n_all, 4);
	ck_assert_uint_eq(listed.n_data, 2);
	ck_assert_uint_eq(listed.n_downloads, 1);
	ck_assert_uint_eq(listed.n_uploads, 1);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(listed.all[i], i + 2);
	transfer_task_cancel(hanging);
	live_check(app, hanging, "created done:-999");
	list();
	ck_assert_uint_eq(listed.n_all, 3);
	ck_assert_uint_eq(listed.n_data, 1);
	end();
}
END_TEST

/* ---- ends of sessions ---- */

/* SW-28, GS-12: the end of the session comes behind the end of each task, once */
START_TEST(ends_in_order)
{
	transfer_task *tasks[5];

	begin_with(NULL);
	for (unsigned i = 0; i < 5; i++)
		tasks[i] = live_data(app,
			live_request(app, NULL, i % 2 ? "/file?size=200000&gate=g" : "/Nepal"));
	transfer_session_finish_and_invalidate(live_session(app));
	ck_assert_str_eq(live_session_events(app), "");
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	live_wait_invalid(app);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_str_eq(live_events(app, tasks[i]),
			i % 2 ? "created resp:200 data:200000 done:0"
			      : "created resp:200 data:9 done:0");
	ck_assert_str_eq(live_session_events(app), "inval");
	end();
}
END_TEST

/* SW-35: each was cancelled, and its error says which it was */
START_TEST(cancelled_tasks_say_so)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *tasks[5];

	begin_with(NULL);
	tasks[0] = make("/Nepal");
	for (unsigned i = 1; i < 5; i++)
		tasks[i] = live_data(app, live_request(app, NULL, "/file?hang"));
	transfer_session_invalidate_and_cancel(live_session(app));
	transfer_session_invalidate_and_cancel(live_session(app));
	live_wait_invalid(app);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_str_eq(live_events(app, tasks[i]), "created done:-999");
	error = transfer_task_copy_error(tasks[1]);
	ck_assert_ptr_nonnull(strstr(transfer_error_get_failing_url(error), "/file?hang"));
	ck_assert_int_eq(transfer_error_get_cancelled_reason(error), 0);
	/* SW-36: nothing is listed any more, and what was never resumed stays ended */
	list();
	ck_assert_uint_eq(listed.n_all, 0);
	transfer_task_resume(tasks[0]);
	ck_assert_int_eq(transfer_task_get_state(tasks[0]), TRANSFER_TASK_STATE_COMPLETED);
	ck_assert_str_eq(live_session_events(app), "inval");
	end();
}
END_TEST

/* a session that never had a task ends, too, and takes none any more */
START_TEST(ends_without_tasks)
{
	begin_with(NULL);
	if (_i)
		transfer_session_finish_and_invalidate(live_session(app));
	else
		transfer_session_invalidate_and_cancel(live_session(app));
	live_wait_invalid(app);
	ck_assert_str_eq(live_session_events(app), "inval");
	end();
}
END_TEST

/* SW-37: who owns it is told when it is let go */
static void on_destroy(void *userdata)
{
	++*(unsigned *)userdata;
	ring();
}

START_TEST(lets_its_owner_go)
{
	transfer_session *session = NULL;
	unsigned n_destroyed = 0;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .userdata = &n_destroyed,
		.destroy = on_destroy };

	bell_fd = eventfd(0, EFD_CLOEXEC);
	begin_with(NULL);
	ck_assert_int_eq(transfer_session_new(&session, live_client(app), NULL, &owner, NULL), 0);
	if (_i)
		transfer_session_finish_and_invalidate(session);
	transfer_session_unref(session);
	wait_for_rings(1);
	end();
	close(bell_fd);
	ck_assert_uint_eq(n_destroyed, 1);
}
END_TEST

/* GS-13: tasks end with the last reference to their session, and nobody is told */
START_TEST(dropped_without_invalidation)
{
	begin_with(NULL);
	make("/Peru");
	live_data(app, live_request(app, NULL, "/file?hang"));
	live_data(app, live_request(app, NULL, "/file?size=3000000&gate=g&gate_after=100000"));
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	app = live_close(app);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	rig_done(&rig);
}
END_TEST

/* the shared session */
START_TEST(the_shared_session_is_one)
{
	transfer_session *session;

	begin_with(&(struct live_app_config){ .kind = TRANSFER_SESSION_SHARED });
	session = live_session(app);
	ck_assert_ptr_eq(transfer_session_get_shared(live_client(app)), session);
	ck_assert_int_eq(transfer_session_get_kind(session), TRANSFER_SESSION_SHARED);
	transfer_session_invalidate_and_cancel(session);
	transfer_session_finish_and_invalidate(session);
	ck_assert_int_eq(
		live_wait(app, live_handled(app, live_request(app, NULL, "https://x.invalid:1/"))),
		TRANSFER_ERROR_CANNOT_FIND_HOST);
	end();
}
END_TEST

START_TEST(has_a_description)
{
	char *text;

	begin_with(&(struct live_app_config){ .kind = TRANSFER_SESSION_EPHEMERAL });
	ck_assert_int_eq(transfer_session_get_kind(live_session(app)), TRANSFER_SESSION_EPHEMERAL);
	ck_assert_ptr_null(transfer_session_get_identifier(live_session(app)));
	ck_assert_ptr_null(transfer_session_copy_description(live_session(app)));
	ck_assert_int_eq(transfer_session_set_description(live_session(app), "pages"), 0);
	text = transfer_session_copy_description(live_session(app));
	ck_assert_str_eq(text, "pages");
	free(text);
	end();
}
END_TEST

/* ---- cancelling ---- */

/* SW-31, SW-42: whenever it comes, there is one end and it says so */
static const struct {
	const char *target;
	const char *after; /* wait for this first; NULL: at once; "arrived": at the origin */
	const char *want;
} moments[] = {
	{ "/file?hang", NULL, "created done:-999" },
	{ "/file?hang", "arrived", "created done:-999" },
	{ "/file?size=1000&gate=g&gate_after=10", "data", "created resp:200 data:10 done:-999" },
	{ "/file?size=3000000&gate=g&gate_after=300000", "resp", NULL },
	{ "/file?delay_ms=100000", "arrived", "created done:-999" },
};

START_TEST(cancels_in_every_state)
{
	transfer_task *task;

	begin_with(NULL);
	task = live_data(app, live_request(app, NULL, moments[_i].target));
	if (moments[_i].after && !strcmp(moments[_i].after, "arrived"))
		origin_wait_arrived(rig.origin, "/file", 1, RIG_DEADLINE_MS);
	else if (moments[_i].after)
		live_wait_event(app, task, moments[_i].after, 1);
	transfer_task_cancel(task);
	transfer_task_cancel(task);
	ck_assert_int_eq(live_wait(app, task), TRANSFER_ERROR_CANCELLED);
	if (moments[_i].want)
		ck_assert_str_eq(live_events(app, task), moments[_i].want);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	/* transferd is well, and so is the session */
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	end();
}
END_TEST

/* SW-41: what fails at once, and is cancelled at once, ends once */
START_TEST(cancels_what_fails_at_once)
{
	static const char *const targets[] = { "foobar://x/", "data:,x", "/Nepal" };
	transfer_task *task;
	int code;

	begin_with(NULL);
	for (unsigned i = 0; i < 60; i++) {
		task = live_data(app, live_request(app, NULL, targets[i % 3]));
		transfer_task_cancel(task);
		code = live_wait(app, task);
		ck_assert(code == TRANSFER_ERROR_CANCELLED || !code ||
			code == TRANSFER_ERROR_UNSUPPORTED_URL);
		ck_assert(code != TRANSFER_ERROR_UNSUPPORTED_URL || i % 3 == 0);
	}
	/* another end would have been told before this */
	task = live_data(app, live_request(app, NULL, "/Peru"));
	live_check(app, task, "created resp:200 data:4 done:0");
	end();
}
END_TEST

/* ---- everything at once ---- */

static transfer_redirect *open_redirect;
static transfer_disposition *open_disposition;
static transfer_body_request *open_body;

static void keep_redirect(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)request;
	(void)user;
	open_redirect = transfer_redirect_ref(answer);
}

/* One is never answered. */
static void keep_response(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user)
{
	(void)task;
	(void)user;
	if (strstr(transfer_response_get_url(response), "never-allowed"))
		open_disposition = transfer_disposition_ref(answer);
	else
		transfer_disposition_set(answer, TRANSFER_RESPONSE_ALLOW);
}

static void keep_body(transfer_task *task, transfer_body_request *answer, void *user)
{
	(void)task;
	(void)user;
	open_body = transfer_body_request_ref(answer);
}

static ssize_t read_for_ever(void *bytes, size_t size, void *userdata)
{
	(void)userdata;
	memset(bytes, 'x', size);
	return (ssize_t)size;
}

static transfer_body *endless_body(void)
{
	return transfer_body_new_reader(read_for_ever, TRANSFER_SIZE_UNKNOWN, NULL, NULL);
}

/* With a reader, or with a stream that is asked for. */
static transfer_task *send_much(const char *target, bool is_asked)
{
	transfer_auto(transfer_request) request = live_request(app, "POST", target);
	transfer_auto(transfer_body) body = endless_body();
	transfer_task *task;

	if (!is_asked)
		transfer_request_set_body_stream(request, body);
	task = is_asked ? transfer_session_upload_task_streamed(live_session(app), request)
			: transfer_session_data_task(live_session(app), request, NULL, NULL);
	live_keep(app, task);
	transfer_task_resume(task);
	return task;
}

enum { NEW, SUSPENDED, HANGING, BODY, SAVED, SENT, REDIRECT, RESPONSE, NEED_BODY, HANDLED, CROWD };

/* A task in each state that there is. */
static void start_each(transfer_task *tasks[CROWD])
{
	tasks[NEW] = make("/Nepal");
	tasks[HANGING] = live_data(app, live_request(app, NULL, "/file?hang&key=hanging"));
	tasks[SUSPENDED] = live_data(app, live_request(app, NULL, "/file?hang&key=suspended"));
	tasks[BODY] = live_data(
		app, live_request(app, NULL, "/file?size=3000000&gate=g&gate_after=100000"));
	tasks[SAVED] = live_download(
		app, live_request(app, NULL, "/file?size=3000000&gate=g&gate_after=100000"));
	tasks[SENT] = send_much("/upload?gate=g&gate_after=100000", false);
	tasks[REDIRECT] = live_data(app, live_request(app, NULL, "/redirect/1"));
	tasks[RESPONSE] = live_data(app, live_request(app, NULL, "/file?size=5&key=never-allowed"));
	tasks[NEED_BODY] = send_much("/upload", true);
	tasks[HANDLED] = live_handled(app, live_request(app, NULL, "/file?hang&key=handled"));
	live_wait_bytes(app, tasks[BODY], 100000);
	live_wait_event(app, tasks[SAVED], "wrote", 1);
	live_wait_event(app, tasks[SENT], "info", 1); /* it may begin to send before that comes */
	live_wait_event(app, tasks[SENT], "sent", 1);
	live_wait_event(app, tasks[REDIRECT], "redir", 1);
	live_wait_event(app, tasks[RESPONSE], "resp", 1);
	live_wait_event(app, tasks[NEED_BODY], "body?", 1);
	transfer_task_suspend(tasks[SUSPENDED]);
}

static void wait_until_nothing_runs(void)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	char *output = NULL;

	do {
		free(output);
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
		ck_assert_int_eq(RIG_CTL(&rig, &output, "list", "--in-app", "--no-legend"), 0);
	} while (*output);
	free(output);
}

/* Each ends once, whatever it was doing, then the session; transferd keeps nothing of it, and late answers do no harm. */
START_TEST(cancels_everything)
{
	static const char *const wants[CROWD] = {
		[NEW] = "created done:-999",
		[SUSPENDED] = "created done:-999",
		[HANGING] = "created done:-999",
		[BODY] = "created resp:200 data:100000 done:-999",
		[SAVED] = "created done:-999",
		[SENT] = "created info:100 done:-999",
		[REDIRECT] = "created redir:302 done:-999",
		[RESPONSE] = "created resp:200 done:-999",
		[NEED_BODY] = "created body? done:-999",
		[HANDLED] = "created handler:-999:0:0",
	};
	const struct live_app_config config = {
		.on_redirect = keep_redirect,
		.on_response = keep_response,
		.on_need_body = keep_body,
	};
	transfer_auto(transfer_body) body = endless_body();
	transfer_task *tasks[CROWD];

	begin_with(&config);
	start_each(tasks);
	transfer_session_invalidate_and_cancel(live_session(app));
	live_wait_invalid(app);
	for (unsigned i = 0; i < CROWD; i++)
		ck_assert_str_eq(live_events(app, tasks[i]), wants[i]);
	ck_assert_int_eq(transfer_redirect_follow(open_redirect), -ESTALE);
	ck_assert_int_eq(
		transfer_disposition_set(open_disposition, TRANSFER_RESPONSE_ALLOW), -ESTALE);
	ck_assert_int_eq(transfer_body_request_provide(open_body, body), -ESTALE);
	transfer_redirect_unref(open_redirect);
	transfer_disposition_unref(open_disposition);
	transfer_body_request_unref(open_body);
	ck_assert_str_eq(live_session_events(app), "inval");
	wait_until_nothing_runs();
	end();
}
END_TEST

START_TEST(cancels_what_never_began)
{
	transfer_task *task;

	begin_with(NULL);
	task = make("/Nepal");
	transfer_task_cancel(task);
	live_check(app, task, "created done:-999");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	end();
}
END_TEST

/* ---- suspending ---- */

START_TEST(suspends_and_goes_on)
{
	transfer_task *task;

	begin_with(NULL);
	task = live_data(
		app, live_request(app, NULL, "/file?size=400000&seed=2&gate=g&gate_after=1000"));
	live_wait_bytes(app, task, 1000);
	transfer_task_suspend(task);
	transfer_task_suspend(task);
	ck_assert_int_eq(transfer_client_flush(live_client(app), RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_task_resume(task);
	live_check(app, task, "created resp:200 data:400000 done:0");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	end();
}
END_TEST

/* ---- others die ---- */

/* transferd is killed: what ran ends with a name, and the next task starts it again */
START_TEST(transferd_dies)
{
	transfer_task *hanging, *amid, *task;

	begin_with(NULL);
	hanging = live_handled(app, live_request(app, NULL, "/file?hang"));
	amid = live_data(
		app, live_request(app, NULL, "/file?size=3000000&gate=g&gate_after=100000"));
	live_wait_event(app, amid, "data", 1);
	ck_assert_int_eq(bus_kill_daemon(rig.bus), 0);
	live_check(app, hanging, "created handler:-997:0:0");
	ck_assert_int_eq(live_wait(app, amid), TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	end();
}
END_TEST

/* ---- calls from callbacks ---- */

static unsigned n_inside;

static void call_everything(
	struct live_app *unused, transfer_task *task, const char *what, void *user)
{
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_auto(transfer_request) request = NULL;
	transfer_auto(transfer_response) response = NULL;
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_task) other = NULL;

	(void)unused;
	(void)user;
	(void)what;
	if (!task)
		return;
	request = transfer_task_copy_current_request(task);
	response = transfer_task_copy_response(task);
	error = transfer_task_copy_error(task);
	transfer_task_get_progress(task, &progress);
	transfer_task_set_priority(task, 0.7);
	transfer_task_suspend(task);
	transfer_task_resume(task);
	transfer_session_get_tasks(live_session(app), on_tasks, NULL);
	if (n_inside++ < 3) {
		other = transfer_session_data_task(live_session(app), request, NULL, NULL);
		transfer_task_cancel(other);
	}
}

START_TEST(calls_everything_inside_callbacks)
{
	transfer_task *task;

	n_inside = 0;
	bell_fd = eventfd(0, EFD_CLOEXEC);
	begin_with(&(struct live_app_config){ .on_event = call_everything });
	task = live_download(app, live_request(app, NULL, "/file?size=300000"));
	ck_assert_int_eq(live_wait(app, task), 0);
	task = live_handled(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created handler:0:200:9");
	transfer_session_finish_and_invalidate(live_session(app));
	live_wait_invalid(app);
	ck_assert_uint_gt(n_inside, 3);
	end();
}
END_TEST

/* SW-75: what one ephemeral session was given, it sends; another one does not know of it */
START_TEST(cookies_stay_in_their_session)
{
	const struct live_app_config config = { .kind = TRANSFER_SESSION_EPHEMERAL };
	struct live_app *other;
	transfer_task *task;

	begin_with(&config);
	other = live_open(&rig, &config);
	task = live_data(app, live_request(app, NULL, "/Nepal?cookie=a%3Db;Path%3D/"));
	live_check(app, task, "created resp:200 data:9 done:0");
	task = live_handled(app, live_request(app, NULL, "/requestHeaders"));
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_ptr_nonnull(strstr(live_body(app, task, NULL), "Cookie: a=b\n"));
	task = live_handled(other, live_request(other, NULL, "/requestHeaders"));
	ck_assert_int_eq(live_wait(other, task), 0);
	ck_assert_ptr_null(strstr(live_body(other, task, NULL), "Cookie:"));
	live_close(other);
	end();
}
END_TEST

/* nothing of an ephemeral session is in a file */
START_TEST(an_ephemeral_session_leaves_nothing)
{
	char *folder, *listing = NULL;
	transfer_task *task;
	int status;

	begin_with(&(struct live_app_config){ .kind = TRANSFER_SESSION_EPHEMERAL });
	task = live_data(app,
		live_request(
			app, NULL, "/Nepal?secret-4711&cookie=secret-4712%3Dv;Max-Age%3D9999"));
	live_check(app, task, "created resp:200 data:9 done:0");
	folder = tmpdir_path("state");
	ck_assert_int_eq(proc_run((const char *const[]){ "grep", "-rlF", "-e", "secret-4711", "-e",
					  "secret-4712", folder, NULL },
				 RIG_DEADLINE_MS, &listing, &status),
		0);
	ck_assert_str_eq(listing, "");
	free(listing);
	free(folder);
	end();
	ck_assert_uint_eq(rig_log_count(&rig, "secret-47"), 0);
}
END_TEST

RUN_TESTS_WITHIN("system/live-life", 60, TEST(lists_tasks), TEST(ends_in_order),
	TEST(cancelled_tasks_say_so), TEST_LOOP(ends_without_tasks, 2),
	TEST_LOOP(lets_its_owner_go, 2), TEST(dropped_without_invalidation),
	TEST(the_shared_session_is_one), TEST(has_a_description),
	TEST_EACH(cancels_in_every_state, moments), TEST(cancels_everything),
	TEST(cancels_what_never_began), TEST(cancels_what_fails_at_once),
	TEST(suspends_and_goes_on), TEST(transferd_dies), TEST(calls_everything_inside_callbacks),
	TEST(cookies_stay_in_their_session), TEST(an_ephemeral_session_leaves_nothing))
