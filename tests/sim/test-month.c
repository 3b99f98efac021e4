/* SPDX-License-Identifier: MIT */
/*
 * A month of a busy machine in seconds: tasks come every few minutes from three applications,
 * servers fail, the network goes away, the disk fills up, the daemon is killed about once a day.
 * Time moves from event to event. Every task must end, each exactly once, none may wait without a
 * reason, and urgent or lonely ones must not starve.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S         UINT64_C(1000000)
#define DAY       (UINT64_C(86400) * S)
#define MONTH     (30 * DAY)
#define TASKS_MAX 12000

struct life {
	uint64_t id;
	unsigned n_completed;
};

struct month {
	struct sim *sim;
	uint64_t sessions[3];
	struct life *lives;
	size_t n_lives;
	uint64_t end_us, next_task_us, next_network_us, next_crash_us, next_read_us;
	bool is_up;
	unsigned n_crashes;
};

/* When each attempt ends, by place in the engine's list; kept in the attempt itself. */
static uint64_t *ends_at(struct fake_attempt *a)
{
	return &a->deadline_boot_us; /* the test's from now on */
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	struct month *m = user;

	ck_assert_int_eq(error, 0);
	for (size_t i = 0; i < n_ids; i++)
		m->lives[m->n_lives++] = (struct life){ .id = ids[i] };
}

static void add_tasks(struct month *m)
{
	struct sim *sim = m->sim;
	struct flow_request requests[8];
	char urls[8][64];
	struct flow_create create = { .requests = requests, .start_running = true };
	size_t app = sim_random(sim, 3);

	create.session = m->sessions[app];
	/* the first application is greedy */
	create.n_requests = app ? 1 : 1 + sim_random(sim, 8);
	if (m->n_lives + create.n_requests > TASKS_MAX)
		return;
	for (size_t i = 0; i < create.n_requests; i++) {
		flow_request_init(&requests[i]);
		snprintf(urls[i], sizeof(urls[i]), "https://host%u/x",
			(unsigned)sim_random(sim, 12));
		requests[i].request.url = urls[i];
		requests[i].request.retry_http_errors = sim_random(sim, 2);
		requests[i].request.priority = (double)sim_random(sim, 3) / 2;
		if (!sim_random(sim, 50))
			requests[i].request.not_before_wall_us = sim->now.wall_us +
				sim_random(sim, 3600) * S;
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, on_created, m, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

static int on_event(const struct flow_event *event, void *user)
{
	struct month *m = user;

	if (event->type != FLOW_EVENT_COMPLETED)
		return 0;
	for (size_t i = 0; i < m->n_lives; i++) {
		if (m->lives[i].id != event->task_id)
			continue;
		m->lives[i].n_completed++;
		return 0;
	}
	ck_abort_msg("an end of task %llu, which nobody made", (unsigned long long)event->task_id);
	return 0;
}

static void read_events(struct month *m)
{
	struct sim *sim = m->sim;

	for (size_t i = 0; i < 3; i++) {
		const struct flow_attach attach = { m->sessions[i], 1, 0, 0 };
		struct flow_event_range range = { m->sessions[i], 0, 1000000, 0 };
		struct flow_attached attached;

		sim_begin(sim);
		ck_assert_int_eq(flow_attach(sim->flow, &attach, &attached), 0);
		ck_assert_int_eq(sim_end(sim), 0);
		range.after_seq = attached.last_acked;
		ck_assert_int_eq(flow_events_each(sim->flow, &range, on_event, m), 0);
		sim_begin(sim);
		ck_assert_int_eq(flow_ack(sim->flow, m->sessions[i], 1, attached.last_seq), 0);
		ck_assert_int_eq(flow_detach(sim->flow, m->sessions[i], 1), 0);
		ck_assert_int_eq(sim_end(sim), 0);
	}
}

/* What the world does with an attempt, when its time has come. */
static void end_attempt(struct month *m, struct fake_attempt *a)
{
	struct sim *sim = m->sim;
	uint64_t dice = sim_random(sim, 100);

	if (a->is_done)
		sim_post_synced(sim, a->task, NULL);
	else if (a->is_stopping)
		sim_post_stopped(sim, a->task, a->durable_bytes);
	else if (!m->is_up)
		sim_post_failed(sim, a->task, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	else if (dice < 15)
		sim_post_failed(sim, a->task, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	else if (dice < 25)
		sim_post_failed(sim, a->task, TRANSFER_ERROR_TIMED_OUT, true);
	else if (dice < 28)
		sim_post_disk_full(sim, a->task);
	else if (dice < 33)
		sim_post_done_status(sim, a->task, 503, sim_random(sim, 2) ? 60 * S : 0);
	else if (dice < 35)
		sim_post_failed(sim, a->task, TRANSFER_ERROR_SECURE_CONNECTION_FAILED, false);
	else
		sim_post_done(sim, a->task, a->durable_bytes + 1000);
}

static uint64_t earliest(const struct month *m)
{
	struct sim *sim = m->sim;
	uint64_t at_us = flow_next_timer(sim->flow);

	at_us = m->next_task_us < at_us ? m->next_task_us : at_us;
	at_us = m->next_network_us < at_us ? m->next_network_us : at_us;
	at_us = m->next_crash_us < at_us ? m->next_crash_us : at_us;
	at_us = m->next_read_us < at_us ? m->next_read_us : at_us;
	for (size_t i = 0; i < fake_engine_n(sim->engine); i++) {
		struct fake_attempt *a = fake_engine_get(sim->engine, i);

		if (!a->stage) {
			a->stage = 1;
			*ends_at(a) = sim->now.now_us + (1 + sim_random(sim, 300)) * S;
		}
		if (a->is_done || a->is_stopping)
			*ends_at(a) = sim->now.now_us;
		at_us = *ends_at(a) < at_us ? *ends_at(a) : at_us;
	}
	return at_us;
}

static void move(struct month *m)
{
	struct sim *sim = m->sim;

	for (size_t i = fake_engine_n(sim->engine); i-- > 0;) {
		struct fake_attempt *a = fake_engine_get(sim->engine, i);

		if (*ends_at(a) <= sim->now.now_us)
			end_attempt(m, a);
	}
	if (m->next_task_us <= sim->now.now_us) {
		m->next_task_us = sim->now.now_us < m->end_us
			? sim->now.now_us + sim_random(sim, 1500) * S
			: UINT64_MAX;
		add_tasks(m);
	}
	if (m->next_network_us <= sim->now.now_us) {
		m->is_up = !m->is_up || sim->now.now_us >= m->end_us;
		m->next_network_us = sim->now.now_us >= m->end_us ? UINT64_MAX
								  : sim->now.now_us +
				(m->is_up ? DAY / 2 + sim_random(sim, 86400) * S
					  : sim_random(sim, 7200) * S);
		sim_begin(sim);
		flow_set_network(sim->flow, m->is_up);
		ck_assert_int_eq(sim_end(sim), 0);
	}
	if (m->next_crash_us <= sim->now.now_us) {
		m->next_crash_us = sim->now.now_us < m->end_us
			? sim->now.now_us + sim_random(sim, 2 * 86400) * S
			: UINT64_MAX;
		sim_crash(sim);
		m->n_crashes++;
		sim_begin(sim);
		flow_set_network(sim->flow, m->is_up);
		ck_assert_int_eq(sim_end(sim), 0);
	}
	if (m->next_read_us <= sim->now.now_us) {
		m->next_read_us = sim->now.now_us < m->end_us ? sim->now.now_us + DAY / 4
							      : UINT64_MAX;
		read_events(m);
	}
}

/* With network and a free slot nobody waits for nothing. */
static void check_idle(struct month *m)
{
	struct sim *sim = m->sim;
	struct store_counts counts;

	if (!m->is_up || fake_engine_n(sim->engine) || fake_engine_n_events(sim->engine))
		return;
	ck_assert_int_eq(store_counts(sim->store, &counts), 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], 0);
	if (counts.by_state[TASK_STATE_WAITING])
		ck_assert_uint_ne(flow_next_timer(sim->flow), UINT64_MAX);
}

START_TEST(month)
{
	struct month m = { .sim = sim_new((uint64_t)_i + 100), .is_up = true };
	struct sim *sim = m.sim;
	uint64_t at_us;

	m.lives = calloc(TASKS_MAX, sizeof(*m.lives));
	ck_assert_ptr_nonnull(m.lives);
	m.sessions[0] = sim_session(sim, "app.greedy", "x");
	m.sessions[1] = sim_session(sim, "app.b", "x");
	m.sessions[2] = sim_session(sim, "app.c", "x");
	m.end_us = sim->now.now_us + MONTH;
	m.next_task_us = sim->now.now_us;
	m.next_network_us = sim->now.now_us + DAY;
	m.next_crash_us = sim->now.now_us + DAY / 2;
	m.next_read_us = sim->now.now_us + DAY / 4;
	while ((at_us = earliest(&m)) != UINT64_MAX) {
		if (at_us > sim->now.now_us)
			sim_pass(sim, at_us - sim->now.now_us);
		move(&m);
		sim_turn(sim);
		check_idle(&m);
		/* a week after the last one came all have ended: the resource limit */
		ck_assert_uint_le(sim->now.now_us, m.end_us + 9 * DAY);
	}
	read_events(&m);
	ck_assert_uint_gt(m.n_lives, 5000);
	ck_assert_uint_gt(m.n_crashes, 15);
	for (size_t i = 0; i < m.n_lives; i++)
		if (m.lives[i].n_completed != 1)
			ck_abort_msg("task %llu ended %u times", (unsigned long long)m.lives[i].id,
				m.lives[i].n_completed);
	ck_assert(flow_can_exit(sim->flow));
	ck_assert_uint_eq(registry_count(&sim->flow->registry), 0);
	free(m.lives);
	sim_free(sim);
}
END_TEST

RUN_TESTS_WITHIN("sim/month", 120, TEST_LOOP(month, 2))
