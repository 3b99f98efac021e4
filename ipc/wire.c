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
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"

static int charge(struct wire_writer *w, size_t bytes)
{
	size_t max_bytes = w->max_bytes ? w->max_bytes : WIRE_MAX_SEND_BYTES;

	if (bytes > max_bytes - w->bytes)
		return -EMSGSIZE;
	w->bytes += bytes;
	return 0;
}

void wire_begin_append(DBusMessage *message, struct wire_iter *ret_it)
{
	dbus_message_iter_init_append(message, &ret_it->message);
	ret_it->is_flat = false;
}

static int append(struct wire_writer *w, struct wire_iter *it, int type, const void *value)
{
	if (w->flat)
		return flat_append(w->flat, type, value);
	return dbus_message_iter_append_basic(&it->message, type, value) ? 0 : -ENOMEM;
}

static int append_text(
	struct wire_writer *w, struct wire_iter *it, int type, const char *s, size_t n)
{
	if (w->flat)
		return flat_append_string(w->flat, s, n);
	return dbus_message_iter_append_basic(&it->message, type, &s) ? 0 : -ENOMEM;
}

int wire_append(struct wire_writer *w, struct wire_iter *it, int type, const void *value)
{
	int r = charge(w, 8);

	return r ? r : append(w, it, type, value);
}

int wire_append_string(struct wire_writer *w, struct wire_iter *it, const char *s)
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
	if (!utf8_is_valid_bytes(s, n)) {
		repaired = utf8_sanitise(s, n);
		if (!repaired)
			return -ENOMEM;
		s = repaired;
		n = strlen(s);
		r = charge(w, n);
		if (r)
			return r;
	}
	return append_text(w, it, DBUS_TYPE_STRING, s, n);
}

int wire_append_path(struct wire_writer *w, struct wire_iter *it, struct ipc_path path)
{
	char buf[IPC_PATH_BYTES];
	const char *s = ipc_path_format(path, buf, sizeof(buf));
	size_t n = strlen(s);
	int r = charge(w, n + 5);

	return r ? r : append_text(w, it, DBUS_TYPE_OBJECT_PATH, s, n);
}

int wire_append_fd(struct wire_writer *w, struct wire_iter *it, int fd)
{
	uint32_t number;
	int r;

	if (fd < 0)
		return -EBADF;
	if (w->n_fds >= IPC_MAX_FDS)
		return -EMSGSIZE;
	r = charge(w, 4);
	if (r)
		return r;
	number = w->n_fds;
	w->fds[w->n_fds++] = fd;
	if (w->flat)
		return append(w, it, DBUS_TYPE_UNIX_FD, &number);
	errno = 0;
	r = append(w, it, DBUS_TYPE_UNIX_FD, &fd);
	return r && (errno == EMFILE || errno == ENFILE) ? -errno : r;
}

int wire_append_fixed(
	struct wire_writer *w, struct wire_iter *it, int type, const void *items, size_t n)
{
	size_t size = type == DBUS_TYPE_BYTE ? 1 : 8;
	struct wire_iter sub;
	int r = n > WIRE_MAX_SEND_BYTES / size ? -EMSGSIZE : charge(w, n * size + 4);

	if (r)
		return r;
	if (w->flat)
		return flat_append_fixed(w->flat, type, items, n);
	r = wire_open(w, it, DBUS_TYPE_ARRAY, size == 1 ? "y" : "t", &sub);
	if (r)
		return r;
	if (n && !dbus_message_iter_append_fixed_array(&sub.message, type, &items, (int)n))
		r = -ENOMEM;
	return wire_close(w, it, &sub, r);
}

int wire_open(struct wire_writer *w, struct wire_iter *it, int type, const char *signature,
	struct wire_iter *ret_sub)
{
	int r = charge(w, 8);

	if (r)
		return r;
	if (w->flat)
		return flat_open(w->flat, type, signature, &ret_sub->flat);
	return dbus_message_iter_open_container(&it->message, type, signature, &ret_sub->message)
		? 0
		: -ENOMEM;
}

int wire_close(struct wire_writer *w, struct wire_iter *it, struct wire_iter *sub, int r)
{
	if (w->flat)
		return r ? r : flat_close(w->flat, &sub->flat);
	if (r) {
		dbus_message_iter_abandon_container(&it->message, &sub->message);
		return r;
	}
	return dbus_message_iter_close_container(&it->message, &sub->message) ? 0 : -ENOMEM;
}

int wire_open_entry(struct wire_writer *w, struct wire_iter *it, const char *key,
	const char *signature, struct wire_entry *ret)
{
	int r;

	if (w->flat) {
		r = charge(w, strlen(key) + 21);
		return r ? r : flat_open_entry(w->flat, key, signature);
	}
	r = wire_open(w, it, DBUS_TYPE_DICT_ENTRY, NULL, &ret->entry);
	if (r)
		return r;
	r = wire_append_string(w, &ret->entry, key);
	if (!r)
		r = wire_open(w, &ret->entry, DBUS_TYPE_VARIANT, signature, &ret->value);
	return r ? wire_close(w, it, &ret->entry, r) : 0;
}

int wire_close_entry(struct wire_writer *w, struct wire_iter *it, struct wire_entry *entry, int r)
{
	if (w->flat)
		return r;
	r = wire_close(w, &entry->entry, &entry->value, r);
	return wire_close(w, it, &entry->entry, r);
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

/* Borrowed strings count as well: they are kept for as long as the message is. A file was counted whole when it was read. */
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

void wire_begin_read(DBusMessage *message, struct wire_iter *ret_it)
{
	dbus_message_iter_init(message, &ret_it->message);
	ret_it->is_flat = false;
}

int wire_type(struct wire_iter *it)
{
	return it->is_flat ? flat_type(&it->flat) : dbus_message_iter_get_arg_type(&it->message);
}

void wire_next(struct wire_iter *it)
{
	if (it->is_flat)
		flat_next(&it->flat);
	else
		dbus_message_iter_next(&it->message);
}

void wire_recurse(struct wire_iter *it, struct wire_iter *ret_sub)
{
	ret_sub->is_flat = it->is_flat;
	if (it->is_flat)
		flat_recurse(&it->flat, &ret_sub->flat);
	else
		dbus_message_iter_recurse(&it->message, &ret_sub->message);
}

size_t wire_count(struct wire_iter *it)
{
	return it->is_flat ? flat_count(&it->flat)
			   : (size_t)dbus_message_iter_get_element_count(&it->message);
}

void wire_get(struct wire_iter *it, void *ret)
{
	if (it->is_flat)
		flat_get(&it->flat, ret);
	else
		dbus_message_iter_get_basic(&it->message, ret);
}

const char *wire_get_string(struct wire_iter *it)
{
	const char *s;

	if (it->is_flat)
		return flat_string(&it->flat);
	dbus_message_iter_get_basic(&it->message, &s);
	return s;
}

bool wire_get_fixed(struct wire_iter *it, const void **ret_items, size_t *ret_bytes)
{
	DBusMessageIter sub;
	int type, n = 0;

	if (it->is_flat) {
		*ret_items = flat_fixed(&it->flat, ret_bytes);
		return true;
	}
	dbus_message_iter_recurse(&it->message, &sub);
	type = dbus_message_iter_get_arg_type(&sub);
	if (type != DBUS_TYPE_INVALID)
		dbus_message_iter_get_fixed_array(&sub, ret_items, &n);
	*ret_bytes = (size_t)n * (type == DBUS_TYPE_BYTE ? 1 : sizeof(uint64_t));
	return false;
}

void *wire_room(struct wire_reader *rd, size_t size, int *ret_r)
{
	void *p;

	*ret_r = charge_read(rd, size);
	if (*ret_r)
		return NULL;
	p = arena_room(rd->arena, size ? size : 1);
	*ret_r = p ? 0 : -ENOMEM;
	return p;
}

int wire_read_string(
	struct wire_reader *rd, struct wire_iter *it, size_t max_bytes, const char **ret_s)
{
	const char *s = wire_get_string(it);
	size_t n = strlen(s);
	char *copy;
	int r;

	if (max_bytes && n > max_bytes)
		return wire_fail(rd, IPC_E_INVALID_REQUEST, "longer than %zu bytes", max_bytes);
	if (!rd->copy_strings) {
		r = it->is_flat ? 0 : charge_read(rd, n + 1);
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

int wire_read_path(struct wire_reader *rd, struct wire_iter *it, struct ipc_path *ret_path)
{
	const char *s = wire_get_string(it);

	if (ipc_path_parse(s, ret_path))
		return wire_fail(
			rd, IPC_E_INVALID_ARGS, "not an object of this service: %.120s", s);
	return 0;
}

/* Each of the list once: what two rows take would be closed twice. */
static int take_file(struct wire_reader *rd, struct wire_iter *it)
{
	uint32_t number;

	flat_get(&it->flat, &number);
	if (number >= rd->files->n || rd->files->fds[number] < 0)
		return -1;
	return wire_fds_take(rd->files, rd->files->fds[number]);
}

int wire_read_fd(struct wire_reader *rd, struct wire_iter *it, int *ret_fd)
{
	int fd = -1;

	if (rd->fds->n >= IPC_MAX_FDS)
		return wire_fail(rd, IPC_E_LIMIT_REACHED, "more than %d descriptors", IPC_MAX_FDS);
	if (!it->is_flat)
		dbus_message_iter_get_basic(&it->message, &fd);
	else
		fd = take_file(rd, it);
	if (fd < 0 && it->is_flat)
		return wire_fail(rd, IPC_E_INVALID_ARGS, "no such descriptor");
	if (fd < 0)
		return -EMFILE;
	rd->fds->fds[rd->fds->n++] = fd;
	*ret_fd = fd;
	return 0;
}

int wire_has_signature(struct wire_iter *it, const char *signature)
{
	char *actual;
	int same;

	if (it->is_flat)
		return flat_has_signature(&it->flat, signature);
	if (!signature[1])
		return dbus_message_iter_get_arg_type(&it->message) == signature[0];
	if (dbus_message_iter_get_arg_type(&it->message) !=
		(signature[0] == '(' ? DBUS_TYPE_STRUCT : DBUS_TYPE_ARRAY))
		return 0;
	actual = dbus_message_iter_get_signature(&it->message);
	if (!actual)
		return err_raise(-ENOMEM);
	same = strcmp(actual, signature) == 0;
	dbus_free(actual);
	return same;
}
