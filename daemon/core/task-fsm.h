/* SPDX-License-Identifier: MIT */
/*
 * The one table of a task's life. A phase is what the task does now: its durable state, refined by
 * what its attempt does. The table says for each (phase, event) what comes next and which effects
 * the caller has to carry out; every pair that is not in it is ignored. Pure: stepping has no side
 * effect.
 */
#ifndef CORE_TASK_FSM_H
#define CORE_TASK_FSM_H

#include <stdint.h>

#include "daemon/core/task.h"

/* X(symbol, name, durable state; KEEP: whatever it is) */
#define TASK_PHASES(X) \
	X(BORN, "born", \
		CANCELING) /* upload whose snapshot is not durable; forgotten by a crash, never told */ \
	X(SUSPENDED, "suspended", SUSPENDED) \
	X(QUEUED, "queued", QUEUED) \
	X(WAITING, "waiting", WAITING) \
	X(RUNNING, "running", QUEUED) /* an attempt has a slot */ \
	X(PARKING, "parking", SUSPENDED) /* suspended, its attempt is ending */ \
	X(REQUEUING, "requeuing", QUEUED) /* wants to run, its former attempt is ending */ \
	X(SYNCING, "syncing", QUEUED) /* the attempt ended well, the file is not yet durable */ \
	X(ANSWERED, "answered", \
		ANSWERED) /* upload: final response recorded, its body is arriving */ \
	X(FINISHING, "finishing", FINISHING) /* whole and durable, being put in place */ \
	X(CANCELING, "canceling", CANCELING) \
	X(COMPLETED, "completed", COMPLETED)

enum task_phase {
#define TASK_PHASE_ENUM(symbol, name, state) TASK_PHASE_##symbol,
	TASK_PHASES(TASK_PHASE_ENUM)
#undef TASK_PHASE_ENUM
		TASK_PHASE_COUNT
};

#define TASK_EVENTS(X) \
	X(SNAPSHOT_OK, "snapshot-ok") \
	X(SNAPSHOT_FAILED, "snapshot-failed") \
	X(RESUME, "resume") /* the last suspension was taken back */ \
	X(RESUME_LATER, "resume-later") /* the same, but its date has not come */ \
	X(SUSPEND, "suspend") /* the first suspension */ \
	X(CANCEL, "cancel") \
	X(RETRY, "retry") \
	X(RETRY_PLACE, "retry-place") /* all bytes are there: only put the file in place */ \
	X(START, "start") /* the scheduler gives a slot */ \
	X(LATER, "later") /* it may not start before a date */ \
	X(ASK, "ask") /* its client must answer first */ \
	X(DUE, "due") /* what it waited for has come */ \
	X(FAIL, "fail") /* ends without an attempt: doomed from creation, or out of time */ \
	X(STOP, "stop") /* paused mode, clean stop */ \
	X(ANSWER, "answer") /* final response of an upload */ \
	X(DONE_OK, "done-ok") \
	X(DONE_AGAIN, "done-again") /* failed, worth another attempt */ \
	X(DONE_DISK, "done-disk") /* no room */ \
	X(DONE_FAIL, "done-fail") \
	X(DONE_STOPPED, \
		"done-stopped") /* ended because it was asked to, or there is no network: not a failure */ \
	X(SYNCED, "synced") /* nothing is left to do */ \
	X(SYNCED_PLACE, "synced-place") /* the file has to be put in place */ \
	X(PUBLISHED, "published")

enum task_event {
#define TASK_EVENT_ENUM(symbol, name) TASK_EVENT_##symbol,
	TASK_EVENTS(TASK_EVENT_ENUM)
#undef TASK_EVENT_ENUM
		TASK_EVENT_COUNT
};

enum task_effect {
	TASK_EFFECT_START = 1 << 0, /* start an attempt */
	TASK_EFFECT_STOP = 1 << 1, /* ask the attempt to end */
	TASK_EFFECT_RELEASE = 1 << 2, /* the slot is free */
	TASK_EFFECT_ENQUEUE = 1 << 3, /* the scheduler may pick it */
	TASK_EFFECT_DEQUEUE = 1 << 4, /* the scheduler may not */
	TASK_EFFECT_WAIT = 1 << 5, /* set reason and due time */
	TASK_EFFECT_PUBLISH = 1 << 6, /* put the file in place */
	TASK_EFFECT_COMPLETE = 1 << 7, /* result, events, files: once per life */
	TASK_EFFECT_FORGET = 1 << 8, /* the row goes, nobody knew it */
};

/* X(from, event, to, effects): all that can happen. */
#define TASK_TRANSITIONS(X) \
	X(BORN, SNAPSHOT_OK, SUSPENDED, 0) \
	X(BORN, SNAPSHOT_FAILED, COMPLETED, TASK_EFFECT_FORGET) \
	X(SUSPENDED, RESUME, QUEUED, TASK_EFFECT_ENQUEUE) \
	X(SUSPENDED, RESUME_LATER, WAITING, TASK_EFFECT_WAIT) \
	X(SUSPENDED, CANCEL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(SUSPENDED, FAIL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(QUEUED, START, RUNNING, TASK_EFFECT_START) \
	X(QUEUED, LATER, WAITING, TASK_EFFECT_DEQUEUE | TASK_EFFECT_WAIT) \
	X(QUEUED, ASK, WAITING, TASK_EFFECT_DEQUEUE | TASK_EFFECT_WAIT) \
	X(QUEUED, SUSPEND, SUSPENDED, TASK_EFFECT_DEQUEUE) \
	X(QUEUED, CANCEL, COMPLETED, TASK_EFFECT_DEQUEUE | TASK_EFFECT_COMPLETE) \
	X(QUEUED, RETRY_PLACE, FINISHING, TASK_EFFECT_DEQUEUE | TASK_EFFECT_PUBLISH) \
	X(QUEUED, FAIL, COMPLETED, TASK_EFFECT_DEQUEUE | TASK_EFFECT_COMPLETE) \
	X(WAITING, DUE, QUEUED, TASK_EFFECT_ENQUEUE) \
	X(WAITING, RETRY, QUEUED, TASK_EFFECT_ENQUEUE) \
	X(WAITING, LATER, WAITING, TASK_EFFECT_WAIT) \
	X(WAITING, SUSPEND, SUSPENDED, 0) \
	X(WAITING, CANCEL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(WAITING, FAIL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(RUNNING, SUSPEND, PARKING, TASK_EFFECT_STOP) \
	X(RUNNING, CANCEL, CANCELING, TASK_EFFECT_STOP) \
	X(RUNNING, STOP, REQUEUING, TASK_EFFECT_STOP) \
	X(RUNNING, ANSWER, ANSWERED, 0) \
	X(RUNNING, DONE_OK, SYNCING, TASK_EFFECT_RELEASE) \
	X(RUNNING, DONE_AGAIN, WAITING, TASK_EFFECT_RELEASE | TASK_EFFECT_WAIT) \
	X(RUNNING, DONE_DISK, WAITING, TASK_EFFECT_RELEASE | TASK_EFFECT_WAIT) \
	X(RUNNING, DONE_FAIL, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(RUNNING, DONE_STOPPED, QUEUED, TASK_EFFECT_RELEASE | TASK_EFFECT_ENQUEUE) \
	X(PARKING, RESUME, REQUEUING, 0) \
	X(PARKING, RESUME_LATER, REQUEUING, 0) \
	X(PARKING, CANCEL, CANCELING, 0) \
	X(PARKING, ANSWER, ANSWERED, 0) \
	X(PARKING, DONE_OK, SYNCING, TASK_EFFECT_RELEASE) \
	X(PARKING, DONE_AGAIN, SUSPENDED, TASK_EFFECT_RELEASE) \
	X(PARKING, DONE_DISK, SUSPENDED, TASK_EFFECT_RELEASE) \
	X(PARKING, DONE_FAIL, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(PARKING, DONE_STOPPED, SUSPENDED, TASK_EFFECT_RELEASE) \
	X(REQUEUING, SUSPEND, PARKING, 0) \
	X(REQUEUING, CANCEL, CANCELING, 0) \
	X(REQUEUING, ANSWER, ANSWERED, 0) \
	X(REQUEUING, DONE_OK, SYNCING, TASK_EFFECT_RELEASE) \
	X(REQUEUING, DONE_AGAIN, QUEUED, TASK_EFFECT_RELEASE | TASK_EFFECT_ENQUEUE) \
	X(REQUEUING, DONE_DISK, WAITING, TASK_EFFECT_RELEASE | TASK_EFFECT_WAIT) \
	X(REQUEUING, DONE_FAIL, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(REQUEUING, DONE_STOPPED, QUEUED, TASK_EFFECT_RELEASE | TASK_EFFECT_ENQUEUE) \
	X(SYNCING, CANCEL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(SYNCING, SYNCED, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(SYNCING, SYNCED_PLACE, FINISHING, TASK_EFFECT_PUBLISH) \
	X(SYNCING, DONE_AGAIN, WAITING, TASK_EFFECT_WAIT) \
	X(SYNCING, DONE_DISK, WAITING, TASK_EFFECT_WAIT) \
	X(SYNCING, DONE_FAIL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(ANSWERED, CANCEL, CANCELING, TASK_EFFECT_STOP) \
	X(ANSWERED, DONE_OK, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(ANSWERED, DONE_AGAIN, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(ANSWERED, DONE_DISK, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(ANSWERED, DONE_FAIL, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(ANSWERED, DONE_STOPPED, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(FINISHING, PUBLISHED, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(FINISHING, DONE_AGAIN, WAITING, TASK_EFFECT_WAIT) \
	X(FINISHING, DONE_DISK, WAITING, TASK_EFFECT_WAIT) \
	X(FINISHING, DONE_FAIL, COMPLETED, TASK_EFFECT_COMPLETE) \
	X(CANCELING, DONE_OK, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(CANCELING, DONE_AGAIN, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(CANCELING, DONE_DISK, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(CANCELING, DONE_FAIL, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(CANCELING, DONE_STOPPED, COMPLETED, TASK_EFFECT_RELEASE | TASK_EFFECT_COMPLETE) \
	X(COMPLETED, RETRY, QUEUED, TASK_EFFECT_ENQUEUE) \
	X(COMPLETED, RETRY_PLACE, FINISHING, TASK_EFFECT_PUBLISH)

/* Nothing happens: the event means nothing in this phase. */
enum { TASK_FSM_E_IGNORED = 1 };

int task_fsm_step(enum task_phase phase, enum task_event event, enum task_phase *ret_next,
	unsigned *ret_effects);

enum task_phase task_fsm_phase(const struct task *task);
/*
 * Makes the task be in the phase as far as state and flags say it; counters, slots and results are
 * the caller's.
 */
void task_fsm_enter(struct task *task, enum task_phase phase);

const char *task_phase_name(enum task_phase phase);
const char *task_event_name(enum task_event event);

#endif
