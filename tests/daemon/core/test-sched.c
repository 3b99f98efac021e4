/* SPDX-License-Identifier: MIT */
/*
 * Slots, lanes, priorities, turns of applications, windows; and a random run against a model that
 * knows every task.
 */
#include "daemon/core/sched.h"

#include <stdio.h>
#include <string.h>

#include "daemon/core/retry.h"
#include "tests/lib/run.h"

static void lane(struct sched *s, uint64_t number, uint64_t app, uint32_t limit)
{
	ck_assert_int_eq(
		sched_lane_offer(
			s, &(struct sched_lane_spec){ number, app, limit, false, false }, false),
		0);
}

static void put(struct sched *s, uint64_t number, uint64_t id, double priority)
{
	sched_enqueue(s, number, &(struct sched_candidate){ id, priority });
}

static uint64_t pick(struct sched *s)
{
	uint64_t number, id;

	return sched_pick(s, &number, &id) ? id : 0;
}

START_TEST(slots_bound)
{
	struct sched *s = sched_new(3);

	lane(s, 1, 1, 100);
	for (uint64_t id = 1; id <= 5; id++)
		put(s, 1, id, 0.5);
	ck_assert_uint_eq(pick(s), 1);
	ck_assert_uint_eq(pick(s), 2);
	ck_assert_uint_eq(pick(s), 3);
	ck_assert_uint_eq(pick(s), 0);
	sched_release(s, 1);
	ck_assert_uint_eq(pick(s), 4);
	sched_set_slots(s, 1);
	sched_release(s, 1);
	ck_assert_uint_eq(pick(s), 0);
	sched_set_slots(s, 10);
	ck_assert_uint_eq(pick(s), 5);
	sched_free(s);
}
END_TEST

START_TEST(lane_bound)
{
	struct sched *s = sched_new(32);

	lane(s, 1, 1, 2);
	lane(s, 2, 1, 2);
	for (uint64_t id = 1; id <= 4; id++)
		put(s, 1, id, 0.5);
	put(s, 2, 9, 0.1);
	ck_assert_uint_eq(pick(s), 1);
	ck_assert_uint_eq(pick(s), 2);
	ck_assert_uint_eq(pick(s), 9); /* another host is not held up (BT-35) */
	ck_assert_uint_eq(pick(s), 0);
	sched_lane_set_http2(s, 1, true);
	ck_assert_uint_eq(pick(s), 3);
	ck_assert_uint_eq(pick(s), 4);
	sched_lane_set_http2(s, 1, false);
	put(s, 1, 5, 0.5);
	ck_assert_uint_eq(pick(s), 0);
	sched_free(s);
}
END_TEST

START_TEST(priority_first)
{
	struct sched *s = sched_new(32);
	static const uint64_t want[] = { 3, 12, 1, 11, 2, 10 };

	lane(s, 1, 1, 10);
	lane(s, 2, 1, 10);
	put(s, 1, 1, 0.5);
	put(s, 1, 2, 0.25);
	put(s, 1, 3, 1.0);
	put(s, 2, 10, 0.0);
	put(s, 2, 11, 0.5);
	put(s, 2, 12, 0.75);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_uint_eq(pick(s), want[i]);
	sched_free(s);
}
END_TEST

START_TEST(lanes_in_turn)
{
	struct sched *s = sched_new(32);
	static const uint64_t want[] = { 1, 10, 2, 11, 3, 12 };

	lane(s, 1, 1, 10);
	lane(s, 2, 1, 10);
	for (uint64_t id = 1; id <= 3; id++)
		put(s, 1, id, 0.5);
	for (uint64_t id = 10; id <= 12; id++)
		put(s, 2, id, 0.5);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_uint_eq(pick(s), want[i]);
	sched_free(s);
}
END_TEST

/*
 * One application has as many tasks as it likes on as many hosts: another's single task waits for
 * one slot at most.
 */
START_TEST(applications_in_turn)
{
	struct sched *s = sched_new(4);
	uint64_t lane_of, id;

	for (uint64_t l = 1; l <= 500; l++) {
		lane(s, l, 1, 6);
		for (uint64_t i = 0; i < 10; i++)
			put(s, l, l * 100 + i, 1.0);
	}
	for (unsigned i = 0; i < 4; i++)
		ck_assert(sched_pick(s, &lane_of, &id));
	lane(s, 1000, 2, 6);
	put(s, 1000, 7, 0.0); /* its priority is nobody else's business */
	sched_release(s, lane_of);
	ck_assert_uint_eq(pick(s), 7);
	/* and one that comes again and again, with another task each time, has every second slot */
	for (unsigned i = 0; i < 10; i++) {
		put(s, 1000, 8 + i, 0.0);
		sched_release(s, 1000);
		id = pick(s);
		ck_assert_uint_ge(id, 100);
		sched_release(s, id / 100);
		ck_assert_uint_eq(pick(s), 8 + i);
	}
	sched_free(s);
}
END_TEST

START_TEST(dequeue)
{
	struct sched *s = sched_new(4);

	lane(s, 1, 1, 6);
	put(s, 1, 1, 0.5);
	put(s, 1, 2, 0.5);
	put(s, 1, 3, 0.5);
	sched_dequeue(s, 1, 2);
	sched_dequeue(s, 1, 77);
	sched_dequeue(s, 99, 1);
	put(s, 1, 1, 0.5); /* twice is once */
	ck_assert_uint_eq(pick(s), 1);
	ck_assert_uint_eq(pick(s), 3);
	ck_assert_uint_eq(pick(s), 0);
	sched_free(s);
}
END_TEST

START_TEST(idle_lanes_are_forgotten)
{
	struct sched *s = sched_new(4);

	lane(s, 1, 1, 6);
	put(s, 1, 1, 0.5);
	lane(s, 2, 2, 6);
	put(s, 2, 2, 0.5);
	ck_assert_uint_eq(sched_n_lanes(s), 2);
	ck_assert_uint_eq(pick(s), 1);
	sched_release(s, 1);
	ck_assert_uint_eq(sched_n_lanes(s), 1);
	sched_dequeue(s, 2, 2);
	ck_assert_uint_eq(sched_n_lanes(s), 0);
	/* a turn that failed: what it does not know does not count */
	sched_release(s, 1);
	ck_assert_uint_eq(sched_n_running(s), 0);
	sched_free(s);
	sched_free(NULL);
}
END_TEST

START_TEST(refills)
{
	struct sched *s = sched_new(100);
	struct sched_candidate rows[SCHED_WINDOW + 5];
	uint64_t number;

	ck_assert_int_eq(
		sched_lane_offer(s, &(struct sched_lane_spec){ 5, 1, 90, false, false }, true), 0);
	ck_assert(sched_next_refill(s, &number));
	ck_assert_uint_eq(number, 5);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		rows[i] = (struct sched_candidate){ i + 1, 0.5 };
	sched_fill(s, 5, rows, SCHED_WINDOW + 5, true); /* more than fits */
	ck_assert(!sched_next_refill(s, &number));
	/* one that sorts behind the window is left to the store, one before it is not */
	put(s, 5, 1000, 0.5);
	put(s, 5, 2000, 0.9);
	ck_assert_uint_eq(pick(s), 2000);
	for (uint64_t id = 1; id < SCHED_WINDOW; id++)
		ck_assert_uint_eq(pick(s), id);
	ck_assert_uint_eq(pick(s), 0);
	ck_assert(sched_next_refill(s, &number));
	/* on from the last that was not pushed out; what comes back before it needs no reading */
	ck_assert_uint_eq(sched_refill_from(s, 5).id, SCHED_WINDOW - 1);
	put(s, 5, 7, 0.5);
	ck_assert(!sched_next_refill(s, &number));
	ck_assert_uint_eq(pick(s), 7);
	ck_assert(sched_next_refill(s, &number));
	rows[0] = (struct sched_candidate){ SCHED_WINDOW, 0.5 };
	sched_fill(s, 5, rows, 1, true);
	ck_assert_uint_eq(pick(s), SCHED_WINDOW);
	ck_assert(!sched_next_refill(s, &number));
	/* nothing was there after all */
	ck_assert_int_eq(
		sched_lane_offer(s, &(struct sched_lane_spec){ 5, 1, 90, false, false }, true), 0);
	ck_assert(sched_next_refill(s, &number));
	ck_assert_uint_eq(sched_refill_from(s, 5).id, 0);
	sched_fill(s, 5, rows, 0, true);
	ck_assert(!sched_next_refill(s, &number));
	sched_fill(s, 77, rows, 1, true);
	sched_free(s);
}
END_TEST

/* Without network only hosts on this machine are served; all others go on when it is back. */
START_TEST(offline)
{
	struct sched *s = sched_new(10);

	lane(s, 1, 1, 6);
	put(s, 1, 1, 0.5);
	ck_assert_int_eq(
		sched_lane_offer(s, &(struct sched_lane_spec){ 2, 2, 6, true, false }, false), 0);
	put(s, 2, 2, 0.5);
	sched_set_network(s, false);
	ck_assert_uint_eq(pick(s), 2);
	ck_assert_uint_eq(pick(s), 0);
	put(s, 1, 3, 0.9);
	ck_assert_uint_eq(pick(s), 0);
	sched_set_network(s, true);
	ck_assert_uint_eq(pick(s), 3);
	ck_assert_uint_eq(pick(s), 1);
	sched_free(s);
}
END_TEST

/* What is queued stays so until it is let go, also of a lane that is new. */
START_TEST(blocked)
{
	const struct sched_lane_spec spec = { 2, 1, 10, false, true };
	struct sched *s = sched_new(10);

	lane(s, 1, 1, 10);
	for (uint64_t id = 1; id <= 3; id++)
		put(s, 1, id, 0.5);
	ck_assert_uint_eq(pick(s), 1);
	sched_lane_set_blocked(s, 1, true);
	ck_assert_int_eq(sched_lane_offer(s, &spec, false), 0);
	put(s, 2, 4, 1.0);
	ck_assert_uint_eq(pick(s), 0);
	sched_release(s, 1);
	ck_assert_uint_eq(pick(s), 0);
	sched_lane_set_blocked(s, 1, false);
	ck_assert_uint_eq(pick(s), 2);
	sched_lane_set_blocked(s, 2, false);
	ck_assert_uint_eq(pick(s), 4);
	ck_assert_uint_eq(pick(s), 3);
	sched_free(s);
}
END_TEST

START_TEST(no_refill_without_slot)
{
	struct sched *s = sched_new(1);
	uint64_t number;

	lane(s, 1, 1, 6);
	sched_occupy(s, 1);
	ck_assert_int_eq(
		sched_lane_offer(s, &(struct sched_lane_spec){ 5, 1, 6, false, false }, true), 0);
	ck_assert(!sched_next_refill(s, &number));
	sched_release(s, 1);
	ck_assert(sched_next_refill(s, &number));
	sched_reset(s);
	ck_assert(!sched_next_refill(s, &number));
	ck_assert_uint_eq(sched_n_lanes(s), 0);
	sched_free(s);
}
END_TEST

/* ---- against a model ---- */

#define MODEL_TASKS 2000
#define MODEL_LANES 20
#define MODEL_APPS  3

struct model {
	struct {
		bool is_queued, is_running;
		double priority;
	} tasks[MODEL_TASKS];
	uint32_t n_running[MODEL_LANES];
};

static size_t lane_of(size_t id)
{
	return id % MODEL_LANES;
}

static bool is_behind(struct sched_candidate from, size_t id, double priority)
{
	return priority < from.priority || (priority <= from.priority && id > from.id);
}

/* In order: urgent ones first, then by number, behind *row; false: there are more than fit. */
static bool model_rows(
	const struct model *m, size_t of_lane, struct sched_candidate *rows, size_t *ret_n)
{
	const struct sched_candidate from = *rows;

	size_t n = 0;

	for (size_t i = 0; i < 5 * MODEL_TASKS; i++) {
		size_t id = i % MODEL_TASKS;
		int priority = 4 - (int)(i / MODEL_TASKS);

		if (!id || lane_of(id) != of_lane || !m->tasks[id].is_queued ||
			(int)(m->tasks[id].priority * 4) != priority ||
			!is_behind(from, id, m->tasks[id].priority))
			continue;
		if (n == SCHED_WINDOW)
			return false;
		rows[n++] = (struct sched_candidate){ id, m->tasks[id].priority };
		*ret_n = n;
	}
	return true;
}

static void model_refill(struct sched *s, const struct model *m)
{
	struct sched_candidate rows[SCHED_WINDOW];
	uint64_t number;

	while (sched_next_refill(s, &number)) {
		size_t n = 0;
		bool is_whole;

		rows[0] = sched_refill_from(s, number);
		is_whole = model_rows(m, number - 1, rows, &n);

		sched_fill(s, number, rows, n, is_whole);
	}
}

/* Nothing in the lane that waits is more urgent than what was picked. */
static void check_pick(const struct model *m, size_t picked)
{
	for (size_t id = lane_of(picked) ? lane_of(picked) : MODEL_LANES; id < MODEL_TASKS;
		id += MODEL_LANES) {
		if (!m->tasks[id].is_queued)
			continue;
		if (m->tasks[id].priority > m->tasks[picked].priority ||
			(id < picked && !(m->tasks[id].priority < m->tasks[picked].priority)))
			ck_abort_msg("%zu was picked before %zu", picked, id);
	}
}

static void model_enqueue(struct sched *s, struct model *m, size_t id, double priority)
{
	lane(s, lane_of(id) + 1, lane_of(id) % MODEL_APPS + 1, 6);
	m->tasks[id].is_queued = true;
	m->tasks[id].priority = priority;
	put(s, lane_of(id) + 1, id, priority);
}

static size_t fill(struct sched *s, uint64_t number)
{
	size_t n = 0;
	uint64_t id;

	while (sched_pick_ahead(s, number, &id) == SCHED_AHEAD_PICKED)
		n++;
	return n;
}

/* As many as ended, four times; the half of it after a calm round; none after one end alone. */
START_TEST(ahead)
{
	static const struct {
		unsigned n_ended, want;
	} rounds[] = { { 1, 0 }, { 2, 8 }, { 1, 0 }, { 5, 12 }, { 0, 0 } };
	struct sched *s = sched_new(2);
	uint64_t number, id, n_ahead = 0;

	lane(s, 1, 1, 100);
	for (id = 1; id <= 40; id++)
		put(s, 1, id, 0.5);
	ck_assert_uint_eq(pick(s), 1);
	ck_assert_uint_eq(pick(s), 2);
	ck_assert(!sched_next_ahead(s, &number));
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		for (unsigned k = 0; k < rounds[i].n_ended; k++)
			sched_note_end(s, 1);
		ck_assert_int_eq(sched_next_ahead(s, &number), rounds[i].want > 0);
		n_ahead += fill(s, 1);
		ck_assert(!sched_next_ahead(s, &number));
	}
	ck_assert_uint_eq(n_ahead, 20);
	/* places passed on */
	sched_release(s, 1);
	sched_ahead_occupy(s, 1);
	ck_assert_uint_eq(sched_n_running(s), 2);
	ck_assert_int_eq(sched_pick_ahead(s, 1, &id), SCHED_AHEAD_PICKED);
	ck_assert_uint_eq(id, 23);
	sched_free(s);
}
END_TEST

/* Fewer slots, something more urgent, no network, somebody else: all come back, told once. */
START_TEST(ahead_gives_way)
{
	for (int why = 0; why < 4; why++) {
		struct sched *s = sched_new(2);
		uint64_t number = 0;

		lane(s, 1, 1, 2);
		for (uint64_t id = 1; id <= 20; id++)
			put(s, 1, id, 0.5);
		pick(s);
		pick(s);
		sched_note_end(s, 1);
		sched_note_end(s, 1);
		ck_assert(sched_next_ahead(s, &number));
		ck_assert_uint_eq(fill(s, 1), 8);
		ck_assert(!sched_next_recall(s, &number));
		if (why == 0)
			sched_set_slots(s, 1);
		else if (why == 1)
			put(s, 1, 30, 0.6);
		else if (why == 3)
			sched_set_network(s, false);
		lane(s, 2, 2, 2);
		if (why == 2)
			put(s, 2, 40, 0.1);
		ck_assert(sched_next_recall(s, &number));
		ck_assert_uint_eq(number, 1);
		ck_assert(!sched_next_recall(s, &number));
		sched_note_end(s, 1);
		sched_note_end(s, 1);
		ck_assert(!sched_next_ahead(s, &number) || fill(s, 1) == 0);
		for (int i = 0; i < 8; i++)
			sched_ahead_drop(s, 1);
		ck_assert(!sched_next_recall(s, &number));
		sched_free(s);
	}
}
END_TEST

/* A free slot goes to those ahead first: the engine has them already. */
START_TEST(ahead_is_promoted)
{
	struct sched *s = sched_new(2);
	uint64_t number;

	lane(s, 1, 1, 2);
	for (uint64_t id = 1; id <= 20; id++)
		put(s, 1, id, 0.5);
	pick(s);
	pick(s);
	sched_note_end(s, 1);
	sched_note_end(s, 1);
	ck_assert(sched_next_ahead(s, &number));
	fill(s, 1);
	ck_assert(!sched_next_promotion(s, &number));
	sched_release(s, 1);
	ck_assert(sched_next_promotion(s, &number));
	ck_assert_uint_eq(number, 1);
	sched_ahead_occupy(s, 1);
	ck_assert(!sched_next_promotion(s, &number));
	sched_free(s);
}
END_TEST

/* A slot that is promised is nobody else's, and there are not more promises than attempts ahead. */
START_TEST(a_promise_takes_a_slot)
{
	struct sched *s = sched_new(4);
	uint64_t number;

	lane(s, 1, 1, 4);
	for (uint64_t id = 1; id <= 6; id++)
		put(s, 1, id, 0.5);
	for (int i = 0; i < 4; i++)
		pick(s);
	sched_note_end(s, 1);
	sched_note_end(s, 1);
	ck_assert(sched_next_ahead(s, &number));
	ck_assert_uint_eq(fill(s, 1), 2);
	for (int i = 0; i < 3; i++)
		sched_release(s, 1);
	for (uint32_t i = 1; i <= 2; i++) {
		ck_assert(sched_next_promotion(s, &number));
		sched_promise(s, 1);
		ck_assert_uint_eq(sched_n_running(s), 1 + i);
	}
	ck_assert(!sched_next_promotion(s, &number));
	/* one is taken, of the other nothing came: its slot is free again */
	sched_keep_promise(s, 1);
	sched_ahead_occupy(s, 1);
	sched_keep_promise(s, 1);
	sched_ahead_drop(s, 1);
	ck_assert_uint_eq(sched_n_running(s), 2);
	ck_assert_uint_eq(sched_lane_n_running(s, 1), 2);
	ck_assert_uint_eq(sched_n_promised(s), 0);
	/* the answer to one from before a reset frees nothing */
	sched_keep_promise(s, 1);
	ck_assert_uint_eq(sched_n_running(s), 2);
	sched_free(s);
}
END_TEST

/* Nothing is lost. */
static void check_all_get_their_turn(struct sched *s, struct model *m)
{
	uint64_t number, picked;
	size_t n_queued = 0;

	for (;;) {
		model_refill(s, m);
		if (!sched_pick(s, &number, &picked))
			break;
		m->tasks[picked].is_queued = false;
		sched_release(s, number);
		for (size_t k = 1; k < MODEL_TASKS; k++) {
			if (!m->tasks[k].is_running)
				continue;
			m->tasks[k].is_running = false;
			sched_release(s, lane_of(k) + 1);
		}
	}
	for (size_t k = 1; k < MODEL_TASKS; k++)
		n_queued += m->tasks[k].is_queued;
	ck_assert_uint_eq(n_queued, 0);
}

START_TEST(random_against_model)
{
	static struct model m;
	struct sched *s = sched_new(32);
	uint64_t random = (uint64_t)_i + 1, number, picked;
	uint32_t n_running = 0;
	size_t n_started = 0;

	memset(&m, 0, sizeof(m));
	for (unsigned step = 0; step < 60000; step++) {
		size_t id = 1 + retry_random(&random) % (MODEL_TASKS - 1);

		switch (retry_random(&random) % 8) {
		case 0:
		case 1:
		case 2:
			if (!m.tasks[id].is_queued && !m.tasks[id].is_running)
				model_enqueue(s, &m, id, (double)(retry_random(&random) % 5) / 4);
			break;
		case 3:
			if (m.tasks[id].is_queued) {
				m.tasks[id].is_queued = false;
				sched_dequeue(s, lane_of(id) + 1, id);
			}
			break;
		case 4:
			if (m.tasks[id].is_queued) {
				sched_dequeue(s, lane_of(id) + 1, id);
				model_enqueue(s, &m, id, (double)(retry_random(&random) % 5) / 4);
			}
			break;
		case 5:
			for (size_t i = 0; i < 300; i++) {
				size_t k = 1 + (id + i) % (MODEL_TASKS - 1);

				if (!m.tasks[k].is_running)
					continue;
				m.tasks[k].is_running = false;
				m.n_running[lane_of(k)]--;
				n_running--;
				sched_release(s, lane_of(k) + 1);
			}
			break;
		default:
			model_refill(s, &m);
			if (!sched_pick(s, &number, &picked))
				break;
			if (!m.tasks[picked].is_queued || lane_of(picked) + 1 != number)
				ck_abort_msg("%zu does not wait", (size_t)picked);
			m.tasks[picked].is_queued = false;
			check_pick(&m, picked);
			m.tasks[picked].is_running = true;
			n_started++;
			if (++m.n_running[lane_of(picked)] > 6 || ++n_running > 32)
				ck_abort_msg("too many run");
			break;
		}
		if (sched_n_running(s) != n_running)
			ck_abort_msg("%u run, not %u", n_running, sched_n_running(s));
	}
	check_all_get_their_turn(s, &m);
	ck_assert_uint_gt(n_started, 1000);
	ck_assert_uint_eq(sched_n_lanes(s), 0);
	sched_free(s);
}
END_TEST

RUN_TESTS("daemon/core/sched", TEST(slots_bound), TEST(lane_bound), TEST(priority_first),
	TEST(lanes_in_turn), TEST(applications_in_turn), TEST(dequeue),
	TEST(idle_lanes_are_forgotten), TEST(refills), TEST(offline), TEST(blocked),
	TEST(no_refill_without_slot), TEST(ahead), TEST(ahead_gives_way), TEST(ahead_is_promoted),
	TEST(a_promise_takes_a_slot), TEST_LOOP(random_against_model, 5))
