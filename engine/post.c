/* SPDX-License-Identifier: MIT */
/*
 * Builds the messages that carry engine events: deep copies in one arena, every string valid
 * UTF-8.
 */
#include "engine/post.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/utf8.h"

struct post *post_new(enum engine_event_type type, uint64_t task, uint32_t attempt)
{
	struct post *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->event.type = type;
	p->event.task = task;
	p->event.attempt = attempt;
	p->event.expected_receive_bytes = -1;
	p->event.expected_send_bytes = -1;
	p->event.live.data_fd = -1;
	return p;
}

void post_free(struct post *post)
{
	if (!post)
		return;
	if (post->event.is_unnamed)
		close(post->event.unnamed_fd);
	if (post->event.type == ENGINE_EVENT_DATA && post->event.live.data_fd >= 0)
		close(post->event.live.data_fd);
	free((void *)post->event.live.body);
	arena_done(&post->arena);
	free(post);
}

static struct post *post_of(const struct engine_event *event)
{
	return (struct post *)((uintptr_t)event - offsetof(struct post, event));
}

struct engine_event *engine_event_take(const struct engine_event *event)
{
	struct post *post = post_of(event);

	post->is_taken = true;
	return &post->event;
}

struct engine_event *engine_event_new(enum engine_event_type type, uint64_t task, uint32_t attempt)
{
	struct post *post = post_new(type, task, attempt);

	return post ? &post->event : NULL;
}

void engine_event_free(struct engine_event *event)
{
	if (event)
		post_free(post_of(event));
}

/* Copies s as valid UTF-8; NULL stays NULL and is no error. */
static int copy_text(struct arena *arena, const char *s, const char **ret_copy)
{
	cleanup_(cleanup_free) char *clean = NULL;
	char *copy;

	if (!s)
		return 0;
	if (!utf8_is_valid(s)) {
		clean = utf8_sanitise(s, strlen(s));
		if (!clean)
			return -ENOMEM;
		s = clean;
	}
	copy = arena_strdup(arena, s);
	if (!copy)
		return -ENOMEM;
	*ret_copy = copy;
	return 0;
}

int post_set_url(struct post *post, const char *url)
{
	return copy_text(&post->arena, url, &post->event.url);
}

/* head.c has made them valid. */
static int copy_headers(struct arena *arena, const struct engine_header *from, size_t n,
	const struct engine_header **ret_headers)
{
	struct engine_header *headers;

	if (!n)
		return 0;
	headers = arena_alloc(arena, n, sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		headers[i].name = arena_strdup(arena, from[i].name);
		headers[i].value = arena_strdup(arena, from[i].value);
		if (!headers[i].name || !headers[i].value)
			return -ENOMEM;
	}
	*ret_headers = headers;
	return 0;
}

int post_set_response(struct post *post, const struct engine_response *response)
{
	struct engine_response *to = &post->response;
	const struct {
		const char *from;
		const char **to;
	} texts[] = {
		{ response->http_version, &to->http_version },
		{ response->url, &to->url },
		{ response->mime_type, &to->mime_type },
		{ response->text_encoding, &to->text_encoding },
		{ response->suggested_name, &to->suggested_name },
		{ response->etag, &to->etag },
		{ response->last_modified, &to->last_modified },
	};
	int r;

	to->status = response->status;
	to->expected_bytes = response->expected_bytes;
	to->can_resume = response->can_resume;
	to->retry_after_us = response->retry_after_us;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		r = copy_text(&post->arena, texts[i].from, texts[i].to);
		if (r)
			return r;
	}
	r = copy_headers(&post->arena, response->headers, response->n_headers, &to->headers);
	if (r)
		return r;
	to->n_headers = response->n_headers;
	post->event.response = to;
	return 0;
}

int post_copy_request(
	struct arena *arena, const struct engine_request *from, struct engine_request *to)
{
	int r = copy_text(arena, from->url, &to->url);

	if (!r)
		r = copy_text(arena, from->method, &to->method);
	if (!r)
		r = copy_headers(arena, from->headers, from->n_headers, &to->headers);
	if (r)
		return r;
	to->n_headers = from->n_headers;
	to->keeps_body = from->keeps_body;
	return 0;
}

int post_set_proposed(struct post *post, const struct engine_request *request)
{
	int r = post_copy_request(&post->arena, request, &post->proposed);

	if (!r)
		post->event.live.proposed = &post->proposed;
	return r;
}

int post_set_challenge(struct post *post, const struct engine_challenge *challenge)
{
	struct engine_challenge *to = &post->challenge;
	int r;

	*to = *challenge;
	r = copy_text(&post->arena, challenge->protocol, &to->protocol);
	if (!r)
		r = copy_text(&post->arena, challenge->host, &to->host);
	if (!r)
		r = copy_text(&post->arena, challenge->realm, &to->realm);
	if (!r)
		post->event.live.challenge = to;
	return r;
}

int post_set_digest_state(struct post *post, const void *state, size_t size)
{
	char *copy;

	if (!size)
		return 0;
	copy = arena_alloc(&post->arena, 1, size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, state, size);
	post->event.digest_state = copy;
	post->event.digest_state_bytes = size;
	return 0;
}

int post_add_cookie(struct post *post, const struct transfer_cookie *cookie, size_t n_max)
{
	struct engine_event *e = &post->event;
	struct transfer_cookie *cookies = (struct transfer_cookie *)e->cookies;

	if (!cookies) {
		cookies = arena_alloc(&post->arena, n_max, sizeof(*cookies));
		if (!cookies)
			return -ENOMEM;
		e->cookies = cookies;
	}
	cookies[e->n_cookies++] = *cookie;
	return 0;
}

int post_set_digest_hex(struct post *post, const char *hex)
{
	return copy_text(&post->arena, hex, &post->event.digest_hex);
}

struct post *post_answer_take(struct disk_job *job)
{
	struct post *post = job->user;
	struct engine_event *e = &post->event;

	e->result = job->result;
	e->is_disk_full = job->is_disk_full;
	e->is_retryable = job->is_retryable;
	e->file_ino = job->file_ino;
	e->file_size_bytes = job->file_size_bytes;
	e->file_mtime_ns = job->file_mtime_ns;
	e->is_restart_needed = job->is_lost;
	if (job->type == DISK_SYNC && job->is_unnamed && !job->result.code) {
		e->is_unnamed = true;
		e->unnamed_fd = take_fd(&job->fd);
		e->folder_ino = job->folder_ino;
	}
	e->offset_bytes = job->offset_bytes;
	e->at_us = clock_now_us();
	if (job->digest_hex[0] && post_set_digest_hex(post, job->digest_hex) && !e->result.code) {
		e->result.code = TRANSFER_ERROR_UNKNOWN;
		e->is_retryable = true;
	}
	disk_job_free(job);
	return post;
}
