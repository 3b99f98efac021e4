/* SPDX-License-Identifier: MIT */
/* What the files of the origin share: the server, a connection, a request and how to answer. */
#ifndef TESTS_LIB_ORIGIN_INTERNAL_H
#define TESTS_LIB_ORIGIN_INTERNAL_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lib/origin.h"

#define ORIGIN_CONNS_MAX     512
#define ORIGIN_HEAD_MAX      (256 * 1024)
#define ORIGIN_FIELDS_MAX    128
#define ORIGIN_BODY_KEPT_MAX (256 * 1024)
#define ORIGIN_SLICE         65536

struct origin_conn {
	struct origin_conn *next;
	struct origin *origin;
	SSL *ssl; /* NULL: plain */
	uint64_t number;
	unsigned served;
	int fd;
	bool close; /* after this answer */
	char *in; /* bytes read and not used yet */
	size_t in_used;
	size_t in_start;
};

struct origin_field {
	char *name;
	char *value;
};

struct origin_request {
	struct origin_conn *conn;
	char *head; /* owns all the strings below */
	char *line; /* a copy of the request line */
	char *method;
	char *target;
	char *path; /* decoded */
	char *query; /* as sent, "" if none */
	char *key; /* what its counters are kept under */
	struct origin_field fields[ORIGIN_FIELDS_MAX];
	unsigned n_fields;
	bool http10;
	bool has_length;
	bool chunked;
	bool ignores_knobs; /* the body is just read: the knobs are about the answer */
	bool body_done; /* nothing of the body is left in the connection */
	bool replies_amid; /* the answer goes out amid the body, which is read on */
	uint64_t reply_after_bytes; /* there; 0: it has gone out */
	unsigned reply_status;
	uint64_t length_bytes;
	uint64_t number; /* in the log */
	uint64_t nth; /* of its key, from 1 */
	char *body; /* what was kept of it */
	size_t body_kept_bytes;
	uint64_t body_bytes;
	char body_sha256[65];
	struct origin_resource *resource; /* that the body is appended to, or NULL */
	unsigned turn; /* of the resource */
};

/* an answer under construction: the head is collected, then sent, then the body */
struct origin_answer {
	struct origin_request *request;
	char *head;
	size_t head_used;
	size_t head_size;
	bool no_body; /* HEAD, 204, 304 */
	bool chunked;
	unsigned status;
};

/* origin.c */
void origin_note_start(struct origin_request *r);
void origin_note_status(struct origin_request *r, unsigned status, uint64_t start_bytes);
void origin_note_sent(struct origin_request *r, uint64_t bytes);
void origin_note_received(struct origin_request *r, uint64_t bytes);
void origin_note_body(struct origin_request *r);
void origin_note_end(struct origin_request *r, bool whole);
const char *origin_www(const struct origin *o);
int origin_gate_fd(struct origin *o, const char *name);
char *origin_log_json(struct origin *o);
char *origin_stats_json(struct origin *o, const char *key);
/* 1: there is such a route and it was answered */
int origin_raw_serve(struct origin_request *r);

/* origin-conn.c */
int origin_conn_send(struct origin_conn *c, const void *bytes, size_t size_bytes);
/* > 0: bytes were added to the input; 0: end of file */
int origin_conn_fill(struct origin_conn *c);
/* 0: the time passed; < 0: the client has gone */
int origin_conn_wait(struct origin_conn *c, uint64_t ms);
/* waits for the gate, or for the client to go */
int origin_conn_gate(struct origin_conn *c, const char *gate);
void origin_conn_reset(struct origin_conn *c);
int origin_conn_handshake(struct origin_conn *c, SSL_CTX *ctx);
uint64_t origin_now_us(void);

/* origin-request.c */
int origin_request_read(struct origin_conn *c, struct origin_request *r);
void origin_request_done(struct origin_request *r);
const char *origin_request_field(const struct origin_request *r, const char *name);
/* a knob of the query, percent-decoded, to be freed; NULL: not given */
char *origin_knob(const struct origin_request *r, const char *name);
char *origin_knob_nth(const struct origin_request *r, const char *name, unsigned nth);
bool origin_has(const struct origin_request *r, const char *name);
uint64_t origin_knob_u64(const struct origin_request *r, const char *name, uint64_t otherwise);
/* once its number is known: forgets the knobs that are for earlier requests only */
void origin_request_trim(struct origin_request *r);
int origin_request_body(struct origin_request *r);
char *origin_decode(const char *text, size_t size_bytes);

/* origin-answer.c */
void origin_answer_init(struct origin_answer *a, struct origin_request *r, unsigned status);
void origin_answer_done(struct origin_answer *a);
void origin_answer_field(struct origin_answer *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int origin_answer_head(struct origin_answer *a);
int origin_answer_text(struct origin_request *r, unsigned status, const char *fields,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
int origin_answer_bytes(struct origin_request *r, unsigned status, const char *fields,
	const void *bytes, size_t size_bytes);
const char *origin_reason(unsigned status);

/* origin-file.c, origin-route.c */
int origin_file_serve(struct origin_request *r);
int origin_folder_serve(struct origin_request *r, const char *folder);
int origin_upload_serve(struct origin_request *r, unsigned status);
/* the answer of an upload whose body came, or comes */
int origin_upload_reply(struct origin_request *r);
/* ends the connection as drop= says */
int origin_cut_scripted(struct origin_request *r);
int origin_route_serve(struct origin_request *r);
/* delay, hang, status, redirect: 1: answered */
int origin_common_serve(struct origin_request *r);

/* origin-part.c */
int origin_parts_serve(struct origin_request *r);

/* origin-upload.c */
bool origin_upload_is_asked(const struct origin_request *r);
int origin_upload_create(struct origin_request *r);
int origin_upload_resource_serve(struct origin_request *r);
int origin_upload_take(struct origin_request *r, const char *bytes, size_t size_bytes);
void origin_resources_free(struct origin *o);

/* origin-tls.c */
int origin_tls_new(const struct origin_config *config, SSL_CTX **ret_ctx, char **ret_ca_path);

#endif
