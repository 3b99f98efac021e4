/* SPDX-License-Identifier: MIT */
/*
 * A scripted HTTP/1.1 origin server for tests. It speaks over raw sockets, so that it can lie about
 * framing, ranges and validators. It runs in threads of its own inside a test program, or as the
 * program `origin`. Everything it serves is computed from the request's query, so a test
 * describes the server's behaviour in the URL and the checker recomputes the bytes from the seed.
 *
 * GET, HEAD, and anything else /file?KNOBS (a body of the request is read first)
 *	size=N seed=N			length (suffixes K, M, G) and content
 *	key=NAME			count requests under NAME instead of the whole target
 *	etag=V|none weak lastmod=S|none	validators (default: a strong ETag, no Last-Modified)
 *	ctype=T disposition=T cookie=T header=N:V	response headers
 *	noranges ifrange_200		never ranges; ranges, but 200 to each If-Range
 *	status=N fail_times=N retry_after=S	answer N instead (the first times only)
 *	redirect_to=URL redirect_raw=TEXT	302 (or status=) to there; the text as it is in the query, not decoded
 *	only_method=M			405 to any other
 *	auth=T www=C auth_size=N auth_early	401 with these challenges and so long a body unless Authorization begins so;
 *					before the body of the request is read
 *	kill_kept=N			cut instead of answering the N-th request of a connection
 *	delay_ms=N hang			wait before the head; for ever
 *	rate_bps=N hang_after=N		pace of the body; stop sending after N body bytes
 *	drop_after=N drop_times=N drop=fin|rst	cut the connection after N body bytes
 *	gate=NAME gate_after=N		stop after N body bytes until origin_release(NAME)
 *	wrong_start=N wrong_end=N wrong_total=N no_content_range other_etag multipart	lies in a 206
 *	always_416			lies to a range request
 *	changed_after=N			other content and ETag after the first N requests
 *	chunked no_length length_lie=T extra=N close	framing; T is sent as it is
 *	late=T late_gate=NAME		when the gate is open, T behind the answer
 *	coding=NAME,…			coded body (coding.h: gzip deflate raw br zstd); zeros: of nothing but 0
 *	coded_cut=N coded_permille=N	cut there with a correct length; coded_junk=T behind it; coded_twice
 *	coded_as=T coded_206		another Content-Encoding; one in a 206 only, which is a lie
 *	coded_after=N coded_times=N	the first N answers are plain; so many are coded
 *	interim=N head_headers=N head_bytes=N chunk_ext=N trailer=N	floods
 *	interim_status=N interim_header=N:V	other interim answers than 103
 *	drip_ms=N			a byte of the head each N ms
 *	parts=N boundary=B part_type=T	multipart/x-mixed-replace of so many parts of size= bytes, seeds seed=, +1, …
 *	part_gate=NAME part_lengths	before each part but the first: one gate for each, NAME1, …; with Content-Length
 *	only=N				what stands behind it counts for the first N requests
 * PUT, POST /upload?KNOBS answers with X-Body-Length and X-Body-SHA256; besides most of the above:
 *	recv_bps=N drop_after=N gate_after=N	pace, cut, gate: counted in received bytes
 *	early				answer before the body is read
 *	reply_after=N			answer when N bytes of the body have come, and go on reading
 *	no_continue expect_status=N	what happens to Expect: 100-continue
 *	reply_size=N			length of the answer's body
 *	resumable=V			resumable uploads of this interop version (empty: 8), when asked for; then
 *	cut_at=N (again and again)	cut when the first resource (cut_all: each one) has N bytes, then at the next N
 *	location=URL no_location	in the 104: another, none
 *	progress104=N			a 104 with the offset each N bytes
 *	head_status=N head_offset=V|none head_length=N head_times=N	what HEAD says (the first times only)
 *	patch_status=N patch_times=N	what PATCH says
 *	max_append=N			Upload-Limit of a PATCH, told by HEAD
 *	lose_answer=N quiet		cut instead of answering (the first times); without Upload-Complete
 * PUT /store/NAME as /upload, answered with 201; GET /_log, /_stats, /_release?gate=NAME, /_clear.
 */
#ifndef TESTS_LIB_ORIGIN_H
#define TESTS_LIB_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin;

enum origin_tls {
	ORIGIN_TLS_OFF,
	ORIGIN_TLS_GOOD,
	ORIGIN_TLS_EXPIRED,
	ORIGIN_TLS_SELF_SIGNED,
	ORIGIN_TLS_WRONG_HOST,
};

struct origin_config {
	enum origin_tls tls;
	const char *folder; /* with TLS: where ca.pem is written */
	const char *www; /* NULL, or a folder whose files are served where no route matches */
	uint16_t port; /* 0: any free one */
	bool one_request; /* close after each answer */
	bool serial; /* serve strictly one connection at a time */
	unsigned backlog; /* 0: 128 */
};

#define ORIGIN_TARGET_MAX  1024
#define ORIGIN_HEADERS_MAX 4096

struct origin_entry {
	uint64_t number; /* 1, 2, … in order of arrival */
	uint64_t connection; /* the same number: the same connection */
	char method[16];
	char target[ORIGIN_TARGET_MAX];
	char range[96]; /* the request's Range; empty: none */
	char if_range[192];
	char headers[ORIGIN_HEADERS_MAX]; /* "Name: value\n"…, cut when longer */
	char body_sha256[65]; /* empty: no body arrived whole */
	uint64_t body_received_bytes;
	uint64_t body_sent_bytes;
	uint64_t body_start_bytes; /* offset in the resource of the first body byte */
	unsigned status; /* 0: not answered yet */
	bool ended; /* nothing more will happen to this request */
	bool whole; /* the whole answer was handed to the socket */
};

/* an upload resource */
struct origin_upload {
	uint64_t offset_bytes, length_bytes;
	bool is_complete, is_deleted;
	char key[64]; /* of the request that began it */
	char sha256[65]; /* of the whole; empty: not complete */
};

struct origin_stats {
	uint64_t requests;
	uint64_t whole_answers; /* answers < 400 handed over whole */
	uint64_t whole_bodies; /* request bodies received whole */
	uint64_t body_sent_bytes;
	uint64_t body_received_bytes;
};

int origin_new(const struct origin_config *config, struct origin **ret_origin);
struct origin *origin_free(struct origin *o);

uint16_t origin_port(const struct origin *o);
/* bound and not listening: connections to it are refused for as long as the origin lives */
uint16_t origin_dead_port(const struct origin *o);
/* "http://127.0.0.1:PORT" without a final slash, and the same with [::1] */
const char *origin_base(const struct origin *o);
const char *origin_base6(const struct origin *o);
/* base and the formatted rest; to be freed */
char *origin_url(const struct origin *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* path of the certificate of the private CA, NULL without TLS */
const char *origin_ca_path(const struct origin *o);

/* answer requests for PATH with exactly these bytes, then close */
int origin_raw(struct origin *o, const char *path, const void *bytes, size_t size_bytes);
/* the same, and then stay silent with the connection open */
int origin_raw_hold(struct origin *o, const char *path, const void *bytes, size_t size_bytes);
int origin_release(struct origin *o, const char *gate);
/* close the listening sockets (connections are refused), and open them again on the same port */
int origin_listen(struct origin *o, bool on);
/* cut all connections with RST */
void origin_cut(struct origin *o);

/* the log keeps the newest 4096 requests; numbers go on for ever */
uint64_t origin_log_last(struct origin *o);
int origin_log_get(struct origin *o, uint64_t number, struct origin_entry *ret_entry);
void origin_log_clear(struct origin *o);
/* the methods of all, with a space between two */
void origin_log_methods(struct origin *o, char *ret_text, size_t size_bytes);
/* n-th (from 1) logged request whose target begins with PREFIX; -ENOENT */
int origin_log_find(
	struct origin *o, const char *prefix, unsigned n, struct origin_entry *ret_entry);
unsigned origin_log_count(struct origin *o, const char *prefix);
/* wait until N requests whose target begins with PREFIX have arrived (or ended); -ETIMEDOUT */
int origin_wait_arrived(struct origin *o, const char *prefix, unsigned n, unsigned timeout_ms);
int origin_wait_ended(struct origin *o, const char *prefix, unsigned n, unsigned timeout_ms);
/* wait until the n-th request has got (or sent) this many body bytes */
int origin_wait_bytes(
	struct origin *o, const char *prefix, unsigned n, uint64_t bytes, unsigned timeout_ms);
/* value of a request header of that entry; false: not there */
bool origin_entry_header(
	const struct origin_entry *entry, const char *name, char *ret_value, size_t size_bytes);
/* numbers since the start, by key= or target */
void origin_stats_get(struct origin *o, const char *key, struct origin_stats *ret_stats);

/* the n-th upload resource (from 1); -ENOENT */
int origin_upload_get(struct origin *o, unsigned n, struct origin_upload *ret_upload);

/* the content of /file?seed=…; any part of it, in any order */
void origin_bytes(uint64_t seed, uint64_t offset_bytes, void *ret_bytes, size_t size_bytes);
void origin_bytes_sha256(uint64_t seed, uint64_t size_bytes, char ret_hex[65]);
/* 0: the file is exactly this content; -EBADMSG: it is not; -errno */
int origin_bytes_check(const char *path, uint64_t seed, uint64_t size_bytes);
/* a file of this content, for uploads */
int origin_bytes_write(const char *path, uint64_t seed, uint64_t size_bytes);
/* what changed_after makes of a seed */
uint64_t origin_changed_seed(uint64_t seed);

#endif
