/* SPDX-License-Identifier: MIT */
/* Cookies of a session as a manager sees and changes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client-lib/cookie-list.h"
#include "client-lib/error.h"
#include "client-lib/manager.h"
#include "ipc/proto.h"

/* 0, IPC_E_… or -errno. */
static int fetch(struct manager_call *call, struct ipc_path session, transfer_cookie_list *list)
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
			r = cookie_list_add(list, out.cookies, out.n_cookies);
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
	transfer_cookie_list *list = cookie_list_new();
	struct manager_call call;
	struct ipc_path path;
	int r;

	if (!list)
		return error_give(-ENOMEM, error_new_errno(ENOMEM, NULL), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r) {
		transfer_cookie_list_unref(list);
		return r;
	}
	r = manager_find_session(&call, identifier, &path);
	if (!r)
		r = fetch(&call, path, list);
	r = manager_end(&call, r, ret_error);
	if (r)
		transfer_cookie_list_unref(list);
	else
		*ret_list = list;
	return r;
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
	int r = rows ? cookie_list_write(cookies, n_cookies, rows) : -ENOMEM;

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
