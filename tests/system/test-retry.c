/* SPDX-License-Identifier: MIT */
/* What a background transfer does by itself when things go wrong: waits, asks again, and gives up only when told to. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

static void retry_http(transfer_config *config)
{
	transfer_config_set_retry_http_errors(config, true);
}

static void short_idle(transfer_config *config)
{
	transfer_config_set_request_timeout(config, 1000000);
}

static void short_life(transfer_config *config)
{
	transfer_config_set_request_timeout(config, 1000000);
	transfer_config_set_resource_timeout(config, 3000000);
}

/* answers that are repeated, or not (BT-41, BT-42, BT-45, SW-44, SW-45) */
static const struct {
	const char *target;
	void (*tune)(transfer_config *config);
	int want_code;
	int want_status;
	unsigned min_requests, max_requests;
} cases[] = {
	{ "/file?size=9&seed=1&status=500&fail_times=2", NULL, 0, 500, 1, 1 },
	{ "/file?size=9&seed=1&status=503&fail_times=2", retry_http, 0, 200, 3, 3 },
	{ "/file?size=9&seed=1&status=429&fail_times=1&retry_after=2", retry_http, 0, 200, 2, 2 },
	{ "/file?size=9&seed=1&status=408&fail_times=1", retry_http, 0, 200, 2, 2 },
	{ "/file?size=9&seed=1&status=404&fail_times=1", retry_http, 0, 404, 1, 1 },
	{ "/file?size=9&seed=1&delay_ms=1800", NULL, 0, 200, 1, 1 },
	{ "/file?size=9&seed=1&hang", short_life, TRANSFER_ERROR_TIMED_OUT, 0, 1, 4 },
	{ "/file?size=1M&seed=1&hang_after=100K", short_life, TRANSFER_ERROR_TIMED_OUT, 0, 1, 4 },
};

START_TEST(repeats_or_not)
{
	struct app_config config = { .tune = cases[_i].tune };
	transfer_task *task;
	struct app *app;
	unsigned n;

	rig_new(&rig);
	app = app_open(&rig, &config);
	task = app_download(app, cases[_i].target);
	ck_assert_int_eq(app_wait(app, task), cases[_i].want_code);
	if (!cases[_i].want_code)
		ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	if (cases[_i].want_status)
		ck_assert_int_eq(app_status(task), cases[_i].want_status);
	n = origin_log_count(rig.origin, "/file");
	ck_assert_uint_ge(n, cases[_i].min_requests);
	ck_assert_uint_le(n, cases[_i].max_requests);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* a body that stalls is fetched on from its bytes (BT-41) */
START_TEST(goes_on_after_a_stall)
{
	struct app_config config = { .tune = short_idle };
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &config);
	task = app_download(app, "/file?size=1M&seed=1&gate=g&gate_after=300K");
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	app_check_download(app, task, NULL, 1, 1 << 20);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert(!strncmp(entry.range, "bytes=", 6));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* nobody listens, so it waits; then somebody does */
START_TEST(waits_for_a_server)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_eq(origin_listen(rig.origin, false), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=9&seed=1");
	ck_assert_int_ne(app_wait_event(app, transfer_task_get_id(task), "done", 1, 500), 0);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_int_eq(origin_listen(rig.origin, true), 0);
	app_check_download(app, task, "file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-58: a redirect to where nobody listens: says so, and waits; it began anew each time */
START_TEST(waits_behind_a_redirect)
{
	transfer_task *task;
	struct app *app;
	char id[24], *output;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/UnitedStates");
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/UnitedStates", 2, RIG_DEADLINE_MS), 0);
	ck_assert_str_eq(APP_EVENTS(app, task), "");
	snprintf(id, sizeof(id), "%llu", (unsigned long long)transfer_task_get_id(task));
	ck_assert_int_eq(RIG_CTL(&rig, &output, "list", id, "--json=short"), 0);
	ck_assert_msg(strstr(output, "\"code\":-1004") && strstr(output, "cannot-connect-to-host"),
		"%s", output);
	free(output);
	transfer_task_cancel(task);
	app_check_failed(app, task, TRANSFER_ERROR_CANCELLED);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void die_soon(transfer_config *config)
{
	transfer_config_set_resource_timeout(config, 2000000);
}

/* the last error is the one that is reported when the resource time is over */
START_TEST(gives_up_at_the_end_of_its_time)
{
	struct app_config config = { .tune = die_soon };
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_eq(origin_listen(rig.origin, false), 0);
	app = app_open(&rig, &config);
	task = app_download(app, "/file?size=9&seed=1");
	app_check_failed(app, task, TRANSFER_ERROR_TIMED_OUT);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* all connections break again and again: each attempt goes on from the last, no byte is fetched twice without need */
START_TEST(makes_progress_through_trouble)
{
	struct origin_stats stats;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&drop_after=1M&key=k");
	app_check_download(app, task, NULL, 1, 4 << 20);
	origin_stats_get(rig.origin, "k", &stats);
	ck_assert_uint_le(stats.requests, 5);
	ck_assert_uint_le(stats.body_sent_bytes, (4u << 20) + (1u << 20));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* a task that waits does not hold up others; a cancel ends the waiting at once (BT-72) */
START_TEST(waits_alone)
{
	transfer_task *waiting, *other;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	waiting = app_download(app, "/file?size=9&seed=1&drop_after=0&key=w");
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	other = app_download(app, "/file?size=8&seed=2");
	app_check_download(app, other, "file done:0", 2, 8);
	transfer_task_cancel(waiting);
	app_check_failed(app, waiting, TRANSFER_ERROR_CANCELLED);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/retry", 60, TEST_EACH(repeats_or_not, cases), TEST(goes_on_after_a_stall),
	TEST(waits_for_a_server), TEST(waits_behind_a_redirect),
	TEST(gives_up_at_the_end_of_its_time), TEST(makes_progress_through_trouble),
	TEST(waits_alone))
