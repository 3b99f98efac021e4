/* SPDX-License-Identifier: MIT */
/* Only old files of ours that belong to no task go. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define MANY 1000 /* that may be kept */

static void make(struct sim *sim, const char *name, uint64_t age_s)
{
	const time_t at = (time_t)(sim->now.wall_us / 1000000 - age_s);
	const struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", sim->spool_dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	fake_engine_add_file(sim->engine, path);
}

static bool is_there(struct sim *sim, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", sim->spool_dir, name);
	return fake_engine_has_file(sim->engine, path);
}

START_TEST(sweeps)
{
	static const char *const gone[] = { "777.part", "778.src", "779.body",
		"18446744073709551615.part" };
	static const char *const kept[] = { "0.part", "x.part", "777.txt", "777part", ".777.part",
		"-1.part", "+5.part", "99999999999999999999.part", "777.part.part" };
	struct sim *sim = sim_new(1);
	uint64_t id = sim_download(sim, sim_session(sim, "app", "one"), "h");
	char name[64];

	sim_pass(sim, UINT64_C(7) * 86400 * 1000000);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		make(sim, gone[i], 8 * 86400);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		make(sim, kept[i], 8 * 86400);
	make(sim, "800.part", 6 * 86400);
	snprintf(name, sizeof(name), "%llu.part", (unsigned long long)id);
	make(sim, name, 8 * 86400);
	sim_crash(sim);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		ck_assert_msg(!is_there(sim, gone[i]), "%s is there", gone[i]);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		ck_assert_msg(is_there(sim, kept[i]), "%s is gone", kept[i]);
	ck_assert(is_there(sim, "800.part"));
	ck_assert(is_there(sim, name));
	sim_free(sim);
}
END_TEST

#define CROWD       12000
#define SAMPLE_EACH 120

static unsigned count_sample(struct sim *sim)
{
	unsigned n = 0;
	char name[64];

	for (unsigned i = 0; i < CROWD; i += SAMPLE_EACH) {
		snprintf(name, sizeof(name), "%u.part", 1000 + i);
		n += is_there(sim, name);
	}
	return n;
}

/* However many: some in each turn, and all in the end. */
START_TEST(sweeps_a_crowd)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct sim *sim = sim_new(1);
	char path[300];
	int fd;

	sim_pass(sim, UINT64_C(8) * 86400 * 1000000);
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(path, sizeof(path), "%s/%u.part", sim->spool_dir, 1000 + i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(futimens(fd, old), 0);
		close(fd);
		if (i % SAMPLE_EACH == 0)
			fake_engine_add_file(sim->engine, path);
	}
	sim_crash(sim);
	ck_assert_uint_gt(count_sample(sim), 0);
	sim_settle(sim);
	ck_assert_uint_eq(count_sample(sim), 0);
	sim_free(sim);
}
END_TEST

static void lose_database(struct sim *sim)
{
	static const char *const names[] = { "queue.db", "queue.db-wal", "queue.db-shm" };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", sim->state_dir, names[i]);
		unlink(path);
	}
	sim_crash(sim);
}

/* However old they are, for a week; and no new task gets the number of one of them, for it would write over it. */
START_TEST(keeps_what_a_lost_queue_left)
{
	static const char *const left[] = { "1.part", "2.src", "41.body", "x.part" };
	struct sim *sim = sim_new(1);

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		make(sim, left[i], 30 * 86400);
	make(sim, "9007199254740993.part", 30 * 86400); /* no queue gave that out */
	lose_database(sim);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		ck_assert_msg(is_there(sim, left[i]), "%s is gone", left[i]);
	ck_assert_uint_eq(sim_download(sim, sim_session(sim, "app", "one"), "h"), 42);
	sim_pass(sim, UINT64_C(6) * 86400 * 1000000);
	sim_crash(sim);
	ck_assert(is_there(sim, "1.part"));
	sim_pass(sim, UINT64_C(1) * 86400 * 1000000);
	sim_crash(sim);
	ck_assert(!is_there(sim, "1.part"));
	ck_assert(is_there(sim, "x.part"));
	sim_free(sim);
}
END_TEST

/* Parts of tasks in memory go at once, kept bytes after a week. */
START_TEST(what_was_in_memory_goes)
{
	struct sim *sim = sim_new(1);

	make(sim, "4503599627370500.live", 0);
	make(sim, "00112233445566778899aabbccddeeff.kept", 6 * 86400);
	make(sim, "10112233445566778899aabbccddeeff.kept", 8 * 86400);
	sim_crash(sim);
	ck_assert(!is_there(sim, "4503599627370500.live"));
	ck_assert(is_there(sim, "00112233445566778899aabbccddeeff.kept"));
	ck_assert(!is_there(sim, "10112233445566778899aabbccddeeff.kept"));
	sim_free(sim);
}
END_TEST

/* A daemon that runs for months does the same, and leaves alone what its tasks write. */
START_TEST(while_it_runs)
{
	struct sim *sim = sim_new(1);

	make(sim, "00112233445566778899aabbccddeeff.kept", 6 * 86400);
	sim_crash(sim);
	make(sim, "4503599627370500.live", 0);
	sim_pass(sim, UINT64_C(3600) * 1000000);
	sim_settle(sim);
	ck_assert(is_there(sim, "00112233445566778899aabbccddeeff.kept"));
	sim_pass(sim, UINT64_C(86400) * 1000000);
	sim_settle(sim);
	ck_assert(!is_there(sim, "00112233445566778899aabbccddeeff.kept"));
	ck_assert(is_there(sim, "4503599627370500.live"));
	sim_free(sim);
}
END_TEST

/* One more than there may be: the oldest ones go, the new one and the younger ones stay. */
START_TEST(too_many_are_kept)
{
	struct sim *sim = sim_new(1);
	struct flow_kept kept = { .app_id = "app",
		.url = "https://h/x",
		.etag = "\"one\"",
		.offset_bytes = 1,
		.total_bytes = -1 };
	char name[64], part[300];
	void *data = NULL;
	size_t size;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%032x.kept", i);
		make(sim, name, 10 + i);
	}
	sim_crash(sim);
	ck_assert(is_there(sim, name));
	make(sim, "4503599627370500.live", 0);
	snprintf(part, sizeof(part), "%s/4503599627370500.live", sim->spool_dir);
	kept.part_path = part;
	sim_begin(sim);
	ck_assert_int_eq(flow_kept_seal(sim->flow, &kept, &data, &size), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_ptr_nonnull(data);
	sim_settle(sim);
	ck_assert(!is_there(sim, name));
	snprintf(name, sizeof(name), "%032x.kept", MANY / 2);
	ck_assert(is_there(sim, name));
	free(data);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-sweep", TEST(while_it_runs), TEST(too_many_are_kept),
	TEST(what_was_in_memory_goes), TEST(sweeps), TEST(sweeps_a_crowd),
	TEST(keeps_what_a_lost_queue_left))
