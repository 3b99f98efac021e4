/* SPDX-License-Identifier: MIT */
/*
 * The world, and the invariants that hold after every turn:
 *  - never more attempts than slots, nor than a session's connections to one host;
 *  - an attempt that was not asked to end belongs to a task whose row says that it may run;
 *  - the scheduler counts the slots that tasks hold, no more and no fewer;
 *  - nothing was told and no command given while a transaction was open (I1): checked when it happens.
 */
#include "tests/sim/sim.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/log.h"
#include "daemon/core/retry.h"
#include "daemon/flow-state.h"
#include "daemon/live.h"
#include "tests/lib/tmpdir.h"

#define EVENTS_TEXT_BYTES 4096
/* Check writes to a pipe at each assertion that holds: too slow for so many */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			ck_abort_msg("%s:%d: %s", __func__, __LINE__, #condition); \
	} while (0)

static struct sim *the_sim;

/*
 * Linked with --wrap=store_commit: a commit that fails leaves everything undone, as a full disk
 * does.
 */
int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
	if (the_sim && the_sim->is_commit_failing)
		return sim_random(the_sim, 2) ? STORE_E_FULL : -EIO;
	return __real_store_commit(store);
}

/* ---- observer ---- */

static void check_durable(void *user)
{
	struct sim *sim = user;

	CHECK(!store_is_dirty(sim->store));
}

static void on_events(uint64_t session, uint64_t last_seq, void *user)
{
	struct sim *sim = user;
	uint64_t stored;

	check_durable(sim);
	if (sim->look)
		sim->look(true);
	CHECK(store_event_last_seq(sim->store, session, &stored) == 0);
	if (sim->look)
		sim->look(false);
	/* all of them may have gone with their task in the turn that made them */
	CHECK(stored >= last_seq || !flow_session_get(sim->flow, session)->n_events);
	sim->told_seq = last_seq;
}

static void on_questions(uint64_t session, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	CHECK(session);
	sim->n_asked++;
}

static void on_question_withdrawn(const struct question *question, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	sim->n_withdrawn++;
	sim->withdrawn = question->id;
}

static void on_task_changed(const struct task *task, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	CHECK(task->id);
	sim->n_task_changes++;
}

static void on_progress(const struct flow_progress *progress, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	sim->progress = *progress;
	sim->n_progress++;
}

static void on_session_changed(uint64_t session, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	CHECK(session);
	sim->n_session_changes++;
}

static void on_session_gone(uint64_t session, void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	CHECK(session);
	sim->is_session_gone = true;
}

static void on_limits_changed(void *user)
{
	struct sim *sim = user;

	check_durable(sim);
	sim->n_limits_changes++;
}

static const struct flow_observer observer = {
	.events = on_events,
	.questions = on_questions,
	.question_withdrawn = on_question_withdrawn,
	.task_changed = on_task_changed,
	.progress = on_progress,
	.session_changed = on_session_changed,
	.session_gone = on_session_gone,
	.limits_changed = on_limits_changed,
};

/* ---- invariants ---- */

static bool is_same_lane(const struct fake_attempt *a, const struct fake_attempt *b)
{
	size_t n = strcspn(a->url + 8, "/") + 9; /* with the slash */

	return a->session == b->session && strncmp(a->url, b->url, n) == 0;
}

static void check_attempts(struct sim *sim)
{
	for (size_t i = 0; i < fake_engine_n(sim->engine); i++) {
		const struct fake_attempt *a = fake_engine_get(sim->engine, i);
		enum task_state state;
		uint32_t n_lane = 0;

		if (a->is_done || live_owns(a->task))
			continue;
		for (size_t k = 0; k < fake_engine_n(sim->engine); k++) {
			const struct fake_attempt *b = fake_engine_get(sim->engine, k);

			n_lane += !b->is_done && is_same_lane(a, b);
		}
		CHECK(n_lane <= sim->max_per_lane);
		if (a->is_stopping)
			continue;
		state = sim_state(sim, a->task);
		CHECK(state == TASK_STATE_QUEUED || state == TASK_STATE_ANSWERED);
	}
}

static size_t n_running(struct sim *sim)
{
	size_t n = 0;

	for (size_t i = 0; i < fake_engine_n(sim->engine); i++) {
		const struct fake_attempt *a = fake_engine_get(sim->engine, i);

		n += !a->is_done && !live_owns(a->task);
	}
	return n;
}

static void check_slots(struct sim *sim)
{
	struct active *active;
	size_t cursor = 0;
	uint32_t n = 0;

	while ((active = registry_next(&sim->flow->registry, &cursor))) {
		n += active->task->has_slot;
		CHECK(!active->is_touched && !active->before);
	}
	if (!sim->flow->is_sched_stale)
		CHECK(n + sched_n_promised(sim->flow->sched) == sched_n_running(sim->flow->sched));
	CHECK(n <= sim->flow->limits.max_active_tasks);
	CHECK(n_running(sim) <= n + fake_engine_n_events(sim->engine));
}

static void check(struct sim *sim)
{
	CHECK(!store_is_dirty(sim->store));
	CHECK(!sim->flow->outbox.n_items);
	check_slots(sim);
	if (!sim->flow->is_failing)
		check_attempts(sim);
}

/* ---- life ---- */

static void start(struct sim *sim)
{
	struct store_report report;
	const struct flow_config config = {
		.spool_dir = sim->spool_dir,
		.observer = &observer,
		.observer_user = sim,
		.jitter_seed = sim->random | 1,
	};
	struct flow_config c = config;

	CHECK(store_open(sim->state_dir, &sim->store, &report) == 0);
	CHECK(!report.set_aside[0]);
	if (!sim->engine)
		CHECK(engine_new(&(struct engine_config){ 0 }, &sim->engine) == 0);
	fake_engine_on_command(sim->engine, check_durable, sim);
	c.store = sim->store;
	c.disabled_apps = sim->disabled_apps;
	c.boot_id = sim->boot_id;
	c.engine = sim->engine;
	CHECK(flow_new(&c, &sim->flow) == 0);
	CHECK(flow_start(sim->flow, &sim->now) == 0);
	check(sim);
}

struct sim *sim_new(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	const char *dir;

	CHECK(sim && !the_sim);
	the_sim = sim;
	/* a folder in memory: a sync costs nothing there */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TEST_TMPDIR", "/dev/shm", 1);
	dir = tmpdir_new();
	CHECK(dir);
	CHECK(asprintf(&sim->state_dir, "%s/sim-state", dir) > 0);
	CHECK(asprintf(&sim->spool_dir, "%s/sim-spool", dir) > 0);
	CHECK(mkdir(sim->state_dir, 0700) == 0 && mkdir(sim->spool_dir, 0700) == 0);
	log_set_level(getenv("SIM_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	sim->random = seed;
	sim->max_per_lane = SESSION_CONNECTIONS_PER_HOST;
	sim->now = (struct clock_now){ 1000000, 2000000, UINT64_C(1700000000000000) };
	start(sim);
	return sim;
}

static void stop(struct sim *sim)
{
	/* what was not committed never happened */
	store_rollback(sim->store);
	sim->flow = flow_free(sim->flow);
	store_close(sim->store);
	sim->store = NULL;
}

void sim_free(struct sim *sim)
{
	stop(sim);
	engine_free(sim->engine);
	free(sim->state_dir);
	free(sim->spool_dir);
	free(sim);
	the_sim = NULL;
}

static void on_dropped(const struct engine_event *event, void *user)
{
	(void)event;
	(void)user;
}

void sim_crash(struct sim *sim)
{
	struct fake_attempt *a;

	stop(sim);
	/* attempts, jobs and reports die with the process, files stay */
	fake_engine_drop_ahead(sim->engine);
	while (fake_engine_n(sim->engine)) {
		a = fake_engine_get(sim->engine, 0);
		fake_engine_drop(sim->engine, a);
	}
	while (fake_engine_n_jobs(sim->engine))
		fake_engine_drop_job(sim->engine, fake_engine_job(sim->engine, 0));
	while (fake_engine_n_events(sim->engine))
		engine_dispatch(sim->engine, on_dropped, sim);
	start(sim);
}

/* ---- time and turns ---- */

uint64_t sim_random(struct sim *sim, uint64_t below)
{
	return retry_random(&sim->random) % below;
}

void sim_pass(struct sim *sim, uint64_t us)
{
	sim->now.now_us += us;
	sim->now.boot_us += us;
	sim->now.wall_us += us;
}

void sim_begin(struct sim *sim)
{
	sim_pass(sim, 1);
	flow_turn_begin(sim->flow, &sim->now);
}

int sim_end(struct sim *sim)
{
	int r = flow_turn_end(sim->flow);

	sim->n_turns++;
	sim->n_failed_turns += r != 0;
	check(sim);
	return r;
}

int sim_turn(struct sim *sim)
{
	sim_begin(sim);
	CHECK(engine_dispatch(sim->engine, flow_engine_event, sim->flow) == 0);
	return sim_end(sim);
}

void sim_settle(struct sim *sim)
{
	for (unsigned n = 0;; n++) {
		CHECK(sim_turn(sim) == 0);
		CHECK(n < 10000);
		if (!fake_engine_n_events(sim->engine) &&
			flow_next_timer(sim->flow) > sim->now.now_us)
			return;
	}
}

bool sim_wake(struct sim *sim, uint64_t max_us)
{
	uint64_t at_us = flow_next_timer(sim->flow);

	if (at_us == UINT64_MAX)
		return false;
	if (at_us > sim->now.now_us)
		sim_pass(sim, at_us - sim->now.now_us < max_us ? at_us - sim->now.now_us : max_us);
	sim_turn(sim);
	return true;
}

/* ---- shorthands ---- */

struct flow_open sim_open(const char *app_id, const char *identifier)
{
	struct flow_open open = {
		.uid = 1000,
		.app_id = app_id,
		.identifier = identifier,
		.kind = TRANSFER_SESSION_BACKGROUND,
	};

	session_config_init(&open.config);
	return open;
}

uint64_t sim_session_with(struct sim *sim, const struct flow_open *open)
{
	struct flow_opened opened;

	sim_begin(sim);
	CHECK(flow_session_open(sim->flow, open, &opened) == 0);
	CHECK(sim_end(sim) == 0);
	return opened.session;
}

uint64_t sim_session(struct sim *sim, const char *app_id, const char *identifier)
{
	const struct flow_open open = sim_open(app_id, identifier);

	return sim_session_with(sim, &open);
}

void sim_on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	struct sim_created *created = user;

	created->n_calls++;
	created->error = error;
	created->n = n_ids;
	CHECK(n_ids <= sizeof(created->ids) / sizeof(created->ids[0]));
	if (n_ids)
		memcpy(created->ids, ids, n_ids * sizeof(ids[0]));
}

static int create(struct sim *sim, const struct flow_create *c, struct sim_created *created)
{
	int r;

	sim_begin(sim);
	r = flow_tasks_create(sim->flow, c, sim_on_created, created, NULL);
	CHECK(sim_end(sim) == 0);
	/* snapshots first */
	while (!r && !created->n_calls) {
		CHECK(fake_engine_n_jobs(sim->engine));
		sim_post_snapshot(sim,
			fake_engine_job(sim->engine, fake_engine_n_jobs(sim->engine) - 1)->task, 0);
		sim_turn(sim);
	}
	return r ? r : created->error;
}

uint64_t sim_create(
	struct sim *sim, uint64_t session, const struct flow_request *request, bool start_running)
{
	const struct flow_create c = { session, request, 1, start_running, NULL, NULL };
	struct sim_created created = { 0 };

	return create(sim, &c, &created) ? 0 : created.ids[0];
}

int sim_create_error(struct sim *sim, uint64_t session, const struct flow_request *request)
{
	const struct flow_create c = { session, request, 1, false, NULL, NULL };
	struct sim_created created = { 0 };

	return create(sim, &c, &created);
}

uint64_t sim_download(struct sim *sim, uint64_t session, const char *host)
{
	struct flow_request request;
	char url[300];

	flow_request_init(&request);
	snprintf(url, sizeof(url), "https://%s/file", host);
	request.request.url = url;
	return sim_create(sim, session, &request, true);
}

static void on_failure(uint64_t id, int error, void *user)
{
	(void)id;
	*(int *)user = error;
}

int sim_steer(struct sim *sim, enum flow_verb verb, uint64_t id)
{
	const struct flow_steer steer = { .verb = verb, .uid = 1000, .ids = &id, .n_ids = 1 };
	int error = 0;

	sim_begin(sim);
	CHECK(flow_tasks_steer(sim->flow, &steer, on_failure, &error) == 0);
	CHECK(sim_end(sim) == 0);
	return error;
}

struct task *sim_task(struct sim *sim, uint64_t id)
{
	struct task *task;

	CHECK(store_task_load(sim->store, id, &task) == 0);
	return task;
}

enum task_state sim_state(struct sim *sim, uint64_t id)
{
	struct task *task = sim_task(sim, id);
	enum task_state state = task->state;

	task_free(task);
	return state;
}

int32_t sim_result(struct sim *sim, uint64_t id)
{
	struct task *task = sim_task(sim, id);
	int32_t code = task->result.code;

	task_free(task);
	return code;
}

struct looking {
	const struct flow *flow;
	enum transfer_task_sub_state sub_state;
};

static int on_look(const struct task *task, void *user)
{
	struct looking *looking = user;

	looking->sub_state = flow_task_sub_state(looking->flow, task);
	return 0;
}

enum transfer_task_sub_state sim_sub_state(struct sim *sim, uint64_t id)
{
	struct looking looking = { sim->flow, TRANSFER_SUB_STATE_FAILED };

	CHECK(flow_task_look(sim->flow, id, on_look, &looking) == 0);
	return looking.sub_state;
}

static int on_event(const struct flow_event *event, void *user)
{
	static const char *const names[] = {
		[FLOW_EVENT_RESUMED] = "RESUMED",
		[FLOW_EVENT_RECEIVED_DATA] = "DATA",
		[FLOW_EVENT_FINISHED_DOWNLOADING] = "FINISHED",
		[FLOW_EVENT_METRICS] = "METRICS",
		[FLOW_EVENT_COMPLETED] = "COMPLETED",
		[FLOW_EVENT_FINISHED_EVENTS] = "EVENTS",
		[FLOW_EVENT_BECAME_INVALID] = "INVALID",
	};
	char *text = user;
	size_t n = strlen(text);

	snprintf(text + n, EVENTS_TEXT_BYTES - n, "%s%s", n ? " " : "", names[event->type]);
	return 0;
}

const char *sim_events(struct sim *sim, uint64_t session)
{
	static char text[EVENTS_TEXT_BYTES];
	const struct flow_event_range range = { session, 0, 128, 0 };

	text[0] = 0;
	CHECK(flow_events_each(sim->flow, &range, on_event, text) == 0);
	return text;
}

/* ---- reports ---- */

static struct fake_attempt *running(struct sim *sim, uint64_t task)
{
	struct fake_attempt *a = fake_engine_find(sim->engine, task);

	ck_assert_msg(a != NULL, "task %llu does not run", (unsigned long long)task);
	return a;
}

static struct engine_event event_of(const struct fake_attempt *a, enum engine_event_type type)
{
	return (struct engine_event){
		.type = type,
		.task = a->task,
		.attempt = a->attempt,
		.received_bytes = a->received_bytes,
		.expected_receive_bytes = a->total_bytes ? (int64_t)a->total_bytes : -1,
		.expected_send_bytes = -1,
		.offset_bytes = a->durable_bytes,
	};
}

static struct engine_response response_of(uint16_t status)
{
	return (struct engine_response){
		.status = status,
		.http_version = "1.1",
		.url = "https://example.org/file",
		.suggested_name = "file",
		.etag = status < 400 ? "\"v1\"" : NULL,
		.expected_bytes = -1,
		.can_resume = status < 400,
	};
}

void sim_post_connected(struct sim *sim, uint64_t task, bool is_http2)
{
	struct engine_event e = event_of(running(sim, task), ENGINE_EVENT_CONNECTED);

	e.is_http2 = is_http2;
	fake_engine_post(sim->engine, &e);
}

void sim_post_response(struct sim *sim, uint64_t task, uint16_t status)
{
	struct engine_event e = event_of(running(sim, task), ENGINE_EVENT_RESPONSE);
	const struct engine_response response = response_of(status);

	e.response = &response;
	fake_engine_post(sim->engine, &e);
}

void sim_post_checkpoint(struct sim *sim, uint64_t task, uint64_t offset, int64_t total)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_event e;

	a->durable_bytes = a->received_bytes = offset;
	a->total_bytes = total > 0 ? (uint64_t)total : 0;
	e = event_of(a, ENGINE_EVENT_CHECKPOINT);
	e.digest_state = "state";
	e.digest_state_bytes = 5;
	fake_engine_post(sim->engine, &e);
}

void sim_post_progress(struct sim *sim, uint64_t task, uint64_t received, int64_t total)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_event e;

	a->received_bytes = received;
	a->total_bytes = total > 0 ? (uint64_t)total : 0;
	e = event_of(a, ENGINE_EVENT_PROGRESS);
	fake_engine_post(sim->engine, &e);
}

static void post_end(struct sim *sim, struct fake_attempt *a, const struct engine_event *e)
{
	fake_engine_post(sim->engine, e);
	a->is_done = true;
	/* a download that ended well has one more report */
	if (e->result.code || e->is_stopped || a->kind != TRANSFER_TASK_DOWNLOAD)
		fake_engine_drop(sim->engine, a);
}

void sim_post_done(struct sim *sim, uint64_t task, uint64_t size)
{
	struct fake_attempt *a = running(sim, task);
	const struct engine_response response = response_of(
		a->kind == TRANSFER_TASK_UPLOAD ? 201 : 200);
	struct engine_event e;

	a->received_bytes = a->total_bytes = size;
	e = event_of(a, ENGINE_EVENT_DONE);
	e.network_bytes = size - a->resume_offset_bytes;
	e.response = &response;
	post_end(sim, a, &e);
}

void sim_post_done_status(struct sim *sim, uint64_t task, uint16_t status, uint64_t retry_after_us)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_response response = response_of(status);
	/* how long it is, the engine has read */
	static const struct engine_header header = { "Retry-After", "soon" };
	struct engine_event e;

	response.retry_after_us = retry_after_us;
	response.headers = retry_after_us ? &header : NULL;
	response.n_headers = retry_after_us != 0;
	a->received_bytes = a->total_bytes = 10;
	e = event_of(a, ENGINE_EVENT_DONE);
	e.network_bytes = 10;
	e.response = &response;
	post_end(sim, a, &e);
}

void sim_post_failed(struct sim *sim, uint64_t task, int32_t code, bool is_retryable)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_DONE);

	e.result.code = code;
	e.is_retryable = is_retryable;
	post_end(sim, a, &e);
}

void sim_post_disk_full(struct sim *sim, uint64_t task)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_DONE);

	e.result.code = TRANSFER_ERROR_CANNOT_WRITE_TO_FILE;
	e.result.os_errno = ENOSPC;
	e.is_disk_full = true;
	e.is_retryable = true;
	post_end(sim, a, &e);
}

void sim_post_stopped(struct sim *sim, uint64_t task, uint64_t offset)
{
	struct fake_attempt *a = running(sim, task);
	const struct engine_response response = response_of(200);
	struct engine_event e;

	a->durable_bytes = a->received_bytes = offset;
	e = event_of(a, ENGINE_EVENT_DONE);
	e.is_stopped = true;
	e.response = offset ? &response : NULL;
	post_end(sim, a, &e);
}

void sim_post_synced(struct sim *sim, uint64_t task, const char *digest_hex)
{
	struct fake_attempt *a = running(sim, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_SYNCED);

	CHECK(a->is_done);
	e.file_ino = 100 + task;
	e.file_size_bytes = a->total_bytes;
	e.digest_hex = digest_hex;
	if (a->may_be_unnamed) {
		e.is_unnamed = true;
		e.unnamed_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		e.file_mtime_ns = 1000 + task;
		CHECK(e.unnamed_fd >= 0);
	}
	fake_engine_post(sim->engine, &e);
	fake_engine_drop(sim->engine, a);
}

static struct fake_job *job_of(struct sim *sim, uint64_t task)
{
	for (size_t i = 0; i < fake_engine_n_jobs(sim->engine); i++)
		if (fake_engine_job(sim->engine, i)->task == task)
			return fake_engine_job(sim->engine, i);
	ck_abort_msg("no job of task %llu", (unsigned long long)task);
	return NULL;
}

void sim_post_published(struct sim *sim, uint64_t task, int32_t code)
{
	struct fake_job *job = job_of(sim, task);
	struct engine_event e = {
		.type = ENGINE_EVENT_PUBLISHED,
		.task = task,
		.attempt = job->attempt,
		.result.code = code,
	};

	if (!code) {
		fake_engine_add_file(sim->engine, job->destination);
		engine_remove_file(sim->engine, job->path);
	}
	fake_engine_post(sim->engine, &e);
	fake_engine_drop_job(sim->engine, job);
}

void sim_post_no_room(struct sim *sim, uint64_t task)
{
	struct fake_job *job = job_of(sim, task);
	const struct engine_event e = {
		.type = ENGINE_EVENT_PUBLISHED,
		.task = task,
		.attempt = job->attempt,
		.result = { .code = TRANSFER_ERROR_CANNOT_MOVE_FILE, .os_errno = ENOSPC },
		.is_disk_full = true,
	};

	fake_engine_post(sim->engine, &e);
	fake_engine_drop_job(sim->engine, job);
}

void sim_post_lost(struct sim *sim, uint64_t task)
{
	struct fake_job *job = job_of(sim, task);
	const struct engine_event e = {
		.type = ENGINE_EVENT_PUBLISHED,
		.task = task,
		.attempt = job->attempt,
		.result = { .code = TRANSFER_ERROR_CANNOT_MOVE_FILE, .os_errno = ENOENT },
		.is_restart_needed = true,
	};

	fake_engine_post(sim->engine, &e);
	fake_engine_drop_job(sim->engine, job);
}

void sim_post_snapshot(struct sim *sim, uint64_t task, int32_t code)
{
	struct fake_job *job = job_of(sim, task);
	struct engine_event e = {
		.type = ENGINE_EVENT_SNAPSHOT,
		.task = task,
		.attempt = job->attempt,
		.result.code = code,
		.file_size_bytes = job->size_bytes,
		.file_ino = 7,
	};

	fake_engine_add_file(sim->engine, job->path);
	fake_engine_post(sim->engine, &e);
	fake_engine_drop_job(sim->engine, job);
}

void sim_finish(struct sim *sim, uint64_t task, uint64_t size)
{
	sim_post_connected(sim, task, false);
	sim_post_response(sim, task, 200);
	sim_post_done(sim, task, size);
	CHECK(sim_turn(sim) == 0);
	sim_post_synced(sim, task, NULL);
	CHECK(sim_turn(sim) == 0);
}
