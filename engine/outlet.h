/* SPDX-License-Identifier: MIT */
/*
 * Where the body of a live answer leaves the engine: gathered bytes, a pipe, or a memfd. Worker thread only.
 *
 *   outlet_new()        nothing is allocated but the struct (the gathering buffer comes with the first byte)
 *   outlet_write()      takes all of size, or nothing: OUTLET_E_FULL, then CURL_WRITEFUNC_PAUSE. At most one libcurl buffer
 *                       (REQUEST_BUFFER_BYTES) is kept besides pipe and gathered bytes, so a write never takes a part.
 *   outlet_due_us()     when what is gathered must be told although the body goes on
 *   outlet_open_flow()  opens the pipe; ret_read_fd goes into a DATA event
 *   outlet_end()        the body (or part) has ended: what is gathered, if nothing was told before; else closes the pipe once
 *                       it is empty of what is kept
 *   outlet_free()       closes; a reader sees the end
 *
 * What comes in small pieces is written in larger ones, at the latest by the next outlet_flush().
 *
 * A pipe is written by the worker alone, without blocking; EPIPE is OUTLET_E_GONE: the reader does not want it any more, which
 * ends the attempt as a stop does. The worker waits for room with an event of its own base (outlet_fd()), which is added when a
 * write came back short and deleted when all is written: level-triggered, so an idle pipe costs no wake-up.
 */
#ifndef ENGINE_OUTLET_H
#define ENGINE_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

/* The other sizes are ENGINE_…. Where nothing may wait, a body that is longer comes not at all. */
#define OUTLET_COLLECT_MAX_BYTES (UINT64_C(64) << 20)

enum {
	OUTLET_E_FULL = 1, /* nothing was taken: come again when outlet_flush() returned 0 */
	OUTLET_E_GONE, /* nobody reads */
	OUTLET_E_TOO_LONG, /* COLLECT of a stream that must not wait: DATA_LENGTH_EXCEEDS_MAXIMUM */
};

struct outlet;

struct outlet_spec {
	bool collects; /* ENGINE_BODY_COLLECT */
	bool must_not_wait; /* HTTP/2 before 8.14: FULL never comes, TOO_LONG may */
};

/* NULL: no memory. */
struct outlet *outlet_new(const struct outlet_spec *spec);
struct outlet *outlet_free(struct outlet *outlet);
/* 0, OUTLET_E_…, -errno (of memfd). */
int outlet_write(struct outlet *outlet, const void *bytes, size_t size, uint64_t now_us);
/* UINT64_MAX: nothing is gathered, or the pipe is open already. */
uint64_t outlet_due_us(const struct outlet *outlet);
/* 0 or -errno: -EMFILE and -ENFILE keep what is gathered; come again later. */
int outlet_open_flow(struct outlet *outlet, int *ret_read_fd);
bool outlet_has_flow(const struct outlet *outlet);
/* The write end, to wait for room; -1: no pipe. */
int outlet_fd(const struct outlet *outlet);
/* Writes what is kept. 0: all of it; OUTLET_E_FULL, OUTLET_E_GONE. */
int outlet_flush(struct outlet *outlet);
/* Something is kept: outlet_flush() at the end of the turn. */
bool outlet_has_kept(const struct outlet *outlet);
/* Since when the reader has not read; 0: it keeps up. */
uint64_t outlet_stalled_since_us(const struct outlet *outlet);

/*
 * What outlet_end() gives. bytes: gathered and never told; NULL: none; valid until outlet_free() or the next outlet_write().
 * memfd: of a long COLLECT, sealed, the caller's; -1: none.
 */
struct outlet_end {
	const void *bytes;
	size_t n_bytes;
	int memfd;
};
/* 0, or OUTLET_E_FULL: what is kept must go first (the pipe is closed by outlet_flush() then). Afterwards a new part may begin. */
int outlet_end(struct outlet *outlet, struct outlet_end *ret_end);

#endif
