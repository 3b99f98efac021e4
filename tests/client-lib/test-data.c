/* SPDX-License-Identifier: MIT */
/* Bytes: copied, mapped, handed over, none. */
#include "client-lib/data.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

START_TEST(copies)
{
	char bytes[] = "abc";
	transfer_auto(transfer_data) data = transfer_data_new_copy(bytes, 3);
	transfer_auto(transfer_data) none = transfer_data_new_copy(NULL, 0);

	bytes[0] = 'x';
	ck_assert_mem_eq(transfer_data_get_bytes(data), "abc", 3);
	ck_assert_uint_eq(transfer_data_get_size(none), 0);
	ck_assert_ptr_null(transfer_data_get_bytes(none));
	ck_assert_ptr_null(transfer_data_new_copy(NULL, 1));
	ck_assert_ptr_null(transfer_data_new_copy(bytes, SIZE_MAX));
	ck_assert_uint_eq(transfer_data_get_size(NULL), 0);
}
END_TEST

START_TEST(maps_a_file)
{
	transfer_data *data;
	char *path;
	int fd;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(tmpdir_write(path, "mapped"), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	data = data_new_fd(fd);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_uint_eq(transfer_data_get_size(data), 6);
	ck_assert_mem_eq(transfer_data_get_bytes(data), "mapped", 6);
	ck_assert_ptr_eq(transfer_data_ref(data), data);
	transfer_data_unref(data);
	transfer_data_unref(data);
	ck_assert_int_eq(tmpdir_write(path, ""), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	data = data_new_fd(fd);
	ck_assert_uint_eq(transfer_data_get_size(data), 0);
	transfer_data_unref(data);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_ptr_null(data_new_fd(fd));
	close(fd);
	free(path);
}
END_TEST

static void count(void *userdata)
{
	++*(int *)userdata;
}

START_TEST(takes_what_it_is_given)
{
	char bytes[] = "abc";
	int n_destroyed = 0;
	transfer_data *data = transfer_data_new_take(bytes, 3, count, &n_destroyed);

	ck_assert_ptr_eq(transfer_data_get_bytes(data), bytes);
	ck_assert_uint_eq(transfer_data_get_size(data), 3);
	transfer_data_unref(transfer_data_ref(data));
	ck_assert_int_eq(n_destroyed, 0);
	transfer_data_unref(data);
	ck_assert_int_eq(n_destroyed, 1);
	data = transfer_data_new_take(bytes, 3, NULL, NULL);
	transfer_data_unref(data);
	ck_assert_ptr_null(transfer_data_new_take(NULL, 3, count, &n_destroyed));
	ck_assert_int_eq(n_destroyed, 1);
}
END_TEST

static void keep(transfer_data *data, void *user)
{
	*(transfer_data **)user = data;
}

START_TEST(gives_room_back)
{
	transfer_data *back = NULL;
	void *bytes, *again;
	transfer_data *data = data_new_room(4, keep, &back, &bytes);

	ck_assert_ptr_nonnull(data);
	ck_assert_ptr_null(transfer_data_get_bytes(data));
	memcpy(bytes, "room", 4);
	data_room_set_size(data, 4);
	ck_assert_mem_eq(transfer_data_get_bytes(data), "room", 4);
	transfer_data_unref(data);
	ck_assert_ptr_eq(back, data);
	again = data_room_renew(data);
	ck_assert_ptr_eq(again, bytes);
	ck_assert_uint_eq(transfer_data_get_size(data), 0);
	transfer_data_unref(data);
	data_room_free(data);
}
END_TEST

RUN_TESTS("client-lib/data", TEST(copies), TEST(maps_a_file), TEST(takes_what_it_is_given),
	TEST(gives_room_back))
