/* SPDX-License-Identifier: MIT */
/* Sessions in memory under pressure: slow readers, crowds, many sessions, programs that die at the worst moment. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

/* a sanitizer keeps what was freed */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SLACK_KIB (1 << 20)
#	define N_ROUNDS  100
#else
#	define SLACK_KIB 0
#	define N_ROUNDS  3000
#endif

#define ROUNDS_MS       10000
#define ROUNDS_GOES     3
#define SPIN_MS         500
#define MEMORY_ROUNDS   4
/* what a task that stands still may take, and what allocators keep of it */
#define SLOW_GROWTH_KIB 4096

static struct rig rig;
static struct live_app *app;

static void begin_with(const struct live_app_config *config)
{
	rig_new(&rig);
	app = live_open(&rig, config);
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

/* ---- a delegate that is slow ---- */

static sem_t may_go_on;

static void wait_in_data(struct live_app *unused, transfer_task *task, const char *what, void *user)
{
	(void)unused;
	(void)task;
	(void)user;
	if (!strcmp(what, "data"))
		while (sem_wait(&may_go_on) && errno == EINTR)
			;
}

/* What the two processes hold resident, daemon and client; the origin is in the client's. */
static void gauge(long ret_rss_kib[2])
{
	ret_rss_kib[0] = rig_rss_kib(bus_daemon_pid(rig.bus));
	ret_rss_kib[1] = rig_rss_kib(0);
}

static void check_no_growth(const long before_kib[2])
{
	long now_kib[2];

	gauge(now_kib);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_le(now_kib[i], before_kib[i] + SLOW_GROWTH_KIB + SLACK_KIB);
}

static void fetch_twenty(struct live_app *by)
{
	for (unsigned i = 0; i < 20; i++)
		live_check(by, live_data(by, live_request(by, NULL, "/file?size=300000")),
			"created resp:200 data:300000 done:0");
}

/* one piece more, then it stands still again */
static void take_a_piece(const transfer_task *stuck)
{
	size_t n_bytes;

	live_body(app, stuck, &n_bytes);
	sem_post(&may_go_on);
	live_wait_bytes(app, stuck, n_bytes + 1);
}

/* what a delegate that stands still does not take stays with the server; others do not notice */
START_TEST(a_slow_delegate_holds_up_nobody)
{
	struct live_app_config slow = { .on_event = wait_in_data, .discards = true };
	struct origin_entry entry;
	struct live_app *other;
	transfer_task *stuck;
	long before_kib[2];
	char want[64];

	sem_init(&may_go_on, 0, 0);
	begin_with(&slow);
	other = live_open(&rig, &(struct live_app_config){ .discards = true });
	fetch_twenty(other);
	gauge(before_kib);
	stuck = live_data(app, live_request(app, NULL, "/file?size=100M"));
	live_wait_event(app, stuck, "data", 1);
	fetch_twenty(other);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file?size=100M", 1, &entry), 0);
	/* what pipes, sockets and buffers hold */
	ck_assert_uint_lt(entry.body_sent_bytes, 20u << 20);
	check_no_growth(before_kib);
	for (unsigned i = 0; i < 64; i++)
		take_a_piece(stuck);
	check_no_growth(before_kib);
	live_close(other);
	for (unsigned i = 0; i < 100000; i++)
		sem_post(&may_go_on);
	snprintf(want, sizeof(want), "created resp:200 data:%u done:0", 100u << 20);
	live_check(app, stuck, want);
	check_no_growth(before_kib);
	end();
}
END_TEST

static unsigned long cpu_ticks(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				 &user, &system),
		2);
	fclose(file);
	return user + system;
}

/* It comes to where it needs a tenth of a processor at most: what waits does not turn round and round. */
static void check_no_spin(void)
{
	unsigned long most = (unsigned long)sysconf(_SC_CLK_TCK) * SPIN_MS / 1000 / 10, before, now;
	pid_t daemon = bus_daemon_pid(rig.bus);
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	now = cpu_ticks(daemon);
	do {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "it turns round and round");
		before = now;
		ck_assert_int_eq(proc_wait_pid(daemon, SPIN_MS), -ETIMEDOUT);
		now = cpu_ticks(daemon);
	} while (now - before > most);
}

START_TEST(cancels_while_paused)
{
	struct live_app_config slow = { .on_event = wait_in_data, .discards = true };
	transfer_task *stuck;

	sem_init(&may_go_on, 0, 0);
	begin_with(&slow);
	stuck = live_data(app, live_request(app, NULL, "/file?size=100M"));
	live_wait_event(app, stuck, "data", 1);
	check_no_spin();
	transfer_task_cancel(stuck);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	for (unsigned i = 0; i < 1000; i++)
		sem_post(&may_go_on);
	ck_assert_int_eq(live_wait(app, stuck), TRANSFER_ERROR_CANCELLED);
	end();
}
END_TEST

/* ---- crowds ---- */

static void tune_wide(transfer_config *config)
{
	transfer_config_set_max_connections_per_host(config, 64);
}

START_TEST(a_thousand_at_once)
{
	transfer_task *tasks[1000];
	unsigned n_fds;

	begin_with(&(struct live_app_config){ .tune = tune_wide, .discards = true });
	live_wait(app, live_data(app, live_request(app, NULL, "/Nepal")));
	n_fds = live_n_fds(0, "pipe:");
	for (unsigned i = 0; i < 1000; i++)
		tasks[i] = live_data(app, live_request(app, NULL, "/file?size=70000&key=k"));
	for (unsigned i = 0; i < 1000; i++)
		live_check(app, tasks[i], "created resp:200 data:70000 done:0");
	ck_assert_uint_le(live_n_fds(0, "pipe:"), n_fds);
	end();
}
END_TEST

/* GS-04, GS-22 */
static void tune_two(transfer_config *config)
{
	transfer_config_set_max_connections_per_host(config, 2);
}

START_TEST(keeps_to_its_connections)
{
	struct origin_entry entry;
	transfer_task *tasks[20];
	uint64_t most = 0;

	begin_with(&(struct live_app_config){ .tune = tune_two });
	for (unsigned i = 0; i < 20; i++)
		tasks[i] = live_data(app, live_request(app, NULL, "/file?size=1000&delay_ms=5"));
	for (unsigned i = 0; i < 20; i++)
		live_check(app, tasks[i], "created resp:200 data:1000 done:0");
	for (unsigned i = 1; i <= 20; i++) {
		ck_assert_int_eq(origin_log_find(rig.origin, "/file", i, &entry), 0);
		most = entry.connection > most ? entry.connection : most;
	}
	ck_assert_uint_le(most, 2);
	end();
}
END_TEST

START_TEST(a_hundred_sessions)
{
	struct live_app *apps[100];
	uint64_t until_ms;
	unsigned n_fds;

	begin_with(NULL);
	live_wait(app, live_data(app, live_request(app, NULL, "/Nepal")));
	n_fds = live_n_fds(bus_daemon_pid(rig.bus), "");
	for (unsigned i = 0; i < 100; i++) {
		apps[i] = live_open(&rig, NULL);
		live_handled(apps[i], live_request(apps[i], NULL, "/Peru"));
	}
	for (unsigned i = 0; i < 100; i++)
		live_close(apps[i]);
	/* transferd hears of each end from the bus */
	until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	do {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "descriptors stay");
		live_wait(app, live_data(app, live_request(app, NULL, "/Nepal")));
	} while (live_n_fds(bus_daemon_pid(rig.bus), "") > n_fds + 8);
	end();
}
END_TEST

/* SW-17 */
static void *ask_often(void *argument)
{
	struct live_app *shared = argument;
	transfer_task *task;

	for (unsigned i = 0; i < 20; i++) {
		task = live_handled(shared, live_request(shared, NULL, "/Nepal"));
		live_check(shared, task, "created handler:0:200:9");
	}
	return NULL;
}

START_TEST(ten_threads)
{
	pthread_t threads[10];

	begin_with(NULL);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, app), 0);
	for (unsigned i = 0; i < 10; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/Nepal"), 200);
	end();
}
END_TEST

struct rounds {
	sem_t has_ended;
	unsigned n_right; /* by the session's queue */
};

static void on_round(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct rounds *rounds = userdata;

	rounds->n_right += !error && transfer_response_get_status(response) == 200 &&
		transfer_data_get_size(body) == 9;
	sem_post(&rounds->has_ended);
}

/* false: they took too long, and were left in the middle */
static bool go_round(struct rounds *rounds)
{
	uint64_t until_ms = proc_now_ms() + ROUNDS_MS;

	rounds->n_right = 0;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		if (!proc_left_ms(until_ms))
			return false;
		for (unsigned j = 0; j < 3; j++) {
			transfer_auto(transfer_request) request = live_request(app, NULL, "/Nepal");
			transfer_auto(transfer_task) task = transfer_session_data_task(
				live_session(app), request, on_round, rounds);

			transfer_task_resume(task);
		}
		for (unsigned j = 0; j < 3; j++)
			while (sem_wait(&rounds->has_ended) && errno == EINTR)
				;
	}
	ck_assert_uint_eq(rounds->n_right, N_ROUNDS * 3);
	return true;
}

/*
 * SW-18: three at a time, one round after the other, over connections that are kept. A machine that has other things to do
 * gets another go.
 */
START_TEST(three_thousand_rounds)
{
	struct rounds rounds = { 0 };
	struct origin_entry entry;
	bool is_done = false;

	sem_init(&rounds.has_ended, 0, 0);
	begin_with(&(struct live_app_config){ .no_delegate = true });
	for (unsigned i = 0; i < ROUNDS_GOES && !is_done; i++)
		is_done = go_round(&rounds);
	ck_assert_msg(is_done, "not within %d ms", ROUNDS_MS);
	ck_assert_int_eq(origin_log_find(rig.origin, "/Nepal", 300, &entry), 0);
	ck_assert_uint_le(entry.connection, 6);
	end();
}
END_TEST

static void fetch_three_hundred(void)
{
	for (unsigned i = 0; i < 300; i += 20) {
		transfer_task *tasks[20];

		for (unsigned j = 0; j < 20; j++)
			tasks[j] = live_data(app,
				live_request(
					app, NULL, j % 4 ? "/Nepal" : "/file?size=200000&key=k"));
		for (unsigned j = 0; j < 20; j++)
			live_wait(app, tasks[j]);
	}
}

/*
 * Memory and descriptors after many tasks are what they were after some. On a busy machine more is under way at once now and
 * then, and allocators keep what that took; what tasks leave behind is there after each round.
 */
START_TEST(memory_stays)
{
	unsigned before_fds[2], n_rounds = 0;
	long before_kib, now_kib;
	pid_t daemon;

	begin_with(&(struct live_app_config){ .discards = true });
	fetch_three_hundred();
	daemon = bus_daemon_pid(rig.bus);
	for (unsigned j = 0; j < 2; j++)
		before_fds[j] = live_n_fds(j ? daemon : 0, "pipe:");
	now_kib = rig_rss_kib(daemon);
	do {
		ck_assert_msg(n_rounds++ < MEMORY_ROUNDS, "%ld KiB and growing", now_kib);
		before_kib = now_kib;
		fetch_three_hundred();
		now_kib = rig_rss_kib(daemon);
	} while (now_kib > before_kib + 2048 + SLACK_KIB);
	ck_assert_uint_le(live_n_fds(daemon, "pipe:"), before_fds[1]);
	ck_assert_uint_le(live_n_fds(0, "pipe:"), before_fds[0]);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-pressure", 60, TEST(a_slow_delegate_holds_up_nobody),
	TEST(cancels_while_paused), TEST(a_thousand_at_once), TEST(keeps_to_its_connections),
	TEST(a_hundred_sessions), TEST(ten_threads), TEST(three_thousand_rounds),
	TEST(memory_stays))
