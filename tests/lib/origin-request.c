/* SPDX-License-Identifier: MIT */
/*
 * Reads a request: the head into fields, the query into knobs, the body into a digest and a bounded
 * copy. The body is read when the route asks for it, at the pace and to the point that the knobs say.
 */
#include "tests/lib/origin-internal.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *origin_decode(const char *text, size_t size_bytes)
{
	char *out = malloc(size_bytes + 1);
	size_t used = 0;
	int high, low;

	if (!out)
		return NULL;
	for (size_t i = 0; i < size_bytes; i++) {
		if (text[i] == '%' && i + 2 < size_bytes) {
			high = hex_value(text[i + 1]);
			low = high < 0 ? -1 : hex_value(text[i + 2]);
			if (low >= 0) {
				out[used++] = (char)(high * 16 + low);
				i += 2;
				continue;
			}
		}
		out[used++] = text[i] == '+' ? ' ' : text[i];
	}
	out[used] = '\0';
	return out;
}

char *origin_knob_nth(const struct origin_request *r, const char *name, unsigned nth)
{
	size_t name_bytes = strlen(name);
	const char *p = r->query;
	unsigned seen = 0;

	while (*p) {
		size_t part_bytes = strcspn(p, "&");
		size_t key_bytes = strcspn(p, "=&");

		if (key_bytes == name_bytes && !memcmp(p, name, name_bytes) && seen++ == nth) {
			if (key_bytes == part_bytes)
				return strdup("");
			return origin_decode(p + key_bytes + 1, part_bytes - key_bytes - 1);
		}
		p += part_bytes;
		if (*p)
			p++;
	}
	return NULL;
}

char *origin_knob(const struct origin_request *r, const char *name)
{
	return origin_knob_nth(r, name, 0);
}

bool origin_has(const struct origin_request *r, const char *name)
{
	char *value = origin_knob(r, name);
	bool has = value && strcmp(value, "0") != 0;

	free(value);
	return has;
}

uint64_t origin_knob_u64(const struct origin_request *r, const char *name, uint64_t otherwise)
{
	char *value = origin_knob(r, name);
	uint64_t n = otherwise;
	char *end;

	if (value && *value) {
		n = strtoull(value, &end, 10);
		if (*end == 'K')
			n <<= 10;
		else if (*end == 'M')
			n <<= 20;
		else if (*end == 'G')
			n <<= 30;
	}
	free(value);
	return n;
}

void origin_request_trim(struct origin_request *r)
{
	char *only = strstr(r->query, "&only=");

	if (only && r->nth > strtoull(only + strlen("&only="), NULL, 10))
		*only = '\0';
}

const char *origin_request_field(const struct origin_request *r, const char *name)
{
	for (unsigned i = 0; i < r->n_fields; i++)
		if (!strcasecmp(r->fields[i].name, name))
			return r->fields[i].value;
	return NULL;
}

/* the size of the head with its empty line, or 0 */
static size_t head_end(const struct origin_conn *c)
{
	const char *start = c->in + c->in_start;
	const char *end;

	if (!c->in)
		return 0;
	end = memmem(start, c->in_used - c->in_start, "\r\n\r\n", 4);
	return end ? (size_t)(end - start) + 4 : 0;
}

static int parse_line(struct origin_request *r, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strrchr(line, ' ') : NULL;
	char *query;

	if (!version || version == target)
		return -EBADMSG;
	r->line = strdup(line);
	*target++ = '\0';
	*version++ = '\0';
	r->method = line;
	r->http10 = !strcmp(version, "HTTP/1.0");
	r->target = strdup(target);
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	r->query = query ? query : target + strlen(target);
	r->path = origin_decode(target, strlen(target));
	if (!r->line || !r->target || !r->path)
		return -ENOMEM;
	r->key = origin_knob(r, "key");
	if (!r->key)
		r->key = strdup(r->target);
	return r->key ? 0 : -ENOMEM;
}

static void parse_field(struct origin_request *r, char *line)
{
	char *value = strchr(line, ':');
	size_t n;

	if (!value || r->n_fields == ORIGIN_FIELDS_MAX)
		return;
	*value++ = '\0';
	while (*value == ' ' || *value == '\t')
		value++;
	n = strlen(value);
	while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = '\0';
	r->fields[r->n_fields++] = (struct origin_field){ .name = line, .value = value };
}

static int parse_head(struct origin_request *r)
{
	char *line = r->head;
	const char *value;
	char *end;
	int result;

	end = strstr(line, "\r\n");
	*end = '\0';
	result = parse_line(r, line);
	if (result)
		return result;
	for (line = end + 2; (end = strstr(line, "\r\n")) && end != line; line = end + 2) {
		*end = '\0';
		parse_field(r, line);
	}
	value = origin_request_field(r, "Content-Length");
	if (value) {
		r->has_length = true;
		r->length_bytes = strtoull(value, NULL, 10);
	}
	value = origin_request_field(r, "Transfer-Encoding");
	r->chunked = value && !strcasecmp(value, "chunked");
	r->body_done = !r->chunked && !r->length_bytes;
	value = origin_request_field(r, "Connection");
	if (r->http10 || (value && !strcasecmp(value, "close")))
		r->conn->close = true;
	return 0;
}

/* 0: a request was read; 1: the client has closed the connection */
int origin_request_read(struct origin_conn *c, struct origin_request *r)
{
	size_t n;
	int result;

	*r = (struct origin_request){ .conn = c };
	while (!(n = head_end(c))) {
		result = origin_conn_fill(c);
		if (result <= 0)
			return result ? result : 1;
	}
	r->head = malloc(n + 1);
	if (!r->head)
		return -ENOMEM;
	memcpy(r->head, c->in + c->in_start, n);
	r->head[n] = '\0';
	c->in_start += n;
	if (memchr(r->head, '\0', n))
		return -EBADMSG;
	return parse_head(r);
}

void origin_request_done(struct origin_request *r)
{
	free(r->head);
	free(r->line);
	free(r->target);
	free(r->path);
	free(r->key);
	free(r->body);
	*r = (struct origin_request){ 0 };
}

/* how a body is taken in */
struct intake {
	struct origin_request *r;
	EVP_MD_CTX *digest;
	char *gate;
	uint64_t gate_after;
	uint64_t drop_after;
	uint64_t recv_bps;
	uint64_t begun_us;
};

static int take(struct intake *in, const char *bytes, size_t size_bytes)
{
	struct origin_request *r = in->r;
	size_t room = ORIGIN_BODY_KEPT_MAX - r->body_kept_bytes;
	size_t kept = size_bytes < room ? size_bytes : room;
	uint64_t due_us, now_us;

	EVP_DigestUpdate(in->digest, bytes, size_bytes);
	if (kept) {
		memcpy(r->body + r->body_kept_bytes, bytes, kept);
		r->body_kept_bytes += kept;
	}
	r->body_bytes += size_bytes;
	origin_note_received(r, size_bytes);
	if (r->resource) {
		int result = origin_upload_take(r, bytes, size_bytes);

		if (result)
			return result;
	}
	if (r->reply_after_bytes && r->body_bytes >= r->reply_after_bytes) {
		int result = origin_upload_reply(r);

		r->reply_after_bytes = 0;
		if (result)
			return result;
	}
	if (r->body_bytes >= in->drop_after)
		return -ECONNABORTED;
	if (in->gate && r->body_bytes >= in->gate_after) {
		int result = origin_conn_gate(r->conn, in->gate);

		free(in->gate);
		in->gate = NULL;
		in->begun_us = origin_now_us();
		return result;
	}
	if (!in->recv_bps)
		return 0;
	due_us = in->begun_us + r->body_bytes * 1000000 / in->recv_bps;
	now_us = origin_now_us();
	return due_us > now_us ? origin_conn_wait(r->conn, (due_us - now_us) / 1000) : 0;
}

/* a part of what is in the connection, at most this much; 0: the client has gone */
static int next_part(struct intake *in, uint64_t left, size_t *ret_part)
{
	struct origin_conn *c = in->r->conn;
	uint64_t step = in->recv_bps && in->recv_bps < 20 * ORIGIN_SLICE ? in->recv_bps / 20 + 1
									 : ORIGIN_SLICE;
	size_t have;
	int result;

	if (c->in_start == c->in_used) {
		result = origin_conn_fill(c);
		if (result <= 0)
			return result ? result : -ECONNRESET;
	}
	have = c->in_used - c->in_start;
	if (step > left)
		step = left;
	*ret_part = have < step ? have : (size_t)step;
	return 0;
}

static int take_exactly(struct intake *in, uint64_t left)
{
	struct origin_conn *c = in->r->conn;
	size_t n;
	int result;

	while (left) {
		result = next_part(in, left, &n);
		if (result)
			return result;
		result = take(in, c->in + c->in_start, n);
		if (result)
			return result;
		c->in_start += n;
		left -= n;
	}
	return 0;
}

/* a line of a chunked body, without its end */
static int take_line(struct origin_conn *c, char *line, size_t size_bytes)
{
	char *end;
	size_t n;
	int result;

	for (;;) {
		if (c->in_used > c->in_start) {
			end = memmem(c->in + c->in_start, c->in_used - c->in_start, "\r\n", 2);
			if (end)
				break;
		}
		result = origin_conn_fill(c);
		if (result <= 0)
			return result ? result : -ECONNRESET;
	}
	n = (size_t)(end - (c->in + c->in_start));
	if (n >= size_bytes)
		return -EBADMSG;
	memcpy(line, c->in + c->in_start, n);
	line[n] = '\0';
	c->in_start += n + 2;
	return 0;
}

static int take_chunks(struct intake *in)
{
	struct origin_conn *c = in->r->conn;
	char line[1024];
	uint64_t n;
	int result;

	do {
		result = take_line(c, line, sizeof(line));
		if (result)
			return result;
		n = strtoull(line, NULL, 16);
		if (n) {
			result = take_exactly(in, n);
			if (result)
				return result;
			result = take_line(c, line, sizeof(line));
			if (result)
				return result;
		}
	} while (n);
	while (!(result = take_line(c, line, sizeof(line))) && *line)
		;
	return result;
}

static int body_expected(struct origin_request *r)
{
	const char *value = origin_request_field(r, "Expect");

	if (!value || strcasecmp(value, "100-continue") != 0 || origin_has(r, "no_continue"))
		return 0;
	return origin_conn_send(r->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void hex_digest(EVP_MD_CTX *digest, char hex[65])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[32];

	EVP_DigestFinal_ex(digest, sum, NULL);
	for (unsigned i = 0; i < 32; i++) {
		hex[2 * i] = digits[sum[i] >> 4];
		hex[2 * i + 1] = digits[sum[i] & 15];
	}
	hex[64] = '\0';
}

static void read_knobs(struct intake *in)
{
	struct origin_request *r = in->r;

	in->gate = origin_knob(r, "gate");
	in->gate_after = origin_knob_u64(r, "gate_after", 0);
	if (r->nth <= origin_knob_u64(r, "drop_times", UINT64_MAX))
		in->drop_after = origin_knob_u64(r, "drop_after", UINT64_MAX);
	in->recv_bps = origin_knob_u64(r, "recv_bps", 0);
}

/* -ECONNABORTED: the script says to cut the connection here */
int origin_request_body(struct origin_request *r)
{
	struct intake in = { .r = r, .begun_us = origin_now_us() };
	int result;

	if (r->body_done && r->body_sha256[0])
		return 0;
	r->body = malloc(ORIGIN_BODY_KEPT_MAX);
	in.digest = EVP_MD_CTX_new();
	if (!r->body || !in.digest || !EVP_DigestInit_ex(in.digest, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(in.digest);
		return -ENOMEM;
	}
	in.drop_after = UINT64_MAX;
	if (!r->ignores_knobs)
		read_knobs(&in);
	result = body_expected(r);
	if (!result)
		result = r->chunked ? take_chunks(&in) : take_exactly(&in, r->length_bytes);
	if (!result) {
		r->body_done = true;
		hex_digest(in.digest, r->body_sha256);
		origin_note_body(r);
	}
	EVP_MD_CTX_free(in.digest);
	free(in.gate);
	return result;
}
