/* SPDX-License-Identifier: MIT */
/* One event as a row: what it hands over, how large it may be, and a task whose record is lost. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <transfer/error.h>

static void make_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < size; i++)
		fputc('b', file);
	ck_ok(fclose(file));
}

static const struct {
	size_t size;
	bool is_inline;
} bodies[] = { { 0, true }, { 10, true }, { 65536, true }, { 65537, false } };

START_TEST(a_small_body_rides_along)
{
	struct ipc_event events[1];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = 1, .with_files = true };
	struct flow_event event = { .seq = 1,
		.session = 2,
		.task_id = 3,
		.type = FLOW_EVENT_RECEIVED_DATA,
		.a = (int64_t)bodies[_i].size };
	char *path;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("body");
	make_file(path, bodies[_i].size);
	event.path = path;
	ck_ok(bus_event_row(&event, &rows));
	ck_assert_str_eq(events[0].name, "DidReceiveData");
	ck_assert_uint_eq(events[0].args->n_body, bodies[_i].is_inline ? bodies[_i].size : 0);
	ck_assert_int_eq(events[0].args->has_body_file, !bodies[_i].is_inline);
	ck_assert_uint_eq(rows.n_fds, bodies[_i].is_inline ? 0 : 1);
	bus_event_rows_close(&rows);
	arena_done(&arena);
	free(path);
}
END_TEST

/* A disk that cannot give it back: its bytes are lost, the events behind it are not. */
START_TEST(a_body_that_cannot_be_read_is_left_out)
{
	struct ipc_event events[1];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = 1, .with_files = true };
	struct flow_event event = { .seq = 1, .type = FLOW_EVENT_RECEIVED_DATA, .a = 10 };
	char *path;

	ck_ok(setenv("TRANSFERD_FAILPOINT", "bus.body.read:1=5", 1));
	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("body");
	make_file(path, 10);
	event.path = path;
	ck_ok(bus_event_row(&event, &rows));
	ck_assert_uint_eq(rows.n, 1);
	ck_assert_uint_eq(events[0].args->n_body, 0);
	ck_assert_uint_eq(events[0].args->bytes, 10);
	arena_done(&arena);
	free(path);
}
END_TEST

START_TEST(a_link_is_not_handed_over)
{
	struct ipc_event events[1];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = 1, .with_files = true };
	const struct task task = { .kind = TRANSFER_TASK_DOWNLOAD };
	struct flow_event event = {
		.seq = 1, .type = FLOW_EVENT_FINISHED_DOWNLOADING, .task = &task
	};
	char *path;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("link");
	ck_ok(symlink("/etc/passwd", path));
	event.path = path;
	ck_ok(bus_event_row(&event, &rows));
	ck_assert(!events[0].args->has_file);
	ck_assert_str_eq(events[0].args->path, path);
	arena_done(&arena);
	free(path);
}
END_TEST

START_TEST(a_lost_record_still_ends)
{
	struct ipc_event events[1];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = 1 };
	const struct flow_event event = { .seq = 1, .type = FLOW_EVENT_COMPLETED };

	ck_ok(bus_event_row(&event, &rows));
	ck_assert_str_eq(events[0].name, "DidComplete");
	ck_assert_int_eq(events[0].args->error->code, TRANSFER_ERROR_UNKNOWN);
	/* and there is no room for more */
	ck_assert_int_eq(bus_event_row(&event, &rows), 1);
	ck_assert_uint_eq(rows.n, 1);
	arena_done(&arena);
}
END_TEST

START_TEST(a_batch_has_a_size)
{
	static char value[300000];
	const struct task_header header = { "X-Large", value };
	const struct task task = { .kind = TRANSFER_TASK_DOWNLOAD,
		.response = { .status = 200, .headers = &header, .n_headers = 1 } };
	const struct flow_event event = { .seq = 1, .type = FLOW_EVENT_COMPLETED, .task = &task };
	struct ipc_event events[IPC_MAX_BATCH];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = IPC_MAX_BATCH };

	memset(value, 'x', sizeof(value) - 1);
	while (bus_event_row(&event, &rows) == 0)
		ck_assert_uint_lt(rows.n, 10);
	ck_assert_uint_ge(rows.n, 3);
	arena_done(&arena);
}
END_TEST

START_TEST(every_type_has_its_signal)
{
	static const char *const want[] = { "DidResumeAtOffset", "DidReceiveData",
		"DidFinishDownloading", "DidFinishCollectingMetrics", "DidComplete",
		"DidFinishBackgroundEvents", "DidBecomeInvalid" };
	struct ipc_event events[7];
	struct arena arena = { 0 };
	struct bus_rows rows = { .arena = &arena, .rows = events, .max = 7 };

	for (int type = FLOW_EVENT_RESUMED; type <= FLOW_EVENT_BECAME_INVALID; type++) {
		const struct flow_event event = {
			.seq = 1, .session = 5, .type = (enum flow_event_type)type, .a = 4, .b = 9
		};

		ck_ok(bus_event_row(&event, &rows));
		ck_assert_str_eq(events[type - 1].name, want[type - 1]);
		ck_assert_uint_eq(events[type - 1].task.session, 5);
	}
	ck_assert_uint_eq(events[0].args->offset, 4);
	ck_assert_int_eq(events[0].args->expected, 9);
	arena_done(&arena);
}
END_TEST

RUN_TESTS("daemon/bus/bus-event-row", TEST_EACH(a_small_body_rides_along, bodies),
	TEST(a_body_that_cannot_be_read_is_left_out), TEST(a_link_is_not_handed_over),
	TEST(a_lost_record_still_ends), TEST(a_batch_has_a_size), TEST(every_type_has_its_signal))
