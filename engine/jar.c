/* SPDX-License-Identifier: MIT */
/* An array of cookies, oldest first; each with its texts is one block. */
#include "engine/jar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/types.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/cookie-match.h"
#include "base/err.h"
#include "engine/cookie.h"
#include "engine/url.h"

struct jar_entry {
	struct transfer_cookie cookie;
	char texts[];
};

static struct jar_entry *copy_of(const struct transfer_cookie *from)
{
	const char *texts[] = { from->name, from->value, from->domain, from->path };
	size_t sizes[4], total = 0;
	struct jar_entry *e;
	char *at;

	for (size_t i = 0; i < 4; i++)
		total += sizes[i] = strlen(texts[i]) + 1;
	e = malloc(sizeof(*e) + total);
	if (!e)
		return NULL;
	e->cookie = *from;
	at = e->texts;
	for (size_t i = 0; i < 4; i++) {
		memcpy(at, texts[i], sizes[i]);
		texts[i] = at;
		at += sizes[i];
	}
	e->cookie.name = texts[0];
	e->cookie.value = texts[1];
	e->cookie.domain = texts[2];
	e->cookie.path = texts[3];
	return e;
}

static size_t index_of(const struct jar *jar, const struct transfer_cookie *cookie)
{
	size_t i = 0;

	while (i < jar->n_entries && !cookie_is_same(&jar->entries[i]->cookie, cookie))
		i++;
	return i;
}

static void remove_at(struct jar *jar, size_t i)
{
	free(jar->entries[i]);
	jar->n_entries--;
	memmove(jar->entries + i, jar->entries + i + 1,
		(jar->n_entries - i) * sizeof(*jar->entries));
}

static size_t count_of_domain(const struct jar *jar, const char *domain, size_t *ret_oldest)
{
	size_t n = 0;

	for (size_t i = jar->n_entries; i--;) {
		if (strcmp(jar->entries[i]->cookie.domain, domain) != 0)
			continue;
		*ret_oldest = i;
		n++;
	}
	return n;
}

static void drop_expired(struct jar *jar, uint64_t now_wall_us)
{
	for (size_t i = jar->n_entries; i--;)
		if (cookie_is_expired(&jar->entries[i]->cookie, now_wall_us))
			remove_at(jar, i);
}

/* For one more of that domain: what is over goes, then the oldest of the domain, and of all. */
static void make_room(struct jar *jar, const char *domain, uint64_t now_wall_us)
{
	size_t oldest = 0;

	if (jar->n_entries < TRANSFER_COOKIES_MAX &&
		count_of_domain(jar, domain, &oldest) < TRANSFER_COOKIES_PER_DOMAIN_MAX)
		return;
	if (!jar->keeps_expired)
		drop_expired(jar, now_wall_us);
	if (count_of_domain(jar, domain, &oldest) >= TRANSFER_COOKIES_PER_DOMAIN_MAX)
		remove_at(jar, oldest);
	if (jar->n_entries >= TRANSFER_COOKIES_MAX)
		remove_at(jar, 0);
}

static int append_take(struct jar *jar, struct jar_entry *entry)
{
	if (jar->n_entries == jar->room_entries) {
		size_t room = jar->room_entries ? jar->room_entries * 2 : 8;
		struct jar_entry **entries = realloc(
			jar->entries, room * sizeof(struct jar_entry *));

		if (!entries)
			return err_raise(-ENOMEM);
		jar->entries = entries;
		jar->room_entries = room;
	}
	jar->entries[jar->n_entries++] = entry;
	return 0;
}

int jar_put(struct jar *jar, const struct transfer_cookie *cookie, uint64_t now_wall_us)
{
	bool is_over = cookie_is_expired(cookie, now_wall_us) && !jar->keeps_expired;
	size_t i = index_of(jar, cookie);
	cleanup_(cleanup_free) struct jar_entry *entry = NULL;
	int r;

	if (is_over) {
		if (i < jar->n_entries)
			remove_at(jar, i);
		return 0;
	}
	entry = copy_of(cookie);
	if (!entry)
		return err_raise(-ENOMEM);
	if (i < jar->n_entries) {
		/* it keeps its place, and with it its age */
		entry->cookie.created_wall_usec = jar->entries[i]->cookie.created_wall_usec;
		free(jar->entries[i]);
		jar->entries[i] = take_ptr(entry);
		return 0;
	}
	make_room(jar, cookie->domain, now_wall_us);
	r = append_take(jar, entry);
	if (!r)
		take_ptr(entry);
	return r;
}

int jar_append(struct jar *jar, const struct transfer_cookie *cookie)
{
	struct jar_entry *entry = copy_of(cookie);
	int r = entry ? append_take(jar, entry) : err_raise(-ENOMEM);

	if (r)
		free(entry);
	return r;
}

int jar_put_all(struct jar *jar, const struct jar *from, uint64_t now_wall_us)
{
	int r = 0;

	for (size_t i = 0; !r && i < from->n_entries; i++)
		r = jar_put(jar, &from->entries[i]->cookie, now_wall_us);
	return r;
}

const struct transfer_cookie *jar_find(const struct jar *jar, const struct transfer_cookie *cookie)
{
	size_t i = index_of(jar, cookie);

	return i < jar->n_entries ? &jar->entries[i]->cookie : NULL;
}

bool jar_guards(const struct jar *jar, const struct transfer_cookie *cookie)
{
	for (size_t i = 0; i < jar->n_entries; i++) {
		const struct transfer_cookie *have = &jar->entries[i]->cookie;

		if (have->is_secure && !strcmp(have->name, cookie->name) &&
			(cookie_match_domain(have->domain, cookie->domain) ||
				cookie_match_domain(cookie->domain, have->domain)) &&
			cookie_match_path(cookie->path, have->path))
			return true;
	}
	return false;
}

void jar_done(struct jar *jar)
{
	for (size_t i = 0; i < jar->n_entries; i++)
		free(jar->entries[i]);
	free(jar->entries);
	jar->entries = NULL;
	jar->n_entries = jar->room_entries = 0;
}

void jar_free(struct jar *jar)
{
	if (jar)
		jar_done(jar);
	free(jar);
}

struct jar *jar_of_list(struct jar *first, uint64_t id)
{
	while (first && first->id != id)
		first = first->next;
	return first;
}

static void drop_from_list(struct jar **at, uint64_t id)
{
	struct jar *jar;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	jar = *at;
	if (!jar)
		return;
	*at = jar->next;
	jar_done(jar);
	free(jar);
}

static struct jar *get_of_list(struct jar **first, uint64_t id)
{
	struct jar *jar = jar_of_list(*first, id);

	if (jar)
		return jar;
	jar = calloc(1, sizeof(*jar));
	if (!jar)
		return NULL;
	jar->id = id;
	jar->next = *first;
	*first = jar;
	return jar;
}

void jar_list_take(struct jar **first, uint64_t id, const struct jar *changes, uint64_t now_wall_us)
{
	struct jar *jar = changes ? get_of_list(first, id) : NULL;

	if (jar)
		(void)jar_put_all(jar, changes, now_wall_us);
	if (!changes || (jar && !jar->n_entries))
		drop_from_list(first, id);
}

/* ---- the request's header ---- */

struct match {
	const struct transfer_cookie *cookie;
	size_t path_bytes, order;
};

static int compare(const void *a, const void *b)
{
	const struct match *x = a, *y = b;

	if (x->path_bytes != y->path_bytes)
		return x->path_bytes > y->path_bytes ? -1 : 1;
	if (x->cookie->created_wall_usec != y->cookie->created_wall_usec)
		return x->cookie->created_wall_usec < y->cookie->created_wall_usec ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int write_matches(const struct match *matches, size_t n, struct buf *buf)
{
	size_t begin = buf->size_bytes;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		const struct transfer_cookie *c = matches[i].cookie;
		size_t more = strlen(c->name) + strlen(c->value) + 3;

		if (buf->size_bytes - begin + more > JAR_HEADER_MAX_BYTES)
			break;
		r = buf_printf(
			buf, "%s%s=%s", buf->size_bytes > begin ? "; " : "", c->name, c->value);
	}
	return r;
}

int jar_header(
	const struct jar *jars[2], const struct url *url, uint64_t now_wall_us, struct buf *buf)
{
	cleanup_(cleanup_free) struct match *matches = NULL;
	size_t n = 0, room = 0;

	for (size_t j = 0; j < 2; j++)
		room += jars[j] ? jars[j]->n_entries : 0;
	if (!room)
		return 0;
	matches = malloc(room * sizeof(*matches));
	if (!matches)
		return err_raise(-ENOMEM);
	for (size_t j = 0; j < 2; j++) {
		for (size_t i = 0; jars[j] && i < jars[j]->n_entries; i++) {
			const struct transfer_cookie *c = &jars[j]->entries[i]->cookie;

			if (!cookie_matches(c, url, now_wall_us) ||
				(j && jars[0] && jar_find(jars[0], c)))
				continue;
			matches[n] = (struct match){ c, strlen(c->path), n };
			n++;
		}
	}
	qsort(matches, n, sizeof(*matches), compare);
	return write_matches(matches, n, buf);
}
