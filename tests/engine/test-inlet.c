/* SPDX-License-Identifier: MIT */
/* Streamed bodies from every kind of descriptor: pieces, nothing yet, the end, the end that is none. */
#include "engine/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

enum kind { PIPE, SOCKET, PACKETS };

/* The far end, and an inlet on the near one. */
static struct inlet *open_inlet(enum kind kind, int64_t length, int *ret_far_fd)
{
	struct inlet *inlet = NULL;
	int fds[2];

	if (kind == PIPE)
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	else
		ck_assert_int_eq(
			socketpair(AF_UNIX, kind == SOCKET ? SOCK_STREAM : SOCK_SEQPACKET, 0, fds),
			0);
	ck_assert_int_eq(inlet_open(fds[0], length, &inlet), 0);
	ck_assert_int_eq(inlet_length(inlet), length);
	*ret_far_fd = fds[1];
	return inlet;
}

static void send_piece(enum kind kind, int fd, const char *text)
{
	char packet[100];

	if (kind == PACKETS) {
		packet[0] = 0;
		memcpy(packet + 1, text, strlen(text));
		ck_assert_int_eq(
			send(fd, packet, strlen(text) + 1, MSG_NOSIGNAL), (int)strlen(text) + 1);
	} else {
		ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	}
}

static void send_end(enum kind kind, int fd)
{
	if (kind == PACKETS)
		ck_assert_int_eq(send(fd, "\1", 1, MSG_NOSIGNAL), 1);
	else
		ck_assert_int_eq(close(fd), 0);
}

static void expect(struct inlet *inlet, size_t size, const char *want)
{
	char bytes[100];
	size_t got = 99;

	ck_assert_int_eq(inlet_read(inlet, bytes, size, &got), 0);
	ck_assert_uint_eq(got, strlen(want));
	ck_assert_mem_eq(bytes, want, got);
}

static int read_code(struct inlet *inlet)
{
	char byte;
	size_t got = 99;

	return inlet_read(inlet, &byte, 1, &got);
}

static bool is_readable(const struct inlet *inlet)
{
	struct pollfd poll_fd = { .fd = inlet_fd(inlet), .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

START_TEST(reads_what_comes)
{
	enum kind kind = (enum kind)_i;
	int far_fd = -1;
	struct inlet *inlet = open_inlet(kind, -1, &far_fd);

	ck_assert_int_eq(read_code(inlet), INLET_E_EMPTY);
	ck_assert(!is_readable(inlet));
	send_piece(kind, far_fd, "one");
	ck_assert(is_readable(inlet));
	expect(inlet, 100, "one");
	ck_assert_int_eq(read_code(inlet), INLET_E_EMPTY);
	send_piece(kind, far_fd, "0123456789");
	expect(inlet, 4, "0123");
	expect(inlet, 1, "4");
	expect(inlet, 100, "56789");
	ck_assert_uint_eq(inlet_read_bytes(inlet), 13);
	ck_assert_int_eq(read_code(inlet), INLET_E_EMPTY);
	send_end(kind, far_fd);
	expect(inlet, 100, "");
	expect(inlet, 100, "");
	ck_assert_uint_eq(inlet_read_bytes(inlet), 13);
	if (kind == PACKETS)
		close(far_fd);
	inlet_free(inlet);
}
END_TEST

/* The announced length is read, and not a byte more; all of it is a whole body, with or without a further end. */
START_TEST(keeps_to_its_length)
{
	enum kind kind = (enum kind)_i;
	int far_fd = -1;
	struct inlet *inlet = open_inlet(kind, 5, &far_fd);

	send_piece(kind, far_fd, "012");
	send_piece(kind, far_fd, "3456789");
	for (char text[] = "0"; *text < '5'; ++*text)
		expect(inlet, 1, text);
	expect(inlet, 100, "");
	ck_assert_uint_eq(inlet_read_bytes(inlet), 5);
	close(far_fd);
	expect(inlet, 100, "");
	inlet_free(inlet);
}
END_TEST

START_TEST(an_end_before_its_length_is_short)
{
	enum kind kind = (enum kind)_i;
	int far_fd = -1;
	struct inlet *inlet = open_inlet(kind, 5, &far_fd);

	send_piece(kind, far_fd, "0123");
	expect(inlet, 100, "0123");
	send_end(kind, far_fd);
	ck_assert_int_eq(read_code(inlet), INLET_E_SHORT);
	ck_assert_int_eq(read_code(inlet), INLET_E_SHORT);
	if (kind == PACKETS)
		close(far_fd);
	inlet_free(inlet);
}
END_TEST

/* What whoever writes packets can do wrong, or leave undone. */
static const struct {
	const char *packet;
	int size; /* -1: none, the writer is gone */
} bad_packets[] = {
	{ "", -1 },
	{ "", 0 },
	{ "\2", 1 },
	{ "x0123", 5 },
	{ NULL, 1 + (int)INLET_PACKET_BYTES + 1 },
};

START_TEST(a_writer_that_dies_leaves_no_body)
{
	int far_fd = -1;
	struct inlet *inlet = open_inlet(PACKETS, -1, &far_fd);
	char *packet = calloc(1, 1 + INLET_PACKET_BYTES + 1);

	ck_assert_ptr_nonnull(packet);
	send_piece(PACKETS, far_fd, "0123");
	if (bad_packets[_i].size < 0)
		close(far_fd);
	else
		ck_assert_int_eq(
			send(far_fd, bad_packets[_i].packet ? bad_packets[_i].packet : packet,
				(size_t)bad_packets[_i].size, MSG_NOSIGNAL),
			bad_packets[_i].size);
	expect(inlet, 100, "0123");
	ck_assert_int_eq(read_code(inlet), INLET_E_SHORT);
	ck_assert_int_eq(read_code(inlet), INLET_E_SHORT);
	if (bad_packets[_i].size >= 0)
		close(far_fd);
	inlet_free(inlet);
	free(packet);
}
END_TEST

/* The longest packet, into buffers of every size, comes whole and in order. */
START_TEST(a_long_packet_is_not_cut)
{
	static const size_t sizes[] = { 1, 1000, INLET_PACKET_BYTES - 1, INLET_PACKET_BYTES,
		INLET_PACKET_BYTES * 2 };
	size_t size = sizes[_i], at = 0;
	char *packet = malloc(1 + INLET_PACKET_BYTES), *bytes = malloc(size);
	int far_fd = -1;
	struct inlet *inlet = open_inlet(PACKETS, -1, &far_fd);

	ck_assert_ptr_nonnull(packet);
	ck_assert_ptr_nonnull(bytes);
	packet[0] = 0;
	for (size_t i = 0; i < INLET_PACKET_BYTES; i++)
		packet[1 + i] = (char)(i * 7 + i / 251);
	ck_assert_int_eq(
		send(far_fd, packet, 1 + INLET_PACKET_BYTES, 0), 1 + (int)INLET_PACKET_BYTES);
	ck_assert_int_eq(send(far_fd, "\0end", 4, 0), 4);
	while (at < INLET_PACKET_BYTES) {
		size_t got = 0;

		ck_assert_int_eq(inlet_read(inlet, bytes, size, &got), 0);
		ck_assert_uint_gt(got, 0);
		ck_assert_uint_le(got, INLET_PACKET_BYTES - at);
		ck_assert(!memcmp(bytes, packet + 1 + at, got));
		at += got;
	}
	expect(inlet, 1, "e");
	expect(inlet, 50, "nd");
	close(far_fd);
	ck_assert_int_eq(read_code(inlet), INLET_E_SHORT);
	inlet_free(inlet);
	free(packet);
	free(bytes);
}
END_TEST

/* Packets without a byte are no end, and do not hold up others however many there are. */
START_TEST(empty_packets_are_passed_over)
{
	int far_fd = -1, n_empty = 0, r;
	struct inlet *inlet = open_inlet(PACKETS, -1, &far_fd);
	char byte = 0;
	size_t got = 0;

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(send(far_fd, "\0", 1, 0), 1);
	send_piece(PACKETS, far_fd, "x");
	while ((r = inlet_read(inlet, &byte, 1, &got)) == INLET_E_EMPTY) {
		n_empty++;
		ck_assert(is_readable(inlet));
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_gt(n_empty, 0);
	close(far_fd);
	inlet_free(inlet);
}
END_TEST

/* From its place, without moving it for others; -1: to the end. */
START_TEST(reads_a_file_from_its_place)
{
	static const int64_t lengths[] = { -1, 7, 3, 8 };
	struct inlet *inlet = NULL;
	char *path, bytes[100];
	size_t got;
	int fd;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(tmpdir_write(path, "0123456789"), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
	ck_assert_int_eq(inlet_open(fcntl(fd, F_DUPFD_CLOEXEC, 3), lengths[_i], &inlet), 0);
	expect(inlet, 2, "34");
	if (lengths[_i] == 3) {
		expect(inlet, 100, "5");
	} else {
		expect(inlet, 100, "56789");
	}
	if (lengths[_i] == 8)
		ck_assert_int_eq(inlet_read(inlet, bytes, 1, &got), INLET_E_SHORT);
	else
		expect(inlet, 100, "");
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 3);
	inlet_free(inlet);
	close(fd);
	free(path);
}
END_TEST

static int make_refused(int i)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fds[2];

	switch (i) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 2: /* the wrong end */
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		close(fds[0]);
		return fds[1];
	case 3:
		return socket(AF_UNIX, SOCK_DGRAM, 0);
	case 4:
		fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
		/* the kernel finds a name */
		ck_assert_int_eq(bind(fds[0], (struct sockaddr *)&any, sizeof(any.sun_family)), 0);
		ck_assert_int_eq(listen(fds[0], 1), 0);
		return fds[0];
	case 5:
		return open("/", O_PATH | O_CLOEXEC);
	default:
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	}
}

START_TEST(refuses_what_is_no_stream)
{
	struct inlet *inlet = NULL;
	int fd = make_refused(_i);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(inlet_open(fd, -1, &inlet), INLET_E_REFUSED);
	ck_assert_ptr_null(inlet);
	/* taken over */
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(a_bad_descriptor_is_an_error)
{
	struct inlet *inlet = NULL;

	ck_assert_int_eq(inlet_open(-1, -1, &inlet), -EBADF);
}
END_TEST

/* The other side's flags are its own: it may go on waiting in its calls. */
START_TEST(leaves_the_flags_alone)
{
	enum kind kind = (enum kind)_i;
	int far_fd = -1;
	struct inlet *inlet = open_inlet(kind, -1, &far_fd);

	ck_assert_int_eq(read_code(inlet), INLET_E_EMPTY);
	ck_assert_int_eq(fcntl(inlet_fd(inlet), F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(far_fd, F_GETFL) & O_NONBLOCK, 0);
	close(far_fd);
	inlet_free(inlet);
}
END_TEST

RUN_TESTS("engine/inlet", TEST_LOOP(reads_what_comes, 3), TEST_LOOP(keeps_to_its_length, 3),
	TEST_LOOP(an_end_before_its_length_is_short, 3),
	TEST_EACH(a_writer_that_dies_leaves_no_body, bad_packets),
	TEST_LOOP(a_long_packet_is_not_cut, 5), TEST(empty_packets_are_passed_over),
	TEST_LOOP(reads_a_file_from_its_place, 4), TEST_LOOP(refuses_what_is_no_stream, 7),
	TEST(a_bad_descriptor_is_an_error), TEST_LOOP(leaves_the_flags_alone, 3))
