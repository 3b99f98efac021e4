/* SPDX-License-Identifier: MIT */
/* Data tasks of sessions that live in memory: from the server through transferd to a delegate or a handler. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static struct live_app *app;

static void begin_with(const struct live_app_config *config)
{
	rig_new(&rig);
	app = live_open(&rig, config);
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static void check_content(const transfer_task *task, uint64_t seed, size_t size_bytes)
{
	char *want = malloc(size_bytes + 1);
	size_t n;
	const char *body = live_body(app, task, &n);

	ck_assert_ptr_nonnull(want);
	origin_bytes(seed, 0, want, size_bytes);
	ck_assert_uint_eq(n, size_bytes);
	ck_assert(!memcmp(body, want, size_bytes));
	free(want);
}

static const enum transfer_session_kind kinds[] = {
	TRANSFER_SESSION_DEFAULT,
	TRANSFER_SESSION_EPHEMERAL,
};

/* SW-03, SW-06, GS-05 */
START_TEST(a_handler_gets_the_body)
{
	transfer_task *task;

	begin_with(&(struct live_app_config){ .kind = kinds[_i] });
	task = live_handled(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created handler:0:200:9");
	ck_assert_str_eq(live_body(app, task, NULL), "Kathmandu");
	ck_assert_int_eq(live_status(task), 200);
	ck_assert_uint_eq(transfer_task_get_id(task), 1);
	end();
}
END_TEST

/* the same in the session that nobody has to make; plain http is not for it */
START_TEST(the_shared_session_has_handlers)
{
	transfer_request *request;
	transfer_task *task;

	rig_new_tls(&rig, ORIGIN_TLS_GOOD);
	app = live_open(&rig, &(struct live_app_config){ .kind = TRANSFER_SESSION_SHARED });
	request = live_request(app, NULL, "/Peru");
	transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	task = live_handled(app, request);
	live_check(app, task, "handler:0:200:4");
	ck_assert_str_eq(live_body(app, task, NULL), "Lima");
	task = live_handled(app, live_request(app, NULL, "http://127.0.0.1/"));
	ck_assert_int_eq(live_wait(app, task), TRANSFER_ERROR_INSECURE_TRANSPORT);
	end();
}
END_TEST

/* around every size at which the way changes: none, in the event, in a pipe, in a larger pipe */
static const size_t sizes[] = { 0, 1, 5, 65535, 65536, 65537, 300000, 3000001 };
#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

/* SW-01, SW-05 */
START_TEST(a_delegate_gets_the_body)
{
	char target[64], want[96];
	transfer_task *task;

	begin_with(NULL);
	for (unsigned i = 0; i < N_SIZES; i++) {
		snprintf(target, sizeof(target), "/file?seed=7&size=%zu", sizes[i]);
		snprintf(want, sizeof(want),
			sizes[i] ? "created resp:200 data:%zu done:0" : "created resp:200 done:0",
			sizes[i]);
		task = live_data(app, live_request(app, NULL, target));
		live_check(app, task, want);
		check_content(task, 7, sizes[i]);
	}
	end();
}
END_TEST

/* a delegate that is not asked about the answer, and a handler, get the same bytes */
START_TEST(comes_whole_to_a_handler)
{
	char target[64], want[96];
	transfer_task *task, *unasked;

	begin_with(&(struct live_app_config){ .unasked = true });
	for (unsigned i = 0; i < N_SIZES; i++) {
		snprintf(target, sizeof(target), "/file?seed=8&size=%zu", sizes[i]);
		task = live_handled(app, live_request(app, NULL, target));
		unasked = live_data(app, live_request(app, NULL, target));
		snprintf(want, sizeof(want), "created handler:0:200:%zu", sizes[i]);
		live_check(app, task, want);
		check_content(task, 8, sizes[i]);
		snprintf(want, sizeof(want),
			sizes[i] ? "created data:%zu done:0" : "created done:0", sizes[i]);
		live_check(app, unasked, want);
		check_content(unasked, 8, sizes[i]);
	}
	end();
}
END_TEST

/* bytes are told as they come, long before the end */
START_TEST(tells_data_as_it_comes)
{
	transfer_task *task;

	begin_with(NULL);
	task = live_data(
		app, live_request(app, NULL, "/file?size=100000&seed=2&gate=g&gate_after=1000"));
	live_wait_bytes(app, task, 1000);
	ck_assert_str_eq(live_events(app, task), "created resp:200 data:1000");
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	live_check(app, task, "created resp:200 data:100000 done:0");
	check_content(task, 2, 100000);
	end();
}
END_TEST

START_TEST(comes_whole_when_wanted)
{
	transfer_request *request;
	transfer_task *task;

	begin_with(NULL);
	request = live_request(app, NULL, "/file?size=700000&seed=2&rate_bps=7M");
	task = live_keep(app, transfer_session_data_task(live_session(app), request, NULL, NULL));
	transfer_request_unref(request);
	ck_assert(transfer_task_get_prefers_incremental(task));
	ck_assert_int_eq(transfer_task_set_prefers_incremental(task, false), 0);
	transfer_task_resume(task);
	live_check(app, task, "created resp:200 data:700000 done:0");
	ck_assert_uint_eq(live_pieces(app, task, NULL), 1);
	check_content(task, 2, 700000);
	ck_assert_int_eq(transfer_task_set_prefers_incremental(task, true), -EBUSY);
	end();
}
END_TEST

/* what a server may answer, and what a delegate and a handler are told of it */
static const struct {
	const char *method;
	const char *target;
	const char *delegate;
	const char *handler;
	const char *body; /* NULL: not looked at */
} answers[] = {
	/* SW-04 */
	{ NULL, "/response-header-without-whitespace", "resp:200 data:13 done:0",
		"handler:0:200:13", "Hello, world!" },
	/* SW-15 */
	{ NULL, "/404/withoutauth", "resp:404 data:%n done:0", "handler:0:404:%n", NULL },
	{ NULL, "/file?status=500", "resp:500 data:11 done:0", "handler:0:500:11", "status 500\n" },
	/* SW-78, SW-79 */
	{ NULL, "/unauthorized", "resp:401 done:0", "handler:0:401:0", "" },
	{ NULL, "/auth/x", "resp:401 done:0", "handler:0:401:0", "" },
	{ NULL, "/file?status=401&header=WWW-Authenticate:%20Basic%20realm%3Da",
		"resp:401 data:11 done:0", "handler:0:401:11", "status 401\n" },
	/* SW-64, SW-65 */
	{ NULL, "/Kameiros", "resp:999 data:2 done:0", "handler:0:999:2", "hi" },
	{ NULL, "/Myndus", "resp:200 data:45 done:0", "handler:0:200:45",
		"this is a body that isn't supposed to be here" },
	{ NULL, "/204", "resp:204 done:0", "handler:0:204:0", "" },
	{ NULL, "/file?size=5&etag=x&chunked", "resp:200 data:5 done:0", "handler:0:200:5", NULL },
	{ "HEAD", "/file?size=5000", "resp:200 done:0", "handler:0:200:0", "" },
	{ "DELETE", "/delete?only_method=DELETE", "resp:200 data:%n done:0", "handler:0:200:%n",
		NULL },
	/* SW-11, SW-12 */
	{ NULL, "/gzipped-response", "resp:200 data:12 done:0", "handler:0:200:12",
		"Hello World!" },
	{ NULL, "/brotli-response", "resp:200 data:12 done:0", "handler:0:200:12", "Hello World!" },
	/* interim answers are told of each */
	{ NULL, "/Italy?interim_status=100", "info:100 resp:200 data:4 done:0", "handler:0:200:4",
		"Rome" },
	{ NULL, "/Italy?interim_status=102", "info:102 resp:200 data:4 done:0", "handler:0:200:4",
		"Rome" },
	{ NULL, "/Italy?interim=2", "info:103 info:103 resp:200 data:4 done:0", "handler:0:200:4",
		"Rome" },
};

/* "%n" stands for the size of what came */
static void check_line(const transfer_task *task, const char *want)
{
	char line[128];
	size_t n;

	live_wait(app, task);
	live_body(app, task, &n);
	snprintf(line, sizeof(line), "created %.*s", (int)strcspn(want, "%"), want);
	if (strchr(want, '%')) {
		ck_assert_uint_gt(n, 0);
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%zu%s", n,
			strchr(want, '%') + 2);
	}
	live_check(app, task, line);
}

START_TEST(answers_are_answers)
{
	const char *method, *target;
	transfer_task *told, *handled;

	begin_with(NULL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		method = answers[i].method;
		target = answers[i].target;
		told = live_data(app, live_request(app, method, target));
		handled = live_handled(app, live_request(app, method, target));
		check_line(told, answers[i].delegate);
		check_line(handled, answers[i].handler);
		if (!answers[i].body)
			continue;
		ck_assert_str_eq(live_body(app, told, NULL), answers[i].body);
		ck_assert_str_eq(live_body(app, handled, NULL), answers[i].body);
	}
	end();
}
END_TEST

#define BAD TRANSFER_ERROR_BAD_SERVER_RESPONSE

/* ends without an answer */
static const struct {
	const char *target;
	int want_code;
} failures[] = {
	{ "/Pompeii", BAD }, /* SW-63: not taken for an answer of old */
	{ "/Sodom", BAD },
	{ "/Gomorrah", BAD }, /* SW-66 */
	{ "/Dinavar", BAD },
	{ "/Kuhikugu", BAD },
	{ "/foldedHeaders", BAD }, /* GS-08, GS-20 */
	{ "/incorrectFoldedHeaders", BAD },
	{ "/file?size=5&length_lie=5,%206", BAD },
	{ "http://127.0.0.1:%DEAD%/", TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
	{ "http://127.0.0.1:99999/", TRANSFER_ERROR_BAD_URL }, /* SW-29 */
	{ "http://", TRANSFER_ERROR_BAD_URL },
	{ "", TRANSFER_ERROR_UNSUPPORTED_URL }, /* SW-33 */
	{ "foo://127.0.0.1/", TRANSFER_ERROR_UNSUPPORTED_URL }, /* SW-32 */
	{ "gopher://127.0.0.1/", TRANSFER_ERROR_UNSUPPORTED_URL },
};

static void check_failure(const char *pattern, int want_code)
{
	transfer_auto(transfer_error) error = NULL;
	char target[128], want[64];
	transfer_task *told, *handled;

	snprintf(target, sizeof(target), "%s", pattern);
	if (strstr(pattern, "%DEAD%"))
		snprintf(target, sizeof(target), "http://127.0.0.1:%u/",
			origin_dead_port(rig.origin));
	told = live_data(app, live_request(app, NULL, target));
	handled = live_handled(app, live_request(app, NULL, target));
	snprintf(want, sizeof(want), "created done:%d", want_code);
	live_check(app, told, want);
	snprintf(want, sizeof(want), "created handler:%d:0:0", want_code);
	live_check(app, handled, want);
	error = transfer_task_copy_error(told);
	ck_assert_ptr_nonnull(error);
	ck_assert(!*target == !transfer_error_get_failing_url(error));
	if (!*target)
		return;
	ck_assert_ptr_nonnull(strstr(transfer_error_get_failing_url(error), target));
}

START_TEST(failures_have_names)
{
	static const char interim[] = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
	transfer_task *told, *handled;

	begin_with(NULL);
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		check_failure(failures[i].target, failures[i].want_code);
	/* what comes before an answer is none */
	ck_assert_int_eq(origin_raw(rig.origin, "/103", interim, sizeof(interim) - 1), 0);
	told = live_data(app, live_request(app, NULL, "/103"));
	handled = live_handled(app, live_request(app, NULL, "/103"));
	live_check(app, told, "created info:103 done:-1005");
	live_check(app, handled, "created handler:-1005:0:0");
	end();
}
END_TEST

/* An answer that breaks off: all that came is told, then that it is not all. */
static const struct {
	const char *target;
	size_t size_bytes;
} cuts[] = {
	{ "/file?size=1000&drop_after=300", 300 },
	{ "/file?size=1000&drop_after=300&chunked", 300 },
	{ "/file?size=1M&drop_after=300000&drop=fin", 300000 },
};

START_TEST(a_cut_answer_is_an_error)
{
	transfer_task *told, *handled;
	char want[64];
	size_t n;

	begin_with(NULL);
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		told = live_data(app, live_request(app, NULL, cuts[i].target));
		handled = live_handled(app, live_request(app, NULL, cuts[i].target));
		live_wait(app, told);
		live_body(app, told, &n);
		ck_assert_uint_eq(n, cuts[i].size_bytes);
		check_content(told, 0, n);
		snprintf(want, sizeof(want), "created resp:200 data:%zu done:-1005", n);
		live_check(app, told, want);
		live_check(app, handled, "created handler:-1005:200:0");
	}
	end();
}
END_TEST

static int count_field(const char *name, const char *value, void *userdata)
{
	unsigned *n = userdata;

	if (!strcasecmp(name, "X-A") && !strcmp(value, "b"))
		++*n;
	return 0;
}

START_TEST(tells_what_was_answered)
{
	transfer_auto(transfer_response) response = NULL;
	transfer_task *task;
	unsigned n = 0;

	begin_with(NULL);
	task = live_data(app,
		live_request(app, NULL,
			"/file?size=5&ctype=text/css;charset%3Dutf-8&header=X-A:%20b"
			"&header=X-A:%20b&disposition=attachment;filename%3Da.css"));
	live_check(app, task, "created resp:200 data:5 done:0");
	response = transfer_task_copy_response(task);
	ck_assert_int_eq(transfer_response_get_status(response), 200);
	ck_assert_str_eq(transfer_response_get_mime_type(response), "text/css");
	ck_assert_str_eq(transfer_response_get_text_encoding(response), "utf-8");
	ck_assert_str_eq(transfer_response_get_suggested_filename(response), "a.css");
	ck_assert_int_eq(transfer_response_get_expected_length(response), 5);
	ck_assert_int_eq(transfer_response_foreach_header(response, count_field, &n), 0);
	ck_assert_uint_eq(n, 2);
	end();
}
END_TEST

/* SW-13, SW-14 */
static void tune_headers(transfer_config *config)
{
	transfer_config_set_header(config, "X-Session", "session");
	transfer_config_set_header(config, "X-Both", "session");
}

START_TEST(sends_what_was_set)
{
	static const char *const want[] = { "X-Request: request\n", "X-Session: session\n",
		"x-both: request\n" };
	transfer_request *request;
	transfer_task *task;
	const char *body;

	begin_with(&(struct live_app_config){ .tune = tune_headers });
	request = live_request(app, NULL, "/requestHeaders");
	transfer_request_set_header(request, "X-Request", "request");
	transfer_request_set_header(request, "x-both", "request");
	task = live_keep(app, transfer_session_data_task(live_session(app), request, NULL, NULL));
	transfer_request_set_header(request, "X-Request", "too late");
	transfer_request_unref(request);
	transfer_task_resume(task);
	ck_assert_int_eq(live_wait(app, task), 0);
	body = live_body(app, task, NULL);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		ck_assert_msg(strstr(body, want[i]), "no %s in %s", want[i], body);
	ck_assert_ptr_null(strstr(body, "too late"));
	ck_assert_ptr_null(strstr(body, "X-Both"));
	end();
}
END_TEST

/* counters of a task, told and asked for */
static const struct {
	const char *method;
	const char *target;
	int64_t received;
	int64_t expected;
} counts[] = {
	{ NULL, "/file?size=5000", 5000, 5000 },
	{ NULL, "/file?size=5000&chunked", 5000, TRANSFER_SIZE_UNKNOWN },
	{ NULL, "/file?size=5000&coding=gzip&zeros", 5000, TRANSFER_SIZE_UNKNOWN },
	{ "HEAD", "/file?size=5000", 0, 5000 },
	{ NULL, "/204", 0, 0 },
};

START_TEST(counts_bytes)
{
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_task *task;

	begin_with(NULL);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		task = live_data(app, live_request(app, counts[i].method, counts[i].target));
		ck_assert_int_eq(live_wait(app, task), 0);
		ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
		ck_assert_int_eq(progress.received_bytes, counts[i].received);
		if (counts[i].expected)
			ck_assert_int_eq(progress.expected_receive_bytes, counts[i].expected);
		ck_assert_int_eq(progress.sent_bytes, 0);
	}
	end();
}
END_TEST

/* many at once: each gets its own */
START_TEST(many_at_once_get_their_own)
{
	transfer_task *tasks[100];
	char target[64], want[64];

	begin_with(NULL);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(target, sizeof(target), "/file?seed=%u&size=%u", i, 100 + i);
		tasks[i] = i % 2 ? live_data(app, live_request(app, NULL, target))
				 : live_handled(app, live_request(app, NULL, target));
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(want, sizeof(want),
			i % 2 ? "created resp:200 data:%u done:0" : "created handler:0:200:%u",
			100 + i);
		live_check(app, tasks[i], want);
		check_content(tasks[i], i, 100 + i);
		ck_assert_uint_eq(transfer_task_get_id(tasks[i]), i + 1);
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 100);
	end();
}
END_TEST

/* pieces are as large as what came, not as small as what the network brings */
START_TEST(pieces_are_large)
{
	transfer_task *task;
	size_t largest;

	begin_with(&(struct live_app_config){ .discards = true });
	task = live_data(app, live_request(app, NULL, "/file?size=64M"));
	live_check(app, task, "created resp:200 data:67108864 done:0");
	ck_assert_uint_lt(live_pieces(app, task, &largest), 64 * 1024 / 16);
	ck_assert_uint_gt(largest, 16 * 1024);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-data", 60, TEST_EACH(a_handler_gets_the_body, kinds),
	TEST(the_shared_session_has_handlers), TEST(a_delegate_gets_the_body),
	TEST(comes_whole_to_a_handler), TEST(tells_data_as_it_comes), TEST(comes_whole_when_wanted),
	TEST(answers_are_answers), TEST(failures_have_names), TEST(a_cut_answer_is_an_error),
	TEST(tells_what_was_answered), TEST(sends_what_was_set), TEST(counts_bytes),
	TEST(many_at_once_get_their_own), TEST(pieces_are_large))
