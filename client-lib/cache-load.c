/* SPDX-License-Identifier: MIT */
/*
 * Tasks and their cache. A task has a struct task_cache from its first resume to its end, or to the question whether its answer
 * is kept, which takes it along. Nothing here waits for a disk but start(), which runs as a delivery, without the lock.
 */
#include "client-lib/cache-load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/answer.h"
#include "client-lib/cache-entry.h"
#include "client-lib/cache-rules.h"
#include "client-lib/cache.h"
#include "client-lib/client.h"
#include "client-lib/configuration.h"
#include "client-lib/delivery.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/response.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "ipc/proto.h"

#define ROW_FIELDS_MAX 256 /* as ipc says */

struct task_cache {
	struct text_headers merged; /* where the session has fields */
	transfer_request *request;
	enum transfer_cache_policy policy;
	struct cache_times times;
	struct cache_entry *entry; /* what was found and may be of use; NULL: nothing */
	bool is_used; /* the task is the load of it */
	bool is_asking; /* what is sent asks whether it is still good */
	bool is_downloaded; /* the delegate wants a download: so it answers when it is asked again */
	transfer_response *confirmation; /* the 304 */
	/* what is kept */
	transfer_response *response; /* NULL: it is not */
	bool has_response; /* one has come: of several, none is kept */
	struct buf body;
	struct delivery *metrics; /* they come behind what is asked or used first */
};

void cache_load_free(struct task_cache *cache)
{
	if (!cache)
		return;
	text_headers_done(&cache->merged);
	transfer_request_unref(cache->request);
	cache_entry_unref(cache->entry);
	transfer_response_unref(cache->confirmation);
	transfer_response_unref(cache->response);
	buf_done(&cache->body);
	delivery_free(cache->metrics);
	free(cache);
}

static const struct text_headers *asked(const struct task_cache *cache)
{
	return cache->merged.n_fields ? &cache->merged : &cache->request->headers;
}

static struct cache_request to_look_for(const struct task_cache *cache, const char *url)
{
	return (struct cache_request){ .url = url, .fields = asked(cache) };
}

/* ---- is there an answer? ---- */

static bool is_http(const char *url)
{
	return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

/* What is stored was allowed, and the server verified, in a way that holds for whoever has the cache. */
static bool is_trusted_by_all(const transfer_task *task)
{
	const transfer_request *request = task->request;
	const struct transfer_config *config = task->session->config;

	return !request->ca_file && !config->ca_file &&
		(request->allow_insecure || config->allow_insecure ||
			strncasecmp(request->url, "http://", 7) != 0);
}

/* Who is named in the URL may have a password there, and is asked for it: the answer is to him. */
static bool is_plain_get(const transfer_task *task)
{
	const transfer_request *request = task->request;

	return task->kind == TRANSFER_TASK_DATA && request->url && is_http(request->url) &&
		is_trusted_by_all(task) && !cache_url_has_user(request->url) && !task->body &&
		!task->is_body_asked && (!request->method || !strcmp(request->method, "GET"));
}

/* As transferd does it: the session's where the request has none of that name. */
static int merge(const transfer_task *task, struct text_headers *merged)
{
	const struct text_headers *of_session = &task->session->config->headers;
	int r = 0;

	if (!of_session->n_fields)
		return 0;
	for (size_t i = 0; !r && i < of_session->n_fields; i++) {
		if (!text_headers_get(&task->request->headers, of_session->fields[i].name))
			r = text_headers_add(
				merged, of_session->fields[i].name, of_session->fields[i].value);
	}
	return r ? r : text_headers_copy(merged, &task->request->headers);
}

/* NULL: no memory, or it has nothing to do with a cache. */
static struct task_cache *task_cache_new(const transfer_task *task)
{
	struct task_cache *cache = is_plain_get(task) ? calloc(1, sizeof(*cache)) : NULL;

	if (!cache)
		return NULL;
	cache->request = transfer_request_ref(task->request);
	cache->policy = task->request->cache_policy ? task->request->cache_policy
						    : task->session->config->cache_policy;
	if (!merge(task, &cache->merged) && cache_rules_concerns(asked(cache)))
		return cache;
	cache_load_free(cache);
	return NULL;
}

static enum cache_use judge(const struct task_cache *cache)
{
	const struct cache_entry *entry = cache->entry;
	const transfer_response *response = entry
		? transfer_cached_response_get_response(entry->cached)
		: NULL;
	const struct cache_exchange stored = {
		.asked = asked(cache),
		.status = response ? transfer_response_get_status(response) : 0,
		.fields = response ? response_headers(response) : NULL,
		.asked_wall_usec = entry ? entry->times.asked_wall_usec : 0,
		.answered_wall_usec = entry ? entry->times.answered_wall_usec : 0,
	};

	return cache_rules_judge(
		entry ? &stored : NULL, asked(cache), cache->policy, clock_wall_us());
}

/* What was judged, noted. */
static enum cache_use judge_and_note(struct task_cache *cache)
{
	enum cache_use use = judge(cache);

	cache->is_used = use == CACHE_USE;
	cache->is_asking = use == CACHE_USE_IF_VALID;
	return use;
}

static transfer_error *nothing_stored(const transfer_request *request)
{
	return error_new_url(TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK, request->url);
}

/* ---- the load of what is stored ---- */

static bool can_init(const transfer_request *request, void *userdata)
{
	(void)request;
	(void)userdata;
	return false; /* it is chosen here only */
}

/* The files are looked at while nobody else has what is looked for. NULL: the load is over. */
static struct task_cache *borrow(transfer_load *load)
{
	struct task_cache *cache = NULL;

	client_lock(load->session->client);
	if (!load_check(load))
		cache = take_ptr(load->task->cache);
	client_unlock(load->session->client);
	return cache;
}

/* True: the load goes on, with it. */
static bool give_back(transfer_load *load, struct task_cache *cache)
{
	bool is_wanted;

	client_lock(load->session->client);
	is_wanted = !load_check(load);
	if (is_wanted)
		load->task->cache = cache;
	if (is_wanted && !cache->is_used)
		load_give_up(load);
	client_unlock(load->session->client);
	if (!is_wanted)
		cache_load_free(cache);
	return is_wanted;
}

static void start(transfer_load *load, void *userdata)
{
	struct task_cache *cache = borrow(load);
	transfer_auto(transfer_cached_response) cached = NULL;
	struct cache_request wanted;
	enum cache_use use = CACHE_USE;

	(void)userdata;
	if (!cache)
		return;
	if (!cache->entry) {
		wanted = to_look_for(cache, cache->request->url);
		cache_read(load->session->cache, &wanted, &cache->entry);
		use = judge_and_note(cache);
	}
	if (use == CACHE_USE)
		cached = transfer_cached_response_ref(cache->entry->cached);
	if (use == CACHE_USE_FAIL) {
		transfer_auto(transfer_error) error = nothing_stored(cache->request);

		cache->is_used = true; /* the load is its end */
		if (give_back(load, cache))
			transfer_load_fail(load, error);
		return;
	}
	if (!give_back(load, cache) || !cached)
		return;
	if (transfer_load_use_cached(load, transfer_cached_response_get_response(cached),
		    transfer_cached_response_get_body(cached)) == -ENOMEM) {
		transfer_auto(transfer_error) error = error_new_errno(ENOMEM, NULL);

		transfer_load_fail(load, error);
	}
}

static const struct transfer_protocol protocol = {
	TRANSFER_PROTOCOL_INIT,
	.can_init = can_init,
	.start = start,
};

static transfer_error *make_load(transfer_task *task)
{
	return load_make(task, &protocol) ? error_new_errno(ENOMEM, NULL) : NULL;
}

transfer_error *cache_load_begin(transfer_task *task)
{
	struct task_cache *cache = task->session->cache ? task_cache_new(task) : NULL;
	struct cache_request wanted;

	task->cache = cache;
	if (!cache || !cache_rules_looks(cache->policy))
		return NULL;
	wanted = to_look_for(cache, cache->request->url);
	if (cache_look(task->session->cache, &wanted, &cache->entry) == CACHE_ON_DISK)
		return make_load(task);
	switch (judge_and_note(cache)) {
	case CACHE_USE:
		return make_load(task);
	case CACHE_USE_FAIL:
		return nothing_stored(cache->request);
	case CACHE_USE_IF_VALID:
	case CACHE_USE_NONE:
		break;
	}
	return NULL;
}

bool cache_load_become_download(transfer_task *task)
{
	struct task_cache *cache = task->cache;

	if (!cache || !cache->is_used)
		return false;
	cache->is_used = false;
	cache->is_downloaded = true;
	return true;
}

/* ---- is it still good? ---- */

static const struct text_headers *stored_fields(const struct task_cache *cache)
{
	return response_headers(transfer_cached_response_get_response(cache->entry->cached));
}

int cache_load_fill(transfer_task *task, struct arena *arena, struct ipc_request *row)
{
	struct task_cache *cache = task->cache;
	const char *etag, *last_modified;
	struct ipc_header *headers;

	if (!cache)
		return 0;
	cache->times.asked_wall_usec = clock_wall_us();
	if (!cache->is_asking)
		return 0;
	headers = arena_alloc(arena, row->n_headers + 2, sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	if (row->n_headers)
		memcpy(headers, row->headers, row->n_headers * sizeof(*headers));
	/* what a server has said must not make a request that nobody takes */
	if (row->n_headers + 2 > ROW_FIELDS_MAX) {
		cache->is_asking = false;
		return 0;
	}
	etag = cache_rules_etag(stored_fields(cache));
	last_modified = cache_rules_last_modified(stored_fields(cache));
	if (etag)
		headers[row->n_headers++] = (struct ipc_header){ "If-None-Match", etag };
	if (last_modified)
		headers[row->n_headers++] = (struct ipc_header){ "If-Modified-Since",
			last_modified };
	row->headers = headers;
	return 0;
}

int cache_load_strip(const transfer_task *task, transfer_request *proposed)
{
	int r;

	if (!task->cache || !task->cache->is_asking)
		return 0;
	r = text_headers_set(&proposed->headers, "If-None-Match", NULL);
	return r ? r : text_headers_set(&proposed->headers, "If-Modified-Since", NULL);
}

void cache_load_leave(transfer_task *task)
{
	cache_load_free(take_ptr(task->cache));
}

static bool is_same_url(const char *a, const char *b)
{
	cleanup_(cleanup_free) char *left = NULL, *right = NULL;

	if (!a || !b || !strcmp(a, b))
		return a && b;
	left = cache_url(a);
	right = cache_url(b);
	return left && right && !strcmp(left, right);
}

static bool is_confirmed(const struct task_cache *cache)
{
	return is_same_url(transfer_response_get_url(cache->confirmation), cache->entry->url) &&
		cache_rules_is_confirmed(
			stored_fields(cache), response_headers(cache->confirmation));
}

/* With its new fields it would be kept, and found by the same requests. */
static bool is_kept_as_before(const struct task_cache *cache, const transfer_response *response)
{
	const struct cache_exchange exchange = {
		.asked = asked(cache),
		.status = transfer_response_get_status(response),
		.fields = response_headers(response),
	};
	cleanup_(cleanup_free) char *vary = NULL;

	return cache_rules_may_keep(&exchange) && !cache_vary(response, asked(cache), &vary) &&
		!strcmp(vary ? vary : "", cache->entry->vary);
}

/* Without memory for the new fields the old ones are as good: the server has just said so. */
static void renew(transfer_session *session, const transfer_task *task, struct task_cache *cache)
{
	struct text_headers fields = { 0 };
	transfer_auto(transfer_response) response = NULL;
	struct cache_entry *renewed = NULL;

	if (!cache_rules_renew(
		    stored_fields(cache), response_headers(cache->confirmation), &fields))
		response = response_new_renewed(
			transfer_cached_response_get_response(cache->entry->cached), &fields);
	if (!response)
		return;
	/* what it has become is for this task alone where it would not be kept, or not for the same requests */
	if (task->auth || !is_kept_as_before(cache, response))
		cache_forget_url(session->cache, cache->entry->url);
	if (cache_renew(session->cache, cache->entry, response, cache->times, &renewed))
		return;
	cache_entry_unref(cache->entry);
	cache->entry = renewed;
}

/*
 * The exchange has ended with a 304. Where it is not about what we have, as behind a redirect, it says nothing: asked again,
 * for an answer now.
 */
static void go_on(transfer_session *session, transfer_task *task)
{
	struct task_cache *cache = task->cache;
	transfer_error *error = NULL;

	live_take_back(session, task);
	cache->is_asking = false;
	if (!is_confirmed(cache)) {
		delivery_free(take_ptr(cache->metrics));
		transfer_response_unref(take_ptr(cache->confirmation));
		live_put_back(session, task);
		return;
	}
	renew(session, task, cache);
	cache->is_used = true;
	error = make_load(task);
	if (!error && load_begin(task))
		error = error_new_errno(ENOMEM, NULL);
	if (error)
		session_complete_locally(session, task, error);
}

struct delivery *cache_load_take_metrics(transfer_task *task)
{
	return task->cache ? take_ptr(task->cache->metrics) : NULL;
}

/* ---- what is kept ---- */

static bool asks(const transfer_task *task)
{
	void *userdata;

	return !task_has_handler(task) && !task->reader &&
		DELIVERY_PICK(task, data_will_cache_response, &userdata);
}

/* Behind a redirect it is not known which fields have gone along. */
static bool is_known_request(const struct task_cache *cache, const transfer_response *response)
{
	return is_same_url(transfer_response_get_url(response), cache->request->url) ||
		!transfer_response_get_header(response, "Vary");
}

static bool may_keep(const transfer_task *task, const transfer_response *response)
{
	const struct task_cache *cache = task->cache;
	const char *url = transfer_response_get_url(response);
	const struct cache_exchange exchange = {
		.asked = asked(cache),
		.status = transfer_response_get_status(response),
		.fields = response_headers(response),
	};

	/* who was asked who he is has said so in a way that is not among the fields */
	return !task->auth && url && is_http(url) && !cache_url_has_user(url) &&
		is_known_request(cache, response) && cache_rules_may_keep(&exchange) &&
		transfer_response_is_length_verified(response);
}

static void take_answer(transfer_task *task, const transfer_response *response)
{
	struct task_cache *cache = task->cache;
	uint64_t room = cache_room(task->session->cache);
	int64_t expected = transfer_response_get_expected_length(response);

	transfer_response_unref(take_ptr(cache->response));
	cache_entry_unref(take_ptr(cache->entry));
	cache->is_asking = false;
	cache->times.answered_wall_usec = clock_wall_us();
	if (!cache->has_response && room && (expected < 0 || (uint64_t)expected <= room) &&
		may_keep(task, response))
		cache->response = transfer_response_ref(response);
	cache->has_response = true;
	cache->body.max_bytes = room;
}

static enum cache_take take_response(transfer_task *task, struct delivery *delivery)
{
	struct task_cache *cache = task->cache;

	if (!delivery->response)
		return CACHE_TELL;
	if (cache->is_downloaded && delivery->is_question) {
		answer_response(delivery, TRANSFER_RESPONSE_BECOME_DOWNLOAD);
		return CACHE_SWALLOW;
	}
	if (!cache->is_asking || transfer_response_get_status(delivery->response) != 304) {
		take_answer(task, delivery->response);
		return CACHE_TELL;
	}
	transfer_response_unref(cache->confirmation);
	cache->confirmation = transfer_response_ref(delivery->response);
	cache->times.answered_wall_usec = clock_wall_us();
	if (delivery->is_question)
		answer_response(delivery, TRANSFER_RESPONSE_ALLOW);
	return CACHE_SWALLOW;
}

static enum cache_take take_data(struct task_cache *cache, const struct delivery *delivery)
{
	size_t n = transfer_data_get_size(delivery->data);

	if (cache->confirmation)
		return CACHE_SWALLOW;
	if (cache->response && n &&
		buf_append(&cache->body, transfer_data_get_bytes(delivery->data), n)) {
		transfer_response_unref(take_ptr(cache->response));
		buf_done(&cache->body);
	}
	return CACHE_TELL;
}

static enum cache_take take_metrics(transfer_task *task, struct delivery *delivery)
{
	struct task_cache *cache = task->cache;

	if (!cache->confirmation && !(cache->response && asks(task)))
		return CACHE_TELL;
	delivery_free(cache->metrics);
	cache->metrics = delivery;
	return CACHE_HOLD;
}

/* What would be kept; NULL: no memory. */
static transfer_cached_response *propose(struct task_cache *cache)
{
	transfer_auto(transfer_data) body = NULL;
	size_t n = cache->body.size_bytes;
	char *bytes = n ? realloc(cache->body.bytes, n) : NULL;

	if (n && bytes) {
		cache->body = (struct buf){ 0 };
		body = transfer_data_new_take(bytes, n, free, bytes);
		if (!body)
			free(bytes);
	}
	return n && !body
		? NULL
		: transfer_cached_response_new(cache->response, body, TRANSFER_STORAGE_ALLOWED);
}

static void keep(transfer_session *session, const struct task_cache *cache,
	const transfer_cached_response *cached)
{
	const transfer_response *response = transfer_cached_response_get_response(cached);
	const transfer_data *body = transfer_cached_response_get_body(cached);
	struct cache_request request = to_look_for(
		cache, transfer_response_get_url(cache->response));
	bool is_worth_it = cache_rules_is_explicit(response_headers(response)) ||
		transfer_data_get_size(body) >= CACHE_LOAD_FILE_BYTES;

	cache_keep(session->cache, &request, cached, cache->times,
		is_worth_it ? CACHE_IN_FILE : CACHE_IN_MEMORY);
}

bool cache_load_ask(transfer_session *session, const struct delivery *delivery)
{
	transfer_auto(transfer_cached_response) proposed = propose(delivery->cache);
	transfer_auto(transfer_cached_response) said = NULL;
	transfer_cached_response *(*ask)(
		transfer_session *, transfer_task *, const transfer_cached_response *, void *);
	void *userdata;

	ask = DELIVERY_PICK(delivery->task, data_will_cache_response, &userdata);
	if (!proposed || !ask)
		return false;
	said = ask(session, delivery->task, proposed, userdata);
	if (said)
		keep(session, delivery->cache, said);
	return true;
}

static void keep_now(transfer_session *session, struct task_cache *cache)
{
	transfer_auto(transfer_cached_response) cached = propose(cache);

	if (cached)
		keep(session, cache, cached);
	cache_load_free(cache);
}

/* Without memory to ask, it is not kept. */
static void ask_later(transfer_session *session, transfer_task *task, struct task_cache *cache)
{
	struct delivery *delivery = delivery_new(DELIVERY_WILL_CACHE, task);

	if (!delivery) {
		cache_load_free(cache);
		return;
	}
	delivery->cache = cache;
	delivery_push_take(session, delivery);
}

/* The end may be the first that tells of the response. */
static void note_confirmation(struct task_cache *cache, const struct delivery *end)
{
	if (!cache->is_asking || cache->confirmation || end->error || !end->response ||
		transfer_response_get_status(end->response) != 304)
		return;
	cache->confirmation = transfer_response_ref(end->response);
	cache->times.answered_wall_usec = clock_wall_us();
}

static enum cache_take take_end(
	transfer_session *session, transfer_task *task, const struct delivery *end)
{
	bool is_good = !end->error && !task->is_cancelled && !task->refusal && !task->is_cut;
	struct task_cache *cache = task->cache;
	struct delivery *metrics;

	if (is_good && cache->confirmation) {
		go_on(session, task);
		return CACHE_SWALLOW;
	}
	task->cache = NULL;
	metrics = take_ptr(cache->metrics);
	if (!is_good || !cache->response)
		cache_load_free(cache);
	else if (asks(task))
		ask_later(session, task, cache);
	else
		keep_now(session, cache);
	if (metrics)
		live_tell(session, task, metrics);
	return CACHE_TELL;
}

enum cache_take cache_load_take_in(transfer_task *task, struct delivery *delivery)
{
	if (task->cache->is_used)
		return CACHE_TELL;
	if (delivery->kind == DELIVERY_RESPONSE)
		return take_response(task, delivery);
	if (delivery->kind == DELIVERY_DATA)
		return take_data(task->cache, delivery);
	if (delivery->kind == DELIVERY_METRICS)
		return take_metrics(task, delivery);
	if (delivery->kind == DELIVERY_COMPLETE) {
		note_confirmation(task->cache, delivery);
		return take_end(task->session, task, delivery);
	}
	return CACHE_TELL;
}

/* ---- what is not true any more ---- */

/* "scheme://host:port" */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* What an answer of this URL names, if it is of the same origin: absolute, or from the root. */
static void forget_named(transfer_session *session, const char *url, const char *named)
{
	size_t n = origin_length(url);
	char *whole;

	if (!named || !n)
		return;
	if (named[0] != '/') {
		if (origin_length(named) == n && !strncasecmp(named, url, n))
			cache_forget_url(session->cache, named);
	} else if (named[1] != '/' && asprintf(&whole, "%.*s%s", (int)n, url, named) >= 0) {
		cache_forget_url(session->cache, whole);
		free(whole);
	}
}

void cache_load_invalidate(const transfer_task *task)
{
	transfer_session *session = task->session;
	const transfer_response *response = task->response;
	const char *url = response ? transfer_response_get_url(response) : NULL;

	if (!session->cache || !url || !task->request->url ||
		!cache_rules_invalidates(
			task->request->method, transfer_response_get_status(response)))
		return;
	cache_forget_url(session->cache, task->request->url);
	cache_forget_url(session->cache, url);
	forget_named(session, url, transfer_response_get_header(response, "Location"));
	forget_named(session, url, transfer_response_get_header(response, "Content-Location"));
}
