/* SPDX-License-Identifier: MIT */
/* What the caller says to a question about a redirect, a response or a challenge, on its way to the attempt that asked. */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "engine/engine.h"

struct answer;
struct xfer;

/* NULL is fine. */
struct answer *answer_free(struct answer *answer);
/* engine.c: to the worker of the attempt, if there is one; the answer: taken, and wiped when it goes. 0 or -ENOMEM */
int answer_send_take(struct engine *engine, uint64_t task, uint32_t attempt, struct answer *answer);
/* The worker's thread. */
void answer_give(const struct answer *answer, struct xfer *xfer);

#endif
