/* SPDX-License-Identifier: MIT */
#include "engine/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/digest.h"
#include "tests/lib/refuse.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static char *part_path(void)
{
	ck_assert_ptr_nonnull(tmpdir_new());
	return tmpdir_path("part");
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static struct sink *open_sink(const char *path, uint64_t offset_bytes)
{
	const struct sink_spec spec = { .path = path, .offset_bytes = offset_bytes };
	struct sink *sink = NULL;

	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	return sink;
}

/* Bytes that tell where they belong. */
static void fill(uint8_t *bytes, size_t size, size_t from)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((from + i) * 31 + (from + i) / 251);
}

static void expect_content(const char *path, size_t size)
{
	uint8_t got[4096], want[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_uint_eq(size_of(path), size);
	for (size_t offset = 0; offset < size;) {
		ssize_t n = read(fd, got, sizeof(got));

		ck_assert_int_gt(n, 0);
		fill(want, (size_t)n, offset);
		ck_assert_mem_eq(got, want, (size_t)n);
		offset += (size_t)n;
	}
	close(fd);
}

/* Pieces of any size come out as one file, and are not written one by one. */
static const struct {
	size_t piece, n_pieces;
	uint64_t expected, flushed;
} pieces[] = {
	{ 1, 5, 0, 0 },
	{ 16384, 15, 0, 0 },
	{ 16384, 16, 0, SINK_GATHER_BYTES },
	{ 16384, 17, 17 * 16384, 17 * 16384 },
	{ 16384, 17, 18 * 16384, SINK_GATHER_BYTES },
	{ 100000, 3, 0, SINK_GATHER_BYTES },
	{ SINK_GATHER_BYTES, 2, 0, 2 * SINK_GATHER_BYTES },
	{ 3 * SINK_GATHER_BYTES + 1, 1, 0, 3 * SINK_GATHER_BYTES + 1 },
	{ 4096, 1, 4096, 4096 },
	{ 4096, 1, 4097, 0 },
	{ 1, 0, 0, 0 },
};

START_TEST(gathers)
{
	char *path = part_path();
	struct sink *sink = open_sink(path, 0);
	uint8_t *bytes = malloc(pieces[_i].piece);
	size_t total = pieces[_i].piece * pieces[_i].n_pieces;
	uint64_t began_us = clock_now_us();

	if (pieces[_i].expected)
		ck_assert_int_eq(sink_expect(sink, pieces[_i].expected), 0);
	for (size_t i = 0; i < pieces[_i].n_pieces; i++) {
		fill(bytes, pieces[_i].piece, i * pieces[_i].piece);
		ck_assert_int_eq(sink_write(sink, bytes, pieces[_i].piece), 0);
	}
	ck_assert_uint_eq(sink_offset_bytes(sink), total);
	/* what has waited for 10 ms is written, too: on a slow machine */
	if (clock_now_us() - began_us < 9000)
		ck_assert_uint_eq(sink_flushed_bytes(sink), pieces[_i].flushed);
	ck_assert_uint_eq(size_of(path), sink_flushed_bytes(sink));
	ck_assert_int_eq(sink_flush(sink), 0);
	ck_assert_uint_eq(sink_flushed_bytes(sink), total);
	sink_free(sink);
	expect_content(path, total);
	free(bytes);
	free(path);
}
END_TEST

/* A part of 1000 bytes: only what is durable is kept, and never more than is there. */
static const struct {
	uint64_t durable, kept;
} resumes[] = { { 0, 0 }, { 400, 400 }, { 1000, 1000 }, { 1001, 1000 },
	{ UINT64_C(1) << 40, 1000 } };

START_TEST(keeps_what_is_durable)
{
	char *path = part_path();
	uint8_t bytes[1000];
	struct sink *sink = open_sink(path, 0);

	fill(bytes, sizeof(bytes), 0);
	ck_assert_int_eq(sink_write(sink, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	sink = open_sink(path, resumes[_i].durable);
	ck_assert_uint_eq(sink_offset_bytes(sink), resumes[_i].kept);
	ck_assert_uint_eq(size_of(path), resumes[_i].kept);
	fill(bytes, 7, resumes[_i].kept);
	ck_assert_int_eq(sink_write(sink, bytes, 7), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	expect_content(path, resumes[_i].kept + 7);
	free(path);
}
END_TEST

#define LEFT (SINK_GATHER_BYTES + 1000)

/* bytes behind the durable ones: kept when an earlier process left them there on this run of the machine */
static const struct {
	uint64_t durable;
	int64_t before_s; /* the moment, from when the file was written; INT64_MIN: 0 */
	uint64_t size, kept;
	bool is_marked; /* a sync of it did not end well */
} tails[] = {
	{ 400, 10, LEFT, LEFT, false },
	{ 0, 10, LEFT, LEFT, false },
	{ 400, 10, LEFT, 400, true },
	{ 0, 10, LEFT, 0, true },
	{ LEFT, 10, LEFT, LEFT, true },
	{ 400, 10, 1000, 400, false },
	{ 400, -10, LEFT, 400, false },
	{ 400, 0, LEFT, 400, false },
	{ 400, INT64_MIN, LEFT, 400, false },
	{ LEFT, 10, LEFT, LEFT, false },
	{ 2 * LEFT, 10, LEFT, LEFT, false },
};

START_TEST(keeps_a_tail_that_the_kernel_has)
{
	char *path = part_path();
	struct sink_spec spec = { .path = path, .offset_bytes = tails[_i].durable };
	struct sink *sink = open_sink(path, 0);
	uint8_t *bytes = malloc(LEFT);
	struct stat st;

	fill(bytes, LEFT, 0);
	ck_assert_int_eq(sink_write(sink, bytes, tails[_i].size), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	free(bytes);
	if (tails[_i].is_marked)
		ck_assert_int_eq(chmod(path, 0700), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	if (tails[_i].before_s != INT64_MIN)
		spec.tail_before_wall_us =
			(uint64_t)((int64_t)st.st_mtim.tv_sec + tails[_i].before_s) * 1000000;
	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	ck_assert_uint_eq(sink_offset_bytes(sink), tails[_i].kept);
	ck_assert_uint_eq(size_of(path), tails[_i].kept);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	sink_free(sink);
	free(path);
}
END_TEST

/* A file system without modes keeps no mark: that there is none says nothing. */
START_TEST(trusts_no_tail_without_marks)
{
	char *path = part_path();
	struct sink_spec spec = {
		.path = path, .offset_bytes = 400, .tail_before_wall_us = UINT64_MAX
	};
	struct sink *sink = open_sink(path, 0);
	uint8_t *bytes = malloc(LEFT);

	fill(bytes, LEFT, 0);
	ck_assert_int_eq(sink_write(sink, bytes, LEFT), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	free(bytes);
	ck_assert_int_eq(refuse(REFUSE_MODES), 0);
	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	ck_assert_uint_eq(sink_offset_bytes(sink), 400);
	sink_free(sink);
	free(path);
}
END_TEST

START_TEST(is_private)
{
	char *path = part_path();
	struct stat st;

	umask(0);
	sink_free(open_sink(path, 0));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	free(path);
}
END_TEST

enum odd { ODD_FOLDER, ODD_FIFO, ODD_LINK, ODD_NO_FOLDER, ODD_COUNT };

START_TEST(refuses_odd_files)
{
	static const int wants[] = { -EISDIR, -ENOTSUP, -ELOOP, -ENOENT };
	char *path = part_path(), *target = tmpdir_path("target");
	char *missing = tmpdir_path("missing/part");
	struct sink_spec spec = { .path = path };
	struct sink *sink = NULL;

	ck_assert_int_eq(tmpdir_write(target, "victim"), 0);
	switch ((enum odd)_i) {
	case ODD_FOLDER:
		ck_assert_int_eq(mkdir(path, 0700), 0);
		break;
	case ODD_FIFO:
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		break;
	case ODD_LINK:
		ck_assert_int_eq(symlink(target, path), 0);
		break;
	case ODD_NO_FOLDER:
		spec.path = missing;
		break;
	case ODD_COUNT:
		ck_abort();
	}
	ck_assert_int_eq(sink_open(&spec, &sink), wants[_i]);
	ck_assert_ptr_null(sink);
	ck_assert_uint_eq(size_of(target), 6);
	free(missing);
	free(target);
	free(path);
}
END_TEST

/* a second name of it, or somebody else's file: that stays as it is, and the part is a new one */
START_TEST(leaves_other_files_alone)
{
	char *path = part_path(), *other = tmpdir_path("other");
	bool is_foreign = _i == 1;
	struct sink *sink;

	if (is_foreign && geteuid() != 0)
		return;
	ck_assert_int_eq(tmpdir_write(other, "victim"), 0);
	ck_assert_int_eq(is_foreign ? rename(other, path) : link(other, path), 0);
	if (is_foreign)
		ck_assert_int_eq(chown(path, 12345, 12345), 0);
	sink = open_sink(path, 0);
	ck_assert_uint_eq(sink_offset_bytes(sink), 0);
	ck_assert_int_eq(sink_write(sink, "new", 3), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	ck_assert_uint_eq(size_of(path), 3);
	if (!is_foreign)
		ck_assert_uint_eq(size_of(other), 6);
	free(other);
	free(path);
}
END_TEST

START_TEST(starts_again)
{
	char *path = part_path();
	uint8_t bytes[1000];
	struct sink *sink = open_sink(path, 0);

	memset(bytes, 0xee, sizeof(bytes));
	ck_assert_int_eq(sink_expect(sink, 1001), 0);
	ck_assert_int_eq(sink_write(sink, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	ck_assert_int_eq(sink_write(sink, bytes, 10), 0);
	ck_assert_int_eq(sink_restart(sink), 0);
	ck_assert_uint_eq(sink_offset_bytes(sink), 0);
	ck_assert_uint_eq(size_of(path), 0);
	fill(bytes, 5, 0);
	ck_assert_int_eq(sink_write(sink, bytes, 5), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);
	expect_content(path, 5);
	free(path);
}
END_TEST

START_TEST(preallocates_without_size)
{
	char *path = part_path();
	struct sink *sink = open_sink(path, 0);
	struct stat st;

	ck_assert_int_eq(sink_expect(sink, 8 * 1024 * 1024), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_int_eq(sink_expect(sink, UINT64_MAX), -EFBIG);
	sink_free(sink);
	free(path);
}
END_TEST

static void hash(const char *name, size_t size, char hex[DIGEST_HEX_BYTES])
{
	uint8_t *bytes = malloc(size);
	struct digest *d = NULL;

	fill(bytes, size, 0);
	ck_assert_int_eq(digest_new(name, &d), 0);
	digest_update(d, bytes, size);
	digest_hex(d, hex);
	digest_free(d);
	free(bytes);
}

/* The digest follows the flushed bytes over a stop and a start. */
START_TEST(hashes_over_a_restart)
{
	char *path = part_path(), want[DIGEST_HEX_BYTES], got[DIGEST_HEX_BYTES];
	uint8_t bytes[1000], state[DIGEST_STATE_MAX_BYTES];
	struct sink_spec spec = { .path = path, .digest_name = "sha256" };
	struct sink *sink = NULL;

	hash("sha256", 1500, want);
	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	ck_assert(sink_has_digest(sink));
	fill(bytes, 1000, 0);
	ck_assert_int_eq(sink_write(sink, bytes, 1000), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	spec.digest_state_bytes = sink_save_digest(sink, state, sizeof(state));
	ck_assert_uint_gt(spec.digest_state_bytes, 0);
	spec.digest_state = state;
	spec.offset_bytes = sink_flushed_bytes(sink);
	/* written, but after the checkpoint */
	ck_assert_int_eq(sink_write(sink, "lost", 4), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	sink_free(sink);

	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	ck_assert(sink_has_digest(sink));
	fill(bytes, 500, 1000);
	ck_assert_int_eq(sink_write(sink, bytes, 500), 0);
	ck_assert_int_eq(sink_flush(sink), 0);
	ck_assert(sink_digest_hex(sink, got, sizeof(got)));
	ck_assert_str_eq(got, want);
	sink_free(sink);
	expect_content(path, 1500);

	/* no state, or one that does not fit: no digest, rather than a wrong one */
	spec.offset_bytes = 999;
	ck_assert_int_eq(sink_open(&spec, &sink), 0);
	ck_assert(!sink_has_digest(sink));
	ck_assert(!sink_digest_hex(sink, got, sizeof(got)));
	ck_assert_uint_eq(sink_save_digest(sink, state, sizeof(state)), 0);
	/* until it starts from nothing */
	ck_assert_int_eq(sink_restart(sink), 0);
	ck_assert(sink_has_digest(sink));
	sink_free(sink);
	free(path);
}
END_TEST

START_TEST(gives_its_descriptor_away)
{
	char *path = part_path();
	struct sink *sink = open_sink(path, 0);
	int fd = sink_fd(sink);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sink_take_fd(sink), fd);
	ck_assert_int_eq(sink_fd(sink), -1);
	sink_free(sink);
	ck_assert_int_eq(fsync(fd), 0);
	close(fd);
	free(path);
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
START_TEST(keeps_bytes_when_the_disk_is_full)
{
	char *path = part_path();
	uint8_t *bytes = malloc(SINK_GATHER_BYTES);
	struct sink *sink = open_sink(path, 0);

	ck_assert_int_eq(setenv("TRANSFERD_FAILPOINT", "sink.write:2=28,sink.allocate:2=28", 1), 0);
	ck_assert_int_eq(sink_expect(sink, 4 * SINK_GATHER_BYTES), 0);
	for (size_t i = 0; i < 2; i++) {
		fill(bytes, SINK_GATHER_BYTES, i * SINK_GATHER_BYTES);
		ck_assert_int_eq(sink_write(sink, bytes, SINK_GATHER_BYTES), i ? -ENOSPC : 0);
	}
	ck_assert_uint_eq(sink_flushed_bytes(sink), SINK_GATHER_BYTES);
	expect_content(path, SINK_GATHER_BYTES);
	ck_assert_int_eq(sink_expect(sink, 4 * SINK_GATHER_BYTES), -ENOSPC);
	expect_content(path, SINK_GATHER_BYTES);
	sink_free(sink);
	free(bytes);
	free(path);
}
END_TEST
#	define FAILPOINT_TESTS , TEST(keeps_bytes_when_the_disk_is_full)
#else
#	define FAILPOINT_TESTS
#endif

/* What was cut or removed by somebody else is not written on: there would be a hole. */
START_TEST(notices_a_damaged_file)
{
	char *path = part_path();
	uint8_t *bytes = malloc(SINK_GATHER_BYTES);
	struct sink *sink = open_sink(path, 0);

	fill(bytes, SINK_GATHER_BYTES, 0);
	ck_assert_int_eq(sink_write(sink, bytes, SINK_GATHER_BYTES), 0);
	ck_assert_int_eq(_i ? truncate(path, SINK_GATHER_BYTES - 1) : unlink(path), 0);
	ck_assert_int_eq(sink_write(sink, bytes, SINK_GATHER_BYTES), -ESTALE);
	ck_assert_int_eq(sink_write(sink, bytes, 1), 0); /* gathered */
	ck_assert_int_eq(sink_flush(sink), -ESTALE);
	ck_assert_uint_eq(sink_flushed_bytes(sink), SINK_GATHER_BYTES);
	sink_free(sink);
	free(bytes);
	free(path);
}
END_TEST

RUN_TESTS("engine/sink", TEST_EACH(gathers, pieces), TEST_EACH(keeps_what_is_durable, resumes),
	TEST_EACH(keeps_a_tail_that_the_kernel_has, tails), TEST(trusts_no_tail_without_marks),
	TEST(is_private), TEST_LOOP(refuses_odd_files, ODD_COUNT),
	TEST_LOOP(leaves_other_files_alone, 2), TEST(starts_again), TEST(preallocates_without_size),
	TEST(hashes_over_a_restart), TEST(gives_its_descriptor_away),
	TEST_LOOP(notices_a_damaged_file, 2) FAILPOINT_TESTS)
