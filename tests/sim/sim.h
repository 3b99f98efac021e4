/* SPDX-License-Identifier: MIT */
/*
 * A world for the flow: the real store in a folder in memory, an engine that does what is told, a
 * clock that is moved by hand. sim_turn() runs one turn with whatever was posted and checks the
 * invariants afterwards; sim_crash() is kill -9.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "daemon/flow.h"
#include "tests/lib/fake-engine.h"

#define SIM_EVENTS 64 /* remembered of the observer's calls */

struct sim {
	struct store *store;
	struct engine *engine;
	struct flow *flow;
	struct clock_now now;
	char *state_dir, *spool_dir;
	uint64_t random;
	void (*look)(bool begins); /* called around what only the world looks at; NULL: nothing */
	bool is_commit_failing; /* each commit fails until it is false again */
	uint64_t n_turns, n_failed_turns;
	uint64_t n_task_changes, n_session_changes, n_limits_changes, n_progress;
	struct flow_progress progress; /* the last one */
	const char *boot_id; /* of the next start; borrowed; NULL: not known */
	const char *disabled_apps; /* of the next start; borrowed */
	uint64_t n_asked, n_withdrawn; /* calls of the observer */
	uint64_t withdrawn; /* the last question that was */
	uint64_t told_seq; /* newest event that the observer was told of */
	bool is_session_gone;
	uint32_t max_per_lane; /* checked: running attempts per session and host */
};

/* config NULL: defaults. The world is the only one of the process. */
struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *sim);

void sim_begin(struct sim *sim);
int sim_end(struct sim *sim); /* checks */
int sim_turn(struct sim *sim); /* begin, the engine's events, end */
/* Turns until nothing is due now and no event waits. */
void sim_settle(struct sim *sim);
void sim_pass(struct sim *sim, uint64_t us); /* the clock moves; no turn */
/*
 * Moves the clock to what the flow waits for, at most by max_us, and runs that turn. False: nothing
 * is waited for.
 */
bool sim_wake(struct sim *sim, uint64_t max_us);
void sim_crash(struct sim *sim); /* and start again */

uint64_t sim_random(struct sim *sim, uint64_t below);

/* ---- shorthands; all in a turn of their own that must succeed ---- */
uint64_t sim_session(struct sim *sim, const char *app_id, const char *identifier);
uint64_t sim_session_with(struct sim *sim, const struct flow_open *open);
struct flow_open sim_open(const char *app_id, const char *identifier);
/* A running download of https://HOST/file; 0: it was refused. */
uint64_t sim_download(struct sim *sim, uint64_t session, const char *host);
uint64_t sim_create(
	struct sim *sim, uint64_t session, const struct flow_request *request, bool start_running);
int sim_create_error(struct sim *sim, uint64_t session, const struct flow_request *request);
/* What flow_tasks_create() answers, and its function. */
struct sim_created {
	unsigned n_calls;
	int error;
	uint64_t ids[100];
	size_t n;
};
void sim_on_created(void *created, int error, const uint64_t *ids, size_t n_ids);
int sim_steer(struct sim *sim, enum flow_verb verb, uint64_t id);

/* What the store says; the caller frees. */
struct task *sim_task(struct sim *sim, uint64_t id);
enum task_state sim_state(struct sim *sim, uint64_t id);
enum transfer_task_sub_state sim_sub_state(struct sim *sim, uint64_t id);
int32_t sim_result(struct sim *sim, uint64_t id); /* result.code */
/* "RESUMED FINISHED METRICS COMPLETED …" of a session after its last acknowledged event; static. */
const char *sim_events(struct sim *sim, uint64_t session);

/*
 * ---- reports of the engine about the running attempt of a task; delivered with the next turn ----
 */
void sim_post_connected(struct sim *sim, uint64_t task, bool is_http2);
void sim_post_response(struct sim *sim, uint64_t task, uint16_t status);
void sim_post_checkpoint(struct sim *sim, uint64_t task, uint64_t offset, int64_t total);
void sim_post_progress(struct sim *sim, uint64_t task, uint64_t received, int64_t total);
void sim_post_done(struct sim *sim, uint64_t task, uint64_t size);
void sim_post_done_status(struct sim *sim, uint64_t task, uint16_t status, uint64_t retry_after_us);
void sim_post_failed(struct sim *sim, uint64_t task, int32_t code, bool is_retryable);
void sim_post_disk_full(struct sim *sim, uint64_t task);
void sim_post_stopped(struct sim *sim, uint64_t task, uint64_t offset);
void sim_post_synced(struct sim *sim, uint64_t task, const char *digest_hex);
void sim_post_published(struct sim *sim, uint64_t task, int32_t code);
/* No room for its name. */
void sim_post_no_room(struct sim *sim, uint64_t task);
/* There is no file to put in place any more. */
void sim_post_lost(struct sim *sim, uint64_t task);
void sim_post_snapshot(struct sim *sim, uint64_t task, int32_t code);
/* A download from start to end. */
void sim_finish(struct sim *sim, uint64_t task, uint64_t size);

#endif
