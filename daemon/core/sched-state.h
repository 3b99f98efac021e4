/* SPDX-License-Identifier: MIT */
/* What a scheduler is made of, for its own files: sched.c lanes, windows and slots; sched-ahead.c attempts ahead. */
#ifndef CORE_SCHED_STATE_H
#define CORE_SCHED_STATE_H

#include <sys/queue.h>

#include "daemon/core/map.h"
#include "daemon/core/sched.h"

struct app {
	uint64_t number;
	size_t n_lanes; /* all, ready or not */
	struct lane **heap; /* ready lanes */
	size_t n_ready, room;
	uint64_t served; /* turn of the last pick */
	bool is_in_ring;
	TAILQ_ENTRY(app) ring;
};

TAILQ_HEAD(app_ring, app);

struct lane {
	uint64_t number;
	struct app *app;
	uint32_t limit, n_running;
	bool is_http2, is_whole, is_wanting, is_local, is_blocked;
	uint64_t served; /* turn of the last pick */
	size_t heap_index;
	size_t first, n; /* window[first .. first + n) */
	struct sched_candidate *window; /* NULL while empty */
	/* while it is not whole: the store has others behind this, and none before */
	struct sched_candidate read;
	TAILQ_ENTRY(lane) wanting; /* wants a refill */
	uint32_t n_promised; /* slots among n_running, for those ahead */
	uint32_t n_ahead, n_ended,
		depth; /* attempts ahead; ended well in this round; to have ahead (shrinks slowly: some commits take long) */
	double ahead_priority; /* the lowest of those ahead */
	bool is_ending, is_ahead, is_recalled;
	TAILQ_ENTRY(lane) ending, ahead; /* n_ended, n_ahead are not 0 */
};
TAILQ_HEAD(lane_list, lane);

struct sched {
	struct map lanes, apps;
	uint32_t n_slots, n_running, n_promised;
	bool is_offline;
	uint64_t turn;
	struct app_ring ring; /* by served */
	struct lane_list wanting, ending, ahead;
};

/* Attempts at once. */
uint32_t sched_limit_of(const struct lane *lane);
/* Behind all others, with its application. */
void sched_note_served(struct sched *sched, struct lane *lane);
/* After each change of a lane: into its lists and out of them; frees one that is empty. */
void sched_settle(struct sched *sched, struct lane *lane);

#endif
