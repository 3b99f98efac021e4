/* SPDX-License-Identifier: MIT */
/*
 * Turns of the flow without memory: a call that fails has done nothing, a turn that fails is undone, and what the
 * engine reported is not lost: the task ends as it would have, once.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"
#include "tests/sim/sim.h"
#include "tests/torture/torture.h"

static struct sim *sim;
static uint64_t the_session;
static unsigned n_created;
static uint64_t created_ids[4];
static int created_error;

/* Linked with --wrap: the engine that is not there is not on trial. */
#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		type r; \
		torture_pause(); \
		r = __real_##name arguments; \
		torture_go_on(); \
		return r; \
	}

WRAP(int, engine_start,
	(struct engine * engine, uint64_t task, uint32_t attempt, const struct engine_spec *spec),
	(engine, task, attempt, spec))
WRAP(int, engine_publish,
	(struct engine * engine, uint64_t task, uint32_t attempt,
		const struct engine_publish *publish),
	(engine, task, attempt, publish))
WRAP(int, engine_snapshot,
	(struct engine * engine, uint64_t task, uint32_t attempt, int fd, const char *path),
	(engine, task, attempt, fd, path))
WRAP(int, engine_remove_file, (struct engine * engine, const char *path), (engine, path))

/* The world's own checks end the program as ours do: no test runner is there. */
void __wrap__ck_assert_failed(
	const char *file, int line, const char *condition, const char *format, ...);
void __wrap__ck_assert_failed(
	const char *file, int line, const char *condition, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format ? format : condition, args);
	va_end(args);
	torture_die(file, line, text);
}

void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

/* ---- turns ---- */

/* What is left of a turn that failed is made up for; the world checks itself. */
static void settle(void)
{
	torture_pause();
	for (int i = 0; i < 3; i++) {
		sim_pass(sim, 1500000);
		sim_settle(sim);
	}
	torture_go_on();
}

static int end_turn(int r)
{
	int end = flow_turn_end(sim->flow);

	return r ? r : end;
}

/* A turn with what the engine has to say. */
static void take_events(void)
{
	sim_begin(sim);
	(void)engine_dispatch(sim->engine, flow_engine_event, sim->flow);
	(void)flow_turn_end(sim->flow);
}

static void on_failure(uint64_t id, int error, void *user)
{
	(void)id;
	*(int *)user = error;
}

static void steer_for_sure(enum flow_verb verb, uint64_t id)
{
	torture_pause();
	TORTURE_CHECK(sim_steer(sim, verb, id) == 0);
	torture_go_on();
	settle();
}

static uint64_t download(void)
{
	uint64_t id;

	torture_pause();
	id = sim_download(sim, the_session, "example.org");
	TORTURE_CHECK(id);
	torture_go_on();
	settle();
	return id;
}

static void acknowledge_all(uint64_t session)
{
	struct flow_attach attach = { .session = session, .client = 1 };
	struct flow_attached attached;

	torture_pause();
	sim_begin(sim);
	TORTURE_CHECK(flow_attach(sim->flow, &attach, &attached) == 0);
	TORTURE_CHECK(sim_end(sim) == 0);
	sim_begin(sim);
	TORTURE_CHECK(flow_ack(sim->flow, session, 1, attached.last_seq) == 0);
	(void)flow_detach(sim->flow, session, 1); /* it may be gone by now */
	TORTURE_CHECK(sim_end(sim) == 0);
	torture_go_on();
	settle();
}

/* Ended or not, the task goes, and its files. */
static void drop(uint64_t id)
{
	enum task_state state;

	torture_pause();
	state = sim_state(sim, id);
	torture_go_on();
	if (state != TASK_STATE_COMPLETED) {
		torture_pause();
		(void)sim_steer(sim, FLOW_VERB_CANCEL, id);
		if (fake_engine_find(sim->engine, id))
			sim_post_stopped(sim, id, 0);
		torture_go_on();
		settle();
	}
	acknowledge_all(the_session);
	steer_for_sure(FLOW_VERB_REMOVE, id);
}

static uint64_t count_tasks(void)
{
	struct flow_statistics statistics;

	torture_pause();
	TORTURE_CHECK(flow_statistics(sim->flow, &statistics) == 0);
	torture_go_on();
	return statistics.n_total;
}

/* ---- scenarios ---- */

static int open_session(void)
{
	struct flow_open open = sim_open("org.example.Torture", "main");
	struct flow_opened opened;
	int r;

	open.description = "tortured";
	open.given = FLOW_SESSION_KEY_DESCRIPTION;
	open.update = true;
	sim_begin(sim);
	r = end_turn(flow_session_open(sim->flow, &open, &opened));
	settle();
	if (!r)
		TORTURE_CHECK(flow_session_get(sim->flow, opened.session));
	return r;
}

static int make_and_end_session(void)
{
	struct flow_open open = sim_open("org.example.Torture", "short");
	struct flow_opened opened;
	int r;

	torture_pause();
	sim_begin(sim);
	TORTURE_CHECK(flow_session_open(sim->flow, &open, &opened) == 0);
	TORTURE_CHECK(sim_end(sim) == 0);
	torture_go_on();
	sim_begin(sim);
	r = end_turn(flow_session_cancel(sim->flow, opened.session));
	settle();
	if (r) {
		torture_pause();
		sim_begin(sim);
		TORTURE_CHECK(flow_session_cancel(sim->flow, opened.session) == 0);
		TORTURE_CHECK(sim_end(sim) == 0);
		torture_go_on();
	}
	acknowledge_all(opened.session);
	TORTURE_CHECK(!flow_session_get(sim->flow, opened.session));
	return r;
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	(void)user;
	n_created++;
	created_error = error;
	for (size_t i = 0; !error && i < n_ids; i++)
		created_ids[i] = ids[i];
}

static int create(bool start_running)
{
	static const struct task_header headers[] = { { "Accept", "a/b" }, { "X-Y", "z" } };
	uint64_t before = count_tasks();
	struct flow_request requests[3];
	struct flow_create c = { the_session, requests, 3, start_running, NULL, NULL };
	int r;

	for (size_t i = 0; i < 3; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = "https://example.org/a/b?c";
		requests[i].request.headers = headers;
		requests[i].request.n_headers = 2;
		requests[i].request.description = "one of three";
	}
	n_created = 0;
	sim_begin(sim);
	r = end_turn(flow_tasks_create(sim->flow, &c, on_created, NULL, NULL));
	TORTURE_CHECK(n_created <= 1);
	if (n_created && created_error)
		r = -ENOMEM; /* what the caller is told: try again */
	TORTURE_CHECK(r || n_created == 1);
	settle();
	TORTURE_CHECK(count_tasks() == before + (r ? 0 : 3));
	for (size_t i = 0; !r && i < 3; i++)
		drop(created_ids[i]);
	return r;
}

static int create_suspended(void)
{
	return create(false);
}

static int create_running(void)
{
	return create(true);
}

static int steer(void)
{
	static const enum flow_verb verbs[] = { FLOW_VERB_SUSPEND, FLOW_VERB_RESUME };
	uint64_t id = download();
	struct flow_steer s = { .uid = 1000, .ids = &id, .n_ids = 1 };
	int error = 0, r = 0;

	for (size_t i = 0; i < 2 && !r; i++) {
		s.verb = verbs[i];
		sim_begin(sim);
		r = end_turn(flow_tasks_steer(sim->flow, &s, on_failure, &error));
		if (!r && error)
			r = -ENOMEM; /* told per task */
		torture_pause();
		if (i == 0 && !r && fake_engine_find(sim->engine, id))
			sim_post_stopped(sim, id, 0);
		torture_go_on();
		settle();
	}
	drop(id);
	return r;
}

static int change_task(void)
{
	uint64_t id = download();
	const struct flow_changes changes = {
		.uid = 1000,
		.ids = &id,
		.n_ids = 1,
		.has_priority = true,
		.priority = 0.9,
		.has_description = true,
		.description = "changed",
	};
	struct task *task;
	int error = 0, r;

	sim_begin(sim);
	r = end_turn(flow_tasks_set(sim->flow, &changes, on_failure, &error));
	settle();
	torture_pause();
	task = sim_task(sim, id);
	if (!r && !error)
		TORTURE_CHECK(strcmp(task->request.description, "changed") == 0);
	task_free(task);
	torture_go_on();
	drop(id);
	return r ? r : error ? -ENOMEM : 0;
}

static int attach(void)
{
	struct flow_attach a = { .session = the_session, .client = 7 };
	struct flow_attached attached;
	int r;

	sim_begin(sim);
	r = flow_attach(sim->flow, &a, &attached);
	if (!r)
		r = flow_detach(sim->flow, the_session, 7);
	r = end_turn(r);
	settle();
	torture_pause();
	sim_begin(sim);
	(void)flow_detach(sim->flow, the_session, 7);
	TORTURE_CHECK(sim_end(sim) == 0);
	torture_go_on();
	return r;
}

static int on_task(const struct task *task, void *user)
{
	++*(int *)user;
	return task->id ? 0 : -EINVAL;
}

static int list_all(void)
{
	const struct flow_query query = { .uid = 1000, .include_finished = true };
	struct flow_statistics statistics;
	uint64_t next, generation = 0;
	int n = 0, r;

	sim_begin(sim);
	r = flow_tasks_each(sim->flow, &query, on_task, &n, &next);
	if (!r)
		r = flow_progress_each(sim->flow, &query, &generation, on_task, &n);
	if (!r)
		r = flow_statistics(sim->flow, &statistics);
	r = end_turn(r);
	settle();
	return r;
}

static void on_resume_data(void *user, int error, const void *data, size_t size)
{
	(void)data;
	(void)size;
	++*(int *)user;
	created_error = error;
}

static int cancel_resumable(void)
{
	uint64_t id = download();
	int n = 0, r;

	torture_pause();
	sim_post_connected(sim, id, false);
	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 1000, 5000);
	torture_go_on();
	settle();
	created_error = 0;
	sim_begin(sim);
	r = flow_task_cancel_resumable(sim->flow, id, on_resume_data, &n);
	(void)flow_turn_end(sim->flow);
	torture_pause();
	if (!r && fake_engine_find(sim->engine, id))
		sim_post_stopped(sim, id, 2000);
	torture_go_on();
	take_events();
	settle();
	TORTURE_CHECK(r || n == 1);
	drop(id);
	return r || (created_error && created_error != FLOW_E_NO_RESUME_DATA) ? -ENOMEM : 0;
}

/* Whatever fails on the way, in the end the file is there and the end is told once. */
static int whole_life(void)
{
	uint64_t id = download();
	const char *told;

	torture_pause();
	sim_post_connected(sim, id, false);
	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 1000, 5000);
	torture_go_on();
	take_events();
	torture_pause();
	sim_post_done(sim, id, 5000);
	torture_go_on();
	take_events();
	settle();
	torture_pause();
	sim_post_synced(sim, id, NULL);
	torture_go_on();
	take_events();
	settle();
	torture_pause();
	TORTURE_CHECK(sim_state(sim, id) == TASK_STATE_COMPLETED);
	TORTURE_CHECK(sim_result(sim, id) == 0);
	told = sim_events(sim, the_session);
	told = strstr(told, "FINISHED");
	TORTURE_CHECK(told && strcmp(told, "FINISHED METRICS COMPLETED") == 0);
	torture_go_on();
	drop(id);
	return 0;
}

static int failed_attempt(void)
{
	uint64_t id = download();

	torture_pause();
	sim_post_failed(sim, id, -1005, true);
	torture_go_on();
	take_events();
	settle();
	torture_pause();
	for (int i = 0; i < 5 && !fake_engine_find(sim->engine, id); i++) {
		sim_pass(sim, 2000000);
		sim_settle(sim);
	}
	TORTURE_CHECK(fake_engine_find(sim->engine, id)); /* it runs again */
	torture_go_on();
	drop(id);
	return 0;
}

static void look(bool begins)
{
	if (begins)
		torture_pause();
	else
		torture_go_on();
}

int main(void)
{
	static const struct torture scenarios[] = {
		TORTURE("session is opened", open_session),
		TORTURE("session is made and ended", make_and_end_session),
		TORTURE("tasks are created", create_suspended),
		TORTURE("tasks are created running", create_running),
		TORTURE("task is suspended and resumed", steer),
		TORTURE("task is changed", change_task),
		TORTURE("client attaches", attach),
		TORTURE("tasks are listed", list_all),
		{ .name = "task is cancelled for resume data",
			.run = cancel_resumable,
			.foreign_leak = "OpenSSL 3.0, EVP_Q_mac()" },
		TORTURE("download lives", whole_life),
		TORTURE("attempt fails and is repeated", failed_attempt),
	};

	sim = sim_new(1);
	sim->look = look;
	log_set_level(LOG_LEVEL_ERROR);
	the_session = sim_session(sim, "org.example.Torture", "main");
	return torture_main(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
