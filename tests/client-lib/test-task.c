/* SPDX-License-Identifier: MIT */
/* Tasks: made, refused, steered, looked at, waited for. */
#include "client-lib/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

START_TEST(downloads)
{
	transfer_auto(transfer_response) response = NULL;
	struct transfer_progress progress = { .size = sizeof(progress) };
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_finish_by_itself(rig.peer, true);
	task = rig_download(&rig, "https://example.org/a");
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	rig_expect(&rig, "complete 100 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "write 8/8\nfinished task 100\ncomplete 100 0\n"));
	ck_assert_ptr_eq(rig.kept, task);
	ck_assert_int_eq(transfer_task_wait(task, 0, NULL), 0);
	ck_assert_ptr_null(transfer_task_copy_error(task));
	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_eq(progress.received_bytes, 8);
	ck_assert(peer_wait(rig.peer, peer_has_acked, 2));
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(fails_with_an_error)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_error) copy = NULL;
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	ck_assert_uint_eq(transfer_task_get_id(task), 100);
	ck_assert_int_eq(transfer_task_wait(task, 0, NULL), -ETIMEDOUT);
	peer_complete(rig.peer, 100, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_int_eq(transfer_task_wait(task, 10000, &error), -EIO);
	ck_assert_str_eq(transfer_error_get_name(error), "timed-out");
	ck_assert_str_eq(transfer_error_get_message(error), "timed out");
	ck_assert_str_eq(transfer_error_get_failing_url(error), "https://example.org/x");
	copy = transfer_task_copy_error(task);
	ck_assert_ptr_eq(copy, error);
	rig_expect(&rig, "complete 100 -1001\n");
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

static void on_body(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *u)
{
	(void)body;
	(void)response;
	(void)error;
	(void)u;
}

static void on_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *u)
{
	(void)path;
	(void)fd;
	(void)response;
	(void)error;
	(void)u;
}

/* What background sessions do not offer: the task exists, and completes with the reason. */
START_TEST(refuses)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/a");
	transfer_auto(transfer_data) data = transfer_data_new_copy("x", 1);
	struct rig rig;
	transfer_task *tasks[5];

	rig_init(&rig, 0);
	rig_open(&rig);
	tasks[0] = transfer_session_download_task(rig.session, request, on_file, NULL);
	tasks[1] = transfer_session_upload_task_file(
		rig.session, request, "/etc/hostname", on_body, NULL);
	tasks[2] = transfer_session_upload_task_data(rig.session, request, data, NULL, NULL);
	tasks[3] = transfer_session_data_task(rig.session, request, NULL, NULL);
	tasks[4] = transfer_session_download_task_resume(rig.session, data, on_file, NULL);
	for (int i = 0; i < 5; i++) {
		transfer_auto(transfer_error) error = NULL;

		ck_assert_ptr_nonnull(tasks[i]);
		ck_assert_int_eq(transfer_task_wait(tasks[i], 0, &error), -EIO);
		ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
		ck_assert_int_eq(transfer_error_get_code(error),
			TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION);
		ck_assert_ptr_nonnull(transfer_error_get_hint(error));
		transfer_task_resume(tasks[i]);
		transfer_task_cancel(tasks[i]);
		ck_assert_int_eq(
			transfer_task_set_delegate(tasks[i], &rig_delegate, NULL), -EOPNOTSUPP);
		transfer_task_unref(tasks[i]);
	}
	rig_flush(&rig);
	while (rig_count(&rig, "complete 0 25\n") < 5)
		ck_assert_int_gt(transfer_queue_dispatch(rig.queue, 10000), 0);
	ck_assert_uint_eq(peer_n_create_calls(rig.peer), 0);
	rig_done(&rig);
}
END_TEST

static const struct {
	const char *url, *path;
	int domain, code;
} faults[] = {
	{ NULL, NULL, TRANSFER_DOMAIN_URL, TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "ftp://example.org/a", NULL, TRANSFER_DOMAIN_URL, TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "https://bad/", NULL, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_INVALID_REQUEST },
	{ "https://example.org/", "/nonexistent/file", TRANSFER_DOMAIN_URL,
		TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "https://example.org/", "/", TRANSFER_DOMAIN_URL, TRANSFER_ERROR_FILE_IS_DIRECTORY },
};

START_TEST(completes_with_what_is_wrong)
{
	transfer_auto(transfer_request) request = transfer_request_new(faults[_i].url);
	transfer_auto(transfer_error) error = NULL;
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	task = faults[_i].path ? transfer_session_upload_task_file(
					 rig.session, request, faults[_i].path, NULL, NULL)
			       : transfer_session_download_task(rig.session, request, NULL, NULL);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, 10000, &error), -EIO);
	ck_assert_int_eq((int)transfer_error_get_domain(error), faults[_i].domain);
	ck_assert_int_eq(transfer_error_get_code(error), faults[_i].code);
	rig_expect(&rig, "complete 0 ");
	ck_assert_uint_eq(rig_count(&rig, "complete"), 1);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(is_steered)
{
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	task = rig_download(&rig, "https://example.org/a");
	transfer_task_suspend(task);
	rig_flush(&rig);
	ck_assert(peer_is_suspended(rig.peer, 100));
	transfer_task_resume(task);
	rig_flush(&rig);
	ck_assert(peer_is_suspended(rig.peer, 100));
	transfer_task_resume(task);
	rig_flush(&rig);
	ck_assert(!peer_is_suspended(rig.peer, 100));
	transfer_task_suspend(task);
	ck_assert_int_eq(transfer_task_set_priority(task, 1.5), -EINVAL);
	ck_assert_int_eq(transfer_task_set_priority(task, 0.75), 0);
	ck_assert_int_eq(transfer_task_set_description(task, "new"), 0);
	ck_assert_int_eq(transfer_task_set_max_rate(task, 1000), 0);
	rig_flush(&rig);
	ck_assert(peer_is_suspended(rig.peer, 100));
	ck_assert_double_eq(peer_priority(rig.peer, 100), 0.75);
	ck_assert_double_eq(transfer_task_get_priority(task), 0.75);
	ck_assert_str_eq(peer_describe(rig.peer, 100), "download https://example.org/a new - - -");
	transfer_task_cancel(task);
	transfer_task_cancel(task);
	rig_expect(&rig, "complete 100 -999\n");
	ck_assert(peer_is_cancelled(rig.peer, 100));
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(uploads_a_file)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/in");
	char *path, *description;
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(tmpdir_write(path, "content"), 0);
	ck_assert_int_eq(transfer_request_set_description(request, "report"), 0);
	ck_assert_int_eq(transfer_request_set_header(request, "X-A", "b"), 0);
	task = transfer_session_upload_task_file(rig.session, request, path, NULL, NULL);
	/* what happens to the request afterwards is no business of the task */
	transfer_request_set_header(request, "X-A", "c");
	transfer_task_resume(task);
	rig_flush(&rig);
	ck_assert_str_eq(
		peer_describe(rig.peer, 100), "upload https://example.org/in report - b content");
	description = transfer_task_copy_description(task);
	ck_assert_str_eq(description, "report");
	ck_assert_int_eq(transfer_task_get_kind(task), TRANSFER_TASK_UPLOAD);
	peer_body(rig.peer, 100, "small", false);
	peer_body(rig.peer, 100, "in a file", true);
	peer_complete(rig.peer, 100, 0);
	rig_expect(&rig, "complete 100 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "data 'small'\ndata 'in a file'\ncomplete"));
	free(description);
	free(path);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

static void on_resume_data(const transfer_data *data, void *user)
{
	struct rig *rig = user;

	strncat(rig->log,
		data && transfer_data_get_size(data) == 3 ? "resume data\n" : "no resume data\n",
		sizeof(rig->log) - strlen(rig->log) - 1);
}

START_TEST(gives_resume_data)
{
	transfer_auto(transfer_data) data = transfer_data_new_copy("r\0d", 3);
	struct rig rig;
	transfer_task *task, *whole, *next;

	rig_init(&rig, 0);
	rig_open(&rig);
	task = rig_download(&rig, "https://example.org/a");
	whole = rig_download(&rig, "https://example.org/whole");
	transfer_task_cancel_by_producing_resume_data(task, on_resume_data, &rig);
	rig_expect(&rig, "resume data\n");
	rig_expect(&rig, "complete 100 -999\n");
	/* what cannot be continued is cancelled all the same */
	transfer_task_cancel_by_producing_resume_data(whole, on_resume_data, &rig);
	rig_expect(&rig, "no resume data\n");
	rig_expect(&rig, "complete 101 -999\n");
	next = transfer_session_download_task_resume(rig.session, data, NULL, NULL);
	rig_flush(&rig);
	ck_assert_str_eq(peer_describe(rig.peer, 102), "download resumed - - - -");
	transfer_task_unref(task);
	transfer_task_unref(whole);
	transfer_task_unref(next);
	rig_done(&rig);
}
END_TEST

START_TEST(is_waited_for_in_vain_when_the_session_is_over)
{
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	rig_close_session(&rig);
	ck_assert_int_eq(transfer_task_wait(task, -1, NULL), -ENOTCONN);
	ck_assert_uint_eq(transfer_task_get_id(task), 100);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/task", TEST(downloads), TEST(fails_with_an_error), TEST(refuses),
	TEST_EACH(completes_with_what_is_wrong, faults), TEST(is_steered), TEST(uploads_a_file),
	TEST(gives_resume_data), TEST(is_waited_for_in_vain_when_the_session_is_over))
