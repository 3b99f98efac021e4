/* SPDX-License-Identifier: MIT */
/*
 * A real engine, an origin and a temporary folder for the engine's tests; what the engine says is
 * kept by task. Fails the test itself when something does not come in time.
 */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <transfer/error.h>

#include "engine/engine.h"
#include "tests/lib/origin.h"

#define RIG_TASKS_MAX   1024
#define RIG_DEADLINE_MS 15000

/* What was said about one task. */
struct rig_task {
	unsigned n_events[ENGINE_EVENT_SNAPSHOT + 1];
	unsigned n_begun; /* CHECKPOINT with offset 0, not counted in n_events */
	char order
		[128]; /* first letters: c onnected, > redirected, R esponse, r esumed, D one, S ynced,
			    P ublished, s napshot, C ookies, i nformational; ? a b: asked of redirect,
			    answer, body; d ata, sta l led; progress and checkpoints are left out */
	struct engine_event done, synced, published, snapshot, begun; /* without their strings */
	uint16_t status;
	char http_version[8];
	char url[2048];
	char redirect[2048];
	char name[300];
	char mime[128];
	char etag[256];
	char digest_hex[130];
	bool has_response, can_resume, is_http2;
	int64_t expected_bytes;
	uint64_t retry_after_us;
	uint64_t resumed_bytes;
	int64_t resumed_total_bytes;
	uint64_t checkpoint_bytes, progress_bytes;
	char upload_url[1024]; /* of the last checkpoint of an upload */
	char headers[4096]; /* "name: value\n" */
	char cookies[1024]; /* "name=value\n" of those that were set; "-name\n": it goes */
	/* of a live one: what came in messages and with the end, and descriptors in order, which are the test's */
	char *body;
	size_t body_bytes;
	int data_fds[8];
	bool data_is_whole[8];
	size_t data_at_bytes[8]; /* so much had come in messages before */
	unsigned n_data_fds;
	bool is_stalled;
	char proposed[2048]; /* "METHOD URL\nname: value\n" */
	enum engine_body_reason body_reason; /* of the last question for a body */
	struct engine_transaction
		transactions[20]; /* without their strings, which are in the text */
	unsigned n_transactions;
	char transaction_text[4096]; /* "METHOD STATUS VERSION TLS ADDRESS URL\n" */
	uint8_t digest_state[512];
	size_t digest_state_bytes;
};

struct rig {
	struct engine *engine;
	struct origin *origin;
	const char *folder;
	struct rig_task tasks[RIG_TASKS_MAX];
	unsigned n_done, n_synced;
};

/* NULL for either: defaults. */
void rig_start(
	struct rig *rig, const struct origin_config *origin, const struct engine_config *engine);
void rig_stop(struct rig *rig);

/* "FOLDER/part-TASK" and so on; kept until rig_stop() */
const char *rig_path(struct rig *rig, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A download of an URL below the origin into part-TASK, nothing kept. */
struct engine_spec rig_download(struct rig *rig, uint64_t task, const char *target);
/* A PUT of the file at path, which must stay what it is. */
struct engine_spec rig_upload(struct rig *rig, uint64_t task, const char *target, const char *path);

/* A GET in memory, whose body flows. */
struct engine_spec rig_live(struct rig *rig, uint64_t task, const char *target);

/* Attempt 1. */
void rig_begin(struct rig *rig, uint64_t task, const struct engine_spec *spec);
/* Takes events until the task has had as many of that type. */
struct rig_task *rig_wait(struct rig *rig, uint64_t task, enum engine_event_type type, unsigned n);
/* Begins, waits for DONE, and for SYNCED where one follows. */
struct rig_task *rig_run(struct rig *rig, uint64_t task, const struct engine_spec *spec);
/* Takes events until n tasks are DONE and, if n_synced, so many are synced. */
void rig_wait_all(struct rig *rig, unsigned n_done, unsigned n_synced);
/* True when something was said within so many ms. */
bool rig_turn(struct rig *rig, int timeout_ms);
/* Forgets what was said about the task, so that it can run again. */
void rig_forget(struct rig *rig, uint64_t task);

/* The part of a finished task is exactly this content. */
void rig_check_part(struct rig *rig, uint64_t task, uint64_t seed, uint64_t size_bytes);

#endif
