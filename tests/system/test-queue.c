/* SPDX-License-Identifier: MIT */
/*
 * A long queue: whoever else wants something has the next slot, also where the engine begins tasks ahead; a stream of new tasks
 * does not hold up others' calls; and with nothing to do nobody wakes up, however much is queued.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <transfer/manager.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define N_SLOTS 4
#define N_QUICK 400 /* so many, and the engine has some ahead */
#define N_LONG  3000

static struct rig rig;

static void list_files(FILE *f, const char *name, unsigned n, const char *knobs)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s/file?size=9&seed=1&key=long&%s\t%s/%s%u\n", origin_base(rig.origin),
			knobs, rig.folder, name, i);
}

/* A list for transferctl of n files; to be freed. */
static char *write_list(unsigned n, const char *knobs)
{
	char *path = tmpdir_path("list.txt");
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	list_files(f, "file", n, knobs);
	ck_assert_int_eq(fclose(f), 0);
	return path;
}

static int add(const char *list, const char *session)
{
	return RIG_CTL(
		&rig, NULL, "add", "-q", "--allow-insecure", session, "-O", rig.folder, "-i", list);
}

static uint64_t n_requests(const char *key)
{
	struct origin_stats stats;

	origin_stats_get(rig.origin, key, &stats);
	return stats.requests;
}

/* ---- who is next ---- */

/*
 * The next slot that is freed is the single task's, whether another application or another session of the same one has the
 * queue, and although the engine has some of that queue ahead: it has after many small files.
 */
static const struct {
	const char *app_id; /* of the single task; that of transferctl is the queue's */
	unsigned freed; /* the slot that is freed */
	unsigned n_quick; /* files that were fetched before */
} others[] = {
	{ "org.example.One", 0, 0 },
	{ "org.example.One", N_SLOTS - 1, N_QUICK },
	{ "transferctl", 1, 0 },
	{ "transferctl", 2, N_QUICK },
};

/* Quick files, then as many as there are slots with a gate of their own (g0, g1, …), then those that never end. */
static void add_long(unsigned n_quick)
{
	char *path = tmpdir_path("list.txt"), gate[32];
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	list_files(f, "quick", n_quick, "quick");
	for (unsigned i = 0; i < N_SLOTS; i++) {
		snprintf(gate, sizeof(gate), "gate_after=5&gate=g%u", i);
		list_files(f, gate, 1, gate);
	}
	list_files(f, "hang", N_LONG, "hang");
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(add(path, "--session=long"), 0);
	for (unsigned i = 1; i <= N_SLOTS; i++)
		ck_assert_int_eq(
			origin_wait_bytes(rig.origin, "/file", n_quick + i, 5, RIG_DEADLINE_MS), 0);
	free(path);
}

START_TEST(next_slot)
{
	const struct app_config one = { .app_id = others[_i].app_id };
	struct origin_entry entry;
	transfer_task *single;
	struct app *app;
	char gate[16];

	rig_new(&rig);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", "tasks=4", "connections=8"), 0);
	add_long(others[_i].n_quick);
	app = app_open(&rig, &one);
	single = app_download(app, "/file?size=9&seed=1&key=single");
	/* another call is answered: the turn that made the task is over, and with it what was called back */
	app_settle(app);
	ck_assert_uint_eq(n_requests("single"), 0);
	snprintf(gate, sizeof(gate), "g%u", others[_i].freed);
	origin_release(rig.origin, gate);
	app_check_download(app, single, "file done:0", 1, 9);
	ck_assert_int_eq(
		origin_log_find(rig.origin, "/file", others[_i].n_quick + N_SLOTS + 1, &entry), 0);
	ck_assert_msg(strstr(entry.target, "key=single"), "%s", entry.target);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* ---- others' calls ---- */

static atomic_bool is_added;

static void *add_many(void *list)
{
	int r = add(list, "--session=long");

	is_added = true;
	return r ? list : NULL;
}

/* Only the numbers were asked for: pages of them, and nothing else. */
static void check_numbers(transfer_manager *manager)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT, .ids_only = true };
	transfer_auto(transfer_task_list) list = NULL;

	ck_assert_int_eq(transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), 0);
	ck_assert_uint_eq(transfer_task_list_get_size(list), TRANSFER_MANAGER_MAX_TASKS);
	for (size_t i = 0; i < TRANSFER_MANAGER_MAX_TASKS; i++) {
		ck_assert_uint_eq(transfer_task_list_get(list, i)->id, i + 1);
		ck_assert_ptr_null(transfer_task_list_get(list, i)->url);
	}
}

/* A client that makes 20,000 tasks, and another one that looks on. */
struct adding {
	pthread_t thread;
	char *list;
	transfer_manager *manager;
};

static void begin_adding(struct adding *adding)
{
	rig_new(&rig);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", "mode=paused"), 0);
	adding->list = write_list(20000, "hang");
	ck_assert_int_eq(transfer_manager_new(&adding->manager, 0, NULL), 0);
	is_added = false;
	ck_assert_int_eq(pthread_create(&adding->thread, NULL, add_many, adding->list), 0);
}

static void join_adding(struct adding *adding)
{
	void *failed;

	ck_assert_int_eq(pthread_join(adding->thread, &failed), 0);
	ck_assert_ptr_null(failed);
}

static void end_adding(struct adding *adding)
{
	transfer_manager_unref(adding->manager);
	free(adding->list);
	rig_done(&rig);
}

/* While one client makes tasks by the thousand, another's calls are answered between its calls. */
START_TEST(others_are_answered)
{
	struct transfer_service service = { .size = sizeof(service) };
	unsigned n_answers = 0;
	struct adding adding;

	begin_adding(&adding);
	for (; !is_added; n_answers++)
		ck_assert_int_eq(transfer_manager_get_service(adding.manager, &service, NULL), 0);
	join_adding(&adding);
	check_numbers(adding.manager);
	/* of 20 calls that make a thousand tasks each, a few are done at once */
	ck_assert_msg(n_answers >= 8, "%u answers", n_answers);
	end_adding(&adding);
}
END_TEST

/* All tasks there are, in pages; each has the number after the one before: nothing is twice, and nothing between them is missing. */
static size_t count_numbers(transfer_manager *manager)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT, .ids_only = true };
	uint64_t last = 0;
	size_t n, sum = 0;

	do {
		transfer_auto(transfer_task_list) list = NULL;

		ck_assert_int_eq(
			transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), 0);
		n = transfer_task_list_get_size(list);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_gt(transfer_task_list_get(list, i)->id, last);
			last = transfer_task_list_get(list, i)->id;
		}
		filter.first_id = last + 1;
		sum += n;
	} while (n);
	return sum;
}

/* The daemon is killed while calls are under way: they are made once more, and every task is there once. */
START_TEST(survives_kills)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	struct adding adding;

	begin_adding(&adding);
	for (size_t n = 2000; n <= 14000 && !is_added; n += 6000) {
		while (!is_added && count_numbers(adding.manager) < n)
			ck_assert_int_gt(proc_left_ms(until_ms), 0);
		rig_restart_daemon(&rig);
	}
	join_adding(&adding);
	ck_assert_uint_eq(count_numbers(adding.manager), 20000);
	end_adding(&adding);
}
END_TEST

/* ---- nothing to do ---- */

static void check_small(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_le(rig_rss_kib(bus_daemon_pid(rig.bus)), 12 * 1024);
#endif
}

START_TEST(rests)
{
	char *list;

	rig_new(&rig);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", "tasks=8", "mode=paused"), 0);
	rig_check_rest(&rig);
	check_small();
	list = write_list(N_LONG, "quick");
	ck_assert_int_eq(add(list, "--session=long"), 0);
	rig_check_rest(&rig);
	/* all of them done: it is as small as before */
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", "mode=running"), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all"), 0);
	rig_check_rest(&rig);
	check_small();
	free(list);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/queue", 60, TEST_EACH(next_slot, others), TEST(others_are_answered),
	TEST(survives_kills), TEST(rests))
