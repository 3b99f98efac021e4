/* SPDX-License-Identifier: MIT */
/*
 * A request body that comes while it is sent: a pipe, a socket or a file that somebody else fills. Read once, never
 * blocking, and without touching what the other side shares with us: neither the flags of a descriptor nor its place. Worker
 * thread only.
 *
 * On a SOCK_SEQPACKET socket each packet begins with a byte: 0, a piece of the body follows; 1, the body has ended. There the
 * end of the file alone means that who wrote has died: INLET_E_SHORT. That is how the library's readers come, so that a
 * program that is killed never leaves a cut body that looks whole. On a pipe the end is the end. A file is read from the place
 * that it has when it is opened here.
 */
#ifndef ENGINE_INLET_H
#define ENGINE_INLET_H

#include <stddef.h>
#include <stdint.h>

/* Of a packet of a SOCK_SEQPACKET socket, without its mark; a longer one is INLET_E_SHORT. */
#define INLET_PACKET_BYTES (64u * 1024)

enum {
	INLET_E_EMPTY =
		1, /* nothing now: CURL_READFUNC_PAUSE, wait for inlet_fd() to be readable */
	/*
	 * ended before its announced length or without its mark: REQUEST_BODY_STREAM_EXHAUSTED, the connection is cut; so does
	 * every further read
	 */
	INLET_E_SHORT,
	INLET_E_REFUSED, /* no pipe, socket or regular file, or nothing that can be read */
};

struct inlet;

/* fd: taken over, also on failure. length -1: until its end. 0, INLET_E_REFUSED, -errno. */
int inlet_open(int fd_take, int64_t length, struct inlet **ret_inlet);
struct inlet *inlet_free(struct inlet *inlet); /* NULL is fine; returns NULL */
/* 0 with *ret_size 0: the end. More than the announced length is never read. 0, INLET_E_EMPTY, INLET_E_SHORT, -errno. */
int inlet_read(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size);
int inlet_fd(const struct inlet *inlet);
int64_t inlet_length(const struct inlet *inlet);
uint64_t inlet_read_bytes(const struct inlet *inlet);

#endif
