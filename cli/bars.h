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

/* What the block shows of one task; strings borrowed for the call. */
struct bars_row {
	uint64_t id;
	const char *name;
	const char *mark; /* one column */
	enum term_color color;
	const char *state; /* "running", "queued", "waiting" … */
	const char *note; /* instead of rate and ETA: "next try in 0:45", NULL: none */
	const char *outcome; /* finished: "saved as x", "failed: why"; NULL: not finished */
	uint64_t done_bytes;
	int64_t total_bytes; /* -1 unknown */
	uint64_t rate_bps;
	bool is_transferring;
};

struct bars;

int bars_new(const struct term *term, bool is_exact, struct bars **ret_bars);
/* Takes the block off the screen, shows the cursor. NULL is fine. */
void bars_free(struct bars *bars);

/* One round: begin, a row for each task in order, end (which draws). now_us: monotonic. n_total: tasks asked for. */
void bars_begin(struct bars *bars, uint64_t now_us, size_t n_total);
void bars_row(struct bars *bars, const struct bars_row *row);
void bars_end(struct bars *bars);
/* The block stays where it is and is not touched again: others have written below it. */
void bars_forget(struct bars *bars);
/* Takes the block off so that other lines can be printed; the next round draws it anew. */
void bars_clear(struct bars *bars);

#endif
