/* SPDX-License-Identifier: MIT */
/*
 * The one table of a live task's life: what the daemon does with a task that lives in memory. The library keeps what was never
 * resumed; here a task begins as QUEUED. Pure, as task-fsm.h is; every pair that is not in it is ignored.
 */
#ifndef CORE_LIVE_FSM_H
#define CORE_LIVE_FSM_H

#include <stdbool.h>

/* X(symbol, name) */
#define LIVE_PHASES(X) \
	X(QUEUED, "queued") /* wants a slot */ \
	X(RUNNING, "running") /* its attempt has a slot */ \
	X(ASKING, "asking") /* its attempt waits for an answer of the client */ \
	X(HELD, "held") /* suspended with its attempt */ \
	X(STOPPING, "stopping") /* suspended: its attempt is ending, it will begin again */ \
	X(SUSPENDED, "suspended") /* without attempt */ \
	X(OFFLINE, "offline") /* waits for a network (waitsForConnectivity) */ \
	X(FINISHING, "finishing") /* a file is being put in place */ \
	X(CANCELING, "canceling") /* its attempt is ending for good */ \
	X(ENDED, "ended")

enum live_phase {
#define LIVE_PHASE_ENUM(symbol, name) LIVE_PHASE_##symbol,
	LIVE_PHASES(LIVE_PHASE_ENUM)
#undef LIVE_PHASE_ENUM
		LIVE_PHASE_COUNT
};

#define LIVE_EVENTS(X) \
	X(START, "start") /* a slot */ \
	X(SUSPEND, "suspend") \
	X(RESUME, "resume") \
	X(RESUME_ASKED, "resume-asked") /* the same, while its question is open */ \
	X(CANCEL, "cancel") /* also: the client left, the session was cancelled, time is up */ \
	X(ASK, "ask") \
	X(ANSWER, "answer") \
	X(CONNECT_AGAIN, \
		"connect-again") /* ended before anything was told, worth one silent attempt more */ \
	X(NO_NETWORK, "no-network") /* ended for want of one, and may wait */ \
	X(NETWORK, "network") \
	X(DONE, "done") /* the attempt ended; how is in its result */ \
	X(DONE_STOPPED, "done-stopped") \
	X(DONE_PLACE, "done-place") /* well, and its file has a destination */ \
	X(PLACED, "placed")

enum live_event {
#define LIVE_EVENT_ENUM(symbol, name) LIVE_EVENT_##symbol,
	LIVE_EVENTS(LIVE_EVENT_ENUM)
#undef LIVE_EVENT_ENUM
		LIVE_EVENT_COUNT
};

enum live_effect {
	LIVE_EFFECT_START = 1 << 0,
	LIVE_EFFECT_STOP = 1 << 1,
	LIVE_EFFECT_HOLD = 1 << 2, /* engine_hold_attempt(true) */
	LIVE_EFFECT_LET_GO = 1 << 3, /* engine_hold_attempt(false) */
	LIVE_EFFECT_RELEASE = 1 << 4, /* the slot is free */
	LIVE_EFFECT_ENQUEUE = 1 << 5,
	LIVE_EFFECT_DEQUEUE = 1 << 6,
	LIVE_EFFECT_WITHDRAW = 1 << 7, /* the question that is open */
	LIVE_EFFECT_PUBLISH = 1 << 8,
	LIVE_EFFECT_TELL_OFFLINE = 1 << 9, /* IsWaitingForConnectivity, at most once a task */
	LIVE_EFFECT_END = 1 << 10, /* result, last events: once per life */
};

/* X(from, event, to, effects) */
#define LIVE_TRANSITIONS(X) \
	X(QUEUED, START, RUNNING, LIVE_EFFECT_START) \
	X(QUEUED, SUSPEND, SUSPENDED, LIVE_EFFECT_DEQUEUE) \
	X(QUEUED, CANCEL, ENDED, LIVE_EFFECT_DEQUEUE | LIVE_EFFECT_END) \
	X(QUEUED, NO_NETWORK, OFFLINE, LIVE_EFFECT_DEQUEUE | LIVE_EFFECT_TELL_OFFLINE) \
	X(RUNNING, SUSPEND, HELD, LIVE_EFFECT_HOLD) \
	X(RUNNING, CANCEL, CANCELING, LIVE_EFFECT_STOP) \
	X(RUNNING, ASK, ASKING, 0) \
	X(RUNNING, CONNECT_AGAIN, QUEUED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_ENQUEUE) \
	X(RUNNING, NO_NETWORK, OFFLINE, LIVE_EFFECT_RELEASE | LIVE_EFFECT_TELL_OFFLINE) \
	X(RUNNING, DONE, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(RUNNING, DONE_STOPPED, QUEUED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_ENQUEUE) \
	X(RUNNING, DONE_PLACE, FINISHING, LIVE_EFFECT_RELEASE | LIVE_EFFECT_PUBLISH) \
	X(ASKING, ANSWER, RUNNING, 0) \
	X(ASKING, SUSPEND, HELD, LIVE_EFFECT_HOLD) /* the question stays open */ \
	X(ASKING, CANCEL, CANCELING, LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_STOP) \
	X(ASKING, DONE, ENDED, LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(ASKING, DONE_STOPPED, QUEUED, \
		LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_RELEASE | LIVE_EFFECT_ENQUEUE) \
	X(HELD, RESUME, RUNNING, LIVE_EFFECT_LET_GO) \
	X(HELD, RESUME_ASKED, ASKING, LIVE_EFFECT_LET_GO) \
	X(HELD, ASK, HELD, 0) \
	X(HELD, ANSWER, HELD, 0) \
	X(HELD, CANCEL, CANCELING, LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_STOP) \
	X(HELD, CONNECT_AGAIN, SUSPENDED, LIVE_EFFECT_RELEASE) \
	X(HELD, NO_NETWORK, SUSPENDED, LIVE_EFFECT_RELEASE) \
	X(HELD, DONE, ENDED, LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(HELD, DONE_STOPPED, SUSPENDED, LIVE_EFFECT_WITHDRAW | LIVE_EFFECT_RELEASE) \
	X(HELD, DONE_PLACE, FINISHING, LIVE_EFFECT_RELEASE | LIVE_EFFECT_PUBLISH) \
	X(STOPPING, RESUME, RUNNING, 0) /* DONE_STOPPED queues it again */ \
	X(STOPPING, CANCEL, CANCELING, 0) \
	X(STOPPING, CONNECT_AGAIN, SUSPENDED, LIVE_EFFECT_RELEASE) \
	X(STOPPING, NO_NETWORK, SUSPENDED, LIVE_EFFECT_RELEASE) \
	X(STOPPING, DONE, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(STOPPING, DONE_STOPPED, SUSPENDED, LIVE_EFFECT_RELEASE) \
	X(STOPPING, DONE_PLACE, FINISHING, LIVE_EFFECT_RELEASE | LIVE_EFFECT_PUBLISH) \
	X(SUSPENDED, RESUME, QUEUED, LIVE_EFFECT_ENQUEUE) \
	X(SUSPENDED, CANCEL, ENDED, LIVE_EFFECT_END) \
	X(OFFLINE, NETWORK, QUEUED, LIVE_EFFECT_ENQUEUE) \
	X(OFFLINE, SUSPEND, SUSPENDED, 0) \
	X(OFFLINE, CANCEL, ENDED, LIVE_EFFECT_END) \
	X(FINISHING, PLACED, ENDED, LIVE_EFFECT_END) \
	X(FINISHING, DONE, ENDED, LIVE_EFFECT_END) \
	X(CANCELING, DONE, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(CANCELING, DONE_STOPPED, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(CANCELING, DONE_PLACE, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(CANCELING, CONNECT_AGAIN, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END) \
	X(CANCELING, NO_NETWORK, ENDED, LIVE_EFFECT_RELEASE | LIVE_EFFECT_END)

/*
 * Downloads are stopped instead of held (Range brings the rest): SUSPEND of RUNNING leads to STOPPING with STOP for them, of ASKING
 * with STOP and WITHDRAW. RESUME_ASKED is RESUME in every phase but HELD. Effects are idempotent: RELEASE of a task without a
 * slot and WITHDRAW without a question do nothing.
 */
enum { LIVE_FSM_E_IGNORED = 1 };
struct live_step {
	enum live_phase next;
	unsigned effects;
};
int live_fsm_step(
	enum live_phase phase, enum live_event event, bool is_download, struct live_step *ret_step);
const char *live_phase_name(enum live_phase phase);

#endif
