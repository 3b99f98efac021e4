/* SPDX-License-Identifier: MIT */
/* Entries of a cache: how URLs are compared, what Vary names, what an entry counts. */
#include "client-lib/cache-entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/text.h"

/* What an entry needs beside its texts and its body. */
#define ENTRY_OVERHEAD_BYTES 512

/* ---- names ---- */

/* One to one in each argument: two that differ in eight bytes only never have the same hash. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

uint64_t cache_hash(uint64_t seed, const void *bytes, size_t size)
{
	const char *at = bytes;
	uint64_t hash = mix(seed, size), block;

	for (; size >= sizeof(block); at += sizeof(block), size -= sizeof(block)) {
		memcpy(&block, at, sizeof(block));
		hash = mix(hash, block);
	}
	block = 0;
	if (size)
		memcpy(&block, at, size);
	return mix(mix(hash, block), seed);
}

struct cache_id cache_id(const char *url, const char *vary)
{
	size_t size = strlen(url);

	return (struct cache_id){
		.url = { cache_hash(1, url, size), cache_hash(2, url, size) },
		.vary = vary && *vary ? cache_hash(3, vary, strlen(vary)) : 0,
	};
}

static void lower(char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	}
}

static bool is_scheme(const char *url, size_t n_scheme, const char *scheme)
{
	return strlen(scheme) == n_scheme && !strncmp(url, scheme, n_scheme);
}

/* What of the authority counts: a port that is usual, or empty, does not. Its host is in lower case then. */
static size_t trim_authority(char *url, size_t n_scheme, char *host, char *end)
{
	const char *user = memrchr(host, '@', (size_t)(end - host));
	const char *colon, *usual;
	size_t n_port;

	if (user)
		host += user + 1 - host;
	lower(host, end);
	colon = memrchr(host, ':', (size_t)(end - host));
	if (!colon || memchr(colon, ']', (size_t)(end - colon)))
		return (size_t)(end - url);
	n_port = (size_t)(end - colon) - 1;
	usual = is_scheme(url, n_scheme, "http")    ? "80"
		: is_scheme(url, n_scheme, "https") ? "443"
						    : "";
	if (!n_port || (n_port == strlen(usual) && !strncmp(colon + 1, usual, n_port)))
		return (size_t)(colon - url);
	return (size_t)(end - url);
}

char *cache_url(const char *url)
{
	size_t size, n_scheme, n_head;
	char *copy, *host, *rest;

	if (!url || (size = strcspn(url, "#")) > CACHE_URL_MAX_BYTES)
		return NULL;
	copy = malloc(size + 2); /* and a slash */
	if (!copy)
		return NULL;
	memcpy(copy, url, size);
	copy[size] = '\0';
	n_scheme = strcspn(copy, ":/?");
	lower(copy, copy + n_scheme);
	if (strncmp(copy + n_scheme, "://", 3) != 0)
		return copy;
	host = copy + n_scheme + 3;
	rest = host + strcspn(host, "/?");
	n_head = trim_authority(copy, n_scheme, host, rest);
	size -= (size_t)(rest - copy);
	if (*rest == '/') {
		memmove(copy + n_head, rest, size + 1);
	} else {
		memmove(copy + n_head + 1, rest, size + 1);
		copy[n_head] = '/';
	}
	return copy;
}

bool cache_url_has_user(const char *url)
{
	const char *host = strstr(url, "://");

	return host && memchr(host + 3, '@', strcspn(host + 3, "/?"));
}

/* ---- Vary ---- */

/* "name: value, value\n", or "name\n" where there is no such field. */
static int append_field(
	struct buf *buf, const char *name, size_t n_name, const struct text_headers *fields)
{
	const char *between = ": ";
	char *at;
	int r = buf_extend(buf, n_name, &at);

	if (r)
		return r;
	memcpy(at, name, n_name);
	lower(at, at + n_name);
	for (size_t i = 0; !r && fields && i < fields->n_fields; i++) {
		const struct text_header *field = &fields->fields[i];

		if (strncasecmp(field->name, name, n_name) != 0 || field->name[n_name])
			continue;
		r = buf_append_str(buf, between);
		if (!r)
			r = buf_append_str(buf, field->value);
		between = ", ";
	}
	return r ? r : buf_append_str(buf, "\n");
}

int cache_vary(
	const transfer_response *response, const struct text_headers *fields, char **ret_vary)
{
	cleanup_(cleanup_free) char *list = NULL;
	struct buf buf = { .max_bytes = CACHE_VARY_MAX_BYTES };
	const char *name;
	size_t n_name;
	int r = 0;

	*ret_vary = NULL;
	if (transfer_response_get_header(response, "Vary")) {
		list = transfer_response_copy_header_list(response, "Vary");
		if (!list)
			return -ENOMEM;
	}
	for (name = list ? list : ""; !r && *name; name += n_name) {
		name += strspn(name, ", \t");
		n_name = strcspn(name, ", \t");
		if (n_name == 1 && *name == '*')
			r = 1;
		else if (n_name)
			r = append_field(&buf, name, n_name, fields);
	}
	if (!r) {
		*ret_vary = buf_take(&buf);
		return *ret_vary ? 0 : -ENOMEM;
	}
	buf_done(&buf);
	return r == -EMSGSIZE ? 1 : r;
}

bool cache_entry_matches(const struct cache_entry *entry, const struct text_headers *fields)
{
	bool is_same = true;
	const char *line;
	size_t n_line;

	for (line = entry->vary; is_same && *line; line += n_line) {
		struct buf buf = { .max_bytes = CACHE_VARY_MAX_BYTES };

		n_line = strcspn(line, "\n") + 1;
		is_same = !append_field(&buf, line, strcspn(line, ":\n"), fields) &&
			buf.size_bytes == n_line && !memcmp(buf.bytes, line, n_line);
		buf_done(&buf);
	}
	return is_same;
}

/* ---- entries ---- */

struct cache_entry *cache_entry_ref(const struct cache_entry *entry)
{
	struct cache_entry *counted = (struct cache_entry *)entry;

	if (counted)
		ref_get(&counted->ref);
	return counted;
}

void cache_entry_unref(struct cache_entry *entry)
{
	if (!entry || !ref_put(&entry->ref))
		return;
	transfer_cached_response_unref(entry->cached);
	free(entry);
}

static int count(const char *name, const char *value, void *userdata)
{
	*(uint64_t *)userdata += strlen(name) + strlen(value);
	return 0;
}

struct cache_entry *cache_entry_new(const char *url, const char *vary,
	const transfer_cached_response *cached, struct cache_times times)
{
	const transfer_response *response = transfer_cached_response_get_response(cached);
	size_t n_url = strlen(url) + 1, n_vary = strlen(vary) + 1;
	struct cache_entry *entry = calloc(1, sizeof(*entry) + n_url + n_vary);
	char *texts;

	if (!entry)
		return NULL;
	ref_init(&entry->ref);
	texts = (char *)(entry + 1);
	entry->url = memcpy(texts, url, n_url);
	entry->vary = memcpy(texts + n_url, vary, n_vary);
	entry->cached = transfer_cached_response_ref(cached);
	entry->times = times;
	entry->stored_wall_usec = clock_wall_us();
	entry->size_bytes = ENTRY_OVERHEAD_BYTES + n_url + n_vary +
		strlen(transfer_response_get_url(response)) +
		transfer_data_get_size(transfer_cached_response_get_body(cached));
	transfer_response_foreach_header(response, count, &entry->size_bytes);
	return entry;
}
