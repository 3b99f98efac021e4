/* SPDX-License-Identifier: MIT */
/* A body reaches its reader whole, in order, by the way that its length asks for, and a slow or dead reader is noticed. */
#include "engine/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"

#define PIECE_BYTES (256u * 1024)

static unsigned char piece[PIECE_BYTES], got[PIECE_BYTES];

/* No two places of a megabyte look the same. */
static void fill(unsigned char *bytes, size_t size, uint64_t offset)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)((offset + i) * 31 + ((offset + i) >> 8) * 7 +
			((offset + i) >> 16));
}

static void check(const unsigned char *bytes, size_t size, uint64_t offset)
{
	unsigned char *want = malloc(size);

	ck_assert_ptr_nonnull(want);
	fill(want, size, offset);
	ck_assert_int_eq(memcmp(want, bytes, size), 0);
	free(want);
}

static struct outlet *start(bool collects, bool must_not_wait)
{
	const struct outlet_spec spec = { .collects = collects, .must_not_wait = must_not_wait };
	struct outlet *o = outlet_new(&spec);

	ck_assert_ptr_nonnull(o);
	signal(SIGPIPE, SIG_IGN);
	return o;
}

static int put(struct outlet *o, size_t size, uint64_t offset, uint64_t now_us)
{
	fill(piece, size, offset);
	return outlet_write(o, piece, size, now_us);
}

/* Reads all that is there; true: the end has come. */
static bool drain(int fd, uint64_t *offset)
{
	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pollfd, 1, 0) == 0)
			return false;
		n = read(fd, got, sizeof(got));
		ck_assert_int_ge(n, 0);
		if (!n)
			return true;
		check(got, (size_t)n, *offset);
		*offset += (uint64_t)n;
	}
}

static const size_t small[] = { 0, 1, 4096, 4097, 65535, 65536 };

START_TEST(what_is_short_comes_with_the_end)
{
	struct outlet *o = start(false, false);
	struct outlet_end end = { .memfd = 7 };
	size_t half = small[_i] / 2;

	ck_assert_int_eq(put(o, half, 0, 5), 0);
	ck_assert_int_eq(put(o, small[_i] - half, half, 9), 0);
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert_int_eq(end.memfd, -1);
	ck_assert_uint_eq(end.n_bytes, small[_i]);
	ck_assert_int_eq(end.bytes != NULL, small[_i] > 0);
	if (end.n_bytes)
		check(end.bytes, end.n_bytes, 0);
	ck_assert_uint_eq(outlet_due_us(o), UINT64_MAX);
	outlet_free(o);
}
END_TEST

START_TEST(what_is_gathered_is_due_soon)
{
	struct outlet *o = start(false, false);
	uint64_t offset = 0;
	struct outlet_end end;
	int fd;

	ck_assert_uint_eq(outlet_due_us(o), UINT64_MAX);
	ck_assert_int_eq(put(o, 10, 0, 1000), 0);
	ck_assert_int_eq(put(o, 10, 10, 4000), 0);
	/* from the first byte on, and sooner when it is too much for a message */
	ck_assert_uint_eq(outlet_due_us(o), 1000 + ENGINE_GATHER_US);
	ck_assert_int_eq(put(o, ENGINE_INLINE_BYTES - 19, 20, 5000), 0);
	ck_assert_uint_eq(outlet_due_us(o), 0);
	ck_assert_int_eq(put(o, 1, ENGINE_INLINE_BYTES + 1, 6000), OUTLET_E_FULL);
	ck_assert_int_eq(outlet_end(o, &end), OUTLET_E_FULL);
	ck_assert(!outlet_has_flow(o));
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	ck_assert(outlet_has_flow(o));
	ck_assert_uint_eq(outlet_due_us(o), UINT64_MAX);
	ck_assert(!drain(fd, &offset));
	ck_assert_int_eq(outlet_flush(o), 0);
	ck_assert(drain(fd, &offset));
	ck_assert_uint_eq(offset, ENGINE_INLINE_BYTES + 1);
	outlet_free(o);
	close(fd);
}
END_TEST

/* Some 8 MiB through a reader that reads now and then: nothing is lost, and no more than one buffer is ever kept. */
START_TEST(a_slow_reader_makes_it_wait)
{
	struct outlet *o = start(false, false);
	uint64_t written = 0, offset = 0;
	unsigned n_full = 0;
	struct outlet_end end;
	int fd, r;

	ck_assert_int_eq(put(o, 100, 0, 1), 0);
	written = 100;
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	while (written < (8u << 20)) {
		r = put(o, PIECE_BYTES, written, 50);
		if (!r) {
			written += PIECE_BYTES;
			continue;
		}
		ck_assert_int_eq(r, OUTLET_E_FULL);
		ck_assert_uint_ne(outlet_stalled_since_us(o), 0);
		ck_assert_uint_le(written - offset, ENGINE_PIPE_BYTES + PIECE_BYTES + 100);
		n_full++;
		while (outlet_flush(o) == OUTLET_E_FULL)
			ck_assert(!drain(fd, &offset));
		ck_assert_uint_eq(outlet_stalled_since_us(o), 0);
	}
	ck_assert_uint_gt(n_full, 0);
	while (outlet_end(o, &end) == OUTLET_E_FULL)
		ck_assert(!drain(fd, &offset));
	ck_assert_ptr_null(end.bytes);
	ck_assert_int_eq(end.memfd, -1);
	ck_assert(drain(fd, &offset));
	ck_assert_uint_eq(offset, written);
	ck_assert_int_ge(fcntl(fd, F_GETPIPE_SZ), 64 * 1024);
	outlet_free(o);
	close(fd);
}
END_TEST

/* As libcurl gives them; the reader has all, and nothing is kept, as soon as that is worth a wake-up. */
START_TEST(a_full_batch_goes_at_once)
{
	enum { BATCH_BYTES = 256 * 1024, CALL_BYTES = 16 * 1024, LONG_BYTES = 2 << 20 };
	struct outlet *o = start(false, false);
	uint64_t offset = 0, n_read = 0;
	int fd = -1, n_there = 0;

	while (!outlet_has_flow(o)) {
		ck_assert_int_eq(put(o, CALL_BYTES, offset, 1), 0);
		offset += CALL_BYTES;
		if (!outlet_due_us(o))
			ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	}
	/* long enough for the wide pipe */
	for (; offset < LONG_BYTES; offset += CALL_BYTES) {
		drain(fd, &n_read);
		ck_assert_int_eq(put(o, CALL_BYTES, offset, 1), 0);
		ck_assert_int_eq(outlet_flush(o), 0);
	}
	drain(fd, &n_read);
	/* also over the end of the ring; not where the user's share of pipes is spent */
	for (int i = 0; i < 9 && fcntl(fd, F_GETPIPE_SZ) >= (int)ENGINE_PIPE_BYTES; i++) {
		for (size_t n = 0; n < BATCH_BYTES; n += CALL_BYTES, offset += CALL_BYTES)
			ck_assert_int_eq(put(o, CALL_BYTES, offset, 1), 0);
		ck_assert(!outlet_has_kept(o));
		ck_assert_int_eq(ioctl(fd, FIONREAD, &n_there), 0);
		ck_assert_int_eq(n_there, BATCH_BYTES);
		drain(fd, &n_read);
		ck_assert_uint_eq(n_read, offset);
	}
	close(fd);
	outlet_free(o);
}
END_TEST

START_TEST(who_does_not_read_is_gone)
{
	struct outlet *o = start(false, false);
	struct outlet_end end;
	int fd;

	ck_assert_int_eq(put(o, 10, 0, 1), 0);
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	close(fd);
	ck_assert_int_eq(put(o, 10, 10, 2), 0);
	ck_assert(outlet_has_kept(o));
	ck_assert_int_eq(outlet_flush(o), OUTLET_E_GONE);
	ck_assert_int_eq(put(o, 10, 20, 3), OUTLET_E_GONE);
	ck_assert_int_eq(outlet_flush(o), OUTLET_E_GONE);
	ck_assert_int_eq(outlet_end(o, &end), OUTLET_E_GONE);
	outlet_free(o);
}
END_TEST

static const struct {
	size_t size_bytes;
	bool is_memfd;
} whole[] = {
	{ 0, false },
	{ 65536, false },
	{ 65537, true },
	{ ENGINE_COLLECT_BYTES, true },
};

START_TEST(a_whole_body_is_one_thing)
{
	struct outlet *o = start(true, false);
	size_t size = whole[_i].size_bytes;
	struct outlet_end end;
	unsigned char *map;

	for (size_t at = 0; at < size; at += 8191) {
		ck_assert_int_eq(put(o, size - at < 8191 ? size - at : 8191, at, 1), 0);
		ck_assert_uint_eq(outlet_due_us(o), UINT64_MAX);
	}
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert_int_eq(end.memfd >= 0, whole[_i].is_memfd);
	if (end.memfd < 0) {
		ck_assert_uint_eq(end.n_bytes, size);
		if (size)
			check(end.bytes, size, 0);
		outlet_free(o);
		return;
	}
	outlet_free(o);
	ck_assert_int_eq(fcntl(end.memfd, F_GET_SEALS),
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	ck_assert_int_eq(lseek(end.memfd, 0, SEEK_END), (off_t)size);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, end.memfd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	check(map, size, 0);
	munmap(map, size);
	close(end.memfd);
}
END_TEST

/* What is too long for a memfd flows, from its first byte on. */
START_TEST(a_whole_body_has_a_bound)
{
	struct outlet *o = start(true, false);
	uint64_t written = 0, offset = 0;
	struct outlet_end end;
	int fd, r;

	while (outlet_due_us(o) == UINT64_MAX) {
		ck_assert_int_eq(put(o, PIECE_BYTES - 1, written, 1), 0);
		written += PIECE_BYTES - 1;
	}
	ck_assert_uint_gt(written, ENGINE_COLLECT_BYTES);
	ck_assert_uint_le(written, ENGINE_COLLECT_BYTES + PIECE_BYTES);
	ck_assert_int_eq(put(o, 1, written, 1), OUTLET_E_FULL);
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	while ((r = outlet_flush(o)) == OUTLET_E_FULL)
		ck_assert(!drain(fd, &offset));
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(put(o, 5, written, 1), 0);
	ck_assert(outlet_has_kept(o));
	ck_assert(!drain(fd, &offset));
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert(drain(fd, &offset));
	ck_assert_uint_eq(offset, written + 5);
	outlet_free(o);
	close(fd);
}
END_TEST

START_TEST(a_stream_that_must_not_wait_has_no_more)
{
	struct outlet *o = start(true, true);
	uint64_t written = 0;

	for (; written + PIECE_BYTES <= OUTLET_COLLECT_MAX_BYTES; written += PIECE_BYTES)
		ck_assert_int_eq(put(o, PIECE_BYTES, written, 1), 0);
	ck_assert_int_eq(put(o, 1, written, 1), OUTLET_E_TOO_LONG);
	ck_assert_uint_eq(outlet_due_us(o), UINT64_MAX);
	outlet_free(o);
}
END_TEST

/* Parts of one answer are bodies of their own. */
START_TEST(another_part_begins_afresh)
{
	struct outlet *o = start(false, false);
	struct outlet_end end;
	uint64_t offset = 0;
	int fd;

	ck_assert_int_eq(put(o, 10, 0, 1), 0);
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert(!outlet_has_flow(o));
	ck_assert(drain(fd, &offset));
	ck_assert_uint_eq(offset, 10);
	ck_assert_int_eq(put(o, 20, 0, 500), 0);
	ck_assert_uint_eq(outlet_due_us(o), 500 + ENGINE_GATHER_US);
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert_uint_eq(end.n_bytes, 20);
	check(end.bytes, 20, 0);
	outlet_free(o);
	close(fd);
}
END_TEST

/* Without descriptors nothing is lost; it is tried again. */
START_TEST(waits_for_a_descriptor)
{
	struct rlimit limit, none;
	struct outlet *o = start(false, false);
	uint64_t offset = 0;
	struct outlet_end end;
	int fd;

	ck_assert_int_eq(put(o, 10, 0, 1), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(outlet_open_flow(o, &fd), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(!outlet_has_flow(o));
	ck_assert_uint_eq(outlet_due_us(o), 1 + ENGINE_GATHER_US);
	ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
	ck_assert_int_eq(outlet_end(o, &end), 0);
	ck_assert(drain(fd, &offset));
	ck_assert_uint_eq(offset, 10);
	outlet_free(o);
	close(fd);
}
END_TEST

/* Freed in the middle, the reader sees an end, and no descriptor stays. */
START_TEST(closes_once)
{
	struct outlet *o = start(_i != 0, false);
	uint64_t offset = 0;
	int fd = -1, next = dup(0);

	close(next);
	ck_assert_int_eq(put(o, PIECE_BYTES, 0, 1), 0);
	if (!_i) {
		ck_assert_int_eq(outlet_open_flow(o, &fd), 0);
		ck_assert(!drain(fd, &offset));
	}
	outlet_free(o);
	if (fd >= 0) {
		ck_assert(drain(fd, &offset));
		close(fd);
	}
	fd = dup(0);
	ck_assert_int_eq(fd, next);
	close(fd);
	ck_assert_ptr_null(outlet_free(NULL));
}
END_TEST

RUN_TESTS("engine/outlet", TEST_EACH(what_is_short_comes_with_the_end, small),
	TEST(what_is_gathered_is_due_soon), TEST(a_slow_reader_makes_it_wait),
	TEST(a_full_batch_goes_at_once), TEST(who_does_not_read_is_gone),
	TEST_EACH(a_whole_body_is_one_thing, whole), TEST(a_whole_body_has_a_bound),
	TEST(a_stream_that_must_not_wait_has_no_more), TEST(another_part_begins_afresh),
	TEST(waits_for_a_descriptor), TEST_LOOP(closes_once, 2))
