/* SPDX-License-Identifier: MIT */
/*
 * Live sessions under everything at once, in random order: new tasks, verbs, answers, whatever an engine may report, networks
 * that come and go, time, clients that do not read or leave. After each turn the slots are counted (live-rig.c); what is told
 * of a task is in order and ends once; in the end nothing is left.
 */

#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "tests/daemon/live-rig.h"
#include "tests/lib/run.h"

#define STEPS     1500
#define SESSIONS  3
#define TASKS_MAX 4096
#define WALKS     8
/* Check writes to a pipe at each assertion that holds: too slow for so many */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s:%d: %s", __func__, __LINE__, #condition); \
	} while (0)

/* What is known of a number. */
struct known {
	uint64_t id, session, question;
	enum live_event_type type; /* of the question */
	bool is_response_told, is_over, is_lost;
};

struct walk {
	struct rig *rig;
	uint64_t sessions[SESSIONS], clients[SESSIONS], next_client;
	struct known known[TASKS_MAX];
	size_t n_known, n_ended;
};

static uint64_t below(struct walk *walk, uint64_t n)
{
	return sim_random(walk->rig->sim, n);
}

static struct known *know(struct walk *walk, uint64_t id)
{
	for (size_t i = 0; i < walk->n_known; i++)
		if (walk->known[i].id == id)
			return &walk->known[i];
	return NULL;
}

static void add(struct walk *walk, uint64_t session, uint64_t id)
{
	CHECK(walk->n_known < TASKS_MAX);
	walk->known[walk->n_known++] = (struct known){ .id = id, .session = session };
}

/* ---- what is told ---- */

static void on_row(const struct live_row *row, void *user)
{
	struct walk *walk = user;
	struct known *k = know(walk, row->task);

	CHECK(k && !k->is_over && !k->is_lost && row->session == k->session);
	switch (row->type) {
	case LIVE_EVENT_RESPONSE:
		k->is_response_told = true;
		break;
	case LIVE_EVENT_DATA:
		CHECK(k->is_response_told);
		break;
	case LIVE_EVENT_BECAME_DOWNLOAD:
		k->is_over = true;
		walk->n_ended++;
		add(walk, row->session, row->other_task);
		know(walk, row->other_task)->is_response_told = true;
		return;
	case LIVE_EVENT_WITHDRAWN:
		CHECK(k->question == row->question || !k->question);
		k->question = 0;
		return;
	case LIVE_EVENT_COMPLETED:
		CHECK(!k->question);
		CHECK(!row->is_folded || !k->is_response_told);
		k->is_over = true;
		walk->n_ended++;
		return;
	case LIVE_EVENT_INFORMATIONAL:
	case LIVE_EVENT_REDIRECT:
	case LIVE_EVENT_CHALLENGE:
	case LIVE_EVENT_NEED_BODY:
	case LIVE_EVENT_SENT:
	case LIVE_EVENT_WRITTEN:
	case LIVE_EVENT_RESUMED:
	case LIVE_EVENT_WAITING:
	case LIVE_EVENT_FINISHED:
	case LIVE_EVENT_METRICS:
	case LIVE_EVENT_BECAME_INVALID:
		break;
	}
	if (!row->question)
		return;
	CHECK(!k->question);
	k->question = row->question;
	k->type = row->type;
}

/* ---- the application ---- */

static void open_session(struct walk *walk, size_t i)
{
	struct live_open open = rig_open(
		below(walk, 2) ? TRANSFER_SESSION_EPHEMERAL : TRANSFER_SESSION_DEFAULT);

	open.client = walk->clients[i] = ++walk->next_client;
	open.asks = (unsigned)below(walk, 16);
	open.tells = (unsigned)below(walk, 64) | LIVE_TELL_RESPONSE;
	open.folds = below(walk, 2);
	open.config.max_connections_per_host = (uint32_t)below(walk, 3) + 1;
	open.config.waits_for_connectivity = below(walk, 2);
	walk->sessions[i] = rig_session_with(walk->rig, &open);
}

static void create(struct walk *walk)
{
	static const enum transfer_task_kind kinds[] = { TRANSFER_TASK_DATA, TRANSFER_TASK_UPLOAD,
		TRANSFER_TASK_DOWNLOAD };
	static const char *const urls[] = { "https://host/", "https://other/", "ftp://host/",
		"gopher://host/", "not a url", "https://127.0.0.1/" };
	struct live_request requests[4];
	size_t n = below(walk, 4) + 1;
	uint64_t session = walk->sessions[below(walk, SESSIONS)], first;

	for (size_t i = 0; i < n; i++) {
		requests[i] = rig_request(
			kinds[below(walk, 3)], urls[below(walk, below(walk, 8) ? 2 : 6)]);
		requests[i].request.priority = (double)below(walk, 11) / 10;
		if (requests[i].kind == TRANSFER_TASK_UPLOAD)
			requests[i].body = "body", requests[i].n_body = 4;
		if (!below(walk, 4))
			requests[i].request.resource_timeout_us = 1000000 * (1 + below(walk, 5));
	}
	if (live_tasks_create(walk->rig->live, session, requests, n, &first))
		ck_abort_msg("a task was refused");
	for (size_t i = 0; i < n; i++)
		add(walk, session, first + i);
}

static const struct known *any(struct walk *walk)
{
	return walk->n_known ? &walk->known[below(walk, walk->n_known)] : NULL;
}

static void steer(struct walk *walk)
{
	static const enum flow_verb verbs[] = { FLOW_VERB_SUSPEND, FLOW_VERB_SUSPEND,
		FLOW_VERB_RESUME, FLOW_VERB_RESUME, FLOW_VERB_RESUME, FLOW_VERB_CANCEL };
	const struct known *k = any(walk);

	if (k && !k->is_over)
		(void)rig_steer(walk->rig, verbs[below(walk, 6)], k->id);
}

static void set(struct walk *walk)
{
	const struct known *k = any(walk);
	struct flow_changes changes = { .uid = RIG_UID, .n_ids = 1, .has_priority = true };

	if (!k)
		return;
	changes.ids = &k->id;
	changes.priority = (double)below(walk, 11) / 10;
	CHECK(live_tasks_set(walk->rig->live, &changes, NULL, NULL) == 0);
}

static void answer(struct walk *walk)
{
	static const struct task_request next = { .url = "https://other/next", .method = "GET" };
	static const struct engine_credential credential = { "user", "passwd" };
	struct live_answer to = { 0 };
	struct known *k = NULL;
	int r = 0;

	for (size_t i = 0; i < walk->n_known && !k; i++)
		if (walk->known[i].question && below(walk, 2))
			k = &walk->known[i];
	if (!k)
		return;
	to = (struct live_answer){ k->session, live_session_client(walk->rig->live, k->session),
		k->question };
	if (k->type == LIVE_EVENT_REDIRECT)
		r = live_answer_redirect(
			walk->rig->live, &to, (enum live_redirect)below(walk, 3), &next);
	else if (k->type == LIVE_EVENT_CHALLENGE)
		r = live_answer_challenge(walk->rig->live, &to,
			(enum engine_challenge_answer)below(walk, 4), &credential);
	else if (k->type == LIVE_EVENT_RESPONSE)
		r = live_answer_response(walk->rig->live, &to, (enum live_response)below(walk, 3));
	else
		r = live_answer_body(walk->rig->live, &to, -1, -1);
	/* it may have been withdrawn, and we not have heard of it */
	CHECK(r == 0 || walk->rig->is_full);
	k->question = 0;
}

static void leave(struct walk *walk)
{
	size_t i = below(walk, SESSIONS);

	if (below(walk, 2))
		live_client_left(walk->rig->live, walk->clients[i]);
	else
		CHECK(live_session_close(walk->rig->live, walk->sessions[i]) == 0);
	for (size_t k = 0; k < walk->n_known; k++) {
		if (walk->known[k].session != walk->sessions[i] || walk->known[k].is_over)
			continue;
		walk->known[k].is_lost = walk->known[k].is_over = true;
		walk->known[k].question = 0;
		walk->n_ended++;
	}
	open_session(walk, i);
}

/* ---- the engine ---- */

static struct live_task *task_of(struct walk *walk, const struct fake_attempt *a)
{
	return map_find(&walk->rig->live->by_engine_id, a->task);
}

static struct engine_event event_of(const struct fake_attempt *a, enum engine_event_type type)
{
	return (struct engine_event){ .type = type,
		.task = a->task,
		.attempt = a->attempt,
		.expected_receive_bytes = -1,
		.expected_send_bytes = -1 };
}

static void post_ask(struct walk *walk, struct fake_attempt *a, struct engine_event *event)
{
	static const struct engine_request proposed = { .url = "https://host/next",
		.method = "GET" };
	const struct engine_response response = rig_response(302);
	static const struct {
		enum engine_event_type type;
		unsigned ask;
	} asks[] = {
		{ ENGINE_EVENT_ASK_REDIRECT, ENGINE_ASK_REDIRECT },
		{ ENGINE_EVENT_ASK_RESPONSE, ENGINE_ASK_RESPONSE },
		{ ENGINE_EVENT_ASK_BODY, ENGINE_ASK_BODY },
		{ ENGINE_EVENT_ASK_CHALLENGE, ENGINE_ASK_CHALLENGE },
	};
	static const struct engine_challenge challenge = {
		.method = TRANSFER_AUTH_BASIC, .protocol = "https", .host = "host", .realm = "realm"
	};
	size_t i = below(walk, 4);

	/* one at a time, and the response once */
	if (!(a->live.asks & asks[i].ask) || (a->stage && i == 1) || a->stage > 1)
		return;
	a->stage = i == 1 ? 1 : a->stage;
	event->type = asks[i].type;
	event->response = &response;
	event->live.proposed = i ? NULL : &proposed;
	event->live.challenge = i == 3 ? &challenge : NULL;
	fake_engine_post(walk->rig->engine, event);
}

static void post_done(struct walk *walk, struct fake_attempt *a, struct engine_event *event)
{
	static const int32_t codes[] = { 0, 0, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST,
		TRANSFER_ERROR_TIMED_OUT, TRANSFER_ERROR_CANNOT_FIND_HOST,
		TRANSFER_ERROR_NOT_CONNECTED };
	const struct engine_response response = rig_response(200);

	event->result.code = codes[below(walk, 7)];
	event->is_retryable = below(walk, 2);
	event->offset_bytes = below(walk, 100);
	if (!event->result.code || below(walk, 2))
		event->response = &response;
	if (event->response && a->kind != TRANSFER_TASK_DOWNLOAD && below(walk, 2)) {
		event->live.body = "body";
		event->live.n_body = 4;
	}
	a->is_done = true;
	fake_engine_post(walk->rig->engine, event);
}

static void post_stopped(struct walk *walk, struct fake_attempt *a)
{
	struct engine_event event = event_of(a, ENGINE_EVENT_DONE);

	event.result.code = TRANSFER_ERROR_CANCELLED;
	event.is_stopped = true;
	event.offset_bytes = below(walk, 100);
	a->is_done = true;
	fake_engine_post(walk->rig->engine, &event);
}

static void report(struct walk *walk)
{
	size_t n = fake_engine_n(walk->rig->engine);
	struct fake_attempt *a = n ? fake_engine_get(walk->rig->engine, below(walk, n)) : NULL;
	const struct engine_response response = rig_response(200);
	struct engine_event event;
	struct live_task *task;

	if (!a || a->is_done)
		return;
	task = task_of(walk, a);
	CHECK(task);
	event = event_of(a, ENGINE_EVENT_CONNECTED);
	if ((a->is_stopping || (a->is_held && !task->was_told)) && below(walk, 2)) {
		post_stopped(walk, a);
		return;
	}
	/* who is asked, or held, moves nothing */
	if (task->question || a->is_held || fake_engine_n_events(walk->rig->engine))
		return;
	switch (below(walk, 7)) {
	case 0:
		event.is_http2 = below(walk, 2);
		fake_engine_post(walk->rig->engine, &event);
		return;
	case 1:
		event.type = ENGINE_EVENT_PROGRESS;
		event.received_bytes = event.sent_bytes = a->received_bytes += below(walk, 100);
		fake_engine_post(walk->rig->engine, &event);
		return;
	case 2:
		post_ask(walk, a, &event);
		return;
	case 3:
		event.type = ENGINE_EVENT_STALLED;
		event.live.is_stalled = below(walk, 2);
		fake_engine_post(walk->rig->engine, &event);
		return;
	case 4:
		if (a->kind == TRANSFER_TASK_DOWNLOAD || a->live.body != ENGINE_BODY_FLOW ||
			task->task.kind == TRANSFER_TASK_DOWNLOAD)
			return;
		event.type = ENGINE_EVENT_RESPONSE;
		event.response = &response;
		if (!a->stage)
			fake_engine_post(walk->rig->engine, &event);
		a->stage = 2;
		event.type = ENGINE_EVENT_DATA;
		event.response = NULL;
		event.live.body = "piece";
		event.live.n_body = 5;
		fake_engine_post(walk->rig->engine, &event);
		return;
	default:
		event.type = ENGINE_EVENT_DONE;
		post_done(walk, a, &event);
		return;
	}
}

/* ---- the walk ---- */

static void step(struct walk *walk)
{
	switch (below(walk, 20)) {
	case 0:
	case 1:
		create(walk);
		break;
	case 2:
	case 3:
		steer(walk);
		break;
	case 4:
		set(walk);
		break;
	case 5:
	case 6:
	case 7:
		answer(walk);
		break;
	case 8:
		live_set_network(walk->rig->live, below(walk, 3));
		break;
	case 9:
		walk->rig->is_full = !below(walk, 3);
		break;
	case 10:
		rig_pass(walk->rig, below(walk, 2000000));
		break;
	case 11:
		if (!below(walk, 20))
			leave(walk);
		break;
	case 12:
		/* a crowd of ends in one turn */
		for (unsigned i = 0; i < 40; i++)
			report(walk);
		break;
	default:
		report(walk);
		break;
	}
	rig_turn(walk->rig);
	for (size_t i = 0; i < SESSIONS && !walk->rig->is_full; i++)
		rig_take(walk->rig, walk->sessions[i]);
}

/* Everybody answers, and the engine ends what it has. */
static void finish(struct walk *walk)
{
	walk->rig->is_full = false;
	live_set_network(walk->rig->live, true);
	for (unsigned i = 0; walk->n_ended < walk->n_known; i++) {
		CHECK(i < 20000);
		rig_turn(walk->rig);
		for (size_t s = 0; s < SESSIONS; s++)
			rig_take(walk->rig, walk->sessions[s]);
		for (size_t k = 0; k < walk->n_known; k++)
			if (!walk->known[k].is_over)
				(void)rig_steer(walk->rig, FLOW_VERB_CANCEL, walk->known[k].id);
		for (size_t k = 0; k < fake_engine_n(walk->rig->engine); k++) {
			struct fake_attempt *a = fake_engine_get(walk->rig->engine, k);

			if (!a->is_done)
				post_stopped(walk, a);
		}
	}
	rig_turn(walk->rig);
	CHECK(TAILQ_EMPTY(&walk->rig->live->all));
	CHECK(!live_n_running(walk->rig->live) && !walk->rig->live->n_stalled);
	CHECK(!sched_n_running(walk->rig->live->sched) && !sched_n_lanes(walk->rig->live->sched));
	CHECK(!walk->rig->live->questions.n_used && !walk->rig->live->lanes.n_used);
}

START_TEST(walk_anywhere)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	CHECK(walk);
	walk->rig = rig_new();
	walk->rig->sim->random = (uint64_t)_i * 7919 + 1;
	walk->rig->on_row = on_row;
	walk->rig->user = walk;
	for (size_t i = 0; i < SESSIONS; i++)
		open_session(walk, i);
	for (unsigned i = 0; i < STEPS; i++)
		step(walk);
	finish(walk);
	for (size_t i = 0; i < SESSIONS; i++)
		live_client_left(walk->rig->live, walk->clients[i]);
	rig_turn(walk->rig);
	CHECK(live_can_exit(walk->rig->live));
	rig_free(walk->rig);
	free(walk);
}
END_TEST

RUN_TESTS_WITHIN("sim/live-walk", 60, TEST_LOOP(walk_anywhere, WALKS))
