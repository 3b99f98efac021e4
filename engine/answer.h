/* SPDX-License-Identifier: MIT */
/* What the caller says to a question about a redirect or about a response, on its way to the attempt that asked. */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "engine/engine.h"

struct answer;
struct xfer;

/* 0, -ENOMEM. request: of REPLACE; part_path: of TO_FILE; both are copied. */
int answer_new_redirect(enum engine_redirect_answer what, const struct engine_request *request,
	struct answer **ret_answer);
int answer_new_response(
	enum engine_response_answer what, const char *part_path, struct answer **ret_answer);
/* NULL is fine. */
struct answer *answer_free(struct answer *answer);
/* The worker's thread. */
void answer_give(const struct answer *answer, struct xfer *xfer);

#endif
