/* SPDX-License-Identifier: MIT */
/* Rows: fields by name, names for people, errors and responses. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <transfer/error.h>

START_TEST(fields_by_name)
{
	static const char *const some[] = { "url", "request-headers" },
				 *const wrong[] = { "url", "colour" };
	uint64_t all, fields;
	const char *bad = "";

	ck_ok(bus_view_fields(NULL, 0, &all, &bad));
	ck_assert(all == bus_view_all_fields());
	ck_ok(bus_view_fields(some, 2, &fields, &bad));
	ck_assert_int_eq(__builtin_popcountll(fields), 3); /* and id */
	ck_assert(fields & ~all); /* the headers only when asked for */
	ck_assert_int_eq(bus_view_fields(wrong, 2, &fields, &bad), IPC_E_INVALID_REQUEST);
	ck_assert_str_eq(bad, "colour");
}
END_TEST

static const struct {
	struct task_request request;
	const char *suggested, *want;
} names[] = {
	{ { .url = "https://example.org/dir/file.iso?x=1#y" }, NULL, "file.iso" },
	{ { .url = "https://example.org/dir/" }, NULL, "dir" },
	{ { .url = "https://example.org" }, NULL, "example.org" },
	{ { .url = "https://example.org/" }, NULL, "example.org" },
	{ { .url = "nonsense" }, NULL, "nonsense" },
	{ { .url = "https://example.org/a" }, "given.bin", "given.bin" },
	{ { .url = "https://example.org/a", .destination = "/home/u/mine" }, "given.bin", "mine" },
	{ { .url = "https://example.org/a", .source_path = "/home/u/sent" }, NULL, "sent" },
};

START_TEST(names_for_people)
{
	struct rig *rig = rig_new();
	struct task task = {
		.id = 1, .kind = TRANSFER_TASK_DOWNLOAD, .request = names[_i].request
	};
	struct arena arena = { 0 };
	struct ipc_task row;

	task.request.method = "GET";
	task.request.host = "https://example.org:443";
	task.response.suggested_name = names[_i].suggested;
	ck_ok(bus_view_task(rig->bus, &task, bus_view_all_fields(), &arena, &row));
	ck_assert_str_eq(row.name, names[_i].want);
	arena_done(&arena);
	rig_free(rig);
}
END_TEST

START_TEST(errors_in_full)
{
	const struct transfer_result result = { TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, 28, 23,
		"disk" };
	const struct transfer_result none = { 0 };
	struct bus_view_error error = { .result = &result,
		.failing_url = "https://f/",
		.is_resumable = true,
		.resume_data = "abc",
		.resume_data_bytes = 3 };
	const struct ipc_error *row;
	struct arena arena = { 0 };

	ck_ok(bus_view_error(&error, &arena, &row));
	ck_assert_int_eq(row->code, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	ck_assert_str_eq(row->name, "cannot-write-to-file");
	ck_assert_str_eq(row->detail, "disk");
	ck_assert_str_eq(row->failing_url, "https://f/");
	ck_assert_int_eq(row->os_errno, 28);
	ck_assert_int_eq(row->library_code, 23);
	ck_assert(row->is_resumable);
	ck_assert_uint_eq(row->n_resume_data, 3);
	error.result = &none;
	ck_ok(bus_view_error(&error, &arena, &row));
	ck_assert_ptr_null(row);
	arena_done(&arena);
}
END_TEST

START_TEST(requests_are_told_as_they_were_made)
{
	static const struct task_header headers[] = { { "A", "b" } };
	struct task task = { .kind = TRANSFER_TASK_UPLOAD,
		.request = { .url = "https://asked/",
			.method = "PUT",
			.headers = headers,
			.n_headers = 1,
			.priority = 0.25,
			.checksum_name = "md5",
			.checksum_hex = "00",
			.userdata = "xy",
			.userdata_bytes = 2 },
		.response = { .url = "https://answered/" } };
	const struct ipc_request *original, *current;
	struct arena arena = { 0 };

	ck_ok(bus_view_request(&task, false, &arena, &original));
	ck_ok(bus_view_request(&task, true, &arena, &current));
	ck_assert_str_eq(original->url, "https://asked/");
	ck_assert_str_eq(current->url, "https://answered/");
	ck_assert_str_eq(original->kind, "upload");
	ck_assert_uint_eq(original->n_headers, 1);
	ck_assert_str_eq(original->headers[0].value, "b");
	ck_assert(original->has_checksum && original->has_priority && !original->has_timeout_usec);
	ck_assert_uint_eq(original->n_userdata, 2);
	ck_assert_int_eq(original->body_file, -1);
	arena_done(&arena);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-view", 60, TEST(fields_by_name),
	TEST_EACH(names_for_people, names), TEST(errors_in_full),
	TEST(requests_are_told_as_they_were_made))
