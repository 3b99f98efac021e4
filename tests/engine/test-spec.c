/* SPDX-License-Identifier: MIT */
/* A spec is copied whole, and wrong ones are refused with nothing left behind. */
#include "engine/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"

static struct engine_spec good(void)
{
	return (struct engine_spec){
		.kind = TRANSFER_TASK_DOWNLOAD,
		.url = "http://a/",
		.method = "GET",
		.part_path = "/tmp/x",
		.source_fd = -1,
	};
}

START_TEST(copies_everything)
{
	char name[] = "X-A", value[] = "b", url[] = "http://a/", state[] = "12345678";
	struct engine_header header = { name, value };
	struct engine_spec from = good(), to;
	struct arena arena = { 0 };

	from.kind = TRANSFER_TASK_UPLOAD;
	from.url = url;
	from.headers = &header;
	from.n_headers = 1;
	from.digest_state = state;
	from.digest_state_bytes = 8;
	from.source_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(spec_copy(&arena, &from, &to), 0);
	memset(name, 0, sizeof(name));
	memset(value, 0, sizeof(value));
	memset(url, 0, sizeof(url));
	memset(state, 0, sizeof(state));
	ck_assert_int_ne(to.source_fd, from.source_fd);
	close(from.source_fd);
	ck_assert_str_eq(to.url, "http://a/");
	ck_assert_str_eq(to.headers[0].name, "X-A");
	ck_assert_str_eq(to.headers[0].value, "b");
	ck_assert_int_eq(memcmp(to.digest_state, "12345678", 8), 0);
	ck_assert_int_ge(fcntl(to.source_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_eq(to.idle_timeout_us, SPEC_IDLE_TIMEOUT_US);
	ck_assert_uint_eq(to.checkpoint_bytes, SPEC_CHECKPOINT_BYTES);
	ck_assert_uint_eq(to.checkpoint_us, SPEC_CHECKPOINT_US);
	spec_done(&to);
	ck_assert_int_eq(to.source_fd, -1);
	arena_done(&arena);
}
END_TEST

START_TEST(copies_what_is_of_live_ones)
{
	static const struct {
		enum engine_source source;
		bool keeps_fd;
	} rows[] = {
		{ ENGINE_SOURCE_FILE, true },
		{ ENGINE_SOURCE_NONE, false },
		{ ENGINE_SOURCE_BYTES, false },
		{ ENGINE_SOURCE_STREAM, true },
	};
	char proxy[] = "http://p", no_proxy[] = "b", bytes[] = "body";
	struct engine_spec from = good(), to;
	struct arena arena = { 0 };

	from.kind = TRANSFER_TASK_DATA;
	from.live = (struct engine_spec_live){ .is_live = true,
		.source = rows[_i].source,
		.source_bytes = bytes,
		.n_source_bytes = 4,
		.source_length = -1,
		.proxy = proxy,
		.no_proxy = no_proxy };
	from.source_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(spec_copy(&arena, &from, &to), 0);
	memset(proxy, 0, sizeof(proxy));
	memset(no_proxy, 0, sizeof(no_proxy));
	memset(bytes, 0, sizeof(bytes));
	ck_assert_str_eq(to.live.proxy, "http://p");
	ck_assert_str_eq(to.live.no_proxy, "b");
	ck_assert_int_eq(memcmp(to.live.source_bytes, "body", 4), 0);
	ck_assert_int_eq(to.live.source_length, -1);
	ck_assert_int_eq(to.source_fd >= 0, rows[_i].keeps_fd);
	ck_assert_int_ne(to.source_fd, from.source_fd);
	close(from.source_fd);
	spec_done(&to);
	arena_done(&arena);
}
END_TEST

START_TEST(refuses)
{
	const struct engine_header bad = { "X-A", _i == 6 ? "\n" : "\x7f" };
	struct engine_spec from = good(), to;
	struct arena arena = { 0 };

	switch (_i) {
	case 0:
		from.kind = TRANSFER_TASK_STREAM;
		break;
	case 1:
		from.url = NULL;
		break;
	case 2:
		from.method = "GE T";
		break;
	case 3:
		from.method = "";
		break;
	case 4:
		from.part_path = NULL;
		break;
	case 5:
		from.kind = TRANSFER_TASK_UPLOAD;
		break;
	case 6:
	case 7:
		from.headers = &bad;
		from.n_headers = 1;
		break;
	case 9:
		from.kind = TRANSFER_TASK_STREAM;
		from.live.is_live = true;
		break;
	case 10:
		from.kind = TRANSFER_TASK_DATA;
		break;
	case 11:
		from.live = (struct engine_spec_live){
			.is_live = true, .source = ENGINE_SOURCE_BYTES, .n_source_bytes = 1
		};
		break;
	case 8:
		from.n_headers = SPEC_HEADERS_MAX + 1;
		break;
	}
	ck_assert_int_eq(spec_copy(&arena, &from, &to), -EINVAL);
	ck_assert_ptr_null(arena.blocks);
}
END_TEST

RUN_TESTS("engine/spec", TEST(copies_everything), TEST_LOOP(copies_what_is_of_live_ones, 4),
	TEST_LOOP(refuses, 12))
