/* SPDX-License-Identifier: MIT */
/*
 * Bodies that come while they are sent. One reading function per kind of descriptor; each says "nothing now" by -EAGAIN, and
 * only inlet_read() knows of lengths and ends.
 *
 * A packet has to be taken whole, however little libcurl has room for: what does not fit into its buffer is read into one of
 * ours behind it, by the same call, and given out first the next time.
 */
#include "engine/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* packets without a byte of the body, before others have their turn */
#define INLET_EMPTY_PACKETS_MAX 16

enum inlet_kind { INLET_KIND_FILE, INLET_KIND_PIPE, INLET_KIND_SOCKET, INLET_KIND_PACKETS };

enum inlet_mark { INLET_MARK_PIECE = 0, INLET_MARK_END = 1 };

struct inlet {
	int fd;
	enum inlet_kind kind;
	int64_t length;
	uint64_t read_bytes;
	uint64_t place; /* FILE: of the next read */
	bool has_no_nowait; /* PIPE: the kernel cannot be told not to wait */
	bool is_short;
	bool is_ended; /* PACKETS: the mark came */
	char *rest; /* PACKETS: of the last one, INLET_PACKET_BYTES long */
	size_t rest_at, n_rest;
};

/* ---- what it is ---- */

static int judge_socket(int fd, enum inlet_kind *ret_kind)
{
	socklen_t size = sizeof(int);
	int type = 0, is_listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		return -errno;
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size))
		return -errno;
	if (is_listening || (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return INLET_E_REFUSED;
	*ret_kind = type == SOCK_STREAM ? INLET_KIND_SOCKET : INLET_KIND_PACKETS;
	return 0;
}

static int judge(int fd, enum inlet_kind *ret_kind)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st))
		return -errno;
	if ((flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY)
		return INLET_E_REFUSED;
	if (S_ISSOCK(st.st_mode))
		return judge_socket(fd, ret_kind);
	if (!S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode))
		return INLET_E_REFUSED;
	*ret_kind = S_ISREG(st.st_mode) ? INLET_KIND_FILE : INLET_KIND_PIPE;
	return 0;
}

static int prepare(struct inlet *inlet)
{
	off_t place;

	if (inlet->kind == INLET_KIND_FILE) {
		place = lseek(inlet->fd, 0, SEEK_CUR);
		if (place < 0)
			return -errno;
		inlet->place = (uint64_t)place;
		(void)posix_fadvise(inlet->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	if (inlet->kind == INLET_KIND_PACKETS) {
		inlet->rest = malloc(INLET_PACKET_BYTES);
		if (!inlet->rest)
			return err_raise(-ENOMEM);
	}
	return 0;
}

DEFINE_CLEANUP(struct inlet *, inlet_free)

int inlet_open(int fd_take, int64_t length, struct inlet **ret_inlet)
{
	cleanup_(cleanup_close) int fd = fd_take;
	cleanup_(inlet_freep) struct inlet *inlet = NULL;
	int r;

	inlet = calloc(1, sizeof(*inlet));
	if (!inlet)
		return err_raise(-ENOMEM);
	inlet->fd = take_fd(&fd);
	inlet->length = length;
	r = judge(inlet->fd, &inlet->kind);
	if (!r)
		r = prepare(inlet);
	if (r)
		return r;
	*ret_inlet = take_ptr(inlet);
	return 0;
}

struct inlet *inlet_free(struct inlet *inlet)
{
	if (!inlet)
		return NULL;
	if (inlet->fd >= 0)
		close(inlet->fd);
	free(inlet->rest);
	free(inlet);
	return NULL;
}

/* ---- bytes; -EAGAIN: nothing now ---- */

static int result(ssize_t n, size_t *ret_size)
{
	if (n < 0)
		return -errno;
	*ret_size = (size_t)n;
	return 0;
}

static int read_file(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	int r = result(pread(inlet->fd, bytes, size, (off_t)inlet->place), ret_size);

	if (!r)
		inlet->place += *ret_size;
	return r;
}

/* The kernel cannot be told: what poll() sees is there, as long as nobody else reads. */
static int read_polled(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	struct pollfd poll_fd = { .fd = inlet->fd, .events = POLLIN };
	int n_there = 0;

	if (poll(&poll_fd, 1, 0) < 0 || ioctl(inlet->fd, FIONREAD, &n_there))
		return -errno;
	if (n_there > 0)
		return result(read(inlet->fd, bytes, size), ret_size);
	if (!(poll_fd.revents & (POLLHUP | POLLERR)))
		return -EAGAIN;
	*ret_size = 0;
	return 0;
}

static int read_pipe(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	struct iovec to = { bytes, size };
	int r = -EOPNOTSUPP;

	if (!inlet->has_no_nowait)
		r = result(preadv2(inlet->fd, &to, 1, -1, RWF_NOWAIT), ret_size);
	if (r != -EOPNOTSUPP && r != -ENOSYS)
		return r;
	inlet->has_no_nowait = true;
	return read_polled(inlet, bytes, size, ret_size);
}

static int read_socket(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	return result(recv(inlet->fd, bytes, size, MSG_DONTWAIT), ret_size);
}

static void take_rest(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	if (size > inlet->n_rest - inlet->rest_at)
		size = inlet->n_rest - inlet->rest_at;
	memcpy(bytes, inlet->rest + inlet->rest_at, size);
	inlet->rest_at += size;
	*ret_size = size;
}

/* One packet. *ret_size 0: the end, when is_ended says so, else nothing of the body. */
static int read_packet(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	char mark = INLET_MARK_PIECE;
	size_t room = size < INLET_PACKET_BYTES ? size : INLET_PACKET_BYTES;
	struct iovec to[] = { { &mark, 1 }, { bytes, room },
		{ inlet->rest, INLET_PACKET_BYTES - room } };
	struct msghdr message = { .msg_iov = to, .msg_iovlen = 3 };
	size_t got = 0;
	int r = result(recvmsg(inlet->fd, &message, MSG_DONTWAIT), &got);

	if (r)
		return r;
	/* no byte at all: who wrote is gone */
	if (!got || (message.msg_flags & MSG_TRUNC) ||
		(mark != INLET_MARK_PIECE && mark != INLET_MARK_END))
		return INLET_E_SHORT;
	got--;
	*ret_size = 0;
	inlet->is_ended = mark == INLET_MARK_END;
	if (inlet->is_ended)
		return 0;
	*ret_size = got < room ? got : room;
	inlet->rest_at = 0;
	inlet->n_rest = got - *ret_size;
	return 0;
}

static int read_packets(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	int r = 0;

	*ret_size = 0;
	if (inlet->rest_at < inlet->n_rest) {
		take_rest(inlet, bytes, size, ret_size);
		return 0;
	}
	for (int i = 0; i < INLET_EMPTY_PACKETS_MAX; i++) {
		if (inlet->is_ended)
			return 0;
		r = read_packet(inlet, bytes, size, ret_size);
		if (r || *ret_size)
			return r;
	}
	return -EAGAIN;
}

static int read_some(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	switch (inlet->kind) {
	case INLET_KIND_FILE:
		return read_file(inlet, bytes, size, ret_size);
	case INLET_KIND_PIPE:
		return read_pipe(inlet, bytes, size, ret_size);
	case INLET_KIND_SOCKET:
		return read_socket(inlet, bytes, size, ret_size);
	case INLET_KIND_PACKETS:
		return read_packets(inlet, bytes, size, ret_size);
	}
	return -EINVAL;
}

int inlet_read(struct inlet *inlet, void *bytes, size_t size, size_t *ret_size)
{
	bool has_length = inlet->length >= 0;
	uint64_t left_bytes = has_length ? (uint64_t)inlet->length - inlet->read_bytes : UINT64_MAX;
	size_t got = 0;
	int r;

	if (inlet->is_short)
		return INLET_E_SHORT;
	if (size > left_bytes)
		size = (size_t)left_bytes;
	*ret_size = 0;
	if (!size)
		return 0;
	do
		r = read_some(inlet, bytes, size, &got);
	while (r == -EINTR);
	if (r == -EAGAIN)
		return INLET_E_EMPTY;
	/* a socket whose other end was cut off */
	if (r == INLET_E_SHORT || r == -ECONNRESET || (!r && !got && has_length)) {
		inlet->is_short = true;
		return INLET_E_SHORT;
	}
	if (r)
		return r;
	inlet->read_bytes += got;
	*ret_size = got;
	return 0;
}

int inlet_fd(const struct inlet *inlet)
{
	return inlet->fd;
}

int64_t inlet_length(const struct inlet *inlet)
{
	return inlet->length;
}

uint64_t inlet_read_bytes(const struct inlet *inlet)
{
	return inlet->read_bytes;
}
