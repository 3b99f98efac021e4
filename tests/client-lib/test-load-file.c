/* SPDX-License-Identifier: MIT */
/* file: and data: without transferd: bytes, order, lengths, types, downloads, and errors by name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static struct live_rig rig;
static transfer_session *session;
static char folder[4096]; /* nobody else's */

static void on_metrics(transfer_session *of, transfer_task *task,
	const struct transfer_metrics *metrics, void *userdata)
{
	const struct transfer_transaction *row = metrics->transactions[0];

	(void)of;
	(void)task;
	(void)userdata;
	ck_assert_uint_eq(metrics->n_transactions, 1);
	ck_assert_int_eq(row->fetch_type, TRANSFER_FETCH_LOCAL);
	ck_assert_str_eq(row->method, "GET");
	ck_assert_uint_gt(metrics->created_wall_usec, 0);
	ck_assert_uint_ge(metrics->started_wall_usec, metrics->created_wall_usec);
	ck_assert_uint_ge(row->response_start_wall_usec, metrics->started_wall_usec);
	ck_assert_uint_ge(metrics->finished_wall_usec, row->response_start_wall_usec);
	live_rig_note(&rig, "metrics %d %llu %s\n", row->status,
		(unsigned long long)row->response_body_bytes, row->url);
}

static void begin_told(struct transfer_session_delegate told)
{
	live_rig_init(&rig, NULL);
	session = live_rig_open(&rig, NULL, &told);
	snprintf(folder, sizeof(folder), "%s/files", tmpdir_new());
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(chdir(folder), 0);
}

static void begin(void)
{
	struct transfer_session_delegate told = live_rig_delegate;

	told.task_did_collect_metrics = NULL;
	begin_told(told);
}

static void end(void)
{
	transfer_session_invalidate_and_cancel(session);
	live_rig_expect(&rig, "inval 0\n");
	transfer_session_unref(session);
	live_rig_done(&rig);
}

static void make_file(const char *name, size_t size)
{
	FILE *file = fopen(name, "w");

	for (size_t i = 0; i < size; i++)
		putc('a' + (int)(i % 26), file);
	ck_assert(!ferror(file));
	ck_assert_int_eq(fclose(file), 0);
}

static transfer_task *get(const char *url, transfer_data_handler handler)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_task *task = transfer_session_data_task(session, request, handler, &rig);

	transfer_task_resume(task);
	return task;
}

static char *url_of(const char *name)
{
	char *url;

	ck_assert_int_gt(asprintf(&url, "file://%s/%s", folder, name), 0);
	return url;
}

START_TEST(reads_a_file)
{
	transfer_auto(transfer_response) response = NULL;
	transfer_task *task;
	char *url;

	begin();
	make_file("a b.html", 5);
	url = url_of("a%20b.html");
	task = get(url, NULL);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_str_eq(rig.log, "created 1\nresp 0\ndata 'abcde'\ndone 1 0\n");
	response = transfer_task_copy_response(task);
	ck_assert_str_eq(transfer_response_get_url(response), url);
	ck_assert_str_eq(transfer_response_get_mime_type(response), "text/html");
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), "a b.html");
	ck_assert_int_eq(transfer_response_get_expected_length(response), 5);
	transfer_task_unref(task);
	free(url);
	end();
}
END_TEST

/* They come right before the end. */
START_TEST(has_metrics)
{
	struct transfer_session_delegate told = live_rig_delegate;
	transfer_task *task;

	told.task_did_collect_metrics = on_metrics;
	begin_told(told);
	task = get("data:,abc", NULL);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_str_eq(
		rig.log, "created 1\nresp 0\ndata 'abc'\nmetrics 0 3 data:,abc\ndone 1 0\n");
	transfer_task_unref(task);
	end();
}
END_TEST

/* More than may wait at once: it goes on as it is taken. */
START_TEST(reads_a_large_file)
{
	const size_t size = 5 * 1024 * 1024 + 3;
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_task *task;
	char *url;

	begin();
	make_file("large", size);
	rig.is_quiet = true;
	url = url_of("large");
	task = get(url, NULL);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_uint_eq(rig.n_data_bytes, size);
	transfer_task_get_progress(task, &progress);
	ck_assert_int_eq(progress.received_bytes, (int64_t)size);
	ck_assert_int_eq(progress.expected_receive_bytes, (int64_t)size);
	transfer_task_unref(task);
	free(url);
	end();
}
END_TEST

static size_t n_whole;

static void on_whole(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	const char *bytes = transfer_data_get_bytes(body);
	bool is_right = true;

	ck_assert_ptr_null(error);
	ck_assert_ptr_nonnull(response);
	n_whole = transfer_data_get_size(body);
	for (size_t i = 0; i < n_whole; i++)
		is_right &= bytes[i] == 'a' + (int)(i % 26);
	ck_assert(is_right);
	live_rig_note(userdata, "handler\n");
}

START_TEST(hands_over_a_whole_file)
{
	const size_t size = 2 * 1024 * 1024 + 1;
	char *url;

	begin();
	make_file("large", size);
	url = url_of("large");
	transfer_task_unref(get(url, on_whole));
	live_rig_expect(&rig, "handler\n");
	ck_assert_uint_eq(n_whole, size);
	free(url);
	end();
}
END_TEST

static const struct {
	const char *url; /* behind the folder, or whole */
	int code;
} refused[] = {
	{ "missing", TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "file/below", TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "", TRANSFER_ERROR_FILE_IS_DIRECTORY },
	{ "fifo", TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE },
	{ "file%00", TRANSFER_ERROR_BAD_URL },
	{ "file%zz", TRANSFER_ERROR_BAD_URL },
	{ "file:///dev/null", TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE },
	{ "file://example.org/etc/hosts", TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "file:relative", TRANSFER_ERROR_BAD_URL },
	{ "file:", TRANSFER_ERROR_BAD_URL },
	{ "data:text/plain", TRANSFER_ERROR_BAD_URL },
	{ "data:;base64,A", TRANSFER_ERROR_BAD_URL },
};

START_TEST(fails_by_name)
{
	bool is_whole = strchr(refused[_i].url, ':');
	transfer_auto(transfer_error) error = NULL;
	char want[64], *url;
	transfer_task *task;

	begin();
	make_file("file", 1);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	url = is_whole ? strdup(refused[_i].url) : url_of(refused[_i].url);
	task = get(url, NULL);
	live_rig_expect(&rig, "done 1");
	snprintf(want, sizeof(want), "created 1\ndone 1 %d\n", refused[_i].code);
	ck_assert_str_eq(rig.log, want);
	error = transfer_task_copy_error(task);
	ck_assert_str_eq(transfer_error_get_failing_url(error), url);
	transfer_task_unref(task);
	free(url);
	end();
}
END_TEST

static const struct {
	const char *url, *log;
} data_urls[] = {
	{ "data:,123", "created 1\nresp 0\ndata '123'\ndone 1 0\n" },
	{ "data:,", "created 1\nresp 0\ndone 1 0\n" },
	{ "DATA:;base64,YWJj", "created 1\nresp 0\ndata 'abc'\ndone 1 0\n" },
	{ "file:/dev/../etc/../missing", "created 1\ndone 1 -1100\n" },
};

START_TEST(needs_no_daemon)
{
	begin();
	transfer_task_unref(get(data_urls[_i].url, NULL));
	live_rig_expect(&rig, "done 1");
	ck_assert_str_eq(rig.log, data_urls[_i].log);
	end();
}
END_TEST

static void download(const char *url, const char *destination, bool overwrite, bool handled)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_task *task;

	if (destination)
		transfer_request_set_destination(request, destination, overwrite);
	task = transfer_session_download_task(
		session, request, handled ? live_rig_on_file : NULL, &rig);
	transfer_task_resume(task);
	transfer_task_unref(task);
}

START_TEST(downloads)
{
	begin();
	ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
	download("data:,abc", NULL, false, false);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "\nwrote 3/3\nfile 'abc'\ndone 1 0\n"));
	live_rig_dispatch(&rig);
	/* nothing stays that nobody wanted */
	ck_assert_int_eq(rmdir(folder), 0);
	end();
}
END_TEST

START_TEST(downloads_for_a_handler)
{
	begin();
	ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
	download("data:,abc", NULL, false, true);
	live_rig_expect(&rig, "file");
	ck_assert_str_eq(rig.log, "created 1\nhandler 0 0\nfile 'abc'\n");
	live_rig_dispatch(&rig);
	ck_assert_int_eq(rmdir(folder), 0);
	end();
}
END_TEST

static void on_file_for_one(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct stat st;

	(void)fd;
	(void)response;
	ck_assert_ptr_null(error);
	ck_assert_int_eq(stat(path, &st), 0);
	live_rig_note(userdata, "mode %o\n", (unsigned int)st.st_mode & 0777);
}

/* others can look into the folder for temporary files */
START_TEST(a_file_for_one_user)
{
	transfer_auto(transfer_request) request = transfer_request_new("data:,abc");
	transfer_auto(transfer_task) task = NULL;
	mode_t mask = umask(022);

	begin();
	ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
	task = transfer_session_download_task(session, request, on_file_for_one, &rig);
	transfer_task_resume(task);
	live_rig_expect(&rig, "mode ");
	ck_assert_ptr_nonnull(strstr(rig.log, "mode 600\n"));
	end();
	umask(mask);
}
END_TEST

static const struct {
	bool is_there, overwrite;
	const char *log;
} destinations[] = {
	{ false, false, "\nwrote 3/3\nfile 'abc'\ndone 1 0\n" },
	{ true, true, "\nwrote 3/3\nfile 'abc'\ndone 1 0\n" },
	{ true, false, "\nwrote 3/3\ndone 1 -3000\n" },
};

START_TEST(downloads_to_a_destination)
{
	char path[5000];
	struct stat st;

	mode_t mask = umask(027);

	begin();
	snprintf(path, sizeof(path), "%s/there", folder);
	if (destinations[_i].is_there)
		make_file("there", 7);
	download("data:,abc", path, destinations[_i].overwrite, false);
	live_rig_expect(&rig, "done 1");
	ck_assert_ptr_nonnull(strstr(rig.log, destinations[_i].log));
	live_rig_dispatch(&rig);
	ck_assert_int_eq(stat("there", &st), 0);
	ck_assert_int_eq(st.st_size, strstr(rig.log, "done 1 0") ? 3 : 7);
	/* the rights of any new file */
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(unlink("there"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	end();
	umask(mask);
}
END_TEST

RUN_TESTS("client-lib/load-file", TEST(reads_a_file), TEST(has_metrics), TEST(reads_a_large_file),
	TEST(hands_over_a_whole_file), TEST_EACH(fails_by_name, refused),
	TEST_EACH(needs_no_daemon, data_urls), TEST(downloads), TEST(downloads_for_a_handler),
	TEST(a_file_for_one_user), TEST_EACH(downloads_to_a_destination, destinations))
