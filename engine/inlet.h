/* SPDX-License-Identifier: MIT */
/*
 * A request body that comes while it is sent: a pipe, a socket or a file that somebody else fills. Read once, never blocking
 * (recv with MSG_DONTWAIT on sockets, preadv2 with RWF_NOWAIT or FIONREAD on pipes: the other side's flags are not touched).
 * Worker thread only.
 *
 * On a SOCK_SEQPACKET socket each packet begins with a byte: 0, a piece of the body follows; 1, the body has ended. There the end of
 * the file alone means that who wrote has died: INLET_E_SHORT. That is how the library's readers come, so that a program
 * that is killed never leaves a cut body that looks whole. On a pipe the end is the end.
 */
#ifndef ENGINE_INLET_H
#define ENGINE_INLET_H

#include <stddef.h>
#include <stdint.h>

enum {
	INLET_E_EMPTY =
		1, /* nothing now: CURL_READFUNC_PAUSE, wait for inlet_fd() to be readable */
	INLET_E_SHORT, /* ended before its announced length or without its mark: REQUEST_BODY_STREAM_EXHAUSTED, the connection is cut */
	INLET_E_REFUSED, /* no pipe, socket or regular file */
};

struct inlet;

/* fd: taken over, also on failure. length -1: until its end. 0, INLET_E_REFUSED, -errno. */
int inlet_open(int fd_take, int64_t length, struct inlet **ret_inlet);
struct inlet *inlet_free(struct inlet *inlet);
/* 0 with *ret_size 0: the end. More than the announced length is never read. */
int inlet_read(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size);
int inlet_fd(const struct inlet *inlet);
int64_t inlet_length(const struct inlet *inlet);
uint64_t inlet_read_bytes(const struct inlet *inlet);

#endif
