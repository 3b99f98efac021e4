/* SPDX-License-Identifier: MIT */
/*
 * A world for live sessions: the simulated flow with its store and clock, an engine that does what is told, and what the bus
 * would do: take rows and write down what they say.
 */
#ifndef TESTS_DAEMON_LIVE_RIG_H
#define TESTS_DAEMON_LIVE_RIG_H

#include "daemon/live-state.h"
#include "tests/lib/fake-engine.h"
#include "tests/sim/sim.h"

#define RIG_UID    1000
#define RIG_CLIENT 7
#define RIG_TELLS \
	(LIVE_TELL_RESPONSE | LIVE_TELL_DATA | LIVE_TELL_PROGRESS | LIVE_TELL_METRICS | \
		LIVE_TELL_INFORMATIONAL | LIVE_TELL_WAITING)
#define RIG_ASKS (LIVE_ASK_REDIRECT | LIVE_ASK_RESPONSE | LIVE_ASK_BODY | LIVE_ASK_CHALLENGE)

struct rig {
	struct sim *sim;
	struct engine *engine;
	struct live *live;
	char text[16384]; /* what the rows said */
	uint64_t last_session, last_seq, question, other_task;
	uint32_t asked_attempt; /* of the last challenge */
	int32_t code; /* of the last end */
	char *path; /* of the last file */
	size_t n_told, n_gone;
	uint64_t gone;
	bool is_full; /* the client takes nothing */
	void (*on_row)(const struct live_row *row, void *user); /* NULL: it is written down */
	void *user;
};

struct rig *rig_new(void);
void rig_free(struct rig *rig);

struct live_open rig_open(enum transfer_session_kind kind);
uint64_t rig_session_with(struct rig *rig, const struct live_open *open);
uint64_t rig_session(struct rig *rig, unsigned asks, unsigned tells, bool folds);
struct live_request rig_request(enum transfer_task_kind kind, const char *url);
int rig_create_error(struct rig *rig, uint64_t session, const struct live_request *request);
uint64_t rig_create(struct rig *rig, uint64_t session, const struct live_request *request);
/* https://HOST/file */
uint64_t rig_task(struct rig *rig, uint64_t session, enum transfer_task_kind kind);
/* One turn with all that the engine has reported. */
void rig_turn(struct rig *rig);
void rig_take(struct rig *rig, uint64_t session); /* what waits */
void rig_pass(struct rig *rig, uint64_t us); /* and a turn */
int rig_steer(struct rig *rig, enum flow_verb verb, uint64_t id);
/* "RESPONSE 200, DATA abc, COMPLETED 0" since it was asked last; static. */
const char *rig_told(struct rig *rig, uint64_t session);
struct live_task *rig_find(struct rig *rig, uint64_t id);
struct fake_attempt *rig_attempt(struct rig *rig, uint64_t id); /* NULL: none */
/* An event of the task's attempt, to be filled and posted. */
struct engine_event rig_event(struct rig *rig, uint64_t id, enum engine_event_type type);
void rig_post(struct rig *rig, const struct engine_event *event); /* and a turn */
struct engine_response rig_response(uint16_t status);
void rig_post_response(struct rig *rig, uint64_t id, uint16_t status);
void rig_post_data(struct rig *rig, uint64_t id, const char *bytes);
/* body NULL: none; response only when the attempt has told none */
void rig_post_done(struct rig *rig, uint64_t id, uint16_t status, const char *body);
void rig_post_failed(struct rig *rig, uint64_t id, int32_t code);
void rig_post_stopped(struct rig *rig, uint64_t id, uint64_t offset);
void rig_post_ask(struct rig *rig, uint64_t id, enum engine_event_type type);

#endif
