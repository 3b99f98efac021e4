/* SPDX-License-Identifier: MIT */
/*
 * The way of a body to its reader. What is kept goes in this order: the memfd, then the gathered bytes. They gather also
 * when there is a pipe, so that some pieces of libcurl's are one write; what is as long as that goes straight into the pipe.
 */
#include "engine/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/lender.h"

#define OUTLET_FIRST_BYTES  (4u * 1024)
/* a body that proved long is worth a larger pipe */
#define OUTLET_WIDEN_BYTES  (UINT64_C(1) << 20)
#define OUTLET_SPLICE_BYTES (1u << 20)
/* libcurl gives 16 KiB at a time: a reader that is woken for each of them is half as fast */
#define OUTLET_BATCH_BYTES  (256u * 1024)

struct outlet {
	struct outlet_spec spec;
	char *kept;
	size_t kept_bytes, kept_offset, kept_room;
	uint64_t gathered_us; /* when the first of what is kept came */
	int write_fd; /* of the pipe; -1: none */
	int memfd; /* -1: none */
	uint64_t memfd_bytes, memfd_offset;
	unsigned long long piped_bytes;
	uint64_t stalled_us;
	struct lender *lender; /* of a wide pipe: what is kept goes through it; NULL: none */
	bool is_wide, is_ending, is_gone, is_pipe_due;
};

struct outlet *outlet_new(const struct outlet_spec *spec)
{
	struct outlet *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->spec = *spec;
	o->write_fd = -1;
	o->memfd = -1;
	return o;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct outlet *outlet_free(struct outlet *outlet)
{
	if (!outlet)
		return NULL;
	outlet->lender = lender_free(outlet->lender);
	close_fd(&outlet->write_fd);
	close_fd(&outlet->memfd);
	free(outlet->kept);
	free(outlet);
	return NULL;
}

static bool is_empty(const struct outlet *o)
{
	return o->kept_offset == o->kept_bytes && (!o->lender || !lender_kept_bytes(o->lender)) &&
		(o->memfd < 0 || o->memfd_offset == o->memfd_bytes);
}

/* ---- keeping ---- */

static int keep(struct outlet *o, const char *bytes, size_t size)
{
	size_t room = o->kept_room ? o->kept_room : OUTLET_FIRST_BYTES;
	char *grown;

	if (o->kept_offset == o->kept_bytes) {
		o->kept_offset = 0;
		o->kept_bytes = 0;
	}
	while (room < o->kept_bytes + size)
		room *= 2;
	if (room != o->kept_room) {
		grown = realloc(o->kept, room);
		if (!grown)
			return err_raise(-ENOMEM);
		o->kept = grown;
		o->kept_room = room;
	}
	memcpy(o->kept + o->kept_bytes, bytes, size);
	o->kept_bytes += size;
	return 0;
}

static int append_memfd(struct outlet *o, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(o->memfd, bytes, size);

		if (n < 0 && errno != EINTR)
			return err_raise(-errno);
		if (n <= 0)
			continue;
		o->memfd_bytes += (uint64_t)n;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* The body is too long for a message. */
static int begin_memfd(struct outlet *o)
{
	size_t n = o->kept_bytes;

	o->memfd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (o->memfd < 0)
		return err_raise(-errno);
	o->kept_bytes = 0;
	return append_memfd(o, o->kept, n);
}

static int collect(struct outlet *o, const char *bytes, size_t size)
{
	uint64_t max_bytes = o->spec.must_not_wait ? OUTLET_COLLECT_MAX_BYTES
						   : ENGINE_COLLECT_BYTES;
	uint64_t after_bytes = o->memfd_bytes + o->kept_bytes + size;
	int r = 0;

	if (after_bytes <= ENGINE_INLINE_BYTES)
		return keep(o, bytes, size);
	if (o->is_pipe_due)
		return OUTLET_E_FULL;
	if (o->memfd < 0)
		r = begin_memfd(o);
	if (r)
		return r;
	if (after_bytes <= max_bytes)
		return append_memfd(o, bytes, size);
	if (o->spec.must_not_wait)
		return OUTLET_E_TOO_LONG;
	r = keep(o, bytes, size);
	o->is_pipe_due = !r;
	return r;
}

static int gather(struct outlet *o, const char *bytes, size_t size)
{
	int r;

	if (o->is_pipe_due)
		return o->spec.must_not_wait ? OUTLET_E_TOO_LONG : OUTLET_E_FULL;
	r = keep(o, bytes, size);
	if (!r && o->kept_bytes > ENGINE_INLINE_BYTES)
		o->is_pipe_due = true;
	return r;
}

/* ---- the pipe ---- */

static void widen(struct outlet *o)
{
	if (o->is_wide || o->piped_bytes < OUTLET_WIDEN_BYTES)
		return;
	o->is_wide = true;
	/* beyond the user's share it stays as it is */
	if (fcntl(o->write_fd, F_SETPIPE_SZ, (int)ENGINE_PIPE_BYTES) > 0)
		o->lender = lender_new(o->write_fd);
}

/* Into the pipe, what it takes. 0: all; OUTLET_E_FULL, OUTLET_E_GONE, -errno. */
static int push(struct outlet *o, const char *bytes, size_t size, size_t *done)
{
	while (*done < size) {
		ssize_t n = write(o->write_fd, bytes + *done, size - *done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OUTLET_E_FULL;
		if (n < 0)
			return errno == EPIPE ? OUTLET_E_GONE : err_raise(-errno);
		*done += (size_t)n;
		o->piped_bytes += (unsigned long long)n;
		widen(o);
	}
	return 0;
}

/* Through the ring, what it and the pipe take. */
static int lend(struct outlet *o, const char *bytes, size_t size, size_t *done)
{
	int r;

	do {
		*done += lender_put(o->lender, bytes + *done, size - *done);
		r = lender_push(o->lender, &o->piped_bytes);
	} while (!r && *done < size);
	if (r == LENDER_E_FULL)
		return OUTLET_E_FULL;
	return r == LENDER_E_GONE ? OUTLET_E_GONE : r;
}

static void drop_kept(struct outlet *o)
{
	free(o->kept);
	o->kept = NULL;
	o->kept_bytes = o->kept_offset = o->kept_room = 0;
}

/* What is kept, in its order. */
static int push_kept(struct outlet *o)
{
	int r;

	if (o->lender) {
		r = lend(o, o->kept ? o->kept : "", o->kept_bytes, &o->kept_offset);
		if (!r)
			drop_kept(o); /* from now on the ring keeps it */
		return r;
	}
	return push(o, o->kept, o->kept_bytes, &o->kept_offset);
}

static int push_memfd(struct outlet *o)
{
	while (o->memfd >= 0 && o->memfd_offset < o->memfd_bytes) {
		loff_t at = (loff_t)o->memfd_offset;
		ssize_t n = splice(
			o->memfd, &at, o->write_fd, NULL, OUTLET_SPLICE_BYTES, SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OUTLET_E_FULL;
		if (n < 0)
			return errno == EPIPE ? OUTLET_E_GONE : err_raise(-errno);
		o->memfd_offset += (uint64_t)n;
		o->piped_bytes += (unsigned long long)n;
		widen(o);
	}
	close_fd(&o->memfd);
	return 0;
}

/* The next part finds everything as the first did. */
static void reset(struct outlet *o)
{
	o->lender = lender_free(o->lender);
	close_fd(&o->write_fd);
	close_fd(&o->memfd);
	o->kept_bytes = 0;
	o->kept_offset = 0;
	o->gathered_us = 0;
	o->memfd_bytes = 0;
	o->memfd_offset = 0;
	o->piped_bytes = 0;
	o->stalled_us = 0;
	o->is_wide = false;
	o->is_ending = false;
	o->is_pipe_due = false;
}

int outlet_flush(struct outlet *outlet)
{
	unsigned long long before_bytes = outlet->piped_bytes;
	int r;

	if (outlet->is_gone)
		return OUTLET_E_GONE;
	if (outlet->write_fd < 0)
		return outlet->is_pipe_due ? OUTLET_E_FULL : 0;
	r = push_memfd(outlet);
	if (!r)
		r = push_kept(outlet);
	if (!r) {
		outlet->stalled_us = 0;
		if (outlet->is_ending)
			reset(outlet);
		return 0;
	}
	if (r == OUTLET_E_GONE)
		outlet->is_gone = true;
	else if (!outlet->stalled_us || outlet->piped_bytes != before_bytes)
		outlet->stalled_us = clock_now_us();
	return r;
}

/* Into the ring; the pipe has it when it is worth a wake-up. */
static int write_ring(struct outlet *o, const char *bytes, size_t size, uint64_t now_us)
{
	bool was_stalled = o->stalled_us;
	size_t done;
	int r = 0;

	if (was_stalled || o->memfd >= 0 || o->kept_offset < o->kept_bytes)
		r = outlet_flush(o);
	if (r == OUTLET_E_FULL && was_stalled)
		return o->spec.must_not_wait ? OUTLET_E_TOO_LONG : r;
	if (r == OUTLET_E_FULL)
		return keep(o, bytes, size);
	if (r)
		return r;
	done = lender_put(o->lender, bytes, size);
	if (done < size || lender_kept_bytes(o->lender) >= OUTLET_BATCH_BYTES)
		r = lend(o, bytes, size, &done);
	if (r == OUTLET_E_GONE)
		o->is_gone = true;
	if (r != OUTLET_E_FULL)
		return r;
	o->stalled_us = now_us;
	return done < size ? keep(o, bytes + done, size - done) : 0;
}

static int write_pipe(struct outlet *o, const char *bytes, size_t size, uint64_t now_us)
{
	size_t done = 0;
	size_t n = o->kept_bytes - o->kept_offset;
	bool was_stalled = o->stalled_us;
	int r = 0;

	if (o->memfd < 0 && !o->stalled_us && n + size <= OUTLET_BATCH_BYTES)
		return keep(o, bytes, size);
	r = outlet_flush(o);
	if (r == OUTLET_E_FULL && was_stalled)
		return o->spec.must_not_wait ? OUTLET_E_TOO_LONG : r;
	if (r == OUTLET_E_FULL || (!r && size < OUTLET_BATCH_BYTES))
		return keep(o, bytes, size);
	if (!r)
		r = push(o, bytes, size, &done);
	if (r == OUTLET_E_GONE)
		o->is_gone = true;
	if (r != OUTLET_E_FULL)
		return r;
	o->stalled_us = now_us;
	return keep(o, bytes + done, size - done);
}

int outlet_write(struct outlet *outlet, const void *bytes, size_t size, uint64_t now_us)
{
	if (outlet->is_gone)
		return OUTLET_E_GONE;
	if (!size)
		return 0;
	if (!outlet->gathered_us)
		outlet->gathered_us = now_us;
	if (outlet->lender)
		return write_ring(outlet, bytes, size, now_us);
	if (outlet->write_fd >= 0)
		return write_pipe(outlet, bytes, size, now_us);
	return outlet->spec.collects ? collect(outlet, bytes, size) : gather(outlet, bytes, size);
}

uint64_t outlet_due_us(const struct outlet *outlet)
{
	if (outlet->write_fd >= 0 || outlet->is_gone || is_empty(outlet))
		return UINT64_MAX;
	if (outlet->is_pipe_due)
		return 0;
	if (outlet->spec.collects)
		return UINT64_MAX;
	return outlet->gathered_us + ENGINE_GATHER_US;
}

int outlet_open_flow(struct outlet *outlet, int *ret_read_fd)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC))
		return err_raise(-errno);
	/* the other end is the reader's to set */
	if (fcntl(fds[1], F_SETFL, O_NONBLOCK)) {
		r = err_raise(-errno);
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	outlet->write_fd = fds[1];
	r = outlet_flush(outlet);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	*ret_read_fd = fds[0];
	return 0;
}

bool outlet_has_flow(const struct outlet *outlet)
{
	return outlet->write_fd >= 0;
}

int outlet_fd(const struct outlet *outlet)
{
	return outlet->write_fd;
}

bool outlet_has_kept(const struct outlet *outlet)
{
	return !is_empty(outlet);
}

uint64_t outlet_stalled_since_us(const struct outlet *outlet)
{
	return outlet->stalled_us;
}

/* From here on nobody can change it. */
static int seal(struct outlet *o)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

	return fcntl(o->memfd, F_ADD_SEALS, seals) ? err_raise(-errno) : 0;
}

int outlet_end(struct outlet *outlet, struct outlet_end *ret_end)
{
	struct outlet_end end = { .memfd = -1 };
	int r;

	if (outlet->write_fd >= 0 || outlet->is_pipe_due) {
		outlet->is_ending = true;
		r = outlet_flush(outlet);
		if (r)
			return r;
		*ret_end = end;
		return 0;
	}
	if (outlet->memfd >= 0) {
		r = seal(outlet);
		if (r)
			return r;
		end.memfd = outlet->memfd;
		outlet->memfd = -1;
	} else if (outlet->kept_bytes) {
		end.bytes = outlet->kept;
		end.n_bytes = outlet->kept_bytes;
	}
	reset(outlet);
	*ret_end = end;
	return 0;
}
