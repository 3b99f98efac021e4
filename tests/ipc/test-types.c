/* SPDX-License-Identifier: MIT */
/* One path per object, and every error has a name that leads back to it. */
#include "ipc/types.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/run.h"

static const struct {
	const char *text;
	int r;
	struct ipc_path path;
} paths[] = {
	{ IPC_ROOT_PATH, 0, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/7", 0, { 7, 0 } },
	{ IPC_ROOT_PATH "/session/7/task/412", 0, { 7, 412 } },
	{ IPC_ROOT_PATH "/session/18446744073709551615/task/18446744073709551615", 0,
		{ UINT64_MAX, UINT64_MAX } },
	{ IPC_ROOT_PATH "/session/18446744073709551616", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/07", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/0", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/7a", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/7/", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/7/task", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/session/7/task/1/x", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "/task/1", -EINVAL, { 0, 0 } },
	{ IPC_ROOT_PATH "2", -EINVAL, { 0, 0 } },
	{ "/", -EINVAL, { 0, 0 } },
	{ "", -EINVAL, { 0, 0 } },
};

START_TEST(reads_paths)
{
	struct ipc_path path = { 1, 2 };
	char buf[IPC_PATH_BYTES];

	ck_assert_int_eq(ipc_path_parse(paths[_i].text, &path), paths[_i].r);
	if (paths[_i].r) {
		ck_assert_uint_eq(path.session, 1);
		return;
	}
	ck_assert_uint_eq(path.session, paths[_i].path.session);
	ck_assert_uint_eq(path.task, paths[_i].path.task);
	ck_assert_str_eq(ipc_path_format(path, buf, sizeof(buf)), paths[_i].text);
}
END_TEST

static const int errors[] = {
#define ERROR_ROW(symbol, name) IPC_E_##symbol,
	IPC_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

START_TEST(names_lead_back)
{
	const char *name = ipc_error_name(errors[_i]);

	ck_assert_int_eq(ipc_error_from_name(name), errors[_i]);
	ck_assert_ptr_nonnull(strstr(name, ".Error."));
}
END_TEST

START_TEST(folds_what_it_does_not_know)
{
	ck_assert_int_eq(ipc_error_from_name("org.example.Error"), IPC_E_FAILED);
	ck_assert_str_eq(ipc_error_name(-EIO), "org.freedesktop.DBus.Error.Failed");
	ck_assert_str_eq(ipc_error_name(-ENOMEM), "org.freedesktop.DBus.Error.NoMemory");
	ck_assert_str_eq(ipc_error_name(9999), "org.freedesktop.DBus.Error.Failed");
	ck_assert_str_eq(ipc_error_name(0), "org.freedesktop.DBus.Error.Failed");
	ck_assert_str_eq(ipc_error_name(IPC_DEFERRED), "org.freedesktop.DBus.Error.Failed");
}
END_TEST

RUN_TESTS("ipc/types", TEST_EACH(reads_paths, paths), TEST_EACH(names_lead_back, errors),
	TEST(folds_what_it_does_not_know))
