/* SPDX-License-Identifier: MIT */
/*
 * Bytes into a pipe without a copy of their own for each page of it: a ring of pages, that the pipe borrows (vmsplice()). A
 * part of the ring is used again when the pipe says that it was read; who reads with read() has his own copy by then.
 * Somebody who takes the pages themselves out of the pipe, with splice() or tee(), may see them change; they never hold anything
 * but this body.
 *
 * The ring is longer than the pipe: it is full only when the pipe is, so who waits for room in the pipe has room here.
 */
#ifndef ENGINE_LENDER_H
#define ENGINE_LENDER_H

#include <stddef.h>

enum {
	LENDER_E_FULL = 1, /* the pipe is: come again when it can be written */
	LENDER_E_GONE, /* nobody reads */
};

struct lender;

/* pipe_fd: the write end, non-blocking, borrowed. NULL: it cannot be done, and what there is must be written. */
struct lender *lender_new(int pipe_fd);
/* What the pipe has borrowed stays there. */
struct lender *lender_free(struct lender *lender);
/* Copies as much as there is room for; how much that was. */
size_t lender_put(struct lender *lender, const char *bytes, size_t size);
/* Lends all that was put. 0, LENDER_E_… or -errno. *ret_bytes: added to, what the pipe took. */
int lender_push(struct lender *lender, unsigned long long *ret_bytes);
/* Put, and not with the pipe yet. */
size_t lender_kept_bytes(const struct lender *lender);

#endif
