/* SPDX-License-Identifier: MIT */
/* The ring counts bytes from its beginning on: put, lent, and read by the other side; places are those numbers modulo its size. */
#include "engine/lender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"

#define LENDER_SPARE_BYTES (64u * 1024) /* of the ring, above what the pipe can borrow */

struct lender {
	int fd;
	char *ring;
	size_t ring_bytes;
	uint64_t put, lent, read; /* read: as it was known last */
	bool must_write; /* the kernel, or who watches us, does not let us lend */
};

struct lender *lender_new(int pipe_fd)
{
	int pipe_bytes = fcntl(pipe_fd, F_GETPIPE_SZ);
	struct lender *l = pipe_bytes > 0 ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	l->fd = pipe_fd;
	l->ring_bytes = (size_t)pipe_bytes + LENDER_SPARE_BYTES;
	l->ring = mmap(
		NULL, l->ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l->ring == MAP_FAILED) {
		free(l);
		return NULL;
	}
	/* a child would have them copied at the next byte */
	(void)madvise(l->ring, l->ring_bytes, MADV_DONTFORK);
	return l;
}

struct lender *lender_free(struct lender *lender)
{
	if (!lender)
		return NULL;
	munmap(lender->ring, lender->ring_bytes);
	free(lender);
	return NULL;
}

/* What was written into the pipe before the ring was there counts as unread, too: less room, never too much. */
static void look(struct lender *l)
{
	int n_unread = 0;

	if (ioctl(l->fd, FIONREAD, &n_unread) || n_unread < 0)
		return;
	if (l->lent > (uint64_t)n_unread && l->lent - (uint64_t)n_unread > l->read)
		l->read = l->lent - (uint64_t)n_unread;
}

static size_t room(const struct lender *l)
{
	return l->ring_bytes - (size_t)(l->put - l->read);
}

/* How much from this number on lies in one piece. */
static size_t reach(const struct lender *l, uint64_t number, size_t size)
{
	size_t left = l->ring_bytes - (size_t)(number % l->ring_bytes);

	return size < left ? size : left;
}

size_t lender_put(struct lender *lender, const char *bytes, size_t size)
{
	size_t done = 0, n;

	if (room(lender) < size)
		look(lender);
	if (room(lender) < size)
		size = room(lender);
	while (done < size) {
		n = reach(lender, lender->put, size - done);
		memcpy(lender->ring + lender->put % lender->ring_bytes, bytes + done, n);
		lender->put += n;
		done += n;
	}
	return done;
}

static ssize_t give(struct lender *l, const struct iovec *pieces, size_t n_pieces)
{
	ssize_t n = -1;

	if (!l->must_write) {
		n = vmsplice(l->fd, pieces, n_pieces, SPLICE_F_NONBLOCK);
		l->must_write = n < 0 && errno != EAGAIN && errno != EPIPE && errno != EINTR;
	}
	return l->must_write ? writev(l->fd, pieces, (int)n_pieces) : n;
}

int lender_push(struct lender *lender, unsigned long long *ret_bytes)
{
	while (lender->lent < lender->put) {
		size_t kept = lender_kept_bytes(lender);
		size_t first = reach(lender, lender->lent, kept);
		/* at once, also where the ring begins anew: each call may wake the reader */
		const struct iovec pieces[] = {
			{ lender->ring + lender->lent % lender->ring_bytes, first },
			{ lender->ring, kept - first },
		};
		ssize_t n = give(lender, pieces, first < kept ? 2 : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return LENDER_E_FULL;
		if (n < 0)
			return errno == EPIPE ? LENDER_E_GONE : err_raise(-errno);
		lender->lent += (uint64_t)n;
		*ret_bytes += (unsigned long long)n;
		if ((size_t)n < kept)
			return LENDER_E_FULL;
	}
	return 0;
}

size_t lender_kept_bytes(const struct lender *lender)
{
	return (size_t)(lender->put - lender->lent);
}
