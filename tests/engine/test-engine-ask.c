/* SPDX-License-Identifier: MIT */
/* What is asked of redirects and answers, what follows from what is said, and attempts that are held. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

/* long enough for a busy machine to answer in, and short enough to wait for */
#define IDLE_MS 700

static struct rig rig;
static char block[1 << 20], want[1 << 20];

static struct engine_spec begin(uint64_t task, const char *target, unsigned asks)
{
	struct engine_spec spec = rig_live(&rig, task, target);

	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.asks = asks;
	rig_begin(&rig, task, &spec);
	return spec;
}

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

static void check_body(const struct rig_task *t, uint64_t seed, size_t size)
{
	ck_assert_uint_eq(t->body_bytes, size);
	origin_bytes(seed, 0, want, size);
	if (size)
		ck_assert_int_eq(memcmp(t->body, want, size), 0);
}

static void read_whole(int fd, uint64_t seed, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		origin_bytes(seed, got, want, (size_t)n);
		ck_assert_int_eq(memcmp(block, want, (size_t)n), 0);
		got += (size_t)n;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(got, size);
}

/* Time goes by, more than the idle limit of those who wait for it. */
static void let_pass(unsigned ms)
{
	for (uint64_t until_ms = proc_now_ms() + ms; proc_now_ms() < until_ms;)
		rig_turn(&rig, proc_left_ms(until_ms));
}

static const char *const unreadable[] = {
	"/file?seed=1&size=30K&coding=gzip&coded_as=compress",
	"/file?seed=1&size=30K&coding=gzip,gzip,gzip,gzip,gzip,gzip",
};

/* Its end says it all. */
START_TEST(nobody_is_asked_about_an_unknown_coding)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, unreadable[_i], ENGINE_ASK_RESPONSE);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA);
	ck_assert_str_eq(t->order, "cD");
	ck_assert_uint_eq(t->status, 200);
	ck_assert(!t->done.live.was_told);
	rig_stop(&rig);
}
END_TEST

static const char *const answers[] = {
	"/file?seed=1&size=0",
	"/file?seed=1&size=1000",
	"/file?seed=1&size=60K&chunked",
	"/file?seed=1&size=60K&coding=gzip",
	"/file?seed=1&size=60K&close&no_length",
};
static const size_t answer_bytes[] = { 0, 1000, 60 * 1024, 60 * 1024, 60 * 1024 };

/* Nothing of the body is taken before the answer, and no idle time runs. */
START_TEST(a_response_waits_for_its_answer)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, answers[_i]);
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.asks = ENGINE_ASK_RESPONSE;
	spec.idle_timeout_us = IDLE_MS * CLOCK_US_PER_MS;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
	ck_assert_uint_eq(t->status, 200);
	/* which of them it is makes no difference to the time */
	let_pass(_i ? 1 : IDLE_MS + 100);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	ck_assert_int_eq(engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_ALLOW, NULL), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_str_eq(t->order, "caD");
	ck_assert(t->done.live.was_told);
	check_body(t, 1, answer_bytes[_i]);
	/* late and double answers are nothing */
	ck_assert_int_eq(engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_CANCEL, NULL), 0);
	ck_assert_int_eq(engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_STOP, NULL), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_response_is_refused)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, answers[_i], ENGINE_ASK_RESPONSE);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
	/* one that is not asked changes nothing */
	ck_assert_int_eq(engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_FOLLOW, NULL), 0);
	ck_assert_int_eq(engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_CANCEL, NULL), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANCELLED);
	ck_assert(!t->done.is_stopped);
	ck_assert_uint_eq(t->body_bytes, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_response_becomes_a_file)
{
	struct rig_task *t;
	const char *path;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	begin(1, _i == 5 ? "/file?seed=1&size=900K" : answers[_i], ENGINE_ASK_RESPONSE);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
	path = rig_path(&rig, "became");
	ck_assert_int_eq(
		engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_TO_FILE, path), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(t->body_bytes + t->n_data_fds, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(t->done.file_ino, st.st_ino);
	ck_assert_int_eq(origin_bytes_check(path, 1, _i == 5 ? 900 * 1024 : answer_bytes[_i]), 0);
	rig_stop(&rig);
}
END_TEST

/* A part that cannot be made is that attempt's fault. */
START_TEST(a_file_may_be_impossible)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?seed=1&size=900K", ENGINE_ASK_RESPONSE);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
	ck_assert_int_eq(engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_TO_FILE,
				 rig_path(&rig, "no/such/folder")),
		0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_CREATE_FILE);
	rig_stop(&rig);
}
END_TEST

static const char redirecting[] = "/file?redirect_to=%2Ffile%3Fseed%3D2%26size%3D500";

START_TEST(a_redirect_is_followed_when_it_may)
{
	const struct engine_header fields[] = { { "X-Own", "1" } };
	struct engine_spec spec;
	struct rig_task *t;
	char proposed[200];

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, redirecting);
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.asks = ENGINE_ASK_REDIRECT;
	spec.idle_timeout_us = IDLE_MS * CLOCK_US_PER_MS;
	spec.headers = fields;
	spec.n_headers = 1;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_REDIRECT, 1);
	ck_assert_uint_eq(t->status, 302);
	snprintf(proposed, sizeof(proposed), "GET %s/file?seed=2&size=500\nX-Own: 1\n",
		origin_base(rig.origin));
	ck_assert_str_eq(t->proposed, proposed);
	let_pass(IDLE_MS + 100);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?seed=2"), 0);
	ck_assert_int_eq(engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_FOLLOW, NULL), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	check_body(t, 2, 500);
	ck_assert_str_eq(t->order, "c?>D");
	rig_stop(&rig);
}
END_TEST

/* Whoever stops there has the redirect's own answer and body. */
START_TEST(a_redirect_may_be_the_answer)
{
	static const char *const raw[] = {
		"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 302 Found\r\nLocation: /x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: /x\r\nConnection: close\r\n\r\nhello",
	};
	struct rig_task *t;
	size_t n = 5;

	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(origin_raw(rig.origin, "/stop", raw[_i], strlen(raw[_i])), 0);
	begin(1, "/stop", ENGINE_ASK_REDIRECT);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_REDIRECT, 1);
	ck_assert_int_eq(engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_STOP, NULL), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(t->status, _i == 2 ? 301 : 302);
	ck_assert_uint_eq(t->body_bytes, n);
	ck_assert_int_eq(memcmp(t->body, "hello", n), 0);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_REDIRECTED], 0);
	rig_stop(&rig);
}
END_TEST

/* Also when its body is longer than what is set aside. */
START_TEST(a_long_redirect_may_be_the_answer)
{
	static char raw[500 * 1024];
	struct rig_task *t;
	int head;

	rig_start(&rig, NULL, NULL);
	head = snprintf(raw, sizeof(raw),
		"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: %u\r\n\r\n", 400 * 1024);
	origin_bytes(3, 0, raw + head, 400 * 1024);
	ck_assert_int_eq(origin_raw(rig.origin, "/stop", raw, (size_t)head + 400 * 1024), 0);
	begin(1, "/stop", ENGINE_ASK_REDIRECT | (_i ? ENGINE_ASK_RESPONSE : 0));
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_REDIRECT, 1);
	let_pass(20);
	ck_assert_int_eq(engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_STOP, NULL), 0);
	if (_i) {
		rig_wait(&rig, 1, ENGINE_EVENT_ASK_RESPONSE, 1);
		engine_answer_response(rig.engine, 1, 1, ENGINE_RESPONSE_ALLOW, NULL);
	}
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_uint_eq(t->n_data_fds, 1);
	ck_assert_uint_eq(t->done.network_bytes, 400 * 1024);
	ck_assert_int_eq(lseek(t->data_fds[0], 0, SEEK_SET), 0);
	read_whole(t->data_fds[0], 3, 400 * 1024);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *url, *method;
	int32_t code;
} replacements[] = {
	{ "/file?seed=4&size=700", "GET", 0 },
	{ "/file?seed=4&size=700", "PUT", 0 },
	{ "gopher://127.0.0.1/", "GET", TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "http://[", "GET", TRANSFER_ERROR_BAD_URL },
	{ "/file", "G T", TRANSFER_ERROR_BAD_URL },
};

START_TEST(a_redirect_may_go_elsewhere)
{
	const struct engine_header fields[] = { { "X-New", "yes" } };
	struct engine_request request = {
		.method = replacements[_i].method,
		.headers = fields,
		.n_headers = 1,
	};
	struct origin_entry entry;
	char url[300], value[20];
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, redirecting, ENGINE_ASK_REDIRECT);
	t = rig_wait(&rig, 1, ENGINE_EVENT_ASK_REDIRECT, 1);
	snprintf(url, sizeof(url), "%s%s",
		replacements[_i].url[0] == '/' ? origin_base(rig.origin) : "",
		replacements[_i].url);
	request.url = url;
	ck_assert_int_eq(
		engine_answer_redirect(rig.engine, 1, 1, ENGINE_REDIRECT_REPLACE, &request), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, replacements[_i].code);
	if (!t->done.result.code) {
		check_body(t, 4, 700);
		ck_assert_int_eq(origin_log_find(rig.origin, "/file?seed=4", 1, &entry), 0);
		ck_assert_str_eq(entry.method, replacements[_i].method);
		ck_assert(origin_entry_header(&entry, "X-New", value, sizeof(value)));
	}
	rig_stop(&rig);
}
END_TEST

/* Sixteen are asked about; the next one is refused without a question. */
START_TEST(redirects_have_a_bound)
{
	static const char loop[] =
		"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n";
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?redirect_to=%2Ffile%3Fredirect_to=%252Ffile&key=k", ENGINE_ASK_REDIRECT);
	rig_wait(&rig, 1, ENGINE_EVENT_ASK_REDIRECT, 1);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	ck_assert_int_eq(origin_raw(rig.origin, "/loop", loop, sizeof(loop) - 1), 0);
	begin(2, "/loop", ENGINE_ASK_REDIRECT);
	for (unsigned i = 1; i <= 16; i++) {
		t = rig_wait(&rig, 2, ENGINE_EVENT_ASK_REDIRECT, i);
		engine_answer_redirect(rig.engine, 2, 1, ENGINE_REDIRECT_FOLLOW, NULL);
	}
	rig_wait(&rig, 2, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TOO_MANY_REDIRECTS);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_ASK_REDIRECT], 16);
	rig_stop(&rig);
}
END_TEST

/* Thinking is no idle time, but the limit of the whole goes on. */
START_TEST(a_question_is_no_excuse)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(
		&rig, 1, _i ? "/file?seed=5&size=700" : "/file?redirect_to=%2Ffile%3Fsize%3D1");
	spec.live.asks = ENGINE_ASK_RESPONSE | ENGINE_ASK_REDIRECT;
	spec.idle_timeout_us = IDLE_MS * CLOCK_US_PER_MS;
	spec.deadline_boot_us = clock_now().boot_us + (IDLE_MS + 300) * CLOCK_US_PER_MS;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_uint_ge(clock_now().boot_us, spec.deadline_boot_us);
	ck_assert(!t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

/* Held, nothing more comes than is under way, and no time runs; going on, nothing is missing. */
START_TEST(a_held_attempt_goes_on)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=5&size=700000&gate=g&gate_after=1000");
	spec.idle_timeout_us = IDLE_MS * CLOCK_US_PER_MS;
	spec.deadline_boot_us = clock_now().boot_us + 1500 * CLOCK_US_PER_MS;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	engine_hold_attempt(rig.engine, 1, 1, true);
	while (clock_now().boot_us < spec.deadline_boot_us + 50 * CLOCK_US_PER_MS)
		rig_turn(&rig, 50);
	origin_release(rig.origin, "g");
	let_pass(50);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	engine_hold_attempt(rig.engine, 1, 1, false);
	read_whole(t->data_fds[0], 5, 700000);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	rig_stop(&rig);
}
END_TEST

/* What nobody has heard of, and a file, end instead. */
START_TEST(others_are_stopped_instead)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	if (_i) {
		spec = rig_download(&rig, 1, "/file?seed=5&size=700000&gate=g&gate_after=1000");
		spec.live.is_live = true;
		spec.live.source = ENGINE_SOURCE_NONE;
		rig_begin(&rig, 1, &spec);
		rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	} else {
		begin(1, "/file?seed=5&size=700000&gate=g&gate_after=1000", 0);
		rig_wait(&rig, 1, ENGINE_EVENT_CONNECTED, 1);
	}
	engine_hold_attempt(rig.engine, 1, 1, true);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	rig_stop(&rig);
}
END_TEST

/* Stopped while it is asked, and for good. */
START_TEST(a_question_ends_with_its_attempt)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, _i ? redirecting : answers[1], ENGINE_ASK_RESPONSE | ENGINE_ASK_REDIRECT);
	rig_wait(&rig, 1, _i ? ENGINE_EVENT_ASK_REDIRECT : ENGINE_EVENT_ASK_RESPONSE, 1);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	rig_stop(&rig);
}
END_TEST

START_TEST(interim_answers_are_told)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_live(&rig, 1, "/file?seed=5&size=10&interim=3");
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.wants_informational = _i != 0;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	check_ok(t);
	ck_assert_str_eq(t->order, _i ? "ciiiD" : "cD");
	check_body(t, 5, 10);
	rig_stop(&rig);
}
END_TEST

/* What comes before an answer is none, even where nothing follows. */
static const char *const interim_alone[] = {
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	"HTTP/1.1 199 \r\nContent-Length: 3\r\n\r\n",
	"HTTP/1.1 100 \r\nLocation: /a\r\nContent-Type: text/plain\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
};

START_TEST(an_interim_answer_is_none)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(
		origin_raw(rig.origin, "/raw", interim_alone[_i], strlen(interim_alone[_i])), 0);
	spec = rig_live(&rig, 1, "/raw");
	spec.live.asks = ENGINE_ASK_RESPONSE | ENGINE_ASK_REDIRECT;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_ne(t->done.result.code, 0);
	ck_assert_ptr_null(t->done.response);
	ck_assert_str_eq(t->order, "cD");
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/ask", TEST_EACH(a_response_waits_for_its_answer, answers),
	TEST_EACH(a_response_is_refused, answers), TEST_LOOP(a_response_becomes_a_file, 6),
	TEST(a_file_may_be_impossible), TEST(a_redirect_is_followed_when_it_may),
	TEST_LOOP(a_redirect_may_be_the_answer, 3), TEST_LOOP(a_long_redirect_may_be_the_answer, 2),
	TEST_EACH(a_redirect_may_go_elsewhere, replacements), TEST(redirects_have_a_bound),
	TEST(a_question_is_no_excuse), TEST(a_held_attempt_goes_on),
	TEST_LOOP(others_are_stopped_instead, 2), TEST_LOOP(a_question_ends_with_its_attempt, 2),
	TEST_LOOP(interim_answers_are_told, 2), TEST_EACH(an_interim_answer_is_none, interim_alone),
	TEST_EACH(nobody_is_asked_about_an_unknown_coding, unreadable))
