/* SPDX-License-Identifier: MIT */
/* The folder, the marks, what is set aside, and files that vanish while the daemon runs (F-10). */
#include "tests/daemon/store/fixture.h"

START_TEST(refuses_an_open_folder)
{
	struct fixture f;

	fixture_dir(&f);
	ck_ok(chmod(f.dir, 0750));
	ck_assert_int_eq(store_open(f.dir, &f.store, &f.report), -EPERM);
	ck_ok(chmod(f.dir, 0700));
	ck_assert_int_eq(store_open("relative", &f.store, &f.report), -EINVAL);
	ck_assert_int_eq(store_open("/nonexistent/folder", &f.store, &f.report), -ENOENT);
	ck_ok(symlink("/tmp", fixture_path(&f, "link")));
	ck_assert_int_eq(store_open(fixture_path(&f, "link"), &f.store, &f.report), -ENOTDIR);
	fixture_done(&f);
}
END_TEST

START_TEST(a_clean_end_leaves_a_mark)
{
	struct fixture f;

	fixture_init(&f);
	ck_assert_int_eq(access(fixture_path(&f, "queue.clean"), F_OK), -1);
	store_close(f.store);
	f.store = NULL;
	ck_ok(access(fixture_path(&f, "queue.clean"), F_OK));
	ck_assert_int_eq(access(fixture_path(&f, "queue.db-wal"), F_OK), -1);
	fixture_reopen(&f);
	ck_assert(f.report.was_clean);
	ck_assert_int_eq(access(fixture_path(&f, "queue.clean"), F_OK), -1);
	store_close(f.store);
	f.store = NULL;
	ck_ok(unlink(fixture_path(&f, "queue.clean")));
	fixture_reopen(&f);
	ck_assert(!f.report.was_clean);
	fixture_done(&f);
}
END_TEST

static const struct {
	const char *name, *bytes;
	size_t size;
} foreign[] = {
	{ "text", "this is no database\n", 20 },
	{ "zeros", "\0\0\0\0\0\0\0\0", 8 },
	{ "header only", "SQLite format 3", 16 },
};

START_TEST(sets_a_foreign_file_aside)
{
	struct fixture f;
	char read_back[32];
	int fd;

	fixture_dir(&f);
	fd = open(fixture_path(&f, "queue.db"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, foreign[_i].bytes, foreign[_i].size), (ssize_t)foreign[_i].size);
	close(fd);
	fixture_reopen(&f);
	ck_assert_int_eq(strncmp(f.report.set_aside, fixture_path(&f, "queue.db.corrupt-"), 30), 0);
	fd = open(f.report.set_aside, O_RDONLY);
	ck_assert_int_eq(read(fd, read_back, sizeof(read_back)), (ssize_t)foreign[_i].size);
	close(fd);
	ck_assert_mem_eq(read_back, foreign[_i].bytes, foreign[_i].size);
	fixture_session(&f, 1, "a", "b");
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_assert_str_eq(f.report.set_aside, "");
	fixture_done(&f);
}
END_TEST

/* One byte of the header: a page size that is none, a format that SQLite does not write, a schema that it does not read. */
static const struct {
	long at;
	int byte;
} headers[] = { { 16, 3 }, { 18, 3 }, { 19, 0 }, { 47, 6 }, { 68, 0 } };

START_TEST(sets_a_damaged_header_aside)
{
	struct fixture f;
	FILE *file;

	fixture_init(&f);
	store_close(f.store);
	f.store = NULL;
	file = fopen(fixture_path(&f, "queue.db"), "r+");
	ck_ok(fseek(file, headers[_i].at, SEEK_SET));
	ck_assert_int_eq(fputc(headers[_i].byte, file), headers[_i].byte);
	ck_ok(fclose(file));
	fixture_reopen(&f);
	ck_assert_str_ne(f.report.set_aside, "");
	fixture_done(&f);
}
END_TEST

/* Files and applications still have the old numbers. */
START_TEST(goes_on_from_the_numbers_of_what_is_set_aside)
{
	static const unsigned char no_page[8] = "no page";
	uint64_t tasks, sessions;
	long page;
	struct fixture f;
	FILE *file;

	fixture_init(&f);
	page = fixture_number(&f, "SELECT rootpage FROM sqlite_schema WHERE name = 'task'");
	fixture_put(&f, TASK_STATE_QUEUED);
	tasks = fixture_put(&f, TASK_STATE_QUEUED);
	sessions = fixture_session(&f, 1, "a", "b");
	ck_ok(store_commit(f.store));
	store_close(f.store);
	f.store = NULL;
	file = fopen(fixture_path(&f, "queue.db"), "r+");
	ck_ok(fseek(file, (page - 1) * 4096, SEEK_SET));
	ck_assert_uint_eq(fwrite(no_page, sizeof(no_page), 1, file), 1);
	ck_ok(fclose(file));
	ck_ok(unlink(fixture_path(&f, "queue.clean")));
	fixture_reopen(&f);
	ck_assert_str_ne(f.report.set_aside, "");
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task"), 0);
	fixture_reopen(&f);
	f.session = fixture_session(&f, 1, "a", "b");
	ck_assert_uint_eq(f.session, sessions + 1);
	ck_ok(store_lane_get(f.store, f.session, "h", &f.lane));
	ck_assert_uint_eq(fixture_put(&f, TASK_STATE_QUEUED), tasks + 1);
	ck_ok(store_commit(f.store));
	fixture_done(&f);
}
END_TEST

START_TEST(numbers_above)
{
	struct fixture f;

	fixture_init(&f);
	ck_ok(store_task_number_above(f.store, 41));
	ck_ok(store_task_number_above(f.store, 7));
	ck_ok(store_task_number_above(f.store, STORE_NUMBER_MAX));
	ck_ok(store_task_number_above(f.store, STORE_NUMBER_END));
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_assert_uint_eq(fixture_put(&f, TASK_STATE_QUEUED), 42);
	fixture_done(&f);
}
END_TEST

/* From there on they are those of sessions in memory: a task with such a one could not be reached, nor any that came after it. */
static const char *const strange_numbers[] = {
	"UPDATE sequence SET next = 4503599627370496 WHERE name = 'task'",
	"UPDATE task SET id = 4503599627370496",
	"UPDATE sequence SET next = 2251799813685249 WHERE name = 'session'",
};

START_TEST(gives_no_number_of_others)
{
	struct fixture f;

	fixture_init(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	fixture_sql(&f, strange_numbers[_i]);
	fixture_reopen(&f);
	ck_assert_str_ne(f.report.set_aside, "");
	f.session = fixture_session(&f, 1, "a", "b");
	ck_assert_uint_lt(f.session, STORE_NUMBER_END);
	ck_ok(store_lane_get(f.store, f.session, "h", &f.lane));
	ck_assert_uint_lt(fixture_put(&f, TASK_STATE_QUEUED), STORE_NUMBER_END);
	fixture_done(&f);
}
END_TEST

/* The WAL is all that is left of the queue: SQLite would throw it away. */
static const bool is_missing[] = { false, true };

START_TEST(keeps_the_wal_of_an_emptied_database)
{
	char aside[320];
	struct fixture f;
	struct stat st;

	fixture_init(&f);
	store_close(f.store);
	f.store = NULL;
	ck_ok(rename(fixture_path(&f, "queue.db"), fixture_path(&f, "queue.db-wal")));
	ck_ok(stat(fixture_path(&f, "queue.db-wal"), &st));
	if (!is_missing[_i])
		close(open(fixture_path(&f, "queue.db"), O_WRONLY | O_CREAT, 0600));
	fixture_reopen(&f);
	snprintf(aside, sizeof(aside), "%s-wal", f.report.set_aside);
	ck_assert_int_gt(st.st_size, 0);
	ck_ok(stat(aside, &st));
	ck_assert_int_gt(st.st_size, 0);
	fixture_done(&f);
}
END_TEST

START_TEST(sets_a_link_aside)
{
	struct fixture f;

	fixture_dir(&f);
	ck_ok(symlink("/etc/passwd", fixture_path(&f, "queue.db")));
	fixture_reopen(&f);
	ck_assert_str_ne(f.report.set_aside, "");
	fixture_done(&f);
}
END_TEST

static const struct {
	const char *name;
	mode_t mode;
	bool is_aside;
} odd[] = {
	{ "queue.db", S_IFDIR, true },
	{ "queue.db", S_IFIFO, true },
	{ "queue.db-wal", S_IFDIR, true },
	{ "queue.db-wal", S_IFIFO, true },
	{ "queue.db-journal", S_IFDIR, true },
	{ "queue.db-journal", S_IFIFO, true },
	{ "queue.clean", S_IFDIR, false },
	{ "queue.clean", S_IFIFO, false },
	{ "queue.ballast", S_IFDIR, false },
	{ "queue.ballast", S_IFIFO, false },
};

/* Whatever has a name of the database is kept elsewhere; the marks hold nothing. */
START_TEST(nothing_odd_stops_the_start)
{
	struct fixture f;
	const char *path;

	fixture_dir(&f);
	path = fixture_path(&f, odd[_i].name);
	ck_ok(odd[_i].mode == S_IFDIR ? mkdir(path, 0700) : mkfifo(path, 0600));
	fixture_reopen(&f);
	ck_assert_int_eq(f.report.set_aside[0] != 0, odd[_i].is_aside);
	ck_assert(!store_file_is_space_low(&f.store->file));
	fixture_done(&f);
}
END_TEST

START_TEST(tightens_the_mode)
{
	struct fixture f;
	struct stat st;

	fixture_init(&f);
	store_close(f.store);
	f.store = NULL;
	ck_ok(chmod(fixture_path(&f, "queue.db"), 0644));
	fixture_reopen(&f);
	ck_ok(stat(fixture_path(&f, "queue.db"), &st));
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	fixture_done(&f);
}
END_TEST

/* As a second later: the next commit looks. */
static void let_it_look(struct fixture *f)
{
	f->store->file.checked_us = 0;
}

static const char *const vanishing[] = { "queue.db", "queue.db-wal" };

START_TEST(sees_that_a_file_vanished)
{
	struct fixture f;

	fixture_init(&f);
	let_it_look(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	ck_ok(unlink(fixture_path(&f, vanishing[_i])));
	let_it_look(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_assert_int_eq(store_commit(f.store), -ESTALE);
	/* no clean mark for what is not there */
	store_close(f.store);
	f.store = NULL;
	ck_assert_int_eq(access(fixture_path(&f, "queue.clean"), F_OK), -1);
	ck_ok(store_open(f.dir, &f.store, &f.report));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task"), _i == 0 ? 0 : 1);
	fixture_done(&f);
}
END_TEST

START_TEST(sees_that_the_file_was_replaced)
{
	struct fixture f;
	int fd;

	fixture_init(&f);
	ck_ok(rename(fixture_path(&f, "queue.db"), fixture_path(&f, "moved")));
	fd = open(fixture_path(&f, "queue.db"), O_WRONLY | O_CREAT, 0600);
	close(fd);
	let_it_look(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_assert_int_eq(store_commit(f.store), -ESTALE);
	fixture_done(&f);
}
END_TEST

START_TEST(damage_while_running_is_looked_into)
{
	struct fixture f;

	fixture_init(&f);
	store_file_mark_suspect(&f.store->file);
	fixture_reopen(&f); /* everything is looked at and found good */
	ck_assert_str_eq(f.report.set_aside, "");
	ck_assert(!f.store->file.is_suspect);
	/* and again: what looks good and is not may not go on for ever */
	store_file_mark_suspect(&f.store->file);
	fixture_reopen(&f);
	ck_assert_str_ne(f.report.set_aside, "");
	fixture_reopen(&f);
	ck_assert_str_eq(f.report.set_aside, "");
	ck_assert_int_eq(access(fixture_path(&f, "queue.suspect"), F_OK), -1);
	fixture_done(&f);
}
END_TEST

START_TEST(a_clean_end_takes_the_suspicion_away)
{
	struct fixture f;

	fixture_init(&f);
	store_file_mark_suspect(&f.store->file);
	fixture_reopen(&f);
	fixture_reopen(&f);
	ck_assert(!f.store->file.was_suspect);
	fixture_done(&f);
}
END_TEST

START_TEST(ballast_comes_back)
{
	struct fixture f;
	struct stat st;

	fixture_init(&f);
	ck_ok(stat(fixture_path(&f, "queue.ballast"), &st));
	ck_assert_int_eq(st.st_size, 1 << 20);
	ck_assert_int_ge(st.st_blocks * 512, 1 << 20);
	store_file_drop_ballast(&f.store->file);
	ck_assert_int_eq(access(fixture_path(&f, "queue.ballast"), F_OK), -1);
	let_it_look(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	ck_ok(access(fixture_path(&f, "queue.ballast"), F_OK));
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-file", TEST(refuses_an_open_folder), TEST(a_clean_end_leaves_a_mark),
	TEST_EACH(sets_a_foreign_file_aside, foreign), TEST(sets_a_link_aside),
	TEST_EACH(sets_a_damaged_header_aside, headers),
	TEST(goes_on_from_the_numbers_of_what_is_set_aside), TEST(numbers_above),
	TEST_EACH(gives_no_number_of_others, strange_numbers),
	TEST_EACH(keeps_the_wal_of_an_emptied_database, is_missing), TEST(tightens_the_mode),
	TEST_EACH(nothing_odd_stops_the_start, odd),
	TEST_EACH(sees_that_a_file_vanished, vanishing), TEST(sees_that_the_file_was_replaced),
	TEST(damage_while_running_is_looked_into), TEST(a_clean_end_takes_the_suspicion_away),
	TEST(ballast_comes_back))
