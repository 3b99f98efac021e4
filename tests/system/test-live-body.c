/* SPDX-License-Identifier: MIT */
/* Bodies of requests of sessions that live in memory: bytes, files, streams, and what the delegate gives. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static transfer_data *content(uint64_t seed, size_t size_bytes)
{
	char *bytes = malloc(size_bytes + 1);
	transfer_data *data;

	ck_assert_ptr_nonnull(bytes);
	origin_bytes(seed, 0, bytes, size_bytes);
	data = transfer_data_new_copy(bytes, size_bytes);
	free(bytes);
	ck_assert_ptr_nonnull(data);
	return data;
}

/* what the n-th request for PREFIX brought is this content */
static void check_arrived(const char *prefix, unsigned n, uint64_t seed, size_t size_bytes)
{
	struct origin_entry entry;
	char hex[65];

	origin_bytes_sha256(seed, size_bytes, hex);
	ck_assert_int_eq(origin_wait_ended(rig.origin, prefix, n, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, prefix, n, &entry), 0);
	ck_assert_uint_eq(entry.body_received_bytes, size_bytes);
	ck_assert_str_eq(entry.body_sha256, hex);
}

static void check_header(const char *prefix, const char *name, const char *want)
{
	struct origin_entry entry;
	char value[128];

	ck_assert_int_eq(origin_log_find(rig.origin, prefix, 1, &entry), 0);
	if (!want)
		ck_assert(!origin_entry_header(&entry, name, value, sizeof(value)));
	else
		ck_assert(origin_entry_header(&entry, name, value, sizeof(value)));
	if (want)
		ck_assert_str_eq(value, want);
}

/* how a body is given */
enum source { BYTES, PATH, STREAM_FD, READER, UPLOAD_BYTES, UPLOAD_PATH, N_SOURCES };

static const size_t sizes[] = { 1, 16384, 65535, 65536, 65537, 1000000 };

struct reader {
	uint64_t seed;
	size_t at, size_bytes;
};

static ssize_t read_some(void *bytes, size_t size, void *userdata)
{
	struct reader *r = userdata;
	size_t left = r->size_bytes - r->at, n = left < size ? left : size;

	/* small steps: a reader need not fill what it is given */
	if (n > 10000)
		n = 10000;
	origin_bytes(r->seed, r->at, bytes, n);
	r->at += n;
	return (ssize_t)n;
}

static transfer_body *stream_of(enum source source, const char *path, struct reader *reader)
{
	if (source == STREAM_FD) {
		FILE *f = fopen(path, "re");
		transfer_body *body;

		ck_assert_ptr_nonnull(f);
		body = transfer_body_new_fd(dup(fileno(f)), -1);
		fclose(f);
		return body;
	}
	return transfer_body_new_reader(read_some, -1, reader, NULL);
}

/* the task of a request whose body comes from there */
static transfer_task *make(
	transfer_request *request, enum source source, const char *path, size_t size_bytes)
{
	transfer_auto(transfer_data) data = content(5, size_bytes);
	transfer_auto(transfer_body) body = NULL;
	static struct reader reader;

	reader = (struct reader){ .seed = 5, .size_bytes = size_bytes };
	switch (source) {
	case BYTES:
		transfer_request_set_body(request, data);
		break;
	case PATH:
		body = transfer_body_new_file(path);
		transfer_request_set_body_stream(request, body);
		break;
	case STREAM_FD:
	case READER:
		body = stream_of(source, path, &reader);
		transfer_request_set_body_stream(request, body);
		break;
	case UPLOAD_BYTES:
		return transfer_session_upload_task_data(
			live_session(app), request, data, NULL, NULL);
	case UPLOAD_PATH:
		return transfer_session_upload_task_file(
			live_session(app), request, path, NULL, NULL);
	case N_SOURCES:
		abort();
	}
	return transfer_session_data_task(live_session(app), request, NULL, NULL);
}

/* SW-67, SW-69, SW-71, GS-14: any size from anywhere arrives */
static void check_arrives(enum source source, size_t size)
{
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_request *request;
	transfer_task *task;
	char *path, want[96];
	size_t n;

	origin_log_clear(rig.origin);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 5, size), 0);
	request = live_request(app, "POST", "/upload");
	task = live_keep(app, make(request, source, path, size));
	transfer_request_unref(request);
	transfer_task_resume(task);
	ck_assert_int_eq(live_wait(app, task), 0);
	live_body(app, task, &n);
	/* a body of unknown length is announced */
	snprintf(want, sizeof(want), "created %sresp:200 data:%zu done:0",
		source == STREAM_FD || source == READER ? "info:100 " : "", n);
	live_check(app, task, want);
	check_arrived("/upload", 1, 5, size);
	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_eq(progress.sent_bytes, (int64_t)size);
	if (source == STREAM_FD || source == READER)
		check_header("/upload", "Transfer-Encoding", "chunked");
	else
		check_header("/upload", "Transfer-Encoding", NULL);
	free(path);
}

START_TEST(arrives)
{
	begin_with(NULL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		check_arrives((enum source)_i, sizes[i]);
	end();
}
END_TEST

/* SW-09, SW-69: what a body may go with, and the type that it gets */
static const struct {
	const char *method;
	const char *type;
	const char *want_type;
} methods[] = {
	{ "POST", NULL, "application/x-www-form-urlencoded" },
	{ "POST", "text/plain", "text/plain" },
	{ "PUT", NULL, NULL },
	{ "PUT", "text/plain", "text/plain" },
	{ "PATCH", NULL, NULL },
	{ "DELETE", NULL, NULL },
	{ "HEAD", NULL, NULL },
	{ "OPTIONS", NULL, NULL },
};

static void check_method(const char *method, const char *type, const char *want_type)
{
	transfer_auto(transfer_data) data = content(5, 300);
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	char want[64];
	size_t n;

	origin_log_clear(rig.origin);
	request = live_request(app, method, "/jsonBody");
	transfer_request_set_body(request, data);
	if (type)
		transfer_request_set_header(request, "Content-Type", type);
	task = live_data(app, request);
	ck_assert_int_eq(live_wait(app, task), 0);
	live_body(app, task, &n);
	snprintf(want, sizeof(want),
		n ? "created resp:200 data:%zu done:0" : "created resp:200 done:0", n);
	live_check(app, task, want);
	ck_assert_int_eq(origin_log_find(rig.origin, "/jsonBody", 1, &entry), 0);
	ck_assert_str_eq(entry.method, method);
	check_arrived("/jsonBody", 1, 5, 300);
	check_header("/jsonBody", "Content-Type", want_type);
}

START_TEST(five_methods)
{
	begin_with(NULL);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		check_method(methods[i].method, methods[i].type, methods[i].want_type);
	end();
}
END_TEST

/* a GET with a body is not sent */
START_TEST(a_get_has_no_body)
{
	transfer_auto(transfer_data) data = content(5, 300);
	transfer_auto(transfer_error) error = NULL;
	transfer_request *request;
	transfer_task *task;

	begin_with(NULL);
	request = live_request(app, "GET", "/jsonBody");
	transfer_request_set_body(request, data);
	task = live_data(app, request);
	live_check(app, task, "created done:-1103");
	error = transfer_task_copy_error(task);
	ck_assert_ptr_nonnull(strstr(transfer_error_get_failing_url(error), "/jsonBody"));
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	end();
}
END_TEST

/* SW-68, SW-70 */
START_TEST(empty_bodies)
{
	static const char *const names[] = { "POST", "PUT" };
	transfer_task *task;

	begin_with(NULL);
	for (unsigned i = 0; i < 4; i++) {
		origin_log_clear(rig.origin);
		task = i < 2
			? live_data(app, live_request(app, names[i], "/emptyPost"))
			: live_upload(app, live_request(app, names[i - 2], "/emptyPost"), "", 0);
		live_check(app, task, "created resp:200 done:0");
		check_header("/emptyPost", "Content-Length", "0");
		check_header("/emptyPost", "Content-Type", NULL);
	}
	end();
}
END_TEST

START_TEST(a_missing_file)
{
	transfer_request *request;
	transfer_task *task;
	char *path, want[64];

	begin_with(NULL);
	path = tmpdir_path("not-there");
	request = live_request(app, "POST", "/upload");
	task = live_keep(app, make(request, _i ? UPLOAD_PATH : PATH, path, 0));
	transfer_request_unref(request);
	transfer_task_resume(task);
	snprintf(want, sizeof(want), "created done:%d", TRANSFER_ERROR_FILE_DOES_NOT_EXIST);
	live_check(app, task, want);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	free(path);
	end();
}
END_TEST

/* a task whose body the delegate gives: it is asked at the start, and where it has to go again */
static struct {
	unsigned n_asked;
	enum transfer_body_reason reasons[4];
	enum gives {
		GIVES_BYTES,
		GIVES_NONE,
		GIVES_MISSING,
		GIVES_FOLDER,
		GIVES_MISSING_LATER
	} gives;
} bodies;

static void give(transfer_task *task, transfer_body_request *answer, void *user)
{
	transfer_auto(transfer_data) data = content(5, 100000);
	transfer_auto(transfer_body) body = transfer_body_new_data(data);

	(void)task;
	(void)user;
	bodies.reasons[bodies.n_asked++ % 4] = transfer_body_request_get_reason(answer);
	if (bodies.gives != GIVES_NONE)
		ck_assert_int_eq(transfer_body_request_provide(answer, body), 0);
}

static transfer_task *streamed(const char *target)
{
	transfer_request *request = live_request(app, "POST", target);
	transfer_task *task = live_keep(
		app, transfer_session_upload_task_streamed(live_session(app), request));

	transfer_request_unref(request);
	transfer_task_resume(task);
	return task;
}

static const struct ask {
	const char *target;
	const char *want;
	unsigned want_asked;
	enum transfer_body_reason want_reason; /* of the last */
	const char *want_arrived; /* NULL: nothing */
} asks[] = {
	{ "/upload", "created body? resp:200 data:%n done:0", 1, TRANSFER_BODY_REASON_START,
		"/upload" },
	{ "/307?location=/upload", "created body? body? resp:200 data:%n done:0", 2,
		TRANSFER_BODY_REASON_REDIRECT, "/upload" },
	{ "/308?location=/upload", "created body? body? resp:200 data:%n done:0", 2,
		TRANSFER_BODY_REASON_REDIRECT, "/upload" },
	{ "/303?location=/Nepal", "created body? resp:200 data:%n done:0", 1,
		TRANSFER_BODY_REASON_START, NULL },
};

static void check_asked(const struct ask *ask)
{
	transfer_task *task;
	char want[96];
	size_t n;

	memset(&bodies, 0, sizeof(bodies));
	origin_log_clear(rig.origin);
	task = streamed(ask->target);
	ck_assert_int_eq(live_wait(app, task), 0);
	live_body(app, task, &n);
	snprintf(want, sizeof(want), "%.*s%zu done:0", (int)strcspn(ask->want, "%"), ask->want, n);
	live_check(app, task, want);
	ck_assert_uint_eq(bodies.n_asked, ask->want_asked);
	ck_assert_int_eq(bodies.reasons[0], TRANSFER_BODY_REASON_START);
	ck_assert_int_eq(bodies.reasons[bodies.n_asked - 1], ask->want_reason);
	if (ask->want_arrived)
		check_arrived(ask->want_arrived, 1, 5, 100000);
}

START_TEST(the_body_is_asked_for_again)
{
	begin_with(&(struct live_app_config){ .on_need_body = give });
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++)
		check_asked(&asks[i]);
	end();
}
END_TEST

/* made while it is sent: of known and unknown length, with pauses, asked for again, and broken off */
static const struct made {
	const char *target;
	size_t size_bytes;
	bool is_announced, pauses, breaks;
	unsigned want_asked;
	int want_code;
} made[] = {
	{ "/upload", 1, true, false, false, 1, 0 },
	{ "/upload", 300000, true, false, false, 1, 0 },
	{ "/upload", 300000, false, false, false, 1, 0 },
	{ "/upload", 300000, true, true, false, 1, 0 },
	{ "/upload", 0, false, false, false, 1, 0 },
	{ "/307?location=/upload", 300000, true, true, false, 2, 0 },
	{ "/upload", 300000, false, false, true, 1, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED },
	{ "/upload", 300000, true, false, true, 1, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED },
};

static struct maker {
	const struct made *made;
	unsigned n_asked;
	struct reader reader;
	bool has_paused;
	transfer_body *body; /* of the last answer */
} maker;

static ssize_t make_some(void *bytes, size_t size, void *userdata)
{
	struct maker *m = userdata;

	if (m->made->breaks && m->reader.at > 100000)
		return -EIO;
	m->has_paused = m->made->pauses && !m->has_paused;
	if (m->has_paused) {
		/* there is more at once: asked again it goes on */
		transfer_body_more(m->body);
		return -EAGAIN;
	}
	return read_some(bytes, size, &m->reader);
}

static void give_reader(transfer_task *task, transfer_body_request *answer, void *user)
{
	const struct made *m = maker.made;

	(void)task;
	(void)user;
	maker.n_asked++;
	maker.reader = (struct reader){ .seed = 5, .size_bytes = m->size_bytes };
	transfer_body_unref(maker.body);
	maker.body = transfer_body_new_reader(
		make_some, m->is_announced ? (int64_t)m->size_bytes : -1, &maker, NULL);
	ck_assert_int_eq(transfer_body_request_provide(answer, maker.body), 0);
}

static void check_made(const struct made *m)
{
	transfer_task *task;

	maker = (struct maker){ .made = m };
	origin_log_clear(rig.origin);
	task = streamed(m->target);
	ck_assert_int_eq(live_wait(app, task), m->want_code);
	ck_assert_uint_eq(maker.n_asked, m->want_asked);
	if (!m->want_code)
		check_arrived("/upload", 1, 5, m->size_bytes);
	transfer_body_unref(maker.body);
}

START_TEST(readers_make_the_body)
{
	begin_with(&(struct live_app_config){ .on_need_body = give_reader });
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		check_made(&made[i]);
	end();
}
END_TEST

/* nobody is there to give one, nobody gives one, or it is a file that cannot be opened, at the start or after a redirect */
static void give_file(transfer_task *task, transfer_body_request *answer, void *user)
{
	bool is_start = transfer_body_request_get_reason(answer) == TRANSFER_BODY_REASON_START;
	transfer_auto(transfer_body) body = NULL;
	char *path = tmpdir_path("not-there");

	if (bodies.gives == GIVES_MISSING_LATER && is_start) {
		give(task, answer, user);
	} else {
		body = transfer_body_new_file(bodies.gives == GIVES_FOLDER ? "/" : path);
		ck_assert_int_eq(transfer_body_request_provide(answer, body), 0);
	}
	free(path);
}

static const struct {
	void (*on_need_body)(transfer_task *task, transfer_body_request *answer, void *user);
	enum gives gives;
	const char *target;
	const char *want;
} no_bodies[] = {
	{ NULL, GIVES_NONE, "/upload", "created done:-1021" },
	{ give, GIVES_NONE, "/upload", "created body? done:-1021" },
	{ give_file, GIVES_MISSING, "/upload", "created body? done:-1100" },
	{ give_file, GIVES_FOLDER, "/upload", "created body? done:-1101" },
	{ give_file, GIVES_MISSING_LATER, "/307?location=/upload",
		"created body? body? done:-1100" },
};

START_TEST(no_body_is_given)
{
	transfer_task *task;

	memset(&bodies, 0, sizeof(bodies));
	bodies.gives = no_bodies[_i].gives;
	begin_with(&(struct live_app_config){ .on_need_body = no_bodies[_i].on_need_body });
	task = streamed(no_bodies[_i].target);
	live_check(app, task, no_bodies[_i].want);
	end();
}
END_TEST

/* a POST that may have arrived is never sent twice; what is safe to repeat is repeated once, unseen */
static const struct {
	const char *method;
	const char *want;
	unsigned want_arrived;
} repeats[] = {
	{ "GET", "created resp:200 data:%n done:0", 2 },
	{ "PUT", "created resp:200 data:%n done:0", 2 },
	{ "POST", "created done:-1005", 1 },
	{ "PATCH", "created done:-1005", 1 },
};

START_TEST(is_never_sent_twice)
{
	transfer_request *request;
	transfer_task *task;
	char want[96];
	size_t n;

	begin_with(NULL);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	request = live_request(app, repeats[_i].method, "/jsonBody?kill_kept=2");
	task = *repeats[_i].method == 'P' ? live_upload(app, request, "abc", 3)
					  : live_data(app, request);
	live_wait(app, task);
	live_body(app, task, &n);
	snprintf(want, sizeof(want), "%.*s", (int)strcspn(repeats[_i].want, "%"), repeats[_i].want);
	if (strchr(repeats[_i].want, '%'))
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "%zu done:0", n);
	live_check(app, task, want);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/jsonBody"), repeats[_i].want_arrived);
	end();
}
END_TEST

/* an answer amid the body: told when it has come, and the body goes on */
START_TEST(is_answered_amid_the_body)
{
	transfer_task *task;
	transfer_request *request;
	char *path;

	begin_with(NULL);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 5, 3000000), 0);
	request = live_request(app, "POST", "/upload?reply_after=100000&reply_size=7");
	task = live_keep(app, make(request, UPLOAD_PATH, path, 0));
	transfer_request_unref(request);
	transfer_task_resume(task);
	live_check(app, task, "created info:100 resp:200 data:7 done:0");
	free(path);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-body", 60, TEST_LOOP(arrives, N_SOURCES), TEST(five_methods),
	TEST(a_get_has_no_body), TEST(empty_bodies), TEST_LOOP(a_missing_file, 2),
	TEST(the_body_is_asked_for_again), TEST(readers_make_the_body),
	TEST_EACH(no_body_is_given, no_bodies), TEST_EACH(is_never_sent_twice, repeats),
	TEST(is_answered_amid_the_body))
