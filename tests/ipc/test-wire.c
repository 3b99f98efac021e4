/* SPDX-License-Identifier: MIT */
/* Whatever is appended, libdbus accepts it; what is read is bounded. */
#include "ipc/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/lib/run.h"

static DBusMessage *new_message(struct wire_iter *it)
{
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");

	ck_assert_ptr_nonnull(m);
	wire_begin_append(m, it);
	return m;
}

static const struct {
	const char *in, *want;
} strings[] = {
	{ "plain", "plain" },
	{ NULL, "" },
	{ "", "" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "latin\xe9", "latin\xef\xbf\xbd" },
	{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "a\033[2Jb", "a\033[2Jb" },
};

START_TEST(repairs_strings)
{
	struct wire_writer w = { 0 };
	struct wire_reader rd = { .max_bytes = 100 };
	struct wire_iter it;
	DBusMessage *m = new_message(&it);
	const char *s = NULL;

	ck_assert_int_eq(wire_append_string(&w, &it, strings[_i].in), 0);
	wire_begin_read(m, &it);
	ck_assert_int_eq(wire_read_string(&rd, &it, 0, &s), 0);
	ck_assert_str_eq(s, strings[_i].want);
	dbus_message_unref(m);
}
END_TEST

START_TEST(bounds_what_is_sent)
{
	struct wire_writer w = { .bytes = WIRE_MAX_SEND_BYTES - 20 };
	struct wire_iter it;
	DBusMessage *m = new_message(&it);

	ck_assert_int_eq(wire_append_string(&w, &it, "ten bytes."), 0);
	ck_assert_int_eq(wire_append_string(&w, &it, "ten bytes."), -EMSGSIZE);
	ck_assert_int_eq(
		wire_append_fixed(&w, &it, DBUS_TYPE_UINT64, NULL, SIZE_MAX / 4), -EMSGSIZE);
	dbus_message_unref(m);
}
END_TEST

START_TEST(bounds_descriptors)
{
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = { .arena = &arena, .fds = &fds, .max_bytes = 100 };
	struct wire_writer w = { 0 };
	struct wire_iter it;
	DBusMessage *m = new_message(&it);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), got = -1;
	struct stat st;

	ck_assert_int_eq(wire_append_fd(&w, &it, -1), -EBADF);
	for (int i = 0; i < IPC_MAX_FDS; i++)
		ck_assert_int_eq(wire_append_fd(&w, &it, fd), 0);
	ck_assert_int_eq(wire_append_fd(&w, &it, fd), -EMSGSIZE);
	wire_begin_read(m, &it);
	/* one descriptor may be named often: each time counts */
	for (int i = 0; i < IPC_MAX_FDS; i++)
		ck_assert_int_eq(wire_read_fd(&rd, &it, &got), 0);
	ck_assert_int_eq(wire_read_fd(&rd, &it, &got), IPC_E_LIMIT_REACHED);
	ck_assert_int_ne(got, fd);
	ck_assert_int_eq(wire_fds_take(&fds, got), got);
	wire_fds_close(&fds);
	ck_assert_int_eq(fstat(got, &st), 0);
	close(got);
	close(fd);
	arena_done(&arena);
	dbus_message_unref(m);
}
END_TEST

START_TEST(bounds_memory)
{
	struct arena arena = { NULL };
	struct wire_reader rd = { .arena = &arena, .max_bytes = 1000, .array = "rows", .row = 3 };
	int r = 0;

	ck_assert_ptr_nonnull(wire_alloc(&rd, 10, 90, &r));
	ck_assert_ptr_null(wire_alloc(&rd, 1, 101, &r));
	ck_assert_int_eq(r, IPC_E_LIMIT_REACHED);
	ck_assert_ptr_null(wire_alloc(&rd, SIZE_MAX, 16, &r));
	ck_assert_int_eq(r, IPC_E_LIMIT_REACHED);
	ck_assert_str_eq(rd.text, "rows[3]: the message is too large");
	arena_done(&arena);
}
END_TEST

START_TEST(tells_signatures)
{
	struct wire_writer w = { 0 };
	struct wire_iter it;
	DBusMessage *m = new_message(&it);
	const uint64_t n[2] = { 1, 2 };

	ck_assert_int_eq(wire_append_fixed(&w, &it, DBUS_TYPE_UINT64, n, 2), 0);
	wire_begin_read(m, &it);
	ck_assert_int_eq(wire_has_signature(&it, "at"), 1);
	ck_assert(!wire_has_signature(&it, "as"));
	ck_assert(!wire_has_signature(&it, "t"));
	ck_assert(!wire_has_signature(&it, "(ss)"));
	dbus_message_unref(m);
}
END_TEST

RUN_TESTS("ipc/wire", TEST_EACH(repairs_strings, strings), TEST(bounds_what_is_sent),
	TEST(bounds_descriptors), TEST(bounds_memory), TEST(tells_signatures))
