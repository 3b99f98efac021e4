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

#include <limits.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/hash.h"
#include "daemon/core/live-fsm.h"
#include "daemon/core/map.h"
#include "daemon/core/progress.h"
#include "daemon/core/sched.h"
#include "daemon/live.h"
#include "engine/engine.h"

#define LIVE_PATH_BYTES (PATH_MAX + 64)

struct live_jar; /* cookies of an ephemeral session */
struct live_task;
TAILQ_HEAD(live_tasks, live_task);

/* A row of the line with what it owns. */
struct live_line_row {
	TAILQ_ENTRY(live_line_row) entry;
	struct live_row row;
	struct live_task *task; /* stays for as long as it has rows; NULL: about the session */
	struct engine_event *event; /* what the row's body and transactions are of; NULL: none */
	struct arena arena;
};
TAILQ_HEAD(live_line, live_line_row);

/* (session, host): a line of queued tasks in order of priority and number. */
struct live_lane {
	uint64_t id;
	struct live_session *session;
	bool is_local;
	struct live_tasks queue; /* want a slot */
	struct live_tasks ahead; /* with the engine, which begins them by itself */
	size_t n_tasks; /* that name it; 0: it goes */
	UT_hash_handle hh;
	bool is_unlisted;
	char host[];
};

struct live_task {
	struct task task; /* what everybody shows; its state is made from phase */
	struct live_session *session;
	struct live_lane *lane;
	TAILQ_ENTRY(live_task) queued; /* in its lane: queue or ahead */
	TAILQ_ENTRY(live_task) in_all;
	enum live_phase phase;
	uint64_t
		engine_id; /* the number its attempt has; task.id differs after it became a download */
	unsigned asks, tells, n_retries;
	uint64_t question; /* open; 0: none */
	enum live_event_type question_type;
	uint64_t question_due_us;
	bool is_queued, has_slot, is_ahead, is_recalled, is_stalled,
		is_counted; /* counted: not ended */
	bool is_untold; /* it has ended, and has rows */
	bool is_crowded; /* held until some of its rows were taken */
	bool is_yielding; /* is_stalled for want of an answer or of a resume */
	uint64_t
		yield_due_us; /* its question is open so long that its slot is for others; 0: none */
	char *description; /* in the task's arena, changed in place; NULL: never changed */
	bool was_told; /* anything of its answer */
	bool is_response_told, is_offline_told, is_waiting_sync;
	bool was_challenged; /* who answered wants to hear what the server says to it */
	bool prefers_whole, body_is_stream, body_is_asked;
	bool wants_resume_data;
	uint8_t kept_nonce[16]; /* of the bytes that it was made with */
	flow_resume_data_fn resume_fn;
	void *resume_user;
	/* the body of its request: bytes in the task's arena, or a descriptor */
	const void *body;
	size_t n_body;
	int body_fd; /* ours; -1: none, or a stream that an attempt has begun to read */
	int64_t body_length;
	enum transfer_service_type service_type;
	enum transfer_cache_policy cache_policy;
	bool forbids_metered;
	uint64_t suspended_boot_us; /* its resource limit stands still since; 0: it runs */
	struct progress_meter received, sent;
	struct progress_told told;
	struct live_line_row *progress; /* that waits in the line and may be joined */
	size_t n_rows; /* in the line */
	struct engine_event
		*done; /* of the attempt that is ending the task; its body is told with the end */
	struct engine_event *whole; /* DATA: the body in one file, told with the end */
	struct arena response_arena; /* of task.response: replaced more than once */
};

/* A file that was handed over: gone with the acknowledgement. */
struct live_file {
	TAILQ_ENTRY(live_file) entry;
	uint64_t seq;
	char path[];
};
TAILQ_HEAD(live_files, live_file);

#define LIVE_ANSWERED_MAX 32 /* questions that are remembered as answered, per session */

struct live_session {
	struct session *session; /* config, app, uid */
	uint64_t client, app; /* app: for the scheduler */
	uint64_t progress_interval_us, last_seq, taken_seq;
	unsigned asks, tells;
	uint64_t jar; /* for the engine; 0: none */
	struct live_jar *memory_jar; /* ephemeral; NULL: the flow's */
	struct live_line line;
	struct live_files files;
	struct live_lane *lanes; /* by host */
	size_t n_tasks, n_unended, n_untold; /* in memory; not ended; ended, and not all is told */
	struct live_line_row *last; /* BECAME_INVALID, made in time; NULL: put */
	uint64_t answered[LIVE_ANSWERED_MAX];
	unsigned n_answered;
	bool folds, is_closing, is_touched;
	bool is_blocked; /* by n_untold */
	bool is_silent; /* nobody is told any more */
	bool is_broken; /* ends with this turn; all that is told is that */
	TAILQ_ENTRY(live_session) touched;
};
TAILQ_HEAD(live_sessions, live_session);

/* Resume data on its way to who asked for it. */
struct live_reply {
	TAILQ_ENTRY(live_reply) entry;
	flow_resume_data_fn fn;
	void *user;
	void *data; /* NULL: there is none */
	size_t n_data;
};
TAILQ_HEAD(live_replies, live_reply);

struct live {
	struct live_config config;
	struct engine *engine;
	struct flow *flow;
	char *spool_dir;
	struct clock_now now;
	uint64_t last_id; /* one line of numbers for sessions, tasks, lanes, jars and questions */
	uint64_t n_apps;
	struct map sessions, tasks, by_engine_id, lanes, questions;
	struct live_tasks all; /* by number */
	struct live_sessions touched_sessions;
	struct live_replies replies; /* of this turn */
	struct engine_event_list spent;
	struct sched *sched; /* a second one: its slots are LIVE_SLOTS */
	uint64_t next_due_us; /* of any task: limit, question, progress; UINT64_MAX: none */
	size_t n_stalled, n_attempts, n_untold;
	bool is_network_up, is_stopping, is_starting_ahead;
};

/* ---- live.c ---- */
uint64_t live_next_id(struct live *live);
void live_note_due(struct live *live, uint64_t due_us);

/* ---- live-step.c ---- */
/*
 * The one door. result: for events that may end the task; NULL: success. 0, or LIVE_FSM_E_IGNORED. The task may be gone
 * afterwards.
 */
int live_step(struct live *live, struct live_task *task, enum live_event event,
	const struct transfer_result *result);
struct transfer_result live_result(int32_t code, const char *detail);

/* ---- live-row.c ---- */
/* A row for the end of the line; NULL: no memory, and the session is lost (live_session_break()). */
struct live_line_row *live_row_new(
	struct live *live, struct live_task *task, enum live_event_type type);
/* Its view becomes a copy with the response as it is now. */
int live_row_keep_response(struct live_line_row *row);
bool live_row_put_take(struct live *live, struct live_line_row *row); /* false: nobody listens */
/* What all rows of that kind need and no more. */
void live_row_tell(struct live *live, struct live_task *task, enum live_event_type type);
void live_row_response(struct live *live, struct live_task *task);
void live_row_data_take(struct live *live, struct live_task *task, struct engine_event *event_take);
void live_row_progress(struct live *live, struct live_task *task, bool is_last);
/* The last ones: all that is still to be told, then the end. resume_data: borrowed; NULL: none. */
void live_row_end(
	struct live *live, struct live_task *task, const void *resume_data, size_t n_resume_data);
/* The row for which there must be memory when there is none: made with the session. */
int live_row_prepare_last(struct live_session *session);
void live_row_put_last(struct live *live, struct live_session *session);
void live_row_free(struct live *live, struct live_line_row *row);
void live_row_clear(struct live *live, struct live_session *session);
/* Files that were handed over up to seq. */
void live_row_drop_files(struct live *live, struct live_session *session, uint64_t seq);

/* ---- live-attempt.c ---- */
int live_attempt_path(const struct live *live, const struct task *task, char buf[LIVE_PATH_BYTES]);
/* 0, or why it could not start (negative). */
int live_attempt_start(struct live *live, struct live_task *task);
int live_attempt_publish(
	struct live *live, struct live_task *task, const struct engine_event *synced);
unsigned live_attempt_weight(double priority);
uint64_t live_attempt_rate(const struct live_task *task); /* the lower bound of both; 0: none */
/*
 * Its body can be read once. The engine has its own end: from the first byte on it is the only one, so that whoever writes
 * sees when nobody reads any more.
 */
void live_attempt_drop_stream(struct live_task *task);
bool live_attempt_is_idempotent(const char *method);
void live_attempt_remove_part(struct live *live, const struct live_task *task);

/* ---- live-event.c ---- */
int live_event_keep_response(struct live_task *task, const struct engine_response *response);
/* It was no answer to the task. No row points to it. */
void live_event_forget_response(struct live_task *task);

/* Events that were taken are freed with the turn: the engine looks at one until its callback has returned. */
void live_event_drop_take(struct live *live, struct engine_event *event);
void live_event_free_dropped(struct live *live);

/* ---- live-schedule.c ---- */
struct live_lane *live_schedule_lane(
	struct live *live, struct live_session *session, const char *host);
void live_schedule_leave(struct live *live, struct live_task *task); /* its lane */
void live_schedule_enqueue(struct live *live, struct live_task *task);
void live_schedule_dequeue(struct live *live, struct live_task *task);
void live_schedule_occupy(struct live *live, struct live_task *task);
void live_schedule_release(struct live *live, struct live_task *task);
/* Its attempt does nothing for a while, and leaves its slot to others; then it goes on. */
void live_schedule_yield(struct live *live, struct live_task *task);
void live_schedule_unyield(struct live *live, struct live_task *task);
/* It has ended and has rows; it has none any more. */
void live_schedule_note_untold(struct live *live, struct live_task *task, bool is_untold);
void live_schedule_refill(struct live *live, uint64_t lane);
/* It has a slot, or is ahead, and is out of the window. */
void live_schedule_start(struct live *live, struct live_task *task);
void live_schedule_run(struct live *live);
/* The end of its resource limit is due. */
void live_schedule_note_limit(struct live *live, const struct live_task *task);
/* What is due of tasks; makes next_due_us anew. */
void live_schedule_expire(struct live *live);
bool live_schedule_reaches(const struct live *live, const struct live_task *task);

/* ---- live-ahead.c ---- */
/* Those that must give way, and slots for those that are there; then, when slots were given away, more of them. */
void live_ahead_settle(struct live *live);
void live_ahead_fill(struct live *live);
void live_ahead_join(struct live_task *task);
void live_ahead_leave(struct live *live, struct live_task *task);
/* next_task of DONE or BEGUN has a slot now. */
void live_ahead_follow(struct live *live, const struct engine_event *event);
void live_ahead_begun(struct live *live, const struct engine_event *event);

/* ---- live-answer.c ---- */
/* The row becomes a question. */
void live_answer_ask_take(struct live *live, struct live_task *task, struct live_line_row *row);
void live_answer_withdraw(struct live *live, struct live_task *task);
void live_answer_default(struct live *live, struct live_task *task);

/* ---- live-command.c ---- */
void live_command_reply(struct live *live, struct live_task *task, const void *data, size_t size);
void live_command_flush(struct live *live);
/* Resume data of an attempt that was stopped or broke: sealed, and the part is no longer the task's. NULL: none. */
void live_command_seal(
	struct live *live, struct live_task *task, void **ret_data, size_t *ret_size);

/* ---- live-cookie.c ---- */
int live_cookie_open(struct live *live, struct live_session *session);
void live_cookie_close(struct live *live, struct live_session *session);
void live_cookie_fill(const struct live_task *task, struct engine_spec *spec);
void live_cookie_event(struct live *live, const struct engine_event *event);

/* ---- live-session.c ---- */
struct live_session *live_session_lookup(const struct live *live, uint64_t id);
void live_session_touch(struct live *live, struct live_session *session); /* has events */
/* Without memory for what it must be told: over, and nothing more is told but that. */
void live_session_break(struct live *live, struct live_session *session);
/* Nobody listens any more: rows go, tasks that have ended go, those with an attempt when it has. */
void live_session_end(struct live *live, struct live_session *session);
/* Those that are closing, without tasks and with nothing left to tell, are gone. */
void live_session_settle(struct live *live, struct live_session *session);
void live_session_free(struct live *live, struct live_session *session);

/* ---- live-create.c ---- */
/* A FIFO, a socket or a file that can be read. 0 or FLOW_E_INVALID_REQUEST */
int live_create_check_stream(int fd);
struct live_task *live_task_find(const struct live *live, uint64_t id);
/* Ended, and all of it was told. */
void live_task_forget(struct live *live, struct live_task *task);

#endif
