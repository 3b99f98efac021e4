/* SPDX-License-Identifier: MIT */
/*
 * What a live attempt says of its requests: one transaction for each, in the DONE. libcurl counts its
 * times from the moment when it took the request up, which may be long after we gave it; that moment
 * is found from the one at which the connection was there, which both of us have seen.
 */
#include "engine/xfer.h"

#include <openssl/ssl.h>
#include <string.h>

#include "engine/post.h"
#include "engine/url.h"

#define METRICS_TRANSACTIONS_MAX 20

static bool is_wanted(const struct xfer *x)
{
	return x->spec.live.wants_transactions && x->done && x->easy;
}

void xfer_metrics_begin(struct xfer *xfer)
{
	struct xfer_metrics *m = &xfer->live.metrics;

	*m = (struct xfer_metrics){ .begin_us = clock_now_us() };
}

void xfer_metrics_on_connected(struct xfer *xfer)
{
	struct xfer_metrics *m = &xfer->live.metrics;
	struct curl_tlssessioninfo *tls = NULL;

	if (!is_wanted(xfer))
		return;
	m->connected_us = clock_now_us();
	m->is_reused = !xfer->is_connecting;
	if (curl_easy_getinfo(xfer->easy, CURLINFO_TLS_SSL_PTR, &tls) || !tls || !tls->internals ||
		tls->backend != CURLSSLBACKEND_OPENSSL)
		return;
	/* both are OpenSSL's own, and stay */
	m->tls_version = SSL_get_version(tls->internals);
	m->tls_cipher = SSL_get_cipher_name(tls->internals);
}

/* 0: did not happen. */
static uint64_t get_us(CURL *easy, CURLINFO what)
{
	curl_off_t value = 0;

	return curl_easy_getinfo(easy, what, &value) || value < 0 ? 0 : (uint64_t)value;
}

static uint64_t get_long(CURL *easy, CURLINFO what)
{
	long value = 0;

	return curl_easy_getinfo(easy, what, &value) || value < 0 ? 0 : (uint64_t)value;
}

/* libcurl's times, counted from its beginning. */
struct times {
	uint64_t base_wall_us; /* that beginning */
	uint64_t lookup_us, connect_us, secure_us, ready_us, answer_us;
};

static struct times get_times(const struct xfer *x, uint64_t to_wall_us)
{
	const struct xfer_metrics *m = &x->live.metrics;
	struct times t = {
		.base_wall_us = m->begin_us + to_wall_us,
		.lookup_us = get_us(x->easy, CURLINFO_NAMELOOKUP_TIME_T),
		.connect_us = get_us(x->easy, CURLINFO_CONNECT_TIME_T),
		.secure_us = get_us(x->easy, CURLINFO_APPCONNECT_TIME_T),
		.ready_us = get_us(x->easy, CURLINFO_PRETRANSFER_TIME_T),
		.answer_us = get_us(x->easy, CURLINFO_STARTTRANSFER_TIME_T),
	};

	if (m->connected_us && t.ready_us && m->connected_us - m->begin_us > t.ready_us)
		t.base_wall_us = m->connected_us - t.ready_us + to_wall_us;
	return t;
}

static void set_connecting(const struct times *t, struct engine_transaction *tr)
{
	tr->lookup_start_wall_us = t->base_wall_us;
	tr->lookup_end_wall_us = t->lookup_us ? t->base_wall_us + t->lookup_us : 0;
	if (!t->connect_us)
		return;
	tr->connect_start_wall_us = tr->lookup_end_wall_us;
	tr->connect_end_wall_us = t->base_wall_us + t->connect_us;
	if (!t->secure_us)
		return;
	tr->secure_start_wall_us = tr->connect_end_wall_us;
	tr->secure_end_wall_us = t->base_wall_us + t->secure_us;
	/* as others count it: a connection that can be used */
	tr->connect_end_wall_us = tr->secure_end_wall_us;
}

/* When libcurl had it all, which its reader may not. */
static uint64_t find_end_wall_us(const struct xfer *x, uint64_t from_wall_us, uint64_t to_wall_us)
{
	uint64_t end_wall_us = x->live.metrics.begin_us + to_wall_us +
		get_us(x->easy, CURLINFO_TOTAL_TIME_T);
	uint64_t now_wall_us = clock_now_us() + to_wall_us;

	if (end_wall_us > now_wall_us)
		end_wall_us = now_wall_us;
	return end_wall_us > from_wall_us ? end_wall_us : from_wall_us;
}

static void set_times(struct xfer *x, struct engine_transaction *tr)
{
	const struct xfer_metrics *m = &x->live.metrics;
	uint64_t to_wall_us = clock_wall_us() - clock_now_us();
	struct times t = get_times(x, to_wall_us);

	tr->fetch_wall_us = m->begin_us + to_wall_us;
	tr->is_reused_connection = m->is_reused;
	if (!tr->is_reused_connection)
		set_connecting(&t, tr);
	if (!m->connected_us)
		return;
	tr->request_start_wall_us = m->connected_us + to_wall_us;
	tr->request_end_wall_us = (m->sent_us > m->connected_us ? m->sent_us : m->connected_us) +
		to_wall_us;
	if (!t.answer_us)
		return;
	tr->response_start_wall_us = t.base_wall_us + t.answer_us;
	if (tr->response_start_wall_us < tr->request_start_wall_us)
		tr->response_start_wall_us = tr->request_start_wall_us;
	tr->response_end_wall_us = find_end_wall_us(x, tr->response_start_wall_us, to_wall_us);
}

static void set_sizes(const struct xfer *x, struct engine_transaction *tr)
{
	tr->request_head_bytes = get_long(x->easy, CURLINFO_REQUEST_SIZE);
	tr->request_body_bytes = xfer_send_count(x);
	tr->response_head_bytes = get_long(x->easy, CURLINFO_HEADER_SIZE);
	tr->response_body_bytes = get_us(x->easy, CURLINFO_SIZE_DOWNLOAD_T);
	tr->decoded_bytes = x->decode ? x->received_bytes : tr->response_body_bytes;
}

static const char *copy(struct xfer *x, const char *text)
{
	return text && *text ? arena_strdup(&x->done->arena, text) : NULL;
}

static const char *get_address(struct xfer *x, CURLINFO what)
{
	char *text = NULL;

	return curl_easy_getinfo(x->easy, what, &text) ? NULL : copy(x, text);
}

static void set_connection(struct xfer *x, struct engine_transaction *tr)
{
	const struct xfer_metrics *m = &x->live.metrics;

	if (!m->connected_us)
		return;
	tr->remote_address = get_address(x, CURLINFO_PRIMARY_IP);
	tr->remote_port = (uint16_t)get_long(x->easy, CURLINFO_PRIMARY_PORT);
	tr->local_address = get_address(x, CURLINFO_LOCAL_IP);
	tr->local_port = (uint16_t)get_long(x->easy, CURLINFO_LOCAL_PORT);
	/* libcurl of today does not tell; a proxy at the port of the origin tells by its tunnel */
	tr->is_proxy = tr->remote_port != x->url->port ||
		get_long(x->easy, CURLINFO_HTTP_CONNECTCODE) != 0;
	tr->tls_version = copy(x, m->tls_version);
	tr->tls_cipher = copy(x, m->tls_cipher);
}

static const char *choose_version(const struct xfer *x)
{
	if (url_is_ftp(x->url))
		return "ftp";
	if (x->is_http2)
		return "h2";
	if (!x->head.version)
		return NULL;
	return strcmp(x->head.version, "1.0") ? "http/1.1" : "http/1.0";
}

/* The place of the next; NULL: no memory. Of very many the first ones are kept, and the last. */
static struct engine_transaction *next_place(struct xfer *x)
{
	struct engine_event_live *live = &x->done->event.live;

	if (!x->live.transactions) {
		x->live.transactions = arena_alloc(
			&x->done->arena, METRICS_TRANSACTIONS_MAX, sizeof(*x->live.transactions));
		live->transactions = x->live.transactions;
	}
	if (!x->live.transactions)
		return NULL;
	if (live->n_transactions < METRICS_TRANSACTIONS_MAX)
		live->n_transactions++;
	return &x->live.transactions[live->n_transactions - 1];
}

void xfer_metrics_note(struct xfer *xfer)
{
	struct engine_transaction *tr = is_wanted(xfer) ? next_place(xfer) : NULL;

	if (!tr)
		return;
	*tr = (struct engine_transaction){
		.url = copy(xfer, xfer->url->full),
		.method = copy(xfer, xfer->method),
		.http_version = copy(xfer, choose_version(xfer)),
		.status = xfer->head.status,
	};
	/* without memory for what it was of it is none */
	if (!tr->url || !tr->method) {
		xfer->done->event.live.n_transactions--;
		return;
	}
	set_times(xfer, tr);
	set_sizes(xfer, tr);
	set_connection(xfer, tr);
}
