/* SPDX-License-Identifier: MIT */
/*
 * What the files of live sessions share. Only daemon/live*.c includes this.
 *
 *   live.c           life, the turn, timers, stop
 *   live-session.c   sessions: open, close, flush, their client
 *   live-create.c    new tasks: judged as the flow judges them (flow_request_judge())
 *   live-step.c      one door from an event of the table to its effects; how a task ends
 *   live-attempt.c   specs and commands for the engine
 *   live-event.c     reports of the engine
 *   live-schedule.c  lanes, slots, waiting for the network, timeouts
 *   live-ahead.c     attempts that the engine begins by itself, as flow-ahead.c
 *   live-answer.c    questions and answers
 *   live-row.c       the line of events of each session
 *   live-command.c   verbs, priority, resume data
 *   live-cookie.c    cookies of ephemeral sessions; those of others through flow_jar_…()
 *   live-query.c     looks and lists
 */
#ifndef DAEMON_LIVE_STATE_H
#define DAEMON_LIVE_STATE_H

#include <sys/queue.h>

#include "base/hash.h"
#include "daemon/core/live-fsm.h"
#include "daemon/core/map.h"
#include "daemon/core/progress.h"
#include "daemon/core/sched.h"
#include "daemon/live.h"
#include "engine/engine.h"

struct live_lane; /* (session, host): a line of queued tasks in order of priority and number */
struct live_line_row; /* a row of the line with what it owns */
TAILQ_HEAD(live_line, live_line_row);

struct live_task {
	struct task
		task; /* the model that everybody shows; state and sub-state are made from phase when it is looked at */
	struct live_session *session;
	struct live_lane *lane;
	TAILQ_ENTRY(live_task) queued; /* in its lane */
	enum live_phase phase;
	uint64_t
		engine_id; /* the number its attempt has; task.id differs after it became a download */
	unsigned asks, tells, n_retries, n_suspends;
	uint64_t question; /* open; 0: none */
	enum live_event_type question_type;
	uint64_t question_due_us;
	bool has_slot, is_ahead, is_stalled, was_told; /* told: anything of its answer */
	bool is_offline_told, is_download_now;
	bool wants_resume_data;
	flow_resume_data_fn resume_fn;
	void *resume_user;
	struct live_request
		request; /* what the attempt needs besides task.request; body copied, fd ours */
	uint64_t deadline_us; /* resource limit, monotonic */
	struct progress_meter received, sent;
	struct progress_told told;
	struct live_line_row *progress; /* that waits in the line and may be joined */
	size_t n_rows; /* in the line */
};

struct live_session {
	struct session *session; /* config, app, uid */
	uint64_t client, app; /* app: for the scheduler */
	uint64_t progress_interval_us, last_seq;
	unsigned asks, tells;
	uint64_t jar; /* for the engine; 0: none */
	struct live_jar *memory_jar; /* ephemeral; NULL: the flow's */
	struct live_line line;
	size_t n_tasks;
	bool folds, is_closing, is_touched;
	TAILQ_ENTRY(live_session) touched;
};

struct live {
	struct live_config config;
	char *spool_dir;
	struct clock_now now;
	uint64_t last_id; /* one line of numbers for sessions, tasks and questions */
	struct map sessions, tasks, by_engine_id, lanes;
	struct sched *sched; /* a second one: its slots are LIVE_SLOTS */
	TAILQ_HEAD(, live_session) touched_sessions;
	size_t n_stalled;
	bool is_network_up, is_stopping, is_in_turn;
};

/* ---- live-step.c ---- */
/* The one door. result: for events that may end the task; NULL: success. */
void live_step(struct live *live, struct live_task *task, enum live_event event,
	const struct transfer_result *result);
/* ---- live-row.c ---- */
/* Takes over row's fd; copies all else. Out of memory: the session is closed with its client told by the end of the line. */
void live_row_put(struct live *live, struct live_session *session, const struct live_row *row);
void live_row_end(struct live *live, struct live_task *task, const struct engine_event *done);
void live_row_clear(struct live_session *session);
/* ---- live-attempt.c ---- */
void live_attempt_start(struct live *live, struct live_task *task);
void live_attempt_stop(struct live *live, struct live_task *task);
/* ---- live-schedule.c ---- */
void live_schedule_enqueue(struct live *live, struct live_task *task);
void live_schedule_dequeue(struct live *live, struct live_task *task);
void live_schedule_release(struct live *live, struct live_task *task);
void live_schedule_run(struct live *live);
uint64_t live_schedule_next_us(const struct live *live);
/* ---- live-answer.c ---- */
void live_answer_ask(struct live *live, struct live_task *task, const struct live_row *row);
void live_answer_withdraw(struct live *live, struct live_task *task);
void live_answer_expire(struct live *live);
/* ---- live-cookie.c ---- */
struct live_jar;
int live_cookie_open(struct live *live, struct live_session *session);
void live_cookie_close(struct live *live, struct live_session *session);
void live_cookie_event(struct live *live, const struct engine_event *event);
/* ---- live-session.c ---- */
struct live_session *live_session_lookup(const struct live *live, uint64_t id);
void live_session_touch(struct live *live, struct live_session *session);
void live_session_settle(
	struct live *live, struct live_session *session); /* closing, and without tasks: gone */
/* ---- live-create.c ---- */
struct live_task *live_task_find(const struct live *live, uint64_t id);
void live_task_forget(struct live *live, struct live_task *task);

#endif
