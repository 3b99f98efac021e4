/* SPDX-License-Identifier: MIT */
/* Waits for tasks while showing their progress: what get, put, watch and wait have in common. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/ctx.h"

struct follow {
	const uint64_t *ids; /* borrowed */
	size_t n_ids;
	bool is_silent; /* wait */
	bool ends_when_suspended; /* a suspended task will not move: exit EXIT_CODE_UNFINISHED */
};

/* How it ended; EXIT_CODE_OK only when every task succeeded. rows (jansson array) receives finished tasks, may be NULL. */
struct follow_end {
	enum exit_code code;
	bool was_interrupted;
	size_t n_done, n_failed;
};

/* Prints bars or lines as --progress says; returns when all have ended, on Ctrl-C, or at --timeout. */
int follow_run(struct ctx *ctx, const struct follow *follow, struct follow_end *ret_end);

#endif
