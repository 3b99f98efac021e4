/* SPDX-License-Identifier: MIT */
/* The world of the targets that need a daemon. */
#include "tests/fuzz/world.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/tmpdir.h"

#define TURNS_MAX 400

void world_init(struct world *world)
{
	const char *dir;

	/* a folder in memory: a sync costs nothing there */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TEST_TMPDIR", "/dev/shm", 1);
	dir = tmpdir_new();
	FUZZ_MUST(dir);
	snprintf(world->state_dir, sizeof(world->state_dir), "%s/fuzz-state", dir);
	snprintf(world->spool_dir, sizeof(world->spool_dir), "%s/fuzz-spool", dir);
	FUZZ_MUST(mkdir(world->state_dir, 0700) == 0 && mkdir(world->spool_dir, 0700) == 0);
	log_set_level(getenv("FUZZ_DEBUG") ? LOG_LEVEL_DEBUG : (enum log_level)0);
}

int world_open(struct world *world, struct store_report *ret_report)
{
	struct store_report report;
	int r = store_open(world->state_dir, &world->store, ret_report ? ret_report : &report);

	FUZZ_MUST(r == 0 || ret_report);
	if (r == 0)
		world_sql(world, "PRAGMA synchronous = OFF");
	return r;
}

void world_close(struct world *world)
{
	world_stop(world);
	store_close(world->store);
	world->store = NULL;
}

void world_sql_of(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (rc)
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	FUZZ_MUST(rc == SQLITE_OK);
}

void world_sql(struct world *world, const char *sql)
{
	world_sql_of(world->store->db, sql);
}

void world_empty(struct world *world)
{
	static const char sql[] =
		"BEGIN; DELETE FROM cookie; DELETE FROM jar; DELETE FROM question; DELETE FROM tally;"
		"DELETE FROM setting; DELETE FROM token; DELETE FROM event; DELETE FROM outcome;"
		"DELETE FROM task_extra; DELETE FROM task; DELETE FROM lane; DELETE FROM session;"
		"DELETE FROM sequence; INSERT INTO sequence(name, next) VALUES"
		" ('session', 1), ('task', 1), ('event', 1), ('question', 1); COMMIT";

	world_sql(world, "PRAGMA foreign_keys = OFF");
	world_sql(world, sql);
	world_sql(world, "PRAGMA foreign_keys = ON");
	for (int i = 0; i < STORE_N_SEQUENCES; i++)
		world->store->next[i] = 1;
}

int world_start(struct world *world, const struct flow_observer *observer, void *user)
{
	const struct flow_config config = {
		.store = world->store,
		.spool_dir = world->spool_dir,
		.observer = observer,
		.observer_user = user,
		.jitter_seed = 1,
	};
	struct flow_config c = config;

	world->now = (struct clock_now){ WORLD_START_US, 2 * WORLD_START_US,
		UINT64_C(1700000000000000) };
	FUZZ_MUST(engine_new(&(struct engine_config){ 0 }, &world->engine) == 0);
	c.engine = world->engine;
	FUZZ_MUST(flow_new(&c, &world->flow) == 0);
	return flow_start(world->flow, &world->now);
}

void world_stop(struct world *world)
{
	if (world->flow)
		store_rollback(world->store);
	world->flow = flow_free(world->flow);
	engine_free(world->engine);
	world->engine = NULL;
}

int world_turn(struct world *world)
{
	world_pass(world, 1);
	flow_turn_begin(world->flow, &world->now);
	FUZZ_MUST(engine_dispatch(world->engine, flow_engine_event, world->flow) == 0);
	return flow_turn_end(world->flow);
}

int world_settle(struct world *world)
{
	for (unsigned n = 0;; n++) {
		int r = world_turn(world);

		if (r ||
			(!fake_engine_n_events(world->engine) &&
				flow_next_timer(world->flow) > world->now.now_us))
			return r;
		FUZZ_MUST(n < TURNS_MAX);
	}
}

void world_pass(struct world *world, uint64_t us)
{
	world->now.now_us += us;
	world->now.boot_us += us;
	world->now.wall_us += us;
}

/* ---- the engine's reports ---- */

static void end_attempt(struct world *world, struct fake_attempt *a, bool is_good)
{
	static const struct engine_response response = { .status = 200,
		.http_version = "1.1",
		.url = "https://example.org/file",
		.suggested_name = "file",
		.etag = "\"v1\"",
		.expected_bytes = 10,
		.can_resume = true };
	struct engine_event e = { .type = ENGINE_EVENT_DONE,
		.task = a->task,
		.attempt = a->attempt,
		.expected_receive_bytes = 10,
		.expected_send_bytes = -1,
		.received_bytes = 10,
		.response = &response };

	if (!is_good) {
		e.result.code = TRANSFER_ERROR_TIMED_OUT;
		e.is_retryable = a->attempt & 1;
	}
	e.is_stopped = a->is_stopping;
	if (!a->is_done)
		fake_engine_post(world->engine, &e);
	a->is_done = true;
	if (is_good && !a->is_stopping && a->kind == TRANSFER_TASK_DOWNLOAD) {
		e.type = ENGINE_EVENT_SYNCED;
		e.response = NULL;
		e.file_ino = 100;
		e.file_size_bytes = 10;
		fake_engine_post(world->engine, &e);
	}
	fake_engine_drop(world->engine, a);
}

void world_report(struct world *world, uint8_t bits)
{
	unsigned n = 0;

	while (fake_engine_n(world->engine))
		end_attempt(world, fake_engine_get(world->engine, 0), !(bits >> (n++ % 8) & 1));
	while (fake_engine_n_jobs(world->engine)) {
		struct fake_job *job = fake_engine_job(world->engine, 0);
		struct engine_event e = { .task = job->task,
			.attempt = job->attempt,
			.file_size_bytes = job->size_bytes,
			.file_ino = 7 };

		e.type = job->type == FAKE_JOB_PUBLISH ? ENGINE_EVENT_PUBLISHED
						       : ENGINE_EVENT_SNAPSHOT;
		if (bits >> (n++ % 8) & 1)
			e.result.code = TRANSFER_ERROR_CANNOT_CREATE_FILE;
		fake_engine_post(world->engine, &e);
		fake_engine_drop_job(world->engine, job);
	}
}

/* ---- what clients see ---- */

struct looker {
	struct world *world;
	size_t n_tasks;
};

static int on_task(const struct task *task, void *user)
{
	struct looker *looker = user;
	struct flow *flow = looker->world->flow;
	const char *reasons[FLOW_REASONS_MAX];
	char path[PATH_MAX];

	FUZZ_MUST(task->id && task->request.url && task->request.method);
	flow_task_sub_state(flow, task);
	flow_task_reasons(flow, task, reasons);
	flow_task_waiting_until_wall_us(flow, task);
	flow_task_file(flow, task, path, sizeof(path));
	flow_task_is_resumable(task);
	looker->n_tasks++;
	return 0;
}

static int on_event(const struct flow_event *event, void *user)
{
	return event->task ? on_task(event->task, user) : 0;
}

static int on_question(const struct question *question, const struct task *task, void *user)
{
	(void)user;
	FUZZ_MUST(question->id && task);
	return 0;
}

static int on_cookie(const struct transfer_cookie *cookie, void *user)
{
	(void)user;
	FUZZ_MUST(cookie->name && cookie->value && cookie->domain && cookie->path);
	return 0;
}

static int list(struct looker *looker, size_t *ret_n)
{
	struct flow_query query = { .uid = (uid_t)-1, .include_finished = true };
	struct flow *flow = looker->world->flow;
	uint64_t generation = 0;
	int r;

	do {
		uint64_t before = query.after_id;

		r = flow_tasks_each(flow, &query, on_task, looker, &query.after_id);
		FUZZ_MUST(r || !query.after_id || query.after_id > before);
	} while (!r && query.after_id);
	*ret_n = looker->n_tasks;
	return r ? r : flow_progress_each(flow, &query, &generation, on_task, looker);
}

/* A row that cannot be read has a name; no such task or session is an answer. */
static int of_many(int r)
{
	return r == -EBADMSG || r > 0 ? 0 : r;
}

static int look_at(struct looker *looker, uint64_t session, uint64_t n_looks)
{
	const struct flow_event_range range = { session, 0, 100, 0 };
	const struct flow_cookie_query cookies = { .session = session };
	struct flow *flow = looker->world->flow;
	struct flow_statistics statistics;
	uint64_t next;
	int r = flow_statistics(flow, &statistics);

	for (uint64_t id = 1; !r && id <= n_looks; id++)
		r = of_many(flow_task_look(flow, id, on_task, looker));
	if (!r)
		r = of_many(flow_events_each(flow, &range, on_event, looker));
	if (!r)
		r = of_many(flow_questions_each(flow, &range, on_question, looker));
	if (!r)
		r = of_many(flow_session_cookies_each(flow, &cookies, on_cookie, looker, &next));
	return r;
}

int world_look(struct world *world, uint64_t session, uint64_t n_looks, size_t *ret_n)
{
	struct looker looker = { .world = world };
	int r = list(&looker, ret_n);

	return r ? r : look_at(&looker, session, n_looks);
}
