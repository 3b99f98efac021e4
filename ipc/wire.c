/* SPDX-License-Identifier: MIT */
/*
 * libdbus aborts the process when it is handed a string that is not UTF-8, a bad object path or a bad descriptor.
 * Strings from servers, file names and users end up in messages, so nothing else in transferd appends to a message.
 */
#include "ipc/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"

static int charge(struct wire_writer *w, size_t bytes)
{
	if (bytes > WIRE_MAX_SEND_BYTES - w->bytes)
		return -EMSGSIZE;
	w->bytes += bytes;
	return 0;
}

int wire_append(struct wire_writer *w, DBusMessageIter *it, int type, const void *value)
{
	int r = charge(w, 8);

	if (r)
		return r;
	return dbus_message_iter_append_basic(it, type, value) ? 0 : -ENOMEM;
}

int wire_append_string(struct wire_writer *w, DBusMessageIter *it, const char *s)
{
	cleanup_(cleanup_free) char *repaired = NULL;
	size_t n;
	int r;

	if (!s)
		s = "";
	n = strlen(s);
	r = charge(w, n + 5);
	if (r)
		return r;
	if (!utf8_is_valid(s)) {
		repaired = utf8_sanitise(s, n);
		if (!repaired)
			return -ENOMEM;
		s = repaired;
		r = charge(w, strlen(s));
		if (r)
			return r;
	}
	return dbus_message_iter_append_basic(it, DBUS_TYPE_STRING, &s) ? 0 : -ENOMEM;
}

int wire_append_path(struct wire_writer *w, DBusMessageIter *it, struct ipc_path path)
{
	char buf[IPC_PATH_BYTES];
	const char *s = ipc_path_format(path, buf, sizeof(buf));
	int r = charge(w, strlen(s) + 5);

	if (r)
		return r;
	return dbus_message_iter_append_basic(it, DBUS_TYPE_OBJECT_PATH, &s) ? 0 : -ENOMEM;
}

int wire_append_fd(struct wire_writer *w, DBusMessageIter *it, int fd)
{
	int r;

	if (fd < 0)
		return -EBADF;
	if (w->n_fds >= IPC_MAX_FDS)
		return -EMSGSIZE;
	r = charge(w, 4);
	if (r)
		return r;
	w->n_fds++;
	return dbus_message_iter_append_basic(it, DBUS_TYPE_UNIX_FD, &fd) ? 0 : -ENOMEM;
}

int wire_append_fixed(
	struct wire_writer *w, DBusMessageIter *it, int type, const void *items, size_t n)
{
	size_t size = type == DBUS_TYPE_BYTE ? 1 : 8;
	DBusMessageIter sub;
	int r = n > WIRE_MAX_SEND_BYTES / size ? -EMSGSIZE : charge(w, n * size + 4);

	if (r)
		return r;
	r = wire_open(w, it, DBUS_TYPE_ARRAY, size == 1 ? "y" : "t", &sub);
	if (r)
		return r;
	if (n && !dbus_message_iter_append_fixed_array(&sub, type, &items, (int)n))
		r = -ENOMEM;
	return wire_close(it, &sub, r);
}

int wire_open(struct wire_writer *w, DBusMessageIter *it, int type, const char *signature,
	DBusMessageIter *ret_sub)
{
	int r = charge(w, 8);

	if (r)
		return r;
	return dbus_message_iter_open_container(it, type, signature, ret_sub) ? 0 : -ENOMEM;
}

int wire_close(DBusMessageIter *it, DBusMessageIter *sub, int r)
{
	if (r) {
		dbus_message_iter_abandon_container(it, sub);
		return r;
	}
	return dbus_message_iter_close_container(it, sub) ? 0 : -ENOMEM;
}

void wire_fds_close(struct wire_fds *fds)
{
	for (unsigned i = 0; i < fds->n; i++) {
		if (fds->fds[i] >= 0)
			close(fds->fds[i]);
	}
	fds->n = 0;
}

int wire_fds_take(struct wire_fds *fds, int fd)
{
	for (unsigned i = 0; i < fds->n; i++) {
		if (fds->fds[i] == fd)
			fds->fds[i] = -1;
	}
	return fd;
}

int wire_fail(struct wire_reader *rd, int error, const char *format, ...)
{
	size_t used = 0;
	va_list args;
	int n;

	if (rd->array) {
		n = snprintf(rd->text, sizeof(rd->text), "%s[%zu]: ", rd->array, rd->row);
		used = n > 0 && (size_t)n < sizeof(rd->text) ? (size_t)n : 0;
	}
	va_start(args, format);
	vsnprintf(rd->text + used, sizeof(rd->text) - used, format, args);
	va_end(args);
	return error;
}

/* Borrowed strings count as well: they are kept for as long as the message is. */
static int charge_read(struct wire_reader *rd, size_t bytes)
{
	if (bytes > rd->max_bytes - rd->bytes)
		return wire_fail(rd, IPC_E_LIMIT_REACHED, "the message is too large");
	rd->bytes += bytes;
	return 0;
}

void *wire_alloc(struct wire_reader *rd, size_t count, size_t size, int *ret_r)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		bytes = SIZE_MAX;
	*ret_r = charge_read(rd, bytes);
	if (*ret_r)
		return NULL;
	p = arena_alloc(rd->arena, count ? count : 1, size);
	*ret_r = p ? 0 : -ENOMEM;
	return p;
}

int wire_read_string(
	struct wire_reader *rd, DBusMessageIter *it, size_t max_bytes, const char **ret_s)
{
	const char *s;
	char *copy;
	size_t n;
	int r;

	dbus_message_iter_get_basic(it, &s);
	n = strlen(s);
	if (max_bytes && n > max_bytes)
		return wire_fail(rd, IPC_E_INVALID_REQUEST, "longer than %zu bytes", max_bytes);
	if (!rd->copy_strings) {
		r = charge_read(rd, n + 1);
		*ret_s = r ? *ret_s : s;
		return r;
	}
	copy = wire_alloc(rd, n + 1, 1, &r);
	if (!copy)
		return r;
	memcpy(copy, s, n);
	*ret_s = copy;
	return 0;
}

int wire_read_path(struct wire_reader *rd, DBusMessageIter *it, struct ipc_path *ret_path)
{
	const char *s;

	dbus_message_iter_get_basic(it, &s);
	if (ipc_path_parse(s, ret_path))
		return wire_fail(
			rd, IPC_E_INVALID_ARGS, "not an object of this service: %.120s", s);
	return 0;
}

int wire_read_fd(struct wire_reader *rd, DBusMessageIter *it, int *ret_fd)
{
	int fd = -1;

	if (rd->fds->n >= IPC_MAX_FDS)
		return wire_fail(rd, IPC_E_LIMIT_REACHED, "more than %d descriptors", IPC_MAX_FDS);
	dbus_message_iter_get_basic(it, &fd);
	if (fd < 0)
		return -EMFILE;
	rd->fds->fds[rd->fds->n++] = fd;
	*ret_fd = fd;
	return 0;
}

int wire_has_signature(DBusMessageIter *it, const char *signature)
{
	char *actual;
	int same;

	if (!signature[1])
		return dbus_message_iter_get_arg_type(it) == signature[0];
	if (dbus_message_iter_get_arg_type(it) !=
		(signature[0] == '(' ? DBUS_TYPE_STRUCT : DBUS_TYPE_ARRAY))
		return 0;
	actual = dbus_message_iter_get_signature(it);
	if (!actual)
		return err_raise(-ENOMEM);
	same = strcmp(actual, signature) == 0;
	dbus_free(actual);
	return same;
}
