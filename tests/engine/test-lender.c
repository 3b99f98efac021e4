/* SPDX-License-Identifier: MIT */
/* What is put arrives, in order and unchanged, however the reader reads; a full pipe and a reader that has gone are noticed. */
#include "engine/lender.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/run.h"

#define PIPE_BYTES (64 * 1024)
#define TOTAL      (2u << 20)

static unsigned char bytes[PIPE_BYTES * 4];

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static struct lender *start(int fds[2])
{
	struct lender *l;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_gt(fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES), 0);
	l = lender_new(fds[1]);
	ck_assert_ptr_nonnull(l);
	return l;
}

static void stop(struct lender *l, const int fds[2])
{
	lender_free(l);
	close(fds[0]);
	close(fds[1]);
}

static size_t put(struct lender *l, uint64_t from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(from + i);
	return lender_put(l, (const char *)bytes, size);
}

static size_t take(int fd, uint64_t from, size_t size)
{
	ssize_t n = read(fd, bytes, size), n_right = 0;

	while (n_right < n && bytes[n_right] == byte_at(from + (uint64_t)n_right))
		n_right++;
	ck_assert(n < 0 || n_right == n);
	return n > 0 ? (size_t)n : 0;
}

/* Pieces of every length against reads of every length: no byte is used again before it was read. */
START_TEST(arrives)
{
	static const struct {
		size_t put, take;
	} rows[] = {
		{ 4096, 4096 },
		{ 16384, 65536 },
		{ 100, 300 },
		{ 5000, 4097 },
		{ 100000, 777 },
		{ PIPE_BYTES * 3, 65536 },
		{ 4095, PIPE_BYTES * 2 },
	};
	unsigned long long pushed = 0;
	uint64_t n_put = 0, n_taken = 0;
	struct lender *l;
	int fds[2], r;

	l = start(fds);
	while (n_taken < TOTAL) {
		size_t n = rows[_i].put;

		n_put += put(l, n_put, n_put + n < TOTAL ? n : TOTAL - n_put);
		r = lender_push(l, &pushed);
		ck_assert(r == 0 || r == LENDER_E_FULL);
		ck_assert_uint_eq(pushed + lender_kept_bytes(l), n_put);
		n_taken += take(fds[0], n_taken, rows[_i].take);
	}
	ck_assert_uint_eq(n_taken, TOTAL);
	stop(l, fds);
}
END_TEST

/* There is always room where the pipe has some. */
START_TEST(is_full_with_the_pipe)
{
	unsigned long long pushed = 0;
	uint64_t n_put = 0;
	struct lender *l;
	int fds[2];

	l = start(fds);
	while (!lender_push(l, &pushed))
		n_put += put(l, n_put, 10000);
	ck_assert_uint_ge(pushed, PIPE_BYTES / 2); /* a part of a page has a page of the pipe */
	n_put += put(l, n_put, sizeof(bytes));
	ck_assert_uint_gt(n_put, PIPE_BYTES);
	ck_assert_uint_lt(n_put, sizeof(bytes));
	ck_assert_uint_eq(put(l, n_put, 1), 0);
	ck_assert_int_eq(lender_push(l, &pushed), LENDER_E_FULL);
	ck_assert_uint_eq(take(fds[0], 0, 4096), 4096);
	ck_assert_uint_eq(put(l, n_put, 8192), 4096);
	stop(l, fds);
}
END_TEST

/* What was lent stays with the reader. */
START_TEST(outlives_its_ring)
{
	unsigned long long pushed = 0;
	struct lender *l;
	int fds[2];

	l = start(fds);
	ck_assert_uint_eq(put(l, 0, 30000), 30000);
	ck_assert_int_eq(lender_push(l, &pushed), 0);
	lender_free(l);
	close(fds[1]);
	ck_assert_uint_eq(take(fds[0], 0, 30000), 30000);
	ck_assert_uint_eq(take(fds[0], 0, 1), 0);
	close(fds[0]);
}
END_TEST

START_TEST(nobody_reads)
{
	unsigned long long pushed = 0;
	struct lender *l;
	int fds[2];

	l = start(fds);
	close(fds[0]);
	ck_assert_uint_eq(put(l, 0, 1), 1);
	ck_assert_int_eq(lender_push(l, &pushed), LENDER_E_GONE);
	ck_assert_uint_eq(pushed, 0);
	lender_free(l);
	close(fds[1]);
}
END_TEST

START_TEST(only_into_pipes)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_ptr_null(lender_new(fds[1]));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

RUN_TESTS("engine/lender", TEST_LOOP(arrives, 7), TEST(is_full_with_the_pipe),
	TEST(outlives_its_ring), TEST(nobody_reads), TEST(only_into_pipes))
