/* SPDX-License-Identifier: MIT */
/*
 * What may be created, what is refused at once, what fails when it is resumed (BT-12…BT-19, BT-60,
 * S-17, S-25).
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "daemon/look.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"
#include "tests/sim/sim.h"

static char folder[256], file[300], fresh[300];

static struct sim *world(uint64_t *ret_session)
{
	struct sim *sim = sim_new(1);
	FILE *f;

	snprintf(folder, sizeof(folder), "%s/made", sim->state_dir);
	snprintf(file, sizeof(file), "%s/there", folder);
	snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fputs("content", f);
	fclose(f);
	*ret_session = sim_session(sim, "app", "one");
	return sim;
}

static const struct task_header many[257] = { { "A", "b" } };
static const struct task_header crlf = { "X", "a\r\nb" };
static const struct task_header no_token = { "X Y", "a" };
static char big[70000];
static const struct task_header too_big = { "X", big };

static const struct {
	enum transfer_task_kind kind;
	struct task_request request;
	int want;
} refused[] = {
	/* schemes (BT-15) */
	{ TRANSFER_TASK_DOWNLOAD, { .url = "ftp://h/x" }, FLOW_E_UNSUPPORTED_SCHEME },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "file:///etc/passwd" }, FLOW_E_UNSUPPORTED_SCHEME },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "data:,x" }, FLOW_E_UNSUPPORTED_SCHEME },
	{ TRANSFER_TASK_DOWNLOAD, { .url = NULL }, FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/\xff" }, FLOW_E_INVALID_REQUEST },
	/* kinds (BT-14, BT-13) */
	{ TRANSFER_TASK_DATA, { .url = "https://h/" }, FLOW_E_NOT_SUPPORTED_IN_SESSION },
	{ TRANSFER_TASK_STREAM, { .url = "https://h/" }, FLOW_E_NOT_SUPPORTED_IN_SESSION },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/" }, FLOW_E_NOT_SUPPORTED_IN_SESSION },
	/* words */
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .method = "G T" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .method = "GET\r\nX: y" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .headers = &crlf, .n_headers = 1 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .headers = &no_token, .n_headers = 1 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .headers = many, .n_headers = 257 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .headers = &too_big, .n_headers = 1 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .description = "\xff" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .userdata = big, .userdata_bytes = 4097 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .priority = 1.5 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .priority = -0.5 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .priority = 0.0 / 0.0 },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .resource_timeout_us = UINT64_MAX },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .ca_file = "x.pem" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .ca_file = "/none/x.pem" },
		FLOW_E_FILE_NOT_FOUND },
	/* checksums */
	{ TRANSFER_TASK_DOWNLOAD,
		{ .url = "https://h/", .checksum_name = "crc32", .checksum_hex = "00" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD,
		{ .url = "https://h/", .checksum_name = "md5", .checksum_hex = "00" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .checksum_name = "md5" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD,
		{ .url = "https://h/",
			.checksum_name = "md5",
			.checksum_hex = "zz000000000000000000000000000000" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD,
		{ .url = "https://h/",
			.checksum_name = "md5",
			.checksum_hex = "00000000000000000000000000000000",
			.want_digest = "sha1" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = file, .want_digest = "md5" },
		FLOW_E_INVALID_REQUEST },
	/* destinations */
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .destination = "relative" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .destination = "/tmp/" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .destination = "/tmp/.." },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = file, .destination = fresh },
		FLOW_E_INVALID_REQUEST },
	/* sources */
	{ TRANSFER_TASK_DOWNLOAD, { .url = "https://h/", .source_path = file },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = "relative" },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = "/none/such" },
		FLOW_E_FILE_NOT_FOUND },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = folder },
		FLOW_E_INVALID_REQUEST },
	{ TRANSFER_TASK_UPLOAD, { .url = "https://h/", .source_path = "/dev/null" },
		FLOW_E_INVALID_REQUEST },
};

START_TEST(refuses)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request request;

	memset(big, 'x', sizeof(big) - 1);
	flow_request_init(&request);
	request.kind = refused[_i].kind;
	request.request = refused[_i].request;
	ck_assert_str_eq(flow_error_text(sim_create_error(sim, session, &request)),
		flow_error_text(refused[_i].want));
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 0);
	sim_free(sim);
}
END_TEST

/* Made, and failing when resumed, before any network. */
static const struct {
	struct task_request request;
	int32_t want;
} doomed[] = {
	{ { .url = "http://h/x" }, TRANSFER_ERROR_INSECURE_TRANSPORT },
	{ { .url = "" }, TRANSFER_ERROR_BAD_URL },
	{ { .url = "https:///x" }, TRANSFER_ERROR_BAD_URL },
	{ { .url = "https://h/ x" }, TRANSFER_ERROR_BAD_URL },
	{ { .url = "https://h/x", .destination = file }, TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ { .url = "https://h/x", .destination = "/dev/null", .may_overwrite = true },
		TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ { .url = "https://h/x", .destination = "/none/such/file" },
		TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER },
	{ { .url = "https://h/x", .destination = "/etc/passwd/file" },
		TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER },
};

START_TEST(dooms)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	struct flow_request request;

	flow_request_init(&request);
	request.request = doomed[_i].request;
	id = sim_create(sim, session, &request, false);
	ck_assert_uint_ne(id, 0);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_SUSPENDED);
	sim_crash(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_COMPLETED);
	ck_assert_int_eq(sim_result(sim, id), doomed[_i].want);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	/* the same when it is to run at once */
	id = sim_create(sim, session, &request, true);
	ck_assert_int_eq(sim_result(sim, id), doomed[_i].want);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 0);
	sim_free(sim);
}
END_TEST

START_TEST(exceptions)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	struct flow_open open = sim_open("app", "insecure");
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "http://h/x";
	request.request.allow_insecure = true;
	id = sim_create(sim, session, &request, true);
	ck_assert(fake_engine_find(sim->engine, id)->allow_insecure);
	open.config.allow_insecure = true;
	open.given = FLOW_SESSION_KEY_ALLOW_INSECURE;
	request.request.allow_insecure = false;
	id = sim_create(sim, sim_session_with(sim, &open), &request, true);
	ck_assert(fake_engine_find(sim->engine, id)->allow_insecure);
	request.request.url = "https://h/x";
	request.request.destination = file;
	request.request.may_overwrite = true;
	ck_assert_uint_ne(sim_create(sim, session, &request, true), 0);
	sim_free(sim);
}
END_TEST

START_TEST(starts_suspended)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	id = sim_create(sim, session, &request, false);
	/* BT-26: no packet, no timer */
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_SUSPENDED);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 0);
	ck_assert(flow_can_exit(sim->flow));
	sim_free(sim);
}
END_TEST

/* Everything of the request and the session arrives in the attempt. */
START_TEST(request_reaches_the_engine)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	static const struct task_header session_headers[] = { { "X-Both", "session" },
		{ "X-Session", "s" } };
	static const struct task_header headers[] = { { "x-both", "request" }, { "Host", "evil" },
		{ "X-Two", "1" }, { "X-Two", "2" } };
	struct flow_open open = sim_open("app", "two");
	const struct fake_attempt *a;
	struct flow_request request;
	char part[400];

	open.config.headers = session_headers;
	open.config.n_headers = 2;
	open.config.max_rate_bps = 5000;
	open.given = FLOW_SESSION_KEY_HEADERS | FLOW_SESSION_KEY_MAX_RATE;
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.headers = headers;
	request.request.n_headers = 4;
	request.request.destination = fresh;
	request.request.timeout_us = 7000000;
	request.request.resource_timeout_us = 9000000;
	id = sim_create(sim, sim_session_with(sim, &open), &request, true);
	a = fake_engine_find(sim->engine, id);
	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(a->method, "GET");
	ck_assert_uint_eq(a->n_headers, 4);
	ck_assert_str_eq(a->headers[0].name, "X-Session");
	ck_assert_str_eq(a->headers[1].value, "request");
	ck_assert_str_eq(a->headers[2].value, "1");
	ck_assert_str_eq(a->headers[3].value, "2");
	ck_assert_uint_eq(a->idle_timeout_us, 7000000);
	ck_assert_uint_eq(a->max_rate_bps, 5000);
	ck_assert_uint_eq(a->deadline_boot_us - sim->now.boot_us, 9000000);
	snprintf(part, sizeof(part), "%s/.fresh.%llu.part", folder, (unsigned long long)id);
	ck_assert_str_eq(a->part_path, part);
	sim_free(sim);
}
END_TEST

/* A repeat after a lost reply makes nothing new, also after a crash. */
START_TEST(token)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request requests[2];
	struct flow_create create = { session, requests, 2, true, "token-1", NULL };
	struct sim_created first = { 0 }, second = { 0 };

	flow_request_init(&requests[0]);
	requests[0].request.url = "https://h/x";
	requests[1] = requests[0];
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &first, NULL), 0);
	ck_assert_uint_eq(first.n_calls, 0); /* not before the commit */
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(first.n, 2);
	sim_crash(sim);
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &second, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(second.n, 2);
	ck_assert_mem_eq(second.ids, first.ids, 2 * sizeof(first.ids[0]));
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 2);
	create.token = "";
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &second, NULL),
		FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(second.n_calls, 1);
	sim_free(sim);
}
END_TEST

/* What follows a call that made nothing makes nothing; in the same turn or later. */
START_TEST(after_another)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request request;
	struct flow_create create = { session, &request, 1, true, "two", "one" };
	struct sim_created answer = { 0 };

	flow_request_init(&request);
	request.request.url = "https://h/x";
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL),
		FLOW_E_INVALID_REQUEST);
	create.after = "";
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL),
		FLOW_E_INVALID_REQUEST);
	create.token = "one";
	create.after = NULL;
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	create.token = "two";
	create.after = "one";
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_crash(sim);
	create.token = "three";
	create.after = "two";
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(answer.n_calls, 3);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 3);
	sim_free(sim);
}
END_TEST

/* The names of a folder are read once for many tasks: what exists in it is found all the same. */
START_TEST(many_names)
{
	uint64_t session;
	struct sim *sim = world(&session);
	static struct flow_request requests[100];
	static char paths[100][PATH_MAX];
	struct flow_create create = { session, requests, 100, true, NULL, NULL };
	struct sim_created answer = { 0 };
	char name[32];

	for (size_t i = 0; i < 100; i++) {
		char *path;

		snprintf(name, sizeof(name), "%zu.name", i);
		path = tmpdir_path("%s", name);
		snprintf(paths[i], sizeof(paths[i]), "%s", path);
		if (i % 10 == 7)
			ck_assert_int_eq(tmpdir_write(path, "there"), 0);
		free(path);
		flow_request_init(&requests[i]);
		requests[i].request.url = "https://h/x";
		requests[i].request.destination = paths[i];
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(answer.n, 100);
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(sim_result(sim, answer.ids[i]),
			i % 10 == 7 ? TRANSFER_ERROR_CANNOT_CREATE_FILE : 0);
	sim_free(sim);
}
END_TEST

/* Each task has the lane of its host, whatever the host before it was. */
START_TEST(hosts_of_a_call)
{
	static const char *const urls[] = { "https://a/1", "https://b/2", "https://b/3",
		"https://a/4" };
	uint64_t session, lanes[4];
	struct sim *sim = world(&session);
	struct flow_request requests[4];
	struct flow_create create = { session, requests, 4, true, NULL, NULL };
	struct sim_created answer = { 0 };

	for (size_t i = 0; i < 4; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = urls[i];
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	for (size_t i = 0; i < 4; i++) {
		struct task *task = sim_task(sim, answer.ids[i]);

		lanes[i] = task->lane;
		task_free(task);
	}
	ck_assert_uint_ne(lanes[0], lanes[1]);
	ck_assert_uint_eq(lanes[1], lanes[2]);
	ck_assert_uint_eq(lanes[0], lanes[3]);
	sim_free(sim);
}
END_TEST

/* One bad request: none of the call is made, and the index says which. */
START_TEST(all_or_none)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request requests[3];
	struct flow_create create = { session, requests, 3, true, NULL, NULL };
	struct sim_created answer = { 0 };
	size_t bad = 0;

	for (size_t i = 0; i < 3; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = i == 2 ? "gopher://h/" : "https://h/x";
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, &bad),
		FLOW_E_UNSUPPORTED_SCHEME);
	create.n_requests = 0;
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL),
		FLOW_E_INVALID_REQUEST);
	create.n_requests = 1001;
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL),
		FLOW_E_LIMIT_REACHED);
	create.session = 99;
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL),
		FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(bad, 2);
	ck_assert_uint_eq(answer.n_calls, 0);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	sim_free(sim);
}
END_TEST

START_TEST(quota)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	/* sessions of one application count together */
	flow_session_lookup(sim->flow, sim_session(sim, "app", "two"))->session->n_tasks =
		FLOW_TASKS_PER_APP_MAX;
	ck_assert_int_eq(sim_create_error(sim, session, &request), FLOW_E_QUOTA_EXCEEDED);
	ck_assert_int_eq(sim_create_error(sim, sim_session(sim, "other", "x"), &request), 0);
	sim_free(sim);
}
END_TEST

/* ---- uploads ---- */

START_TEST(upload_by_descriptor)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	struct flow_request request;
	const struct fake_attempt *a;
	char path[FLOW_PATH_BYTES];
	int fd = open(file, O_RDONLY | O_CLOEXEC), before = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    after;

	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.source_fd = fd;
	id = sim_create(sim, session, &request, true);
	a = fake_engine_find(sim->engine, id);
	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(a->method, "PUT");
	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_SOURCE, path);
	ck_assert_str_eq(a->source_path, path);
	ck_assert_uint_eq(a->source_ino, 0);
	/* the caller's descriptor is still the caller's, ours is closed */
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	close(before);
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(after, fd);
	close(after);
	sim_free(sim);
}
END_TEST

START_TEST(upload_descriptors_refused)
{
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request request;
	int fds[8];

	ck_assert_int_eq(pipe(fds), 0);
	fds[2] = open(file, O_WRONLY | O_CLOEXEC);
	fds[3] = open(file, O_PATH | O_CLOEXEC);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 4), 0);
	fds[6] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[7] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		request.source_fd = fds[i];
		ck_assert_int_eq(sim_create_error(sim, session, &request), FLOW_E_INVALID_REQUEST);
		close(fds[i]);
	}
	/* in place needs a name */
	request.source_fd = open(file, O_RDONLY | O_CLOEXEC);
	request.has_upload_copy = true;
	request.request.upload_copy = TASK_UPLOAD_COPY_NONE;
	ck_assert_int_eq(sim_create_error(sim, session, &request), FLOW_E_INVALID_REQUEST);
	close(request.source_fd);
	sim_free(sim);
}
END_TEST

/* Whose look found the file closes it: that may take long. */
START_TEST(upload_refused_is_not_closed)
{
	struct look_answer seen = { .source_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	int fd = seen.source_fd;
	uint64_t session;
	struct sim *sim = world(&session);
	struct flow_request request;

	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.request.source_path = "/";
	request.seen = &seen;
	ck_assert_int_eq(sim_create_error(sim, session, &request), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(seen.source_fd, fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	sim_free(sim);
}
END_TEST

START_TEST(upload_in_place)
{
	uint64_t session, id;
	struct sim *sim = world(&session);
	struct flow_open open = sim_open("app", "in place");
	struct flow_request request;
	const struct fake_attempt *a;
	struct stat st;

	open.config.upload_copy = TASK_UPLOAD_COPY_NONE;
	open.given = FLOW_SESSION_KEY_UPLOAD_COPY;
	session = sim_session_with(sim, &open);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.request.source_path = file;
	id = sim_create(sim, session, &request, true);
	ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 0);
	a = fake_engine_find(sim->engine, id);
	ck_assert_str_eq(a->source_path, file);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(a->source_ino, st.st_ino);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-create", TEST_EACH(refuses, refused), TEST_EACH(dooms, doomed),
	TEST(exceptions), TEST(starts_suspended), TEST(request_reaches_the_engine), TEST(token),
	TEST(after_another), TEST(many_names), TEST(hosts_of_a_call), TEST(all_or_none),
	TEST(quota), TEST(upload_by_descriptor), TEST(upload_descriptors_refused),
	TEST(upload_refused_is_not_closed), TEST(upload_in_place))
