/* SPDX-License-Identifier: MIT */
/* Bodies of requests as objects: what they own, how long they are, who hears that there is more. */
#include "client-lib/body.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"

static ssize_t read_nothing(void *bytes, size_t size, void *userdata)
{
	(void)bytes;
	(void)size;
	(void)userdata;
	return 0;
}

static void count(void *userdata)
{
	++*(int *)userdata;
}

START_TEST(data_is_kept)
{
	transfer_data *data = transfer_data_new_copy("abc", 3);
	transfer_auto(transfer_body) body = transfer_body_new_data(data);

	transfer_data_unref(data);
	ck_assert_int_eq(body->kind, BODY_DATA);
	ck_assert_int_eq(body_length(body), 3);
	ck_assert_mem_eq(transfer_data_get_bytes(body->data), "abc", 3);
}
END_TEST

START_TEST(a_file_is_named)
{
	transfer_auto(transfer_body) body = transfer_body_new_file("/no/such/file");

	ck_assert_ptr_null(transfer_body_new_file(NULL));
	ck_assert_int_eq(body->kind, BODY_FILE);
	ck_assert_str_eq(body->path, "/no/such/file");
	ck_assert_int_eq(body_length(body), TRANSFER_SIZE_UNKNOWN);
}
END_TEST

START_TEST(a_descriptor_is_its_own)
{
	transfer_body *body;
	int fds[2];
	char c;

	ck_assert_int_eq(pipe(fds), 0);
	body = transfer_body_new_fd(fds[0], 5);
	close(fds[0]);
	ck_assert_int_eq(body_length(body), 5);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(read(body->fd, &c, 1), 1);
	transfer_body_unref(body);
	/* the last reader is gone */
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(write(fds[1], "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(fds[1]);
	ck_assert_ptr_null(transfer_body_new_fd(-1, 5));
}
END_TEST

START_TEST(a_reader_is_let_go)
{
	int n_destroyed = 0;
	transfer_body *body = transfer_body_new_reader(read_nothing, -7, &n_destroyed, count);

	ck_assert_ptr_null(transfer_body_new_reader(NULL, 1, NULL, NULL));
	ck_assert_int_eq(body_length(body), TRANSFER_SIZE_UNKNOWN);
	transfer_body_more(body);
	transfer_body_ref(body);
	transfer_body_unref(body);
	ck_assert_int_eq(n_destroyed, 0);
	transfer_body_unref(body);
	ck_assert_int_eq(n_destroyed, 1);
}
END_TEST

RUN_TESTS("client-lib/body", TEST(data_is_kept), TEST(a_file_is_named),
	TEST(a_descriptor_is_its_own), TEST(a_reader_is_let_go))
