/* SPDX-License-Identifier: MIT */
/*
 * What a class is asked to load: the request, what is sent with it, and what the class keeps meanwhile. The body is read
 * by whoever loads, at its own place: bytes and files from their beginning with each load, streams where they are.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/body.h"
#include "client-lib/client.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

int load_body_set(transfer_load *load, const transfer_request *request)
{
	load->body = request->body ? transfer_body_new_data(request->body)
				   : transfer_body_ref(request->body_stream);
	return request->body && !load->body ? -ENOMEM : 0;
}

int load_body_take_from(transfer_load *load, transfer_task *task)
{
	struct stat st;

	load->body = transfer_body_ref(task->body);
	if (task->source_fd < 0)
		return 0;
	load->body_fd = task->source_fd;
	task->source_fd = -1;
	if (fstat(load->body_fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

void load_body_answer(transfer_load *load, const transfer_body *body)
{
	load->body = transfer_body_ref(body);
}

void load_body_done(transfer_load *load)
{
	transfer_body_unref(load->body);
	if (load->body_fd >= 0)
		close(load->body_fd);
}

/* ---- reading ---- */

static ssize_t read_bytes(transfer_load *load, void *bytes, size_t size)
{
	const char *all = transfer_data_get_bytes(load->body->data);
	size_t n = transfer_data_get_size(load->body->data) - (size_t)load->body_offset;

	if (n > size)
		n = size;
	if (n)
		memcpy(bytes, all + load->body_offset, n);
	return (ssize_t)n;
}

static ssize_t read_fd(const transfer_load *load, void *bytes, size_t size)
{
	ssize_t n;

	do
		n = read(load->body_fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t read_reader(const transfer_load *load, void *bytes, size_t size)
{
	ssize_t n = load->body->reader(bytes, size, load->body->userdata);

	return n > (ssize_t)size ? -EIO : n;
}

/* 0 or -errno; bytes and readers need nothing. */
static int open_body(transfer_load *load)
{
	struct body_sent sent;
	int r;

	if (load->body_fd >= 0 || load->body->kind == BODY_DATA || load->body->kind == BODY_READER)
		return 0;
	r = body_open(load->body, &sent);
	if (!r)
		load->body_fd = sent.fd;
	return r;
}

/* How much of a stream may still come, for it was said how long it is. */
static size_t bound(const transfer_load *load, size_t size)
{
	int64_t left = load->body ? body_length(load->body) : TRANSFER_SIZE_UNKNOWN;

	if (left == TRANSFER_SIZE_UNKNOWN)
		return size;
	left -= load->body_offset;
	return (uint64_t)left < size ? (size_t)left : size;
}

static ssize_t read_more(transfer_load *load, void *bytes, size_t size)
{
	int r = load->body ? open_body(load) : 0;

	size = bound(load, size < SSIZE_MAX ? size : SSIZE_MAX);
	if (r || !size)
		return r;
	if (load->body_fd >= 0)
		return read_fd(load, bytes, size);
	return load->body->kind == BODY_DATA ? read_bytes(load, bytes, size)
					     : read_reader(load, bytes, size);
}

/* It ended before it was as long as was said. */
static bool is_short(const transfer_load *load)
{
	return load->body && body_length(load->body) > load->body_offset;
}

ssize_t transfer_load_read_body(transfer_load *load, void *bytes, size_t size)
{
	ssize_t n;
	int r;

	client_lock(load->session->client);
	r = load_check(load);
	client_unlock(load->session->client);
	if (r || load->is_body_over || !size || (!load->body && load->body_fd < 0))
		return r;
	n = read_more(load, bytes, size);
	if (!n && is_short(load))
		return -EIO;
	if (n > 0)
		load->body_offset += n;
	load->is_body_over = !n;
	return n;
}

int64_t transfer_load_get_body_length(const transfer_load *load)
{
	struct stat st;

	if (load->body && load->body->kind == BODY_FILE)
		return stat(load->body->path, &st) ? TRANSFER_SIZE_UNKNOWN : (int64_t)st.st_size;
	if (load->body)
		return body_length(load->body);
	if (load->body_fd < 0)
		return 0;
	return fstat(load->body_fd, &st) ? TRANSFER_SIZE_UNKNOWN : (int64_t)st.st_size;
}

/* ---- the request, and the class's own ---- */

const transfer_request *transfer_load_get_request(const transfer_load *load)
{
	return load->request;
}

void transfer_load_set_context(transfer_load *load, void *context)
{
	load->context = context;
}

void *transfer_load_get_context(const transfer_load *load)
{
	return load->context;
}
