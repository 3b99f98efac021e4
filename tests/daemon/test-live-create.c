/* SPDX-License-Identifier: MIT */
/* New tasks: what is refused, what ends at once, and what the engine is told of the others. */
#include "tests/daemon/live-rig.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

static const char *header_of(const struct fake_attempt *a, const char *name)
{
	for (size_t i = 0; i < a->n_headers; i++)
		if (!strcmp(a->headers[i].name, name))
			return a->headers[i].value;
	return NULL;
}

START_TEST(refused)
{
	static const struct task_header bad = { "Na me", "value" };
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), first;
	const struct live_request good = rig_request(TRANSFER_TASK_DATA, "https://host/");
	struct live_request many[2] = { good, good }, request = good;

	request.kind = TRANSFER_TASK_STREAM;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	request = good;
	request.request.url = NULL;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request = good;
	request.request.priority = 2;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request = good;
	request.request.headers = &bad;
	request.request.n_headers = 1;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request = good;
	request.request.destination = "/tmp/x";
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request.kind = TRANSFER_TASK_DOWNLOAD;
	request.request.destination = "x";
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request = good;
	request.request.not_before_wall_us = 1;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	request = good;
	request.body = "";
	request.n_body = LIVE_INLINE_BODY_BYTES + 1;
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(rig_create_error(rig, session + 1, &good), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(
		live_tasks_create(rig->live, session, many, 0, &first), FLOW_E_INVALID_REQUEST);
	/* all or none */
	many[1].request.priority = -1;
	ck_assert_int_eq(
		live_tasks_create(rig->live, session, many, 2, &first), FLOW_E_INVALID_REQUEST);
	rig_turn(rig);
	ck_assert(TAILQ_EMPTY(&rig->live->all));
	ck_assert_uint_eq(fake_engine_n_started(rig->engine), 0);
	ck_assert_uint_eq(rig->n_told, 0);
	rig_free(rig);
}
END_TEST

/* Made, and over in the same turn. */
START_TEST(doomed)
{
	static const struct {
		const char *url, *method, *body;
		enum transfer_cache_policy policy;
		int32_t code;
	} rows[] = {
		{ "", NULL, NULL, 0, TRANSFER_ERROR_BAD_URL },
		{ "not a url", NULL, NULL, 0, TRANSFER_ERROR_BAD_URL },
		{ "gopher://host/", NULL, NULL, 0, TRANSFER_ERROR_UNSUPPORTED_URL },
		{ "http://host/", NULL, NULL, 0, TRANSFER_ERROR_INSECURE_TRANSPORT },
		{ "https://host/", NULL, "body", 0, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM },
		{ "https://host/", "get", "body", 0, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM },
		{ "https://host/", "POST", "body", 0, 0 },
		{ "https://host/", "DELETE", "body", 0, 0 },
		{ "https://host/", NULL, NULL, TRANSFER_CACHE_RETURN_DONT_LOAD,
			TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK },
		{ "https://host/", NULL, NULL, TRANSFER_CACHE_RETURN_ELSE_LOAD, 0 },
	};
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DATA, rows[_i].url);

	request.request.method = rows[_i].method;
	request.body = rows[_i].body;
	request.n_body = rows[_i].body ? strlen(rows[_i].body) : 0;
	request.cache_policy = (uint8_t)rows[_i].policy;
	id = rig_create(rig, session, &request);
	ck_assert_int_eq(rig_find(rig, id) != NULL, !rows[_i].code);
	ck_assert_int_eq(rig->code, rows[_i].code);
	ck_assert_uint_eq(rig->n_told, rows[_i].code != 0);
	rig_free(rig);
}
END_TEST

/* The session's fields, the request's, and what is added where nobody says it. */
START_TEST(fields)
{
	static const struct task_header of_session[] = { { "X-A", "session" }, { "X-B", "b" } };
	static const struct task_header of_request[] = { { "x-a", "request" }, { "Range", "no" } };
	static const struct task_header typed = { "content-type", "text/plain" };
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");
	const struct fake_attempt *a;
	uint64_t session;

	open.config.headers = of_session;
	open.config.n_headers = 2;
	session = rig_session_with(rig, &open);
	request.request.headers = of_request;
	request.request.n_headers = 2;
	request.request.method = "post";
	request.body = "a=b";
	request.n_body = 3;
	request.cache_policy = TRANSFER_CACHE_RELOAD_EVERYWHERE;
	request.service_type = TRANSFER_SERVICE_VOIP;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_str_eq(a->method, "POST");
	ck_assert_ptr_null(header_of(a, "X-A"));
	ck_assert_str_eq(header_of(a, "x-a"), "request");
	ck_assert_str_eq(header_of(a, "X-B"), "b");
	ck_assert_ptr_null(header_of(a, "Range"));
	ck_assert_str_eq(header_of(a, "Content-Type"), "application/x-www-form-urlencoded");
	ck_assert_str_eq(header_of(a, "Cache-Control"), "no-cache");
	ck_assert_str_eq(header_of(a, "Pragma"), "no-cache");
	ck_assert_uint_eq(a->live.dscp, 46);
	ck_assert(!a->live.is_retry_safe);
	ck_assert_str_eq(a->source_bytes, "a=b");
	request.request.headers = &typed;
	request.request.n_headers = 1;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_ptr_null(header_of(a, "Content-Type"));
	ck_assert_str_eq(header_of(a, "content-type"), "text/plain");
	/* without a body there is no type of it */
	request.body = NULL;
	request.n_body = 0;
	request.request.n_headers = 0;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_ptr_null(header_of(a, "Content-Type"));
	rig_free(rig);
}
END_TEST

static const struct {
	enum transfer_service_type type;
	uint8_t dscp;
} marks[] = {
	{ TRANSFER_SERVICE_DEFAULT, 0 },
	{ TRANSFER_SERVICE_VOIP, 46 },
	{ TRANSFER_SERVICE_VIDEO, 34 },
	{ TRANSFER_SERVICE_BACKGROUND, 8 },
	{ TRANSFER_SERVICE_VOICE, 46 },
	{ TRANSFER_SERVICE_RESPONSIVE_DATA, 18 },
	{ TRANSFER_SERVICE_AV_STREAMING, 26 },
	{ TRANSFER_SERVICE_RESPONSIVE_AV, 36 },
	{ TRANSFER_SERVICE_CALL_SIGNALING, 40 },
};

/* The marks of RFC 4594, as the header of the library has them. */
START_TEST(service_types)
{
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");
	struct rig *rig = rig_new();
	uint64_t session = rig_session_with(rig, &open);

	request.service_type = marks[_i].type;
	ck_assert_uint_eq(
		rig_attempt(rig, rig_create(rig, session, &request))->live.dscp, marks[_i].dscp);
	rig_free(rig);
}
END_TEST

static int sealed_file(void)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "12345", 5), 5);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

/* What nobody can change is not watched; everything else is. */
START_TEST(bodies_by_descriptor)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	struct live_request request = rig_request(TRANSFER_TASK_UPLOAD, "https://host/");
	int sealed = sealed_file(), open_fd = memfd_create("open", MFD_CLOEXEC), fds[2];
	const struct fake_attempt *a;

	request.body_fd = sealed;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_int_eq(a->live.source, ENGINE_SOURCE_FILE);
	ck_assert_uint_eq(a->source_ino, 0);
	ck_assert_int_ne(a->source_fd, sealed);
	request.body_fd = open_fd;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_uint_ne(a->source_ino, 0);
	ck_assert_int_eq(pipe(fds), 0);
	request.body_fd = fds[0]; /* no file */
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request.body_is_stream = true;
	request.body_length = 7;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_int_eq(a->live.source, ENGINE_SOURCE_STREAM);
	ck_assert_int_eq(a->live.source_length, 7);
	request.body_fd = fds[1]; /* cannot be read */
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_INVALID_REQUEST);
	request.body_fd = -1; /* asked for when it is needed */
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_int_eq(a->live.source, ENGINE_SOURCE_STREAM);
	ck_assert_int_eq(a->source_fd, -1);
	close(sealed);
	close(open_fd);
	close(fds[0]);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

static bool is_read_by(const struct fake_attempt *a, const int fds[2])
{
	struct stat ours, theirs;

	return a->source_fd >= 0 && !fstat(fds[1], &ours) && !fstat(a->source_fd, &theirs) &&
		ours.st_ino == theirs.st_ino;
}

/*
 * Its writer must see when nobody reads any more: we keep no end of it once it is read. An attempt that ended before that read
 * nothing: the next one has it again. 0: called back before it began; 1: held until then; 2: there was no network.
 */
START_TEST(stream_is_handed_on)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request request = rig_request(TRANSFER_TASK_UPLOAD, "https://host/");
	struct engine_event event;
	uint64_t session, id;
	int fds[2];

	open.config.waits_for_connectivity = true;
	session = rig_session_with(rig, &open);
	ck_assert_int_eq(pipe(fds), 0);
	request.body_fd = fds[0];
	request.body_is_stream = true;
	id = rig_create(rig, session, &request);
	ck_assert(is_read_by(rig_attempt(rig, id), fds));
	if (_i == 2) {
		live_set_network(rig->live, false);
		rig_post_failed(rig, id, TRANSFER_ERROR_CANNOT_FIND_HOST);
		live_set_network(rig->live, true);
	} else {
		event = rig_event(rig, id, ENGINE_EVENT_DONE);
		event.is_stopped = true;
		event.is_unbegun = _i == 0;
		rig_post(rig, &event);
	}
	rig_turn(rig);
	ck_assert_uint_eq(rig_attempt(rig, id)->attempt, 2);
	ck_assert(is_read_by(rig_attempt(rig, id), fds));
	event = rig_event(rig, id, ENGINE_EVENT_CONNECTED);
	rig_post(rig, &event);
	ck_assert_int_eq(rig_find(rig, id)->body_fd, -1);
	close(fds[0]);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

/* One that ended without having been read is nobody's either, however long its client does not read of the end. */
START_TEST(stream_of_a_failure)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_UPLOAD, "https://host/");
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	request.body_fd = fds[0];
	request.body_is_stream = true;
	id = rig_create(rig, session, &request);
	rig->is_full = true;
	rig_post_failed(rig, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST);
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_ENDED);
	ck_assert_int_eq(rig_find(rig, id)->body_fd, -1);
	close(fds[0]);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

START_TEST(limit)
{
	static struct live_request requests[FLOW_CREATE_MAX + 1];
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), first, last = 0;

	for (size_t i = 0; i <= FLOW_CREATE_MAX; i++)
		requests[i] = rig_request(TRANSFER_TASK_DATA, "https://host/");
	ck_assert_int_eq(
		live_tasks_create(rig->live, session, requests, FLOW_CREATE_MAX + 1, &first),
		FLOW_E_LIMIT_REACHED);
	for (unsigned i = 0; i < LIVE_TASKS_PER_UID_MAX / FLOW_CREATE_MAX; i++) {
		ck_assert_int_eq(
			live_tasks_create(rig->live, session, requests, FLOW_CREATE_MAX, &first),
			0);
		/* without gaps */
		ck_assert(rig_find(rig, first + FLOW_CREATE_MAX - 1));
		ck_assert_uint_gt(first, last);
		last = first + FLOW_CREATE_MAX - 1;
	}
	ck_assert_int_eq(
		live_tasks_create(rig->live, session, requests, 1, &first), FLOW_E_LIMIT_REACHED);
	rig_turn(rig);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, last), 0);
	ck_assert_int_eq(live_tasks_create(rig->live, session, requests, 1, &first), 0);
	rig_turn(rig);
	rig_free(rig);
}
END_TEST

/* Those that end at once count until that was told: who does not read cannot fill the memory with them. */
START_TEST(limit_of_the_doomed)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), first;
	const struct live_request bad = rig_request(TRANSFER_TASK_DATA, "gopher://host/");
	unsigned n = 0;

	rig->is_full = true;
	while (!live_tasks_create(rig->live, session, &bad, 1, &first))
		ck_assert_uint_le(++n, LIVE_TASKS_PER_UID_MAX);
	ck_assert_uint_eq(n, LIVE_TASKS_PER_UID_MAX);
	rig->is_full = false;
	rig_take(rig, session);
	ck_assert_int_eq(live_tasks_create(rig->live, session, &bad, 1, &first), 0);
	rig_turn(rig);
	rig_free(rig);
}
END_TEST

/* What the session says reaches the engine. */
START_TEST(configuration)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	const struct live_request ftp = rig_request(TRANSFER_TASK_DATA, "ftp://host/file");
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");
	const struct fake_attempt *a;
	uint64_t session;

	open.config.tls_min = TRANSFER_TLS_1_2;
	open.config.tls_max = TRANSFER_TLS_1_3;
	open.config.proxy = "http://proxy:1";
	open.config.max_rate_bps = 1000;
	open.config.allow_insecure = true;
	open.config.request_timeout_us = 5000000;
	session = rig_session_with(rig, &open);
	request.request.max_rate_bps = 2000;
	a = rig_attempt(rig, rig_create(rig, session, &request));
	ck_assert_uint_eq(a->live.tls_min, TRANSFER_TLS_1_2);
	ck_assert_uint_eq(a->live.tls_max, TRANSFER_TLS_1_3);
	ck_assert_str_eq(a->proxy, "http://proxy:1");
	ck_assert_uint_eq(a->max_rate_bps, 1000);
	ck_assert_uint_eq(a->idle_timeout_us, 5000000);
	ck_assert_uint_eq(a->live.max_connections_per_host, SESSION_CONNECTIONS_PER_HOST);
	ck_assert(a->allow_insecure && a->live.allows_ftp);
	ck_assert(rig_attempt(rig, rig_create(rig, session, &ftp)));
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-create", TEST(refused), TEST_LOOP(doomed, 10), TEST(fields),
	TEST_EACH(service_types, marks), TEST(bodies_by_descriptor),
	TEST_LOOP(stream_is_handed_on, 3), TEST(stream_of_a_failure), TEST(limit),
	TEST(limit_of_the_doomed), TEST(configuration))
