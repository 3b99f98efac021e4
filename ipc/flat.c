/* SPDX-License-Identifier: MIT */
/*
 * The rules of the D-Bus specification, "Marshaling (Wire Format)": values are aligned to their size from the beginning of the
 * bytes, arrays and strings begin with their length in bytes, structs are aligned to 8, a variant carries its signature.
 */
#include "ipc/flat.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

/* Containers in containers, as deep as D-Bus has them. */
#define MAX_DEPTH     64
#define MAX_SIGNATURE 255

/* 0: not a type of ours. */
static size_t align_of(char type)
{
	switch (type) {
	case DBUS_TYPE_BYTE:
	case DBUS_TYPE_VARIANT:
	case DBUS_TYPE_SIGNATURE:
		return 1;
	case DBUS_TYPE_INT16:
	case DBUS_TYPE_UINT16:
		return 2;
	case DBUS_TYPE_BOOLEAN:
	case DBUS_TYPE_INT32:
	case DBUS_TYPE_UINT32:
	case DBUS_TYPE_UNIX_FD:
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
	case DBUS_TYPE_ARRAY:
		return 4;
	case DBUS_TYPE_INT64:
	case DBUS_TYPE_UINT64:
	case DBUS_TYPE_DOUBLE:
	case DBUS_STRUCT_BEGIN_CHAR:
	case DBUS_DICT_ENTRY_BEGIN_CHAR:
		return 8;
	default:
		return 0;
	}
}

static bool is_container(char type)
{
	return type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_VARIANT ||
		type == DBUS_STRUCT_BEGIN_CHAR || type == DBUS_DICT_ENTRY_BEGIN_CHAR;
}

static bool is_text(char type)
{
	return type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH;
}

/* Values whose size says all: what is no text and no container. */
static bool is_fixed(char type)
{
	return align_of(type) && !is_text(type) && !is_container(type) &&
		type != DBUS_TYPE_SIGNATURE;
}

static size_t aligned(size_t at, char type)
{
	size_t align = align_of(type);

	return (at + align - 1) & ~(align - 1);
}

/* ---- writing ---- */

static size_t padding(const struct buf *buf, char type)
{
	return aligned(buf->size_bytes, type) - buf->size_bytes;
}

static int pad(struct buf *buf, char type)
{
	static const char zeros[8];
	size_t n = padding(buf, type);

	return n ? buf_append(buf, zeros, n) : 0;
}

int flat_append(struct buf *buf, int type, const void *value)
{
	size_t n = padding(buf, (char)type), size = align_of((char)type);
	char *to;
	int r = buf_extend(buf, n + size, &to);

	if (r)
		return r;
	memset(to, 0, n);
	memcpy(to + n, value, size);
	return 0;
}

/* Padding, length, text and its NUL; behind it n_more bytes, which *ret is at. */
static int append_text(struct buf *buf, const char *s, size_t n, size_t n_more, char **ret)
{
	size_t n_pad = padding(buf, DBUS_TYPE_STRING);
	uint32_t length = (uint32_t)n;
	char *to;
	int r = n > DBUS_MAXIMUM_MESSAGE_LENGTH
		? -EMSGSIZE
		: buf_extend(buf, n_pad + sizeof(length) + n + 1 + n_more, &to);

	if (r)
		return r;
	memset(to, 0, n_pad);
	memcpy(to + n_pad, &length, sizeof(length));
	memcpy(to + n_pad + sizeof(length), s, n + 1);
	*ret = to + n_pad + sizeof(length) + n + 1;
	return 0;
}

int flat_append_string(struct buf *buf, const char *s, size_t n)
{
	char *end;

	return append_text(buf, s, n, 0, &end);
}

static int append_signature(struct buf *buf, const char *signature)
{
	size_t n = strlen(signature);
	uint8_t length = (uint8_t)n;
	int r = n > MAX_SIGNATURE ? -EMSGSIZE : flat_append(buf, DBUS_TYPE_BYTE, &length);

	return r ? r : buf_append(buf, signature, n + 1);
}

int flat_open(struct buf *buf, int type, const char *signature, struct flat_iter *ret_sub)
{
	static const uint32_t length; /* known when it is closed */
	int r;

	*ret_sub = (struct flat_iter){ .is_array = type == DBUS_TYPE_ARRAY };
	if (type == DBUS_TYPE_VARIANT)
		return append_signature(buf, signature);
	if (type != DBUS_TYPE_ARRAY)
		return pad(buf, DBUS_STRUCT_BEGIN_CHAR);
	r = flat_append(buf, DBUS_TYPE_UINT32, &length);
	ret_sub->at = buf->size_bytes - sizeof(length);
	if (!r)
		r = pad(buf, signature[0]);
	ret_sub->end = buf->size_bytes;
	return r;
}

int flat_open_entry(struct buf *buf, const char *key, const char *signature)
{
	size_t n = strlen(signature);
	char *to;
	int r = n > MAX_SIGNATURE ? -EMSGSIZE : pad(buf, DBUS_DICT_ENTRY_BEGIN_CHAR);

	if (!r)
		r = append_text(buf, key, strlen(key), n + 2, &to);
	if (r)
		return r;
	to[0] = (char)(uint8_t)n;
	memcpy(to + 1, signature, n + 1);
	return 0;
}

int flat_close(struct buf *buf, const struct flat_iter *sub)
{
	size_t n = buf->size_bytes - sub->end;
	uint32_t length = (uint32_t)n;

	if (!sub->is_array)
		return 0;
	if (n > DBUS_MAXIMUM_ARRAY_LENGTH)
		return -EMSGSIZE;
	memcpy(buf->bytes + sub->at, &length, sizeof(length));
	return 0;
}

int flat_append_fixed(struct buf *buf, int type, const void *items, size_t n)
{
	const char signature[] = { (char)type, 0 };
	struct flat_iter sub;
	int r = flat_open(buf, DBUS_TYPE_ARRAY, signature, &sub);

	if (!r)
		r = buf_append(buf, items, n * align_of((char)type));
	return r ? r : flat_close(buf, &sub);
}

/* ---- signatures ---- */

/* One that others wrote: what is known of each container that begins in it, so that no value costs more than its bytes. */
struct shape {
	const char *signature;
	/* elsewhere not written: behind it; the fields of a struct, and where that has a struct only, of that one */
	uint8_t ends[MAX_SIGNATURE + 1], fields[MAX_SIGNATURE + 1];
};

static const char *parse_type(struct shape *shape, const char *s, unsigned depth);

static const char *parse_fields(struct shape *shape, const char *s, unsigned depth)
{
	const char *first = s;

	while (s && *s != DBUS_STRUCT_END_CHAR)
		s = parse_type(shape, s, depth);
	return s && s != first ? s + 1 : NULL;
}

/* Structs in structs have no bytes of their own: those with nothing else beside them are passed at once. */
static const char *parse_struct(struct shape *shape, const char *s, unsigned depth)
{
	const char *end = parse_fields(shape, s + 1, depth);
	size_t at = (size_t)(s - shape->signature), first = at + 1;
	bool is_shell = end && s[1] == DBUS_STRUCT_BEGIN_CHAR &&
		shape->signature + shape->ends[first] + 1 == end;

	if (end)
		shape->fields[at] = is_shell ? shape->fields[first] : (uint8_t)first;
	return end;
}

/* A key, which is no container, and a value. */
static const char *parse_entry(struct shape *shape, const char *s, unsigned depth)
{
	if (!align_of(*s) || is_container(*s))
		return NULL;
	s = parse_type(shape, s + 1, depth);
	return s && *s == DBUS_DICT_ENTRY_END_CHAR ? s + 1 : NULL;
}

static const char *parse_array(struct shape *shape, const char *s, unsigned depth)
{
	const char *end;

	if (*s != DBUS_DICT_ENTRY_BEGIN_CHAR)
		return parse_type(shape, s, depth);
	end = parse_entry(shape, s + 1, depth + 1);
	if (end)
		shape->ends[s - shape->signature] = (uint8_t)(end - shape->signature);
	return end;
}

/* Behind the first complete type; NULL: there is none. A dictionary's entry stands in an array only. */
static const char *parse_type(struct shape *shape, const char *s, unsigned depth)
{
	const char *end;

	if (depth > MAX_DEPTH || !align_of(*s) || *s == DBUS_DICT_ENTRY_BEGIN_CHAR)
		return NULL;
	if (*s == DBUS_TYPE_ARRAY)
		end = parse_array(shape, s + 1, depth + 1);
	else if (*s == DBUS_STRUCT_BEGIN_CHAR)
		end = parse_struct(shape, s, depth + 1);
	else
		return s + 1;
	if (end)
		shape->ends[s - shape->signature] = (uint8_t)(end - shape->signature);
	return end;
}

/* Behind a type that is known to be one: most are a single character. */
static const char *next_type(const char *s)
{
	unsigned open = 0;

	for (;; s++) {
		if (*s == DBUS_TYPE_ARRAY)
			continue;
		if (*s == DBUS_STRUCT_BEGIN_CHAR || *s == DBUS_DICT_ENTRY_BEGIN_CHAR)
			open++;
		else if (*s == DBUS_STRUCT_END_CHAR || *s == DBUS_DICT_ENTRY_END_CHAR)
			open--;
		if (!open)
			return s + 1;
	}
}

/* ---- checking ---- */

struct check {
	const uint8_t *bytes;
	size_t at, size;
	const struct shape *shape;
};

static bool check_value(struct check *c, const char *signature, unsigned depth);

static bool take(struct check *c, size_t n, const uint8_t **ret_bytes)
{
	if (n > c->size - c->at)
		return false;
	*ret_bytes = c->bytes + c->at;
	c->at += n;
	return true;
}

static bool check_pad(struct check *c, char type)
{
	const uint8_t *zeros;
	size_t n = aligned(c->at, type) - c->at;

	if (!take(c, n, &zeros))
		return false;
	for (size_t i = 0; i < n; i++)
		if (zeros[i])
			return false;
	return true;
}

static bool check_u32(struct check *c, uint32_t *ret)
{
	const uint8_t *bytes;

	if (!check_pad(c, DBUS_TYPE_UINT32) || !take(c, sizeof(*ret), &bytes))
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return true;
}

static bool check_text(struct check *c)
{
	const uint8_t *text;
	uint32_t n;

	return check_u32(c, &n) && take(c, (size_t)n + 1, &text) && !text[n] &&
		!memchr(text, 0, n) && utf8_is_valid_bytes((const char *)text, n);
}

static bool check_bool(struct check *c)
{
	uint32_t value;

	return check_u32(c, &value) && value <= 1;
}

/* A signature of its own, which must be ASCII of known types: its characters are looked at when it is read as one. */
static bool check_signature(struct check *c, const char **ret_signature)
{
	const uint8_t *length, *text;

	if (!take(c, 1, &length) || !take(c, (size_t)*length + 1, &text) || text[*length] ||
		memchr(text, 0, *length))
		return false;
	*ret_signature = (const char *)text;
	return true;
}

static bool check_variant(struct check *c, unsigned depth)
{
	const struct shape *outer = c->shape;
	const char *signature, *end;
	struct shape shape;
	bool right;

	if (!check_signature(c, &signature))
		return false;
	if ((is_fixed(*signature) || is_text(*signature)) && !signature[1])
		return check_value(c, signature, depth + 1);
	shape.signature = signature;
	end = parse_type(&shape, signature, 0);
	if (!end || *end)
		return false;
	c->shape = &shape;
	right = check_value(c, signature, depth + 1);
	c->shape = outer;
	return right;
}

static bool check_array(struct check *c, const char *element, unsigned depth)
{
	const uint8_t *items;
	struct check inner;
	uint32_t n;

	if (!check_u32(c, &n) || !check_pad(c, *element) || n > DBUS_MAXIMUM_ARRAY_LENGTH)
		return false;
	inner = (struct check){ c->bytes, c->at, c->at + n, c->shape };
	if (!take(c, n, &items))
		return false;
	if (is_fixed(*element) && *element != DBUS_TYPE_BOOLEAN)
		return n % align_of(*element) == 0;
	while (inner.at < inner.size)
		if (!check_value(&inner, element, depth + 1))
			return false;
	return true;
}

static const char *type_end(const struct check *c, const char *s)
{
	bool is_single = !is_container(*s) || *s == DBUS_TYPE_VARIANT;

	return is_single ? s + 1 : c->shape->signature + c->shape->ends[s - c->shape->signature];
}

static bool check_fields(struct check *c, const char *fields, unsigned depth)
{
	if (!check_pad(c, DBUS_STRUCT_BEGIN_CHAR))
		return false;
	while (*fields != DBUS_STRUCT_END_CHAR && *fields != DBUS_DICT_ENTRY_END_CHAR) {
		if (!check_value(c, fields, depth + 1))
			return false;
		fields = type_end(c, fields);
	}
	return true;
}

static bool check_struct(struct check *c, const char *signature, unsigned depth)
{
	const struct shape *shape = c->shape;
	const char *fields = shape->signature + shape->fields[signature - shape->signature];

	return check_fields(c, fields, depth + (unsigned)(fields - signature) - 1);
}

static bool check_value(struct check *c, const char *signature, unsigned depth)
{
	const uint8_t *value;
	const char *text;

	if (depth > MAX_DEPTH)
		return false;
	switch (*signature) {
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
		return check_text(c);
	case DBUS_TYPE_BOOLEAN:
		return check_bool(c);
	case DBUS_TYPE_SIGNATURE:
		return check_signature(c, &text);
	case DBUS_TYPE_VARIANT:
		return check_variant(c, depth);
	case DBUS_TYPE_ARRAY:
		return check_array(c, signature + 1, depth);
	case DBUS_STRUCT_BEGIN_CHAR:
		return check_struct(c, signature, depth);
	case DBUS_DICT_ENTRY_BEGIN_CHAR:
		return check_fields(c, signature + 1, depth);
	default:
		return check_pad(c, *signature) && take(c, align_of(*signature), &value);
	}
}

bool flat_check(const uint8_t *bytes, size_t size, const char *signature)
{
	struct shape shape = { .signature = signature };
	struct check c = { bytes, 0, size, &shape };
	const char *end;

	for (; *signature; signature = end) {
		end = parse_type(&shape, signature, 0);
		if (!end || !check_value(&c, signature, 0))
			return false;
	}
	return c.at == size;
}

/* ---- reading what was checked ---- */

static size_t u32_at(const struct flat_iter *it, size_t *at)
{
	uint32_t value;

	*at = aligned(*at, DBUS_TYPE_UINT32);
	memcpy(&value, it->bytes + *at, sizeof(value));
	*at += sizeof(value);
	return value;
}

/* Where the elements of the array at the iterator begin and end. */
static size_t array_at(const struct flat_iter *it, size_t *ret_end)
{
	size_t at = it->at, n = u32_at(it, &at);

	at = aligned(at, it->signature[1]);
	*ret_end = at + n;
	return at;
}

void flat_begin(struct flat_iter *it, const uint8_t *bytes, const char *signature)
{
	*it = (struct flat_iter){ .bytes = bytes, .signature = signature };
}

int flat_type(const struct flat_iter *it)
{
	if (it->is_array && it->at >= it->end)
		return DBUS_TYPE_INVALID;
	switch (*it->signature) {
	case DBUS_STRUCT_BEGIN_CHAR:
		return DBUS_TYPE_STRUCT;
	case DBUS_DICT_ENTRY_BEGIN_CHAR:
		return DBUS_TYPE_DICT_ENTRY;
	case DBUS_STRUCT_END_CHAR:
	case DBUS_DICT_ENTRY_END_CHAR:
		return DBUS_TYPE_INVALID;
	default:
		return *it->signature;
	}
}

void flat_recurse(const struct flat_iter *it, struct flat_iter *ret_sub)
{
	struct flat_iter sub = { .bytes = it->bytes, .signature = it->signature + 1 };

	if (*it->signature == DBUS_TYPE_ARRAY) {
		sub.at = array_at(it, &sub.end);
		sub.is_array = true;
	} else if (*it->signature == DBUS_TYPE_VARIANT) {
		sub.signature = (const char *)it->bytes + it->at + 1;
		sub.at = it->at + it->bytes[it->at] + 2u;
	} else {
		sub.at = aligned(it->at, DBUS_STRUCT_BEGIN_CHAR);
	}
	*ret_sub = sub;
}

/* Behind the value and behind its type, too, even in an array: what is in it is gone through once. */
static void pass(struct flat_iter *it)
{
	char type = *it->signature;
	struct flat_iter sub;
	size_t n;

	if (type == DBUS_TYPE_ARRAY) {
		array_at(it, &it->at);
		it->signature = next_type(it->signature);
		return;
	}
	if (is_container(type)) {
		flat_recurse(it, &sub);
		do
			pass(&sub);
		while (type != DBUS_TYPE_VARIANT && flat_type(&sub) != DBUS_TYPE_INVALID);
		it->at = sub.at;
		it->signature = type == DBUS_TYPE_VARIANT ? it->signature + 1 : sub.signature + 1;
		return;
	}
	if (is_text(type)) {
		n = u32_at(it, &it->at);
		it->at += n + 1;
	} else if (type == DBUS_TYPE_SIGNATURE) {
		it->at += it->bytes[it->at] + 2u;
	} else {
		it->at = aligned(it->at, type) + align_of(type);
	}
	it->signature++;
}

void flat_next(struct flat_iter *it)
{
	const char *element = it->signature;

	pass(it);
	if (it->is_array)
		it->signature = element;
}

void flat_get(const struct flat_iter *it, void *ret)
{
	memcpy(ret, it->bytes + aligned(it->at, *it->signature), align_of(*it->signature));
}

const char *flat_string(const struct flat_iter *it)
{
	return (const char *)it->bytes + aligned(it->at, DBUS_TYPE_UINT32) + sizeof(uint32_t);
}

size_t flat_count(const struct flat_iter *it)
{
	struct flat_iter sub;
	size_t n = 0;

	flat_recurse(it, &sub);
	for (; flat_type(&sub) != DBUS_TYPE_INVALID; flat_next(&sub))
		n++;
	return n;
}

const void *flat_fixed(const struct flat_iter *it, size_t *ret_bytes)
{
	size_t end, at = array_at(it, &end);

	*ret_bytes = end - at;
	return it->bytes + at;
}

bool flat_has_signature(const struct flat_iter *it, const char *signature)
{
	size_t n = strlen(signature);
	const char *end = next_type(it->signature);

	return (size_t)(end - it->signature) == n && memcmp(it->signature, signature, n) == 0;
}
