/* SPDX-License-Identifier: MIT */
/* What a delegate makes of an answer: allow, cancel, a download. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/manager.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static struct live_app *app;
static enum transfer_response_disposition wanted;
static transfer_disposition *kept;
static int result;

static void set_wanted(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user)
{
	(void)task;
	(void)user;
	ck_assert_ptr_nonnull(response);
	result = transfer_disposition_set(answer, wanted);
}

static void keep(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user)
{
	(void)task;
	(void)response;
	(void)user;
	kept = transfer_disposition_ref(answer);
}

/* says nothing, and keeps nothing */
static void drop(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user)
{
	(void)task;
	(void)response;
	(void)answer;
	(void)user;
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static void begin_with(void (*answer)(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user))
{
	kept = NULL;
	rig_new(&rig);
	app = live_open(&rig, &(struct live_app_config){ .on_response = answer });
}

/* bodies in all the ways in which they come */
static const struct {
	const char *target;
	size_t size_bytes;
} bodies[] = {
	{ "/unauthorized", 0 },
	{ "/file?seed=4&size=5", 5 },
	{ "/file?seed=4&size=65535", 65535 },
	{ "/file?seed=4&size=65537", 65537 },
	{ "/file?seed=4&size=3000000", 3000000 },
	{ "/file?seed=4&size=300000&chunked", 300000 },
	{ "/file?seed=4&size=300000&coding=gzip", 300000 },
	{ "/file?seed=4&size=300000&no_length", 300000 },
};
#define N_BODIES (sizeof(bodies) / sizeof(*bodies))

/* GS-11, GS-17, GS-18: an answer that is allowed later; nothing of the body is told before */
static void check_allowed_later(const char *target, size_t size_bytes)
{
	char want[96], status[8];
	transfer_task *task;

	task = live_data(app, live_request(app, NULL, target));
	live_wait_event(app, task, "resp", 1);
	snprintf(status, sizeof(status), "%s", size_bytes ? "200" : "401");
	snprintf(want, sizeof(want), "created resp:%s", status);
	ck_assert_str_eq(live_events(app, task), want);
	ck_assert_int_eq(transfer_disposition_set(kept, TRANSFER_RESPONSE_ALLOW), 0);
	ck_assert_int_eq(transfer_disposition_set(kept, TRANSFER_RESPONSE_CANCEL), -EALREADY);
	if (size_bytes)
		snprintf(want, sizeof(want), "created resp:%s data:%zu done:0", status, size_bytes);
	else
		snprintf(want, sizeof(want), "created resp:%s done:0", status);
	live_check(app, task, want);
	transfer_disposition_unref(kept);
}

START_TEST(answers_to_responses)
{
	begin_with(keep);
	for (size_t i = 0; i < N_BODIES; i++)
		check_allowed_later(bodies[i].target, bodies[i].size_bytes);
	end();
}
END_TEST

START_TEST(cancels)
{
	char want[96];
	transfer_task *task;

	wanted = TRANSFER_RESPONSE_CANCEL;
	begin_with(set_wanted);
	for (size_t i = 0; i < N_BODIES; i++) {
		task = live_data(app, live_request(app, NULL, bodies[i].target));
		snprintf(want, sizeof(want), "created resp:%s done:-999",
			bodies[i].size_bytes ? "200" : "401");
		live_check(app, task, want);
		ck_assert_int_eq(result, 0);
	}
	end();
}
END_TEST

static void check_becomes_download(const char *target, size_t size_bytes)
{
	char want[96];
	transfer_task *task, *download;

	origin_log_clear(rig.origin);
	task = live_data(app, live_request(app, NULL, target));
	snprintf(want, sizeof(want), "created resp:%s became", size_bytes ? "200" : "401");
	live_check(app, task, want);
	download = live_download_of(app, task);
	ck_assert_ptr_nonnull(download);
	ck_assert_int_eq(transfer_task_get_kind(download), TRANSFER_TASK_DOWNLOAD);
	live_check(app, download, "created file done:0");
	ck_assert_int_eq(origin_bytes_check(live_file(app, download), 4, size_bytes), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
}

START_TEST(becomes_a_download_with_what_came)
{
	wanted = TRANSFER_RESPONSE_BECOME_DOWNLOAD;
	begin_with(set_wanted);
	for (size_t i = 0; i < N_BODIES; i++)
		check_becomes_download(bodies[i].target, bodies[i].size_bytes);
	end();
}
END_TEST

/* What is said around the answer holds for the download, each once: of that which comes too late for the task, too. */
static const struct {
	bool says_before;
} steers[] = { { true }, { false } };

static void steer(transfer_task *task)
{
	transfer_task_suspend(task);
	ck_assert_int_eq(transfer_task_set_priority(task, 0.75), 0);
}

static void check_steered(transfer_task *download)
{
	const struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.include_in_app = true };
	transfer_auto(transfer_manager) manager = NULL;
	transfer_auto(transfer_task_list) list = NULL;
	const struct transfer_task_row *row;

	ck_assert_int_eq(transfer_client_flush(live_client(app), RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(transfer_task_get_state(download), TRANSFER_TASK_STATE_SUSPENDED);
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
	ck_assert_int_eq(transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), 0);
	ck_assert_uint_eq(transfer_task_list_get_size(list), 1);
	row = transfer_task_list_get(list, 0);
	ck_assert_double_eq(row->priority, 0.75);
	ck_assert_uint_eq(row->n_suspensions, 1);
}

START_TEST(a_steered_task_is_a_steered_download)
{
	transfer_task *task, *download;

	begin_with(keep);
	task = live_data(
		app, live_request(app, NULL, "/file?size=4000&seed=4&gate=g&gate_after=9"));
	live_wait_event(app, task, "resp", 1);
	if (steers[_i].says_before) {
		steer(task);
		ck_assert_int_eq(transfer_client_flush(live_client(app), RIG_DEADLINE_MS), 0);
	}
	ck_assert_int_eq(kill(bus_daemon_pid(rig.bus), SIGSTOP), 0);
	ck_assert_int_eq(transfer_disposition_set(kept, TRANSFER_RESPONSE_BECOME_DOWNLOAD), 0);
	transfer_disposition_unref(kept);
	if (!steers[_i].says_before)
		steer(task);
	ck_assert_int_eq(kill(bus_daemon_pid(rig.bus), SIGCONT), 0);
	live_check(app, task, "created resp:200 became");
	download = live_download_of(app, task);
	check_steered(download);
	transfer_task_resume(download);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	live_check(app, download, "created file done:0");
	end();
}
END_TEST

START_TEST(becomes_no_stream)
{
	transfer_task *task;

	wanted = TRANSFER_RESPONSE_BECOME_STREAM;
	begin_with(set_wanted);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	ck_assert_int_eq(live_wait(app, task), TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION);
	ck_assert_int_eq(result, -EOPNOTSUPP);
	end();
}
END_TEST

START_TEST(is_allowed_when_nobody_answers)
{
	transfer_task *task;

	begin_with(drop);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	end();
}
END_TEST

START_TEST(answered_too_late)
{
	transfer_task *task;

	begin_with(keep);
	task = live_data(app, live_request(app, NULL, "/file?size=100000"));
	live_wait_event(app, task, "resp", 1);
	transfer_task_cancel(task);
	live_check(app, task, "created resp:200 done:-999");
	ck_assert_int_eq(transfer_disposition_set(kept, TRANSFER_RESPONSE_ALLOW), -ESTALE);
	transfer_disposition_unref(kept);
	end();
}
END_TEST

/* codings that are cut or that grow without end are no answers */
static const struct {
	const char *target;
	int want_code;
} codings[] = {
	{ "/file?size=100000&coding=gzip&coded_permille=500",
		TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=100000&coding=br&coded_permille=500", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=100000&coding=zstd&coded_permille=500",
		TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=100000&coding=deflate&coded_permille=500",
		TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=30K&coding=gzip&coded_permille=1", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=30K&coding=gzip&coded_permille=999", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=20M&zeros&coding=gzip", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=30K&coding=gzip&coded_junk=junk", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=30K&coding=gzip&coded_as=br", TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA },
	{ "/file?size=30K&coding=gzip&coded_as=compress",
		TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA },
	{ "/file?size=30K&coding=gzip,gzip,gzip,gzip,gzip,gzip",
		TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA },
};

START_TEST(refuses_cut_codings)
{
	transfer_task *task, *handled;

	rig_new(&rig);
	/* the response before an unknown coding is only told, the task has ended: nobody needs an answer */
	app = live_open(&rig, &(struct live_app_config){ .unasked = true });
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
		task = live_data(app, live_request(app, NULL, codings[i].target));
		handled = live_handled(app, live_request(app, NULL, codings[i].target));
		ck_assert_int_eq(live_wait(app, task), codings[i].want_code);
		ck_assert_int_eq(live_wait(app, handled), codings[i].want_code);
	}
	end();
}
END_TEST

/* SW-02 */
START_TEST(offers_brotli)
{
	transfer_task *task;

	rig_new(&rig);
	app = live_open(&rig, NULL);
	task = live_handled(app, live_request(app, NULL, "/accept-encoding"));
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_ptr_nonnull(strstr(live_body(app, task, NULL), "br"));
	ck_assert_ptr_nonnull(strstr(live_body(app, task, NULL), "gzip"));
	end();
}
END_TEST

/* each part has a response of its own, told when it begins and not when it ends, and its bytes are those between */
static const char *const parts[] = { "", "&part_lengths", "&boundary=a%20b",
	"&part_type=image/png" };

static void check_parts(unsigned variant)
{
	char target[128], gate[16], want[3000];
	transfer_task *task;
	const char *body;
	size_t n;

	snprintf(target, sizeof(target), "/file?parts=3&size=1000&seed=6&part_gate=%u-%s", variant,
		parts[variant]);
	task = live_data(app, live_request(app, NULL, target));
	for (unsigned i = 1; i < 3; i++) {
		live_wait_event(app, task, "resp", i);
		snprintf(gate, sizeof(gate), "%u-%u", variant, i);
		ck_assert_int_eq(origin_release(rig.origin, gate), 0);
	}
	live_check(app, task,
		"created resp:200 data:1000 resp:200 data:1000 resp:200 data:1000 done:0");
	body = live_body(app, task, &n);
	for (unsigned i = 0; i < 3; i++)
		origin_bytes(6 + i, 0, want + i * 1000, 1000);
	ck_assert_uint_eq(n, sizeof(want));
	ck_assert_int_eq(memcmp(body, want, n), 0);
}

START_TEST(each_part_has_a_response)
{
	rig_new(&rig);
	app = live_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		check_parts(i);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-response", 60, TEST(answers_to_responses), TEST(cancels),
	TEST(becomes_a_download_with_what_came),
	TEST_EACH(a_steered_task_is_a_steered_download, steers), TEST(becomes_no_stream),
	TEST(is_allowed_when_nobody_answers), TEST(answered_too_late), TEST(refuses_cut_codings),
	TEST(each_part_has_a_response), TEST(offers_brotli))
