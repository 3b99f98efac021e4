/* SPDX-License-Identifier: MIT */
/*
 * An engine that does what a test says: it implements engine.h by being linked instead of the real
 * one. It keeps what was commanded; the test decides what comes of it and posts the reports. Files
 * are names in a list: what a part, a snapshot, a published file would be. Not in libtest: programs
 * that want it list it among their sources.
 */
#ifndef TESTS_LIB_FAKE_ENGINE_H
#define TESTS_LIB_FAKE_ENGINE_H

#include "engine/engine.h"

struct fake_attempt {
	uint64_t task, session, lane;
	uint32_t attempt;
	enum transfer_task_kind kind;
	char *url, *method, *part_path, *source_path, *body_path, *etag, *upload_url;
	uint64_t resume_offset_bytes, deadline_boot_us, idle_timeout_us, source_ino, max_rate_bps;
	uint64_t upload_offset_bytes;
	bool is_resumed_by_client, allow_insecure, is_resumable, may_be_unnamed;
	uint64_t jar;
	bool sends_cookies;
	enum transfer_cookie_accept accepts_cookies;
	struct engine_header *headers;
	size_t n_headers;
	struct engine_spec_live live; /* without what it points to, but for proxy */
	char *proxy;
	char *source_bytes; /* live: what is sent; NULL: none */
	int source_fd; /* live: duplicated; -1: none */
	/* live: what was answered and said since */
	unsigned n_redirect_answers, n_response_answers, n_body_answers, n_challenge_answers;
	enum engine_challenge_answer challenge_answer;
	char *answer_user, *answer_password;
	enum engine_redirect_answer redirect_answer;
	enum engine_response_answer response_answer;
	char *answer_url, *answer_method, *answer_path;
	int answer_fd; /* the last body; -1: none */
	int64_t answer_length;
	bool is_held;
	unsigned weight;
	/* the test's */
	bool is_stopping; /* engine_stop() was called, or engine_give_up() */
	bool is_given_up;
	bool is_done; /* DONE was posted; SYNCED may follow */
	uint64_t received_bytes, total_bytes, durable_bytes;
	int stage;
};

enum fake_job_type { FAKE_JOB_PUBLISH, FAKE_JOB_SNAPSHOT };
struct fake_job {
	enum fake_job_type type;
	uint64_t task;
	uint32_t attempt;
	char *path, *destination;
	bool may_overwrite;
	uint64_t size_bytes; /* snapshot: of the source */
	int unnamed_fd; /* publish: taken over; -1: its file has a name */
};

/*
 * Attempts that were started and whose last report the test has not posted, in order of starting.
 */
size_t fake_engine_n(const struct engine *engine);
struct fake_attempt *fake_engine_get(struct engine *engine, size_t i);
struct fake_attempt *fake_engine_find(struct engine *engine, uint64_t task);
size_t fake_engine_n_running(const struct engine *engine); /* DONE not posted */
/*
 * Attempts ahead are not among them: they begin when a DONE of their lane is posted or the flow says
 * so, and end by themselves when they are stopped before.
 */
size_t fake_engine_n_ahead(const struct engine *engine);
void fake_engine_drop_ahead(struct engine *engine);
/* The attempt is forgotten: no report of it will follow. */
void fake_engine_drop(struct engine *engine, struct fake_attempt *attempt);

size_t fake_engine_n_jobs(const struct engine *engine);
struct fake_job *fake_engine_job(struct engine *engine, size_t i);
void fake_engine_drop_job(struct engine *engine, struct fake_job *job);

/* Copied. Handed out by engine_dispatch(). */
void fake_engine_post(struct engine *engine, const struct engine_event *event);
size_t fake_engine_n_events(const struct engine *engine);

/* Names of files that exist. */
bool fake_engine_has_file(const struct engine *engine, const char *path);
void fake_engine_add_file(struct engine *engine, const char *path);
size_t fake_engine_n_files(const struct engine *engine);

/* Called at each command, before it is carried out. */
void fake_engine_on_command(struct engine *engine, void (*fn)(void *user), void *user);
/* The next n calls of engine_start() answer error. */
void fake_engine_refuse(struct engine *engine, unsigned n, int error);
/* All calls of engine_publish() do, until 0. */
void fake_engine_refuse_publish(struct engine *engine, int error);
/* How many cookies were told, and how often a store was emptied. */
size_t fake_engine_n_cookies(const struct engine *engine, size_t *ret_n_clears);
uint64_t fake_engine_n_started(const struct engine *engine);

#endif
