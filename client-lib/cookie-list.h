/* SPDX-License-Identifier: MIT */
/* Cookies as the application has them: rows of a list, which nobody else has while it grows. */
#ifndef CLIENT_LIB_COOKIE_LIST_H
#define CLIENT_LIB_COOKIE_LIST_H

#include <transfer/cookie.h>

#include "base/arena.h"
#include "client-lib/ref.h"

struct ipc_cookie;

struct transfer_cookie_list {
	struct ref ref;
	struct arena arena; /* of their texts */
	struct transfer_cookie *rows;
	size_t n_rows;
};

/* NULL: out of memory. */
transfer_cookie_list *cookie_list_new(void);
/* Copies; 0 or -ENOMEM. */
int cookie_list_add(transfer_cookie_list *list, const struct ipc_cookie *cookies, size_t n);
/* Only those stay, in this order, that a request to the URL would send now. 0 or -ENOMEM. */
int cookie_list_choose(transfer_cookie_list *list, const char *url, uint64_t now_wall_us);
/* Only those stay that were made then or later, and their time is over. */
void cookie_list_end_since(transfer_cookie_list *list, uint64_t since_wall_us);
/* Rows of SetCookies that borrow the texts; 0 or -EINVAL. */
int cookie_list_write(const struct transfer_cookie *cookies, size_t n, struct ipc_cookie *rows);

#endif
