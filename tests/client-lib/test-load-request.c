/* SPDX-License-Identifier: MIT */
/* What a class sees of what is sent: bytes, files, descriptors, readers and streams, with every kind of task. */
#include "client-lib/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/configuration-store.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define TEXT "what is sent"

static struct live_rig rig;
static transfer_session *session;
static char *path;
static int fds[2];

/* What the class has read; two bytes at a time. */
static struct {
	char text[256];
	int64_t length;
	int result;
	bool leads_on;
} seen;

static bool can_init(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return !strncmp(transfer_request_get_url(request), "demo:", strlen("demo:"));
}

static int read_all(transfer_load *load)
{
	size_t n = strlen(seen.text);
	ssize_t got;

	while ((got = transfer_load_read_body(load, seen.text + n, 2)) > 0)
		n += (size_t)got;
	if (!got)
		ck_assert_int_eq(transfer_load_read_body(load, seen.text + n, 2), 0);
	return (int)got;
}

static void start(transfer_load *load, void *userdata)
{
	transfer_auto(transfer_response) response = transfer_response_new("demo:a", NULL, 0, NULL);
	transfer_auto(transfer_request) next = transfer_request_new("demo:b");
	transfer_auto(transfer_data) other = transfer_data_new_copy(" and more", 9);
	char byte;

	(void)userdata;
	seen.length = transfer_load_get_body_length(load);
	seen.result = read_all(load);
	if (seen.leads_on) {
		seen.leads_on = false;
		transfer_request_set_body(next, other);
		ck_assert_int_eq(transfer_load_redirect(load, response, next), 0);
	} else {
		transfer_load_respond(load, response, TRANSFER_STORAGE_NOT_ALLOWED);
		transfer_load_finish(load);
	}
	ck_assert_int_eq(transfer_load_read_body(load, &byte, 1), -ESTALE);
}

static void begin(void)
{
	static const struct transfer_protocol protocol = {
		TRANSFER_PROTOCOL_INIT,
		.can_init = can_init,
		.start = start,
	};
	transfer_auto(transfer_config) config = transfer_config_new_ephemeral();

	memset(&seen, 0, sizeof(seen));
	live_rig_init(&rig, NULL);
	tmpdir_new();
	path = tmpdir_path("sent");
	ck_assert_int_eq(tmpdir_write(path, TEXT), 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], TEXT, strlen(TEXT)), (ssize_t)strlen(TEXT));
	close(fds[1]);
	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), 0);
	session = live_rig_open(&rig, config, &live_rig_delegate);
}

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	transfer_session_invalidate_and_cancel(session);
	live_rig_expect(&rig, "inval 0\n");
	transfer_session_unref(session);
	live_rig_done(&rig);
	close(fds[0]);
	free(path);
}

static ssize_t read_text(void *bytes, size_t size, void *userdata)
{
	size_t *at = userdata, n = strlen(TEXT) - *at;

	n = n < size ? n : size;
	memcpy(bytes, TEXT + *at, n);
	*at += n;
	return (ssize_t)n;
}

static size_t n_read;

static transfer_body *make_data(void)
{
	transfer_auto(transfer_data) data = transfer_data_new_copy(TEXT, strlen(TEXT));

	return transfer_body_new_data(data);
}

static transfer_body *make_file(void)
{
	return transfer_body_new_file(path);
}

static transfer_body *make_fd(void)
{
	return transfer_body_new_fd(fds[0], TRANSFER_SIZE_UNKNOWN);
}

/* Not more than was said. */
static transfer_body *make_short_fd(void)
{
	return transfer_body_new_fd(fds[0], 4);
}

static transfer_body *make_reader(void)
{
	n_read = 0;
	return transfer_body_new_reader(read_text, TRANSFER_SIZE_UNKNOWN, &n_read, NULL);
}

/* Less than was said. */
static transfer_body *make_cut_reader(void)
{
	n_read = 0;
	return transfer_body_new_reader(read_text, sizeof(TEXT) + 4, &n_read, NULL);
}

static transfer_body *make_missing(void)
{
	return transfer_body_new_file("/nonexistent/file");
}

static const struct {
	transfer_body *(*make)(void);
	const char *text;
	int64_t length;
	int result;
} bodies[] = {
	{ make_data, TEXT, sizeof(TEXT) - 1, 0 },
	{ make_file, TEXT, sizeof(TEXT) - 1, 0 },
	{ make_fd, TEXT, TRANSFER_SIZE_UNKNOWN, 0 },
	{ make_short_fd, "what", 4, 0 },
	{ make_reader, TEXT, TRANSFER_SIZE_UNKNOWN, 0 },
	{ make_cut_reader, TEXT, sizeof(TEXT) + 4, -EIO },
	{ make_missing, "", TRANSFER_SIZE_UNKNOWN, -ENOENT },
};

static void check(int i)
{
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_str_eq(seen.text, bodies[i].text);
	ck_assert_int_eq(seen.length, bodies[i].length);
	ck_assert_int_eq(seen.result, bodies[i].result);
}

START_TEST(a_request_has_a_body)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_auto(transfer_body) body = NULL;
	transfer_task *task;

	begin();
	body = bodies[_i].make();
	transfer_request_set_body_stream(request, body);
	task = transfer_session_data_task(session, request, NULL, NULL);
	transfer_task_resume(task);
	check(_i);
	done(task);
}
END_TEST

/* A streamed upload whose delegate is asked, and has not answered. */
static transfer_task *begin_asked(void)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_task *task;

	begin();
	rig.keeps_answers = true;
	task = transfer_session_upload_task_streamed(session, request);
	transfer_task_resume(task);
	live_rig_expect(&rig, "body? 0\n");
	return task;
}

/* The delegate is asked before the class. */
START_TEST(a_streamed_upload_has_one)
{
	transfer_task *task = begin_asked();
	transfer_auto(transfer_body) body = bodies[_i].make();

	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\nbody? 0\n");
	ck_assert_int_eq(transfer_body_request_provide(rig.body, body), 0);
	ck_assert_int_eq(transfer_body_request_provide(rig.body, body), -EALREADY);
	check(_i);
	done(task);
}
END_TEST

START_TEST(a_streamed_upload_that_gets_none_ends)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_task *task;

	begin();
	task = transfer_session_upload_task_streamed(session, request);
	transfer_task_resume(task);
	live_rig_expect(&rig, "done 1 -1021\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "body? 0\n"));
	done(task);
}
END_TEST

START_TEST(a_streamed_upload_is_cancelled_while_it_asks)
{
	transfer_task *task = begin_asked();
	transfer_auto(transfer_body) body = make_data();

	transfer_task_cancel(task);
	live_rig_expect(&rig, "done 1 -999\n");
	ck_assert_int_eq(transfer_body_request_provide(rig.body, body), -ESTALE);
	ck_assert_str_eq(seen.text, "");
	done(task);
}
END_TEST

START_TEST(an_upload_has_one)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_auto(transfer_data) data = transfer_data_new_copy(TEXT, strlen(TEXT));
	transfer_task *task;

	begin();
	task = _i ? transfer_session_upload_task_file(session, request, path, NULL, NULL)
		  : transfer_session_upload_task_data(session, request, data, NULL, NULL);
	transfer_task_resume(task);
	check(0);
	done(task);
}
END_TEST

START_TEST(no_file_is_refused)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_task *task;

	begin();
	task = transfer_session_upload_task_file(session, request, "/dev/null", NULL, NULL);
	transfer_task_resume(task);
	live_rig_expect(&rig, "done 1 -3001\n");
	done(task);
}
END_TEST

START_TEST(none_is_none)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_task *task;

	begin();
	task = transfer_session_data_task(session, request, NULL, NULL);
	transfer_task_resume(task);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_str_eq(seen.text, "");
	ck_assert_int_eq(seen.length, 0);
	done(task);
}
END_TEST

START_TEST(a_redirect_has_its_own)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_auto(transfer_data) data = transfer_data_new_copy(TEXT, strlen(TEXT));
	transfer_task *task;

	begin();
	seen.leads_on = true;
	task = transfer_session_upload_task_data(session, request, data, NULL, NULL);
	transfer_task_resume(task);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_str_eq(seen.text, TEXT " and more");
	ck_assert_int_eq(seen.length, 9);
	done(task);
}
END_TEST

RUN_TESTS("client-lib/load-request", TEST_EACH(a_request_has_a_body, bodies),
	TEST_EACH(a_streamed_upload_has_one, bodies), TEST(a_streamed_upload_that_gets_none_ends),
	TEST(a_streamed_upload_is_cancelled_while_it_asks), TEST_LOOP(an_upload_has_one, 2),
	TEST(no_file_is_refused), TEST(none_is_none), TEST(a_redirect_has_its_own))
