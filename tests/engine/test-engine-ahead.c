/* SPDX-License-Identifier: MIT */
/* Attempts ahead: begun by the engine when one of their lane ends, never sooner, each once. */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"

#define N_CHAIN 20

static struct rig rig;

static void begin(uint64_t task, const char *target, uint64_t lane, bool is_ahead)
{
	struct engine_spec spec = rig_download(&rig, task, target);

	spec.lane = lane;
	spec.is_ahead = is_ahead;
	rig_begin(&rig, task, &spec);
}

/* The place goes to the first of the lane, and DONE names it. */
START_TEST(takes_the_place_of_another)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2", 2, true);
	begin(3, "/file?size=3000&seed=3", 1, true);
	begin(4, "/file?size=3000&seed=4&gate=h&gate_after=1000", 1, true);
	rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	ck_assert_str_eq(rig.tasks[3].order, "");
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_uint_eq(t->done.next_task, 3);
	ck_assert_uint_eq(t->done.next_attempt, 1);
	t = rig_wait(&rig, 3, ENGINE_EVENT_DONE, 1);
	ck_assert_uint_eq(t->done.next_task, 4);
	rig_wait(&rig, 3, ENGINE_EVENT_SYNCED, 1);
	rig_check_part(&rig, 3, 3, 3000);
	ck_assert_int_eq(origin_release(rig.origin, "h"), 0);
	t = rig_wait(&rig, 4, ENGINE_EVENT_DONE, 1);
	ck_assert_uint_eq(t->done.next_task, 0);
	/* another lane's waits on, until it gets a place of its own */
	ck_assert_str_eq(rig.tasks[2].order, "");
	ck_assert_int_eq(engine_begin(rig.engine, 2, 1), 0);
	t = rig_wait(&rig, 2, ENGINE_EVENT_BEGUN, 1);
	ck_assert_uint_eq(t->begun.next_task, 2);
	ck_assert_uint_eq(t->begun.next_attempt, 1);
	ck_assert_uint_eq(t->begun.lane, 2);
	rig_wait(&rig, 2, ENGINE_EVENT_SYNCED, 1);
	rig_check_part(&rig, 2, 2, 3000);
	rig_stop(&rig);
}
END_TEST

/* One place, many that want it: each runs once, one after the other. */
START_TEST(a_chain)
{
	char target[64];

	rig_start(&rig, NULL, NULL);
	/* the first one has its place until all are there */
	for (uint64_t task = 1; task <= N_CHAIN; task++) {
		snprintf(target, sizeof(target), "/file?size=%llu&seed=5%s",
			(unsigned long long)(100 + task), task > 1 ? "" : "&gate=g&gate_after=50");
		begin(task, target, 1, task > 1);
	}
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 50, 10000), 0);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	rig_wait_all(&rig, N_CHAIN, N_CHAIN);
	for (uint64_t task = 1; task <= N_CHAIN; task++) {
		const struct rig_task *t = &rig.tasks[task];

		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 1);
		ck_assert_uint_eq(t->done.next_task, task < N_CHAIN ? task + 1 : 0);
		rig_check_part(&rig, task, 5, 100 + task);
	}
	rig_stop(&rig);
}
END_TEST

/* Whoever lets reports gather hears when nothing more is to come. */
START_TEST(the_last_end_is_told_at_once)
{
	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2", 1, true);
	begin(3, "/file?size=3000&seed=3", 1, true);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 1000, 10000), 0);
	while (rig_turn(&rig, 0))
		;
	ck_assert(engine_doze(rig.engine));
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	/* one turn: those of the others did not wake us */
	ck_assert(rig_turn(&rig, 10000));
	ck_assert_uint_eq(rig.n_done, 3);
	rig_wait_all(&rig, 3, 3);
	rig_stop(&rig);
}
END_TEST

/* Stopped before it began: it says so, and nobody was asked for anything. */
START_TEST(stopped_before_it_began)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2", 1, true);
	begin(3, "/file?size=3000&seed=3", 1, true);
	engine_stop(rig.engine, 2, 1);
	t = rig_wait(&rig, 2, ENGINE_EVENT_DONE, 1);
	ck_assert_str_eq(t->order, "D");
	ck_assert(t->done.is_stopped && t->done.is_unbegun);
	ck_assert_uint_eq(t->done.next_task, 0);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(!t->done.is_unbegun);
	ck_assert_uint_eq(t->done.next_task, 3);
	rig_wait(&rig, 3, ENGINE_EVENT_SYNCED, 1);
	/* gone: no place was given */
	ck_assert_int_eq(engine_begin(rig.engine, 3, 1), -ENOENT);
	rig_stop(&rig);
}
END_TEST

/* The caller does not know yet that 2 has begun: the new place is 3's, and where none waits, nobody's. */
START_TEST(a_new_place_is_for_whoever_waits)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2&gate=h&gate_after=1000", 1, true);
	begin(3, "/file?size=3000&seed=3&gate=h&gate_after=1000", 1, true);
	ck_assert_int_eq(engine_begin(rig.engine, 2, 1), 0);
	ck_assert_int_eq(engine_begin(rig.engine, 2, 1), 0);
	ck_assert_int_eq(engine_begin(rig.engine, 2, 1), 0);
	t = rig_wait(&rig, 2, ENGINE_EVENT_BEGUN, 1);
	t = rig_wait(&rig, 2, ENGINE_EVENT_BEGUN, 3);
	ck_assert_uint_eq(t->begun.next_task, 0);
	ck_assert_uint_eq(t->begun.lane, 1);
	/* all three run */
	for (uint64_t task = 1; task <= 3; task++)
		rig_wait(&rig, task, ENGINE_EVENT_RESPONSE, 1);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	ck_assert_int_eq(origin_release(rig.origin, "h"), 0);
	rig_wait_all(&rig, 3, 3);
	for (uint64_t task = 1; task <= 3; task++)
		ck_assert_uint_eq(rig.tasks[task].done.next_task, 0);
	rig_stop(&rig);
}
END_TEST

/* One that ends badly, or is stopped, leaves its place as well. */
START_TEST(a_failure_leaves_its_place)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2&drop_after=100", 1, true);
	begin(3, "/file?size=3000&seed=3", 1, true);
	rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_uint_eq(t->done.next_task, 2);
	t = rig_wait(&rig, 2, ENGINE_EVENT_DONE, 1);
	ck_assert_int_ne(t->done.result.code, 0);
	ck_assert_uint_eq(t->done.next_task, 3);
	rig_wait(&rig, 3, ENGINE_EVENT_SYNCED, 1);
	rig_stop(&rig);
}
END_TEST

/* Who waits is called back, who has begun is not. */
START_TEST(called_back)
{
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	begin(2, "/file?size=3000&seed=2", 1, true);
	rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	engine_recall(rig.engine, 1, 1);
	engine_recall(rig.engine, 2, 1);
	engine_recall(rig.engine, 3, 1); /* nobody */
	t = rig_wait(&rig, 2, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped && t->done.is_unbegun);
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->done.next_task, 0);
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	rig_check_part(&rig, 1, 1, 3000);
	rig_stop(&rig);
}
END_TEST

/* The engine goes while they wait. */
START_TEST(freed_while_they_wait)
{
	rig_start(&rig, NULL, NULL);
	begin(1, "/file?size=3000&seed=1&gate=g&gate_after=1000", 1, false);
	for (uint64_t task = 2; task < 10; task++)
		begin(task, "/file?size=30&seed=2", 1, true);
	rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/engine-ahead", 60, TEST(takes_the_place_of_another),
	TEST(a_new_place_is_for_whoever_waits), TEST(a_chain), TEST(the_last_end_is_told_at_once),
	TEST(stopped_before_it_began), TEST(a_failure_leaves_its_place), TEST(called_back),
	TEST(freed_while_they_wait))
