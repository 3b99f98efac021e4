/* SPDX-License-Identifier: MIT */
/*
 * Two tables of functions, one per direction, indexed by the kind of a field; structs, dictionaries and argument
 * lists are loops over fields. A field says where its value and its mark (has_… or n_…) are; nothing here knows a name.
 */
#include "ipc/codec.h"

#include <errno.h>
#include <string.h>

#include "ipc/wire.h"

/* Arrays without a bound of their own. */
#define MAX_ROWS 65536

typedef int (*append_fn)(struct wire_writer *w, struct wire_iter *it, const struct codec_field *f,
	const void *owner);
typedef int (*read_fn)(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner);

static const void *value_of(const struct codec_field *f, const void *owner)
{
	return (const char *)owner + f->offset;
}

static void *slot_of(const struct codec_field *f, void *owner)
{
	return (char *)owner + f->offset;
}

/* The pointer stored in the field: every pointer kind is read and written through its bytes, whatever it points to. */
static const void *pointer_of(const struct codec_field *f, const void *owner)
{
	const void *p;

	memcpy(&p, value_of(f, owner), sizeof(p));
	return p;
}

static size_t count_of(const struct codec_field *f, const void *owner)
{
	size_t n;

	memcpy(&n, (const char *)owner + f->mark_offset, sizeof(n));
	return n;
}

static void set_array(const struct codec_field *f, void *owner, const void *items, size_t n)
{
	memcpy(slot_of(f, owner), &items, sizeof(items));
	memcpy((char *)owner + f->mark_offset, &n, sizeof(n));
}

static bool is_pointer(enum codec_kind kind)
{
	return kind == CODEC_STRING || kind == CODEC_DICT_REF || kind == CODEC_BYTES ||
		kind == CODEC_STRINGS || kind == CODEC_NUMBERS || kind == CODEC_FDS ||
		kind == CODEC_STRUCTS || kind == CODEC_DICTS;
}

static bool is_present(const struct codec_field *f, const void *owner)
{
	if (is_pointer(f->kind))
		return pointer_of(f, owner) != NULL;
	if (f->mark_offset == CODEC_NO_MARK)
		return true;
	return *((const char *)owner + f->mark_offset) != 0;
}

/* ---- append ---- */

static int append_basic(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append(w, it, f->signature[0], value_of(f, owner));
}

static int append_bool(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	dbus_bool_t b = *(const bool *)value_of(f, owner);

	return wire_append(w, it, DBUS_TYPE_BOOLEAN, &b);
}

static int append_string(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append_string(w, it, pointer_of(f, owner));
}

static int append_path(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append_path(w, it, *(const struct ipc_path *)value_of(f, owner));
}

static int append_fd(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append_fd(w, it, *(const int *)value_of(f, owner));
}

static int append_bytes(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append_fixed(w, it, DBUS_TYPE_BYTE, pointer_of(f, owner), count_of(f, owner));
}

static int append_numbers(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return wire_append_fixed(w, it, DBUS_TYPE_UINT64, pointer_of(f, owner), count_of(f, owner));
}

static int append_strings(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	const char *const *strings = pointer_of(f, owner);
	size_t n = count_of(f, owner);
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, "s", &sub);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = wire_append_string(w, &sub, strings[i]);
	return wire_close(w, it, &sub, r);
}

static int append_fds(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	const int *fds = pointer_of(f, owner);
	size_t n = count_of(f, owner);
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, "h", &sub);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = wire_append_fd(w, &sub, fds[i]);
	return wire_close(w, it, &sub, r);
}

static int append_row(
	struct wire_writer *w, struct wire_iter *it, const struct codec_type *type, const void *row)
{
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_STRUCT, NULL, &sub);

	if (r)
		return r;
	return wire_close(w, it, &sub, codec_append_args(w, &sub, type, row));
}

static int append_struct(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return append_row(w, it, f->type, value_of(f, owner));
}

static int append_dict(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	return codec_append_dict(w, it, f->type, value_of(f, owner), UINT64_MAX);
}

static int append_dict_ref(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	const void *dict = pointer_of(f, owner);

	return codec_append_dict(w, it, f->type, dict, dict ? UINT64_MAX : 0);
}

static int append_rows(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *owner)
{
	const char *rows = pointer_of(f, owner);
	size_t n = count_of(f, owner);
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, f->signature + 1, &sub);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++) {
		const char *row = rows + i * f->type->size_bytes;

		if (f->kind == CODEC_STRUCTS)
			r = append_row(w, &sub, f->type, row);
		else
			r = codec_append_dict(w, &sub, f->type, row, UINT64_MAX);
	}
	return wire_close(w, it, &sub, r);
}

static const append_fn appenders[CODEC_N_KINDS] = {
	[CODEC_U64] = append_basic,
	[CODEC_I64] = append_basic,
	[CODEC_U32] = append_basic,
	[CODEC_I32] = append_basic,
	[CODEC_BOOL] = append_bool,
	[CODEC_DOUBLE] = append_basic,
	[CODEC_STRING] = append_string,
	[CODEC_PATH] = append_path,
	[CODEC_FD] = append_fd,
	[CODEC_BYTES] = append_bytes,
	[CODEC_STRINGS] = append_strings,
	[CODEC_NUMBERS] = append_numbers,
	[CODEC_FDS] = append_fds,
	[CODEC_STRUCT] = append_struct,
	[CODEC_DICT] = append_dict,
	[CODEC_DICT_REF] = append_dict_ref,
	[CODEC_STRUCTS] = append_rows,
	[CODEC_DICTS] = append_rows,
};

int codec_append_field(struct wire_writer *w, struct wire_iter *it, const struct codec_field *field,
	const void *owner)
{
	return appenders[field->kind](w, it, field, owner);
}

int codec_append_args(struct wire_writer *w, struct wire_iter *it, const struct codec_type *type,
	const void *args)
{
	int r = 0;

	for (unsigned i = 0; i < type->n_fields && !r; i++)
		r = codec_append_field(w, it, &type->fields[i], args);
	return r;
}

int codec_append_variant(struct wire_writer *w, struct wire_iter *it,
	const struct codec_field *field, const void *owner)
{
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_VARIANT, field->signature, &sub);

	if (r)
		return r;
	return wire_close(w, it, &sub, codec_append_field(w, &sub, field, owner));
}

static int append_entry(
	struct wire_writer *w, struct wire_iter *it, const struct codec_field *f, const void *dict)
{
	struct wire_entry entry;
	int r = wire_open_entry(w, it, f->name, f->signature, &entry);

	if (r)
		return r;
	return wire_close_entry(w, it, &entry, codec_append_field(w, &entry.value, f, dict));
}

int codec_append_dict(struct wire_writer *w, struct wire_iter *it, const struct codec_type *type,
	const void *dict, uint64_t mask)
{
	struct wire_iter sub;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, "{sv}", &sub);

	if (r)
		return r;
	for (unsigned i = 0; i < type->n_fields && !r; i++) {
		const struct codec_field *f = &type->fields[i];

		if ((mask >> i & 1) && (type->all || is_present(f, dict)))
			r = append_entry(w, &sub, f, dict);
	}
	return wire_close(w, it, &sub, r);
}

/* ---- read ---- */

static int read_basic(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	(void)rd;
	wire_get(it, slot_of(f, owner));
	return 0;
}

static int read_bool(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	dbus_bool_t b;

	(void)rd;
	wire_get(it, &b);
	*(bool *)slot_of(f, owner) = b != FALSE;
	return 0;
}

static int read_string(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	const char *s;
	int r = wire_read_string(rd, it, rd->strict ? f->max : 0, &s);

	if (!r)
		memcpy(slot_of(f, owner), &s, sizeof(s));
	return r;
}

static int read_path(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	return wire_read_path(rd, it, slot_of(f, owner));
}

static int read_fd(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	return wire_read_fd(rd, it, slot_of(f, owner));
}

static int check_rows(struct wire_reader *rd, const struct codec_field *f, size_t n)
{
	size_t max = f->max ? f->max : f->kind == CODEC_BYTES ? IPC_MAX_MESSAGE_BYTES : MAX_ROWS;

	if (!rd->strict || n <= max)
		return 0;
	return wire_fail(rd, f->kind == CODEC_BYTES ? IPC_E_INVALID_REQUEST : IPC_E_LIMIT_REACHED,
		"%s: more than %zu %s", f->name, max, f->kind == CODEC_BYTES ? "bytes" : "rows");
}

/* ay and at: one block, copied where alignment and life are not ours. */
static int read_fixed(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	size_t size = f->kind == CODEC_BYTES ? 1 : sizeof(uint64_t), bytes;
	const void *items = NULL;
	bool stays = wire_get_fixed(it, &items, &bytes) && !rd->copy_strings;
	int r = check_rows(rd, f, bytes / size);
	void *copy;

	if (r)
		return r;
	if (stays) {
		set_array(f, owner, items, bytes / size);
		return 0;
	}
	copy = wire_room(rd, bytes, &r);
	if (!copy)
		return r;
	if (bytes)
		memcpy(copy, items, bytes);
	set_array(f, owner, copy, bytes / size);
	return 0;
}

static int read_strings(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	size_t n = wire_count(it);
	struct wire_iter sub;
	const char **strings;
	int r = check_rows(rd, f, n);

	if (r)
		return r;
	strings = wire_alloc(rd, n, sizeof(*strings), &r);
	if (!strings)
		return r;
	wire_recurse(it, &sub);
	for (size_t i = 0; i < n && !r; i++) {
		r = wire_read_string(rd, &sub, 0, &strings[i]);
		wire_next(&sub);
	}
	if (!r)
		set_array(f, owner, strings, n);
	return r;
}

static int read_fds(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	size_t n = wire_count(it);
	struct wire_iter sub;
	int *fds, r = check_rows(rd, f, n);

	if (r)
		return r;
	fds = wire_alloc(rd, n, sizeof(*fds), &r);
	if (!fds)
		return r;
	wire_recurse(it, &sub);
	for (size_t i = 0; i < n && !r; i++) {
		r = wire_read_fd(rd, &sub, &fds[i]);
		wire_next(&sub);
	}
	if (!r)
		set_array(f, owner, fds, n);
	return r;
}

static int read_struct(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	struct wire_iter sub;

	wire_recurse(it, &sub);
	return codec_read_args(rd, &sub, f->type, slot_of(f, owner));
}

static int read_dict(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	return codec_read_dict(rd, it, f->type, slot_of(f, owner), NULL);
}

static int read_dict_ref(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	int r;
	void *dict = wire_alloc(rd, 1, f->type->size_bytes, &r);

	if (!dict)
		return r;
	r = codec_read_dict(rd, it, f->type, dict, NULL);
	if (!r)
		memcpy(slot_of(f, owner), &dict, sizeof(dict));
	return r;
}

static int read_row(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *row)
{
	struct wire_iter sub;

	if (f->kind == CODEC_DICTS)
		return codec_read_dict(rd, it, f->type, row, NULL);
	wire_recurse(it, &sub);
	return codec_read_args(rd, &sub, f->type, row);
}

static int read_rows(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *f, void *owner)
{
	size_t n = wire_count(it);
	bool outermost = rd->array == NULL;
	struct wire_iter sub;
	char *rows;
	int r = check_rows(rd, f, n);

	if (r)
		return r;
	rows = wire_alloc(rd, n, f->type->size_bytes, &r);
	if (!rows)
		return r;
	if (outermost)
		rd->array = f->name;
	wire_recurse(it, &sub);
	for (size_t i = 0; i < n && !r; i++) {
		if (outermost)
			rd->row = i;
		r = read_row(rd, &sub, f, rows + i * f->type->size_bytes);
		wire_next(&sub);
	}
	if (outermost)
		rd->array = NULL;
	if (!r)
		set_array(f, owner, rows, n);
	return r;
}

static const read_fn readers[CODEC_N_KINDS] = {
	[CODEC_U64] = read_basic,
	[CODEC_I64] = read_basic,
	[CODEC_U32] = read_basic,
	[CODEC_I32] = read_basic,
	[CODEC_BOOL] = read_bool,
	[CODEC_DOUBLE] = read_basic,
	[CODEC_STRING] = read_string,
	[CODEC_PATH] = read_path,
	[CODEC_FD] = read_fd,
	[CODEC_BYTES] = read_fixed,
	[CODEC_STRINGS] = read_strings,
	[CODEC_NUMBERS] = read_fixed,
	[CODEC_FDS] = read_fds,
	[CODEC_STRUCT] = read_struct,
	[CODEC_DICT] = read_dict,
	[CODEC_DICT_REF] = read_dict_ref,
	[CODEC_STRUCTS] = read_rows,
	[CODEC_DICTS] = read_rows,
};

int codec_read_field(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *field, void *owner)
{
	int r = readers[field->kind](rd, it, field, owner);

	if (!r && !is_pointer(field->kind) && field->mark_offset != CODEC_NO_MARK)
		*((char *)owner + field->mark_offset) = 1;
	return r;
}

int codec_read_args(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type, void *args)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		int r = codec_read_field(rd, it, &type->fields[i], args);

		if (r)
			return r;
		wire_next(it);
	}
	return 0;
}

int codec_read_variant(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *field, void *owner)
{
	struct wire_iter sub;
	int r;

	wire_recurse(it, &sub);
	r = wire_has_signature(&sub, field->signature);
	if (r < 0)
		return r;
	if (!r)
		return wire_fail(rd, IPC_E_INVALID_REQUEST, "key '%s' must have type %s",
			field->name, field->signature);
	return codec_read_field(rd, &sub, field, owner);
}

static uint32_t hash(const char *name, uint32_t factor)
{
	uint32_t h = 0;

	while (*name)
		h = (h + (unsigned char)*name++) * factor;
	return h ^ h >> 15;
}

int codec_find(const struct codec_type *type, const char *name)
{
	int i = type->index[hash(name, type->hash_factor) & type->index_mask] - 1;

	return i >= 0 && strcmp(type->fields[i].name, name) == 0 ? i : -1;
}

static int read_entry(struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type,
	void *dict, uint64_t *seen)
{
	const char *key = wire_get_string(it);
	int i = codec_find(type, key), r;

	wire_next(it);
	if (i < 0)
		return rd->strict
			? wire_fail(rd, IPC_E_INVALID_REQUEST, "unknown key '%.100s'", key)
			: 0;
	if (*seen >> i & 1)
		return rd->strict
			? wire_fail(rd, IPC_E_INVALID_REQUEST, "key '%s' is repeated", key)
			: 0;
	*seen |= UINT64_C(1) << i;
	r = codec_read_variant(rd, it, &type->fields[i], dict);
	if (r == IPC_E_INVALID_REQUEST && type->fields[i].kind == CODEC_STRING &&
		type->fields[i].max)
		return wire_fail(rd, r, "key '%s' must be a string of at most %u bytes", key,
			type->fields[i].max);
	return r;
}

int codec_read_dict(struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type,
	void *dict, uint64_t *ret_seen)
{
	struct wire_iter sub, entry;
	uint64_t seen = 0;

	for (unsigned i = 0; i < type->n_fields; i++) {
		if (type->fields[i].kind == CODEC_FD)
			*(int *)slot_of(&type->fields[i], dict) = -1;
	}
	wire_recurse(it, &sub);
	while (wire_type(&sub) == DBUS_TYPE_DICT_ENTRY) {
		int r;

		wire_recurse(&sub, &entry);
		r = read_entry(rd, &entry, type, dict, &seen);
		if (r)
			return r;
		wire_next(&sub);
	}
	if (ret_seen)
		*ret_seen = seen;
	return 0;
}
