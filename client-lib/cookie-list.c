/* SPDX-License-Identifier: MIT */
/* Lists of cookies: made of what transferd tells, of what a program hands in, and looked through for a URL. */
#include "client-lib/cookie-list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <transfer/manager.h>

#include "base/cookie-match.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

transfer_cookie_list *cookie_list_new(void)
{
	transfer_cookie_list *list = calloc(1, sizeof(*list));

	if (list)
		ref_init(&list->ref);
	return list;
}

static void cookie_list_free(transfer_cookie_list *list)
{
	arena_done(&list->arena);
	free(list->rows);
	free(list);
}

REF_DEFINE(transfer_cookie_list, cookie_list_free)

size_t transfer_cookie_list_get_size(const transfer_cookie_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_cookie *transfer_cookie_list_get(
	const transfer_cookie_list *list, size_t index)
{
	return index < transfer_cookie_list_get_size(list) ? &list->rows[index] : NULL;
}

static int read_row(
	struct arena *arena, const struct ipc_cookie *from, struct transfer_cookie *ret_row)
{
	struct transfer_cookie row = {
		.size = sizeof(row),
		.name = arena_strdup(arena, from->name ? from->name : ""),
		.value = arena_strdup(arena, from->value ? from->value : ""),
		.domain = arena_strdup(arena, from->domain ? from->domain : ""),
		.path = arena_strdup(arena, from->path ? from->path : ""),
		.expires_wall_usec = from->expires_usec,
		.created_wall_usec = from->created_usec,
		.same_site = words_cookie_same_site(from->same_site),
		.is_host_only = from->host_only,
		.is_secure = from->secure,
		.is_http_only = from->http_only,
	};

	if (!row.name || !row.value || !row.domain || !row.path)
		return -ENOMEM;
	*ret_row = row;
	return 0;
}

int cookie_list_add(transfer_cookie_list *list, const struct ipc_cookie *cookies, size_t n)
{
	struct transfer_cookie *rows = reallocarray(
		list->rows, list->n_rows + n + 1, sizeof(*rows));
	int r = rows ? 0 : -ENOMEM;

	if (rows)
		list->rows = rows;
	for (size_t i = 0; !r && i < n; i++) {
		r = read_row(&list->arena, &cookies[i], &rows[list->n_rows]);
		list->n_rows += !r;
	}
	return r;
}

/* ---- what goes with a request ---- */

/* What of a URL decides about cookies. transferd alone decides what is sent: this is for looking. */
struct target {
	const char *host, *path;
	bool is_https;
};

/* Cuts the text up; false: no cookie goes there. */
static bool read_target(char *url, struct target *ret_target)
{
	char *host = strstr(url, "://"), *end;
	size_t n;

	if (!host)
		return false;
	*host = '\0';
	ret_target->is_https = !strcasecmp(url, "https");
	if (!ret_target->is_https && strcasecmp(url, "http") != 0)
		return false;
	host += strlen("://");
	host[strcspn(host, "?#")] = '\0';
	n = strcspn(host, "/");
	ret_target->path = host[n] ? host + n : "/";
	host = memmove(host - 1, host, n); /* the path keeps its slash */
	host[n] = '\0';
	end = strrchr(host, '@');
	if (end)
		host = end + 1;
	end = strrchr(host, ':');
	if (end && !strchr(end, ']'))
		*end = '\0';
	for (char *c = host; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	ret_target->host = host;
	return true;
}

static bool is_for(
	const struct transfer_cookie *cookie, const struct target *target, uint64_t now_wall_us)
{
	if (cookie->expires_wall_usec && cookie->expires_wall_usec <= now_wall_us)
		return false;
	if (cookie->is_secure && !target->is_https)
		return false;
	if (cookie->is_host_only ? strcmp(cookie->domain, target->host) != 0
				 : !cookie_match_domain(target->host, cookie->domain))
		return false;
	return cookie_match_path(target->path, cookie->path);
}

/* Longer paths first, then the older. */
static int by_path(const void *a, const void *b)
{
	const struct transfer_cookie *left = a, *right = b;
	size_t n = strlen(left->path), m = strlen(right->path);

	if (n != m)
		return n > m ? -1 : 1;
	return (left->created_wall_usec > right->created_wall_usec) -
		(left->created_wall_usec < right->created_wall_usec);
}

int cookie_list_choose(transfer_cookie_list *list, const char *url, uint64_t now_wall_us)
{
	struct target target;
	char *copy = strdup(url);
	bool is_known;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	is_known = read_target(copy, &target);
	for (size_t i = 0; is_known && i < list->n_rows; i++)
		if (is_for(&list->rows[i], &target, now_wall_us))
			list->rows[n++] = list->rows[i];
	list->n_rows = n;
	if (n)
		qsort(list->rows, n, sizeof(*list->rows), by_path);
	free(copy);
	return 0;
}

void cookie_list_end_since(transfer_cookie_list *list, uint64_t since_wall_us)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_rows; i++) {
		if (list->rows[i].created_wall_usec < since_wall_us)
			continue;
		list->rows[n] = list->rows[i];
		list->rows[n++].expires_wall_usec = 1;
	}
	list->n_rows = n;
}

/* ---- what is sent ---- */

int cookie_list_write(const struct transfer_cookie *cookies, size_t n, struct ipc_cookie *rows)
{
	for (size_t i = 0; i < n; i++) {
		const struct transfer_cookie *c = &cookies[i];
		const char *same_site = transfer_cookie_same_site_get_name(c->same_site);

		if (c->size < sizeof(*c) || !c->name || !c->domain || !c->path || !same_site)
			return -EINVAL;
		rows[i] = (struct ipc_cookie){
			.name = c->name,
			.value = c->value,
			.domain = c->domain,
			.path = c->path,
			.expires_usec = c->expires_wall_usec,
			.has_expires_usec = c->expires_wall_usec != 0,
			.host_only = c->is_host_only,
			.has_host_only = true,
			.secure = c->is_secure,
			.has_secure = true,
			.http_only = c->is_http_only,
			.has_http_only = true,
			.same_site = *same_site ? same_site : NULL,
		};
	}
	return 0;
}
