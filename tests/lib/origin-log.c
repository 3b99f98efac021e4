/* SPDX-License-Identifier: MIT */
/* What the origin remembers: a ring of requests, counters by key, and the waits for both. */
#include "tests/lib/origin-state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static unsigned bucket_of(const char *key)
{
	unsigned h = 5381;

	for (; *key; key++)
		h = h * 33 + (unsigned char)*key;
	return h % ORIGIN_BUCKETS;
}

/* with the lock held */
static struct origin_counter *find_counter(struct origin *o, const char *key, bool make)
{
	struct origin_counter **head = &o->buckets[bucket_of(key)];
	struct origin_counter *c;

	for (c = *head; c; c = c->next)
		if (!strcmp(c->key, key))
			return c;
	if (!make || o->n_counters == ORIGIN_KEYS_MAX)
		return NULL;
	c = calloc(1, sizeof(*c) + strlen(key) + 1);
	if (!c)
		return NULL;
	memcpy(c->key, key, strlen(key) + 1);
	c->next = *head;
	*head = c;
	o->n_counters++;
	return c;
}

static struct origin_entry *entry_of(struct origin *o, uint64_t number)
{
	struct origin_entry *e = &o->entries[number % ORIGIN_LOG_MAX];

	return number && e->number == number ? e : NULL;
}

static void copy(char *to, size_t size_bytes, const char *from)
{
	snprintf(to, size_bytes, "%s", from ? from : "");
}

static void fill_entry(struct origin_entry *e, const struct origin_request *r)
{
	size_t used = 0;

	*e = (struct origin_entry){ .number = r->number, .connection = r->conn->number };
	copy(e->method, sizeof(e->method), r->method);
	copy(e->target, sizeof(e->target), r->target);
	copy(e->range, sizeof(e->range), origin_request_field(r, "Range"));
	copy(e->if_range, sizeof(e->if_range), origin_request_field(r, "If-Range"));
	for (unsigned i = 0; i < r->n_fields && used < sizeof(e->headers); i++) {
		int n = snprintf(e->headers + used, sizeof(e->headers) - used, "%s: %s\n",
			r->fields[i].name, r->fields[i].value);

		used += n > 0 ? (size_t)n : 0;
	}
}

void origin_note_start(struct origin_request *r)
{
	struct origin *o = r->conn->origin;
	struct origin_counter *c;

	/* the origin's own routes are not part of what is observed */
	if (r->path[0] == '/' && r->path[1] == '_')
		return;
	pthread_mutex_lock(&o->lock);
	r->number = ++o->last_entry;
	fill_entry(&o->entries[r->number % ORIGIN_LOG_MAX], r);
	c = find_counter(o, r->key, true);
	r->nth = c ? ++c->stats.requests : 1;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

void origin_note_status(struct origin_request *r, unsigned status, uint64_t start_bytes)
{
	struct origin *o = r->conn->origin;
	struct origin_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entry_of(o, r->number);
	if (e) {
		e->status = status;
		e->body_start_bytes = start_bytes;
	}
	pthread_mutex_unlock(&o->lock);
}

static void note_bytes(struct origin_request *r, uint64_t sent, uint64_t received)
{
	struct origin *o = r->conn->origin;
	struct origin_counter *c;
	struct origin_entry *e;

	if (!r->number)
		return;
	pthread_mutex_lock(&o->lock);
	e = entry_of(o, r->number);
	if (e) {
		e->body_sent_bytes += sent;
		e->body_received_bytes += received;
	}
	c = find_counter(o, r->key, false);
	if (c) {
		c->stats.body_sent_bytes += sent;
		c->stats.body_received_bytes += received;
	}
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

void origin_note_sent(struct origin_request *r, uint64_t bytes)
{
	note_bytes(r, bytes, 0);
}

void origin_note_received(struct origin_request *r, uint64_t bytes)
{
	note_bytes(r, 0, bytes);
}

void origin_note_body(struct origin_request *r)
{
	struct origin *o = r->conn->origin;
	struct origin_counter *c;
	struct origin_entry *e;

	if (!r->number || (!r->has_length && !r->chunked))
		return;
	pthread_mutex_lock(&o->lock);
	e = entry_of(o, r->number);
	if (e)
		memcpy(e->body_sha256, r->body_sha256, sizeof(e->body_sha256));
	c = find_counter(o, r->key, false);
	if (c)
		c->stats.whole_bodies++;
	pthread_mutex_unlock(&o->lock);
}

void origin_note_end(struct origin_request *r, bool whole)
{
	struct origin *o = r->conn->origin;
	struct origin_counter *c;
	struct origin_entry *e;

	if (!r->number)
		return;
	pthread_mutex_lock(&o->lock);
	e = entry_of(o, r->number);
	if (e) {
		e->ended = true;
		e->whole = whole;
	}
	c = find_counter(o, r->key, false);
	if (c && whole && (!e || e->status < 400))
		c->stats.whole_answers++;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

void origin_log_done(struct origin *o)
{
	for (unsigned i = 0; i < ORIGIN_BUCKETS; i++) {
		while (o->buckets[i]) {
			struct origin_counter *c = o->buckets[i];

			o->buckets[i] = c->next;
			free(c);
		}
	}
	free(o->entries);
}

uint64_t origin_log_last(struct origin *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->last_entry;
	pthread_mutex_unlock(&o->lock);
	return n;
}

int origin_log_get(struct origin *o, uint64_t number, struct origin_entry *ret_entry)
{
	struct origin_entry *e;

	pthread_mutex_lock(&o->lock);
	e = entry_of(o, number);
	if (e)
		*ret_entry = *e;
	pthread_mutex_unlock(&o->lock);
	return e ? 0 : -ENOENT;
}

void origin_log_clear(struct origin *o)
{
	pthread_mutex_lock(&o->lock);
	o->first_entry = o->last_entry + 1;
	pthread_mutex_unlock(&o->lock);
}

void origin_log_methods(struct origin *o, char *ret_text, size_t size_bytes)
{
	uint64_t last = origin_log_last(o);
	size_t used = 0;

	ret_text[0] = 0;
	for (uint64_t i = 1; i <= last && used < size_bytes; i++) {
		struct origin_entry entry;

		if (origin_log_get(o, i, &entry) == 0)
			used += (size_t)snprintf(ret_text + used, size_bytes - used, "%s%s",
				used ? " " : "", entry.method);
	}
}

/* with the lock held: the n-th that matches, and how many do */
static unsigned match(
	struct origin *o, const char *prefix, unsigned n, struct origin_entry **ret_entry)
{
	uint64_t at = o->first_entry;
	unsigned count = 0;

	if (o->last_entry >= ORIGIN_LOG_MAX && at <= o->last_entry - ORIGIN_LOG_MAX)
		at = o->last_entry - ORIGIN_LOG_MAX + 1;
	for (; at <= o->last_entry; at++) {
		struct origin_entry *e = entry_of(o, at);

		if (e && !strncmp(e->target, prefix, strlen(prefix)) && ++count == n && ret_entry)
			*ret_entry = e;
	}
	return count;
}

int origin_log_find(
	struct origin *o, const char *prefix, unsigned n, struct origin_entry *ret_entry)
{
	struct origin_entry *e = NULL;

	pthread_mutex_lock(&o->lock);
	match(o, prefix, n, &e);
	if (e)
		*ret_entry = *e;
	pthread_mutex_unlock(&o->lock);
	return e ? 0 : -ENOENT;
}

unsigned origin_log_count(struct origin *o, const char *prefix)
{
	unsigned n;

	pthread_mutex_lock(&o->lock);
	n = match(o, prefix, 0, NULL);
	pthread_mutex_unlock(&o->lock);
	return n;
}

/* what a wait is for; with the lock held */
struct wish {
	const char *prefix;
	unsigned n;
	uint64_t bytes;
	bool ended;
};

static bool fulfilled(struct origin *o, const struct wish *wish)
{
	struct origin_entry *e = NULL;
	unsigned count = match(o, wish->prefix, wish->n, &e);

	if (count < wish->n || !e)
		return false;
	if (wish->bytes)
		return e->body_sent_bytes >= wish->bytes || e->body_received_bytes >= wish->bytes;
	if (!wish->ended)
		return true;
	for (unsigned i = 1; i <= wish->n; i++) {
		match(o, wish->prefix, i, &e);
		if (!e->ended)
			return false;
	}
	return true;
}

static int wait_for(struct origin *o, const struct wish *wish, unsigned timeout_ms)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&o->lock);
	while (!r && !fulfilled(o, wish))
		r = pthread_cond_timedwait(&o->changed, &o->lock, &until);
	pthread_mutex_unlock(&o->lock);
	return -r;
}

int origin_wait_arrived(struct origin *o, const char *prefix, unsigned n, unsigned timeout_ms)
{
	return wait_for(o, &(struct wish){ .prefix = prefix, .n = n }, timeout_ms);
}

int origin_wait_ended(struct origin *o, const char *prefix, unsigned n, unsigned timeout_ms)
{
	return wait_for(o, &(struct wish){ .prefix = prefix, .n = n, .ended = true }, timeout_ms);
}

int origin_wait_bytes(
	struct origin *o, const char *prefix, unsigned n, uint64_t bytes, unsigned timeout_ms)
{
	return wait_for(o, &(struct wish){ .prefix = prefix, .n = n, .bytes = bytes }, timeout_ms);
}

bool origin_entry_header(
	const struct origin_entry *entry, const char *name, char *ret_value, size_t size_bytes)
{
	size_t n = strlen(name);

	for (const char *p = entry->headers; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 2;
		snprintf(ret_value, size_bytes, "%.*s", (int)strcspn(p, "\n"), p);
		return true;
	}
	return false;
}

void origin_stats_get(struct origin *o, const char *key, struct origin_stats *ret_stats)
{
	struct origin_counter *c;

	*ret_stats = (struct origin_stats){ 0 };
	pthread_mutex_lock(&o->lock);
	c = find_counter(o, key, false);
	if (c)
		*ret_stats = c->stats;
	pthread_mutex_unlock(&o->lock);
}

static void print_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 32 || c > 126)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void print_entry(FILE *f, const struct origin_entry *e)
{
	const struct {
		const char *name;
		const char *value;
	} texts[] = {
		{ "method", e->method },
		{ "target", e->target },
		{ "range", e->range },
		{ "if-range", e->if_range },
		{ "headers", e->headers },
		{ "body-sha256", e->body_sha256 },
	};

	fprintf(f,
		"{\"number\":%llu,\"connection\":%llu,\"status\":%u,\"ended\":%s,\"whole\":%s,"
		"\"received\":%llu,\"sent\":%llu,\"start\":%llu",
		(unsigned long long)e->number, (unsigned long long)e->connection, e->status,
		e->ended ? "true" : "false", e->whole ? "true" : "false",
		(unsigned long long)e->body_received_bytes, (unsigned long long)e->body_sent_bytes,
		(unsigned long long)e->body_start_bytes);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		fprintf(f, ",\"%s\":", texts[i].name);
		print_string(f, texts[i].value);
	}
	fputc('}', f);
}

/* one entry a line */
char *origin_log_json(struct origin *o)
{
	char *text = NULL;
	size_t size_bytes;
	FILE *f = open_memstream(&text, &size_bytes);
	const char *between = "";

	if (!f)
		return NULL;
	fputc('[', f);
	pthread_mutex_lock(&o->lock);
	for (uint64_t at = o->first_entry; at <= o->last_entry; at++) {
		struct origin_entry *e = entry_of(o, at);

		if (!e)
			continue;
		fputs(between, f);
		print_entry(f, e);
		between = ",\n";
	}
	pthread_mutex_unlock(&o->lock);
	fputs("]\n", f);
	fclose(f);
	return text;
}

static void print_counter(FILE *f, const struct origin_counter *c)
{
	const struct origin_stats *s = &c->stats;

	print_string(f, c->key);
	fprintf(f,
		":{\"requests\":%llu,\"whole-answers\":%llu,\"whole-bodies\":%llu,\"sent\":%llu,"
		"\"received\":%llu}",
		(unsigned long long)s->requests, (unsigned long long)s->whole_answers,
		(unsigned long long)s->whole_bodies, (unsigned long long)s->body_sent_bytes,
		(unsigned long long)s->body_received_bytes);
}

char *origin_stats_json(struct origin *o, const char *key)
{
	char *text = NULL;
	size_t size_bytes;
	FILE *f = open_memstream(&text, &size_bytes);
	const char *between = "";

	if (!f)
		return NULL;
	fputc('{', f);
	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < ORIGIN_BUCKETS; i++) {
		for (struct origin_counter *c = o->buckets[i]; c; c = c->next) {
			if (key && strcmp(key, c->key) != 0)
				continue;
			fputs(between, f);
			print_counter(f, c);
			between = ",\n";
		}
	}
	pthread_mutex_unlock(&o->lock);
	fputs("}\n", f);
	fclose(f);
	return text;
}
