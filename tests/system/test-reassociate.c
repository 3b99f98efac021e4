/* SPDX-License-Identifier: MIT */
/* Programs that end, or are killed, and come back: nothing is lost, each event is handled once. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;
static const char *base; /* for processes that must not touch the origin */

/* BT-01, BT-16: a session needs a name and a delegate */
START_TEST(refuses_bad_sessions)
{
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_config) nameless = NULL;
	transfer_auto(transfer_config) config = NULL;
	const struct transfer_session_delegate sizeless = { .size = 0 };
	const struct transfer_session_delegate somebody = { TRANSFER_SESSION_DELEGATE_INIT };
	const struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &somebody };
	const struct transfer_owner nobody = { TRANSFER_OWNER_INIT, .delegate = NULL };
	const struct transfer_owner wrong = { TRANSFER_OWNER_INIT, .delegate = &sizeless };
	transfer_session *session;

	rig_new(&rig);
	ck_assert_int_eq(transfer_client_new(&client, 0, NULL), 0);
	nameless = transfer_config_new_background("");
	config = transfer_config_new_background("x");
	ck_assert_int_eq(transfer_session_new(&session, client, nameless, &owner, NULL), -EINVAL);
	ck_assert_int_eq(transfer_session_new(&session, client, config, &nobody, NULL), -EINVAL);
	ck_assert_int_eq(transfer_session_new(&session, client, config, &wrong, NULL), -EINVAL);
	rig_done(&rig);
}
END_TEST

/* starts transfers and ends at once */
static void start_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);
	const char *const *targets = user;

	for (; *targets; targets++)
		app_download(app, *targets);
	app_close(app);
}

/* BT-02, BT-08, BT-62, BT-64, BT-68: finished while nobody was there; order, then didFinishEvents, no progress of the past */
START_TEST(tells_later_what_happened)
{
	/* the delay: so that none ends before the program has left */
	static const char *const targets[] = { "/file?size=100K&seed=1&delay_ms=700",
		"/404?delay_ms=700", "/file?size=3M&seed=3&delay_ms=700", NULL };
	int64_t total, expected;
	uint64_t ids[3];
	struct app *app;

	rig_new(&rig);
	base = origin_base(rig.origin);
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, (void *)targets)), 0);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/", 3, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=20s"), 0);
	app = app_open(&rig, NULL);
	ck_assert(transfer_session_was_reassociated(app_session(app)));
	ck_assert(app_wait_caught_up(app));
	ck_assert_str_eq(app_events(app, 0), "events");
	/* ids are given in order of creation */
	for (unsigned i = 0; i < 3; i++) {
		ids[i] = i + 1;
		ck_assert_str_eq(app_events(app, ids[i]), "file done:0");
		ck_assert(!app_progress(app, ids[i], &total, &expected));
	}
	ck_assert_int_eq(origin_bytes_check(app_file(app, 1), 1, 100 << 10), 0);
	ck_assert_int_eq(origin_bytes_check(app_file(app, 3), 3, 3 << 20), 0);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	app_close(app);
	/* acknowledged: the next program hears nothing */
	app = app_open(&rig, NULL);
	ck_assert_int_ne(app_wait_event(app, 1, "file", 1, 300), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* until the daemon says that some have come */
static void wait_for_bytes(const char *id)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	char *output = NULL;

	do {
		free(output);
		ck_assert_msg(proc_left_ms(until_ms) > 0, "no byte comes");
		RIG_CTL(&rig, &output, "show", id, "-p", "BytesReceived", "--value");
	} while (*output < '1' || *output > '9');
	free(output);
}

/* BT-02: unfinished tasks are there with identifier, request, counters */
START_TEST(finds_unfinished_tasks)
{
	static const char *const targets[] = { "/file?size=2M&seed=1&gate=g&gate_after=1M", NULL };
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_task *task;
	struct app *app;
	uint64_t id;

	rig_new(&rig);
	base = origin_base(rig.origin);
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, (void *)targets)), 0);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 1 << 20, RIG_DEADLINE_MS), 0);
	wait_for_bytes("1");
	app = app_open(&rig, NULL);
	ck_assert_uint_eq(app_tasks(app, &id, 1), 1);
	ck_assert_uint_eq(id, 1);
	task = app_find_task(app, id);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_gt(progress.received_bytes, 0);
	ck_assert_int_le(progress.received_bytes, 1 << 20);
	ck_assert_int_eq(progress.expected_receive_bytes, 2 << 20);
	ck_assert_ptr_nonnull(strstr(
		transfer_request_get_url(transfer_task_get_original_request(task)), targets[0]));
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 2 << 20);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-03: sessions of one name and two applications share nothing */
START_TEST(separates_applications)
{
	const struct app_config one = { .app_id = "org.example.One" };
	const struct app_config two = { .app_id = "org.example.Two" };
	struct app *a, *b;
	transfer_task *task;

	rig_new(&rig);
	a = app_open(&rig, &one);
	b = app_open(&rig, &two);
	task = app_download(a, "/file?hang");
	ck_assert_uint_eq(app_tasks(a, NULL, 0), 1);
	ck_assert_uint_eq(app_tasks(b, NULL, 0), 0);
	transfer_session_invalidate_and_cancel(app_session(b));
	ck_assert(app_wait_invalid(b));
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	app_close(a);
	app_close(b);
	rig_done(&rig);
}
END_TEST

static void try_to_open(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	transfer_error *error = NULL;
	struct app *app;

	(void)user;
	if (app_try_open(r, &config, &app, &error) != -EBUSY)
		_exit(1);
	_exit(transfer_error_get_code(error) == TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE ? 0 : 2);
}

/* BT-04, BT-05: a second process, or a second session here, is refused and disturbs nothing */
START_TEST(attaches_one_at_a_time)
{
	transfer_error *error = NULL;
	struct app *app, *second;
	transfer_task *task;
	int fds[2];
	pid_t pid;
	char byte;

	rig_new(&rig);
	base = origin_base(rig.origin);
	ck_assert_int_eq(pipe(fds), 0);
	/* forked before this process has a client; it waits for a byte */
	pid = fork();
	if (!pid) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) != 1)
			_exit(9);
		try_to_open(&rig, NULL);
	}
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=2M&seed=1&gate=g&gate_after=1M");
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(rig_join(pid), 0);
	ck_assert_int_eq(app_try_open(&rig, NULL, &second, &error), -EBUSY);
	transfer_error_unref(error);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 2 << 20);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* ends by SIGKILL inside the callback named by user */
static void die_at(struct app *app, uint64_t id, const char *what, void *user)
{
	(void)app;
	(void)id;
	if (!strcmp(what, user))
		kill(getpid(), SIGKILL);
}

struct death {
	const char *at;
	const char *target;
};

static void die_in_callback(struct rig *r, void *user)
{
	const struct death *death = user;
	const struct app_config config = {
		.base = base, .lazy = true, .on_event = die_at, .user = (void *)death->at
	};
	struct app *app = app_open(r, &config);
	transfer_task *task = app_download(app, death->target);

	app_wait(app, task);
	/* the end may be known here before its callback, on the delegate's thread, has come to the kill */
	poll(NULL, 0, RIG_DEADLINE_MS);
	_exit(7);
}

/* BT-63, F-5: killed inside a callback: that event and all after it come again, those before it do not */
static const struct {
	const char *at;
	const char *want;
} deaths[] = {
	{ "file", "file done:0" },
	{ "metrics", NULL },
	{ "done", "done:0" },
	{ "progress", "file done:0" },
};

START_TEST(repeats_the_event_that_killed)
{
	struct death death = { deaths[_i].at, "/file?size=20M&seed=1&gate=g&gate_after=10M" };
	const char *events;
	struct app *app;

	rig_new(&rig);
	base = origin_base(rig.origin);
	/* progress is told of what is under way for a while */
	if (strcmp(death.at, "progress") != 0)
		origin_release(rig.origin, "g");
	ck_assert_int_eq(rig_join(rig_fork(&rig, die_in_callback, &death)), -SIGKILL);
	origin_release(rig.origin, "g");
	app = app_open(&rig, NULL);
	ck_assert_int_eq(app_wait_id(app, 1), 0);
	events = app_events(app, 1);
	/* nothing before the event is told again; what was told may have been acknowledged in a batch */
	if (deaths[_i].want)
		ck_assert_msg(!strcmp(events, deaths[_i].want) || !strcmp(events, "file done:0"),
			"'%s'", events);
	if (strstr(events, "file"))
		ck_assert_int_eq(origin_bytes_check(app_file(app, 1), 1, 20 << 20), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-07: other values than the stored ones: the stored ones stay, and it is not an error */
static void no_insecure(transfer_config *config)
{
	transfer_config_set_allow_insecure(config, false);
}

START_TEST(keeps_the_stored_configuration)
{
	const struct app_config config = { .tune = no_insecure };
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	app_close(app);
	app = app_open(&rig, &config);
	ck_assert(transfer_session_was_reassociated(app_session(app)));
	task = app_download(app, "/file?size=1&seed=1");
	app_check_download(app, task, "file done:0", 1, 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* an upload's answer waits as well, with its data */
static void upload_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);

	app_upload(app, "PUT", "/store/a?reply_size=200000&seed=5", user);
	app_close(app);
}

START_TEST(keeps_the_answer_to_an_upload)
{
	char *path;
	struct app *app;
	char want[1000];

	rig_new(&rig);
	base = origin_base(rig.origin);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 9, 1 << 20), 0);
	ck_assert_int_eq(rig_join(rig_fork(&rig, upload_and_leave, path)), 0);
	unlink(path);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=20s"), 0);
	rig_restart_daemon(&rig);
	app = app_open(&rig, NULL);
	ck_assert(app_wait_caught_up(app));
	ck_assert_str_eq(app_events(app, 1), "data:200000 done:0");
	origin_bytes(5, 0, want, sizeof(want));
	ck_assert(!memcmp(app_data(app, 1), want, sizeof(want)));
	app_close(app);
	free(path);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/reassociate", 60, TEST(refuses_bad_sessions),
	TEST(tells_later_what_happened), TEST(finds_unfinished_tasks), TEST(separates_applications),
	TEST(attaches_one_at_a_time), TEST_EACH(repeats_the_event_that_killed, deaths),
	TEST(keeps_the_stored_configuration), TEST(keeps_the_answer_to_an_upload))
