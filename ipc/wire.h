/* SPDX-License-Identifier: MIT */
/*
 * The one door to libdbus' message iterators: what is appended can never make libdbus abort, what is read is
 * checked and counted. The same door leads to bytes of our own (flat.h), under the same rules. Private to ipc.
 */
#ifndef IPC_WIRE_H
#define IPC_WIRE_H

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/flat.h"
#include "ipc/types.h"

struct arena;
struct buf;

/* The largest message we send: what the system bus carries. Beyond it -EMSGSIZE. */
#define WIRE_MAX_SEND_BYTES (24u << 20)
/* The largest call: what is read of one, with what its rows become, is at most IPC_MAX_MESSAGE_BYTES. */
#define WIRE_MAX_CALL_BYTES (IPC_MAX_MESSAGE_BYTES - (64u << 10))

/* A place in a message, or in bytes of our own. */
struct wire_iter {
	union {
		DBusMessageIter message;
		struct flat_iter flat;
	};
	bool is_flat;
};

struct wire_writer {
	size_t bytes; /* appended so far, roughly: alignment is not counted */
	size_t max_bytes; /* of them; 0: WIRE_MAX_SEND_BYTES */
	unsigned n_fds;
	struct buf *flat; /* where to, when not to a message */
	int fds[IPC_MAX_FDS]; /* borrowed; a descriptor in the bytes is its place here */
};

void wire_begin_append(DBusMessage *message, struct wire_iter *ret_it);

/* All return 0, -ENOMEM (the message must be dropped), or -EMSGSIZE; wire_append_fd() -EMFILE and -ENFILE, too. */
int wire_append(struct wire_writer *w, struct wire_iter *it, int type, const void *value);
/* NULL is ""; bytes that are not UTF-8 become U+FFFD. */
int wire_append_string(struct wire_writer *w, struct wire_iter *it, const char *s);
int wire_append_path(struct wire_writer *w, struct wire_iter *it, struct ipc_path path);
/* Duplicates fd; keeps its number where it goes to bytes of our own. */
int wire_append_fd(struct wire_writer *w, struct wire_iter *it, int fd);
/* type: DBUS_TYPE_BYTE or DBUS_TYPE_UINT64. */
int wire_append_fixed(
	struct wire_writer *w, struct wire_iter *it, int type, const void *items, size_t n);
int wire_open(struct wire_writer *w, struct wire_iter *it, int type, const char *signature,
	struct wire_iter *ret_sub);
/* Closes, or abandons when r says that something failed; returns r or -ENOMEM. */
int wire_close(struct wire_writer *w, struct wire_iter *it, struct wire_iter *sub, int r);
/* An entry of a dictionary, open as far as the value of its variant: both at once, and so is its end. key: a valid one. */
struct wire_entry {
	struct wire_iter entry, value;
};
int wire_open_entry(struct wire_writer *w, struct wire_iter *it, const char *key,
	const char *signature, struct wire_entry *ret);
int wire_close_entry(struct wire_writer *w, struct wire_iter *it, struct wire_entry *entry, int r);

/* Descriptors that came with a message: closed by wire_fds_close() unless taken. */
struct wire_fds {
	int fds[IPC_MAX_FDS];
	unsigned n;
};
void wire_fds_close(struct wire_fds *fds);
/* Removes fd from the set; it is the caller's now. */
int wire_fds_take(struct wire_fds *fds, int fd);

/* Reading one message. Strings are borrowed from it, or copied into the arena. */
struct wire_reader {
	struct arena *arena;
	struct wire_fds *fds;
	struct wire_fds *files; /* with bytes of our own: the list that descriptors are taken of */
	size_t bytes, max_bytes; /* bytes of strings, arrays, structs and files: read and allowed */
	bool copy_strings;
	bool strict; /* unknown and repeated keys are errors: what clients send */
	const char *array; /* where we are, for the error's text; NULL: not in an array */
	size_t row;
	char text[256]; /* what is wrong, after a positive return */
};

/* Records the text ("requests[3]: …") and returns error. */
int wire_fail(struct wire_reader *rd, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Zeroed memory of the arena: NULL with IPC_E_LIMIT_REACHED or -ENOMEM in *ret_r. */
void *wire_alloc(struct wire_reader *rd, size_t count, size_t size, int *ret_r);
/* The same, not zeroed. */
void *wire_room(struct wire_reader *rd, size_t size, int *ret_r);

/* Where the arguments begin; with none, at the end. */
void wire_begin_read(DBusMessage *message, struct wire_iter *ret_it);
int wire_type(struct wire_iter *it);
void wire_next(struct wire_iter *it);
void wire_recurse(struct wire_iter *it, struct wire_iter *ret_sub);
/* Elements of the array at the iterator. */
size_t wire_count(struct wire_iter *it);
/* A value of a fixed size. */
void wire_get(struct wire_iter *it, void *ret);
/* Text that is used at once: not counted. */
const char *wire_get_string(struct wire_iter *it);
/* The block in an array of bytes or of 64 bit numbers. True: it stays where it is as long as the strings do, aligned. */
bool wire_get_fixed(struct wire_iter *it, const void **ret_items, size_t *ret_bytes);
int wire_read_string(
	struct wire_reader *rd, struct wire_iter *it, size_t max_bytes, const char **ret_s);
int wire_read_path(struct wire_reader *rd, struct wire_iter *it, struct ipc_path *ret_path);
/* Close-on-exec, belongs to rd->fds. */
int wire_read_fd(struct wire_reader *rd, struct wire_iter *it, int *ret_fd);
/* Does the iterator stand at a complete type of this signature? 1 or 0; -ENOMEM */
int wire_has_signature(struct wire_iter *it, const char *signature);

#endif
