/* SPDX-License-Identifier: MIT */
/* What becomes of bodies on their way: in the row, a sealed file, a descriptor, or an error with its number. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/body.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static const struct {
	size_t size;
	bool is_file;
} sizes[] = {
	{ 0, false },
	{ 1, false },
	{ 64 * 1024, false },
	{ 64 * 1024 + 1, true },
	{ 5 * 1024 * 1024, true },
};

START_TEST(bytes_ride_or_are_sealed)
{
	size_t size = sizes[_i].size;
	char *bytes = malloc(size + 1), *again = malloc(size + 1);
	transfer_auto(transfer_data) data = NULL;
	transfer_auto(transfer_body) body = NULL;
	struct body_sent sent;

	for (size_t i = 0; i <= size; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	data = transfer_data_new_copy(bytes, size);
	body = transfer_body_new_data(data);
	ck_assert_int_eq(body_open(body, &sent), 0);
	ck_assert_int_eq(sent.fd >= 0, sizes[_i].is_file);
	ck_assert(!sent.is_stream);
	ck_assert_int_eq(sent.length, (int64_t)size);
	if (!sizes[_i].is_file) {
		ck_assert_uint_eq(sent.n_bytes, size);
		ck_assert(!size || !memcmp(sent.bytes, bytes, size));
	} else {
		ck_assert_int_eq(read(sent.fd, again, size + 1), (ssize_t)size);
		ck_assert_mem_eq(again, bytes, size);
		ck_assert_int_eq(fcntl(sent.fd, F_GET_SEALS),
			F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
		ck_assert_int_eq(write(sent.fd, "x", 1), -1);
		close(sent.fd);
	}
	free(bytes);
	free(again);
}
END_TEST

START_TEST(a_file_is_opened)
{
	char path[4096], text[4] = "";
	transfer_auto(transfer_body) body = NULL;
	struct body_sent sent;
	int fd;

	snprintf(path, sizeof(path), "%s/file", tmpdir_new());
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, "abc", 3), 3);
	close(fd);
	body = transfer_body_new_file(path);
	/* each time from its beginning */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(body_open(body, &sent), 0);
		ck_assert(!sent.is_stream);
		ck_assert_int_eq(sent.length, 3);
		ck_assert_int_eq(read(sent.fd, text, 4), 3);
		ck_assert_str_eq(text, "abc");
		close(sent.fd);
	}
}
END_TEST

static const struct {
	const char *path;
	int want;
} wrong_files[] = {
	{ "missing", -ENOENT },
	{ "folder", -EISDIR },
	{ "fifo", -EINVAL },
	{ "/dev/null", -EINVAL },
	{ "", -ENOENT },
};

START_TEST(refuses_what_is_no_file)
{
	transfer_auto(transfer_body) body = transfer_body_new_file(wrong_files[_i].path);
	struct body_sent sent;

	ck_assert_int_eq(chdir(tmpdir_new()), 0);
	ck_assert_int_eq(mkdir("folder", 0700), 0);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(body_open(body, &sent), wrong_files[_i].want);
}
END_TEST

START_TEST(a_descriptor_goes_as_it_is)
{
	transfer_auto(transfer_body) body = NULL;
	struct body_sent sent;
	char text[4] = "";
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	body = transfer_body_new_fd(fds[0], 3);
	ck_assert_int_eq(write(fds[1], "abc", 3), 3);
	ck_assert_int_eq(body_open(body, &sent), 0);
	ck_assert(sent.is_stream);
	ck_assert_int_eq(sent.length, 3);
	ck_assert_int_eq(read(sent.fd, text, 3), 3);
	ck_assert_str_eq(text, "abc");
	close(sent.fd);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

RUN_TESTS("client-lib/body-send", TEST_EACH(bytes_ride_or_are_sealed, sizes),
	TEST(a_file_is_opened), TEST_EACH(refuses_what_is_no_file, wrong_files),
	TEST(a_descriptor_goes_as_it_is))
