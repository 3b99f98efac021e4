/* SPDX-License-Identifier: MIT */
/*
 * The question before a delayed request, with the real daemon: BT-29 (asked once, nothing starts before the answer,
 * another request, cancelled) and BT-30 (a client without the method), over deaths of client and daemon.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;
static const char *base;
static transfer_delayed_request *kept;

static uint64_t soon_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 + 300000;
}

static transfer_task *delayed(struct app *app, const char *target)
{
	transfer_request *request = app_request(app, target);

	transfer_request_set_not_before(request, soon_us());
	return app_start(app, request);
}

static void keep(struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user)
{
	(void)app;
	(void)task;
	(void)user;
	kept = transfer_delayed_request_ref(answer);
}

static void drop(struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user)
{
	(void)app;
	(void)task;
	(void)answer;
	(void)user;
}

static void replace(
	struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user)
{
	transfer_auto(transfer_request) request = app_request(app, user);

	(void)task;
	transfer_request_add_header(request, "X-Token", "fresh");
	transfer_delayed_request_replace(answer, request);
}

static void cancel(
	struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user)
{
	(void)app;
	(void)task;
	(void)user;
	transfer_delayed_request_cancel(answer);
}

static void begin(void)
{
	rig_new(&rig);
	base = origin_base(rig.origin);
	kept = NULL;
}

/* BT-29: once, not a byte before the answer, also when the daemon dies meanwhile */
START_TEST(nothing_starts_before_the_answer)
{
	const struct app_config config = { .on_delayed = keep };
	transfer_task *task, *other;
	struct app *app;

	begin();
	app = app_open(&rig, &config);
	task = delayed(app, "/file?size=9&seed=1");
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(task), "asked", 1, RIG_DEADLINE_MS), 0);
	rig_wait_listed(&rig, "\"sub_state\":\"waiting-answer\"", 1);
	rig_restart_daemon(&rig);
	/* the session is attached again when this one has ended */
	other = app_download(app, "/file?size=9&seed=2");
	app_check_download(app, other, "file done:0", 2, 9);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	ck_assert_str_eq(APP_EVENTS(app, task), "asked");
	transfer_delayed_request_continue(kept);
	transfer_delayed_request_unref(kept);
	app_check_download(app, task, "asked file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(dropped_answer_is_the_default)
{
	const struct app_config config = { .on_delayed = drop };
	struct app *app;

	begin();
	app = app_open(&rig, &config);
	app_check_download(app, delayed(app, "/file?size=9&seed=1"), "asked file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(another_request_begins)
{
	static char target[] = "/file?size=7&seed=3";
	const struct app_config config = { .on_delayed = replace, .user = target };
	struct app *app;

	begin();
	app = app_open(&rig, &config);
	app_check_download(app, delayed(app, "/file?size=9&seed=1"), "asked file done:0", 3, 7);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(cancelled_by_the_answer)
{
	const struct app_config config = { .on_delayed = cancel };
	transfer_task *task;
	struct app *app;

	begin();
	app = app_open(&rig, &config);
	task = delayed(app, "/file?size=9&seed=1");
	ck_assert_int_eq(app_wait(app, task), TRANSFER_ERROR_CANCELLED);
	ck_assert_str_eq(APP_EVENTS(app, task), "asked done:-999");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void start_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base, .on_delayed = keep };
	struct app *app = app_open(r, &config);

	(void)user;
	delayed(app, "/file?size=9&seed=1");
	app_close(app);
}

static const struct {
	void (*on_delayed)(
		struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user);
	const char *events;
} comebacks[] = {
	{ drop, "asked file done:0" }, { NULL, "file done:0" }, /* BT-30: it cannot be asked */
};

/* the date comes while nobody is there: asked at the next attach */
START_TEST(asked_at_the_next_attach)
{
	const struct app_config config = { .on_delayed = comebacks[_i].on_delayed };
	struct app *app;

	begin();
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, NULL)), 0);
	rig_wait_listed(&rig, "\"sub_state\":\"waiting-answer\"", 1);
	rig_restart_daemon(&rig);
	rig_wait_listed(&rig, "\"sub_state\":\"waiting-answer\"", 1);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app = app_open(&rig, &config);
	ck_assert_int_eq(app_wait_id(app, 1), 0);
	ck_assert_str_eq(app_events(app, 1), comebacks[_i].events);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* Cancelled while it is asked: the answer is void. */
START_TEST(withdrawn)
{
	const struct app_config config = { .on_delayed = keep };
	transfer_task *task;
	struct app *app;

	begin();
	app = app_open(&rig, &config);
	task = delayed(app, "/file?size=9&seed=1");
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(task), "asked", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "cancel", "1"), 0);
	ck_assert_int_eq(app_wait(app, task), TRANSFER_ERROR_CANCELLED);
	transfer_delayed_request_continue(kept);
	transfer_delayed_request_unref(kept);
	app_flush(app);
	ck_assert_str_eq(APP_EVENTS(app, task), "asked done:-999");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/question", 60, TEST(nothing_starts_before_the_answer),
	TEST(dropped_answer_is_the_default), TEST(another_request_begins),
	TEST(cancelled_by_the_answer), TEST_EACH(asked_at_the_next_attach, comebacks),
	TEST(withdrawn))
