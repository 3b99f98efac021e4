/* SPDX-License-Identifier: MIT */
/*
 * Sessions in memory without memory, with the real daemon: a task that was made and resumed has one end, whole or with an
 * error, the session is told to be invalid, and nobody waits for ever.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/transfer.h>

#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"
#include "tests/torture/torture.h"
#include "tests/torture/world.h"

#define DEADLINE_MS  20000
#define ANSWER_BYTES 5000
#define BODY_BYTES   70000 /* more than a message holds: a file in memory */

static const char *base;
static char file_url[4400]; /* of a file that says "file" */

/* ---- the application ---- */

struct application {
	transfer_client *client;
	transfer_queue *queue;
	transfer_session *session;
	unsigned n_made, n_ends, n_cancelled, n_failed;
	unsigned n_responses, n_files, n_answers;
	size_t n_bytes;
	bool is_invalid;
};

static void note_end(struct application *app, const transfer_error *error)
{
	app->n_ends++;
	if (error && transfer_error_get_code(error) == TRANSFER_ERROR_CANCELLED)
		app->n_cancelled++;
	else if (error)
		app->n_failed++;
}

static void on_response(transfer_session *session, transfer_task *task,
	const transfer_response *response, transfer_disposition *answer, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)task;
	app->n_responses += response != NULL;
	(void)transfer_disposition_set(answer, TRANSFER_RESPONSE_ALLOW);
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)task;
	app->n_bytes += transfer_data_get_size(data);
}

static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)task;
	(void)path;
	(void)fd;
	app->n_files++;
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	(void)session;
	(void)task;
	note_end(userdata, error);
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	(void)session;
	(void)error;
	app->is_invalid = true;
}

/* The first task says it by itself, and its credential is kept for the second one. */
static void on_challenge(transfer_session *session, transfer_task *task,
	transfer_challenge *challenge, void *userdata)
{
	transfer_auto(transfer_credential) credential = NULL;
	struct application *app = userdata;

	(void)session;
	(void)task;
	if (transfer_challenge_get_proposed(challenge)) {
		(void)transfer_challenge_default(challenge);
		return;
	}
	credential = transfer_credential_new_password("user", "passwd", TRANSFER_PERSIST_SESSION);
	if (credential)
		(void)transfer_challenge_use(challenge, credential);
	else
		app->n_failed++;
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.data_did_receive_response = on_response,
	.data_did_receive = on_data,
	.download_did_finish = on_file,
	.task_did_complete = on_done,
	.task_did_receive_challenge = on_challenge,
};

static void on_body(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	app->n_responses += response != NULL;
	if (!error)
		TORTURE_CHECK(body != NULL);
	app->n_bytes += body ? transfer_data_get_size(body) : 0;
	note_end(app, error);
}

static void on_path(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	(void)fd;
	app->n_responses += response != NULL;
	if (!error)
		TORTURE_CHECK(path != NULL);
	app->n_files += path != NULL;
	note_end(app, error);
}

/* ---- a protocol of its own ---- */

static bool can_init(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return strncmp(transfer_request_get_url(request), "own:", strlen("own:")) == 0;
}

static void lead_on(transfer_load *load)
{
	transfer_auto(transfer_response) response = transfer_response_new("own:led", NULL, 0, NULL);
	transfer_auto(transfer_request) request = transfer_request_new("own:there");

	if (!response || !request || transfer_load_redirect(load, response, request))
		(void)transfer_load_fail(load, NULL);
}

static void on_start(transfer_load *load, void *userdata)
{
	static const char bytes[ANSWER_BYTES];
	transfer_auto(transfer_response)
		response = transfer_response_new("own:a", "text/plain", ANSWER_BYTES, NULL);
	transfer_auto(transfer_data) data = transfer_data_new_copy(bytes, sizeof(bytes));

	(void)userdata;
	if (!strcmp(transfer_request_get_url(transfer_load_get_request(load)), "own:led"))
		lead_on(load);
	else if (!response || !data ||
		transfer_load_respond(load, response, TRANSFER_STORAGE_ALLOWED) ||
		transfer_load_give(load, data))
		(void)transfer_load_fail(load, NULL);
	else
		(void)transfer_load_finish(load);
}

static const struct transfer_protocol protocol = {
	TRANSFER_PROTOCOL_INIT,
	.can_init = can_init,
	.start = on_start,
};

/* ---- its life ---- */

static int open_session(struct application *app)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_error *error = NULL;
	struct transfer_owner owner = {
		TRANSFER_OWNER_INIT,
		.delegate = &delegate,
		.userdata = app,
	};
	int r;

	/* of its own, so that nothing of it is left when it is gone */
	torture_pause();
	TORTURE_CHECK(transfer_client_new(&app->client, 0, NULL) == 0);
	torture_go_on();
	app->queue = transfer_queue_new_manual();
	if (!config || !app->queue)
		return -ENOMEM;
	r = transfer_config_set_allow_insecure(config, true);
	if (!r)
		r = transfer_config_add_protocol(config, &protocol);
	owner.queue = app->queue;
	if (!r)
		r = transfer_session_new(&app->session, app->client, config, &owner, &error);
	transfer_error_unref(error);
	return r;
}

static void wait_for(struct application *app, const unsigned *count, unsigned want)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (count ? *count < want : !app->is_invalid) {
		TORTURE_CHECK(proc_left_ms(until_ms) > 0); /* it hangs */
		(void)transfer_queue_dispatch(app->queue, 100);
	}
}

/* Whatever was lacking, the last of all is told, once there is memory again. */
static int close_session(struct application *app, int r)
{
	if (app->session) {
		wait_for(app, &app->n_ends, app->n_made);
		transfer_session_invalidate_and_cancel(app->session);
		wait_for(app, NULL, 0);
		TORTURE_CHECK(app->n_ends == app->n_made);
	}
	transfer_session_unref(app->session);
	transfer_queue_unref(app->queue);
	torture_pause();
	transfer_client_unref(app->client);
	torture_go_on();
	return r || app->n_failed ? -ENOMEM : 0;
}

static int start(struct application *app, transfer_task *task)
{
	if (!task)
		return -ENOMEM;
	app->n_made++;
	transfer_task_resume(task);
	transfer_task_unref(task);
	return 0;
}

static transfer_request *ask(const char *path)
{
	char url[200];

	snprintf(url, sizeof(url), "%s%s", base, path);
	return transfer_request_new(url);
}

static int start_data(struct application *app, const char *url, transfer_data_handler handler)
{
	transfer_auto(transfer_request) request = url[0] == '/' ? ask(url)
								: transfer_request_new(url);

	if (!request)
		return -ENOMEM;
	return start(app, transfer_session_data_task(app->session, request, handler, app));
}

static int start_download(struct application *app, transfer_file_handler handler)
{
	transfer_auto(transfer_request) request = ask("/file?size=5000&seed=2");

	if (!request)
		return -ENOMEM;
	return start(app, transfer_session_download_task(app->session, request, handler, app));
}

static int start_upload(struct application *app, transfer_data_handler handler)
{
	static const char bytes[BODY_BYTES];
	transfer_auto(transfer_request) request = ask("/upload");
	transfer_auto(transfer_data) data = transfer_data_new_copy(bytes, sizeof(bytes));

	if (!request || !data || transfer_request_set_method(request, "POST"))
		return -ENOMEM;
	return start(
		app, transfer_session_upload_task_data(app->session, request, data, handler, app));
}

static int start_cancelled(struct application *app)
{
	transfer_auto(transfer_request) request = ask("/file?size=1000000&seed=3");
	transfer_task *task;

	if (!request)
		return -ENOMEM;
	task = transfer_session_download_task(app->session, request, NULL, NULL);
	if (!task)
		return -ENOMEM;
	app->n_made++;
	transfer_task_resume(task);
	transfer_task_cancel(task);
	transfer_task_unref(task);
	return 0;
}

/* ---- scenarios ---- */

static int come_and_go(void)
{
	struct application app = { 0 };

	return close_session(&app, open_session(&app));
}

static int tell_a_delegate(void)
{
	struct application app = { 0 };
	int r = open_session(&app);

	if (!r)
		r = start_data(&app, "/file?size=5000&seed=1", NULL);
	if (!r)
		r = start_upload(&app, NULL);
	if (!r)
		r = start_download(&app, NULL);
	if (!r)
		r = start_cancelled(&app);
	r = close_session(&app, r);
	if (!r)
		TORTURE_CHECK(app.n_files == 1 && app.n_bytes >= ANSWER_BYTES &&
			app.n_responses >= 2 && app.n_cancelled == 1);
	return r;
}

static int tell_handlers(void)
{
	struct application app = { 0 };
	int r = open_session(&app);

	if (!r)
		r = start_data(&app, "/file?size=5000&seed=1", on_body);
	if (!r)
		r = start_upload(&app, on_body);
	if (!r)
		r = start_download(&app, on_path);
	r = close_session(&app, r);
	if (!r)
		TORTURE_CHECK(
			app.n_files == 1 && app.n_bytes >= ANSWER_BYTES && app.n_responses == 3);
	return r;
}

static int load_here(void)
{
	struct application app = { 0 };
	int r = open_session(&app);

	if (!r)
		r = start_data(&app, "data:text/plain;charset=\"utf-8\";base64,VGVzdA==", NULL);
	if (!r)
		r = start_data(&app, "data:,handler", on_body);
	if (!r)
		r = start_data(&app, "own:a", NULL);
	if (!r)
		r = start_data(&app, "own:led", on_body);
	if (!r)
		r = start_data(&app, file_url, NULL);
	if (!r)
		r = start_data(&app, file_url, on_body);
	r = close_session(&app, r);
	if (!r)
		TORTURE_CHECK(app.n_bytes ==
			strlen("Test"
			       "handler"
			       "file"
			       "file") +
				2 * ANSWER_BYTES);
	return r;
}

static int forget_one(const transfer_protection_space *space, const transfer_credential *credential,
	bool is_default, void *userdata)
{
	(void)is_default;
	transfer_credential_store_remove(userdata, space, credential);
	return 0;
}

static int say_who(void)
{
	static const char asked[] = "/file?size=5000&seed=1&auth=Basic%20dXNlcjpwYXNzd2Q="
				    "&www=Basic%20realm=%22r%22";
	struct application app = { 0 };
	int r = open_session(&app);

	if (!r)
		r = start_data(&app, asked, NULL);
	if (!r)
		wait_for(&app, &app.n_ends, 1);
	if (!r)
		r = start_data(&app, asked, on_body);
	r = close_session(&app, r);
	if (!r)
		TORTURE_CHECK(app.n_bytes == 2 * ANSWER_BYTES);
	torture_pause();
	(void)transfer_credential_store_foreach(transfer_credential_store_get("shared"), NULL,
		forget_one, transfer_credential_store_get("shared"));
	torture_go_on();
	return r;
}

/* ---- what is asked of the session ---- */

static void on_tasks(transfer_task *const *tasks, size_t n_tasks, void *userdata)
{
	struct application *app = userdata;

	app->n_answers++;
	app->n_failed += !tasks;
	TORTURE_CHECK(!n_tasks);
}

static void on_lists(const struct transfer_task_lists *lists, void *userdata)
{
	struct application *app = userdata;

	app->n_answers++;
	app->n_failed += !lists->data;
}

static void on_answered(const transfer_error *error, void *userdata)
{
	struct application *app = userdata;

	app->n_answers++;
	app->n_failed += error != NULL;
}

static int ask_the_session(void)
{
	struct application app = { 0 };
	int r = open_session(&app);

	if (r)
		return close_session(&app, r);
	transfer_session_get_tasks(app.session, on_tasks, &app);
	transfer_session_get_task_lists(app.session, on_lists, &app);
	transfer_session_flush(app.session, on_answered, &app);
	transfer_session_reset(app.session, on_answered, &app);
	r = close_session(&app, r);
	TORTURE_CHECK(app.n_answers == 4);
	return r;
}

/* A store remembers some of what was removed: it has as much of it from the first run on. */
static void remove_some(void)
{
	transfer_credential_store *store = transfer_credential_store_get("shared");
	transfer_auto(transfer_credential)
		nobody = transfer_credential_new_password("nobody", "", TRANSFER_PERSIST_SESSION);

	for (int i = 0; i < 100; i++) {
		transfer_auto(transfer_protection_space) space = transfer_protection_space_new(
			"h.example", 80, "http", NULL, TRANSFER_AUTH_BASIC);

		TORTURE_CHECK(store && nobody && space);
		transfer_credential_store_remove(store, space, nobody);
	}
}

static void make_world(void)
{
	remove_some();
	snprintf(file_url, sizeof(file_url), "file://%s/asked", world_folder());
	TORTURE_CHECK(tmpdir_write(file_url + strlen("file://"), "file") == 0);
	base = world_origin();
	world_bus();
}

int main(void)
{
	static const struct torture scenarios[] = {
		{ .name = "a session comes and goes", .run = come_and_go, .is_noisy = true },
		{ .name = "a delegate is told",
			.run = tell_a_delegate,
			.is_noisy = true,
			.n_sampled = 25 },
		{ .name = "handlers are told",
			.run = tell_handlers,
			.is_noisy = true,
			.n_sampled = 25 },
		{ .name = "the program loads", .run = load_here, .is_noisy = true },
		{ .name = "a server asks who it is",
			.run = say_who,
			.is_noisy = true,
			.n_sampled = 25 },
		{ .name = "the session is asked", .run = ask_the_session, .is_noisy = true },
	};

	make_world();
	return torture_main(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
