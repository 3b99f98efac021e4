/* SPDX-License-Identifier: MIT */
/*
 * The durable model: sessions, tasks, undelivered events, questions, cookies, settings. SQLite in WAL with synchronous=FULL. The only place with SQL.
 * Main thread only. Silent: returns 0, -errno or an outcome below.
 *
 * One transaction per turn of the main loop (group commit): writes begin it, store_commit() ends it. When store_commit() fails,
 * nothing of the turn is durable and the caller answers every waiting call with an error; reads then show the state before the turn.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core/question.h"
#include "daemon/core/session.h"
#include "daemon/core/task.h"

enum {
	STORE_E_NOT_FOUND = 1,
	STORE_E_DUPLICATE,
	STORE_E_NEWER_SCHEMA, /* written by a newer transferd: refused, untouched */
	STORE_E_FULL, /* no room on the disk (ENOSPC, EDQUOT) */
	STORE_E_LOCKED, /* another transferd holds this state folder */
};

struct store;

/* What opening did that people must hear about. */
struct store_report {
	char set_aside[256]; /* path of the damaged database that was moved away; "" when none */
	char backup[256]; /* path of the copy made before migrating; "" when none */
	bool was_clean; /* the one before us ended in order */
	bool has_new_indexes; /* they were damaged; the tables were not */
	int migrated_from, migrated_to;
};

/*
 * store_open - opens or creates STATE_DIR/queue.db
 * @state_dir: absolute, 0700, owned by us (checked)
 * Sets application_id, integrity-checks (quick_check bounded in time: a clean shutdown skips it), sets a damaged or foreign file aside as
 * queue.db.corrupt-TIME and starts empty, backs up and migrates an older schema, keeps a 1 MiB ballast file that is given up to let a
 * cancel through when the disk is full.
 */
int store_open(const char *state_dir, struct store **ret_store, struct store_report *ret_report);
/* Rolls back what is open, marks a clean shutdown, closes. NULL is fine. */
void store_close(struct store *store);

/* The disk is nearly full: new tasks and sessions are refused, what is there may still change and end. */
bool store_is_full(struct store *store);
bool store_is_dirty(const struct store *store); /* a transaction is open */
/*
 * -ESTALE: the database file vanished or was replaced under us (F-10; looked at once a second at most); -EUCLEAN: it is damaged.
 * FAILPOINT "store.commit.before"/".after"
 */
int store_commit(struct store *store);
void store_rollback(struct store *store);

/* ---- sessions ---- */
int store_session_put(
	struct store *store, struct session *session); /* sets session->id; STORE_E_DUPLICATE */
/* The row of that name, which cannot be read, gives the name away; all else of it stays as it is. */
int store_session_unname(struct store *store, const struct session *session);
int store_session_save(struct store *store,
	const struct session *
		session); /* state, config, description, last_acked_seq; -EUCLEAN as store_task_save() */
int store_session_del(struct store *store, uint64_t id); /* with its tasks, events, tokens */
typedef int (*store_session_fn)(struct session *session_take, void *user); /* takes ownership */
int store_session_each(
	struct store *store, store_session_fn fn, void *user); /* n_tasks, n_events filled */

/* ---- lanes: one per (session, host) that ever had a task; never many ---- */
int store_lane_get(struct store *store, uint64_t session, const char *host,
	uint64_t *ret_lane); /* made when missing */
struct store_lane {
	uint64_t lane, session;
	const char *host;
	uint64_t n_queued;
};
typedef int (*store_lane_fn)(const struct store_lane *lane, void *user);
int store_lane_each(struct store *store, store_lane_fn fn,
	void *user); /* only lanes with queued tasks; must not read the queue row by row */

/* ---- tasks ---- */
int store_task_put(struct store *store, struct task *task); /* sets task->id; lane must be set */
/* Only the number; the row is put by store_task_save(STORE_SAVE_NEW) in the same turn, once, as it is then. */
int store_task_number(struct store *store, struct task *task);
/* What is given out is less than STORE_NUMBER_END: from there on numbers are not the store's. What is found may be no higher than half of that. */
#define STORE_NUMBER_END (UINT64_C(1) << 52)
#define STORE_NUMBER_MAX (STORE_NUMBER_END / 2)
/* Only higher numbers from now on; one that was never given out, STORE_NUMBER_MAX or above, changes nothing. */
int store_task_number_above(struct store *store, uint64_t id);
/* STORE_E_NOT_FOUND. A row that does not parse (damaged or hostile database) becomes a failed task, with its event, and is loaded as that. */
int store_task_load(struct store *store, uint64_t id, struct task **ret_task);
/*
 * What the committed row of the task says is known by this one, which nobody needs any more: taken over. It may be what
 * store_task_load() gives when it is asked for the next time.
 */
void store_task_keep_take(struct store *store, struct task *task_take);
enum {
	STORE_SAVE_STATE = 1
		<< 0, /* state, suspend_count, wait_reason, due, is_begun, attempts, failures, times, resource_left, expires */
	STORE_SAVE_PROGRESS =
		1 << 1, /* offset, total, sent, network, validators, digest state, can_resume */
	STORE_SAVE_RESPONSE = 1 << 2, /* response */
	STORE_SAVE_RESULT = 1
		<< 3, /* result, last_error, failing_url, file identity, digest, redirects, body_bytes */
	STORE_SAVE_REQUEST =
		1 << 4, /* what SetTasks may change: description, priority, max_rate, not_before */
	STORE_SAVE_ATTEMPT = 1
		<< 5, /* of STATE: attempts, started, resource_left, expires: no index of the queue */
	STORE_SAVE_NEW = 1 << 6, /* the row itself: what was asked for, state and progress */
	STORE_SAVE_REPLACED =
		1 << 7, /* another request before it begins: url, method, headers, lane, timeout */
};
/* -EUCLEAN: the row is not there. What the model has the database has, or it is damaged. */
int store_task_save(struct store *store, struct task *task, unsigned what);
/* Saves many for which what says no more than that they are new, for less than each alone. */
bool store_task_is_only_new(const struct task *task, unsigned what);
int store_task_save_new(struct store *store, struct task *const *tasks, size_t n);
int store_task_del(struct store *store, uint64_t id); /* with its events */

/* A part of a lane's queue: ids and priorities of QUEUED tasks in order (priority descending, id ascending). */
struct store_candidate {
	uint64_t id;
	double priority;
};
struct store_window {
	uint64_t lane;
	size_t limit;
	struct store_candidate after; /* only what sorts behind it; id 0: from the head */
};
int store_lane_window(struct store *store, const struct store_window *window,
	struct store_candidate *candidates, size_t *ret_n);

int store_due_next(struct store *store, uint64_t *ret_due_wall_us); /* UINT64_MAX: nothing waits */
/*
 * Of the first limit tasks that wait for a moment, behind that place in their order: who does so for another try or for room waits
 * until to_wall_us instead. after: is moved behind them. STORE_E_NOT_FOUND: those were the last.
 */
struct store_due {
	uint64_t wall_us, id;
};
int store_due_lower(
	struct store *store, struct store_due *after, uint64_t to_wall_us, size_t limit);
/* Moves WAITING tasks whose time has come to QUEUED; fn hears each (id, lane). At most limit. reason TASK_WAIT_NONE: any. */
typedef int (*store_due_fn)(uint64_t task, uint64_t lane, void *user);
int store_due_take(
	struct store *store, uint64_t now_wall_us, size_t limit, store_due_fn fn, void *user);

/* ---- the resource limit of QUEUED and WAITING tasks that were started once (expires_boot_us) ---- */
int store_expiry_next(struct store *store, uint64_t *ret_boot_us); /* UINT64_MAX: none runs */
/* Those whose time is over, the longest first. ids: room for limit. Changes nothing. */
int store_expiry_ids(
	struct store *store, uint64_t now_boot_us, size_t limit, uint64_t *ids, size_t *ret_n);
/*
 * After a start. Tasks whose attempt died with the daemon get a moment again, from what was left; so
 * do those whose moment is farther away than that: the machine was started anew.
 */
int store_expiry_renew(struct store *store, uint64_t now_boot_us);

/*
 * Tasks in FINISHING, ANSWERED or CANCELING: what a restart has to finish first. Bounded by what was in flight.
 * Plain downloads whose files are on their way to their places are loaded as FINISHING; counted they are as QUEUED, as those that run.
 */
typedef int (*store_task_fn)(struct task *task_take, void *user);
int store_task_each_unsettled(struct store *store, store_task_fn fn, void *user);

/* Listing with a keyset cursor: ids in ascending order after after_id, at most limit. Other zero members mean "any". */
struct store_filter {
	uint64_t session;
	const uint64_t *ids;
	size_t n_ids;
	uint64_t first_id, last_id;
	uint32_t kinds_mask, states_mask; /* bit (1 << kind), bit (1 << enum task_state); 0: any */
	bool include_finished; /* with states_mask the mask alone decides */
	uid_t uid; /* only this user's; (uid_t)-1: any */
	const char *app_id, *name_glob;
	uint64_t after_id;
	size_t limit;
};
int store_task_each(
	struct store *store, const struct store_filter *filter, store_task_fn fn, void *user);
/* Verbs on many tasks in SQL, for ranges and "all": ids that match the filter in pages. ids: room for filter->limit. */
int store_task_ids(
	struct store *store, const struct store_filter *filter, uint64_t *ids, size_t *ret_n);

struct store_counts {
	uint64_t by_state[8]; /* enum task_state */
	uint64_t n_failed; /* COMPLETED with an error of their own */
	uint64_t n_cancelled; /* COMPLETED because they were cancelled */
	uint64_t n_events;
	uint64_t database_bytes;
};
int store_counts(struct store *store,
	struct store_counts *ret_counts); /* full count once at open, kept up to date after that */
/*
 * Grows with each row that could not be read and was ended or dropped: what was counted in memory
 * has to be counted anew.
 */
uint64_t store_n_repaired(const struct store *store);
/* Events that were not acknowledged. */
int store_session_events(struct store *store, uint64_t session, uint64_t *ret_n);
int store_session_unfinished(struct store *store, uint64_t session, uint64_t *ret_n);
int store_session_tasks(
	struct store *store, uint64_t session, uint64_t *ret_n); /* all that are kept */

/* ---- delegate events: rows made in the transaction that made them true; args come from the task's row ---- */
enum store_event_type { /* stored: never renumber */
	STORE_EVENT_RESUMED = 1, /* a: offset, b: total (-1 unknown) */
	STORE_EVENT_RECEIVED_DATA = 2, /* response body of an upload; a: bytes */
	STORE_EVENT_FINISHED_DOWNLOADING = 3, /* a: 1 when the file is not in the spool */
	STORE_EVENT_METRICS = 4,
	STORE_EVENT_COMPLETED = 5,
	STORE_EVENT_FINISHED_EVENTS = 6,
	STORE_EVENT_BECAME_INVALID = 7,
};
#define STORE_END_EVENTS_MAX 3
struct store_event {
	uint64_t seq; /* grows over all sessions, never reused */
	uint64_t session, task; /* task 0: about the session */
	enum store_event_type type;
	uint64_t wall_us;
	int64_t a, b;
	/* when put: METRICS and COMPLETED, or COMPLETED alone, which come right after it, in its row; else 0 */
	unsigned n_after;
};
/* Sets seq: of the last where more come after it. task.end_seq is that one's at the end of a task. */
int store_event_put(struct store *store, struct store_event *event);
typedef int (*store_event_fn)(const struct store_event *event, void *user);
struct store_event_range {
	uint64_t session, after_seq;
	size_t limit;
	uint64_t last_seq; /* 0: all there are */
};
int store_event_each(
	struct store *store, const struct store_event_range *range, store_event_fn fn, void *user);
/* Removes events up to seq; fn hears each before, so that files handed over can go. */
int store_event_ack(
	struct store *store, uint64_t session, uint64_t seq, store_event_fn fn, void *user);
int store_event_last_seq(struct store *store, uint64_t session, uint64_t *ret_seq);

/* Finished tasks without events older than the moment, and events older than the limit: gone. At most limit rows; fn hears each task. */
int store_prune(struct store *store, uint64_t finished_before_wall_us, size_t limit,
	store_due_fn fn, void *user);

/* ---- cookies: one store per user, application and name ---- */
#define STORE_JARS_PER_USER_MAX 1000
struct store_jar {
	uid_t uid;
	const char *app_id, *name;
};
/*
 * In the place of the same one; one whose time is over goes. What is too much goes, the oldest first (TRANSFER_COOKIES_MAX).
 * STORE_E_NOT_FOUND: the user has too many stores to get another one.
 */
int store_cookie_put(struct store *store, const struct store_jar *jar,
	const struct transfer_cookie *cookie, uint64_t now_wall_us);
struct store_cookie_range {
	uint64_t after_id, now_wall_us; /* those whose time is over are passed over */
	size_t limit;
};
typedef int (*store_cookie_fn)(uint64_t id, const struct transfer_cookie *cookie, void *user);
/* The oldest first. */
int store_cookie_each(struct store *store, const struct store_jar *jar,
	const struct store_cookie_range *range, store_cookie_fn fn, void *user);
int store_cookie_clear(struct store *store, const struct store_jar *jar);
/* The machine was started anew: what was to last until then goes, and what is over. */
int store_cookie_sweep(struct store *store, uint64_t now_wall_us);

/* ---- questions: made in the transaction that makes the task wait for the answer ---- */
int store_question_put(struct store *store, struct question *question); /* sets id; open */
int store_question_load(
	struct store *store, uint64_t id, struct question *ret_question); /* STORE_E_NOT_FOUND */
/* The open one; STORE_E_NOT_FOUND. */
int store_question_of_task(struct store *store, uint64_t task, struct question *ret_question);
int store_question_close(struct store *store, uint64_t id, enum question_state state);
/* The first open one of the session after after_id; STORE_E_NOT_FOUND. */
int store_question_next(
	struct store *store, uint64_t session, uint64_t after_id, struct question *ret_question);
/* Open ones of the session up to up_to_id; of all sessions. */
int store_question_count(struct store *store, uint64_t session, uint64_t up_to_id, uint64_t *ret_n);
int store_question_count_all(struct store *store, uint64_t *ret_n);

/* ---- tokens: a repeated CreateTasks after a lost reply answers with the first one's tasks ---- */
int store_token_put(
	struct store *store, uint64_t session, const char *token, const uint64_t *ids, size_t n);
struct store_ids {
	uint64_t *ids;
	size_t n;
};
int store_token_load(struct store *store, uint64_t session, const char *token, struct arena *arena,
	struct store_ids *ret_ids); /* STORE_E_NOT_FOUND */

/* ---- settings that survive (mode, limits, keys) ---- */
int store_setting_put(struct store *store, const char *name, const void *value, size_t size);
int store_setting_load(struct store *store, const char *name, void *value, size_t size,
	size_t *ret_size); /* STORE_E_NOT_FOUND */

#endif
