/* SPDX-License-Identifier: MIT */
/* The window, the batch form, the order, the barrier, and that nothing is lost when a client goes. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

#include <transfer/error.h>

START_TEST(tells_the_whole_story_in_order)
{
	static const char *const want[] = { "DidWriteData", "DidFinishCollectingMetrics",
		"DidFinishDownloading", "DidComplete" };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;
	size_t at[4];

	ck_ok(rig_attach(rig, client, session, NULL));
	task = rig_download(rig, client, session);
	rig_progress(rig, task, 500, 1000);
	rig_wait_event(rig, client, "DidWriteData", 1);
	ck_assert_uint_eq(rig_find(client, "DidWriteData")->seq, 0);
	ck_assert_uint_eq(rig_find(client, "DidWriteData")->bytes, 500);
	ck_assert_uint_eq(rig_find(client, "DidWriteData")->total, 500);
	rig_finish(rig, task, 1000);
	rig_wait_event(rig, client, "DidComplete", 1);
	for (size_t i = 0; i < 4; i++) {
		const struct rig_event *event = rig_find(client, want[i]);

		at[i] = (size_t)(event - client->events);
		ck_assert_uint_eq(event->task, task);
		ck_assert(!event->is_in_batch);
	}
	ck_assert_uint_lt(at[0], at[1]);
	ck_assert_uint_lt(at[1], at[3]);
	ck_assert_uint_lt(at[2], at[3]);
	ck_assert_int_eq(rig_find(client, "DidComplete")->code, 0);
	rig_free(rig);
}
END_TEST

static uint64_t last_seq(const struct rig_client *client)
{
	ck_assert_uint_gt(client->n_events, 0);
	return client->events[client->n_events - 1].seq;
}

/* An acknowledgement makes room for more, in the turn in which another task ends: what was told before its end goes before it. */
START_TEST(an_end_waits_for_its_progress)
{
	const struct ipc_attach_options options = { .window = 5, .has_window = true };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;
	struct ipc_session_acknowledge_in in;
	struct rig_answer answer = { 0 };

	ck_ok(rig_attach(rig, client, session, &options));
	/* six events: one has no room in the window */
	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_wait_event(rig, client, "DidFinishDownloading", 2);
	rig_settle(rig);
	in.seq = last_seq(client);
	task = rig_download(rig, client, session);
	ck_ok(ipc_start_session_acknowledge(
		client->bus, (struct ipc_path){ session, 0 }, &in, rig_on_done, &answer));
	ck_ok(ipc_bus_flush(client->bus, 10000));
	while (!bus_read(rig->bus))
		ck_ok(proc_wait_fd(bus_fd(rig->bus), 10000));
	client->n_events = 0;
	rig_finish(rig, task, 1000);
	rig_wait_event(rig, client, "DidComplete", 2);
	rig_settle(rig);
	ck_assert_uint_eq(rig_find(client, "DidWriteData")->task, task);
	ck_assert_uint_eq(rig_count(client, "DidWriteData"), 1);
	ck_assert_str_eq(client->events[client->n_events - 1].name, "DidComplete");
	rig_free(rig);
}
END_TEST

START_TEST(says_why_it_failed)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	ck_ok(rig_attach(rig, client, session, NULL));
	rig_fail(rig, rig_download(rig, client, session),
		TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED);
	rig_wait_event(rig, client, "DidComplete", 1);
	ck_assert_int_eq(
		rig_find(client, "DidComplete")->code, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED);
	ck_assert_uint_eq(rig_count(client, "DidFinishDownloading"), 0);
	rig_free(rig);
}
END_TEST

/* n tasks that end while nobody is attached. */
static uint64_t make_backlog(struct rig *rig, struct rig_client *client, int n)
{
	uint64_t session = rig_open(rig, client, "s");

	for (int i = 0; i < n; i++)
		rig_fail(rig, rig_download(rig, client, session),
			TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	rig_settle(rig);
	return session;
}

START_TEST(keeps_to_the_window)
{
	const struct ipc_attach_options options = { .window = 3, .has_window = true };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = make_backlog(rig, client, 5);
	size_t before, all = 0;

	ck_ok(rig_attach(rig, client, session, &options));
	rig_settle(rig);
	ck_assert_uint_eq(client->n_events, 3);
	/* one handled: one more */
	ck_ok(rig_ack(rig, client, session, client->events[0].seq));
	rig_settle(rig);
	ck_assert_uint_eq(client->n_events, 4);
	while (rig_count(client, "DidFinishBackgroundEvents") == 0) {
		before = client->n_events;
		ck_ok(rig_ack(rig, client, session, last_seq(client)));
		rig_settle(rig);
		ck_assert_uint_gt(client->n_events, before);
		ck_assert_uint_le(client->n_events, before + 3);
	}
	all = client->n_events;
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 5);
	ck_assert_str_eq(client->events[all - 1].name, "DidFinishBackgroundEvents");
	for (size_t i = 1; i < all; i++)
		ck_assert_uint_gt(client->events[i].seq, client->events[i - 1].seq);
	rig_free(rig);
}
END_TEST

static const char *const file_reader[] = { IPC_EVENTS_FILE };

START_TEST(sends_batches)
{
	const struct ipc_attach_options options = { .batch = true,
		.has_batch = true,
		.window = 1024,
		.has_window = true,
		.implements = file_reader,
		.n_implements = (size_t)_i };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = make_backlog(rig, client, 40);

	ck_ok(rig_attach(rig, client, session, &options));
	rig_wait_event(rig, client, "DidFinishBackgroundEvents", 1);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 40);
	ck_assert_uint_le(client->n_batches, 4);
	ck_assert((client->n_file_batches > 0) == (_i > 0));
	ck_assert(client->events[0].is_in_batch);
	rig_free(rig);
}
END_TEST

/* At most IPC_MAX_FDS descriptors go with one message, and all files are handed over. */
START_TEST(hands_over_more_files_than_fit)
{
	const struct ipc_attach_options options = { .batch = true,
		.has_batch = true,
		.window = 1024,
		.has_window = true,
		.implements = file_reader,
		.n_implements = (size_t)_i };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	size_t n_files = 0;

	for (int i = 0; i < 20; i++)
		rig_finish(rig, rig_download(rig, client, session), 10);
	rig_settle(rig);
	ck_ok(rig_attach(rig, client, session, &options));
	rig_wait_event(rig, client, "DidFinishBackgroundEvents", 1);
	for (size_t i = 0; i < client->n_events; i++)
		n_files += client->events[i].has_file;
	ck_assert_uint_eq(n_files, 20);
	ck_assert_uint_ge(client->n_batches, 2);
	rig_free(rig);
}
END_TEST

START_TEST(is_sent_again_to_the_next_client)
{
	struct rig *rig = rig_new();
	struct rig_client *first = rig_connect(rig), *second = rig_connect(rig);
	uint64_t session = make_backlog(rig, second, 3), seen_seq;

	ck_ok(rig_attach(rig, first, session, NULL));
	rig_wait_event(rig, first, "DidComplete", 3);
	seen_seq = rig_find(first, "DidComplete")->seq;
	ck_assert_int_eq(rig_attach(rig, second, session, NULL), IPC_E_ALREADY_ATTACHED);
	ck_ok(rig_ack(rig, first, session, seen_seq));
	rig_disconnect(rig, first); /* leaving the bus detaches */
	rig_settle(rig);
	ck_ok(rig_attach(rig, second, session, NULL));
	rig_wait_event(rig, second, "DidComplete", 2);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(second, "DidComplete"), 2);
	ck_assert_uint_gt(second->events[0].seq, seen_seq);
	rig_free(rig);
}
END_TEST

START_TEST(nobody_else_hears_it)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	ck_ok(rig_attach(rig, client, session, NULL));
	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_wait_event(rig, client, "DidComplete", 1);
	rig_settle(rig);
	ck_assert_uint_eq(other->n_events, 0);
	rig_free(rig);
}
END_TEST

START_TEST(progress_can_be_refused)
{
	const struct ipc_attach_options options = { .has_progress_interval_ms = true };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;

	ck_ok(rig_attach(rig, client, session, &options));
	task = rig_download(rig, client, session);
	rig_progress(rig, task, 500, 1000);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidWriteData"), 0);
	rig_free(rig);
}
END_TEST

/* Held back behind durable events that wait for the window, and added up. */
START_TEST(progress_waits_and_adds_up)
{
	struct bus bus = { 0 };
	struct bus_attachment *attachment = bus_event_attach(&bus, 7, 1, ":1.5");
	const struct flow_progress steps[] = { { 7, 1, TRANSFER_TASK_DOWNLOAD, 10, 10, 100 },
		{ 7, 1, TRANSFER_TASK_DOWNLOAD, 20, 30, 100 },
		{ 7, 2, TRANSFER_TASK_UPLOAD, 5, 5, -1 } };

	ck_assert_ptr_nonnull(attachment);
	for (size_t i = 0; i < 3; i++)
		bus_event_progress(&steps[i], &bus);
	ck_assert_uint_eq(HASH_COUNT(attachment->progress), 2);
	ck_assert_uint_eq(attachment->progress->progress.delta_bytes, 30);
	ck_assert_uint_eq(attachment->progress->progress.total_bytes, 30);
	bus_event_detach(&bus, attachment);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-event", 60, TEST(tells_the_whole_story_in_order),
	TEST(an_end_waits_for_its_progress), TEST(says_why_it_failed), TEST(keeps_to_the_window),
	TEST_LOOP(sends_batches, 2), TEST_LOOP(hands_over_more_files_than_fit, 2),
	TEST(is_sent_again_to_the_next_client), TEST(nobody_else_hears_it),
	TEST(progress_can_be_refused), TEST(progress_waits_and_adds_up))
