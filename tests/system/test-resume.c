/* SPDX-License-Identifier: MIT */
/* Going on from the bytes that are there: after a cut, a suspension, the daemon's death, and with resume data. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SIZE (4u << 20)
#define HALF (2u << 20)

static struct rig rig;

/* the first answer breaks off in the middle; what is asked next, and that the file is right (BT-40, BT-78, N-19, N-20, N-22) */
static const struct {
	const char *knobs;
	bool want_range; /* the second request asks for the rest */
	bool want_if_range;
	unsigned max_requests;
	unsigned want_seed;
} cuts[] = {
	{ "", true, true, 2, 1 },
	{ "&drop=rst", true, true, 2, 1 },
	{ "&etag=none&lastmod=1000000000", true, true, 2, 1 },
	{ "&weak&lastmod=1000000000", true, true, 2, 1 },
	{ "&etag=none", false, false, 2, 1 },
	{ "&weak", false, false, 2, 1 },
	{ "&noranges", false, false, 2, 1 },
	{ "&changed_after=1", true, true, 2, 1000004 },
	{ "&ifrange_200", true, true, 3, 1 },
	{ "&wrong_start=1", true, true, 4, 1 },
	{ "&wrong_total=7", true, true, 4, 1 },
	{ "&no_content_range", true, true, 4, 1 },
	{ "&multipart", true, true, 4, 1 },
	{ "&other_etag", true, true, 4, 1 },
	{ "&always_416", true, true, 4, 1 },
	{ "&wrong_end=9", true, true, 4, 1 },
	{ "&coded_206", true, true, 4, 1 },
	{ "&coding=gzip", false, false, 2, 1 },
	{ "&coding=zstd&coded_after=1&noranges", false, false, 2, 1 },
};

START_TEST(goes_on_after_a_cut)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char target[256];
	unsigned long long from = 0;
	unsigned n;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?size=4M&seed=1&drop_after=2M&drop_times=1%s",
		cuts[_i].knobs);
	task = app_download(app, target);
	app_check_download(app, task, NULL, cuts[_i].want_seed, SIZE);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_int_eq(*entry.range != '\0', cuts[_i].want_range);
	ck_assert_int_eq(*entry.if_range != '\0', cuts[_i].want_if_range);
	if (cuts[_i].want_range) {
		ck_assert_int_eq(sscanf(entry.range, "bytes=%llu-", &from), 1);
		ck_assert_uint_gt(from, 0);
		ck_assert_uint_le(from, HALF);
	}
	n = origin_log_count(rig.origin, "/file");
	ck_assert_uint_le(n, cuts[_i].max_requests);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-20: an answer in the middle that is no part of the file */
static const struct {
	const char *target; /* of the continued request: the first is cut by a gate and a restart */
	int want_status;
} finals[] = {
	{ "/file?size=4M&seed=1&status=403", 403 },
	{ "/file?size=4M&seed=1&status=404", 404 },
};

START_TEST(reports_the_answer_to_a_continuation)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, finals[_i].target);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), finals[_i].want_status);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* suspended in the middle, then resumed: the same bytes are not fetched twice (BT-82) */
START_TEST(goes_on_after_suspension)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	unsigned long long from;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, HALF, RIG_DEADLINE_MS), 0);
	transfer_task_suspend(task);
	app_flush(app);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	/* nothing moves while it is suspended */
	ck_assert_int_ne(origin_wait_arrived(rig.origin, "/file", 2, 1500), 0);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	transfer_task_resume(task);
	app_check_download(app, task, NULL, 1, SIZE);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_int_eq(sscanf(entry.range, "bytes=%llu-", &from), 1);
	ck_assert_uint_gt(from, 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	app_close(app);
	rig_done(&rig);
}
END_TEST

struct answer {
	transfer_data *data;
	int fd; /* written to when the answer is here */
};

static void on_resume_data(const transfer_data *data, void *userdata)
{
	struct answer *answer = userdata;

	answer->data = data ? transfer_data_ref(data) : NULL;
	ck_assert_int_eq(write(answer->fd, "x", 1), 1);
}

/* cancels in the middle and gives the data; NULL: there is none */
static transfer_data *cancel_with_data(transfer_task *task)
{
	struct answer answer = { 0 };
	int fds[2];
	char byte;

	ck_assert_int_eq(pipe(fds), 0);
	answer.fd = fds[1];
	transfer_task_cancel_by_producing_resume_data(task, on_resume_data, &answer);
	ck_assert_int_eq(proc_wait_fd(fds[0], RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return answer.data;
}

/* BT-74 to BT-77, N-22: when there is resume data, and what it is good for */
static const struct {
	const char *knobs;
	bool want_data;
	unsigned seed_after; /* of the file that the second task gets */
	bool from_start; /* the server has another version: all of it is fetched */
} datas[] = {
	{ "", true, 1, false },
	{ "&etag=none&lastmod=1000000000", true, 1, false },
	{ "&changed_after=1", true, 1000004, true },
	{ "&etag=none", false, 0, false },
	{ "&weak", false, 0, false },
	{ "&noranges", false, 0, false },
	{ "&coding=gzip", false, 0, false },
	{ "&method=POST", false, 0, false },
};

START_TEST(makes_resume_data)
{
	transfer_task *task, *next;
	transfer_request *request;
	transfer_data *data;
	struct app *app;
	char target[256];
	const char *events;
	long long offset, total;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?size=4M&seed=1&gate=g&gate_after=2M%s",
		datas[_i].knobs);
	request = app_request(app, target);
	if (strstr(target, "=POST"))
		ck_assert_int_eq(transfer_request_set_method(request, "POST"), 0);
	task = app_start(app, request);
	/* the gate counts what is on the wire, coding and all */
	app_wait_bytes(app, task, HALF / 2);
	data = cancel_with_data(task);
	app_check_failed(app, task, TRANSFER_ERROR_CANCELLED);
	ck_assert_int_eq(data != NULL, datas[_i].want_data);
	origin_release(rig.origin, "g");
	if (data) {
		transfer_auto(transfer_error) error = transfer_task_copy_error(task);
		const transfer_data *same = transfer_error_get_resume_data(error);

		ck_assert_ptr_nonnull(same);
		ck_assert_uint_eq(transfer_data_get_size(same), transfer_data_get_size(data));
		ck_assert_mem_eq(transfer_data_get_bytes(same), transfer_data_get_bytes(data),
			transfer_data_get_size(data));
		next = transfer_session_download_task_resume(app_session(app), data, NULL, NULL);
		transfer_task_resume(next);
		app_flush(app);
		app_check_download(app, next, NULL, datas[_i].seed_after, SIZE);
		events = APP_EVENTS(app, next);
		ck_assert_int_eq(
			sscanf(events, "resume:%lld:%lld file done:0", &offset, &total), 2);
		if (datas[_i].from_start)
			ck_assert_int_eq(offset, 0);
		else
			ck_assert_int_gt(offset, 0);
		ck_assert_int_eq(total, SIZE);
		/* one request did it */
		ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
		ck_assert_int_eq(app_status(next), datas[_i].from_start ? 200 : 206);
		transfer_task_unref(next);
		/* it is used up (BT-80) */
		next = transfer_session_download_task_resume(app_session(app), data, NULL, NULL);
		transfer_task_resume(next);
		app_flush(app);
		ck_assert_int_eq(app_wait(app, next), TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
		transfer_task_unref(next);
		transfer_data_unref(data);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* damaged, foreign or empty resume data: an error, never a crash (BT-81, SW-27, S-24) */
START_TEST(refuses_damaged_resume_data)
{
	transfer_task *task;
	transfer_data *data;
	struct app *app;
	unsigned char *bytes;
	size_t size;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_wait_bytes(app, task, HALF);
	data = cancel_with_data(task);
	ck_assert_ptr_nonnull(data);
	size = transfer_data_get_size(data);
	bytes = malloc(size);
	for (size_t i = 0; i <= size; i += i < 8 ? 1 : size / 16 + 1) {
		transfer_data *wrong;

		memcpy(bytes, transfer_data_get_bytes(data), size);
		if (i < size)
			bytes[i] ^= 0x41;
		wrong = transfer_data_new_copy(bytes, i == size ? size / 2 : i == 7 ? 0 : size);
		task = transfer_session_download_task_resume(app_session(app), wrong, NULL, NULL);
		transfer_data_unref(wrong);
		transfer_task_resume(task);
		app_flush(app);
		ck_assert_int_eq(transfer_task_wait(task, RIG_DEADLINE_MS, NULL), -EIO);
		{
			transfer_auto(transfer_error) error = transfer_task_copy_error(task);

			/* no data at all is refused at once */
			ck_assert_int_eq(transfer_error_get_code(error),
				i == 7 ? TRANSFER_BUS_ERROR_NO_RESUME_DATA
				       : TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
		}
		transfer_task_unref(task);
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	free(bytes);
	transfer_data_unref(data);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the partial file shrinks or vanishes while the daemon is dead: never a hole (BT-79, F-10) */
static const char *const damages[] = {
	"find \"$1/state\" -type f -size +100k -not -name '*.db*' -not -name 'ballast*' -exec truncate -s 1000 {} +",
	"find \"$1/state\" -type f -size +100k -not -name '*.db*' -not -name 'ballast*' -delete",
};

START_TEST(survives_a_damaged_part)
{
	const char *argv[] = { "sh", "-c", NULL, "sh", NULL, NULL };
	transfer_task *task;
	struct app *app;
	uint64_t id;
	int status;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_wait_bytes(app, task, HALF);
	transfer_task_suspend(task); /* its bytes are durable now */
	app_flush(app);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	id = transfer_task_get_id(task);
	/* an attached client would have the daemon started again at once */
	app_close(app);
	ck_assert_int_eq(bus_stop_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	argv[2] = damages[_i];
	argv[4] = rig.folder;
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, NULL, &status), 0);
	ck_assert_int_eq(status, 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	app = app_open(&rig, NULL);
	task = app_find_task(app, id);
	ck_assert_ptr_nonnull(task);
	transfer_task_resume(task);
	app_check_download(app, task, NULL, 1, SIZE);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void live_briefly(transfer_config *config)
{
	transfer_config_set_resource_timeout(config, 2000000);
}

/* BT-42: the time is over in the middle of a download: -1001, with data to go on from; what is suspended has no clock */
START_TEST(gives_resume_data_when_the_time_is_over)
{
	const struct app_config config = { .tune = live_briefly };
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task, *next, *suspended;
	const transfer_data *data;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &config);
	suspended = app_download(app, "/file?size=4M&seed=2&gate=s&gate_after=2M");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, HALF, RIG_DEADLINE_MS), 0);
	transfer_task_suspend(suspended);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_check_failed(app, task, TRANSFER_ERROR_TIMED_OUT);
	error = transfer_task_copy_error(task);
	data = transfer_error_get_resume_data(error);
	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(transfer_task_get_state(suspended), TRANSFER_TASK_STATE_SUSPENDED);
	origin_release(rig.origin, "g");
	origin_release(rig.origin, "s");
	next = transfer_session_download_task_resume(app_session(app), data, NULL, NULL);
	transfer_task_resume(next);
	transfer_task_resume(suspended);
	app_flush(app);
	app_check_download(app, next, NULL, 1, SIZE);
	ck_assert_int_eq(strncmp(APP_EVENTS(app, next), "resume:", 7), 0);
	app_check_download(app, suspended, NULL, 2, SIZE);
	transfer_task_unref(next);
	app_close(app);
	rig_done(&rig);
}
END_TEST

#define PASSWORD "Basic dXNlcjpwYXNzd2Q="

static char base[256], kept[4200];

/* A program that stops in the middle, and leaves the resume data to the next one. */
static void stop_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);
	transfer_request *request = app_request(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	transfer_data *data;
	transfer_task *task;
	FILE *file;

	(void)user;
	transfer_request_set_header(request, "Authorization", PASSWORD);
	transfer_request_set_header(request, "X-Mine", "a field");
	task = app_start(app, request);
	app_wait_bytes(app, task, HALF);
	data = cancel_with_data(task);
	ck_assert_ptr_nonnull(data);
	file = fopen(kept, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(
		fwrite(transfer_data_get_bytes(data), 1, transfer_data_get_size(data), file),
		transfer_data_get_size(data));
	ck_assert_int_eq(fclose(file), 0);
	transfer_data_unref(data);
	app_wait(app, task);
	app_settle(app);
	app_close(app);
}

static transfer_data *read_kept(void)
{
	char bytes[65536];
	FILE *file = fopen(kept, "r");
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	/* no password leaves the daemon */
	ck_assert_ptr_null(memmem(bytes, n, "dXNlcj", 6));
	return transfer_data_new_copy(bytes, n);
}

static void check_second_request(void)
{
	struct origin_entry entry;
	char value[64];

	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert(*entry.range != '\0');
	ck_assert(origin_entry_header(&entry, "Authorization", value, sizeof(value)));
	ck_assert_str_eq(value, PASSWORD);
	ck_assert(origin_entry_header(&entry, "X-Mine", value, sizeof(value)));
	ck_assert_str_eq(value, "a field");
}

/* Program and daemon are others when it goes on: bytes and request are those of the task that was stopped. */
START_TEST(brings_the_request_along)
{
	transfer_data *data;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	snprintf(base, sizeof(base), "%s", origin_base(rig.origin));
	snprintf(kept, sizeof(kept), "%s/resume-data", rig.folder);
	ck_assert_int_eq(rig_join(rig_fork(&rig, stop_and_leave, NULL)), 0);
	rig_restart_daemon(&rig);
	data = read_kept();
	origin_release(rig.origin, "g");
	app = app_open(&rig, NULL);
	task = transfer_session_download_task_resume(app_session(app), data, NULL, NULL);
	transfer_task_resume(task);
	app_flush(app);
	app_check_download(app, task, NULL, 1, SIZE);
	ck_assert_int_eq(app_status(task), 206);
	check_second_request();
	transfer_task_unref(task);
	transfer_data_unref(data);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/resume", 60, TEST_EACH(goes_on_after_a_cut, cuts),
	TEST_EACH(reports_the_answer_to_a_continuation, finals), TEST(goes_on_after_suspension),
	TEST_EACH(makes_resume_data, datas), TEST(refuses_damaged_resume_data),
	TEST_EACH(survives_a_damaged_part, damages), TEST(gives_resume_data_when_the_time_is_over),
	TEST(brings_the_request_along))
