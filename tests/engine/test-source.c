/* SPDX-License-Identifier: MIT */
#include "engine/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define TEXT "0123456789"

static char *make_file(struct source_spec *ret_spec)
{
	char *path;
	struct stat st;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("source");
	ck_assert_int_eq(tmpdir_write(path, TEXT), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	*ret_spec = (struct source_spec){
		.fd = -1,
		.path = path,
		.ino = st.st_ino,
		.size_bytes = (uint64_t)st.st_size,
		.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
	};
	return path;
}

START_TEST(reads_and_rewinds)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), bytes[64];
	size_t got = 99;
	int fd = -1;

	/* by path, and by a descriptor whose own position does not matter */
	if (_i) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
		spec.fd = fd;
		spec.path = NULL;
	}
	ck_assert_int_eq(source_open(&spec, &source), 0);
	ck_assert_uint_eq(source_size_bytes(source), 10);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(source_read(source, bytes, 6, &got), 0);
		ck_assert_uint_eq(got, 6);
		ck_assert_mem_eq(bytes, "012345", 6);
		ck_assert_int_eq(source_read(source, bytes, sizeof(bytes), &got), 0);
		ck_assert_uint_eq(got, 4);
		ck_assert_mem_eq(bytes, "6789", 4);
		ck_assert_int_eq(source_read(source, bytes, sizeof(bytes), &got), 0);
		ck_assert_uint_eq(got, 0);
		ck_assert_uint_eq(source_offset_bytes(source), 10);
		source_seek(source, 0);
	}
	ck_assert_int_eq(source_check(source), 0);
	source_free(source);
	if (fd >= 0) {
		ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 3);
		close(fd);
	}
	free(path);
}
END_TEST

static void age(const char *path)
{
	const struct timespec times[2] = { { 1000, 0 }, { 1000, 1 } };

	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void rewrite(const char *path)
{
	ck_assert_int_eq(tmpdir_write(path, "9876543210"), 0);
	age(path);
}

static void shrink(const char *path)
{
	ck_assert_int_eq(truncate(path, 5), 0);
}

static void grow(const char *path)
{
	ck_assert_int_eq(truncate(path, 11), 0);
}

/* The same size, and the same time of the last write. */
static void rewrite_secretly(const char *path)
{
	struct stat before, now;

	ck_assert_int_eq(stat(path, &before), 0);
	/* the clock of a file system goes in steps */
	do {
		const struct timespec times[2] = { before.st_atim, before.st_mtim };

		ck_assert_int_eq(tmpdir_write(path, "9876543210"), 0);
		ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
		ck_assert_int_eq(stat(path, &now), 0);
	} while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

static void (*const changes[])(const char *path) = { rewrite, shrink, grow, age };

START_TEST(refuses_what_changed_before)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec);

	changes[_i](path);
	ck_assert_int_eq(source_open(&spec, &source), SOURCE_E_CHANGED);
	ck_assert_ptr_null(source);
	free(path);
}
END_TEST

START_TEST(refuses_another_file)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), *other = tmpdir_path("other");

	ck_assert_int_eq(tmpdir_write(other, TEXT), 0);
	ck_assert_int_eq(rename(other, path), 0);
	ck_assert_int_eq(source_open(&spec, &source), SOURCE_E_CHANGED);
	free(other);
	free(path);
}
END_TEST

/* The last bytes are never handed out when the file is no longer what it was, snapshot or not. */
START_TEST(notices_changes_while_reading)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), bytes[64];
	bool is_snapshot = _i >= 4;
	size_t got = 0;

	if (is_snapshot)
		spec.ino = 0;
	ck_assert_int_eq(source_open(&spec, &source), 0);
	ck_assert_int_eq(source_read(source, bytes, 5, &got), 0);
	ck_assert_uint_eq(got, 5);
	changes[_i % 4](path);
	ck_assert_int_eq(source_read(source, bytes, sizeof(bytes), &got), SOURCE_E_CHANGED);
	ck_assert_uint_eq(got, 5);
	ck_assert_int_eq(source_check(source), SOURCE_E_CHANGED);
	source_free(source);
	free(path);
}
END_TEST

START_TEST(notices_what_was_rewritten_secretly)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), *name = tmpdir_path("name"), bytes[64];
	size_t got = 0;

	ck_assert_int_eq(source_open(&spec, &source), 0);
	ck_assert_int_eq(source_read(source, bytes, 5, &got), 0);
	rewrite_secretly(path);
	ck_assert_int_eq(source_read(source, bytes, 5, &got), SOURCE_E_CHANGED);
	ck_assert_int_eq(source_check(source), SOURCE_E_CHANGED);
	source_free(source);
	/* a second name, or another mode, is no change */
	source = NULL;
	ck_assert_int_eq(source_open(&spec, &source), 0);
	ck_assert_int_eq(_i ? chmod(path, 0400) : link(path, name), 0);
	ck_assert_int_eq(source_read(source, bytes, sizeof(bytes), &got), 0);
	ck_assert_int_eq(source_check(source), 0);
	source_free(source);
	free(name);
	free(path);
}
END_TEST

/* The open file is still the old one, whole; but it is no longer what its name means. */
static void replace(const char *path)
{
	char *other = tmpdir_path("other");

	ck_assert_int_eq(tmpdir_write(other, TEXT), 0);
	ck_assert_int_eq(rename(other, path), 0);
	free(other);
}

static void take_away(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

static void put_a_link(const char *path)
{
	char *other = tmpdir_path("other");

	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	free(other);
}

static void (*const swaps[])(const char *path) = { replace, take_away, put_a_link };

START_TEST(notices_what_became_of_its_name)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), bytes[64];
	bool is_snapshot = (size_t)_i >= sizeof(swaps) / sizeof(swaps[0]);
	size_t got = 0;
	int r;

	if (is_snapshot)
		spec.ino = 0;
	ck_assert_int_eq(source_open(&spec, &source), 0);
	swaps[(size_t)_i % (sizeof(swaps) / sizeof(swaps[0]))](path);
	/* most file systems note a new name as a change of the file */
	r = source_read(source, bytes, sizeof(bytes), &got);
	ck_assert(!r || (!is_snapshot && r == SOURCE_E_CHANGED));
	ck_assert_int_eq(source_check(source), is_snapshot ? 0 : SOURCE_E_CHANGED);
	source_free(source);
	free(path);
}
END_TEST

START_TEST(goes_on_from_anywhere)
{
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), bytes[64];
	size_t got = 0;

	ck_assert_int_eq(source_open(&spec, &source), 0);
	source_seek(source, 7);
	ck_assert_int_eq(source_read(source, bytes, sizeof(bytes), &got), 0);
	ck_assert_uint_eq(got, 3);
	ck_assert_mem_eq(bytes, TEXT + 7, 3);
	source_free(source);
	free(path);
}
END_TEST

enum odd { ODD_MISSING, ODD_FOLDER, ODD_FIFO, ODD_LINK, ODD_COUNT };

START_TEST(refuses_odd_files)
{
	static const int wants[] = { -ENOENT, -EISDIR, -ENOTSUP, -ELOOP };
	struct source_spec spec;
	struct source *source = NULL;
	char *path = make_file(&spec), *odd = tmpdir_path("odd");

	switch ((enum odd)_i) {
	case ODD_MISSING:
		break;
	case ODD_FOLDER:
		ck_assert_int_eq(mkdir(odd, 0700), 0);
		break;
	case ODD_FIFO:
		ck_assert_int_eq(mkfifo(odd, 0600), 0);
		break;
	case ODD_LINK:
		ck_assert_int_eq(symlink(path, odd), 0);
		break;
	case ODD_COUNT:
		ck_abort();
	}
	spec.path = odd;
	ck_assert_int_eq(source_open(&spec, &source), wants[_i]);
	free(odd);
	free(path);
}
END_TEST

RUN_TESTS("engine/source", TEST_LOOP(reads_and_rewinds, 2),
	TEST_EACH(refuses_what_changed_before, changes), TEST(refuses_another_file),
	TEST_LOOP(notices_changes_while_reading, 8),
	TEST_LOOP(notices_what_was_rewritten_secretly, 2),
	TEST_LOOP(notices_what_became_of_its_name, 6), TEST(goes_on_from_anywhere),
	TEST_LOOP(refuses_odd_files, ODD_COUNT))
