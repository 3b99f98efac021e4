/* SPDX-License-Identifier: MIT */
/*
 * An engine event on its way from a worker to the caller: one message that owns every string it
 * shows. Text that came from a server is made valid UTF-8 here (header fields in head.c), so nothing
 * behind the engine has to ask.
 */
#ifndef ENGINE_POST_H
#define ENGINE_POST_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mailbox.h"
#include "engine/disk.h"
#include "engine/engine.h"

struct post {
	struct mail mail;
	struct engine_event event;
	struct engine_response response;
	struct engine_request proposed;
	struct engine_challenge challenge;
	struct arena arena;
	unsigned worker;
	bool is_taken; /* it is the caller's */
	bool wants_turn; /* the worker waits until the caller has saved it */
};

/* NULL: no memory. */
struct post *post_new(enum engine_event_type type, uint64_t task, uint32_t attempt);
void post_free(struct post *post);
DEFINE_CLEANUP(struct post *, post_free)

/*
 * Each copies; without memory the field stays NULL and -ENOMEM is returned, the message is good
 * without it.
 */
int post_set_url(struct post *post, const char *url);
int post_set_response(struct post *post, const struct engine_response *response);
/* to is empty, its text is the arena's. */
int post_copy_request(
	struct arena *arena, const struct engine_request *from, struct engine_request *to);
int post_set_proposed(struct post *post, const struct engine_request *request);
int post_set_challenge(struct post *post, const struct engine_challenge *challenge);
int post_set_digest_state(struct post *post, const void *state, size_t size);
/* Takes one more cookie, whose texts are in the post's arena already; room for n_max is made at the first. */
int post_add_cookie(struct post *post, const struct transfer_cookie *cookie, size_t n_max);
int post_set_digest_hex(struct post *post, const char *hex);
/* The message that waits as the job's user, with what was done; frees the job. */
struct post *post_answer_take(struct disk_job *job);

#endif
