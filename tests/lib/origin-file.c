/* SPDX-License-Identifier: MIT */
/*
 * /file and /upload: the two routes whose whole behaviour is in the query. Decides first what is
 * served (version, validators, range, lies), then how it is framed, then how the body flows (pace,
 * gate, cut).
 */
#include "tests/lib/origin-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/coding.h"

struct file {
	struct origin_request *r;
	uint64_t seed;
	uint64_t size_bytes;
	uint64_t start_bytes; /* of what is sent */
	uint64_t end_bytes; /* behind its last byte */
	char etag[128]; /* empty: none */
	char last_modified[64];
	char *coded; /* the whole coded body */
	char *coding; /* Content-Encoding */
	int fd; /* a file of the folder; -1: computed bytes */
	bool partial;
	bool unsatisfiable;
};

static void make_validators(struct file *f, bool changed)
{
	struct origin_request *r = f->r;
	uint64_t modified = origin_knob_u64(r, "lastmod", UINT64_MAX);
	char *value = origin_knob(r, "etag");
	char *lastmod = origin_knob(r, "lastmod");
	const char *weak = origin_has(r, "weak") ? "W/" : "";

	if (!value)
		snprintf(f->etag, sizeof(f->etag), "%s\"v%llu-%llu\"", weak,
			(unsigned long long)f->seed, (unsigned long long)f->size_bytes);
	else if (strcmp(value, "none") != 0)
		snprintf(f->etag, sizeof(f->etag), "%s\"%s%s\"", weak, value, changed ? "-2" : "");
	if (lastmod && strcmp(lastmod, "none") != 0) {
		time_t when = (time_t)modified + (changed ? 3600 : 0);
		struct tm tm;

		strftime(f->last_modified, sizeof(f->last_modified), "%a, %d %b %Y %H:%M:%S GMT",
			gmtime_r(&when, &tm));
	}
	free(value);
	free(lastmod);
}

/* bytes=a-b, a-, -n; anything else is no range */
static void apply_range(struct file *f)
{
	const char *range = origin_request_field(f->r, "Range");
	const char *if_range = origin_request_field(f->r, "If-Range");
	unsigned long long a, b;
	int used = 0;

	if (!range || origin_has(f->r, "noranges"))
		return;
	if (if_range) {
		bool same = *if_range == '"'
			? !strcmp(if_range, f->etag)
			: *f->last_modified && !strcmp(if_range, f->last_modified);

		if (!same || origin_has(f->r, "ifrange_200"))
			return;
	}
	if (origin_has(f->r, "always_416")) {
		f->unsatisfiable = true;
		return;
	}
	if (sscanf(range, "bytes=%llu-%llu%n", &a, &b, &used) == 2 && !range[used]) {
		f->end_bytes = b + 1 < f->size_bytes ? b + 1 : f->size_bytes;
	} else if (sscanf(range, "bytes=%llu-%n", &a, &used) == 1 && used && !range[used]) {
		f->end_bytes = f->size_bytes;
	} else if (sscanf(range, "bytes=-%llu%n", &b, &used) == 1 && !range[used]) {
		a = b < f->size_bytes ? f->size_bytes - b : 0;
	} else {
		return;
	}
	f->start_bytes = a;
	f->partial = true;
	f->unsatisfiable = a >= f->size_bytes;
}

/* 0: go on and send; else the status that answers it without a body */
static unsigned preconditions(struct file *f)
{
	const char *value = origin_request_field(f->r, "If-Match");

	if (value && strcmp(value, f->etag) != 0 && strcmp(value, "*") != 0)
		return 412;
	value = origin_request_field(f->r, "If-None-Match");
	if (value)
		return *f->etag && !strcmp(value, f->etag) ? 304 : 0;
	value = origin_request_field(f->r, "If-Modified-Since");
	return value && *f->last_modified && !strcmp(value, f->last_modified) ? 304 : 0;
}

/* 200 MB of nothing cost no memory; what is sent then is small */
static char *plain(const struct file *f)
{
	char *bytes = f->size_bytes <= (256u << 20) ? calloc(1, f->size_bytes + 1) : NULL;

	if (bytes && !origin_has(f->r, "zeros"))
		origin_bytes(f->seed, 0, bytes, f->size_bytes);
	return bytes;
}

static uint64_t coded_end(const struct file *f, uint64_t size_bytes)
{
	uint64_t cut = origin_knob_u64(f->r, "coded_cut", UINT64_MAX);
	uint64_t permille = origin_knob_u64(f->r, "coded_permille", 1000);

	if (size_bytes * permille / 1000 < cut)
		cut = size_bytes * permille / 1000;
	return cut < size_bytes ? cut : size_bytes;
}

/* coding=NAMES, coded_twice, coded_junk=TEXT, coded_cut=N, coded_permille=N */
static int encode(struct file *f, const char *names)
{
	struct coding_bytes one = { NULL, 0 };
	char *body = plain(f), *junk = origin_knob(f->r, "coded_junk");
	size_t n = junk ? strlen(junk) : 0, all;
	int result = body ? coding_encode(names, body, f->size_bytes, &one) : -ENOMEM;

	free(body);
	all = origin_has(f->r, "coded_twice") ? 2 * one.size : one.size;
	f->coded = result ? NULL : malloc(all + n + 1);
	if (f->coded) {
		memcpy(f->coded + all - one.size, one.bytes, one.size);
		memcpy(f->coded, one.bytes, one.size);
		if (junk)
			memcpy(f->coded + all, junk, n);
	}
	free(one.bytes);
	free(junk);
	f->coding = origin_knob(f->r, "coded_as");
	if (!f->coding)
		f->coding = coding_field(names);
	if (!f->coded || !f->coding)
		return result ? result : -ENOMEM;
	f->start_bytes = 0;
	f->partial = false;
	f->end_bytes = coded_end(f, all + n);
	return 0;
}

static void add_content_range(struct origin_answer *a, const struct file *f)
{
	struct origin_request *r = f->r;
	uint64_t start = f->start_bytes + origin_knob_u64(r, "wrong_start", 0);
	uint64_t last = f->end_bytes - 1 + origin_knob_u64(r, "wrong_end", 0);
	uint64_t total = f->size_bytes + origin_knob_u64(r, "wrong_total", 0);

	if (f->unsatisfiable)
		origin_answer_field(
			a, "Content-Range: bytes */%llu", (unsigned long long)f->size_bytes);
	else if (f->partial && !origin_has(r, "no_content_range") && !origin_has(r, "multipart"))
		origin_answer_field(a, "Content-Range: bytes %llu-%llu/%llu",
			(unsigned long long)start, (unsigned long long)last,
			(unsigned long long)total);
}

static void add_fields(struct origin_answer *a, const struct file *f)
{
	struct origin_request *r = f->r;
	char *type = origin_knob(r, "ctype");

	if (f->partial && origin_has(r, "multipart"))
		origin_answer_field(a, "Content-Type: multipart/byteranges; boundary=xyz");
	else
		origin_answer_field(
			a, "Content-Type: %s", type ? type : "application/octet-stream");
	free(type);
	if (*f->etag && f->partial && origin_has(r, "other_etag"))
		origin_answer_field(a, "ETag: \"another\"");
	else if (*f->etag)
		origin_answer_field(a, "ETag: %s", f->etag);
	if (*f->last_modified)
		origin_answer_field(a, "Last-Modified: %s", f->last_modified);
	origin_answer_field(a, "Accept-Ranges: %s", origin_has(r, "noranges") ? "none" : "bytes");
	if (f->coding || (f->partial && origin_has(r, "coded_206")))
		origin_answer_field(a, "Content-Encoding: %s", f->coding ? f->coding : "gzip");
	add_content_range(a, f);
}

static void add_framing(struct origin_answer *a, struct file *f)
{
	struct origin_request *r = f->r;
	char *lie = origin_knob(r, "length_lie");

	if (lie)
		origin_answer_field(a, "Content-Length: %s", lie);
	if (origin_has(r, "no_length")) {
		r->conn->close = true;
	} else if (origin_has(r, "chunked") && !r->http10) {
		origin_answer_field(a, "Transfer-Encoding: chunked");
		a->chunked = true;
	} else if (!lie) {
		origin_answer_field(a, "Content-Length: %llu",
			(unsigned long long)(f->end_bytes - f->start_bytes));
	}
	free(lie);
}

/* how a body flows */
struct flow {
	struct file *f;
	struct origin_answer *a;
	char *gate;
	uint64_t gate_after;
	uint64_t hang_after;
	uint64_t drop_after;
	uint64_t rate_bps;
	uint64_t begun_us;
	uint64_t sent;
	uint64_t paced; /* sent since begun_us */
};

static void flow_init(struct flow *w, struct file *f, struct origin_answer *a)
{
	struct origin_request *r = f->r;
	bool drops = r->nth <= origin_knob_u64(r, "drop_times", UINT64_MAX);

	*w = (struct flow){ .f = f, .a = a, .begun_us = origin_now_us() };
	w->gate = origin_knob(r, "gate");
	w->gate_after = origin_knob_u64(r, "gate_after", 0);
	w->hang_after = origin_knob_u64(r, "hang_after", UINT64_MAX);
	w->drop_after = drops ? origin_knob_u64(r, "drop_after", UINT64_MAX) : UINT64_MAX;
	w->rate_bps = origin_knob_u64(r, "rate_bps", 0);
}

int origin_cut_scripted(struct origin_request *r)
{
	char *how = origin_knob(r, "drop");

	if (how && !strcmp(how, "rst"))
		origin_conn_reset(r->conn);
	r->conn->close = true;
	free(how);
	return -ECONNABORTED;
}

/* what has to happen before the next byte, or after the last */
static int flow_stop(struct flow *w, bool more)
{
	struct origin_request *r = w->f->r;
	uint64_t due_us, now_us;
	int result = 0;

	if (w->gate && w->sent >= w->gate_after) {
		result = origin_conn_gate(r->conn, w->gate);
		free(w->gate);
		w->gate = NULL;
		w->begun_us = origin_now_us();
		w->paced = 0;
	}
	if (!result && w->sent >= w->drop_after)
		return origin_cut_scripted(r);
	if (!result && w->sent >= w->hang_after)
		return origin_conn_wait(r->conn, 24 * 3600 * 1000);
	if (!result && w->rate_bps && more) {
		due_us = w->begun_us + w->paced * 1000000 / w->rate_bps;
		now_us = origin_now_us();
		if (due_us > now_us)
			result = origin_conn_wait(r->conn, (due_us - now_us) / 1000);
	}
	return result;
}

static size_t flow_next(const struct flow *w, uint64_t left)
{
	uint64_t n = left < ORIGIN_SLICE ? left : ORIGIN_SLICE;

	if (w->gate && w->gate_after - w->sent < n)
		n = w->gate_after - w->sent;
	if (w->drop_after - w->sent < n)
		n = w->drop_after - w->sent;
	if (w->hang_after - w->sent < n)
		n = w->hang_after - w->sent;
	if (w->rate_bps && w->rate_bps / 20 + 1 < n)
		n = w->rate_bps / 20 + 1;
	return (size_t)n;
}

static int send_part(struct flow *w, const void *bytes, size_t size_bytes)
{
	struct origin_conn *c = w->f->r->conn;
	char line[32];
	int result = 0;

	if (w->a->chunked) {
		result = origin_conn_send(
			c, line, (size_t)snprintf(line, sizeof(line), "%zx", size_bytes));
		for (uint64_t left = origin_knob_u64(w->f->r, "chunk_ext", 0); left && !result;) {
			char fill[4096];
			size_t n = left < sizeof(fill) ? (size_t)left : sizeof(fill);

			memset(fill, 'x', sizeof(fill));
			fill[0] = ';';
			result = origin_conn_send(c, fill, n);
			left -= n;
		}
		if (!result)
			result = origin_conn_send(c, "\r\n", 2);
	}
	if (!result)
		result = origin_conn_send(c, bytes, size_bytes);
	if (!result && w->a->chunked)
		result = origin_conn_send(c, "\r\n", 2);
	if (!result)
		origin_note_sent(w->f->r, size_bytes);
	return result;
}

static int send_end(struct flow *w)
{
	struct origin_conn *c = w->f->r->conn;
	uint64_t left = origin_knob_u64(w->f->r, "trailer", 0);
	uint64_t extra = origin_knob_u64(w->f->r, "extra", 0);
	char line[128];
	int result = 0;

	if (w->a->chunked) {
		result = origin_conn_send(c, "0\r\n", 3);
		for (uint64_t i = 0; left && !result; i++) {
			size_t n = (size_t)snprintf(line, sizeof(line), "X-Trailer-%llu: %064u\r\n",
				(unsigned long long)i, 0);

			result = origin_conn_send(c, line, n);
			left -= left < n ? left : n;
		}
		if (!result)
			result = origin_conn_send(c, "\r\n", 2);
	}
	for (; extra && !result; extra--)
		result = origin_conn_send(c, "?", 1);
	return result;
}

static int read_part(const struct file *f, uint64_t sent, char *buffer, size_t size_bytes)
{
	if (f->coded)
		memcpy(buffer, f->coded + sent, size_bytes);
	else if (f->fd < 0)
		origin_bytes(f->seed, f->start_bytes + sent, buffer, size_bytes);
	else if (pread(f->fd, buffer, size_bytes, (off_t)(f->start_bytes + sent)) !=
		(ssize_t)size_bytes)
		return -EIO;
	return 0;
}

static int send_body(struct file *f, struct origin_answer *a)
{
	uint64_t left = f->end_bytes - f->start_bytes;
	char *buffer = malloc(ORIGIN_SLICE);
	struct flow w;
	int result = buffer ? 0 : -ENOMEM;
	size_t n;

	flow_init(&w, f, a);
	while (!result) {
		result = flow_stop(&w, left > 0);
		if (result || !left)
			break;
		n = flow_next(&w, left);
		result = read_part(f, w.sent, buffer, n);
		if (!result)
			result = send_part(&w, buffer, n);
		w.sent += n;
		w.paced += n;
		left -= n;
	}
	if (!result)
		result = send_end(&w);
	free(buffer);
	free(w.gate);
	return result;
}

/* late=T late_gate=NAME: once it is let through, bytes that belong to no answer */
static int send_late(struct origin_request *r)
{
	char *text = origin_knob(r, "late"), *gate = origin_knob(r, "late_gate");
	int result = 0;

	if (text && gate)
		result = origin_conn_gate(r->conn, gate);
	if (text && !result)
		result = origin_conn_send(r->conn, text, strlen(text));
	free(text);
	free(gate);
	return result;
}

static int send_file(struct file *f, unsigned status)
{
	struct origin_answer a;
	int result;

	origin_answer_init(&a, f->r, status);
	add_fields(&a, f);
	if (status == 304 || status == 412 || status == 416) {
		if (status != 304)
			origin_answer_field(&a, "Content-Length: 0");
		a.no_body = true;
	} else {
		add_framing(&a, f);
	}
	result = origin_answer_head(&a);
	origin_note_status(f->r, status, f->start_bytes);
	if (!result && !a.no_body)
		result = send_body(f, &a);
	if (!result)
		result = send_late(f->r);
	origin_answer_done(&a);
	return result;
}

/* coded_after=N: the first N answers are plain; coded_times=N: only N are coded */
static bool knows_coding(const struct origin_request *r)
{
	uint64_t after = origin_knob_u64(r, "coded_after", 0);
	uint64_t times = origin_knob_u64(r, "coded_times", UINT64_MAX);

	return r->nth > after && r->nth - after <= times;
}

static int serve(struct file *f, bool changed)
{
	char *names = knows_coding(f->r) ? origin_knob(f->r, "coding") : NULL;
	unsigned status;
	int result = 0;

	f->end_bytes = f->size_bytes;
	make_validators(f, changed);
	status = preconditions(f);
	if (!status) {
		apply_range(f);
		if (names && f->fd < 0)
			result = encode(f, names);
		status = f->unsatisfiable ? 416 : f->partial ? 206 : 200;
	}
	if (!result)
		result = send_file(f, status);
	free(f->coded);
	free(f->coding);
	free(names);
	return result;
}

int origin_file_serve(struct origin_request *r)
{
	struct file f = { .r = r, .fd = -1 };
	bool changed = r->nth > origin_knob_u64(r, "changed_after", UINT64_MAX);

	if (origin_has(r, "parts"))
		return origin_parts_serve(r);
	f.seed = origin_knob_u64(r, "seed", 0);
	if (changed)
		f.seed = origin_changed_seed(f.seed);
	f.size_bytes = origin_knob_u64(r, "size", 0);
	return serve(&f, changed);
}

/* a file of the folder, with the same knobs; 1: there is no such file */
int origin_folder_serve(struct origin_request *r, const char *folder)
{
	struct file f = { .r = r };
	struct stat st;
	char *path = NULL;
	int result;

	if (strstr(r->path, "..") || asprintf(&path, "%s%s", folder, r->path) < 0)
		return 1;
	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (f.fd < 0)
		return 1;
	if (fstat(f.fd, &st) || !S_ISREG(st.st_mode)) {
		close(f.fd);
		return 1;
	}
	f.seed = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	f.size_bytes = (uint64_t)st.st_size;
	result = serve(&f, false);
	close(f.fd);
	return result;
}

static int upload_reply(
	struct origin_request *r, unsigned status, const char *fields, uint64_t size_bytes)
{
	char *reply = malloc(size_bytes), *names = origin_knob(r, "coding"), all[512];
	char *field = names ? coding_field(names) : NULL;
	struct coding_bytes coded = { NULL, 0 };
	int result = reply ? 0 : -ENOMEM;

	if (reply)
		origin_bytes(origin_knob_u64(r, "seed", 0), 0, reply, size_bytes);
	if (!result && names)
		result = coding_encode(names, reply, size_bytes, &coded);
	snprintf(all, sizeof(all), "%s\r\nContent-Encoding: %s", fields, field ? field : "");
	if (!result && names)
		result = origin_answer_bytes(r, status, all, coded.bytes,
			coded.size * origin_knob_u64(r, "coded_permille", 1000) / 1000);
	else if (!result)
		result = origin_answer_bytes(r, status, fields, reply, size_bytes);
	free(coded.bytes);
	free(names);
	free(field);
	free(reply);
	return result;
}

int origin_upload_reply(struct origin_request *r)
{
	uint64_t reply_bytes = origin_knob_u64(r, "reply_size", 0);
	char fields[256];

	snprintf(fields, sizeof(fields),
		"Content-Type: text/plain\r\nX-Body-Length: %llu\r\n"
		"X-Body-SHA256: %s",
		(unsigned long long)r->body_bytes, r->body_sha256);
	if (reply_bytes)
		return upload_reply(r, r->reply_status, fields, reply_bytes);
	return origin_answer_text(r, r->reply_status, fields, "%llu %s\n",
		(unsigned long long)r->body_bytes, r->body_sha256);
}

int origin_upload_serve(struct origin_request *r, unsigned status)
{
	uint64_t expect_status = origin_knob_u64(r, "expect_status", 0);
	int result = 0;

	if (expect_status && origin_request_field(r, "Expect"))
		return origin_answer_text(r, (unsigned)expect_status, NULL, "not expected\n");
	if (origin_upload_is_asked(r))
		return origin_upload_create(r);
	r->reply_status = (unsigned)origin_knob_u64(r, "answer", status);
	r->reply_after_bytes = origin_knob_u64(r, "reply_after", 0);
	r->replies_amid = r->reply_after_bytes > 0;
	if (!origin_has(r, "early"))
		result = origin_request_body(r);
	if (result == -ECONNABORTED)
		return origin_cut_scripted(r);
	if (result || (r->replies_amid && !r->reply_after_bytes))
		return result;
	return origin_upload_reply(r);
}
