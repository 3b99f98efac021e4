/* SPDX-License-Identifier: MIT */
/* Only old files of ours that belong to no task go. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

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

RUN_TESTS("daemon/flow-sweep", TEST(sweeps))
