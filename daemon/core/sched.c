/* SPDX-License-Identifier: MIT */
/*
 * Lanes in a map, each with its window; applications in a map, each with a heap of the lanes that could start something now; the
 * applications that have such a lane in a ring, the one that was served longest ago first. A pick costs O(log lanes); nothing here
 * grows with the number of tasks.
 *
 * A window is "whole" when it holds every queued task of its lane. Otherwise it holds the first
 * ones, and a task that sorts behind its last is left to the store: the window is filled again when
 * it is empty, from where it was read to. A lane with nothing queued and nothing running is forgotten.
 */
#include "daemon/core/sched.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/err.h"
#include "daemon/core/sched-state.h"

#define NOT_IN_HEAP SIZE_MAX
struct sched *sched_new(uint32_t n_slots)
{
	struct sched *sched = calloc(1, sizeof(*sched));

	if (!sched)
		return NULL;
	sched->n_slots = n_slots;
	TAILQ_INIT(&sched->ring);
	TAILQ_INIT(&sched->wanting);
	TAILQ_INIT(&sched->ending);
	TAILQ_INIT(&sched->ahead);
	return sched;
}

static void lane_free(struct lane *lane)
{
	free(lane->window);
	free(lane);
}

static void app_free(struct app *app)
{
	free(app->heap);
	free(app);
}

void sched_reset(struct sched *sched)
{
	struct lane *lane;
	struct app *app;
	size_t cursor = 0;

	while ((lane = map_next(&sched->lanes, &cursor)))
		lane_free(lane);
	cursor = 0;
	while ((app = map_next(&sched->apps, &cursor)))
		app_free(app);
	map_done(&sched->lanes);
	map_done(&sched->apps);
	TAILQ_INIT(&sched->ring);
	TAILQ_INIT(&sched->wanting);
	TAILQ_INIT(&sched->ending);
	TAILQ_INIT(&sched->ahead);
	sched->n_running = sched->n_promised = 0;
}

void sched_free(struct sched *sched)
{
	if (!sched)
		return;
	sched_reset(sched);
	free(sched);
}

void sched_set_slots(struct sched *sched, uint32_t n_slots)
{
	sched->n_slots = n_slots;
}

/* ---- the heap of an application's ready lanes ---- */

static bool is_before(const struct lane *a, const struct lane *b)
{
	double pa = a->window[a->first].priority, pb = b->window[b->first].priority;

	if (pa > pb || pa < pb)
		return pa > pb;
	return a->served != b->served ? a->served < b->served : a->number < b->number;
}

static void heap_place(struct app *app, size_t i, struct lane *lane)
{
	app->heap[i] = lane;
	lane->heap_index = i;
}

static void heap_fix(struct app *app, size_t i)
{
	struct lane *lane = app->heap[i];

	while (i && is_before(lane, app->heap[(i - 1) / 2])) {
		heap_place(app, i, app->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = i * 2 + 1;

		if (child >= app->n_ready)
			break;
		if (child + 1 < app->n_ready && is_before(app->heap[child + 1], app->heap[child]))
			child++;
		if (!is_before(app->heap[child], lane))
			break;
		heap_place(app, i, app->heap[child]);
		i = child;
	}
	heap_place(app, i, lane);
}

static void heap_remove(struct app *app, struct lane *lane)
{
	size_t i = lane->heap_index;

	lane->heap_index = NOT_IN_HEAP;
	if (i != --app->n_ready) {
		heap_place(app, i, app->heap[app->n_ready]);
		heap_fix(app, i);
	}
}

uint32_t sched_limit_of(const struct lane *lane)
{
	if (!lane->is_http2)
		return lane->limit;
	return lane->limit < SCHED_AHEAD_MAX ? lane->limit * SCHED_LANE_HTTP2 : lane->limit;
}

static void forget(struct sched *sched, struct lane *lane)
{
	struct app *app = lane->app;

	map_remove(&sched->lanes, lane->number);
	if (lane->is_ending)
		TAILQ_REMOVE(&sched->ending, lane, ending);
	lane_free(lane);
	if (--app->n_lanes)
		return;
	assert(!app->is_in_ring);
	map_remove(&sched->apps, app->number);
	app_free(app);
}

/* Who was served longest ago comes first: one that is new waits for one slot at most. */
static void join_ring(struct sched *sched, struct app *app)
{
	struct app *before = TAILQ_LAST(&sched->ring, app_ring);

	while (before && before->served > app->served)
		before = TAILQ_PREV(before, app_ring, ring);
	if (!before)
		TAILQ_INSERT_HEAD(&sched->ring, app, ring);
	else
		TAILQ_INSERT_AFTER(&sched->ring, before, app, ring);
}

void sched_note_served(struct sched *sched, struct lane *lane)
{
	lane->served = lane->app->served = ++sched->turn;
	if (!lane->app->is_in_ring)
		return;
	TAILQ_REMOVE(&sched->ring, lane->app, ring);
	TAILQ_INSERT_TAIL(&sched->ring, lane->app, ring);
}

/*
 * Puts the lane where it belongs after any change of its window, its limit or its attempts. It may
 * be gone afterwards.
 */
void sched_settle(struct sched *sched, struct lane *lane)
{
	struct app *app = lane->app;
	bool has_room = lane->n_running < sched_limit_of(lane) && !lane->is_blocked &&
		(lane->is_local || !sched->is_offline);
	bool is_ready = lane->n && has_room;
	bool is_wanting = !lane->n && !lane->is_whole && has_room;

	/* The heap has room for every lane of its application: made when the lane was. */
	if (is_ready && lane->heap_index == NOT_IN_HEAP)
		heap_place(app, app->n_ready++, lane);
	if (is_ready)
		heap_fix(app, lane->heap_index);
	else if (lane->heap_index != NOT_IN_HEAP)
		heap_remove(app, lane);
	if (app->n_ready && !app->is_in_ring)
		join_ring(sched, app);
	if (!app->n_ready && app->is_in_ring)
		TAILQ_REMOVE(&sched->ring, app, ring);
	app->is_in_ring = app->n_ready;
	if (is_wanting && !lane->is_wanting)
		TAILQ_INSERT_TAIL(&sched->wanting, lane, wanting);
	if (!is_wanting && lane->is_wanting)
		TAILQ_REMOVE(&sched->wanting, lane, wanting);
	lane->is_wanting = is_wanting;
	if (!lane->n) {
		free(lane->window);
		lane->window = NULL;
		lane->first = 0;
		if (lane->is_whole && !lane->n_running && !lane->n_ahead)
			forget(sched, lane);
	}
}

static struct app *app_get(struct sched *sched, uint64_t number)
{
	struct app *app = map_find(&sched->apps, number);

	if (app)
		return app;
	app = calloc(1, sizeof(*app));
	if (!app || map_put(&sched->apps, number, app)) {
		free(app);
		return NULL;
	}
	app->number = number;
	return app;
}

static struct lane *lane_make(struct sched *sched, const struct sched_lane_spec *spec)
{
	struct lane *lane = calloc(1, sizeof(*lane)), **grown;
	struct app *app = lane ? app_get(sched, spec->app) : NULL;

	if (!app)
		goto fail;
	if (app->n_lanes == app->room) {
		size_t room = app->room ? app->room * 2 : 4;

		grown = reallocarray(app->heap, room, sizeof(struct lane *));
		if (!grown)
			goto fail;
		app->heap = grown;
		app->room = room;
	}
	if (map_put(&sched->lanes, spec->lane, lane))
		goto fail;
	*lane = (struct lane){ .number = spec->lane,
		.app = app,
		.limit = spec->limit,
		.is_local = spec->is_local,
		.is_blocked = spec->is_blocked,
		.is_whole = true,
		.heap_index = NOT_IN_HEAP };
	app->n_lanes++;
	return lane;
fail:
	if (app && !app->n_lanes) {
		map_remove(&sched->apps, app->number);
		app_free(app);
	}
	free(lane);
	return NULL;
}

static bool sorts_before(const struct sched_candidate *a, const struct sched_candidate *b)
{
	if (a->priority > b->priority || a->priority < b->priority)
		return a->priority > b->priority;
	return a->id < b->id;
}

/* There are some behind this that only the store knows. */
static void leave_to_store(struct lane *lane, struct sched_candidate from)
{
	if (lane->is_whole || sorts_before(&from, &lane->read))
		lane->read = from;
	lane->is_whole = false;
}

int sched_lane_offer(struct sched *sched, const struct sched_lane_spec *spec, bool has_queued)
{
	struct lane *lane = map_find(&sched->lanes, spec->lane);

	if (!lane)
		lane = lane_make(sched, spec);
	if (!lane)
		return err_raise(-ENOMEM);
	if (has_queued) {
		leave_to_store(lane, SCHED_FIRST);
		sched_settle(sched, lane);
	}
	return 0;
}

void sched_set_network(struct sched *sched, bool is_up)
{
	uint64_t *numbers;
	struct lane *lane;
	size_t cursor = 0, n = 0, room = 0;

	if (sched->is_offline == !is_up)
		return;
	sched->is_offline = !is_up;
	/* settling may forget a lane: walk over numbers, not over the map */
	while (map_next(&sched->lanes, &cursor))
		room++;
	numbers = calloc(room + 1, sizeof(*numbers));
	cursor = 0;
	while (numbers && n < room && (lane = map_next(&sched->lanes, &cursor)))
		numbers[n++] = lane->number;
	for (size_t i = 0; i < n; i++)
		if ((lane = map_find(&sched->lanes, numbers[i])))
			sched_settle(sched, lane);
	free(numbers);
}

void sched_lane_set_http2(struct sched *sched, uint64_t number, bool is_http2)
{
	struct lane *lane = map_find(&sched->lanes, number);

	if (!lane || lane->is_http2 == is_http2)
		return;
	lane->is_http2 = is_http2;
	sched_settle(sched, lane);
}

void sched_lane_set_blocked(struct sched *sched, uint64_t number, bool is_blocked)
{
	struct lane *lane = map_find(&sched->lanes, number);

	if (!lane || lane->is_blocked == is_blocked)
		return;
	lane->is_blocked = is_blocked;
	sched_settle(sched, lane);
}

/* ---- windows ---- */

static bool window_make(struct lane *lane)
{
	if (!lane->window) {
		lane->window = calloc(SCHED_WINDOW, sizeof(*lane->window));
		lane->first = 0;
	}
	if (lane->window && lane->first) {
		memmove(lane->window, lane->window + lane->first, lane->n * sizeof(*lane->window));
		lane->first = 0;
	}
	return lane->window;
}

void sched_enqueue(struct sched *sched, uint64_t number, const struct sched_candidate *candidate)
{
	struct lane *lane = map_find(&sched->lanes, number);
	bool is_behind;
	size_t at;

	assert(lane);
	if (!window_make(lane)) {
		leave_to_store(lane, SCHED_FIRST); /* no memory */
		sched_settle(sched, lane);
		return;
	}
	for (at = 0; at < lane->n && sorts_before(&lane->window[at], candidate); at++)
		;
	if (at < lane->n && lane->window[at].id == candidate->id)
		return;
	is_behind = !lane->is_whole && !sorts_before(candidate, &lane->read);
	if (at == lane->n && (is_behind || at == SCHED_WINDOW)) {
		if (!is_behind)
			leave_to_store(lane, lane->window[at - 1]);
		sched_settle(sched, lane);
		return;
	}
	if (lane->n == SCHED_WINDOW) {
		lane->n--;
		leave_to_store(lane, at == lane->n ? *candidate : lane->window[lane->n - 1]);
	}
	memmove(lane->window + at + 1, lane->window + at, (lane->n - at) * sizeof(*lane->window));
	lane->window[at] = *candidate;
	lane->n++;
	sched_settle(sched, lane);
}

void sched_dequeue(struct sched *sched, uint64_t number, uint64_t id)
{
	struct lane *lane = map_find(&sched->lanes, number);
	struct sched_candidate *c;

	if (!lane)
		return;
	for (size_t i = 0; i < lane->n; i++) {
		c = &lane->window[lane->first + i];
		if (c->id != id)
			continue;
		memmove(c, c + 1, (lane->n - i - 1) * sizeof(*c));
		lane->n--;
		sched_settle(sched, lane);
		return;
	}
}

bool sched_next_refill(struct sched *sched, uint64_t *ret_lane)
{
	struct lane *lane = TAILQ_FIRST(&sched->wanting);

	if (!lane || sched->n_running >= sched->n_slots)
		return false;
	*ret_lane = lane->number;
	return true;
}

struct sched_candidate sched_refill_from(const struct sched *sched, uint64_t number)
{
	const struct lane *lane = map_find(&sched->lanes, number);

	return lane && !lane->is_whole ? lane->read : SCHED_FIRST;
}

void sched_fill(struct sched *sched, uint64_t number, const struct sched_candidate *candidates,
	size_t n, bool is_whole)
{
	struct lane *lane = map_find(&sched->lanes, number);

	if (!lane)
		return;
	if (n > SCHED_WINDOW) {
		n = SCHED_WINDOW;
		is_whole = false;
	}
	lane->n = 0;
	lane->first = 0;
	lane->is_whole = is_whole || !n;
	if (n && window_make(lane)) {
		memcpy(lane->window, candidates, n * sizeof(*candidates));
		lane->n = n;
		lane->read = candidates[n - 1];
	}
	sched_settle(sched, lane);
}

/* ---- slots ---- */

bool sched_pick(struct sched *sched, uint64_t *ret_lane, uint64_t *ret_id)
{
	struct app *app = TAILQ_FIRST(&sched->ring);
	struct lane *lane;

	if (!app || sched->n_running >= sched->n_slots)
		return false;
	lane = app->heap[0];
	*ret_lane = lane->number;
	*ret_id = lane->window[lane->first].id;
	lane->first++;
	lane->n--;
	sched_note_served(sched, lane);
	lane->n_running++;
	sched->n_running++;
	sched_settle(sched, lane);
	return true;
}

void sched_occupy(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	assert(lane);
	lane->n_running++;
	sched->n_running++;
	sched_settle(sched, lane);
}

void sched_release(struct sched *sched, uint64_t number)
{
	struct lane *lane = map_find(&sched->lanes, number);

	/* after a turn that failed it may not know: it is built anew then */
	if (!lane || !lane->n_running || !sched->n_running)
		return;
	lane->n_running--;
	sched->n_running--;
	sched_settle(sched, lane);
}

uint32_t sched_n_running(const struct sched *sched)
{
	return sched->n_running;
}

uint32_t sched_n_promised(const struct sched *sched)
{
	return sched->n_promised;
}

uint32_t sched_n_slots(const struct sched *sched)
{
	return sched->n_slots;
}

uint32_t sched_lane_n_running(const struct sched *sched, uint64_t number)
{
	const struct lane *lane = map_find(&sched->lanes, number);

	return lane ? lane->n_running : 0;
}

uint32_t sched_lane_limit(const struct sched *sched, uint64_t number)
{
	const struct lane *lane = map_find(&sched->lanes, number);

	return lane ? sched_limit_of(lane) : 0;
}

size_t sched_n_lanes(const struct sched *sched)
{
	return sched->lanes.n_used;
}
