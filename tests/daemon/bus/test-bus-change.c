/* SPDX-License-Identifier: MIT */
/* PropertiesChanged: told, coalesced, bounded, and without what is private. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

START_TEST(a_state_is_told_to_everybody)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *observer = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_settle(rig);
	ck_assert_str_eq(observer->state, "completed");
	ck_assert_str_eq(observer->sub_state, "done");
	/* it was born, ran and ended within the first wait */
	ck_assert_uint_ge(observer->n_task_changes, 1);
	ck_assert_uint_le(observer->n_task_changes, 3);
	ck_assert_uint_eq(observer->n_events, 0);
	rig_free(rig);
}
END_TEST

START_TEST(is_told_four_times_a_second_at_most)
{
	struct task task = { .id = 9, .session = 1, .kind = TRANSFER_TASK_DOWNLOAD };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t now_us = 1000;
	size_t told = 0;

	/* a second of changes every 10 ms, by a clock of our own */
	for (int i = 0; i < 100; i++) {
		struct bus_change *change;

		task.attempts = (uint32_t)i;
		task.request.url = "https://example.org/";
		bus_change_task(&task, rig->bus);
		HASH_FIND(hh, rig->bus->changes, &task.id, sizeof(task.id), change);
		ck_assert_ptr_nonnull(change);
		if (i == 0)
			change->due_us = now_us;
		now_us += 10000;
		bus_change_tick(rig->bus, now_us);
	}
	rig->bus->changes->due_us = now_us + 1000000; /* nothing later */
	told = client->n_task_changes;
	for (int i = 0; i < 20; i++) {
		ipc_bus_dispatch(rig->bus->ipc);
		ipc_bus_wait(client->bus, 20);
	}
	told = client->n_task_changes - told;
	ck_assert_uint_ge(told, 3);
	ck_assert_uint_le(told, 5);
	rig_free(rig);
}
END_TEST

static void on_set(void *user, int r, const char *text, const struct ipc_manager_set_tasks_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

/* By its own property or with others in one call: the same signal. */
START_TEST(what_was_set_is_told_to_everybody)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *observer = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), id = rig_download(rig, client, session);
	const struct ipc_manager_set_tasks_in in = { .ids = &id,
		.n_ids = 1,
		.changes = { .description = "new", .has_priority = true, .priority = 0.25 } };
	struct rig_answer answer = { 0 };
	size_t n_changes;

	rig_tell(rig);
	n_changes = observer->n_task_changes;
	ck_ok(ipc_start_manager_set_tasks(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_set, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	rig_tell(rig);
	ck_assert_str_eq(observer->description, "new");
	ck_assert(observer->priority == 0.25);
	ck_assert_uint_eq(observer->n_task_changes - n_changes, 1);
	rig_free(rig);
}
END_TEST

static bool all_are_told(void *user)
{
	const struct rig_client *observer = user;

	return observer->n_task_changes >= 300;
}

/* More than wait to be told about: what was set is told of each. */
START_TEST(all_of_a_crowd_that_was_set_are_told)
{
	struct task task = { .session = 1,
		.kind = TRANSFER_TASK_DOWNLOAD,
		.request = { .url = "https://example.org/", .description = "one of many" } };
	struct rig *rig = rig_new();
	struct rig_client *observer = rig_connect(rig);

	for (task.id = 1; task.id <= 300; task.id++) {
		bus_change_task(&task, rig->bus);
		bus_change_task_set(&task, rig->bus);
	}
	rig_pump(rig, all_are_told, observer);
	ck_assert_uint_eq(observer->n_task_changes, 300);
	ck_assert_str_eq(observer->description, "one of many");
	rig_free(rig);
}
END_TEST

START_TEST(a_crowd_that_was_set_is_bounded)
{
	struct task task = { .session = 1,
		.kind = TRANSFER_TASK_DOWNLOAD,
		.request = { .url = "https://example.org/", .description = "one of many" } };
	struct rig *rig = rig_new();

	for (task.id = 1; task.id <= 10000; task.id++) {
		bus_change_task(&task, rig->bus);
		bus_change_task_set(&task, rig->bus);
	}
	ck_assert_uint_le(HASH_COUNT(rig->bus->changes), 1000);
	rig_free(rig);
}
END_TEST

START_TEST(what_has_been_told_is_forgotten)
{
	struct bus bus = { 0 };
	struct bus_change *change = calloc(1, sizeof(*change));

	change->task = 3;
	change->is_told = true;
	change->due_us = 100;
	HASH_ADD(hh, bus.changes, task, sizeof(change->task), change);
	ck_assert_uint_eq(bus_change_next_timer(&bus), 100);
	bus_change_tick(&bus, 99);
	ck_assert_ptr_nonnull(bus.changes);
	bus_change_tick(&bus, 100);
	ck_assert_ptr_null(bus.changes);
	ck_assert(bus_change_next_timer(&bus) == UINT64_MAX);
}
END_TEST

START_TEST(sessions_and_limits_are_told)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct flow_limits limits;
	struct clock_now now = clock_now();

	ck_ok(rig_attach(rig, client, session, NULL));
	rig_settle(rig);
	ck_assert_uint_ge(client->n_session_changes, 1);
	flow_turn_begin(rig->flow, &now);
	flow_limits_get(rig->flow, &limits);
	limits.max_download_bps = 1000;
	ck_ok(flow_limits_set(rig->flow, &limits));
	ck_ok(flow_turn_end(rig->flow));
	rig_settle(rig);
	ck_assert_uint_ge(client->n_manager_changes, 1);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-change", 60, TEST(a_state_is_told_to_everybody),
	TEST(is_told_four_times_a_second_at_most), TEST(what_was_set_is_told_to_everybody),
	TEST(all_of_a_crowd_that_was_set_are_told), TEST(a_crowd_that_was_set_is_bounded),
	TEST(what_has_been_told_is_forgotten), TEST(sessions_and_limits_are_told))
