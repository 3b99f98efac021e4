/* SPDX-License-Identifier: MIT */
/*
 * The server's side of resumable uploads: a request that asks for one gets a 104 that names an
 * upload resource, which takes HEAD for the offset, PATCH for the rest and DELETE. A resource lives
 * as long as the origin; a newer request to it ends the older ones.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/origin-state.h"

struct origin_resource {
	struct origin_resource *next;
	EVP_MD_CTX *digest;
	unsigned id, turn, n_cuts, n_heads, n_patches, n_answers;
	uint64_t told_bytes; /* in a 104 */
	struct origin_upload upload;
};

void origin_resources_free(struct origin *o)
{
	struct origin_resource *next;

	for (struct origin_resource *u = o->resources; u; u = next) {
		next = u->next;
		EVP_MD_CTX_free(u->digest);
		free(u);
	}
	o->resources = NULL;
}

static struct origin_resource *new_resource(struct origin *o)
{
	struct origin_resource *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->digest = EVP_MD_CTX_new();
	if (!u->digest || !EVP_DigestInit_ex(u->digest, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(u->digest);
		free(u);
		return NULL;
	}
	pthread_mutex_lock(&o->lock);
	u->id = ++o->n_resources;
	u->next = o->resources;
	o->resources = u;
	pthread_mutex_unlock(&o->lock);
	return u;
}

/* with the lock held */
static struct origin_resource *find(struct origin *o, unsigned id)
{
	for (struct origin_resource *u = o->resources; u; u = u->next)
		if (u->id == id)
			return u;
	return NULL;
}

int origin_upload_get(struct origin *o, unsigned n, struct origin_upload *ret_upload)
{
	const struct origin_resource *u;

	pthread_mutex_lock(&o->lock);
	u = find(o, n);
	if (u)
		*ret_upload = u->upload;
	pthread_mutex_unlock(&o->lock);
	return u ? 0 : -ENOENT;
}

/* the request's bytes belong to the resource from here on */
static void begin_turn(struct origin_request *r, struct origin_resource *u)
{
	pthread_mutex_lock(&r->conn->origin->lock);
	r->turn = ++u->turn;
	pthread_mutex_unlock(&r->conn->origin->lock);
	r->resource = u;
}

/* where the script says to cut next; UINT64_MAX: nowhere */
static uint64_t next_cut(const struct origin_request *r, const struct origin_resource *u)
{
	bool is_cut = u->id == 1 || origin_has(r, "cut_all");
	char *value = is_cut ? origin_knob_nth(r, "cut_at", u->n_cuts) : NULL;
	uint64_t at = UINT64_MAX;
	char *end;

	if (value && *value) {
		at = strtoull(value, &end, 10);
		at = *end == 'K' ? at << 10 : *end == 'M' ? at << 20 : at;
	}
	free(value);
	return at;
}

static int tell_progress(struct origin_request *r, struct origin_resource *u, uint64_t bytes)
{
	uint64_t step = origin_knob_u64(r, "progress104", 0);
	char text[160];
	int n;

	if (!step || bytes - u->told_bytes < step)
		return 0;
	u->told_bytes = bytes;
	n = snprintf(text, sizeof(text),
		"HTTP/1.1 104 Upload Resumption Supported\r\n"
		"Upload-Draft-Interop-Version: 8\r\nUpload-Offset: %llu\r\n\r\n",
		(unsigned long long)bytes);
	return origin_conn_send(r->conn, text, (size_t)n);
}

/* -ECONNABORTED: the script says to cut here; -ECANCELED: a newer request has taken over */
int origin_upload_take(struct origin_request *r, const char *bytes, size_t size_bytes)
{
	struct origin *o = r->conn->origin;
	struct origin_resource *u = r->resource;
	uint64_t cut_at = next_cut(r, u), offset;
	size_t n = size_bytes;
	int result = 0;

	pthread_mutex_lock(&o->lock);
	offset = u->upload.offset_bytes;
	if (r->turn != u->turn) {
		result = -ECANCELED;
	} else {
		if (offset + n >= cut_at) {
			n = (size_t)(cut_at - offset);
			u->n_cuts++;
			result = -ECONNABORTED;
		}
		EVP_DigestUpdate(u->digest, bytes, n);
		u->upload.offset_bytes += n;
	}
	pthread_mutex_unlock(&o->lock);
	return result ? result : tell_progress(r, u, offset + n);
}

static void complete(struct origin_request *r, struct origin_resource *u)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[32];

	pthread_mutex_lock(&r->conn->origin->lock);
	EVP_DigestFinal_ex(u->digest, sum, NULL);
	for (unsigned i = 0; i < 32; i++) {
		u->upload.sha256[2 * i] = digits[sum[i] >> 4];
		u->upload.sha256[2 * i + 1] = digits[sum[i] & 15];
	}
	u->upload.is_complete = true;
	pthread_mutex_unlock(&r->conn->origin->lock);
}

/* the answer to the whole upload */
static int answer(struct origin_request *r, struct origin_resource *u)
{
	unsigned status = (unsigned)origin_knob_u64(r, "answer", 201);
	char fields[320];

	complete(r, u);
	if (++u->n_answers <= origin_knob_u64(r, "lose_answer", 0))
		return -ECONNABORTED;
	snprintf(fields, sizeof(fields),
		"Content-Type: text/plain\r\nX-Body-Length: %llu\r\nX-Body-SHA256: %s%s",
		(unsigned long long)u->upload.offset_bytes, u->upload.sha256,
		origin_has(r, "quiet") ? "" : "\r\nUpload-Complete: ?1");
	return origin_answer_text(r, status, fields, "%llu %s\n",
		(unsigned long long)u->upload.offset_bytes, u->upload.sha256);
}

static bool is_last(const struct origin_request *r)
{
	const char *value = origin_request_field(r, "Upload-Complete");

	return value && !strcmp(value, "?1");
}

/* body, then the answer to it */
static int take_body(struct origin_request *r, struct origin_resource *u)
{
	int result;

	begin_turn(r, u);
	result = origin_request_body(r);
	if (!result && is_last(r))
		result = answer(r, u);
	else if (!result)
		result = origin_answer_text(r, 204, "Upload-Complete: ?0", "%s", "");
	return result == -ECONNABORTED ? origin_cut_scripted(r) : result;
}

static int send_104(struct origin_request *r, const struct origin_resource *u)
{
	char *version = origin_knob(r, "resumable"), *location = origin_knob(r, "location");
	char where[ORIGIN_TARGET_MAX + 64], text[2 * ORIGIN_TARGET_MAX];
	int n;

	snprintf(where, sizeof(where), "/resource/%u?%.*s", u->id, ORIGIN_TARGET_MAX, r->query);
	n = snprintf(text, sizeof(text),
		"HTTP/1.1 104 Upload Resumption Supported\r\n"
		"Upload-Draft-Interop-Version: %s\r\n%s%s\r\n\r\n",
		version && *version ? version : "8",
		origin_has(r, "no_location") ? "X-Nowhere: " : "Location: ",
		location ? location : where);
	free(location);
	free(version);
	return origin_conn_send(r->conn, text, (size_t)n);
}

bool origin_upload_is_asked(const struct origin_request *r)
{
	char *knob = origin_knob(r, "resumable");
	bool is_asked = knob && origin_request_field(r, "Upload-Complete") &&
		origin_request_field(r, "Upload-Draft-Interop-Version");

	free(knob);
	return is_asked;
}

int origin_upload_create(struct origin_request *r)
{
	struct origin_resource *u = new_resource(r->conn->origin);
	const char *length = origin_request_field(r, "Upload-Length");
	int result;

	if (!u)
		return -ENOMEM;
	snprintf(u->upload.key, sizeof(u->upload.key), "%s", r->key);
	u->upload.length_bytes = length ? strtoull(length, NULL, 10) : 0;
	result = send_104(r, u);
	return result ? result : take_body(r, u);
}

/* ---- the resource ---- */

static void add_limit(struct origin_request *r, char *fields, size_t size_bytes)
{
	uint64_t limit = origin_knob_u64(r, "max_append", 0);
	size_t used = strlen(fields);

	if (limit)
		snprintf(fields + used, size_bytes - used,
			"\r\nUpload-Limit: max-age=3600, max-append-size=%llu",
			(unsigned long long)limit);
}

static int on_head(struct origin_request *r, struct origin_resource *u)
{
	char *lie = origin_knob(r, "head_offset");
	uint64_t status = origin_knob_u64(r, "head_status", 204);
	char fields[400], offset[64];

	begin_turn(r, u);
	if (++u->n_heads > origin_knob_u64(r, "head_times", UINT64_MAX)) {
		status = 204;
		free(lie);
		lie = NULL;
	}
	snprintf(offset, sizeof(offset), "Upload-Offset: %s\r\n", lie ? lie : "");
	if (!lie)
		snprintf(offset, sizeof(offset), "Upload-Offset: %llu\r\n",
			(unsigned long long)u->upload.offset_bytes);
	snprintf(fields, sizeof(fields),
		"Upload-Complete: ?%d\r\n%sUpload-Length: %llu\r\nCache-Control: no-store",
		u->upload.is_complete, lie && !strcmp(lie, "none") ? "" : offset,
		(unsigned long long)origin_knob_u64(r, "head_length", u->upload.length_bytes));
	free(lie);
	if (status >= 300)
		return origin_answer_text(r, (unsigned)status, NULL, "%s", "");
	add_limit(r, fields, sizeof(fields));
	return origin_answer_text(r, (unsigned)status, fields, "%s", "");
}

/* 0: it may be appended */
static unsigned refusal(struct origin_request *r, struct origin_resource *u)
{
	const char *type = origin_request_field(r, "Content-Type");
	const char *offset = origin_request_field(r, "Upload-Offset");
	uint64_t status = origin_knob_u64(r, "patch_status", 0);

	if (status && ++u->n_patches <= origin_knob_u64(r, "patch_times", UINT64_MAX))
		return (unsigned)status;
	if (!type || strcmp(type, "application/partial-upload") != 0)
		return 415;
	if (!offset || !origin_request_field(r, "Upload-Complete") ||
		!origin_request_field(r, "Upload-Draft-Interop-Version"))
		return 400;
	if (r->length_bytes > origin_knob_u64(r, "max_append", UINT64_MAX))
		return 413;
	if (u->upload.is_complete)
		return 400;
	return strtoull(offset, NULL, 10) == u->upload.offset_bytes ? 0 : 409;
}

static int on_patch(struct origin_request *r, struct origin_resource *u)
{
	unsigned status = refusal(r, u);
	char field[64];
	int result;

	if (!status)
		return take_body(r, u);
	r->ignores_knobs = true;
	result = origin_request_body(r);
	snprintf(field, sizeof(field), "Upload-Offset: %llu",
		(unsigned long long)u->upload.offset_bytes);
	return result ? result
		      : origin_answer_text(r, status, status == 409 ? field : NULL, "%s", "no\n");
}

int origin_upload_resource_serve(struct origin_request *r)
{
	struct origin *o = r->conn->origin;
	struct origin_resource *u;

	pthread_mutex_lock(&o->lock);
	u = find(o, (unsigned)strtoul(r->path + strlen("/resource/"), NULL, 10));
	if (u && !strcmp(r->method, "DELETE"))
		u->upload.is_deleted = true;
	pthread_mutex_unlock(&o->lock);
	if (!u || u->upload.is_deleted)
		return origin_answer_text(r, u ? 204 : 404, NULL, "%s", "");
	if (!strcmp(r->method, "HEAD"))
		return on_head(r, u);
	if (!strcmp(r->method, "PATCH"))
		return on_patch(r, u);
	return origin_answer_text(r, 405, NULL, "%s", "");
}
