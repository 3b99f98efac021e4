/* SPDX-License-Identifier: MIT */
/*
 * D-Bus marshalling in bytes of our own: what libdbus does with a message, for what goes past the bus in a file. Byte order
 * is the machine's; a descriptor is its place in the list that goes with the bytes. Used through ipc/wire.h only. Private to ipc.
 *
 * Bytes that others wrote are checked once, whole, by flat_check(); the iterators rely on that.
 */
#ifndef IPC_FLAT_H
#define IPC_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* A place in the bytes. Reading: the value there has the first type of the signature. */
struct flat_iter {
	const uint8_t *bytes;
	const char *signature;
	size_t at;
	size_t end; /* reading: of the array; writing: where its elements begin */
	bool is_array;
};

/* ---- writing: 0, -ENOMEM or -EMSGSIZE ---- */

/* type: of a fixed size; a descriptor is its index. */
int flat_append(struct buf *buf, int type, const void *value);
/* A string or an object path, valid. */
int flat_append_string(struct buf *buf, const char *s, size_t n);
/* type: DBUS_TYPE_BYTE or DBUS_TYPE_UINT64. */
int flat_append_fixed(struct buf *buf, int type, const void *items, size_t n);
/* signature: of an array's element or a variant's value. */
int flat_open(struct buf *buf, int type, const char *signature, struct flat_iter *ret_sub);
/* An entry of a dictionary as far as the value of its variant, which is of this signature. Neither has to be closed. */
int flat_open_entry(struct buf *buf, const char *key, const char *signature);
/* -EMSGSIZE: an array longer than D-Bus has them. */
int flat_close(struct buf *buf, const struct flat_iter *sub);

/* ---- reading ---- */

/* Are the bytes, aligned to 8, values of this signature and nothing else? */
bool flat_check(const uint8_t *bytes, size_t size, const char *signature);
void flat_begin(struct flat_iter *it, const uint8_t *bytes, const char *signature);
/* As of dbus_message_iter_get_arg_type(): DBUS_TYPE_INVALID at the end. */
int flat_type(const struct flat_iter *it);
void flat_next(struct flat_iter *it);
void flat_recurse(const struct flat_iter *it, struct flat_iter *ret_sub);
/* Of a fixed size. */
void flat_get(const struct flat_iter *it, void *ret);
/* A string or an object path; points into the bytes. */
const char *flat_string(const struct flat_iter *it);
size_t flat_count(const struct flat_iter *it);
/* All of an array of a fixed type; points into the bytes. */
const void *flat_fixed(const struct flat_iter *it, size_t *ret_bytes);
bool flat_has_signature(const struct flat_iter *it, const char *signature);

#endif
