/* SPDX-License-Identifier: MIT */
/* Whose turn it is: between applications, after an end of any kind, by priority after a restart, and how fast. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

static void limit(const char *what)
{
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", what), 0);
}

/* the place of that request in the order of arrival, from 1 */
static unsigned place_of(const char *mark)
{
	struct origin_entry entry;
	unsigned n = origin_log_count(rig.origin, "/");

	for (unsigned i = 1; i <= n; i++) {
		ck_assert_int_eq(origin_log_find(rig.origin, "/", i, &entry), 0);
		if (strstr(entry.target, mark))
			return i;
	}
	ck_abort_msg("%s was never asked for", mark);
}

/* UDM-26: an application with one task does not wait behind the queue of another */
START_TEST(applications_take_turns)
{
	const struct app_config many = { .app_id = "org.example.Many" };
	const struct app_config one = { .app_id = "org.example.One" };
	transfer_task *tasks[21], *single;
	struct app *a, *b;
	char target[64];

	rig_new(&rig);
	limit("tasks=1");
	a = app_open(&rig, &many);
	b = app_open(&rig, &one);
	tasks[0] = app_download(a, "/file?size=9&seed=1&gate=g&gate_after=5");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 5, RIG_DEADLINE_MS), 0);
	for (unsigned i = 1; i <= 20; i++) {
		snprintf(target, sizeof(target), "/file?size=9&seed=1&many=%u", i);
		tasks[i] = app_download(a, target);
	}
	single = app_download(b, "/file?size=9&seed=1&single");
	origin_release(rig.origin, "g");
	app_check_download(b, single, "file done:0", 1, 9);
	for (unsigned i = 0; i <= 20; i++)
		app_check_download(a, tasks[i], "file done:0", 1, 9);
	/* the one that ran, then the single one */
	ck_assert_uint_eq(place_of("single"), 2);
	app_close(a);
	app_close(b);
	rig_done(&rig);
}
END_TEST

/* UDM-27: however the running one leaves its place, the next takes it */
static const struct {
	const char *target;
	void (*act)(transfer_task *task); /* NULL: it ends by itself */
} leavings[] = {
	{ "/country.txt?hang", transfer_task_cancel },
	{ "/country.txt?hang", transfer_task_suspend },
	{ "/country.txt?delay_ms=300", NULL },
	{ "/redirect/99?delay_ms=300", NULL },
	{ "/404?delay_ms=300", NULL },
	{ "/file?drop_after=0&delay_ms=300", NULL },
};

START_TEST(the_next_takes_the_place)
{
	transfer_task *first, *next;
	struct app *app;

	rig_new(&rig);
	limit("tasks=1");
	app = app_open(&rig, NULL);
	first = app_download(app, leavings[_i].target);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/", 1, RIG_DEADLINE_MS), 0);
	next = app_download(app, "/contentOK");
	if (leavings[_i].act) {
		ck_assert_uint_eq(origin_log_count(rig.origin, "/contentOK"), 0);
		leavings[_i].act(first);
		app_flush(app);
	}
	ck_assert_int_eq(app_wait(app, next), 0);
	ck_assert_str_eq(APP_EVENTS(app, next), "file done:0");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-36: the order of priorities is kept over the daemon's death; equal ones in the order of their making */
START_TEST(priority_survives)
{
	static const double priorities[] = { 0.2, 0.9, 0.5, 0.9 };
	static const char *const want[] = { "mark=1", "mark=3", "mark=2", "mark=0" };
	transfer_task *tasks[4];
	struct app *app;
	char target[64];

	rig_new(&rig);
	limit("tasks=1");
	limit("mode=paused");
	app = app_open(&rig, NULL);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(target, sizeof(target), "/file?size=9&seed=1&mark=%u", i);
		tasks[i] = app_make(app, app_request(app, target));
		transfer_task_set_priority(tasks[i], priorities[i]);
		transfer_task_resume(tasks[i]);
	}
	app_flush(app);
	rig_restart_daemon(&rig);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 4);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	limit("mode=running");
	for (unsigned i = 0; i < 4; i++)
		app_check_download(app, tasks[i], "file done:0", 1, 9);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(place_of(want[i]), i + 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* UDM-05: the bound of the whole daemon holds for what is made later and for what runs already, and is lifted for both */
START_TEST(one_bound_for_all)
{
	transfer_task *running, *later;
	struct app *app;
	uint64_t begun_ms;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	running = app_download(app, "/file?size=2M&seed=1&gate=g&gate_after=1M");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 1 << 20, RIG_DEADLINE_MS), 0);
	limit("down=1M");
	begun_ms = proc_now_ms();
	origin_release(rig.origin, "g");
	later = app_download(app, "/file?size=3M&seed=2");
	app_check_download(app, running, "file done:0", 1, 2 << 20);
	app_check_download(app, later, "file done:0", 2, 3 << 20);
	/* four MiB were left, three of them of a download that began with the bound */
	ck_assert_uint_ge(proc_now_ms() - begun_ms, 2000);
	later = app_download(app, "/file?size=60M&seed=3");
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(later), "progress", 1, RIG_DEADLINE_MS),
		0);
	begun_ms = proc_now_ms();
	limit("down=0");
	app_check_download(app, later, "file done:0", 3, 60 << 20);
	ck_assert_uint_lt(proc_now_ms() - begun_ms, 15000);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/turns", 60, TEST(applications_take_turns),
	TEST_EACH(the_next_takes_the_place, leavings), TEST(priority_survives),
	TEST(one_bound_for_all))
