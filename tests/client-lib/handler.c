/* SPDX-License-Identifier: MIT */
/*
 * An application for test-handover: handler SESSION COUNT [URL...] starts the downloads, handles COUNT events (-1: until
 * no task is left) and ends cleanly; with CRASH=N in the environment it dies inside its N-th callback, before it has said
 * what it did. It prints "file ID BYTES", "complete ID CODE" and "drained".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <transfer/transfer.h>
#include <unistd.h>

struct handler {
	int n_calls, crash_at;
	bool done;
};

static void enter(struct handler *h)
{
	if (++h->n_calls == h->crash_at)
		_exit(42);
}

static void on_tasks(transfer_task *const *tasks, size_t n_tasks, void *userdata)
{
	struct handler *h = userdata;

	(void)tasks;
	h->done = n_tasks == 0;
}

static void on_drained(transfer_session *session, void *userdata)
{
	(void)userdata;
	puts("drained");
	transfer_session_get_tasks(session, on_tasks, userdata);
}

static void on_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	enter(userdata);
	printf("complete %llu %d\n", (unsigned long long)transfer_task_get_id(task),
		error ? transfer_error_get_code(error) : 0);
	transfer_session_get_tasks(session, on_tasks, userdata);
}

static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct stat by_name, by_fd;
	bool same = !stat(path, &by_name) && !fstat(fd, &by_fd) && by_name.st_ino == by_fd.st_ino;

	(void)session;
	enter(userdata);
	printf("file %llu %lld\n", (unsigned long long)transfer_task_get_id(task),
		same ? (long long)by_fd.st_size : -1);
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_finish_background_events = on_drained,
	.task_did_complete = on_complete,
	.download_did_finish = on_file,
};

static void start(transfer_session *session, char **urls)
{
	for (; *urls; urls++) {
		transfer_auto(transfer_request) request = transfer_request_new(*urls);
		transfer_auto(transfer_task)
			task = transfer_session_download_task(session, request, NULL, NULL);

		transfer_task_resume(task);
	}
}

int main(int argc, char **argv)
{
	const char *crash = getenv("CRASH");
	struct handler handler = { .crash_at = crash ? (int)strtol(crash, NULL, 10) : 0 };
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_session) session = NULL;
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();
	transfer_auto(transfer_config) config = NULL;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate,
		.userdata = &handler, .queue = queue };
	int count;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	count = (int)strtol(argv[2], NULL, 10);
	config = transfer_config_new_background(argv[1]);
	transfer_config_set_allow_insecure(config, true);
	if (transfer_client_new(&client, 0, &error) ||
		transfer_session_new(&session, client, config, &owner, &error)) {
		fprintf(stderr, "%s\n", transfer_error_get_message(error));
		return 1;
	}
	start(session, argv + 3);
	while (!handler.done && (count < 0 || handler.n_calls < count)) {
		if (transfer_queue_dispatch(queue, -1) < 0)
			return 1;
	}
	return 0;
}
