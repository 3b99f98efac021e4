/* SPDX-License-Identifier: MIT */
/*
 * What the flow's files share: the model in memory and the steps that several of them take. Only
 * daemon/flow*.c includes this.
 *
 *   flow.c           life of the flow, words for errors and keys
 *   flow-turn.c      the turn: commit, roll back, tell
 *   flow-step.c      one door from a task event to what follows from it; how a task ends
 *   flow-attempt.c   commands to the engine
 *   flow-event.c     reports of the engine
 *   flow-schedule.c  who starts now; waiting tasks; whose time is over; limits and network
 *   flow-ahead.c     attempts that the engine begins by itself when another ends
 *   flow-age.c       clocks that are wrong at the start
 *   flow-sweep.c     files that belong to nobody
 *   flow-cookie.c    cookies of sessions
 *   flow-session.c   sessions
 *   flow-attach.c    the client of a session, its events, acknowledgement
 *   flow-create.c    new tasks;  flow-birth.c  uploads whose snapshot is being made;  flow-resume.c  resume data
 *   flow-command.c   verbs on tasks
 *   flow-question.c  what clients are asked
 *   flow-quit.c      the end of all work of an application
 *   flow-query.c     lists, progress, counters, words for people
 */
#ifndef DAEMON_FLOW_STATE_H
#define DAEMON_FLOW_STATE_H

#include <errno.h>
#include <limits.h>
#include <dirent.h>
#include <sys/queue.h>

#include "daemon/core/map.h"
#include "daemon/core/progress.h"
#include "daemon/core/registry.h"
#include "daemon/core/request.h"
#include "daemon/core/sched.h"
#include "daemon/core/task-fsm.h"
#include "daemon/flow.h"
#include "daemon/outbox.h"
#include "engine/engine.h"
#include "daemon/store/store.h"

#define FLOW_KEY_BYTES        32
#define FLOW_PATH_BYTES       PATH_MAX
#define FLOW_RETRY_US         UINT64_C(1000000) /* after a commit that failed */
#define FLOW_UNSAVED_US       UINT64_C(1000000) /* that a first attempt may be known to nobody but us */
#define FLOW_PAGE             512 /* rows per turn of work that may be long */
#define FLOW_RECENT           256
#define FLOW_STALE_BYTES      65536 /* of a task's arena before it is loaded anew */
#define FLOW_DELETE_PARTIAL   ECANCELED /* in the errno of a task that is being cancelled */
#define FLOW_SNAPSHOT_ATTEMPT UINT32_MAX

struct flow_jar;

struct flow_session {
	struct session *session;
	struct flow_jar *jar; /* the last that was asked for; NULL: none was */
	uint64_t app; /* number of (uid, app id) for the scheduler */
	uint64_t client, progress_interval_us;
	uint64_t
		finished_events_seq; /* of this attachment; older FINISHED_EVENTS are not told again */
	uint64_t last_seq; /* newest event */
	bool has_new_events, has_new_questions, is_told; /* in this turn */
	bool is_new, is_gone; /* in this turn */
	bool is_emptying; /* INVALID with tasks left that must be cancelled */
	bool is_defaulting; /* has questions, maybe, that its client cannot be asked */
	uint64_t defaulted_id; /* it was looked at up to this one */
	bool is_quitting; /* has tasks left that are cancelled for this reason */
	enum flow_cancelled_reason quit_reason;
	struct flow_session
		*before; /* shallow copy (with *session in before_session); NULL: untouched */
	struct session before_session;
	TAILQ_ENTRY(flow_session) touched;
};

/* Someone waits for the end of a cancelled task, to get its resume data. */
struct flow_answer {
	flow_resume_data_fn fn;
	void *user;
	uint64_t turn; /* in which it was asked for */
};

struct flow_birth;
TAILQ_HEAD(flow_birth_list, flow_birth);

struct flow_recent {
	uint64_t id, generation;
};

struct flow {
	struct store *store;
	struct engine *engine;
	const struct flow_observer *observer;
	void *observer_user;
	char *spool_dir;
	uint64_t spool_turn; /* in which it was looked whether that is there */
	uint64_t floor_bps, floor_window_us, retention_us;
	char *disabled_apps; /* separated by spaces; NULL: none */
	bool resumes_uploads;
	uint8_t key[FLOW_KEY_BYTES];
	uint64_t random;

	/* the model */
	struct registry registry;
	struct sched *sched;
	struct map sessions;
	uint64_t n_apps;
	struct flow_jar *jars; /* of all sessions that were asked for theirs */
	uint64_t n_jars; /* made so far */
	bool has_spare_jars; /* some may have lost their last session */
	struct flow_birth_list births;
	struct flow_limits limits, limits_before;
	uint32_t n_attempts_max; /* as configured */
	bool is_network_up, is_stopping;
	char boot_id[FLOW_BOOT_ID_BYTES];
	uint64_t started_file_wall_us;
	bool is_same_boot; /* the machine has not been down since the daemon before us */
	bool has_local; /* some task is for a host on this machine: goes on without network */

	/* the turn */
	struct clock_now now;
	uint64_t turn;
	bool is_in_turn, is_failing, is_sched_stale;
	bool has_more; /* work is left for the next turn, which is due at once */
	bool is_limits_told;
	int poison; /* negative: a step failed half way, the turn must not be committed */
	bool is_starting_ahead; /* what is being started gets no slot yet */
	uint64_t retry_after_us; /* the server's wish, of the failure that is being handled */
	struct engine_event
		*synced; /* that is being handled, of a file without a name; else NULL */
	uint64_t retry_us; /* failing: not before this */
	struct outbox outbox;
	struct engine_event_list turn_events, kept_events;
	struct engine_event *poisoned; /* the one of turn_events that poisoned the turn, or NULL */
	TAILQ_HEAD(, flow_session) touched_sessions;

	/* time */
	/* flow-age.c: the saved clock, and when it was that late */
	uint64_t age_wall_us, age_boot_us;
	/* flow-age.c: behind what waits are still to be looked at, and before this turn */
	struct store_due waits_after, waits_before;
	/* steady wall clock: immune to a clock that is set back */
	uint64_t base_boot_us, base_wall_us;
	uint64_t next_due_wall_us;
	bool is_due_known, is_waking;
	uint64_t next_expiry_boot_us; /* a task's resource limit runs out */
	bool is_expiry_known;
	uint64_t wake_after_id; /* waking: WAITING tasks up to this one were looked at */
	uint64_t pruned_boot_us;
	DIR *sweep_dir; /* the spool, looked through since the start; NULL: all was seen */
	size_t n_kept; /* files of flow-kept.c: not less than there are */
	size_t n_unsaved; /* tasks with unsaved_since_us */
	uint64_t starts_due_us; /* none of them has to be saved before */
	uint64_t late_due_us; /* no progress that came too soon is to be told before */

	/* counters */
	uint64_t n_repaired; /* rows of the store that were found damaged so far */
	uint64_t generation;
	struct flow_recent recent[FLOW_RECENT];
	size_t n_recent;
	uint64_t started_wall_us;
	uint64_t n_attempts, n_retries, n_commits, received_bytes, sent_bytes;
	struct progress_samples received_samples, sent_samples;
	struct progress_meter received_meter, sent_meter;
};

/* ---- flow.c ---- */
/* After each change of the limits: the scheduler's slots are what is asked for and what there are descriptors for. */
void flow_apply_slots(struct flow *flow);

/* ---- flow-turn.c ---- */
/*
 * Writes what touched tasks and sessions owe the store: before a query in the same turn, and before
 * the commit.
 */
int flow_turn_flush(struct flow *flow);
int flow_turn_touch(struct flow *flow, struct active *active);
/* Marks the task as changed: what (STORE_SAVE_…) goes to the store, and observers hear of it. */
int flow_turn_change(struct flow *flow, struct active *active, unsigned what);
/* The store hears of a first attempt with what is saved of the task, FLOW_UNSAVED_US later at the latest. */
void flow_turn_note_start(struct flow *flow, uint64_t since_us);
/* The live object or the loaded row; FLOW_E_NO_SUCH_TASK. */
int flow_turn_task(struct flow *flow, uint64_t id, struct active **ret_active);
/* A step failed half way: nothing of this turn will be committed. Returns error. */
int flow_turn_poison(struct flow *flow, int error);
/* Wall clock that never goes back while the daemon runs; never behind the real one. */
uint64_t flow_turn_steady_wall_us(const struct flow *flow);
/* What something's age is counted to: a clock that is set forward makes nothing old for a day (flow-age.c). */
uint64_t flow_turn_age_wall_us(const struct flow *flow);
/* For a later turn. */
void flow_turn_keep_take(struct flow *flow, struct engine_event *event);

/* ---- flow-step.c ---- */
/* 0, TASK_FSM_E_IGNORED or negative. result: for events that may end the task; NULL: success. */
int flow_step(struct flow *flow, struct active *active, enum task_event event,
	const struct transfer_result *result);
struct transfer_result flow_step_result(int32_t code, const char *detail);
/* The event of the session, told after this turn. Sets its session, time and number. */
int flow_step_put_event(struct flow *flow, uint64_t session, struct store_event *event);
/* When the session has no task left and is to end: it ends. */
int flow_step_settle_session(struct flow *flow, struct flow_session *session);
/* The next attempt begins with the first byte, in the same file: removing it could hit that one. */
void flow_step_forget_part(struct active *active);
/* The partial file and what belongs to it are no longer wanted. */
int flow_step_drop_part(struct flow *flow, struct active *active);

/* ---- flow-attempt.c ---- */
int flow_attempt_start(struct flow *flow, struct active *active);
int flow_attempt_begin(struct flow *flow, const struct task *task);
int flow_attempt_recall(struct flow *flow, const struct task *task);
int flow_attempt_stop(struct flow *flow, const struct task *task);
int flow_attempt_publish(struct flow *flow, struct task *task);
int flow_attempt_snapshot(struct flow *flow, uint64_t task, int fd_take);
int flow_attempt_remove(struct flow *flow, const char *path);
enum flow_attempt_file { FLOW_FILE_PART, FLOW_FILE_SOURCE, FLOW_FILE_BODY };
int flow_attempt_path(const struct flow *flow, const struct task *task, enum flow_attempt_file file,
	char buf[FLOW_PATH_BYTES]);
/* In the spool, whatever the task's destination is. */
void flow_attempt_spool_path(const struct flow *flow, uint64_t id, enum flow_attempt_file file,
	char buf[FLOW_PATH_BYTES]);
uint64_t flow_attempt_left_us(
	const struct flow *flow, const struct task *task); /* of the resource limit */

/* ---- flow-event.c ---- */
void flow_event_apply(struct flow *flow, const struct engine_event *event);
/* Progress that came too soon to be told when it came, and nothing after it. */
void flow_event_tell_late(struct flow *flow);

/* ---- flow-cookie.c ---- */
/* What the engine must know of cookies to start the task; reads the session's store when it is the first. */
struct engine_spec;
int flow_cookie_fill(struct flow *flow, const struct task *task, struct engine_spec *spec);
/* An answer set cookies. 0 or negative. */
int flow_cookie_event(struct flow *flow, const struct engine_event *event);
/* After a turn: those that no session and no attempt has any more go. */
void flow_cookie_sweep(struct flow *flow);
size_t flow_cookie_count(const struct flow *flow); /* stores in memory */
void flow_cookie_free_all(struct flow *flow);

/* ---- flow-schedule.c ---- */
/* It may be picked; a task whose session could not be read may not. */
int flow_schedule_enqueue(struct flow *flow, const struct task *task);
int flow_schedule_run(struct flow *flow); /* due tasks, emptying sessions, free slots */
int flow_schedule_rebuild(struct flow *flow);
bool flow_schedule_is_open(const struct flow *flow); /* anything may start at all */
/* Fills the lane's window from the store. */
int flow_schedule_refill(struct flow *flow, uint64_t lane);
/* The scheduler has picked it. */
int flow_schedule_start(struct flow *flow, uint64_t lane, uint64_t id);
/* The network is up, or the host is this machine. */
bool flow_schedule_reaches(const struct flow *flow, const struct task *task);

/* ---- flow-ahead.c ---- */
int flow_ahead_recall(struct flow *flow); /* where others wait for the slots */
int flow_ahead_promote(struct flow *flow); /* into free slots */
void flow_ahead_begun(struct flow *flow, const struct engine_event *event); /* who took one */
int flow_ahead_fill(struct flow *flow);
/* A DONE says who has the place of the attempt now. */
int flow_ahead_follow(struct flow *flow, const struct engine_event *event);

/* ---- flow-age.c ---- */
/* 2023: a wall clock before that is wrong. */
#define FLOW_NOT_BEFORE_WALL_US (UINT64_C(1672531200) * CLOCK_US_PER_S)
int flow_age_start(struct flow *flow);
int flow_age_save(struct flow *flow); /* once an hour */
/* After a start: a page a turn, until all were looked at. */
int flow_age_shorten_waits(struct flow *flow);
uint64_t flow_age_wall_us(const struct flow *flow);

/* ---- flow-sweep.c ---- */
int flow_sweep(struct flow *flow);
int flow_sweep_more(struct flow *flow); /* in each turn, until all was seen */
void flow_sweep_done(struct flow *flow);

/* ---- flow-session.c ---- */
struct flow_session *flow_session_lookup(const struct flow *flow, uint64_t id);
int flow_session_touch(struct flow *flow, struct flow_session *session);
int flow_session_load_all(struct flow *flow);
bool flow_session_is_text(
	const char *s, size_t max_bytes); /* not empty, valid UTF-8, not too long */
int flow_session_empty(struct flow *flow); /* a page of tasks of sessions that were cancelled */
void flow_session_free(struct flow_session *session);
uint64_t flow_session_app_tasks(const struct flow *flow, const struct flow_session *session);

/* ---- flow-create.c ---- */
/*
 * Another URL, method, list of header fields and timeout; judged as those of a new task. Nothing is
 * changed when it is refused.
 */
int flow_create_replace(struct flow *flow, struct task *task, const struct task_request *with,
	char ret_host[REQUEST_HOST_MAX_BYTES]);

/* ---- flow-judge.c ---- */
/* 0, INVALID_REQUEST, FILE_NOT_FOUND, ACCESS_DENIED; NULL is fine */
int flow_judge_ca_file(const char *path, const struct look_answer *seen);
/* Texts, fields, digests, numbers, CA file. */
int flow_judge_words(enum transfer_task_kind kind, const struct task_request *request,
	const struct look_answer *seen);
/* The two fill what judgement has to be filled; one who is doomed stays so for the first reason. */
int flow_judge_url(const struct session_config *config, const struct task_request *request,
	struct flow_judgement *judgement);
int flow_judge_destination(const struct task_request *request, struct flow_judgement *judgement);

/* ---- flow-kept.c ---- */
struct blob;
/* The file that the resume data names. FLOW_E_NO_RESUME_DATA: there is none. */
int flow_kept_find(const struct flow *flow, const struct blob *blob);
int flow_kept_path(const struct flow *flow, const uint8_t nonce[16], char path[FLOW_PATH_BYTES]);
/*
 * Bytes change hands: a second name for them. Where the turn fails it goes again; the first one is the caller's to remove after
 * the commit. FLOW_E_NO_RESUME_DATA: not possible, or somebody came before: two tasks must not write to one file.
 */
int flow_kept_hand_over(struct flow *flow, const char *from, const char *to);
/* Kept files that nobody came for; is_start: parts of tasks that were in memory, too. */
int flow_kept_sweep(struct flow *flow, bool is_start);

/* ---- flow-birth.c ---- */
struct flow_birth_spec {
	uint64_t session;
	bool start_running;
	const char *token;
	flow_created_fn fn;
	void *user;
	const uint64_t *ids;
	size_t n_ids;
	const bool *has_snapshot; /* per id: a snapshot is on its way */
	const struct transfer_result
		*dooms; /* per id: what it fails with when resumed; code 0: nothing */
};
int flow_birth_begin(struct flow *flow, const struct flow_birth_spec *spec);
/* the application (struct flow_session.app) has to wait until its files are copied */
bool flow_birth_is_full(const struct flow *flow, uint64_t app);
bool flow_birth_has_token(const struct flow *flow, uint64_t session, const char *token);
void flow_birth_event(struct flow *flow, const struct engine_event *event);
void flow_birth_free_all(struct flow *flow);

/* ---- flow-resume.c ---- */
int flow_resume_load_key(struct flow *flow);
/* Sealed resume data of a task that ended; caller frees; NULL when there is none. */
int flow_resume_seal(struct flow *flow, const struct task *task, void **ret_data, size_t *ret_size);
/*
 * Fills a new task from resume data: its URL when it has none, offset, validators; dooms it when
 * the data cannot be used.
 */
struct flow_resume {
	const void *data;
	size_t size;
	struct flow_session *session;
	uint64_t from; /* result: task whose bytes are taken over; 0: none */
	bool is_kept; /* result: a file of nobody's is, instead: the one of this name */
	uint8_t nonce[16];
};
/* The task that the bytes were kept of; 0 and NULL when it is not that any more. */
int flow_resume_load_old(struct flow *flow, const struct blob *blob, struct task **ret_old);
/* What its request said, for request_carry_read(): asked of the task, so that its resume data need not hold it. NULL: nothing. */
int flow_resume_carry(const struct task *old, struct arena *arena, const char **ret_carried);
int flow_resume_open(struct flow *flow, struct flow_resume *resume, struct task *task);
/* After the new task has its number: the part changes hands. */
int flow_resume_take_part(
	struct flow *flow, const struct flow_resume *resume, struct active *active);

/* ---- flow-command.c ---- */
/* Takes one suspension back, or all. */
int flow_command_resume(struct flow *flow, struct active *active, bool is_forced);
struct flow_cancel {
	int32_t reason;
	bool delete_partial;
};
/* Ends the task with -999; one that cannot be cancelled any more is left alone. */
int flow_command_cancel(struct flow *flow, struct active *active, const struct flow_cancel *how);
/* A page of the session's tasks that have not ended. The session is touched then; has_more: again in the next turn. */
int flow_command_cancel_page(struct flow *flow, struct flow_session *session,
	const struct flow_cancel *how, bool *ret_has_more);

/* ---- flow-question.c ---- */
/* The task's date has come and its client must be asked before it begins. */
bool flow_question_is_due(const struct flow *flow, const struct task *task);
int flow_question_ask(struct flow *flow, struct active *active, enum question_kind kind);
int flow_question_withdraw(struct flow *flow, const struct task *task);
/* What the client that attaches can be asked; the default is taken for what it cannot. */
int flow_question_attach(struct flow *flow, struct flow_session *session, uint32_t implements);
int flow_question_default(struct flow *flow);

/* ---- flow-quit.c ---- */
bool flow_quit_is_disabled(const struct flow *flow, const char *app_id);
struct transfer_result flow_quit_result(enum flow_cancelled_reason reason);
/* What a start finds: a quit that is not done, or an application that may not work any more. */
int flow_quit_load(struct flow *flow, struct flow_session *session);
int flow_quit_run(struct flow *flow);

/* ---- flow-query.c ---- */
void flow_query_note_recent(struct flow *flow, const struct task *task);

#endif
