/* SPDX-License-Identifier: MIT */
/*
 * Shows a background upload with progress, the server's answer and its body.
 *
 *	bg_upload [--allow-insecure] FILE URL
 *
 * The file is copied by transferd when the task is made, so it may be removed at once. Interrupt the program: the upload
 * goes on; "transferctl list" shows it, and the next run gets its events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/transfer.h>

#define IDENTIFIER "com.example.upload"

static void on_send(transfer_session *session, transfer_task *task, int64_t bytes,
	int64_t total_bytes, int64_t expected_bytes, void *userdata)
{
	(void)session;
	(void)task;
	(void)bytes;
	(void)userdata;
	fprintf(stderr, "%lld of %lld bytes\n", (long long)total_bytes, (long long)expected_bytes);
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	(void)session;
	(void)task;
	(void)userdata;
	fwrite(transfer_data_get_bytes(data), 1, transfer_data_get_size(data), stdout);
}

static void on_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	transfer_auto(transfer_response) response = transfer_task_copy_response(task);

	(void)session;
	(void)userdata;
	if (error)
		fprintf(stderr, "failed: %s\n", transfer_error_get_message(error));
	else if (response)
		printf("answered %d\n", transfer_response_get_status(response));
}

/* The bus is gone, for instance: nothing more is told. */
static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	int *is_over = userdata;

	(void)session;
	if (error)
		fprintf(stderr, "bg_upload: %s\n", transfer_error_get_message(error));
	*is_over = 1;
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.task_did_send = on_send,
	.task_did_complete = on_complete,
	.data_did_receive = on_data,
};

int main(int argc, char **argv)
{
	int insecure = argc > 1 && !strcmp(argv[1], "--allow-insecure");
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_session) session = NULL;
	transfer_auto(transfer_task) task = NULL;
	transfer_auto(transfer_request) request = NULL;
	transfer_auto(transfer_config) config = transfer_config_new_background(IDENTIFIER);
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();
	int is_over = 0;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate,
		.userdata = &is_over, .queue = queue };

	if (argc != 3 + insecure) {
		fprintf(stderr, "usage: bg_upload [--allow-insecure] FILE URL\n");
		return 2;
	}
	transfer_config_set_allow_insecure(config, insecure);
	if (transfer_client_new(&client, 0, &error) ||
		transfer_session_new(&session, client, config, &owner, &error)) {
		fprintf(stderr, "%s\n", transfer_error_get_message(error));
		return EXIT_FAILURE;
	}
	request = transfer_request_new(argv[2 + insecure]);
	task = transfer_session_upload_task_file(session, request, argv[1 + insecure], NULL, NULL);
	transfer_task_resume(task);
	while (!is_over && transfer_task_get_state(task) != TRANSFER_TASK_STATE_COMPLETED &&
		transfer_queue_dispatch(queue, -1) >= 0)
		;
	while (transfer_queue_dispatch(queue, 0) > 0)
		;
	return transfer_task_wait(task, 0, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
