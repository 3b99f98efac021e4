/* SPDX-License-Identifier: MIT */
/*
 * The client library and the connection below it without memory, with the real daemon: a call that fails says so, a
 * task that was made ends, and its end is told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/manager.h>
#include <transfer/transfer.h>

#include "tests/lib/proc.h"
#include "tests/torture/torture.h"
#include "tests/torture/world.h"

#define DEADLINE_MS 20000

static const char *base;
static transfer_client *the_client;
static transfer_manager *the_manager;
static unsigned n_runs;

/* ---- objects ---- */

static int make_request(void)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/a");
	transfer_auto(transfer_request) copy = NULL;
	int r;

	if (!request)
		return -ENOMEM;
	(void)transfer_request_set_method(request, "GET");
	(void)transfer_request_set_header(request, "Accept", "text/html");
	(void)transfer_request_add_header(request, "X-A", "b");
	(void)transfer_request_set_destination(request, "/tmp/x", false);
	(void)transfer_request_set_checksum(request, "md5", "00000000000000000000000000000000");
	(void)transfer_request_set_description(request, "text");
	/* the first bad setter sticks */
	r = transfer_request_get_status(request);
	if (r)
		return r;
	copy = transfer_request_copy(request);
	if (copy)
		TORTURE_CHECK(strcmp(transfer_request_get_header(copy, "x-a"), "b") == 0);
	return copy ? 0 : -ENOMEM;
}

static int make_configuration(void)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("torture");
	transfer_auto(transfer_config) copy = NULL;
	int r;

	if (!config)
		return -ENOMEM;
	(void)transfer_config_set_app_id(config, "org.example.Torture");
	(void)transfer_config_set_header(config, "X-A", "b");
	(void)transfer_config_set_allow_insecure(config, true);
	r = transfer_config_get_status(config);
	if (r)
		return r;
	copy = transfer_config_copy(config);
	return copy ? 0 : -ENOMEM;
}

static int make_queue(void)
{
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();

	return queue ? 0 : -ENOMEM;
}

/* ---- the bus ---- */

static int connect_client(void)
{
	transfer_client *client = NULL;
	transfer_error *error = NULL;
	int r = transfer_client_new(&client, 0, &error);

	TORTURE_CHECK(!r || !client);
	transfer_error_unref(error);
	transfer_client_unref(client);
	return r;
}

static int connect_manager(void)
{
	transfer_manager *manager = NULL;
	transfer_error *error = NULL;
	int r = transfer_manager_new(&manager, 0, &error);

	TORTURE_CHECK(!r || !manager);
	transfer_error_unref(error);
	transfer_manager_unref(manager);
	return r;
}

static int list_tasks(void)
{
	transfer_task_list *list = NULL;
	transfer_error *error = NULL;
	int r = transfer_manager_list_tasks(the_manager, NULL, NULL, &list, &error);

	TORTURE_CHECK(!r || !list);
	transfer_error_unref(error);
	transfer_task_list_unref(list);
	return r;
}

static int list_sessions(void)
{
	transfer_session_list *list = NULL;
	transfer_error *error = NULL;
	int r = transfer_manager_list_sessions(the_manager, &list, &error);

	TORTURE_CHECK(!r || !list);
	transfer_error_unref(error);
	transfer_session_list_unref(list);
	return r;
}

static int get_statistics(void)
{
	transfer_statistics *statistics = NULL;
	transfer_error *error = NULL;
	int r = transfer_manager_get_statistics(the_manager, &statistics, &error);

	TORTURE_CHECK(!r || !statistics);
	transfer_error_unref(error);
	transfer_statistics_unref(statistics);
	return r;
}

/* ---- sessions ---- */

struct application {
	transfer_queue *queue;
	transfer_session *session;
	transfer_task *task;
	unsigned n_files, n_ends;
	int code;
	bool is_invalid;
};

static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)path;
	(void)fd;
	app->n_files += task == app->task;
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	if (task != app->task)
		return; /* of a run before this one */
	app->n_ends++;
	app->code = error ? transfer_error_get_code(error) : 0;
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)error;
	app->is_invalid = true;
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.task_did_complete = on_done,
	.download_did_finish = on_file,
};

static int open_session(struct application *app)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("torture");
	transfer_error *error = NULL;
	struct transfer_owner owner = {
		TRANSFER_OWNER_INIT,
		.delegate = &delegate,
		.userdata = app,
	};
	int r;

	app->queue = transfer_queue_new_manual();
	if (!config || !app->queue)
		return -ENOMEM;
	(void)transfer_config_set_app_id(config, "org.example.Torture");
	r = transfer_config_set_allow_insecure(config, true);
	owner.queue = app->queue;
	if (!r)
		r = transfer_config_get_status(config);
	if (!r)
		r = transfer_session_new(&app->session, the_client, config, &owner, &error);
	transfer_error_unref(error);
	return r;
}

static void close_session(struct application *app)
{
	transfer_task_unref(app->task);
	transfer_session_unref(app->session);
	transfer_queue_unref(app->queue);
	torture_pause();
	TORTURE_CHECK(transfer_client_flush(the_client, DEADLINE_MS) == 0);
	torture_go_on();
}

static int come_and_go(void)
{
	struct application app = { 0 };
	int r = open_session(&app);

	close_session(&app);
	return r;
}

static int start_task(struct application *app, bool is_steered)
{
	char url[200];
	transfer_auto(transfer_request) request = NULL;

	snprintf(url, sizeof(url), "%s/file?size=1000&seed=1&key=%u", base, ++n_runs);
	request = transfer_request_new(url);
	if (!request)
		return -ENOMEM;
	app->task = transfer_session_download_task(app->session, request, NULL, NULL);
	if (!app->task)
		return -ENOMEM;
	if (is_steered) {
		torture_pause(); /* transferd knows it: the verbs travel alone */
		(void)transfer_client_flush(the_client, DEADLINE_MS);
		torture_go_on();
		transfer_task_resume(app->task);
		transfer_task_suspend(app->task);
	}
	transfer_task_resume(app->task);
	return 0;
}

/* A task that was made has an end: with its file, or with an error that says that it never began. */
static int run_task(bool is_steered)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;
	struct application app = { 0 };
	int r = open_session(&app);

	if (!r)
		r = start_task(&app, is_steered);
	while (!r && !app.n_ends && !app.is_invalid) {
		TORTURE_CHECK(proc_left_ms(until_ms) > 0); /* it hangs */
		(void)transfer_queue_dispatch(app.queue, 100);
	}
	TORTURE_CHECK(app.n_ends <= 1);
	if (app.n_ends && !app.code)
		TORTURE_CHECK(app.n_files == 1);
	close_session(&app);
	return r || app.code || app.is_invalid ? -ENOMEM : 0;
}

static int download(void)
{
	return run_task(false);
}

static int steered_download(void)
{
	return run_task(true);
}

static void make_world(void)
{
	world_folder();
	base = world_origin();
	world_bus();
	TORTURE_CHECK(transfer_client_new(&the_client, 0, NULL) == 0);
	TORTURE_CHECK(transfer_manager_new(&the_manager, 0, NULL) == 0);
}

int main(void)
{
	static const struct torture scenarios[] = {
		TORTURE("request is made", make_request),
		TORTURE("configuration is made", make_configuration),
		TORTURE("queue is made", make_queue),
		{ .name = "client connects", .run = connect_client, .is_noisy = true },
		{ .name = "manager connects", .run = connect_manager, .is_noisy = true },
		{ .name = "tasks are listed", .run = list_tasks, .is_noisy = true },
		{ .name = "sessions are listed", .run = list_sessions, .is_noisy = true },
		{ .name = "statistics are asked for", .run = get_statistics, .is_noisy = true },
		{ .name = "session comes and goes", .run = come_and_go, .is_noisy = true },
		{ .name = "download", .run = download, .is_noisy = true },
		{ .name = "steered download", .run = steered_download, .is_noisy = true },
	};

	make_world();
	return torture_main(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
