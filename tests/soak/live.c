/* SPDX-License-Identifier: MIT */
/*
 * The soak of sessions that live in memory. One client stays through all phases; others come with a part of a phase, and one
 * in three of them is killed in the middle. What the daemon and the client that stays hold when a phase is over must not grow.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/soak/live.h"
#include "tests/soak/soak.h"

#define PATIENCE_MS 120000
#define SETTLE_MS   20000
#define SAMPLE_MS   200
/* The one that stays has so many of a phase, in per mille. */
#define STAYS       300
/* what the allocators keep goes up and down by as much */
#define GROWTH_KIB  2048

struct soak_live {
	struct rig rig;
	struct live_books *books;
	struct live_shift stayer, comers[LIVE_COMERS];
	pid_t stayer_pid, comer_pids[LIVE_COMERS], daemon;
	int go_fd, done_fd;
	unsigned n_made, n_killed, n_comers;
	char *state_folder;
	struct sample rests[LIVE_PHASES];
};

unsigned soak_live_tasks = LIVE_TASKS, soak_live_phases = LIVE_PHASES;

static void open_live(struct soak_live *s)
{
	int go[2], done[2];

	*s = (struct soak_live){ 0 };
	s->books = mmap(
		NULL, sizeof(*s->books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(s->books, MAP_FAILED);
	rig_new(&s->rig);
	s->state_folder = tmpdir_path("state/transferd");
	ck_assert_int_eq(bus_start_daemon(s->rig.bus, RIG_DEADLINE_MS), 0);
	s->daemon = bus_daemon_pid(s->rig.bus);
	ck_assert_int_eq(pipe(go), 0);
	ck_assert_int_eq(pipe(done), 0);
	s->stayer = (struct live_shift){ .books = s->books,
		.base = origin_base(s->rig.origin),
		.seed = 1,
		.n_tasks = soak_live_tasks / soak_live_phases * STAYS / 1000,
		.parent_fds = { go[1], done[0] },
		.go_fd = go[0],
		.done_fd = done[1] };
	s->go_fd = go[1];
	s->done_fd = done[0];
	s->stayer_pid = rig_fork(&s->rig, live_client, &s->stayer);
	close(go[0]);
	close(done[1]);
}

static void start_comers(struct soak_live *s)
{
	unsigned n_tasks = (soak_live_tasks / soak_live_phases - s->stayer.n_tasks) / LIVE_COMERS;

	for (unsigned i = 0; i < LIVE_COMERS; i++) {
		struct live_shift *shift = &s->comers[i];
		unsigned number = s->n_comers++;

		*shift = (struct live_shift){ .books = s->books,
			.base = origin_base(s->rig.origin),
			.seed = number + 2,
			.n_tasks = n_tasks,
			.kill_after = number % 3 == 1 ? n_tasks / 2 : 0,
			.is_slow = number % 3 == 2,
			.go_fd = -1,
			.done_fd = -1 };
		s->n_killed += shift->kill_after != 0;
		s->comer_pids[i] = rig_fork(&s->rig, live_client, shift);
	}
	s->n_made += n_tasks * LIVE_COMERS + s->stayer.n_tasks;
}

static void join(pid_t pid, bool is_killed)
{
	int code;

	ck_assert_msg(proc_wait_pid(pid, PATIENCE_MS) == 0, "a client hangs");
	code = rig_join(pid);
	ck_assert_msg(code == (is_killed ? -SIGKILL : 0), "a client ended with %d", code);
}

static struct sample rest(struct soak_live *s)
{
	uint64_t until_ms = proc_now_ms() + SETTLE_MS;
	struct sample sample, before = { 0 };

	for (;;) {
		ck_assert_msg(proc_wait_pid(s->daemon, SAMPLE_MS) != 0, "the daemon has gone");
		sample = sample_take(s->daemon, s->state_folder);
		if (!sample.value[SAMPLE_SPOOL_FILES] &&
			sample.value[SAMPLE_FDS] == before.value[SAMPLE_FDS])
			return sample;
		if (!proc_left_ms(until_ms))
			return sample;
		before = sample;
	}
}

static void run_phase(struct soak_live *s, unsigned phase)
{
	char done;

	ck_assert_int_eq(write(s->go_fd, "x", 1), 1);
	start_comers(s);
	ck_assert_msg(read(s->done_fd, &done, 1) == 1, "the client that stays has gone: %s",
		s->books->message);
	for (unsigned i = 0; i < LIVE_COMERS; i++)
		join(s->comer_pids[i], s->comers[i].kill_after);
	s->rests[phase] = rest(s);
	printf("soak: live %u/%u  %u tasks  daemon: RSS KiB %llu  descriptors %llu  client: RSS KiB %llu  "
	       "descriptors %llu\n",
		phase + 1, soak_live_phases, s->n_made,
		(unsigned long long)s->rests[phase].value[SAMPLE_RSS_KIB],
		(unsigned long long)s->rests[phase].value[SAMPLE_FDS],
		(unsigned long long)s->books->stayer[phase].value[SAMPLE_RSS_KIB],
		(unsigned long long)s->books->stayer[phase].value[SAMPLE_FDS]);
	fflush(stdout);
}

static void check_growth(const char *whose, const struct sample *samples)
{
	uint64_t memory = sample_growth(samples, soak_live_phases, SAMPLE_RSS_KIB);
	uint64_t files = sample_growth(samples, soak_live_phases, SAMPLE_FDS);
	uint64_t threads = sample_growth(samples, soak_live_phases, SAMPLE_THREADS);

	printf("soak: live %s: RSS KiB + %llu, descriptors + %llu, threads + %llu\n", whose,
		(unsigned long long)memory, (unsigned long long)files, (unsigned long long)threads);
	ck_assert_uint_le(memory, GROWTH_KIB);
	ck_assert_uint_eq(files, 0);
	ck_assert_uint_eq(threads, 0);
}

static void check_books(const struct soak_live *s)
{
	const struct live_books *b = s->books;

	printf("soak: live: %u tasks made, %u ended, %u cancelled, %u clients (%u killed); %u wrong, %u told "
	       "twice\n",
		s->n_made, b->n_ended, b->n_cancelled, s->n_comers + 1, s->n_killed, b->n_wrong,
		b->n_twice);
	fflush(stdout);
	ck_assert_msg(!b->n_wrong && !b->n_twice, "%s", b->message);
}

START_TEST(live_holds_out)
{
	struct sample begin, end;
	struct soak_live s;

	open_live(&s);
	begin = rest(&s);
	for (unsigned i = 0; i < soak_live_phases; i++)
		run_phase(&s, i);
	close(s.go_fd);
	join(s.stayer_pid, false);
	end = rest(&s);
	check_books(&s);
	check_growth("daemon", s.rests);
	check_growth("client", s.books->stayer);
	printf("soak: live descriptors of the daemon: %llu before, %llu after\n",
		(unsigned long long)begin.value[SAMPLE_FDS],
		(unsigned long long)end.value[SAMPLE_FDS]);
	ck_assert_uint_eq(end.value[SAMPLE_SPOOL_FILES], 0);
	ck_assert_int_eq(bus_daemon_pid(s.rig.bus), s.daemon);
	ck_assert_int_eq(bus_stop_daemon(s.rig.bus, RIG_DEADLINE_MS), 0);
	close(s.done_fd);
	rig_done(&s.rig);
}
END_TEST

const TTest *soak_live_test(void)
{
	return live_holds_out;
}
