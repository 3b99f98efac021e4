/* SPDX-License-Identifier: MIT */
/*
 * Progress of many transfers on stderr: a block of bars that is drawn in place on a terminal (at most 10 times a second), or one
 * line per state change and per 10 % or 30 s elsewhere. Finished tasks become lines that stay, above the block.
 */
#ifndef CLI_BARS_H
#define CLI_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/term.h"

#define BARS_RANKS 4

/* What the block shows of one task; strings borrowed for the call. */
struct bars_row {
	uint64_t id;
	const char *name;
	const char *mark; /* one column */
	enum term_color color;
	unsigned rank; /* below BARS_RANKS: rows of a lower one come first */
	const char *state; /* "running", "queued", "waiting" … */
	const char *note; /* instead of rate and ETA: "next try in 0:45", NULL: none */
	const char *outcome; /* finished: "saved as x", or why not; NULL: not finished */
	uint64_t done_bytes;
	int64_t total_bytes; /* -1 unknown */
	uint64_t rate_bps;
	uint64_t took_us; /* finished: from its first attempt on; 0: not known */
	bool is_transferring, is_upload;
};

/* The line above the bars of a service. */
struct bars_service {
	uint64_t n_running, n_queued, n_waiting;
	uint64_t max_down_bps, max_up_bps; /* 0: none */
	bool is_paused;
	const char *metered; /* "yes", "no", "unknown" */
};

struct bars;

int bars_new(const struct term *term, bool is_exact, struct bars **ret_bars);
/* Takes the block off the screen, shows the cursor. NULL is fine. */
void bars_free(struct bars *bars);

/* One round: begin, a row for each task, end (which draws). now_us: monotonic. n_total: tasks in all. */
void bars_begin(struct bars *bars, uint64_t now_us, size_t n_total);
void bars_row(struct bars *bars, const struct bars_row *row);
/* service: what to say above the bars; NULL: nothing. */
void bars_end(struct bars *bars, const struct bars_service *service);
/* The block stays where it is and is not touched again: others have written below it. */
void bars_forget(struct bars *bars);
/* Takes the block off so that other lines can be printed; the next round draws it anew. */
void bars_clear(struct bars *bars);

#endif
