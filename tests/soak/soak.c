/* SPDX-License-Identifier: MIT */
/*
 * The soak: clients of four sessions come and go for minutes, one request in fifty meets a server that cuts, stalls, lies or
 * is not there, all connections are reset now and then, and the server goes away. The time is divided into phases;
 * each ends with nothing left to do. Then every task must have ended once and in the right way, with the right bytes, and
 * what the daemon holds at rest is written down: it must not grow from phase to phase.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run-long.h"
#include "tests/soak/live.h"
#include "tests/soak/sample.h"
#include "tests/soak/soak.h"

#define PHASES       12
#define SAMPLE_MS    500
#define SETTLE_MS    20000
#define PATIENCE_MS  120000
#define CUT_EVERY_MS 13000
#define OFF_EVERY_MS 31000
#define OFF_MS       400

struct soak {
	struct rig rig;
	struct soak_books *books;
	struct soak_shift shifts[SOAK_SESSIONS];
	pid_t clients[SOAK_SESSIONS]; /* 0: none */
	unsigned n_shifts, n_left, n_killed, n_cuts, n_uploads;
	uint64_t next_cut_ms, next_off_ms;
	char *state_folder;
	pid_t daemon;
	struct sample rests[PHASES], peak;
};

struct verdict {
	unsigned n_tasks, n_faulty, n_cancelled, n_again;
	unsigned n_lost, n_wrong, n_double;
};

static unsigned wanted_s = 1200, fault_permille = 20, n_phases = PHASES;
static uint64_t random_state = 1;
static bool wants_background = true;

static unsigned draw(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return n ? (unsigned)(random_state >> 33) % n : 0;
}

static void open_soak(struct soak *s)
{
	void *books = mmap(
		NULL, sizeof(*s->books), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*s = (struct soak){ 0 };
	ck_assert_ptr_ne(books, MAP_FAILED);
	s->books = books;
	rig_new(&s->rig);
	for (unsigned i = 0; i < SOAK_SOURCES; i++) {
		s->books->sources[i] = tmpdir_path("source-%u", i);
		ck_assert_int_eq(
			origin_bytes_write(s->books->sources[i], i, soak_source_bytes(i)), 0);
	}
	s->state_folder = tmpdir_path("state/transferd");
	ck_assert_int_eq(bus_start_daemon(s->rig.bus, RIG_DEADLINE_MS), 0);
	s->daemon = bus_daemon_pid(s->rig.bus);
	s->next_cut_ms = proc_now_ms() + 2000;
	s->next_off_ms = proc_now_ms() + 3000;
}

static void start_client(struct soak *s, unsigned session, bool is_last)
{
	struct soak_shift *shift = &s->shifts[session];

	ck_assert_uint_lt(++s->n_shifts, SOAK_SHIFTS_MAX);
	*shift = (struct soak_shift){ .books = s->books,
		.number = s->n_shifts,
		.session = session,
		.n_tasks = is_last ? 0 : 20 + draw(100),
		.fault_permille = fault_permille,
		.seed = ((uint64_t)draw(1u << 30) << 16) + s->n_shifts,
		.patience_ms = PATIENCE_MS };
	if (!is_last && draw(2)) {
		shift->leave_after = 1 + draw(shift->n_tasks);
		shift->is_killed = draw(2);
	}
	s->n_left += shift->leave_after && !shift->is_killed;
	s->n_killed += shift->is_killed;
	s->clients[session] = rig_fork(&s->rig, soak_client, shift);
}

/* true: there is none (any more) in this session */
static bool reap_client(struct soak *s, unsigned session)
{
	const struct soak_shift *shift = &s->shifts[session];
	int code;

	if (!s->clients[session])
		return true;
	if (proc_wait_pid(s->clients[session], 0))
		return false;
	code = rig_join(s->clients[session]);
	s->clients[session] = 0;
	ck_assert_msg(code == (shift->is_killed ? -SIGKILL : 0),
		"the client of shift %u (session %u) ended with %d", shift->number, session, code);
	return true;
}

static void disturb(struct soak *s, uint64_t now_ms)
{
	if (now_ms > s->next_cut_ms) {
		origin_cut(s->rig.origin);
		s->n_cuts++;
		s->next_cut_ms = now_ms + CUT_EVERY_MS / 2 + draw(CUT_EVERY_MS);
	}
	if (now_ms > s->next_off_ms) {
		ck_assert_int_eq(origin_listen(s->rig.origin, false), 0);
		proc_wait_pid(s->daemon, OFF_MS);
		ck_assert_int_eq(origin_listen(s->rig.origin, true), 0);
		s->next_off_ms = now_ms + OFF_EVERY_MS / 2 + draw(OFF_EVERY_MS);
	}
}

static struct sample take(struct soak *s)
{
	struct sample sample = sample_take(s->daemon, s->state_folder);

	sample_raise(&s->peak, &sample);
	return sample;
}

/* clients come and go until the time is over; then the last ones stay until all has ended */
static void run_phase(struct soak *s, uint64_t until_ms)
{
	unsigned n_running;

	while (proc_now_ms() < until_ms) {
		for (unsigned i = 0; i < SOAK_SESSIONS; i++)
			if (reap_client(s, i))
				start_client(s, i, false);
		/* its end is the only thing that may come earlier */
		ck_assert_msg(proc_wait_pid(s->daemon, 50) != 0, "the daemon has gone");
		disturb(s, proc_now_ms());
		take(s);
	}
	for (unsigned i = 0; i < SOAK_SESSIONS; i++) {
		while (!reap_client(s, i))
			proc_wait_pid(s->clients[i], SAMPLE_MS);
		start_client(s, i, true);
	}
	do {
		n_running = 0;
		for (unsigned i = 0; i < SOAK_SESSIONS; i++)
			n_running += !reap_client(s, i);
	} while (n_running && proc_wait_pid(s->daemon, 50) != 0);
}

static bool is_right(const struct soak_task *task)
{
	if (task->n_double || task->n_bad)
		return false;
	if (task->is_cancelled && task->code == TRANSFER_ERROR_CANCELLED)
		return true;
	if (task->must_fail)
		return task->code && !task->n_file;
	/* when the answer was cut, the server is asked whether it has all, and that answer has no body */
	return !task->code && (task->n_file || task->is_resumable);
}

static void judge(struct soak_books *books, uint64_t id, struct verdict *v)
{
	struct soak_task *task = &books->tasks[id];
	char *place;

	v->n_tasks++;
	v->n_faulty += task->is_faulty;
	v->n_cancelled += task->is_cancelled;
	v->n_again += task->n_again;
	v->n_lost += !task->n_done;
	v->n_double += task->n_double;
	v->n_wrong += task->n_done && !is_right(task);
	if (!is_right(task) && !task->is_judged)
		printf("soak: task %llu of shift %u: kind %d, size %llu, seed %llu, code %d, %u ends, "
		       "%u files, %u bad, %u told twice%s%s\n",
			(unsigned long long)id, task->made_in_shift, task->kind,
			(unsigned long long)task->size_bytes, (unsigned long long)task->seed,
			task->code, task->n_done, task->n_file, task->n_bad, task->n_double,
			task->is_faulty ? ", faulty" : "", task->is_cancelled ? ", cancelled" : "");
	if (task->kind == SOAK_PLACED && !task->is_judged) {
		place = soak_place(task->made_in_shift, task->place);
		unlink(place);
		free(place);
	}
	task->is_judged = true;
}

/* what the server has put together of the parts of one upload */
static unsigned count_wrong_uploads(struct soak *s)
{
	struct origin_upload upload;
	unsigned n_wrong = 0;
	char hex[65];

	while (!origin_upload_get(s->rig.origin, s->n_uploads + 1, &upload)) {
		s->n_uploads++;
		for (unsigned i = 0; i < SOAK_SOURCES && upload.is_complete; i++) {
			if (soak_source_bytes(i) != upload.offset_bytes)
				continue;
			origin_bytes_sha256(i, upload.offset_bytes, hex);
			n_wrong += strcmp(hex, upload.sha256) != 0;
		}
	}
	return n_wrong;
}

static struct verdict judge_all(struct soak *s)
{
	struct verdict v = { .n_wrong = count_wrong_uploads(s) };

	for (uint64_t id = 1; id < SOAK_TASKS_MAX; id++)
		if (s->books->tasks[id].is_made)
			judge(s->books, id, &v);
	return v;
}

/*
 * What failed or was cancelled could be tried again and is kept for it; it is forgotten here. The last acknowledgements are
 * on their way, and connections are kept for a moment.
 */
static struct sample rest(struct soak *s)
{
	uint64_t until_ms = proc_now_ms() + SETTLE_MS;
	struct sample sample, before = { 0 };
	char name[16];

	for (unsigned i = 0; i < SOAK_SESSIONS; i++) {
		snprintf(name, sizeof(name), "soak-%u", i);
		ck_assert_int_eq(
			RIG_CTL(&s->rig, NULL, "remove", "--session", name, "--all", "--yes"), 0);
	}

	for (;;) {
		sample = take(s);
		if (!sample.value[SAMPLE_SPOOL_FILES] &&
			sample.value[SAMPLE_FDS] == before.value[SAMPLE_FDS])
			return sample;
		if (!proc_left_ms(until_ms))
			return sample;
		before = sample;
		proc_wait_pid(s->daemon, SAMPLE_MS);
	}
}

static void print_sample(const char *name, const struct sample *sample)
{
	printf("soak: %-8s", name);
	for (unsigned i = 0; i < SAMPLE_N; i++)
		printf("  %s %llu", sample_name(i), (unsigned long long)sample->value[i]);
	printf("\n");
	fflush(stdout);
}

static void check_growth(struct soak *s)
{
	for (unsigned i = 0; i < SAMPLE_N; i++) {
		uint64_t growth = sample_growth(s->rests, n_phases, i);

		printf("soak: %s at rest: + %llu\n", sample_name(i), (unsigned long long)growth);
		ck_assert_msg(growth <= sample_allowance(i), "%s grows: + %llu", sample_name(i),
			(unsigned long long)growth);
	}
	ck_assert_uint_eq(s->rests[n_phases - 1].value[SAMPLE_SPOOL_FILES], 0);
}

static void check_verdict(const struct soak *s, const struct verdict *v)
{
	printf("soak: %u tasks, %u with faults, %u cancelled, %u clients (%u left, %u killed), %u resets; "
	       "%u told again to the next client, %u lost, %u wrong, %u told twice, %u unknown\n",
		v->n_tasks, v->n_faulty, v->n_cancelled, s->n_shifts, s->n_left, s->n_killed,
		s->n_cuts, v->n_again, v->n_lost, v->n_wrong, v->n_double, s->books->n_ghosts);
	fflush(stdout);
	ck_assert_uint_eq(v->n_lost + v->n_wrong + v->n_double + s->books->n_ghosts, 0);
}

START_TEST(holds_out)
{
	uint64_t begun_ms = proc_now_ms();
	struct verdict verdict;
	struct soak s;
	char name[16];

	open_soak(&s);
	for (unsigned i = 0; i < n_phases; i++) {
		run_phase(&s, begun_ms + (uint64_t)wanted_s * 1000 * (i + 1) / n_phases);
		s.rests[i] = rest(&s);
		verdict = judge_all(&s);
		snprintf(name, sizeof(name), "%u/%u", i + 1, n_phases);
		print_sample(name, &s.rests[i]);
		check_verdict(&s, &verdict);
	}
	print_sample("at most", &s.peak);
	check_growth(&s);
	ck_assert_int_eq(bus_daemon_pid(s.rig.bus), s.daemon);
	ck_assert_int_eq(bus_stop_daemon(s.rig.bus, RIG_DEADLINE_MS), 0);
	rig_done(&s.rig);
}
END_TEST

static bool read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--sample")) {
			wanted_s = 8;
			n_phases = 2;
			fault_permille = 60;
			soak_live_tasks = 1500;
			soak_live_phases = 3;
			soak_slow_s = 4;
		} else if (!strcmp(argv[i], "--live")) {
			wants_background = false;
		} else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			random_state = strtoull(argv[++i], NULL, 10);
		} else if (strspn(argv[i], "0123456789") == strlen(argv[i]) && *argv[i]) {
			wanted_s = (unsigned)strtoul(argv[i], NULL, 10) * 60;
		} else {
			return false;
		}
	}
	return wanted_s > 0;
}

int main(int argc, char **argv)
{
	if (!read_arguments(argc, argv)) {
		printf("usage: soak [MINUTES] [--sample] [--live] [--seed N]\n"
		       "Transfers with faults for so long (20), then %d tasks of sessions in memory and a slow reader (--live: only those), and "
		       "nothing may be lost or grow.\n",
			LIVE_TASKS);
		return 2;
	}
	if (wants_background && run_long("soak", holds_out))
		return 1;
	if (run_long("soak live", soak_live_test()))
		return 1;
	return run_long("soak slow", soak_slow_test());
}
