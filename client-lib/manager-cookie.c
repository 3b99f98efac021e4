/* SPDX-License-Identifier: MIT */
/* Cookies of a session as a manager sees and changes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "client-lib/error.h"
#include "client-lib/manager.h"
#include "client-lib/ref.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

struct transfer_cookie_list {
	struct ref ref;
	struct arena arena;
	struct transfer_cookie *rows;
	size_t n_rows;
};

static void cookie_list_free(struct transfer_cookie_list *list)
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

static int add_page(
	struct transfer_cookie_list *list, const struct ipc_session_list_cookies_out *out)
{
	struct transfer_cookie *rows = reallocarray(
		list->rows, list->n_rows + out->n_cookies + 1, sizeof(*rows));
	int r = rows ? 0 : -ENOMEM;

	if (rows)
		list->rows = rows;
	for (size_t i = 0; !r && i < out->n_cookies; i++) {
		r = read_row(&list->arena, &out->cookies[i], &rows[list->n_rows]);
		list->n_rows += !r;
	}
	return r;
}

/* 0, IPC_E_… or -errno. */
static int fetch(
	struct manager_call *call, struct ipc_path session, struct transfer_cookie_list *list)
{
	struct ipc_session_list_cookies_out out;
	char cursor[64] = "";
	int r;

	do {
		struct ipc_session_list_cookies_in in = { .cursor = cursor };

		do
			r = ipc_call_session_list_cookies(
				call->manager->bus, session, &call->exchange, &in, &out);
		while (manager_again(call, r));
		if (!r)
			r = add_page(list, &out);
		if (r)
			return r;
		if (!out.next_cursor || strlen(out.next_cursor) >= sizeof(cursor))
			break;
		memcpy(cursor, out.next_cursor, strlen(out.next_cursor) + 1);
	} while (cursor[0] && list->n_rows < TRANSFER_COOKIES_MAX);
	return 0;
}

int transfer_manager_list_cookies(transfer_manager *manager, const char *identifier,
	transfer_cookie_list **ret_list, transfer_error **ret_error)
{
	struct transfer_cookie_list *list = calloc(1, sizeof(*list));
	struct manager_call call;
	struct ipc_path path;
	int r;

	if (!list)
		return error_give(-ENOMEM, error_new_errno(ENOMEM, NULL), ret_error);
	ref_init(&list->ref);
	r = manager_begin(manager, &call, ret_error);
	if (r) {
		cookie_list_free(list);
		return r;
	}
	r = manager_find_session(&call, identifier, &path);
	if (!r)
		r = fetch(&call, path, list);
	r = manager_end(&call, r, ret_error);
	if (r)
		cookie_list_free(list);
	else
		*ret_list = list;
	return r;
}

static int write_rows(const struct transfer_cookie *cookies, size_t n, struct ipc_cookie *rows)
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

static int send_rows(
	struct manager_call *call, struct ipc_path session, const struct ipc_cookie *rows, size_t n)
{
	struct ipc_session_set_cookies_in in = { .cookies = rows, .n_cookies = n };
	int r;

	do
		r = ipc_call_session_set_cookies(call->manager->bus, session, &call->exchange, &in);
	while (manager_again(call, r));
	return r;
}

int transfer_manager_set_cookies(transfer_manager *manager, const char *identifier,
	const struct transfer_cookie *cookies, size_t n_cookies, transfer_error **ret_error)
{
	struct ipc_cookie *rows = calloc(n_cookies + 1, sizeof(*rows));
	struct manager_call call;
	struct ipc_path path;
	int r = rows ? write_rows(cookies, n_cookies, rows) : -ENOMEM;

	if (r)
		error_give(r, error_new_errno(r, r == -EINVAL ? "a cookie is wrong" : NULL),
			ret_error);
	else
		r = manager_begin(manager, &call, ret_error);
	if (!r) {
		r = manager_find_session(&call, identifier, &path);
		if (!r)
			r = send_rows(&call, path, rows, n_cookies);
		r = manager_end(&call, r, ret_error);
	}
	free(rows);
	return r;
}

int transfer_manager_clear_cookies(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error)
{
	return manager_steer_session(
		manager, identifier, ipc_call_session_clear_cookies, ret_error);
}
