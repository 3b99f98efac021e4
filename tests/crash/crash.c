/* SPDX-License-Identifier: MIT */
/*
 * The crash harness: twenty downloads and five uploads, again and again, while the daemon is killed at its failpoints
 * and the client inside its callbacks. After each batch: no task lost, none told or completed twice, every file
 * byte-identical, and hardly a byte fetched twice.
 *
 * The kills of a batch are planned: line n of the file "plan" is the failpoint of the daemon's n-th start. The plan goes over
 * all failpoints that have been met so far; how deep into a run a point is (its n-th pass) is drawn at random from a
 * range that follows what turned out to be reached.
 *
 * With --power the machine loses its power instead (power.h): at random moments, and once right after the client has
 * acknowledged the last event.
 *
 * What is fetched twice is measured at the server, against us: all bytes of a download's body that it ever handed to its
 * kernel, less the length of the file. So what was on its way or waited in a socket when the daemon died counts as fetched,
 * though no program can have kept it, and so does what was in the daemon's buffers. Allowed are 5 % of the content and one
 * buffer for each kill, however many transfers ran. Uploads are judged by what the server has got, not by how often it was
 * sent: a server that cannot continue an upload gets it again.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/sink.h"
#include "tests/crash/crash.h"
#include "tests/crash/power.h"
#include "tests/lib/run-long.h"

#define POINTS_MAX      256
#define KILLS_PER_BATCH 30
#define BUFFER_BYTES    SINK_GATHER_BYTES
#define BATCH_MS        180000

struct point {
	char name[64];
	unsigned range; /* passes are drawn from 1 to this */
	unsigned planned, hit, missed;
};

struct totals {
	unsigned kills, client_kills, cuts, batches;
	unsigned lost, twice, wrong, unexplained;
	unsigned answered_twice; /* uploads: the answer was on its way when the daemon died */
	unsigned answers_cut; /* uploads: the status was recorded, the rest of the answer was not */
	unsigned again;
	uint64_t content_bytes, again_bytes, interrupted;
};

static struct point points[POINTS_MAX];
static unsigned n_points;
static struct totals totals;
static unsigned wanted_kills = 500, wanted_cuts;
static uint64_t random_state = 1;

static unsigned draw(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return n ? (unsigned)(random_state >> 33) % n : 0;
}

/* small numbers more often than large ones, so that a batch has many kills */
static unsigned draw_low(unsigned n)
{
	unsigned a = draw(n), b = draw(n);

	return a < b ? a : b;
}

static struct point *point_of(const char *name)
{
	for (unsigned i = 0; i < n_points; i++)
		if (!strcmp(points[i].name, name))
			return &points[i];
	if (n_points == POINTS_MAX)
		return NULL;
	snprintf(points[n_points].name, sizeof(points[0].name), "%s", name);
	points[n_points].range = 8;
	return &points[n_points++];
}

/* what the daemons have passed so far */
static void learn(void)
{
	char *path = tmpdir_path("points");
	char *text = tmpdir_read(path);
	char *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest))
		point_of(line);
	free(text);
	free(path);
}

static unsigned weight(const struct point *p)
{
	return p->hit + p->planned + 2 * p->missed;
}

/* The points that were hit least come first, so that the kills spread; one that is out of reach ends a batch, so it waits. */
static struct point *next_point(void)
{
	unsigned first = draw(n_points);
	struct point *best = &points[first];

	for (unsigned i = 1; i < n_points; i++) {
		struct point *p = &points[(first + i) % n_points];

		if (weight(p) < weight(best))
			best = p;
	}
	return best;
}

struct plan {
	struct point *points[KILLS_PER_BATCH];
	unsigned n;
};

static void make_plan(struct plan *plan)
{
	char *path = tmpdir_path("plan");
	FILE *f = fopen(path, "we");

	plan->n = 0;
	ck_assert_ptr_nonnull(f);
	while (n_points && plan->n < KILLS_PER_BATCH && totals.kills + plan->n < wanted_kills) {
		struct point *p = next_point();

		p->planned++;
		plan->points[plan->n++] = p;
		fprintf(f, "%s:%u\n", p->name, 1 + draw_low(p->range));
	}
	fclose(f);
	free(path);
}

/* a start of the daemon takes the next line of the plan, whoever asked for the start */
static void arm(struct crash_batch *batch)
{
	char *text = NULL;
	const char *folder = batch->rig.folder;

	ck_assert_int_gt(
		asprintf(&text,
			"n=$(cat '%s/daemon.pids' 2>/dev/null | wc -l)\n"
			"TRANSFERD_FAILPOINT=$(sed -n \"$((n + 1))p\" '%s/plan' 2>/dev/null)\n"
			"[ -n \"$TRANSFERD_FAILPOINT\" ] || unset TRANSFERD_FAILPOINT\n"
			"TRANSFERD_FAILPOINT_LIST='%s/points'",
			folder, folder, folder),
		0);
	ck_assert_int_eq(bus_set_daemon_env(batch->rig.bus, text), 0);
	free(text);
}

static void open_batch(struct crash_batch *batch, struct origin *origin, unsigned number)
{
	*batch = (struct crash_batch){ .number = number, .seed = 1000 };
	batch->rig.folder = tmpdir_new();
	ck_assert_ptr_nonnull(batch->rig.folder);
	ck_assert_int_eq(bus_new(NULL, &batch->rig.bus), 0);
	batch->rig.origin = origin;
	batch->journal = tmpdir_path("journal");
	arm(batch);
}

/* keeps a daemon running until the client has ended; its exit code */
static int drive(struct crash_batch *batch, pid_t client)
{
	uint64_t until_ms = proc_now_ms() + BATCH_MS;

	while (proc_wait_pid(client, 0) == -ETIMEDOUT) {
		pid_t daemon = bus_daemon_pid(batch->rig.bus);

		if (proc_now_ms() > until_ms) {
			proc_kill_pid(client, RIG_DEADLINE_MS);
			break;
		}
		if (daemon)
			proc_wait_pid(daemon, 200);
		else
			bus_start_daemon(batch->rig.bus, 5000);
	}
	return rig_join(client);
}

/* has the server got the right bytes, and nothing else, as often as it got all of a body? */
static bool is_upload_right(
	struct crash_batch *batch, unsigned task, const struct origin_stats *stats)
{
	struct origin_upload upload;
	struct origin_entry entry;
	unsigned n_complete = 0;
	char key[32], target[64], hex[65];

	crash_key(batch, task, key);
	snprintf(target, sizeof(target), "/store/%s?", key);
	origin_bytes_sha256(crash_seed(batch, task), crash_size(batch, task), hex);
	for (unsigned n = 1; !origin_log_find(batch->rig.origin, target, n, &entry); n++)
		if (*entry.body_sha256 && strcmp(entry.body_sha256, hex) != 0)
			return false;
	for (unsigned n = 1; !origin_upload_get(batch->rig.origin, n, &upload); n++) {
		if (!upload.is_complete || strcmp(upload.key, key) != 0)
			continue;
		n_complete++;
		if (strcmp(upload.sha256, hex) != 0)
			return false;
	}
	return stats->whole_bodies > 0 && (n_complete || !crash_is_resumable(batch, task));
}

static const char *judge(struct crash_batch *batch, const struct crash_journal *journal,
	unsigned task, const struct origin_stats *stats)
{
	bool is_upload = task >= CRASH_DOWNLOADS;

	if (!journal->n_done[task]) {
		totals.lost++;
		return "lost";
	}
	if (journal->n_done[task] > 1 || journal->n_file[task] > 1) {
		totals.twice++;
		return "told twice";
	}
	if (journal->code[task] || journal->n_bad[task] || (!journal->n_file[task] && !is_upload) ||
		(is_upload && !is_upload_right(batch, task, stats))) {
		totals.wrong++;
		return "wrong";
	}
	/* what was answered is not asked for again, even where the answer's body went down with the daemon */
	totals.answers_cut += !journal->n_file[task];
	return NULL;
}

static void check_task(
	struct crash_batch *batch, const struct crash_journal *journal, unsigned task)
{
	struct origin_stats stats;
	const char *why;
	char key[32];

	crash_key(batch, task, key);
	origin_stats_get(batch->rig.origin, key, &stats);
	why = judge(batch, journal, task, &stats);
	if (why)
		fprintf(stderr, "crash: batch %u task %u (id %llu): %s: code %d, %u bad\n",
			batch->number, task, (unsigned long long)journal->ids[task], why,
			journal->code[task], journal->n_bad[task]);
	if (task >= CRASH_DOWNLOADS) {
		/* a resource's HEADs are answers, too */
		totals.answered_twice += stats.whole_answers > 1 &&
			!crash_is_resumable(batch, task);
		return;
	}
	totals.content_bytes += crash_size(batch, task);
	totals.interrupted += stats.requests - (stats.requests > 0);
	if (stats.body_sent_bytes > crash_size(batch, task))
		totals.again_bytes += stats.body_sent_bytes - crash_size(batch, task);
}

static void close_batch(struct crash_batch *batch, const char *what, unsigned kills)
{
	struct crash_journal journal;

	crash_journal_read(batch->journal, &journal);
	for (unsigned i = 0; i < CRASH_TASKS; i++)
		check_task(batch, &journal, i);
	if (journal.n_ghosts)
		fprintf(stderr, "crash: batch %u: %u tasks that nobody made\n", batch->number,
			journal.n_ghosts);
	totals.twice += journal.n_ghosts;
	totals.again += journal.n_again;
	learn();
	batch->rig.bus = bus_free(batch->rig.bus);
	totals.unexplained += rig_log_count(&batch->rig, "Sanitizer") > 0 ||
		rig_log_count(&batch->rig, "Assertion") > 0;
	totals.batches++;
	printf("batch %3u  %-18s %3u kills   lost %u  twice %u  wrong %u   %u of %u kills\n",
		batch->number, what, kills, totals.lost, totals.twice, totals.wrong, totals.kills,
		wanted_kills);
	fflush(stdout);
	if (totals.lost + totals.twice + totals.wrong + totals.unexplained == 0)
		tmpdir_remove_all(batch->rig.folder);
	free((void *)batch->journal);
}

/* which lines of the plan came true: all but that of the daemon that is running */
static unsigned settle(struct crash_batch *batch, const struct plan *plan)
{
	unsigned starts = bus_daemon_starts(batch->rig.bus);
	unsigned kills = starts ? starts - (bus_daemon_pid(batch->rig.bus) != 0) : 0;

	if (kills > plan->n) {
		totals.unexplained += kills - plan->n;
		kills = plan->n;
	}
	for (unsigned i = 0; i < kills; i++) {
		plan->points[i]->hit++;
		if (plan->points[i]->range < 200)
			plan->points[i]->range += plan->points[i]->range / 4 + 1;
	}
	for (unsigned i = 0; i < plan->n; i++)
		plan->points[i]->planned--;
	if (kills < plan->n) {
		plan->points[kills]->missed++;
		if (plan->points[kills]->range > 1)
			plan->points[kills]->range /= 2;
	}
	totals.kills += kills;
	return kills;
}

/* A client that did not come to its end, and how the daemon sees that. */
static void complain(struct crash_batch *batch, int code)
{
	char *output = NULL;

	totals.unexplained++;
	fprintf(stderr, "crash: batch %u: the client ended with %d\n", batch->number, code);
	if (!bus_start_daemon(batch->rig.bus, RIG_DEADLINE_MS))
		RIG_CTL(&batch->rig, &output, "list", "--all", "--json=short");
	fprintf(stderr, "%s\n", output ? output : "");
	free(output);
}

static bool run_daemon_batch(struct origin *origin, unsigned number)
{
	struct crash_batch batch;
	struct plan plan;
	unsigned kills;
	int code;

	open_batch(&batch, origin, number);
	make_plan(&plan);
	code = drive(&batch, rig_fork(&batch.rig, crash_client, &batch));
	kills = settle(&batch, &plan);
	if (code)
		complain(&batch, code);
	close_batch(&batch, number ? "daemon" : "no kills", kills);
	return totals.lost + totals.twice + totals.wrong + totals.unexplained == 0;
}

/* the client dies at each kind of event; then the next one goes on */
static bool run_client_batch(struct origin *origin, unsigned number, const char *at)
{
	struct crash_batch batch;
	unsigned kills = 0;
	int code;

	open_batch(&batch, origin, number);
	batch.death = (struct crash_death){ .at = at, .nth = 1 };
	do {
		code = drive(&batch, rig_fork(&batch.rig, crash_client, &batch));
		kills += code == -SIGKILL;
		batch.death.nth = 1 + draw(4);
		if (kills >= 12)
			batch.death.at = NULL;
	} while (code == -SIGKILL);
	totals.client_kills += kills;
	if (code)
		complain(&batch, code);
	close_batch(&batch, at, kills);
	return totals.lost + totals.twice + totals.wrong + totals.unexplained == 0;
}

/* cuts the power a few times, then lets it all end; the client's exit code */
static int drive_through_cuts(struct crash_batch *batch, struct power *power, pid_t client)
{
	unsigned n = 4 + draw(6);

	while (n && totals.cuts < wanted_cuts &&
		proc_wait_pid(client, 20 + draw_low(1200)) == -ETIMEDOUT) {
		pid_t daemon = bus_daemon_pid(batch->rig.bus);

		if (daemon) {
			ck_assert_int_eq(power_cut(power, daemon), 0);
			totals.cuts++;
			n--;
		}
		bus_start_daemon(batch->rig.bus, RIG_DEADLINE_MS);
	}
	return drive(batch, client);
}

/* what the client was told before the last cut is so after it, and nothing is begun again */
static void check_after_cut(struct crash_batch *batch)
{
	unsigned requests = origin_log_count(batch->rig.origin, "");

	ck_assert_int_eq(bus_start_daemon(batch->rig.bus, RIG_DEADLINE_MS), 0);
	totals.wrong += RIG_CTL(&batch->rig, NULL, "wait", "--all", "--timeout=5s") != 0;
	totals.twice += origin_log_count(batch->rig.origin, "") != requests;
	for (unsigned i = 0; i < CRASH_DOWNLOADS; i++) {
		char *path = crash_destination(batch, i);

		if (path && origin_bytes_check(path, crash_seed(batch, i), crash_size(batch, i))) {
			fprintf(stderr, "crash: batch %u task %u: not in its place\n",
				batch->number, i);
			totals.wrong++;
		}
		free(path);
	}
	totals.wrong += rig_log_count(&batch->rig, ".corrupt-") > 0;
}

static bool run_power_batch(struct origin *origin, unsigned number)
{
	struct crash_batch batch;
	struct power *power = NULL;
	unsigned before = totals.cuts;
	char *out = NULL;
	int code;

	open_batch(&batch, origin, number);
	ck_assert_int_eq(power_new(&power), 0);
	ck_assert_int_gt(asprintf(&out, "%s/out", getenv("XDG_STATE_HOME")), 0);
	ck_assert_int_eq(mkdir(out, 0700), 0);
	sync();
	batch.out = out;
	code = drive_through_cuts(&batch, power, rig_fork(&batch.rig, crash_client, &batch));
	if (code)
		complain(&batch, code);
	if (bus_daemon_pid(batch.rig.bus)) {
		ck_assert_int_eq(power_cut(power, bus_daemon_pid(batch.rig.bus)), 0);
		totals.cuts++;
	}
	check_after_cut(&batch);
	close_batch(&batch, "power", totals.cuts - before);
	free(out);
	power_free(power);
	return totals.lost + totals.twice + totals.wrong + totals.unexplained == 0;
}

static void print_table(void)
{
	printf("\n%-40s %6s %6s\n", "failpoint", "kills", "depth");
	for (unsigned i = 0; i < n_points; i++)
		printf("%-40s %6u %6u\n", points[i].name, points[i].hit, points[i].range);
}

static bool print_verdict(void)
{
	uint64_t allowed = totals.content_bytes / 20 + (uint64_t)totals.kills * BUFFER_BYTES;
	unsigned untouched = 0;
	bool good;

	for (unsigned i = 0; i < n_points; i++)
		untouched += !points[i].hit;
	good = !totals.lost && !totals.twice && !totals.wrong && !totals.unexplained &&
		totals.kills >= wanted_kills && totals.again_bytes <= allowed;
	printf("\n%u tasks in %u batches, %u kills of the daemon at %u of %u failpoints, %u of the client\n",
		totals.batches * CRASH_TASKS, totals.batches, totals.kills, n_points - untouched,
		n_points, totals.client_kills);
	printf("downloads: %.1f MB of content, %.1f MB fetched again (%.1f %%), %llu interrupted, allowed %.1f MB\n",
		(double)totals.content_bytes / 1e6, (double)totals.again_bytes / 1e6,
		totals.content_bytes
			? 100.0 * (double)totals.again_bytes / (double)totals.content_bytes
			: 0.0,
		(unsigned long long)totals.interrupted, (double)allowed / 1e6);
	printf("uploads answered again because the daemon died before it saw the answer: %u\n",
		totals.answered_twice);
	printf("events told again to the next client, because the last one died before it could acknowledge: "
	       "%u\n",
		totals.again);
	printf("crash: %s: %u lost, %u twice, %u wrong, %u unexplained\n",
		good ? "PASSED" : "FAILED", totals.lost, totals.twice, totals.wrong,
		totals.unexplained);
	return good;
}

static void run_cuts(struct origin *origin)
{
	unsigned number = 0;

	while (totals.cuts < wanted_cuts && run_power_batch(origin, number))
		number++;
	printf("%u power cuts in %u batches, %u tasks\n", totals.cuts, totals.batches,
		totals.batches * CRASH_TASKS);
	printf("crash: %s: %u lost, %u twice, %u wrong, %u unexplained\n",
		totals.cuts < wanted_cuts ||
				totals.lost + totals.twice + totals.wrong + totals.unexplained
			? "FAILED"
			: "PASSED",
		totals.lost, totals.twice, totals.wrong, totals.unexplained);
}

static void run_all(struct origin *origin)
{
	static const char *const events[] = { "created", "progress", "file", "data", "metrics",
		"done", "events" };
	unsigned number = 0;
	bool good = run_daemon_batch(origin, number++);

	while (good && totals.kills < wanted_kills && number < 20 + wanted_kills)
		good = run_daemon_batch(origin, number++);
	for (size_t i = 0; good && i < sizeof(events) / sizeof(*events); i++)
		good = run_client_batch(origin, number++, events[i]);
}

START_TEST(loses_nothing)
{
	struct origin *origin;
	bool good;

	ck_assert_int_eq(origin_new(NULL, &origin), 0);
	if (wanted_cuts) {
		run_cuts(origin);
		good = totals.lost + totals.twice + totals.wrong + totals.unexplained == 0;
	} else {
		run_all(origin);
		print_table();
		good = print_verdict();
	}
	origin_free(origin);
	fflush(stdout);
	ck_assert(good);
}
END_TEST

static bool read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--sample"))
			wanted_kills = 25;
		else if (!strcmp(argv[i], "--kills") && i + 1 < argc)
			wanted_kills = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--power") && i + 1 < argc)
			wanted_cuts = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			random_state = strtoull(argv[++i], NULL, 10);
		else
			return false;
	}
	return true;
}

/* one test of Check's, so that a check that fails anywhere below is reported and ends all of it */
int main(int argc, char **argv)
{
	if (!read_arguments(argc, argv)) {
		printf("usage: crash [--kills N] [--sample] [--power N] [--seed N]\n"
		       "Kills the daemon N times (500) at its failpoints, and the client inside its "
		       "callbacks.\n"
		       "--power: cuts its power N times instead, at random moments.\n");
		return 2;
	}
	if (wanted_cuts && power_enter()) {
		printf("crash: no power cuts: root and loop devices are needed\n");
		return 77;
	}
	return run_long("crash", loses_nothing);
}
