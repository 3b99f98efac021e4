/* SPDX-License-Identifier: MIT */
/*
 * What a client can be asked. A question is about one task, which waits for the answer; it is asked
 * at each attach until it is answered, once, or until its task needs no answer any more. A client
 * that does not have the method is never asked: then the default holds.
 */
#ifndef CORE_QUESTION_H
#define CORE_QUESTION_H

#include <stdint.h>

/* X(symbol, number, delegate's method = signal); numbers are stored: never renumber, at most 31. */
#define QUESTION_KINDS(X) X(DELAYED_REQUEST, 1, "WillBeginDelayedRequest")

enum question_kind {
	QUESTION_NONE = 0,
#define QUESTION_KIND_ENUM(symbol, number, method) QUESTION_##symbol = (number),
	QUESTION_KINDS(QUESTION_KIND_ENUM)
#undef QUESTION_KIND_ENUM
};
#define QUESTION_KIND_MAX QUESTION_DELAYED_REQUEST

/* Values are stored: never renumber. */
enum question_state {
	QUESTION_STATE_OPEN = 0,
	QUESTION_STATE_ANSWERED = 1,
	QUESTION_STATE_WITHDRAWN =
		2, /* nobody needs the answer any more, or the default was taken */
};

struct question {
	uint64_t id; /* never reused, unique per daemon */
	uint64_t session, task;
	enum question_kind kind;
	enum question_state state;
	uint64_t asked_wall_us;
};

/* QUESTION_NONE: the method asks nothing. */
enum question_kind question_kind_of(const char *method);
/* Its bit in what a client implements. */
uint32_t question_bit(enum question_kind kind);

#endif
