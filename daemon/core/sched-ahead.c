/* SPDX-License-Identifier: MIT */
/* Attempts ahead: how many, when they give way, and who gets a slot that is free. */
#include <assert.h>

#include "daemon/core/sched-state.h"

/* Ahead are so many times those that ended in a round: a first turn sees a few ends of what becomes thousands a second. */
#define AHEAD_GROWTH 4

void sched_note_end(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	if (!lane)
		return;
	lane->n_ended++;
	if (!lane->is_ending)
		TAILQ_INSERT_TAIL(&sched->ending, lane, ending);
	lane->is_ending = true;
}

/* Does another lane get no slot because this one has them? */
static bool is_contended(const struct sched *sched, const struct lane *lane)
{
	const struct lane *other;
	const struct app *app;

	if (sched->n_running < sched->n_slots)
		return false;
	TAILQ_FOREACH (app, &sched->ring, ring) {
		if (app->n_ready > 1 || app->heap[0] != lane)
			return true;
	}
	TAILQ_FOREACH (other, &sched->wanting, wanting) {
		if (other != lane)
			return true;
	}
	return false;
}

/* Places are passed on only while there are not too many, and there is a network. */
static bool is_over(const struct sched *sched, const struct lane *lane)
{
	return sched->n_running > sched->n_slots || lane->n_running > sched_limit_of(lane) ||
		(sched->is_offline && !lane->is_local);
}

static bool is_overtaken(const struct lane *lane)
{
	return lane->n && lane->window[lane->first].priority > lane->ahead_priority;
}

bool sched_next_ahead(struct sched *sched, uint64_t *ret_lane)
{
	struct lane *lane;
	uint32_t wanted;

	while ((lane = TAILQ_FIRST(&sched->ending))) {
		wanted = lane->n_ended > 1 ? lane->n_ended * AHEAD_GROWTH : 0;
		TAILQ_REMOVE(&sched->ending, lane, ending);
		lane->is_ending = false;
		lane->n_ended = 0;
		if (wanted < lane->depth - (lane->depth + 63) / 64)
			wanted = lane->depth - (lane->depth + 63) / 64;
		lane->depth = wanted < SCHED_AHEAD_MAX ? wanted : SCHED_AHEAD_MAX;
		if (is_contended(sched, lane) || is_over(sched, lane))
			lane->depth = 0;
		if (lane->n_ahead >= lane->depth)
			continue;
		*ret_lane = lane->number;
		return true;
	}
	return false;
}

static void list_ahead(struct sched *sched, struct lane *lane)
{
	bool is_ahead = lane->n_ahead;

	if (is_ahead && !lane->is_ahead)
		TAILQ_INSERT_TAIL(&sched->ahead, lane, ahead);
	if (!is_ahead && lane->is_ahead)
		TAILQ_REMOVE(&sched->ahead, lane, ahead);
	lane->is_ahead = is_ahead;
	lane->is_recalled = lane->is_recalled && is_ahead;
	sched_settle(sched, lane);
}

enum sched_ahead sched_pick_ahead(struct sched *sched, uint64_t number, uint64_t *ret_id)
{
	struct lane *lane = map_find(&sched->lanes, number);
	const struct sched_candidate *c;

	if (!lane || lane->is_recalled || lane->n_ahead >= lane->depth)
		return SCHED_AHEAD_NONE;
	if (!lane->n)
		return lane->is_whole ? SCHED_AHEAD_NONE : SCHED_AHEAD_STARVED;
	c = &lane->window[lane->first];
	*ret_id = c->id;
	if (!lane->n_ahead || c->priority < lane->ahead_priority)
		lane->ahead_priority = c->priority;
	lane->first++;
	lane->n--;
	lane->n_ahead++;
	list_ahead(sched, lane);
	return SCHED_AHEAD_PICKED;
}

void sched_ahead_add(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	assert(lane);
	lane->n_ahead++;
	list_ahead(sched, lane);
}

void sched_ahead_drop(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	if (!lane || !lane->n_ahead)
		return;
	lane->n_ahead--;
	list_ahead(sched, lane);
}

void sched_ahead_occupy(struct sched *sched, uint64_t number)
{
	sched_note_served(sched, map_find(&sched->lanes, number));
	sched_occupy(sched, number);
	sched_ahead_drop(sched, number);
}

bool sched_next_recall(struct sched *sched, uint64_t *ret_lane)
{
	struct lane *lane;

	TAILQ_FOREACH (lane, &sched->ahead, ahead) {
		if (lane->is_recalled ||
			(!is_overtaken(lane) && !is_contended(sched, lane) &&
				!is_over(sched, lane)))
			continue;
		lane->is_recalled = true;
		lane->depth = 0;
		*ret_lane = lane->number;
		return true;
	}
	return false;
}

bool sched_next_promotion(struct sched *sched, uint64_t *ret_lane)
{
	struct lane *lane;

	if (sched->n_running >= sched->n_slots)
		return false;
	TAILQ_FOREACH (lane, &sched->ahead, ahead) {
		if (lane->is_recalled || lane->n_running >= sched_limit_of(lane) ||
			lane->n_ahead <= lane->n_promised)
			continue;
		*ret_lane = lane->number;
		return true;
	}
	return false;
}

void sched_promise(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	assert(lane);
	lane->n_promised++;
	sched->n_promised++;
	sched_occupy(sched, number);
}

void sched_keep_promise(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	/* given before everything was forgotten */
	if (!lane || !lane->n_promised)
		return;
	lane->n_promised--;
	sched->n_promised--;
	sched_release(sched, number);
}
