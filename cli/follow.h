/* SPDX-License-Identifier: MIT */
/* Waits for tasks while showing their progress: what get, put, watch and wait have in common. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/ctx.h"

#define FOLLOW_LEFT_BYTES 160

struct follow {
	const uint64_t *ids; /* borrowed */
	size_t n_ids;
	bool is_silent; /* wait */
	bool ends_when_suspended; /* a suspended task will not move: exit EXIT_CODE_UNFINISHED */
	bool takes_new; /* tasks made meanwhile are followed, too */
	bool is_service; /* watch: the service above the bars; q leaves */
	bool is_large; /* ids are only the first of many: what moves is followed as well */
	bool as_json_lines; /* a line on stdout for each task that has changed */
};

/* How it ended; EXIT_CODE_OK only when every task succeeded. */
struct follow_end {
	enum exit_code code;
	bool was_interrupted, was_left; /* by Ctrl-C, by q */
	size_t n_done, n_failed, n_left; /* n_left: did not end */
	char left[FOLLOW_LEFT_BYTES]; /* which: "7", "7 9 12", "7-300" */
};

/* "Still running in the background: …", and how to come back or to cancel. */
void follow_say_detached(const struct ctx *ctx, const struct follow_end *end);

/* Prints bars or lines as --progress says; returns when all have ended, on Ctrl-C, or at --timeout. */
int follow_run(struct ctx *ctx, const struct follow *follow, struct follow_end *ret_end);

/*
 * follow_patience - whether to ask again after a failure
 * The daemon may have died: D-Bus starts it again. Waits a moment; false when it has not answered for long, or for another reason.
 */
bool follow_patience(const transfer_error *error, uint64_t *since_us);

#endif
