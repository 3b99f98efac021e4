/* SPDX-License-Identifier: MIT */
/*
 * Who may start next. A lane is (session, host); it knows a window of at most SCHED_WINDOW
 * candidates in order and is refilled by the caller from the store when the window runs dry (I5):
 * memory is bounded by lanes, not by tasks.
 *
 * A pick takes the application that was served longest ago, in it the lane with the most urgent
 * head (equal ones in turn), in it the head: highest priority, then oldest. An application with a
 * million tasks delays another's first task by at most one slot. Limits: slots in all, and per lane
 * the session's connections per host, each with SCHED_LANE_HTTP2 streams where one was seen to
 * multiplex (HTTP/2). Pure; ids only.
 *
 * Where attempts end faster than turns come, a lane has some ahead: they are with the engine but have
 * no slot; each takes the slot of one that ends. Four times as many as lately ended in a turn; the number
 * falls slowly, for turns are of unequal length. Only while no other lane waits for a slot and nothing
 * more urgent came: else they are called back.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_WINDOW     64
#define SCHED_SLOTS      32
#define SCHED_SLOTS_MAX  1000
#define SCHED_LANE_HTTP2 128
#define SCHED_AHEAD_MAX  1024

struct sched;

struct sched_candidate {
	uint64_t id;
	double priority;
};
/* All others sort behind it. */
#define SCHED_FIRST ((struct sched_candidate){ .id = 0, .priority = INFINITY })

struct sched_lane_spec {
	uint64_t lane, app; /* numbers, not 0 */
	uint32_t limit; /* attempts at once */
	bool is_local; /* the host is this machine: needs no network */
	bool is_blocked; /* starts nothing (sched_lane_set_blocked()) */
};

struct sched *sched_new(uint32_t n_slots);
void sched_free(struct sched *sched);
void sched_set_slots(struct sched *sched, uint32_t n_slots);
/* Without network only local lanes start something. Up at first. */
void sched_set_network(struct sched *sched, bool is_up);
/* Everything forgotten but slots and network: the model is loaded anew. */
void sched_reset(struct sched *sched);

/*
 * The lane exists from now on; has_queued: the store has candidates for it that are not known here.
 */
int sched_lane_offer(struct sched *sched, const struct sched_lane_spec *spec, bool has_queued);
void sched_lane_set_http2(struct sched *sched, uint64_t lane, bool is_http2);
/* It starts nothing while it is blocked. Forgotten with the lane: an offer says it again. */
void sched_lane_set_blocked(struct sched *sched, uint64_t lane, bool is_blocked);

/* A task of a known lane became queued, or is no longer. */
void sched_enqueue(struct sched *sched, uint64_t lane, const struct sched_candidate *candidate);
void sched_dequeue(struct sched *sched, uint64_t lane, uint64_t id);

/*
 * A lane that could start something but has an empty window while the store has more. Answered with
 * sched_fill(): the first that sort behind sched_refill_from(), in order, without those that run;
 * is_whole: the store has no others. What sorts before has been picked: it comes back by sched_enqueue().
 */
bool sched_next_refill(struct sched *sched, uint64_t *ret_lane);
struct sched_candidate sched_refill_from(const struct sched *sched, uint64_t lane);
void sched_fill(struct sched *sched, uint64_t lane, const struct sched_candidate *candidates,
	size_t n, bool is_whole);

/* Gives the next task a slot; false: nothing may start now. The candidate leaves the window. */
bool sched_pick(struct sched *sched, uint64_t *ret_lane, uint64_t *ret_id);
/* An attempt that runs already (after a reset). */
void sched_occupy(struct sched *sched, uint64_t lane);
void sched_release(struct sched *sched, uint64_t lane);

/* An attempt of the lane ended well. */
void sched_note_end(struct sched *sched, uint64_t lane);
/* A lane in which attempts ended since it was last asked about, and that may have more ahead. */
bool sched_next_ahead(struct sched *sched, uint64_t *ret_lane);
/* The lane's next task, without a slot. STARVED: the window is empty, refill it and ask again. */
enum sched_ahead { SCHED_AHEAD_NONE, SCHED_AHEAD_PICKED, SCHED_AHEAD_STARVED };
enum sched_ahead sched_pick_ahead(struct sched *sched, uint64_t lane, uint64_t *ret_id);
/* An attempt ahead: is there (after a reset); got a slot; is no more. */
void sched_ahead_add(struct sched *sched, uint64_t lane);
void sched_ahead_occupy(struct sched *sched, uint64_t lane);
void sched_ahead_drop(struct sched *sched, uint64_t lane);
/* A lane whose attempts ahead must all give way (told once), or that has a free slot for one. */
bool sched_next_recall(struct sched *sched, uint64_t *ret_lane);
bool sched_next_promotion(struct sched *sched, uint64_t *ret_lane);
/* The slot is taken until it is known who has it: it is free again then, for sched_ahead_occupy(). */
void sched_promise(struct sched *sched, uint64_t lane);
void sched_keep_promise(struct sched *sched, uint64_t lane);

uint32_t sched_n_running(const struct sched *sched);
uint32_t sched_n_promised(const struct sched *sched); /* among those */
uint32_t sched_n_slots(const struct sched *sched);
uint32_t sched_lane_n_running(const struct sched *sched, uint64_t lane);
uint32_t sched_lane_limit(const struct sched *sched, uint64_t lane);
size_t sched_n_lanes(const struct sched *sched);

#endif
