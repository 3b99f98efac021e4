/* SPDX-License-Identifier: MIT */
/*
 * Random walks: everything that clients, servers, disks and power can do, in any order, with the
 * invariants checked after every turn. At the end the world is kind: every task must end exactly
 * once for each life it was given, and nothing may be left behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define TASKS_MAX  400
#define N_SESSIONS 4

struct known {
	uint64_t id;
	unsigned n_lives; /* 1, and one for each retry after an end */
	unsigned n_completed; /* events seen and acknowledged */
	bool is_removed;
};

struct walk {
	struct sim *sim;
	uint64_t sessions[N_SESSIONS];
	struct known known[TASKS_MAX];
	size_t n_known;
	unsigned n_waiting; /* calls of CreateTasks without an answer */
	char source[300];
	bool is_up;
};

static struct known *find(struct walk *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_known; i++)
		if (w->known[i].id == id)
			return &w->known[i];
	return NULL;
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	struct walk *w = user;

	w->n_waiting--;
	if (error)
		return;
	for (size_t i = 0; i < n_ids; i++) {
		ck_assert_ptr_null(find(w, ids[i]));
		w->known[w->n_known++] = (struct known){ .id = ids[i], .n_lives = 1 };
	}
}

static void make_tasks(struct walk *w)
{
	struct sim *sim = w->sim;
	struct flow_request requests[5];
	char urls[5][64], destinations[5][320];
	struct flow_create create = { .requests = requests, .start_running = sim_random(sim, 3) };

	create.n_requests = 1 + sim_random(sim, 5);
	if (w->n_known + create.n_requests + 50 > TASKS_MAX || w->n_waiting)
		return;
	create.session = w->sessions[sim_random(sim, N_SESSIONS)];
	for (size_t i = 0; i < create.n_requests; i++) {
		flow_request_init(&requests[i]);
		snprintf(urls[i], sizeof(urls[i]), "http%s://host%u.example/f",
			sim_random(sim, 20) ? "s" : "", (unsigned)sim_random(sim, 4));
		requests[i].request.url = urls[i];
		requests[i].request.priority = (double)sim_random(sim, 5) / 4;
		if (!sim_random(sim, 4)) {
			requests[i].kind = TRANSFER_TASK_UPLOAD;
			requests[i].request.source_path = w->source;
			requests[i].has_upload_copy = true;
			requests[i].request.upload_copy = (enum task_upload_copy)sim_random(sim, 2);
		} else if (!sim_random(sim, 3)) {
			snprintf(destinations[i], sizeof(destinations[i]), "%s/dest%u",
				sim->spool_dir, (unsigned)sim_random(sim, 100000));
			requests[i].request.destination = destinations[i];
		}
		if (!sim_random(sim, 10))
			requests[i].request.not_before_wall_us = sim->now.wall_us +
				sim_random(sim, 100) * 1000000;
		if (!sim_random(sim, 10))
			requests[i].request.resource_timeout_us = 1000000 +
				sim_random(sim, 100) * 1000000;
	}
	w->n_waiting++;
	sim_begin(sim);
	if (flow_tasks_create(sim->flow, &create, on_created, w, NULL))
		w->n_waiting--;
	sim_end(sim);
}

static void on_resume_data(void *user, int error, const void *data, size_t size)
{
	(void)error;
	(void)data;
	(void)size;
	(*(unsigned *)user)--;
}

static void steer(struct walk *w)
{
	struct sim *sim = w->sim;
	static unsigned n_answers;
	struct flow_steer steer = {
		.uid = 1000, .n_ids = 1, .verb = (enum flow_verb)sim_random(sim, 5)
	};
	struct known *known;
	enum task_state before;

	if (!w->n_known)
		return;
	known = &w->known[sim_random(sim, w->n_known)];
	if (known->is_removed)
		return;
	before = sim_state(sim, known->id);
	steer.ids = &known->id;
	steer.is_forced = sim_random(sim, 2);
	steer.delete_partial = sim_random(sim, 2);
	steer.from_start = sim_random(sim, 2);
	/* the last events of a removed task are not counted */
	if (steer.verb == FLOW_VERB_REMOVE && sim_random(sim, 4))
		return;
	sim_begin(sim);
	if (steer.verb == FLOW_VERB_CANCEL && sim_random(sim, 2)) {
		n_answers++;
		if (flow_task_cancel_resumable(sim->flow, known->id, on_resume_data, &n_answers))
			n_answers--;
	} else {
		ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	}
	if (sim_end(sim))
		return;
	if (steer.verb == FLOW_VERB_RETRY && before == TASK_STATE_COMPLETED &&
		sim_state(sim, known->id) != TASK_STATE_COMPLETED)
		known->n_lives++;
	if (steer.verb == FLOW_VERB_REMOVE && before == TASK_STATE_COMPLETED)
		known->is_removed = true;
}

/* ---- the engine's side ---- */

static void end_attempt(struct walk *w, struct fake_attempt *a)
{
	struct sim *sim = w->sim;

	if (a->is_stopping && sim_random(sim, 4)) {
		sim_post_stopped(sim, a->task, a->durable_bytes);
		return;
	}
	switch (sim_random(sim, 7)) {
	case 0:
		sim_post_failed(sim, a->task, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
		break;
	case 1:
		sim_post_disk_full(sim, a->task);
		break;
	case 2:
	case 3:
		sim_post_failed(sim, a->task, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
		break;
	default:
		sim_post_done(sim, a->task, a->durable_bytes + 1000);
		break;
	}
}

static void report(struct walk *w)
{
	struct sim *sim = w->sim;
	struct fake_attempt *a;
	struct fake_job *job;

	if (fake_engine_n_jobs(sim->engine) && sim_random(sim, 3)) {
		job = fake_engine_job(
			sim->engine, sim_random(sim, fake_engine_n_jobs(sim->engine)));
		if (job->type == FAKE_JOB_SNAPSHOT)
			sim_post_snapshot(sim, job->task,
				sim_random(sim, 6) ? 0 : TRANSFER_ERROR_CANNOT_OPEN_FILE);
		else
			sim_post_published(sim, job->task,
				sim_random(sim, 6) ? 0 : TRANSFER_ERROR_CANNOT_MOVE_FILE);
		return;
	}
	if (!fake_engine_n(sim->engine))
		return;
	a = fake_engine_get(sim->engine, sim_random(sim, fake_engine_n(sim->engine)));
	if (a->is_done) {
		sim_post_synced(sim, a->task, NULL);
		return;
	}
	switch (a->stage++) {
	case 0:
		sim_post_connected(sim, a->task, false);
		break;
	case 1:
		sim_post_response(sim, a->task, sim_random(sim, 8) ? 200 : 503);
		break;
	case 2:
		sim_post_progress(sim, a->task, a->received_bytes + 500, -1);
		break;
	case 3:
		if (a->kind == TRANSFER_TASK_DOWNLOAD)
			sim_post_checkpoint(
				sim, a->task, a->durable_bytes + sim_random(sim, 1000), -1);
		break;
	default:
		end_attempt(w, a);
		break;
	}
}

/* ---- the client's side ---- */

struct reading {
	struct walk *w;
	uint64_t last_seq, task;
	enum flow_event_type last;
	unsigned n_completed[TASKS_MAX];
};

static int on_event(const struct flow_event *event, void *user)
{
	struct reading *reading = user;
	struct known *known = find(reading->w, event->task_id);

	ck_assert_uint_gt(event->seq, reading->last_seq);
	reading->last_seq = event->seq;
	if (!event->task_id)
		return 0;
	/* a birth that was answered after the events of its tasks cannot be: it is known */
	ck_assert_ptr_nonnull(known);
	if (event->type == FLOW_EVENT_COMPLETED) {
		ck_assert_int_eq(reading->last, FLOW_EVENT_METRICS);
		ck_assert_uint_eq(reading->task, event->task_id);
		reading->n_completed[known - reading->w->known]++;
	}
	if (event->type == FLOW_EVENT_METRICS && !event->task->result.code &&
		event->task->kind == TRANSFER_TASK_DOWNLOAD)
		ck_assert_int_eq(reading->last, FLOW_EVENT_FINISHED_DOWNLOADING);
	reading->last = event->type;
	reading->task = event->task_id;
	return 0;
}

/* Attaches, reads all, acknowledges all, leaves: what it has seen then counts. */
static void read_events(struct walk *w, uint64_t session)
{
	struct sim *sim = w->sim;
	struct reading *reading = calloc(1, sizeof(*reading));
	const struct flow_attach attach = { session, 1, 250000, 0 };
	struct flow_attached attached;
	struct flow_event_range range = { session, 0, 100000, 0 };
	int r;

	ck_assert_ptr_nonnull(reading);
	reading->w = w;
	sim_begin(sim);
	ck_assert_int_eq(flow_attach(sim->flow, &attach, &attached), 0);
	if (sim_end(sim)) {
		free(reading);
		return;
	}
	ck_assert_int_eq(flow_events_each(sim->flow, &range, on_event, reading), 0);
	sim_begin(sim);
	r = flow_ack(sim->flow, session, 1,
		reading->last_seq > attached.last_acked ? reading->last_seq : attached.last_acked);
	ck_assert_int_eq(r, 0);
	if (!sim_end(sim))
		for (size_t i = 0; i < w->n_known; i++)
			w->known[i].n_completed += reading->n_completed[i];
	sim_begin(sim);
	ck_assert_int_eq(flow_detach(sim->flow, session, 1), 0);
	if (sim_end(sim)) {
		sim->is_commit_failing = false;
		sim_begin(sim);
		(void)flow_detach(sim->flow, session, 1);
		ck_assert_int_eq(sim_end(sim), 0);
	}
	free(reading);
}

static void change_world(struct walk *w)
{
	struct sim *sim = w->sim;
	struct flow_limits limits;

	sim_begin(sim);
	switch (sim_random(sim, 3)) {
	case 0:
		w->is_up = !w->is_up;
		flow_set_network(sim->flow, w->is_up);
		break;
	case 1:
		flow_limits_get(sim->flow, &limits);
		limits.is_paused = !limits.is_paused;
		ck_assert_int_eq(flow_limits_set(sim->flow, &limits), 0);
		break;
	default:
		break;
	}
	sim_end(sim);
}

static void crash(struct walk *w)
{
	w->sim->is_commit_failing = false;
	sim_crash(w->sim);
	ck_assert_uint_eq(w->n_waiting, 0);
	w->is_up = true;
}

static void step(struct walk *w)
{
	struct sim *sim = w->sim;

	switch (sim_random(sim, 24)) {
	case 0:
	case 1:
		make_tasks(w);
		break;
	case 2:
	case 3:
	case 4:
		steer(w);
		break;
	case 5:
		read_events(w, w->sessions[sim_random(sim, N_SESSIONS)]);
		break;
	case 6:
		change_world(w);
		break;
	case 7:
		sim_wake(sim, sim_random(sim, 100) * 1000000);
		break;
	case 8:
		if (!sim_random(sim, 8))
			crash(w);
		break;
	case 9:
		sim->is_commit_failing = !sim_random(sim, 4);
		break;
	default:
		report(w);
		if (sim_random(sim, 2))
			sim_turn(sim);
		break;
	}
}

/* ---- the kind end ---- */

static void finish_attempts(struct walk *w)
{
	struct sim *sim = w->sim;

	while (fake_engine_n_jobs(sim->engine)) {
		struct fake_job *job = fake_engine_job(sim->engine, 0);

		if (job->type == FAKE_JOB_SNAPSHOT)
			sim_post_snapshot(sim, job->task, 0);
		else
			sim_post_published(sim, job->task, 0);
	}
	for (size_t i = fake_engine_n(sim->engine); i-- > 0;) {
		struct fake_attempt *a = fake_engine_get(sim->engine, i);

		if (a->is_done)
			sim_post_synced(sim, a->task, NULL);
		else if (a->is_stopping)
			sim_post_stopped(sim, a->task, a->durable_bytes);
		else
			sim_post_done(sim, a->task, a->durable_bytes + 10);
	}
}

static void wind_down(struct walk *w)
{
	struct sim *sim = w->sim;
	struct flow_limits limits;
	uint64_t ids[TASKS_MAX];
	struct flow_steer resume = {
		.verb = FLOW_VERB_RESUME, .uid = 1000, .ids = ids, .is_forced = true
	};

	sim->is_commit_failing = false;
	sim_pass(sim, 2000000);
	sim_turn(sim);
	sim_begin(sim);
	flow_set_network(sim->flow, true);
	flow_limits_get(sim->flow, &limits);
	limits.is_paused = false;
	ck_assert_int_eq(flow_limits_set(sim->flow, &limits), 0);
	for (size_t i = 0; i < w->n_known; i++)
		if (!w->known[i].is_removed)
			ids[resume.n_ids++] = w->known[i].id;
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &resume, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	for (unsigned i = 0; i < 2000; i++) {
		finish_attempts(w);
		sim_turn(sim);
		if (!fake_engine_n(sim->engine) && !fake_engine_n_jobs(sim->engine) &&
			!fake_engine_n_events(sim->engine) && !sim_wake(sim, UINT64_C(3600000000)))
			break;
	}
}

static void check_ends(struct walk *w)
{
	struct sim *sim = w->sim;

	ck_assert_uint_eq(w->n_waiting, 0);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert_uint_eq(registry_count(&sim->flow->registry), 0);
	for (size_t i = 0; i < N_SESSIONS; i++)
		read_events(w, w->sessions[i]);
	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];
		char path[FLOW_PATH_BYTES];

		if (k->is_removed)
			continue;
		ck_assert_int_eq(sim_state(sim, k->id), TASK_STATE_COMPLETED);
		/* an end that was retried before anyone read it is told once */
		ck_assert_uint_ge(k->n_completed, 1);
		ck_assert_uint_le(k->n_completed, k->n_lives);
		if (sim_result(sim, k->id))
			continue;
		/* acknowledged: nothing is left in the spool */
		for (enum flow_attempt_file f = FLOW_FILE_PART; f <= FLOW_FILE_BODY; f++) {
			flow_attempt_spool_path(sim->flow, k->id, f, path);
			ck_assert_msg(!fake_engine_has_file(sim->engine, path), "%s is left", path);
		}
	}
	ck_assert(flow_can_exit(sim->flow));
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
}

START_TEST(random_walk)
{
	struct walk *w = calloc(1, sizeof(*w));
	static const struct {
		const char *app, *identifier;
	} names[N_SESSIONS] = { { "app.a", "one" }, { "app.a", "two" }, { "app.b", "one" },
		{ "app.c", "x" } };
	FILE *file;

	ck_assert_ptr_nonnull(w);
	w->sim = sim_new((uint64_t)_i + 1);
	w->is_up = true;
	snprintf(w->source, sizeof(w->source), "%s/source", w->sim->state_dir);
	file = fopen(w->source, "w");
	ck_assert_ptr_nonnull(file);
	fputs("content", file);
	fclose(file);
	for (size_t i = 0; i < N_SESSIONS; i++)
		w->sessions[i] = sim_session(w->sim, names[i].app, names[i].identifier);
	for (unsigned i = 0; i < 4000; i++)
		step(w);
	wind_down(w);
	check_ends(w);
	ck_assert_uint_gt(w->n_known, 100);
	ck_assert_uint_gt(w->sim->n_failed_turns, 10);
	sim_free(w->sim);
	free(w);
}
END_TEST

RUN_TESTS_WITHIN("sim/walk", 120, TEST_LOOP(random_walk, 12))
