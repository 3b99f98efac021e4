/* SPDX-License-Identifier: MIT */
/*
 * file: URLs: regular files that the program itself may read, in pieces, on the session's queue. file:///path and
 * file://localhost/path; another host is a file that does not exist. Folders are no answer: listings have no form that
 * programs could rely on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mime.h"
#include "client-lib/load.h"
#include "client-lib/segment.h"

#define FILE_BURST 4 /* pieces before others of the session have their turn */

static bool can_init(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return !strncasecmp(transfer_request_get_url(request), "file:", strlen("file:"));
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A path without escapes; false: there is one that is none, or a zero byte. */
static bool unescape(char *path)
{
	char *to = path;

	for (const char *p = path; *p; p++) {
		int high, low;

		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		high = digit_of(p[1]);
		low = high < 0 ? -1 : digit_of(p[2]);
		if (low < 0 || !(high | low))
			return false;
		*to++ = (char)(high * 16 + low);
		p += 2;
	}
	*to = '\0';
	return true;
}

/* 0 with a path to be freed, an error code of ours, or -ENOMEM. */
static int path_of(const char *url, char **ret_path)
{
	const char *host = url + strlen("file:"), *path = host;
	char *copy;
	size_t n;

	if (!strncmp(host, "//", 2)) {
		host += 2;
		n = strcspn(host, "/?#");
		path = host + n;
		if (n && (n != strlen("localhost") || strncasecmp(host, "localhost", n)))
			return TRANSFER_ERROR_FILE_DOES_NOT_EXIST;
	}
	if (path[0] != '/')
		return TRANSFER_ERROR_BAD_URL;
	copy = strndup(path, strcspn(path, "?#"));
	if (!copy)
		return -ENOMEM;
	if (!unescape(copy)) {
		free(copy);
		return TRANSFER_ERROR_BAD_URL;
	}
	*ret_path = copy;
	return 0;
}

static int code_of(int error_no)
{
	switch (error_no) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return TRANSFER_ERROR_FILE_DOES_NOT_EXIST;
	case EACCES:
	case EPERM:
	case ENXIO:
		return TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE;
	default:
		return TRANSFER_ERROR_CANNOT_OPEN_FILE;
	}
}

/* 0, an error code of ours. O_NONBLOCK: nobody waits for the other end of a FIFO. */
static int open_file(const char *path, int *ret_fd, int64_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), code = 0;
	struct stat st;

	if (fd < 0)
		return code_of(errno);
	if (fstat(fd, &st))
		code = TRANSFER_ERROR_CANNOT_OPEN_FILE;
	else if (S_ISDIR(st.st_mode))
		code = TRANSFER_ERROR_FILE_IS_DIRECTORY;
	else if (!S_ISREG(st.st_mode))
		code = TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE;
	if (code) {
		close(fd);
		return code;
	}
	*ret_fd = fd;
	*ret_size = (int64_t)st.st_size;
	return 0;
}

static void fail(transfer_load *load, int code)
{
	bool is_ours = code != -ENOMEM;
	transfer_auto(transfer_error)
		error = transfer_error_new(is_ours ? TRANSFER_DOMAIN_URL : TRANSFER_DOMAIN_POSIX,
			is_ours ? code : ENOMEM, NULL, transfer_request_get_url(load->request));

	transfer_load_fail(load, error);
}

/* One piece; 1: there may be more, 0: that was all, or it was said why not. */
static int give_piece(transfer_load *load)
{
	transfer_auto(transfer_data) data = NULL;
	char *bytes = malloc(SEGMENT_BYTES);
	ssize_t n;
	int r;

	do
		n = bytes ? read(load->source_fd, bytes, SEGMENT_BYTES) : -1;
	while (n < 0 && bytes && errno == EINTR);
	if (n > 0)
		data = transfer_data_new_take(bytes, (size_t)n, free, bytes);
	if (data) {
		r = transfer_load_give(load, data);
		if (r == -ENOMEM)
			fail(load, r);
		return !r;
	}
	free(bytes);
	if (n < 0 || !bytes)
		fail(load, bytes ? TRANSFER_ERROR_CANNOT_OPEN_FILE : -ENOMEM);
	else if (n > 0)
		fail(load, -ENOMEM);
	else
		transfer_load_finish(load);
	return 0;
}

/* As much as may wait; the rest when the delegate has had that. */
static void go_on(transfer_load *load)
{
	int r = 1;

	for (int i = 0; r && i < FILE_BURST && transfer_load_is_wanted(load); i++)
		r = give_piece(load);
	if (r)
		load_continue(load);
}

static void start(transfer_load *load, void *userdata)
{
	const char *url = transfer_request_get_url(load->request);
	cleanup_(cleanup_free) char *path = NULL;
	transfer_auto(transfer_response) response = NULL;
	int64_t size = 0;
	int code;

	(void)userdata;
	code = path_of(url, &path);
	if (!code)
		code = open_file(path, &load->source_fd, &size);
	if (!code) {
		response = transfer_response_new(url, mime_of_name(path), size, NULL);
		code = response ? 0 : -ENOMEM;
	}
	if (code) {
		fail(load, code);
		return;
	}
	load->more = go_on;
	code = transfer_load_respond(load, response, TRANSFER_STORAGE_NOT_ALLOWED);
	if (!code)
		go_on(load);
	else if (code == -ENOMEM)
		fail(load, code);
}

const struct transfer_protocol load_file_protocol = {
	TRANSFER_PROTOCOL_INIT,
	.can_init = can_init,
	.start = start,
};
