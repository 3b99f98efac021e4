/* SPDX-License-Identifier: MIT */
/* Sessions by name: made, found again, changed, ended (BT-01…BT-07, BT-85, BT-86). */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static int open_error(struct sim *sim, const struct flow_open *open, struct flow_opened *opened)
{
	struct flow_opened ignored;
	int r;

	sim_begin(sim);
	r = flow_session_open(sim->flow, open, opened ? opened : &ignored);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

static const struct task_header bad_header = { "X", "a\r\nb" };
static char long_name[300];

static const struct {
	const char *identifier;
	enum transfer_session_kind kind;
	struct session_config config;
	uint32_t given;
	int want;
} refused[] = {
	{ "", TRANSFER_SESSION_BACKGROUND, { 0 }, 0, FLOW_E_INVALID_REQUEST }, /* BT-01 */
	{ NULL, TRANSFER_SESSION_BACKGROUND, { 0 }, 0, FLOW_E_INVALID_REQUEST },
	{ "\xff", TRANSFER_SESSION_BACKGROUND, { 0 }, 0, FLOW_E_INVALID_REQUEST },
	{ long_name, TRANSFER_SESSION_BACKGROUND, { 0 }, 0, FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_DEFAULT, { 0 }, 0, FLOW_E_NOT_SUPPORTED_IN_SESSION },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .request_timeout_us = 0 },
		FLOW_SESSION_KEY_REQUEST_TIMEOUT, FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .max_connections_per_host = 0 },
		FLOW_SESSION_KEY_MAX_CONNECTIONS, FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .max_connections_per_host = 65 },
		FLOW_SESSION_KEY_MAX_CONNECTIONS, FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .ca_file = "relative.pem" }, FLOW_SESSION_KEY_CA_FILE,
		FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .ca_file = "/nonexistent/ca.pem" },
		FLOW_SESSION_KEY_CA_FILE, FLOW_E_FILE_NOT_FOUND },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .headers = &bad_header, .n_headers = 1 },
		FLOW_SESSION_KEY_HEADERS, FLOW_E_INVALID_REQUEST },
	{ "x", TRANSFER_SESSION_BACKGROUND, { .cookie_store = "" }, FLOW_SESSION_KEY_COOKIE_STORE,
		FLOW_E_INVALID_REQUEST },
};

START_TEST(refuses)
{
	struct sim *sim = sim_new(1);
	struct flow_open open;

	memset(long_name, 'x', sizeof(long_name) - 1);
	open = sim_open("app", refused[_i].identifier);
	open.kind = refused[_i].kind;
	open.given = refused[_i].given;
	switch ((enum flow_session_key)refused[_i].given) {
	case FLOW_SESSION_KEY_REQUEST_TIMEOUT:
		open.config.request_timeout_us = 0;
		break;
	case FLOW_SESSION_KEY_MAX_CONNECTIONS:
		open.config.max_connections_per_host = refused[_i].config.max_connections_per_host;
		break;
	case FLOW_SESSION_KEY_CA_FILE:
		open.config.ca_file = refused[_i].config.ca_file;
		break;
	case FLOW_SESSION_KEY_HEADERS:
		open.config.headers = refused[_i].config.headers;
		open.config.n_headers = 1;
		break;
	case FLOW_SESSION_KEY_COOKIE_STORE:
		open.config.cookie_store = long_name;
		break;
	case FLOW_SESSION_KEY_SENDS_COOKIES:
	case FLOW_SESSION_KEY_ACCEPTS_COOKIES:
	case FLOW_SESSION_KEY_RESOURCE_TIMEOUT:
	case FLOW_SESSION_KEY_DISCRETIONARY:
	case FLOW_SESSION_KEY_ALLOWS_METERED:
	case FLOW_SESSION_KEY_ALLOW_INSECURE:
	case FLOW_SESSION_KEY_RETRY_HTTP_ERRORS:
	case FLOW_SESSION_KEY_MAX_RATE:
	case FLOW_SESSION_KEY_LAUNCH:
	case FLOW_SESSION_KEY_DESCRIPTION:
	case FLOW_SESSION_KEY_UPLOAD_COPY:
		break;
	}
	ck_assert_str_eq(
		flow_error_text(open_error(sim, &open, NULL)), flow_error_text(refused[_i].want));
	sim_free(sim);
}
END_TEST

START_TEST(reassociates)
{
	struct sim *sim = sim_new(1);
	struct flow_open open = sim_open("app", "one"), other = sim_open("other", "one");
	struct flow_opened a, b, c;
	uint64_t task;

	ck_assert_int_eq(open_error(sim, &open, &a), 0);
	ck_assert(!a.is_reassociated);
	task = sim_download(sim, a.session, "example.org");
	sim_crash(sim);
	ck_assert_int_eq(open_error(sim, &open, &b), 0);
	ck_assert(b.is_reassociated);
	ck_assert_uint_eq(b.session, a.session);
	ck_assert_uint_eq(b.n_tasks, 1);
	ck_assert_uint_eq(b.n_events, 0);
	ck_assert_int_eq(sim_state(sim, task), TASK_STATE_QUEUED);
	/* another application's session of the same name is another one (BT-03) */
	ck_assert_int_eq(open_error(sim, &other, &c), 0);
	ck_assert(!c.is_reassociated);
	ck_assert_uint_ne(c.session, a.session);
	ck_assert_ptr_nonnull(flow_session_find(sim->flow, 1000, "other", "one"));
	ck_assert_ptr_null(flow_session_find(sim->flow, 1001, "other", "one"));
	ck_assert_ptr_null(flow_session_find(sim->flow, 1000, NULL, "two"));
	sim_free(sim);
}
END_TEST

/* BT-07: stored values stay and the difference is told, unless asked otherwise. */
START_TEST(differences)
{
	struct sim *sim = sim_new(1);
	static const struct task_header headers[] = { { "X-A", "1" }, { "Host", "evil" } };
	struct flow_open open = sim_open("app", "one");
	struct flow_opened opened;
	const struct session *session;

	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	open.config.request_timeout_us = 5000000;
	open.config.headers = headers;
	open.config.n_headers = 2;
	open.config.allow_insecure = true;
	open.given = FLOW_SESSION_KEY_REQUEST_TIMEOUT | FLOW_SESSION_KEY_HEADERS;
	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	ck_assert_uint_eq(opened.differences, open.given);
	session = flow_session_get(sim->flow, opened.session);
	ck_assert_uint_eq(session->config.request_timeout_us, 60000000);
	ck_assert_str_eq(flow_session_key_name(FLOW_SESSION_KEY_HEADERS), "headers");

	open.update = true;
	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	ck_assert_uint_eq(opened.differences, 0);
	sim_crash(sim);
	session = flow_session_get(sim->flow, opened.session);
	ck_assert_uint_eq(session->config.request_timeout_us, 5000000);
	ck_assert_uint_eq(session->config.n_headers, 1); /* what the engine owns is not kept */
	ck_assert_str_eq(session->config.headers[0].name, "X-A");
	ck_assert(!session->config.allow_insecure); /* not given */
	open.update = false;
	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	ck_assert_uint_eq(opened.differences, 0);
	sim_free(sim);
}
END_TEST

START_TEST(finishes)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h");
	struct flow_open open = sim_open("app", "one");
	struct flow_request request;
	struct flow_opened opened;

	sim_begin(sim);
	ck_assert_int_eq(flow_session_finish(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	/* no new tasks (BT-85), no opening (BT-06), what runs goes on */
	flow_request_init(&request);
	request.request.url = "https://h/";
	ck_assert_int_eq(sim_create_error(sim, session, &request), FLOW_E_SESSION_INVALID);
	sim_begin(sim);
	ck_assert_int_eq(flow_attach(sim->flow, &(struct flow_attach){ session, 1, 0, 0 },
				 &(struct flow_attached){ 0 }),
		0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(open_error(sim, &open, NULL), FLOW_E_SESSION_INVALID);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_crash(sim);
	sim_finish(sim, a, 10);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED INVALID");
	/* nobody is there any more: whoever ended it may come back and hear the end */
	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	ck_assert(opened.is_reassociated);
	ck_assert_uint_eq(opened.session, session);
	/* acknowledged: the row goes, the name is free */
	sim_begin(sim);
	ck_assert_int_eq(flow_attach(sim->flow, &(struct flow_attach){ session, 1, 0, 0 },
				 &(struct flow_attached){ 0 }),
		0);
	ck_assert_int_eq(
		flow_ack(sim->flow, session, 1, flow_session_lookup(sim->flow, session)->last_seq),
		0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert(sim->is_session_gone);
	ck_assert_ptr_null(flow_session_get(sim->flow, session));
	ck_assert_int_eq(open_error(sim, &open, &opened), 0);
	ck_assert(!opened.is_reassociated);
	ck_assert_uint_ne(opened.session, session);
	sim_free(sim);
}
END_TEST

START_TEST(finishes_when_empty)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");

	sim_begin(sim);
	ck_assert_int_eq(flow_session_finish(sim->flow, session), 0);
	ck_assert_int_eq(flow_session_finish(sim->flow, session), FLOW_E_SESSION_INVALID);
	ck_assert_int_eq(flow_session_finish(sim->flow, 77), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_str_eq(sim_events(sim, session), "INVALID");
	sim_free(sim);
}
END_TEST

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	(void)user;
	ck_assert_int_eq(error, 0);
	ck_assert_uint_eq(n_ids, 1000);
	ck_assert_uint_ne(ids[0], ids[999]);
}

/* BT-86: every task -999 first; more of them than one turn takes, and a crash on the way. */
START_TEST(cancels_all)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), ids[8];
	struct flow_request requests[1000];
	const struct flow_create create = { session, requests, 1000, false, NULL, NULL };
	const struct session *s;
	unsigned n = 0;

	for (size_t i = 0; i < 8; i++)
		ids[i] = sim_download(sim, session, "h");
	for (size_t i = 0; i < 1000; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = "https://h/x";
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, on_created, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_begin(sim);
	ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	s = flow_session_get(sim->flow, session);
	ck_assert_uint_gt(s->n_tasks, 100);
	sim_crash(sim);
	/* attempts died with the daemon; the rest is cancelled page by page */
	while (flow_next_timer(sim->flow) <= sim->now.now_us && n++ < 100)
		sim_turn(sim);
	s = flow_session_get(sim->flow, session);
	ck_assert_uint_eq(s->n_tasks, 0);
	ck_assert_int_eq(s->state, TRANSFER_SESSION_STATE_INVALID);
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(sim_result(sim, ids[i]), TRANSFER_ERROR_CANCELLED);
	ck_assert_uint_eq(s->n_events, 1008 * 2 + 1);
	sim_free(sim);
}
END_TEST

START_TEST(running_ones_are_stopped)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	sim_begin(sim);
	ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert(fake_engine_find(sim->engine, id)->is_stopping);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_post_stopped(sim, id, 5);
	sim_settle(sim);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED INVALID");
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0); /* the partial file went */
	sim_free(sim);
}
END_TEST

START_TEST(description)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");

	sim_begin(sim);
	ck_assert_int_eq(flow_session_set_description(sim->flow, session, "photos"), 0);
	ck_assert_int_eq(
		flow_session_set_description(sim->flow, session, "\xff"), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(flow_session_flush(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_ge(sim->n_session_changes, 1);
	sim_crash(sim);
	ck_assert_str_eq(flow_session_get(sim->flow, session)->description, "photos");
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-session", TEST_EACH(refuses, refused), TEST(reassociates), TEST(differences),
	TEST(finishes), TEST(finishes_when_empty), TEST(cancels_all),
	TEST(running_ones_are_stopped), TEST(description))
